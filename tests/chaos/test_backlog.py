"""A week's backlog beside what is measured now."""

import sqlite3
from contextlib import closing
from random import Random

import msgspec
import pytest

from agent.spool import Spool
from collector.clock import SystemClock
from firstbell.report import Draft, Stamp
from tests.chaos import storm
from tests.chaos.processes import wait_until
from tests.chaos.town import Box, Town
from tests.oracle import shelves, truth
from tests.oracle.truth import TruthLog

S = 10**9
PUTS, FINDINGS = 600, 60
EVERY_NS = 7 * 86_400 * S // PUTS
LIVE_S = 10.0


class WeekAgo:
    """The clocks of a machine that started a week ago, at whatever moment since then."""

    def __init__(self) -> None:
        self.booted_ns = SystemClock().now_ns() - (PUTS + 1) * EVERY_NS
        self.at_ns = self.booted_ns

    def monotonic(self) -> float:
        """Seconds."""
        return self.at_ns / S

    def stamp(self) -> Stamp:
        """All clocks at once; NTP vouches for them."""
        since_ns = self.at_ns - self.booted_ns
        return Stamp(
            boot_id="boot-0", boottime_ns=since_ns, wall_ns=self.at_ns, synchronised=True, error_ms=1
        )


def live_for_a_week(box: Box) -> None:
    """Fill a box's spool with what it would have measured while nobody took anything from it."""
    clock = WeekAgo()
    log = TruthLog(box.plan.truth / "week.jsonl")
    spool = Spool.open(box.plan.spool, max_bytes=10**9, clock=clock, random=Random(1))
    log.write("start", token="week", agent=box.plan.name, epoch=spool.epoch)
    for put in range(1, PUTS + 1):
        clock.at_ns += EVERY_NS
        log.write("intent", token="week", put=put, count=FINDINGS, true_ns=clock.at_ns, exact=True)
        spool.put([draft(clock, put, place) for place in range(FINDINGS)])
        log.write("stored", token="week", put=put, epoch=spool.epoch, last=1 + put * FINDINGS)
    spool.close()


def draft(clock: WeekAgo, put: int, place: int) -> Draft:
    """One of the week's findings."""
    found = truth.finding(truth.nonce("week", put, place))
    return msgspec.convert(
        {**found, "probe": "latency", "stamp": msgspec.to_builtins(clock.stamp()), "duration_s": 0.5}, Draft
    )


def delays_s(town: Town, since_ns: int) -> list[float]:
    """Of everything measured since then: how long after its measurement it was in the journal, in seconds."""
    with closing(sqlite3.connect(town.journal, timeout=10)) as db:
        rows = db.execute("SELECT received_ns - at_ns FROM reports WHERE at_ns >= ?", (since_ns,)).fetchall()
    return [delay_ns / S for (delay_ns,) in rows]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_weeks_backlog_delays_nothing_that_is_new(town: Town) -> None:
    """36,000 old reports drain; everything measured meanwhile, by any box, is held within ten seconds."""
    late = town.add_box("lincoln-1")
    town.add_box("lincoln-2")
    live_for_a_week(late)
    assert shelves.waiting(late.plan.spool) == PUTS * FINDINGS + 1
    town.start_broker()
    town.start_collector()
    since_ns = SystemClock().now_ns()
    for box in town.boxes:
        box.process.start()
        box.process.ready()
    week = shelves.places(late.plan.spool)[0] | 0xFFFF_FFFF
    wait_until(lambda: shelves.places(late.plan.spool)[0] > week, "the backlog has drained", 90)
    meanwhile = delays_s(town, since_ns)
    storm.drain(town)
    assert len(meanwhile) >= 100, "nothing was measured meanwhile"
    assert max(delays_s(town, since_ns)) <= LIVE_S
    verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)
    assert verdict["measured"] >= PUTS * FINDINGS + 100
