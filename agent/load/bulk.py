"""One direction over blocking connections, a thread each, as a flow decides: for servers of others.

Such a server mostly does not say what it has received; what it has acknowledged this side's kernel knows.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import NamedTuple

from agent.load.flow import Figures, Flow, Step, Why
from agent.load.meter import Phase
from agent.load.surroundings import Surroundings, Way
from agent.machine import tcpinfo
from agent.machine.trouble import NetworkError, SilentError

TICK_S = 0.05
STALL_S = 5.0
ENDS_S = 3.0
"""How long a cut connection's thread may take to see it."""


class Stream:
    """One connection and what it has carried, in bytes of payload; `full` says whether all have enough."""

    def __init__(self, full: Callable[[], bool]) -> None:
        self.received = self.sent = 0
        self.over = threading.Event()
        self._full = full
        self._sock: socket.socket | None = None
        self._unacked = 0

    def use(self, sock: socket.socket) -> None:
        """`sock` is what it runs over. Raises SilentError if it has been cut meanwhile."""
        self._sock = sock
        if self.over.is_set():
            raise SilentError("the test was over")

    def count(self, *, received: int = 0, sent: int = 0) -> None:
        """So much more has passed. At the ceiling no stream waits to be told: gigabits pass in between."""
        self.received += received
        self.sent += sent
        if self._full():
            self.over.set()

    @property
    def acked(self) -> int:
        """What the other side has acknowledged."""
        if self._sock is not None and (waiting := tcpinfo.unacked(self._sock)) is not None:
            self._unacked = waiting
        return max(0, self.sent - self._unacked)

    def cut(self) -> None:
        """End it at once."""
        self.over.set()
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)


class Carried(NamedTuple):
    """What came of a direction; `figures` None and a `trouble` where nothing did."""

    figures: Figures | None
    trouble: NetworkError | None
    stopped_by: Why | None
    streams: int
    payload: int
    seconds: float
    faltered: bool
    capped: bool


Work = Callable[[Stream], None]
"""Runs one connection until its stream is over; raises NetworkError."""


class Bulk:
    """One direction, to be run once.

    `count` says what the receiver has and at which second of its clock, where somebody else knows.
    """

    def __init__(
        self,
        now: Callable[[], float],
        flow: Flow,
        around: Surroundings,
        way: Way,
        work: Work,
        most_bytes: float,
        count: Callable[[], tuple[float, float]] | None = None,
    ) -> None:
        self._now, self._flow, self._around, self._way, self._work = now, flow, around, way, work
        self._most_bytes = most_bytes
        self._count = count or (lambda: (self._now(), self._payload()))
        self._streams: list[Stream] = []
        self._threads: list[threading.Thread] = []
        self._trouble: NetworkError | None = None
        self._broken = 0
        self._moved = (0.0, -1)

    def run(self) -> Carried:
        """Load the line until the flow says that it is done, or nothing moves any more."""
        self._around.begin()
        began_s = self._now()
        self._moved = (began_s, 0)
        try:
            self._open()
            while not self._tick(began_s):
                threading.Event().wait(TICK_S)
        finally:
            payload, seconds = self._payload(), self._now() - began_s
            self._around.end(self._way, self._phase(payload))
            self._close()
        figures = self._flow.figures()
        return Carried(
            figures=figures,
            trouble=None if figures else self._trouble or SilentError("not one byte was carried"),
            stopped_by=self._flow.stopped_by,
            streams=len(self._streams),
            payload=payload,
            seconds=seconds,
            faltered=bool(self._broken and figures),
            capped=self._flow.capped,
        )

    def _tick(self, began_s: float) -> bool:
        """Look at what was carried; whether it is over."""
        at_s, received = self._count()
        payload = self._payload()
        if payload > self._moved[1]:
            self._moved = (self._now(), payload)
        if received or at_s:
            step = self._flow.look(at_s, received)
            if step is Step.ADD:
                self._open()
        stuck = self._now() - self._moved[0] > STALL_S
        dead = not any(thread.is_alive() for thread in self._threads)
        if stuck or dead:
            self._flow.stop()
        return self._flow.spend(self._now() - began_s, payload)

    def _open(self) -> None:
        while len(self._streams) < self._flow.streams:
            stream = Stream(self._is_full)
            self._streams.append(stream)
            thread = threading.Thread(target=self._guarded, args=(stream,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _guarded(self, stream: Stream) -> None:
        try:
            self._work(stream)
        except NetworkError as trouble:
            if not stream.over.is_set():
                self._broken += 1
                self._trouble = self._trouble or trouble

    def _is_full(self) -> bool:
        return sum(one.received + one.sent for one in self._streams) >= self._most_bytes

    def _payload(self) -> int:
        down = self._way == "download"
        return sum(stream.received if down else stream.acked for stream in self._streams)

    def _phase(self, payload: int) -> Phase:
        phase = Phase()
        if self._way == "download":
            phase.received = payload
        else:
            phase.sent = payload
        return phase

    def _close(self) -> None:
        for stream in self._streams:
            stream.cut()
        end_s = self._now() + ENDS_S
        for thread in self._threads:
            thread.join(max(0.0, end_s - self._now()))
