"""What is derived follows from the reports alone: any order, any grouping, any kill, rebuild or not."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.clock import SystemClock
from collector.intake import Intake
from collector.store.connections import transaction
from collector.store.derived.deriver import Deriver, cursor_of
from collector.store.derived.rebuild import Rebuilt, rebuild
from collector.store.derived.spare import Spare
from collector.store.ledger import take_all
from collector.store.offers import Offer, Row
from collector.store.reads import Reads
from collector.store.writer import Writer
from firstbell import wire
from firstbell.report import Report
from tests.collector.store.derived.life import (
    ALWAYS,
    DEAF,
    LINE,
    ONLINE,
    SITE,
    at,
    look,
    looks,
    send_all,
    told,
)
from tests.collector.workbench import BOX, DEADLINE_S, EPOCH, Bench, wait_until

TABLES = {
    "hours": "agent_id, hour, gateway, heard, line",
    "days": "agent_id, day, gateway, online_ms, heard_rhythm_ms, line_rhythm_ms, heard, line",
    "rollups": "agent_id, hour, probe, target, totals",
}
"""Everything but arrival numbers, which are the order."""

MINUTES = st.one_of(st.integers(0, 200), st.integers(1400, 1500), st.integers(2800, 2810))
LOOKS = st.lists(
    st.tuples(MINUTES, st.sampled_from([ONLINE, LINE, SITE, DEAF]), st.sampled_from(["box-1", "box-2"])),
    unique_by=lambda each: (each[0], each[2]),
    max_size=40,
)


USE, WAIT_S = Spare.use, Spare.wait_s


@pytest.fixture(autouse=True, scope="module")
def _deriving_by_hand() -> Iterator[None]:
    """No writer derives behind the back of a test that does it itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spare, "use", lambda *_, **__: None)
        patch.setattr(Spare, "wait_s", lambda _: None)
        yield


def derived(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """The derived tables, box by name."""
    return {
        table: db.execute(
            f"SELECT name, {columns} FROM {table} JOIN agents USING (agent_id) ORDER BY 1, 3, 4, 5".replace(
                "agent_id, ", "", 1
            )
        ).fetchall()
        for table, columns in TABLES.items()
    }


def drain(deriver: Deriver, db: sqlite3.Connection) -> None:
    """Derive until there is nothing to do."""
    while deriver.step(db):
        pass


def answers(reads: Reads, end_ns: int, facts_until: int | None = None) -> list[object]:
    """Everything that is answered from what is derived."""
    boxes = [("box-1", 0, None), ("box-2", 0, at(1450))]
    return [
        reads.outages(boxes, 0, end_ns, facts_until=facts_until),
        reads.silences(boxes, at(50), end_ns, facts_until=facts_until),
        reads.watched(boxes, 0, at(1420), facts_until=facts_until),
        reads.rollups(boxes, "latency", 0, end_ns, facts_until=facts_until),
    ]


@settings(max_examples=15)
@given(seen=LOOKS, dice=st.randoms(use_true_random=False), step=st.integers(1, 9), window=st.integers(9, 99))
def test_any_order_and_any_grouping_derives_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    seen: list[tuple[int, str, str]],
    dice: random.Random,
    step: int,
    window: int,
) -> None:
    """Reports shuffled, cut into any batches, derived now and then in any steps: the tables of one pass.

    The answers are the same at every moment, however far the derivation is, and one that was given once
    is given again from what was known then.
    """
    rows = [(box, report) for minute, saw, box in seen for report in look(minute, saw)]
    orderly = Bench(tmp_path_factory.mktemp("orderly"))
    shuffled = Bench(tmp_path_factory.mktemp("shuffled"))
    try:
        for box in ("box-1", "box-2"):
            send_all(orderly, [report for name, report in rows if name == box], agent=box)
        with closing(orderly.journal.writer()) as db:
            drain(Deriver(), db)
            expected = derived(db)
        dice.shuffle(rows)
        given_then = deliver(shuffled, rows, dice, Deriver(window, step))
        with closing(shuffled.journal.writer()) as db:
            before = answers(shuffled.reads, at(3000))
            drain(Deriver(window, step), db)
            assert derived(db) == expected
            rebuild(shuffled.journal, lambda _done, _boxes: None)
            assert derived(db) == expected
        assert answers(shuffled.reads, at(3000)) == before == answers(orderly.reads, at(3000))
        for facts_until, answer in given_then:
            assert answers(shuffled.reads, at(3000), facts_until) == answer
    finally:
        orderly.close()
        shuffled.close()


def deliver(
    bench: Bench, rows: Sequence[tuple[str, Report]], dice: random.Random, deriver: Deriver
) -> list[tuple[int, list[object]]]:
    """Send rows in random batches, deriving a step now and then; what was answered in between."""
    numbers = {"box-1": 1, "box-2": 1}
    given_then: list[tuple[int, list[object]]] = []
    rest = list(rows)
    with closing(bench.journal.writer()) as db:
        while rest:
            size = dice.randint(1, 40)
            part, rest = rest[:size], rest[size:]
            for box in ("box-1", "box-2"):
                mine = [report for name, report in part if name == box]
                numbers[box] = send_all(bench, mine, first=numbers[box], agent=box)
            if dice.random() < 0.5:
                deriver.step(db)
            if dice.random() < 0.2:
                given_then.append((bench.reads.facts_until(), answers(bench.reads, at(3000))))
    return given_then


def test_the_writer_derives_while_nobody_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon after reports came, hours and days are there, and questions need no rows."""
    monkeypatch.setattr(Spare, "use", USE)
    monkeypatch.setattr(Spare, "wait_s", WAIT_S)
    send_all(bench, looks(range(20), ONLINE) + looks(range(20, 25), LINE) + looks(range(25, 30), ONLINE))
    bench.writer.stop()
    writer = Writer(bench.journal, SystemClock())
    writer.start()
    try:
        with closing(bench.journal.reader()) as db:
            wait_until(lambda: cursor_of(db) == 90, "everything is derived")
    finally:
        writer.stop(DEADLINE_S)
    with closing(bench.journal.writer()) as db:
        db.execute("UPDATE reports SET raw = x'00'")
    assert told(bench.reads.outages(ALWAYS, 0, at(30))) == [("line_down", 20, 25)]


def test_a_derivation_that_fails_stops_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its tables the writer goes on taking reports, and says so once."""
    assert bench.send(1, look(1, ONLINE)).held == ((1, 3),)
    bench.writer.stop()
    monkeypatch.setattr(Spare, "use", USE)
    monkeypatch.setattr(Spare, "wait_s", WAIT_S)
    with closing(bench.journal.writer()) as db:
        db.execute("ALTER TABLE hours RENAME TO mislaid")
    writer = Writer(bench.journal, SystemClock())
    writer.start()
    wait_until(lambda: "could not be derived" in caplog.text)
    bench.intake = Intake(writer, bench.clock, bench.journal.id)
    assert bench.send(4, look(2, ONLINE)).held == ((4, 6),)
    assert bench.send(7, look(3, ONLINE)).held == ((7, 9),)
    assert writer.alive
    assert not writer.trouble
    writer.stop()
    assert caplog.text.count("could not be derived") == 1


def test_small_steps_leave_nothing_out(bench: Bench) -> None:
    """Eleven hours in windows of 250 reports and steps of three hours: as if made in one go."""
    send_all(bench, looks(range(0, 600, 3), ONLINE))
    bench.writer.stop()
    with closing(bench.journal.writer()) as db:
        drain(Deriver(window_rows=250, step_hours=3), db)
        in_steps = derived(db)
        rebuild(bench.journal, lambda _done, _boxes: None)
        assert derived(db) == in_steps


def test_two_that_derive_at_once_do_the_same(bench: Bench) -> None:
    """A writer in its spare time and a rebuild beside it: each hour is whole, whoever made it last."""
    send_all(bench, looks(range(0, 600, 3), ONLINE))
    bench.writer.stop()
    with closing(bench.journal.writer()) as db:
        slow = Deriver(step_hours=3)
        slow.step(db)
        assert rebuild(bench.journal, lambda _done, _boxes: None) == Rebuilt(1, 600, 11)
        whole = derived(db)
        drain(slow, db)
        assert derived(db) == whole


def test_a_rebuild_mends_what_was_wrong(bench: Bench) -> None:
    """Hours that are missing, hours that no row speaks for, wrong figures; it tells how far it is."""
    send_all(bench, looks(range(300), ONLINE) + looks(range(300, 400), LINE))
    send_all(bench, looks(range(100), ONLINE), agent="box-2")
    bench.writer.stop()
    told_of: list[tuple[int, int]] = []
    with closing(bench.journal.writer()) as db:
        drain(Deriver(), db)
        right = derived(db)
        db.execute("DELETE FROM days WHERE agent_id = 2")
        db.execute("UPDATE hours SET hour = hour + 9000 WHERE agent_id = 1 AND hour % 2")
        db.execute("UPDATE rollups SET hour = hour + 90000 WHERE hour % 2")
        db.execute("INSERT INTO days SELECT 1, 9, arrival, 1, 1, 1, 1, heard, line FROM days LIMIT 1")
        db.execute("UPDATE box_figures SET held = 0")
        rebuild(bench.journal, lambda done, boxes: told_of.append((done, boxes)))
        assert derived(db) == right
    assert told_of == [(0, 2), (1, 2), (2, 2)]
    assert bench.reads.counts().reports == 1500


@pytest.mark.parametrize("wrong", [0, 999_999])
def test_a_rebuild_sets_the_marks_by_which_answers_are_kept(bench: Bench, wrong: int) -> None:
    """Whatever stood there: how far it is derived, the newest speed test, and that answers may be others now."""
    bench.writer.stop()
    with closing(bench.journal.writer()) as db:
        offer(db, [replace(look(0, ONLINE)[0], probe="internet")], 1)
        offer(db, look(1, ONLINE), 2)
        db.execute("UPDATE derivation SET arrival = ?1, counted = ?1, tests = ?1, line = ?1", (wrong,))
        rebuild(bench.journal, lambda _done, _boxes: None)
        assert marks_of(db) == (4, 4, 1, 4)


def test_a_step_that_fails_is_looked_for_again(bench: Bench) -> None:
    """What another program derived meanwhile is not derived once more from an old list of hours."""
    send_all(bench, looks(range(0, 600, 3), ONLINE))
    bench.writer.stop()
    with closing(bench.journal.writer()) as db:
        deriver = Deriver(step_hours=3)
        assert deriver.step(db)
        db.execute("ALTER TABLE hours RENAME TO mislaid")
        with pytest.raises(sqlite3.Error):
            deriver.step(db)
        db.execute("ALTER TABLE mislaid RENAME TO hours")
        rebuild(bench.journal, lambda _done, _boxes: None)
        assert not deriver.step(db)


def marks_of(db: sqlite3.Connection) -> tuple[int, ...]:
    """How far it is derived and counted, the newest test and the newest change."""
    found: tuple[int, ...] = db.execute("SELECT arrival, counted, tests, line FROM derivation").fetchone()
    return found


def test_the_high_water_mark_rises_with_what_changes_an_answer(bench: Bench) -> None:
    """A look like the last one raises the arrival alone; an outage, its end and a speed test raise theirs."""
    bench.writer.stop()
    marks = []
    with closing(bench.journal.writer()) as db:
        for minute, saw in enumerate([ONLINE, ONLINE, LINE, LINE, ONLINE]):
            offer(db, look(minute, saw), 1 + 3 * minute)
            drain(Deriver(), db)
            marks.append(bench.reads.high_water())
        offer(db, [replace(look(5, ONLINE)[0], probe="internet")], 16)
        drain(Deriver(), db)
        marks.append(bench.reads.high_water())
        offer(db, look(6, ONLINE), 17)
        drain(Deriver(), db)
        marks.append(bench.reads.high_water())
    assert [mark.arrival for mark in marks] == [3, 6, 9, 12, 15, 16, 19]
    assert [mark.line for mark in marks] == [3, 3, 9, 9, 15, 15, 15]
    assert [mark.tests for mark in marks] == [0, 0, 0, 0, 0, 16, 16]


def offer(db: sqlite3.Connection, reports: Sequence[Report], first: int) -> None:
    """Write reports down as the writer does."""
    raws = [wire.encode_report(report) for report in reports]
    rows = [
        Row(first + n, wire.row_digest(raw), raw, report)
        for n, (raw, report) in enumerate(zip(raws, reports, strict=True))
    ]
    with transaction(db):
        take_all(db, [Offer(BOX, EPOCH, at(0), rows, (), lambda _: None)])
