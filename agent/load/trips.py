"""Round trips of a line, idle and under load, as one end sees them over a loop. Times are milliseconds.

The loaded ones are foreign probes: each opens a connection of its own beside the streams that load the line,
and asks for an echo on it. That is one half of the responsiveness of draft-ietf-ippm-responsiveness-08, and
the formula is its, for TCP alone. Ours lasts seconds where the draft's lasts until it is stable, has at most
ten probes a second, and none on the loaded connections themselves, which HTTP/1.1 can't: hence `rpm_short`.
"""

import contextlib
import random
import socket
from collections.abc import Sequence
from functools import partial

from agent.load import protocol
from agent.load.loop import Loop
from agent.load.session import Session
from agent.load.talk import Head, Talk
from agent.machine.trouble import SilentError
from firstbell.stats import nearest_rank

ECHOES = 20
PAUSE_S = 0.05
"""Between two echoes, on average: Poisson's rhythm falls in step with nothing."""
ANSWER_S = 5.0
PACKETS = 100
_PACKET_PAUSE_S = 0.01
_PACKET_S = 0.5
"""How long the last small packet may take beyond the longest round trip."""
PROBE_S = 0.1
MOST_PROBES = 10
"""At once: where each takes longer than a second, more of them would only be load."""
_BEST = 0.95


def idle(session: Session, loop: Loop, dice: random.Random) -> list[float]:
    """Round trips of the idle line, on the session's own connection. Raises NetworkError."""
    found: list[float] = []
    waits_s = [dice.expovariate(1 / PAUSE_S) for _ in range(ECHOES)]
    for number in range(ECHOES):
        loop.later(sum(waits_s[:number]), lambda: session.echo(lambda seconds: found.append(1000 * seconds)))
    if not session.wait(lambda: len(found) == ECHOES, sum(waits_s) + ANSWER_S):
        raise SilentError("no answer in time")
    return found


class Packets:
    """Small UDP packets, sent over a second from now on; those that come back are counted."""

    def __init__(self, session: Session, loop: Loop) -> None:
        self._loop = loop
        self._name = session.opened.session.encode("ascii", "replace")
        self._back: set[bytes] = set()
        self.is_over = False
        self._sock = socket.socket(session.place.family, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        with contextlib.suppress(OSError):
            self._sock.connect((session.place.address, session.place.port))
        loop.reads(self._sock, self._ready)
        for number in range(PACKETS):
            loop.later(number * _PACKET_PAUSE_S, partial(self._send, number))

    def end(self, longest_ms: float) -> float | None:
        """Wait for those that are still on their way: the share lost; None if none came back at all."""
        sent_all_s = PACKETS * _PACKET_PAUSE_S
        self._loop.until(lambda: len(self._back) == PACKETS, sent_all_s + longest_ms / 1000 + _PACKET_S)
        self.close()
        return 100 * (PACKETS - len(self._back)) / PACKETS if self._back else None

    def close(self) -> None:
        """No more of them."""
        self.is_over = True
        self._loop.forget(self._sock)
        self._sock.close()

    def _send(self, number: int) -> None:
        if not self.is_over:
            with contextlib.suppress(OSError):  # nobody there says so by ICMP
                self._sock.send(self._name + number.to_bytes(protocol.UDP_NUMBER_BYTES, "big"))

    def _ready(self) -> None:
        with contextlib.suppress(OSError):
            packet = self._sock.recv(2048)
            if packet.startswith(self._name):
                self._back.add(packet[len(self._name) :])


class Probes:
    """Foreign probes, ten a second from `begin` to `close`."""

    def __init__(self, session: Session, loop: Loop) -> None:
        self._session, self._loop = session, loop
        self._talks: set[Talk] = set()
        self.connects: list[float] = []
        self.echoes: list[float] = []
        self._over = False

    def begin(self) -> None:
        """From now on."""
        self._probe()

    @property
    def trips(self) -> list[float]:
        """All round trips."""
        return self.connects + self.echoes

    def close(self) -> None:
        """No more of them; what is under way is dropped."""
        self._over = True
        for talk in self._talks:
            talk.close()
        self._talks.clear()

    def _probe(self) -> None:
        if self._over:
            return
        self._loop.later(PROBE_S, self._probe)
        if len(self._talks) >= MOST_PROBES:
            return
        began_s = self._loop.now()

        def opened() -> None:
            self.connects.append(1000 * (self._loop.now() - began_s))
            asked_s = self._loop.now()

            def heard(_head: Head, _body: bytes) -> None:
                self.echoes.append(1000 * (self._loop.now() - asked_s))
                over()

            talk.ask("GET", protocol.ECHO, heard, self._session.line)

        def over(_error: Exception | None = None) -> None:
            self._talks.discard(talk)
            talk.close()

        talk = Talk(self._loop, self._session.place, opened, over)
        self._talks.add(talk)


def responsiveness(connects: Sequence[float], echoes: Sequence[float]) -> float | None:
    """Round trips a minute: 60000 / ((TM(tcp) + TM(http)) / 2); None if nothing came back."""
    if not connects or not echoes:
        return None
    return 60_000 / max(1e-3, (trimmed_mean(connects) + trimmed_mean(echoes)) / 2)


def trimmed_mean(values: Sequence[float]) -> float:
    """The mean of the best 95 % (at least one)."""
    best = sorted(values)[: max(1, int(_BEST * len(values)))]
    return sum(best) / len(best)


def bloat(loaded: Sequence[float], idle_ms: Sequence[float]) -> float | None:
    """The loaded 95th percentile less the idle median; None if nothing came back."""
    if not loaded or not idle_ms:
        return None
    return max(0.0, nearest_rank(loaded, 0.95) - nearest_rank(idle_ms, 0.5))
