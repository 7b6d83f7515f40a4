"""The line over a real mosquitto: it comes back by itself, and nothing that arrives ends it."""

import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.machine.clock import SystemClock
from agent.spool import Spool
from agent.uplink.mqtt import REBUILD_S, STUCK_S, Broker, MqttLine
from agent.uplink.progress import Progress
from agent.uplink.sender import Sender
from firstbell import wire
from firstbell.report import Draft, Status
from firstbell.wire import Answer
from tests.support.clocks import HandClock
from tests.support.lines import AGENT
from tests.support.mosquitto import FarEnd, Mosquitto, mosquitto, wait_until
from tests.support.spools import BOUND, numbers, spool_at

LAST_WORD = wire.encode(wire.State(alive=False))
CLOCK = SystemClock()


class Ear:
    """What the sender would be: it notes what the line says."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.attempts = 0
        self.woken = threading.Event()

    def receive(self, verb: str, payload: bytes) -> None:
        """Note it; a message `raise` is one that the receiver can't bear."""
        if payload == b"raise":
            raise ValueError("a receiver that fails")
        self.messages.append((verb, payload))

    def attempted(self) -> None:
        """Count it."""
        self.attempts += 1


def broker_at(port: int, **settings: object) -> Broker:
    """Settings that reconnect quickly."""
    return Broker(**{"host": "127.0.0.1", "port": port, "reconnect_s": (1, 1), **settings})  # type: ignore[arg-type]


@contextmanager
def line_to(broker: Broker, ear: Ear) -> Iterator[MqttLine]:
    """A line that is open."""
    line = MqttLine(broker, AGENT, random.SystemRandom())
    line.open(ear.receive, ear.woken.set, ear.attempted)
    try:
        yield line
    finally:
        line.close(LAST_WORD)


@pytest.fixture
def ear() -> Ear:
    """Who listens."""
    return Ear()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets everybody in."""
    with mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def far(server: Mosquitto) -> Iterator[FarEnd]:
    """A collector."""
    with FarEnd(server.port, AGENT, lambda: CLOCK.stamp().wall_ns) as end:
        yield end


def up(line: MqttLine, after: int = 0) -> None:
    """Wait for a connection later than number `after`."""
    wait_until(lambda: line.connected() > after, f"a connection after {after}: {line.trouble}")


@contextmanager
def sending(spool: Spool, broker: Broker) -> Iterator[Sender]:
    """A whole uplink on real clocks."""
    line = MqttLine(broker, AGENT, random.SystemRandom())
    sender = Sender(
        AGENT, spool, line, CLOCK, random.SystemRandom(), Progress(CLOCK), lambda: None, ask_time_after_s=0.0
    )
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


@contextmanager
def real_spool(path: Path) -> Iterator[Spool]:
    """A spool on real clocks."""
    spool = Spool.open(path, max_bytes=BOUND, clock=CLOCK, random=random.SystemRandom())
    try:
        yield spool
    finally:
        spool.close()


def measured(number: int) -> Draft:
    """A report of now."""
    return Draft(
        probe="latency",
        status=Status.OK,
        readings={"bytes_sent": number},
        stamp=CLOCK.stamp(),
        duration_s=0.0,
    )


def test_reports_arrive_over_a_broker_that_dies_in_between(
    tmp_path: Path, server: Mosquitto, far: FarEnd
) -> None:
    """Everything that was put arrives once, though the broker was killed and had kept nothing."""
    with real_spool(tmp_path / "spool.db") as spool, sending(spool, broker_at(server.port)) as sender:
        for number in range(300):
            spool.put([measured(number)])
        sender.wake()
        wait_until(lambda: not spool.waiting(), "the first reports are held")
        server.kill()
        for number in range(300, 400):
            spool.put([measured(number)])
        server.start()
        wait_until(lambda: not spool.waiting(), "the others are held")
        assert sender.alive()
    held = [wire.read_report(row) for _, row in sorted(far.stored.items())]
    assert numbers(held) == list(range(400))
    assert [state.alive for state in far.states][-1] is False


def test_the_state_is_retained_and_the_last_will_speaks_for_the_dead(
    server: Mosquitto, far: FarEnd, ear: Ear
) -> None:
    """A connection that breaks off is told by the broker; a word that was said stays for those who come later."""
    with line_to(broker_at(server.port), ear) as line:
        up(line)
        alive = wire.State(alive=True, epoch="00000000000000aa")
        assert line.publish("state", wire.encode(alive), retain=True)
        wait_until(lambda: [state.alive for state in far.states] == [True], "the state")
        with FarEnd(server.port, AGENT, lambda: 1) as late:
            wait_until(lambda: late.states == [alive], "the retained state")
        assert line._client is not None
        broken = line._client.socket()
        assert isinstance(broken, socket.socket)
        broken.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: [state.alive for state in far.states] == [True, False], "the last will")
        up(line, 1)


def test_the_log_tells_that_the_connection_is_back(
    server: Mosquitto, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    """Who reads that it was lost reads that it is there again, too."""
    caplog.set_level("INFO", logger="agent.uplink.mqtt")
    with line_to(broker_at(server.port), ear) as line:
        up(line)
        server.kill()
        wait_until(lambda: not line.connected(), "the connection is lost")
        server.start()
        up(line, 1)
    told = [record.message for record in caplog.records if "connect" in record.message]
    assert told[0] == "connected to the broker"
    assert "the connection to the broker was lost" in told[1]
    assert told[-1] == "connected to the broker again"


def test_nothing_is_kept_for_a_connection_to_come(
    server: Mosquitto, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    """What is published while offline is refused, paho holds none of it, and the log says once why."""
    server.kill()
    with line_to(broker_at(server.port), ear) as line:
        wait_until(lambda: bool(line.trouble), "a failed attempt")
        assert not line.publish("report", b"1")
        assert line._client is not None
        assert not line._client._out_messages
        assert "refused" in line.trouble.lower()
        line.tend(0.0)
        line.tend(1.0)
        assert [record.message for record in caplog.records if "no connection" in record.message] == [
            f"no connection to the broker: {line.trouble}"
        ]
        assert ear.attempts >= 1
        server.start()
        up(line)
        assert line.trouble == ""
        assert ear.woken.is_set()


def test_each_connection_has_a_number_of_its_own(server: Mosquitto, ear: Ear) -> None:
    """After the broker was killed the line is down, and comes back by itself as another connection."""
    with line_to(broker_at(server.port), ear) as line:
        up(line)
        server.kill()
        wait_until(lambda: line.connected() == 0, "the loss is noticed")
        server.start()
        up(line, 1)
        assert line.connected() == 2


def test_a_receiver_that_fails_does_not_end_the_line(server: Mosquitto, far: FarEnd, ear: Ear) -> None:
    """An exception in a callback is logged, and the next message still comes."""
    with line_to(broker_at(server.port), ear) as line:
        up(line)
        far.say("answer", b"raise")
        far.say("answer", b"next")
        wait_until(lambda: ear.messages == [("answer", b"next")], "the message after the failure")


def test_a_dead_network_thread_is_noticed_and_replaced(server: Mosquitto, far: FarEnd, ear: Ear) -> None:
    """Paho's thread dies while it says that it is connected: the line builds a client anew and hears again."""
    with line_to(broker_at(server.port), ear) as line:
        up(line)
        line.tend(0.0)
        dead = line._client
        assert dead is not None

        def fail(*_: object) -> None:
            raise RuntimeError("what nobody foresaw")

        dead.on_message = fail
        far.say("answer", b"fatal")
        wait_until(dead.ended.is_set, "the thread is dead")
        line.tend(REBUILD_S + 1)
        assert line._client is not dead
        up(line, 1)
        far.say("answer", b"heard")
        wait_until(lambda: ("answer", b"heard") in ear.messages, "a message on the new client")


def test_a_client_that_hangs_is_replaced(ear: Ear) -> None:
    """One that neither connects nor tries for five minutes is given up, and only then, and it ends."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        line_to(broker_at(silent.getsockname()[1]), ear) as line,
    ):
        with silent.accept()[0] as far_side:
            assert far_side.recv(1) == b"\x10"
            line.tend(0.0)
            hung = line._client
            line.tend(STUCK_S - 1)
            assert line._client is hung
            line.tend(STUCK_S + 1)
            assert line._client is not hung
            assert hung is not None
            wait_until(hung.ended.is_set, "the old thread ends")
        silent.accept()[0].close()


def test_a_client_that_comes_back_after_it_was_given_up_is_sent_away(server: Mosquitto, ear: Ear) -> None:
    """A hung client that connects later than its successor leaves no second connection."""
    with line_to(broker_at(server.port), ear) as line:
        up(line)
        old = line._client
        assert old is not None
        line._client = None
        old.reconnect()
        wait_until(old.ended.is_set, "it ends")


def test_clients_that_die_at_once_are_not_built_in_a_hurry(ear: Ear) -> None:
    """A host that is no name ends the thread at once; the line tries again every ten seconds, not every round."""
    with line_to(broker_at(1883, host="a" * 70 + ".example"), ear) as line:
        first = line._client
        assert first is not None
        wait_until(first.ended.is_set, "the thread ends")
        line.tend(100.0)
        second = line._client
        assert second not in (first, None)
        wait_until(second.ended.is_set if second else bool, "the second ends too")
        line.tend(100.0 + REBUILD_S - 1)
        assert line._client is second
        line.tend(100.0 + REBUILD_S + 1)
        assert line._client is not second


def test_what_is_too_long_or_was_not_meant_for_now_is_not_heard(
    server: Mosquitto, far: FarEnd, ear: Ear
) -> None:
    """Messages over the wire's limit are counted; retained ones were said before this connection."""
    far.say("nudge", b"old", retain=True)
    with line_to(broker_at(server.port), ear) as line:
        up(line)
        far.say("answer", b"x" * (wire.WIRE_BYTES + 1))
        far.say("nudge", b"")
        wait_until(lambda: bool(ear.messages), "the nudge")
        assert ear.messages == [("nudge", b"")]
        assert line.oversized == 1


def test_a_broker_that_wants_a_password_gets_it_and_says_no_to_others(tmp_path: Path, ear: Ear) -> None:
    """With the right password the line is up; with a wrong one its trouble says what the broker said."""
    passwords = tmp_path / "passwords"
    subprocess.run(
        [shutil.which("mosquitto_passwd") or "mosquitto_passwd", "-b", "-c", str(passwords), AGENT, "right"],
        check=True,
        capture_output=True,
    )
    with mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as server:
        with line_to(broker_at(server.port, username=AGENT, password="right"), ear) as line:
            up(line)
        with line_to(broker_at(server.port, username=AGENT, password="wrong"), ear) as line:
            wait_until(lambda: "the broker says" in line.trouble, "the refusal")
            assert line.connected() == 0
    assert "right" not in repr(broker_at(1, password="right"))


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_over_tls_only_the_right_authority_is_believed(tmp_path: Path, ear: Ear) -> None:
    """With the broker's own CA the line is up; with the system's it is not, and says that it is the certificate."""
    certificate, key = certificate_for_localhost(tmp_path)
    options = ("allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
    with mosquitto(tmp_path, *options) as server:
        trusting = broker_at(server.port, host="localhost", tls=True, ca_file=str(certificate))
        with line_to(trusting, ear) as line:
            up(line)
        with line_to(broker_at(server.port, host="localhost", tls=True), ear) as line:
            wait_until(lambda: "certificate" in line.trouble.lower(), "the complaint")
    with pytest.raises(OSError, match="No such file"):
        MqttLine(broker_at(1, tls=True, ca_file=str(tmp_path / "no-such-file")), AGENT, random.Random(1))


def certificate_for_localhost(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_boxes_come_back_at_different_moments() -> None:
    """Each draws its own first wait, within the settings."""
    seen = set()
    for seed in range(60):
        line = MqttLine(Broker(host="127.0.0.1", port=1, reconnect_s=(8, 60)), AGENT, random.Random(seed))
        client = Delays()
        line._draw_delay(client)  # type: ignore[arg-type]
        seen.add(client.least)
        assert client.most == 60
    assert seen == set(range(1, 9))


class Delays:
    """Notes what a client is told of delays."""

    def reconnect_delay_set(self, least: int, most: int) -> None:
        """Note it."""
        self.least, self.most = least, most


def test_an_answer_before_the_first_connection_is_no_trouble(
    tmp_path: Path, clock: HandClock, joined: Callable[[HandClock, Spool], object]
) -> None:
    """Messages that come before anything was sent are ignored."""
    with spool_at(tmp_path / "spool.db", clock) as spool:
        uplink = joined(clock, spool)
        sender: Sender = uplink.sender  # type: ignore[attr-defined]
        sender.receive("answer", wire.encode(Answer(journal="j", now_ns=1, digest="f" * 32, held=((1, 9),))))
        sender.step()
        assert (sender.counters.strangers, spool.waiting()) == (1, 1)
