"""MQTT over a real broker: acknowledged only when settled, and only on the connection that brought it."""

import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from collector.intake import Intake, Pending
from collector.mqtt import Address, Link, Taker
from collector.store.writer import Writer
from firstbell import wire
from firstbell.wire import Answer, State
from tests.collector.workbench import (
    BOX,
    EPOCH,
    NOW_NS,
    Bench,
    Mosquitto,
    StillClock,
    answer_of,
    batch,
    reports,
    wait_until,
)


class Box:
    """What a box does on MQTT, and no more: it publishes, and hears its answers."""

    def __init__(self, port: int, name: str = BOX) -> None:
        self.name = name
        self.answers: list[Answer] = []
        self._listening = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name)
        self._client.on_connect = lambda client, *_: client.subscribe(wire.topic(name, "answer"), 1)
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_message = lambda _client, _data, message: self._hear(message)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._listening.wait(20)

    def _hear(self, message: MQTTMessage) -> None:
        self.answers.append(wire.read_answer(bytes(message.payload)))

    def publish(self, payload: bytes, verb: str = "report", *, retain: bool = False) -> None:
        """Publish on one of the box's topics, and wait for the broker's word that it has it."""
        self._client.publish(wire.topic(self.name, verb), payload, qos=1, retain=retain).wait_for_publish(20)

    def send(self, first: int, count: int) -> str:
        """Publish a good batch; its digest."""
        digest, payload = batch(first, reports(first, count), agent=self.name)
        self.publish(payload)
        return digest

    def answer(self, digest: str) -> Answer:
        """The answer to a batch, once it is there."""
        wait_until(lambda: any(answer.digest == digest for answer in self.answers), "an answer")
        return next(answer for answer in self.answers if answer.digest == digest)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


class HoldBack:
    """Takes messages and settles none until the test does it."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, Pending]] = []

    def take(self, agent: str, payload: bytes, now_ns: int) -> Pending:  # noqa: ARG002 - as the Protocol has it
        """Keep it pending."""
        pending = Pending()
        self.taken.append((agent, payload, pending))
        return pending

    @property
    def payloads(self) -> list[bytes]:
        """What was taken so far, in order."""
        return [payload for _, payload, _ in self.taken]


@contextmanager
def linked(port: int, taker: Taker) -> Iterator[Link]:
    """A link that hears the boxes."""
    link = Link(Address("127.0.0.1", port), taker, StillClock(), "journal-1")
    link.start()
    try:
        wait_until(lambda: link.connected, "the link is connected")
        yield link
    finally:
        link.stop()


@contextmanager
def box_at(port: int) -> Iterator[Box]:
    """A box that is connected."""
    box = Box(port)
    try:
        yield box
    finally:
        box.close()


def abandon(link: Link) -> None:
    """Cut the line as a crash would: nothing more is said on it."""
    sock = link._client.socket()
    assert isinstance(sock, socket.socket)
    sock.shutdown(socket.SHUT_RDWR)


def test_a_batch_is_held_and_its_box_hears_of_it(mosquitto: Mosquitto, bench: Bench) -> None:
    """From the topic to the journal and back: digest, range, name of the journal."""
    with linked(mosquitto.port, bench.intake) as link, box_at(mosquitto.port) as box:
        answer = box.answer(box.send(1, 20))
        assert answer == Answer(
            journal=bench.journal.id, now_ns=NOW_NS, digest=batch(1, reports(1, 20))[0], held=((1, 20),)
        )
        assert bench.held() == [(EPOCH, n) for n in range(1, 21)]
        wait_until(lambda: (link.received, link.acknowledged, link.answered) == (1, 1, 1))


def test_what_was_not_settled_comes_again(mosquitto: Mosquitto) -> None:
    """A collector that goes down with messages it never settled gets them all from the broker again."""
    first = HoldBack()
    with box_at(mosquitto.port) as box, linked(mosquitto.port, first):
        sent = [batch(n, reports(n, 1))[1] for n in range(1, 6)]
        for payload in sent:
            box.publish(payload)
        wait_until(lambda: len(first.taken) == 5)
    again = HoldBack()
    with linked(mosquitto.port, again):
        wait_until(lambda: len(again.taken) == 5)
    assert again.payloads == sent


def test_what_was_settled_does_not_come_again(mosquitto: Mosquitto) -> None:
    """Held, refused or garbage: once it is settled the broker may forget it, so that no slot is lost for ever."""
    taker = HoldBack()
    with box_at(mosquitto.port) as box, linked(mosquitto.port, taker) as link:
        for payload in (b"held", b"refused", b"garbage"):
            box.publish(payload)
        wait_until(lambda: len(taker.taken) == 3)
        for answer, (_, _, pending) in zip(
            (Answer(journal="j", now_ns=1), None, None), taker.taken, strict=True
        ):
            pending.settle(answer)
        wait_until(lambda: link.acknowledged == 3)
        # The answer travels behind the acknowledgements on one line: where it is heard, they were.
        wait_until(lambda: bool(box.answers))
        box.publish(b"not settled")
        wait_until(lambda: len(taker.taken) == 4)
    again = HoldBack()
    with linked(mosquitto.port, again):
        wait_until(lambda: bool(again.taken))
    assert again.payloads == [b"not settled"]


def test_an_old_message_never_acknowledges_a_new_one(mosquitto: Mosquitto) -> None:
    """The broker dies and forgets; packet numbers start again; late settlements touch none of the new five."""
    taker = HoldBack()
    with linked(mosquitto.port, taker) as link:
        with box_at(mosquitto.port) as box:
            for number in range(5):
                box.publish(b"old %d" % number)
            wait_until(lambda: len(taker.taken) == 5)
        mosquitto.kill()
        wait_until(lambda: not link.connected, "the link notices")
        mosquitto.start()
        wait_until(lambda: link.connected, "the link is back")
        new = [b"new %d" % number for number in range(5)]
        with box_at(mosquitto.port) as box:
            for payload in new:
                box.publish(payload)
            wait_until(lambda: len(taker.taken) == 10)
        for _, _, pending in taker.taken[:5]:
            pending.settle(None)
        assert link.outlived == 5
        assert link.acknowledged == 0
    again = HoldBack()
    with linked(mosquitto.port, again):
        wait_until(lambda: len(again.taken) == 5, "all new ones come again")
    assert again.payloads == new


def test_a_line_that_breaks_and_returns_loses_nothing(mosquitto: Mosquitto, bench: Bench) -> None:
    """Cut in mid work, again and again: every batch that the broker took is held in the end, once."""
    with linked(mosquitto.port, bench.intake) as link, box_at(mosquitto.port) as box:
        for first in range(1, 200, 10):
            box.send(first, 10)
            if first % 100 == 1:
                abandon(link)
                wait_until(lambda: not link.connected)
                wait_until(lambda: link.connected)
        wait_until(lambda: len(bench.held()) == 200)
    assert [seq for _, seq in bench.held()] == list(range(1, 201))


def test_the_same_again_is_answered_again(mosquitto: Mosquitto, bench: Bench) -> None:
    """A box that missed its answer sends once more, and hears that it is held."""
    with linked(mosquitto.port, bench.intake), box_at(mosquitto.port) as box:
        digest = box.send(1, 3)
        box.answer(digest)
        box.send(1, 3)
        wait_until(lambda: [answer.held for answer in box.answers] == [((1, 3),), ((1, 3),)])
    assert len(bench.held()) == 3


def test_nothing_is_given_to_paho_while_offline(mosquitto: Mosquitto) -> None:
    """An answer that is settled while the broker is away is left unsaid; the box will ask again."""
    taker = HoldBack()
    with linked(mosquitto.port, taker) as link:
        with box_at(mosquitto.port) as box:
            box.publish(b"one")
            wait_until(lambda: len(taker.taken) == 1)
        mosquitto.kill()
        wait_until(lambda: not link.connected)
        taker.taken[0][2].settle(Answer(journal="j", now_ns=1))
        assert (link.answered, link.unsaid, link.outlived) == (0, 1, 1)


def test_a_box_that_asks_for_the_time_hears_it(mosquitto: Mosquitto) -> None:
    """The nonce in its state comes back with the collector's time; a state that asks nothing gets nothing."""
    with linked(mosquitto.port, HoldBack()), box_at(mosquitto.port) as box:
        box.publish(wire.encode(State(alive=True)), "state", retain=True)
        box.publish(b"no state", "state", retain=True)
        box.publish(wire.encode(State(alive=True, nonce="n" * 65)), "state", retain=True)
        box.publish(wire.encode(State(alive=True, nonce="n1")), "state", retain=True)
        wait_until(lambda: bool(box.answers))
        assert box.answers == [Answer(journal="journal-1", now_ns=NOW_NS, nonce="n1")]


_HUGE = """
import sys
from paho.mqtt import publish
publish.single(f"firstbell/v1/{sys.argv[2]}/report", bytes(30_000_000), 1, port=int(sys.argv[1]))
"""


def test_a_huge_message_is_read_past_in_bounded_memory(
    mosquitto: Mosquitto, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 30 MB a quarter of one is kept at most; it is acknowledged, counted, said once, not answered.

    What the box sends after it is taken as ever, and the largest message that a box may send is not cut.
    """
    with linked(mosquitto.port, bench.intake) as link, box_at(mosquitto.port) as box:
        tracemalloc.start()
        for _ in range(2):
            subprocess.run([sys.executable, "-c", _HUGE, str(mosquitto.port), box.name], check=True)
        wait_until(lambda: link.acknowledged == link.oversized == 2)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert box.answer(box.send(1, 5)).held == ((1, 5),)
        box.publish(b"x" * (wire.WIRE_BYTES + wire.ENVELOPE_BYTES))
        wait_until(lambda: len(bench.reads.quarantined()) == 1)
        assert link.oversized == 2
    assert len(box.answers) == 1
    assert caplog.text.count("read past, not answered") == 1
    assert most < 5_000_000


def test_topics_of_nobody_well_named_are_taken_for_nobody(mosquitto: Mosquitto) -> None:
    """What comes under a name that no box can have is taken with none, so that it is set aside."""
    taker = HoldBack()
    with linked(mosquitto.port, taker):
        strange = Client(CallbackAPIVersion.VERSION2)
        strange.connect("127.0.0.1", mosquitto.port)
        strange.loop_start()
        for name in ("Bad Name", "x" * 60, "a", "ä-b-c"):
            strange.publish(f"firstbell/v1/{name}/report", b"x", qos=1).wait_for_publish(20)
            strange.publish(f"firstbell/v1/{name}/state", b"x", qos=1).wait_for_publish(20)
        wait_until(lambda: len(taker.taken) == 8)
        strange.disconnect()
        strange.loop_stop()
    assert {agent for agent, _, _ in taker.taken} == {""}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_network_thread_is_replaced(
    mosquitto: Mosquitto, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Paho's thread dies of an exception and says nothing; the link notices, and loses no message."""
    with linked(mosquitto.port, bench.intake) as link, box_at(mosquitto.port) as box:
        old = link._client
        thread = old._thread
        assert thread is not None

        def fatal(*_: object) -> None:
            raise ValueError("nobody caught this")

        old.on_message = fatal
        digest = box.send(1, 2)
        thread.join(20)
        assert not thread.is_alive()
        assert box.answer(digest).held == ((1, 2),)
        assert link.rebuilt == 1
        assert link.connected
        assert "a new client takes over" in caplog.text


def test_a_taker_that_fails_ends_nothing(mosquitto: Mosquitto) -> None:
    """An exception in taking is logged, the message acknowledged, and the next one taken."""

    class Fails(HoldBack):
        def take(self, agent: str, payload: bytes, now_ns: int) -> Pending:
            if not self.taken:
                self.taken.append((agent, payload, Pending()))
                raise ValueError("nobody thought of this")
            return super().take(agent, payload, now_ns)

    taker = Fails()
    with linked(mosquitto.port, taker) as link, box_at(mosquitto.port) as box:
        box.publish(b"one")
        box.publish(b"two")
        wait_until(lambda: len(taker.taken) == 2)
        assert link.acknowledged == 1
        assert link.rebuilt == 0


def test_a_listener_is_acknowledged_once_even_if_its_answer_fails(mosquitto: Mosquitto) -> None:
    """A number that was acknowledged may be a new message's already: a second time must not happen."""

    class AtOnce(HoldBack):
        def take(self, agent: str, payload: bytes, now_ns: int) -> Pending:
            pending = super().take(agent, payload, now_ns)
            pending.settle(Answer(journal="j", now_ns=1, digest="\ud800"))  # can't be encoded
            return pending

    taker = AtOnce()
    with linked(mosquitto.port, taker) as link, box_at(mosquitto.port) as box:
        box.publish(b"one")
        wait_until(lambda: link.acknowledged == 1)
        box.publish(b"two")
        wait_until(lambda: len(taker.taken) == 2)
        wait_until(lambda: link.acknowledged == 2)


def test_with_a_full_queue_nothing_more_is_taken_from_the_broker(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """A stuck disk reaches back to the broker, not into memory; freed, all of it arrives."""
    (tmp_path / "small").mkdir()
    bench = Bench(tmp_path / "small", waiting_reports=30)
    blocker = bench.journal.writer()
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with linked(mosquitto.port, bench.intake) as link, box_at(mosquitto.port) as box:
            digests = [box.send(first, 10) for first in range(1, 201, 10)]
            # up to 30 with the writer, 30 waiting, 10 in the hand of the thread that can't put them down
            wait_until(lambda: bench.writer.depth == 30)
            assert link.received <= 7
            blocker.execute("ROLLBACK")
            for digest in digests:
                box.answer(digest)
            assert link.received == 20
    finally:
        blocker.close()
        bench.close()
    assert len(bench.held()) == 200


def test_stopping_does_not_wait_for_a_hanging_disk(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link ends in bounded time although its thread can't put down what it took."""
    monkeypatch.setattr("collector.mqtt._STOP_S", 0.1)
    bench = Bench(tmp_path, waiting_reports=10)
    blocker = bench.journal.writer()
    blocker.execute("BEGIN IMMEDIATE")
    with linked(mosquitto.port, bench.intake) as link, box_at(mosquitto.port) as box:
        for first in range(1, 101, 10):
            box.send(first, 10)
        wait_until(lambda: bench.writer.depth == 10)
    assert not link.connected
    blocker.execute("ROLLBACK")
    blocker.close()
    bench.close()


def test_a_refused_login_is_told_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong password leaves the link unconnected and says so, without ending it."""
    broker = Mosquitto(tmp_path)
    config = tmp_path / "mosquitto.conf"
    config.write_text(config.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.start()
    link = Link(Address("127.0.0.1", broker.port, "collector", "wrong"), HoldBack(), StillClock(), "j")
    try:
        link.start()
        wait_until(lambda: "the broker refused the collector" in caplog.text)
        assert not link.connected
    finally:
        link.stop()
        broker.kill()


def refuse_all(listener: socket.socket) -> None:
    """A broker in four lines: it takes anybody in (CONNACK 0) and lets nothing be heard (SUBACK 0x80)."""
    with listener.accept()[0] as line:
        line.recv(1024)
        line.sendall(b"\x20\x02\x00\x00")
        subscribe = line.recv(1024)
        line.sendall(b"\x90\x04" + subscribe[2:4] + b"\x80\x80")
        line.recv(1024)


def test_a_broker_that_lets_nothing_be_heard_is_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    """Connected without a right to read is told, and is not called connected."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        broker = threading.Thread(target=refuse_all, args=(listener,))
        broker.start()
        link = Link(Address("127.0.0.1", listener.getsockname()[1]), HoldBack(), StillClock(), "j")
        link.start()
        wait_until(lambda: "hear nothing" in caplog.text or link.connected)
        assert not link.connected
        link.stop()
        broker.join()


def test_a_settlement_from_many_threads_counts_each_once(mosquitto: Mosquitto) -> None:
    """Forty messages settled at once by eight threads: forty acknowledgements."""
    taker = HoldBack()
    with linked(mosquitto.port, taker) as link, box_at(mosquitto.port) as box:
        for number in range(16):
            box.publish(b"%d" % number)
        wait_until(lambda: len(taker.taken) == 16)

        def settle(mine: Sequence[tuple[str, bytes, Pending]]) -> None:
            for _, _, pending in mine:
                pending.settle(Answer(journal="j", now_ns=1))

        threads = [threading.Thread(target=settle, args=(taker.taken[part::8],)) for part in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: len(box.answers) == 16)
        assert link.acknowledged == 16


def test_a_real_collector_is_started_and_stopped(mosquitto: Mosquitto, bench: Bench) -> None:
    """Writer, intake and link put together by hand, as the program does: one report through, and an end."""
    writer = Writer(bench.journal, bench.clock)
    writer.start()
    intake = Intake(writer, bench.clock, bench.journal.id)
    with linked(mosquitto.port, intake), box_at(mosquitto.port) as box:
        assert box.answer(box.send(1, 1)).held == ((1, 1),)
    writer.stop(10)
    assert not writer.alive
    late = answer_of(intake.take(BOX, batch(2, reports(2, 1))[1], NOW_NS))
    assert late is not None
    assert late.later
