"""The watch over the bytes of a foreign engine: counted where they pass, stopped at the ceiling.

Bytes are counted in the engine's own connections and not at the port, because at the port a neighbour's
download would end the test and be charged to it. What the kernel still holds when a transfer is cut is
asked of the kernel: what came in unread has used the line, and what was handed over but never acknowledged
has not (and is thrown away with its connection).

What may still pass beyond the ceiling: one read or write a stream, and what was on its way at that moment.

Whoever looks after the engine calls `look` every few hundredths of a second. At a phase's end that cuts the
transfers that wait for the network, which can't see by themselves that time is up: on a slow line an upload
would go on for seconds, out of what the kernel had taken in advance.
"""

import math
import threading
from collections.abc import Callable
from typing import Protocol

PORT_OCTETS = 1514 / 1448
"""Bytes that the port counts for each byte of payload: TCP over IPv4 with timestamps, on Ethernet
(facts: measurement.md 1.1, goodput/line = 0.956)."""


class Transfer(Protocol):
    """Something under way that can be cut."""

    def cut(self) -> int:
        """End it at once; how many bytes it had handed over that nobody has acknowledged."""


class Phase:
    """What one direction has carried, in bytes of payload, and what went wrong with its transfers.

    It begins with its first transfer, on the monotonic clock in seconds: whatever an engine prepares before
    that is not the line's time.
    """

    def __init__(self) -> None:
        self.begin_s: float | None = None
        self.end_s = math.inf
        """When it has to end; once it was cut, when that was."""
        self.full = False
        """Whether its bytes ended it."""
        self.was_cut = False
        self.under_way: set[Transfer] = set()
        self.received = 0
        self.sent = 0
        self.unread = 0
        """Came in, but the engine never took it."""
        self.unsent = 0
        """Was handed over, but nobody acknowledged it."""
        self.transfers = 0
        self.broken = 0
        self.first_trouble: Exception | None = None

    @property
    def delivered(self) -> int:
        """Bytes of payload that the other side has acknowledged."""
        return max(0, self.sent - self.unsent)

    @property
    def port_received(self) -> int:
        """Bytes that the port counted inwards for this phase."""
        return round((self.received + self.unread) * PORT_OCTETS)

    @property
    def port_sent(self) -> int:
        """Bytes that the port counted outwards for this phase."""
        return round(self.delivered * PORT_OCTETS)


class Meter:
    """Counts for all threads of an engine, and tells them to stop. `now` gives seconds, monotonic."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._phases = [Phase()]
        self._limit, self._seconds = math.inf, math.inf
        self._started: Callable[[], None] | None = None
        self.stopped = False

    @property
    def phase(self) -> Phase:
        """The phase under way."""
        return self._phases[-1]

    @property
    def port_received(self) -> int:
        """Bytes of the port inwards, all phases together."""
        return sum(phase.port_received for phase in self._phases)

    @property
    def port_sent(self) -> int:
        """Bytes of the port outwards, all phases together."""
        return sum(phase.port_sent for phase in self._phases)

    def begin(self, *, max_bytes: float, seconds: float, started: Callable[[], None]) -> Phase:
        """A new phase, which ends when all phases together come to `max_bytes` of the port, or by time.

        Its `seconds` begin with its first transfer, when `started` is called.
        """
        with self._lock:
            self._phases.append(Phase())
            self._limit, self._seconds, self._started = max_bytes, seconds, started
            return self.phase

    def stop(self) -> None:
        """End this phase and every later one."""
        self.stopped = True

    def over(self) -> bool:
        """Whether whoever transfers has to stop."""
        return self.stopped or self.phase.full or self._now() >= self.phase.end_s

    def isSet(self) -> bool:  # noqa: N802 - as speedtest-cli asks its shutdown event
        """Whether whoever transfers has to stop."""
        return self.over()

    def look(self) -> None:
        """Cut what is under way, if the phase is over; once a phase."""
        with self._lock:
            phase = self.phase
            if phase.was_cut or not self.over():
                return
            phase.was_cut = True
            phase.end_s = self._now()
            for transfer in phase.under_way:
                phase.unsent += transfer.cut()

    def enter(self, transfer: Transfer) -> Phase:
        """`transfer` is under way, and from now on can be cut; gives the phase, for `leave`."""
        with self._lock:
            self.phase.under_way.add(transfer)
            return self.phase

    def leave(self, transfer: Transfer, phase: Phase) -> bool:
        """`transfer` is at its end; whether it came there without being cut."""
        with self._lock:
            phase.under_way.discard(transfer)
            return not phase.was_cut

    def began(self) -> None:
        """A transfer begins."""
        with self._lock:
            self.phase.transfers += 1
            if self.phase.begin_s is None:
                self.phase.begin_s = self._now()
                self.phase.end_s = self.phase.begin_s + self._seconds
                if self._started:
                    self._started()

    def broke(self, trouble: Exception) -> None:
        """A transfer failed by itself; what fails when all have to stop is nobody's fault."""
        with self._lock:
            if not self.over():
                self.phase.broken += 1
                self.phase.first_trouble = self.phase.first_trouble or trouble

    def count(self, *, received: int = 0, sent: int = 0, unread: int = 0, unsent: int = 0) -> None:
        """Payload has passed; or a transfer was cut with this much of it in the kernel's hands."""
        with self._lock:
            self.phase.received += received
            self.phase.sent += sent
            self.phase.unread += unread
            self.phase.unsent += unsent
            if not self.phase.full and self.port_received + self.port_sent >= self._limit:
                self.phase.full = True
