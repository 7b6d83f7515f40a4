"""The collector's own tries of gateways are kept as stretches of time."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from collector.store.connections import transaction
from collector.store.gateways import Reach, Try, note
from collector.store.offers import Offer, Outcome
from tests.collector.workbench import NOW_NS, Bench, wait_until

HERE, THERE = "10.0.0.1", "10.0.0.2"
MINUTE_NS = 60 * 10**9


def tried(bench: Bench, tries: Sequence[tuple[float, str, bool]]) -> None:
    """Hand tries over as the collector does, and wait until they are kept."""
    told: list[Outcome] = []
    kept = tuple(Try(address, at(minute), answers) for minute, address, answers in tries)
    bench.writer.put(Offer("", "", NOW_NS, (), (), told.append, kept))
    wait_until(lambda: bool(told))
    assert told == [Outcome()]


def at(minute: float) -> int:
    """That minute in ns."""
    return NOW_NS + round(minute * MINUTE_NS)


def minutes(found: Sequence[Reach]) -> list[tuple[bool, float, float]]:
    """Stretches in minutes."""
    return [
        (each.answers, (each.begin_ns - NOW_NS) / MINUTE_NS, (each.end_ns - NOW_NS) / MINUTE_NS)
        for each in found
    ]


def test_tries_are_stretches(bench: Bench) -> None:
    """One that answers for five minutes, is silent for three and answers again; the other one's are its own."""
    for minute in range(10):
        tried(bench, [(minute, HERE, not 5 <= minute < 8), (minute, THERE, False)])
    found = bench.reads.gateway(HERE, 0, at(9.5))
    assert minutes(found) == [(True, 0, 5), (False, 5, 8), (True, 8, 9.5)]
    assert [(each.tries, each.open) for each in found] == [(5, False), (3, False), (2, True)]
    assert minutes(bench.reads.gateway(THERE, 0, at(9))) == [(False, 0, 9)]
    assert minutes(bench.reads.gateway(HERE, at(6), at(7))) == [(False, 6, 7)]
    assert minutes(bench.reads.gateway(HERE, at(4), at(6))) == [(True, 4, 5), (False, 5, 6)]
    assert bench.reads.gateway("10.0.0.3", 0, at(10)) == []


def test_while_the_collector_was_away_nobody_tried(bench: Bench) -> None:
    """A stretch ends a minute after its last try; what was in between is not claimed."""
    tried(bench, [(0, HERE, False), (1, HERE, False), (60, HERE, False)])
    found = bench.reads.gateway(HERE, 0, at(61))
    assert minutes(found) == [(False, 0, 2), (False, 60, 61)]
    assert bench.reads.gateway(HERE, at(30), at(40)) == []
    assert minutes(bench.reads.gateway(HERE, 0, at(600))) == [(False, 0, 2), (False, 60, 61)]


def test_a_clock_that_steps_back_begins_a_new_stretch(bench: Bench) -> None:
    """Tries of before are not stretched over it."""
    tried(bench, [(100, HERE, True), (10, HERE, True), (11, HERE, True)])
    assert minutes(bench.reads.gateway(HERE, 0, at(50))) == [(True, 10, 12)]


def test_a_clock_that_is_right_again_goes_on_where_it_was(bench: Bench) -> None:
    """What was tried while it was behind stays a stretch of its own, and is not stretched over it."""
    tried(bench, [(100, HERE, True), (50, HERE, False), (51, HERE, False), (101, HERE, True)])
    assert minutes(bench.reads.gateway(HERE, 0, at(102))) == [(False, 50, 52), (True, 100, 102)]


def test_taking_a_try_down_costs_no_more_after_years(bench: Bench) -> None:
    """As many steps of SQLite's machine among 2000 stretches as among two."""
    bench.writer.stop()
    with closing(bench.journal.writer()) as db, transaction(db):
        few = steps(db, 2)
        assert steps(db, 2000) <= few + 10


def steps(db: sqlite3.Connection, stretches: int) -> int:
    """How many steps one more try takes once there are so many stretches."""
    made = [(HERE, at(10 * n), at(10 * n), n % 2) for n in range(stretches)]
    db.execute("DELETE FROM gateways")
    db.executemany(
        "INSERT INTO gateways (address, begin_ns, last_ns, answers, tries) VALUES (?, ?, ?, ?, 1)", made
    )
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    db.set_progress_handler(step, 1)
    note(db, [Try(HERE, at(10 * stretches), answers=False)])
    db.set_progress_handler(None, 1)
    return count
