"""What a box says of who it is counts for nothing: ten thousand forged payloads, none kept under another name."""

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from collector.clock import SystemClock
from collector.mqtt import Address, Link
from firstbell import wire
from tests.collector.workbench import Bench, batch, reports
from tests.deploy.house import House
from tests.deploy.test_broker import COLLECTOR, Client
from tests.support.forging import Forged, Forger
from tests.support.mosquitto import wait_until

MINE, VICTIM, EPOCH = "lincoln-1", "cedar-1", "00000000000000cc"
FORGED, OVER_THE_BROKER = 10_000, 1_000


class Case:
    """A collector that holds some reports of a victim, and a forger."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.sent = [wire.encode_report(each) for each in reports(1, 50)]
        payloads = [
            batch(1 + i, self.sent[i : i + 10], agent=VICTIM, epoch=EPOCH)[1] for i in range(0, 50, 10)
        ]
        for payload in payloads:
            assert bench.take(payload, VICTIM)
        self.forger = Forger(MINE, VICTIM, EPOCH, payloads, seed)

    def kept(self) -> dict[str, set[bytes]]:
        """What the journal holds, by name."""
        found: dict[str, set[bytes]] = {}
        query = "SELECT name, raw FROM reports JOIN agents USING (agent_id)"
        with closing(sqlite3.connect(self.bench.path)) as db:
            for name, raw in db.execute(query):
                found.setdefault(name, set()).add(raw)
            assert {row[0] for row in db.execute("SELECT name FROM agents")} == {MINE, VICTIM}
        return found

    def judge(self) -> None:
        """Nothing of the victim's has changed, and of the forger only what was truly its own is there."""
        kept = self.kept()
        assert kept.keys() == {MINE, VICTIM}
        assert kept[VICTIM] == set(self.sent)
        assert kept[MINE] <= self.forger.rows
        assert len(kept[MINE]) > 100, "what is its own is kept: the rest was not refused for another reason"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1])
def test_ten_thousand_forged_payloads_are_kept_under_no_other_name(tmp_path: Path, seed: int) -> None:
    """Straight into the intake, under the topic of the box that sent them; each lie by its kind."""
    with closing(Bench(tmp_path)) as bench:
        case = Case(bench, seed)
        told = [
            (forged, bench.intake.take(MINE, forged.payload, bench.clock.wall_ns))
            for forged in case.forger.forge(FORGED)
        ]
        wait_until(lambda: all(pending.settled for _, pending in told), "all are settled")
        held = Counter(forged.kind for forged, pending in told if pending.answer and pending.answer.held)
        assert not held.keys() & {forged.kind for forged, _ in told if not forged.own}
        assert held["_genuine"] == sum(forged.kind == "_genuine" for forged, _ in told)
        case.judge()


@pytest.mark.timeout(120)
def test_nor_over_the_broker(tmp_path: Path) -> None:
    """The deployed broker, a real certificate: also on the victim's topics, which it does not reach."""
    house = House(tmp_path, time.time_ns())  # noqa: TID251 - the broker's clock is the machine's
    with closing(Bench(tmp_path)) as bench, house.broker() as broker:
        case = Case(bench, 2)
        collector = house.program(COLLECTOR)
        link = Link(
            Address("localhost", broker.port, tls=lambda: collector), bench.intake, SystemClock(), "j"
        )
        link.start()
        wait_until(lambda: link.connected, "the collector hears")
        box = Client(broker.port, house.box(MINE))
        forged: list[Forged] = list(case.forger.forge(OVER_THE_BROKER))
        box.listen(wire.topic(MINE, "answer"))
        mids = {box.say(wire.topic(MINE, "report"), each.payload) for each in forged}
        stolen = {box.say(wire.topic(VICTIM, "report"), each.payload) for each in forged[:100]}
        wait_until(lambda: box.was_told_of(mids | stolen), "the broker has heard all")
        assert {box.said[mid] >= 0x80 for mid in stolen} == {True}
        wait_until(lambda: link.acknowledged >= OVER_THE_BROKER, "the collector has heard all")
        assert link.received == OVER_THE_BROKER
        box.close()
        link.stop()
        case.judge()
