"""The coordinator on the line: real brokers, a real box's end, and `firstbell quiet` from another process."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from agent.machine.clock import SystemClock as BoxClock
from agent.uplink.leases import Leases as BoxLeases
from agent.uplink.mqtt import Broker, MqttLine
from collector.clock import SystemClock
from collector.coordinator.coordinator import ASKS_A_MINUTE, Coordinator, Rates
from collector.coordinator.desk import Desk
from collector.coordinator.tickets import Tickets
from collector.intake import Intake
from collector.mqtt import Address, Link
from collector.store.journal import open_journal
from collector.store.leases import Leases
from collector.store.reads import Reads
from collector.store.writer import Writer
from firstbell import lease as words
from firstbell import ticket
from firstbell.district import Circuit, District, School, Seat, Settings
from firstbell.lease import Ask, Lease, Refusal, Settle
from tests.collector.coordinator.town import MB, HandClock, House
from tests.collector.workbench import Mosquitto, wait_until
from tests.support.embedded import embedded
from tests.support.mosquitto import mosquitto

ROOT = Path(__file__).parents[3]
BOXES = ("lincoln-1", "lincoln-2")
TARGETS = {"hub": "wan", "far": "internet"}
WANTED = Lease(kind="throughput", max_bytes=100 * MB, max_seconds=30, targets=tuple(TARGETS))


def deep_in_the_night() -> str:
    """A time zone in which it is two o'clock, so that no edge of the day is near."""
    hour = SystemClock().now_ns() // (3600 * 10**9) % 24
    return f"Etc/GMT{(hour - 2 + 12) % 24 - 12:+d}"


@pytest.fixture(params=["mosquitto", "embedded"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """A broker with the rules that docs/by-hand.md writes down, and the one of `firstbell up`."""
    mosquittos = request.param == "mosquitto"
    with _mosquitto(tmp_path) if mosquittos else embedded(tmp_path / "broker", BOXES) as port:
        yield port


@contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    page = (ROOT / "docs" / "by-hand.md").read_text(encoding="utf-8")
    rules = re.search(r"```\n(user collector\n.*?)```", page, re.DOTALL)
    assert rules
    (folder / "acl").write_text(rules[1], encoding="utf-8")
    with mosquitto(folder, "allow_anonymous true", f"acl_file {folder / 'acl'}") as running:
        yield running.port


class Collector:
    """A collector's coordinator and its line, on a data folder with a district of one school."""

    def __init__(self, home: Path, port: int) -> None:
        clock, tz = SystemClock(), deep_in_the_night()
        self.home = home
        _write_district(home / "district", tz)
        school = School(id="lincoln", name="Lincoln High", students=500, tz=tz)
        line = Circuit(id="line", schools=("lincoln",))
        seats = tuple(Seat(agent=box, school="lincoln", circuit="line") for box in BOXES)
        self.district = District(settings=Settings(tz=tz), schools=(school,), circuits=(line,), seats=seats)
        journal = open_journal(home / "journal.db")
        self.store, self.reads = Leases(journal), Reads(journal)
        self.tickets = Tickets(home)
        desk = Desk(self.store, lambda: self.district, clock, self.tickets)
        self.coordinator = Coordinator(desk, clock)
        writer = Writer(journal, clock)
        address = Address("127.0.0.1", port, "collector", "collector")
        self.link = Link(address, Intake(writer, clock, journal.id), clock, journal.id, self.coordinator)

    def start(self) -> None:
        """Hear the boxes."""
        self.coordinator.start(self.link.tell)
        self.link.start()
        wait_until(lambda: self.link.connected)

    def stop(self) -> None:
        """Hear nothing more."""
        self.link.stop()
        self.coordinator.stop()
        self.store.close()
        self.reads.close()

    def firstbell(self, *words: str) -> str:
        """What the command says, in a process of its own."""
        argv = [sys.executable, "-m", "collector.cli", "--data", str(self.home), *words]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ)
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _write_district(folder: Path, tz: str) -> None:
    folder.mkdir(parents=True)
    (folder / "district.toml").write_text(f'tz = "{tz}"\n', encoding="utf-8")
    (folder / "schools.csv").write_text("id,name,students\nlincoln,Lincoln High,500\n", encoding="utf-8")
    (folder / "circuits.csv").write_text("id,schools\nline,lincoln\n", encoding="utf-8")


@pytest.fixture
def collector(tmp_path: Path, port: int) -> Iterator[Collector]:
    """A collector that hears the boxes."""
    made = Collector(tmp_path / "data", port)
    made.start()
    yield made
    made.stop()


class Box:
    """A box's own end of the line: what `agent.box` puts together of it."""

    def __init__(self, name: str, port: int) -> None:
        self.line = MqttLine(Broker("127.0.0.1", port, name, name), name, Random(name))
        self.leases = BoxLeases(name, self.line.publish, BoxClock(), Random(name), lambda: "wired")
        self.line.open(
            lambda verb, payload: self.leases.hear(payload) if verb == "lease" else None,
            lambda: None,
            lambda: None,
        )
        wait_until(lambda: bool(self.line.connected()))


@contextmanager
def box(name: str, port: int) -> Iterator[Box]:
    """A box that is connected."""
    made = Box(name, port)
    try:
        yield made
    finally:
        made.line.close(b"")


def test_a_box_is_granted_renews_is_called_back_and_settles(collector: Collector, port: int) -> None:
    """From its question to `firstbell quiet now` in another process, which stops its test within seconds."""
    with box("lincoln-1", port) as first, box("lincoln-2", port) as second:
        lease = first.leases.ask(WANTED, TARGETS)
        assert isinstance(lease, Lease), lease
        _tickets_are_good(collector, lease)
        refusal = second.leases.ask(WANTED, TARGETS)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "another test is loading the line"
        over = first.leases.stop(lease)
        collector.firstbell("quiet", "now", "--for", "1h", "--why", "a fire drill")
        began = time.monotonic()
        assert over.wait(10)
        assert time.monotonic() - began < 5
        first.leases.settle(lease, 7 * MB, 3.0)
        wait_until(lambda: collector.coordinator.desk.figures.out == 0)
        refusal = second.leases.ask(WANTED, TARGETS)
        assert isinstance(refusal, Refusal)
        assert "(a fire drill)" in refusal.reason
        collector.firstbell("quiet", "end")
        second_lease = second.leases.ask(WANTED, TARGETS)
        assert isinstance(second_lease, Lease)
        second.leases.settle(second_lease, 0, 0.0)
    kept, _ = collector.reads.leases(0, 1 << 62)
    assert (kept.agent, kept.how, kept.bytes) == ("lincoln-1", "revoked", 7 * MB)


def _tickets_are_good(collector: Collector, lease: Lease) -> None:
    assert set(lease.tickets) == set(TARGETS)
    for target, token in lease.tickets.items():
        read = ticket.read(ticket.split(token)[0])
        assert (read.target, read.agent, read.max_bytes) == (target, "lincoln-1", 100 * MB)


def test_a_lease_is_renewed_while_its_test_runs(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The box asks every fifteen seconds, and the coordinator says for how long."""
    made = Collector(tmp_path / "data", mosquitto.port)
    renewed = threading.Event()
    say = made.link.tell

    def tell(agent: str, payload: bytes) -> bool:
        if isinstance(words.read_to_box(payload), words.Renewed):
            renewed.set()
        return say(agent, payload)

    made.coordinator.start(tell)
    made.link.start()
    wait_until(lambda: made.link.connected)
    try:
        with box("lincoln-1", mosquitto.port) as first:
            lease = first.leases.ask(WANTED, TARGETS)
            assert isinstance(lease, Lease)
            assert renewed.wait(words.RENEW_S + 5)
            assert not first.leases.stop(lease).is_set()
            first.leases.settle(lease, 1, 1.0)
    finally:
        made.stop()


def test_a_box_reaches_nobody_elses_leases(collector: Collector, port: int) -> None:
    """Neither by the broker's rules nor by the coordinator's."""
    with box("lincoln-1", port) as first, box("lincoln-2", port) as second:
        lease = first.leases.ask(WANTED, TARGETS)
        assert isinstance(lease, Lease)
        second.line.publish("lease/ask", words.encode(Settle(lease=lease.id)))
        assert isinstance(second.leases.ask(WANTED, TARGETS), Refusal)
        assert collector.coordinator.desk.figures.out == 1
        first.leases.settle(lease, 1, 1.0)
        wait_until(lambda: collector.coordinator.desk.figures.out == 0)


# --- without a broker -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b'{"do":"ask"}',
        b'{"do":"dance"}',
        b"\xff" * 9,
        b"[" * 100_000,
        b'{"do":"renew","lease":""}',
        b'{"do":"settle","lease":"a","bytes":9223372036854775808}',
        b'{"do":"settle","lease":"a","bytes":-1}',
        b'{"do":"ask","nonce":"n","kind":"throughput","targets":["hub"],"max_bytes":9007199254740993,"max_seconds":9}',
    ],
    ids=[
        "empty",
        "cut",
        "list",
        "bare",
        "unknown",
        "bytes",
        "deep",
        "nameless",
        "beyond",
        "negative",
        "greedy",
    ],
)
def test_garbage_is_counted_and_answered_by_nobody(house: House, payload: bytes) -> None:
    """What is no word of a box changes nothing."""
    coordinator = Coordinator(house.desk, house.clock)
    coordinator.answer("lincoln-1", payload)
    assert coordinator.unheard == 1
    assert house.desk.figures.refusals == dict.fromkeys(house.desk.figures.refusals, 0)


def test_one_box_is_not_heard_more_often_than_it_has_to_say(house: House) -> None:
    """Twelve questions a minute and then no more, whatever others ask; in the next minute again."""
    rates = Rates(house.clock)
    assert [rates.allows("loud", asks=True) for _ in range(20)].count(True) == ASKS_A_MINUTE == 12
    assert rates.allows("quiet", asks=True)
    assert rates.allows("loud", asks=False)
    house.clock.passes(60)
    assert rates.allows("loud", asks=True)


def test_what_is_said_too_often_reaches_no_desk(house: House) -> None:
    """The thirteenth question of a minute is counted and decided by nobody; a settling of its lease is heard."""
    coordinator, lease = Coordinator(house.desk, house.clock), house.granted().lease
    for n in range(ASKS_A_MINUTE + 1):
        ask = Ask(nonce=f"n{n}", kind="mining", targets=("s",), max_bytes=1, max_seconds=1.0)
        coordinator.answer("lincoln-1", words.encode(ask))
    assert house.desk.figures.refusals["kind"] == ASKS_A_MINUTE
    assert coordinator.unheard == 1
    coordinator.answer("lincoln-1", words.encode(Settle(lease=lease)))
    assert house.desk.figures.settled == 1


def test_what_cannot_wait_is_forgotten_and_nobody_waits_for_it() -> None:
    """The network's thread is never held up, however much comes."""
    clock = HandClock()
    desk = object()
    coordinator = Coordinator(desk, clock)  # type: ignore[arg-type]  # it is not asked: its thread is not there
    for _ in range(5_000):
        coordinator.hear("loud", b"x")
    assert coordinator.unheard == 4_000
