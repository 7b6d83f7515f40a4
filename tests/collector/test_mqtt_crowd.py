"""A broker that has thousands of messages for the collector at once, as when all boxes come back together."""

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from collector import mqtt
from collector.clock import SystemClock
from collector.intake import Pending
from firstbell import wire
from firstbell.wire import Answer
from tests.collector.workbench import BOX, wait_until
from tests.support.web import serving

WELCOME = bytes([0x20, 2, 0, 0])
PUBLISH = 0x30
PUBACK = 0x40
SUBSCRIBE = 0x80
TOPIC = wire.topic(BOX, "report").encode()


def message(number: int) -> bytes:
    """A PUBLISH with QoS 1."""
    rest = len(TOPIC).to_bytes(2, "big") + TOPIC + number.to_bytes(2, "big") + b"report"
    return bytes([0x32, len(rest)]) + rest


class Crowd:
    """A broker for one collector, which plays `act` to each connection once that has subscribed.

    It acknowledges nothing: no answer, no ping. It counts what the collector acknowledged and answered.
    """

    def __init__(self, act: Callable[[socket.socket, bytes], None]) -> None:
        self.connections = self.acknowledged = self.answered = 0
        self._act = act

    def answer(self, connection: socket.socket) -> None:
        """One connection."""
        self.connections += 1
        said = connection.makefile("rb")
        while head := said.read(1):
            rest = said.read(_length(said.read))
            if head[0] & 0xF0 == 0x10:
                connection.sendall(WELCOME)
            elif head[0] & 0xF0 == SUBSCRIBE:
                suback = bytes([0x90, 5, *rest[:2], 1, 1, 1])
                threading.Thread(target=self._play, args=(connection, suback), daemon=True).start()
            elif head[0] & 0xF0 == PUBACK:
                self.acknowledged += 1
            elif head[0] & 0xF0 == PUBLISH:
                self.answered += 1

    def _play(self, connection: socket.socket, suback: bytes) -> None:
        with suppress(OSError):
            self._act(connection, suback)


def _length(read: Callable[[int], bytes]) -> int:
    length = shift = 0
    while True:
        byte = read(1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return length


class Slow:
    """A taker that needs its time for each message, and then holds it at once.

    `late` says how many messages it had taken, each time, beyond those that the broker knew of.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.taken = 0
        self.late: list[int] = []
        self.crowd: Crowd | None = None

    def take(self, agent: str, payload: bytes, now_ns: int) -> Pending:  # noqa: ARG002
        """Take it, slowly."""
        time.sleep(self.seconds)
        self.taken += 1
        assert self.crowd
        self.late.append(self.taken - self.crowd.acknowledged)
        pending = Pending()
        pending.settle(Answer(journal="journal-1", now_ns=now_ns, digest=f"{self.taken}"))
        return pending


@contextmanager
def linked(crowd: Crowd, taker: Slow) -> Iterator[mqtt.Link]:
    """A collector's link to that broker."""
    taker.crowd = crowd
    with serving(crowd.answer) as port:
        link = mqtt.Link(mqtt.Address("127.0.0.1", port), taker, SystemClock(), "journal-1")
        link.start()
        try:
            yield link
        finally:
            link.stop()


def test_acknowledgements_go_out_while_messages_come_in() -> None:
    """However many answers wait: else nothing is said for as long as messages come, and the broker hangs up."""

    def act(connection: socket.socket, suback: bytes) -> None:
        connection.sendall(suback + b"".join(message(number) for number in range(1, 201)))

    taker = Slow(0.004)
    with linked(Crowd(act), taker):
        wait_until(lambda: taker.taken == 200, "all messages are taken")
    assert statistics.median(taker.late) < 10


def test_no_answer_waits_for_the_acknowledgement_of_another() -> None:
    """That stands on the line behind all messages that the broker has sent: answers would come to a halt."""

    def act(connection: socket.socket, suback: bytes) -> None:
        connection.sendall(suback + b"".join(message(number) for number in range(1, 501)))

    crowd = Crowd(act)
    with linked(crowd, Slow(0.0)):
        wait_until(lambda: crowd.answered == 500, "all messages are answered")


def test_what_comes_before_the_collector_may_hear_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker first brings what was never acknowledged: as long as something comes, it is not left."""
    monkeypatch.setattr(mqtt, "_DEAF_S", 0.6)
    monkeypatch.setattr(mqtt, "_LOOK_EVERY_S", 0.05)

    def act(connection: socket.socket, suback: bytes) -> None:
        for number in range(1, 9):
            connection.sendall(message(number))
            time.sleep(0.2)
        connection.sendall(suback)

    crowd = Crowd(act)
    with linked(crowd, Slow(0.0)) as link:
        wait_until(lambda: link.connected, "the collector may hear")
        assert crowd.connections == 1
