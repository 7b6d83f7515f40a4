"""Questions to the journal."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from collector.store.errors import StoreError
from tests.collector.workbench import BOX, EPOCH, NOW_NS, Bench, report, reports

OTHER = "roosevelt-2"


def numbers(bench: Bench, *boxes: tuple[str, int, int | None], **kwargs: int) -> list[tuple[str, int]]:
    """Box and number of each latency report that `tests` gives back."""
    since_ns, facts_until = kwargs.get("since_ns", 0), kwargs.get("facts_until")
    found = bench.reads.tests(boxes, "latency", since_ns=since_ns, facts_until=facts_until)
    return [(row.agent, row.seq) for row in found]


@pytest.fixture
def two(bench: Bench) -> Bench:
    """Two boxes that measured at 10, 20, ... ns, the other one's arriving in the wrong order."""
    bench.send(1, [report(n, at_ns=n * 10) for n in range(1, 5)])
    bench.send(1, [report(n, at_ns=n * 10) for n in (3, 1, 2)], agent=OTHER)
    bench.send(5, [report(5, at_ns=50, probe="host")])
    return bench


def test_tests_come_in_order_of_their_measurement(two: Bench) -> None:
    """Box by box as asked, then by time, whatever the order of arrival; other probes are not among them."""
    assert numbers(two, (OTHER, 0, None), (BOX, 0, None)) == [
        *[(OTHER, 2), (OTHER, 3), (OTHER, 1)],
        *[(BOX, 1), (BOX, 2), (BOX, 3), (BOX, 4)],
    ]
    assert numbers(two) == []
    assert numbers(two, ("nobody", 0, None)) == []


def test_each_box_counts_within_its_own_dates(two: Bench) -> None:
    """From `since` on and before `until`; `since_ns` holds for all of them."""
    assert numbers(two, (BOX, 20, 40)) == [(BOX, 2), (BOX, 3)]
    assert numbers(two, (BOX, 0, None), (OTHER, 0, 20), since_ns=20) == [(BOX, 2), (BOX, 3), (BOX, 4)]
    assert numbers(two, (BOX, 0, 0)) == []


def test_an_answer_can_be_asked_for_again_as_it_was(two: Bench) -> None:
    """With `facts_until` nothing that arrived later is among the facts."""
    assert numbers(two, (BOX, 0, None), (OTHER, 0, None), facts_until=5) == [
        *[(BOX, 1), (BOX, 2), (BOX, 3), (BOX, 4)],
        (OTHER, 1),
    ]
    assert two.reads.facts_until() == 8


def test_the_newest_of_each_probe_and_target(two: Bench) -> None:
    """Newest by measurement, not by arrival: a backlog changes nothing."""
    two.send(6, [report(6, at_ns=15), report(7, at_ns=60, target="dns")])
    newest = [(row.report.probe, row.report.target, row.seq) for row in two.reads.latest(BOX)]
    assert newest == [("host", "gateway", 5), ("latency", "dns", 7), ("latency", "gateway", 4)]
    assert [(row.agent, row.seq) for row in two.reads.latest()][-1] == (OTHER, 1)
    assert len(two.reads.latest()) == 4


def test_the_newest_of_a_probe_and_no_more(two: Bench) -> None:
    """Box by box, the newest first, within each box's dates."""
    found = two.reads.newest([(OTHER, 0, None), (BOX, 20, 40)], "latency", 2)
    assert [(row.agent, row.seq) for row in found] == [(OTHER, 1), (OTHER, 3), (BOX, 3), (BOX, 2)]


def test_boxes_with_first_and_last_sight(two: Bench) -> None:
    """A repetition is a sign of life too."""
    two.clock.wall_ns = NOW_NS + 30
    two.send(1, [report(1, at_ns=10)])
    assert [(box.agent, box.first_ns, box.last_ns, box.reports) for box in two.reads.boxes()] == [
        (BOX, NOW_NS, NOW_NS + 30, 5),
        (OTHER, NOW_NS, NOW_NS, 3),
    ]
    counts = two.reads.counts()
    assert (counts.boxes, counts.reports, counts.missing, counts.lost, counts.suspended) == (2, 8, 0, 0, 0)


def test_many_may_ask_while_it_is_written(bench: Bench) -> None:
    """Eight threads ask while 2,000 reports arrive: each sees whole batches, none an error."""
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(lambda: len(bench.reads.tests([(BOX, 0, None)], "latency"))) for _ in range(40)]
        for first in range(1, 2000, 20):
            bench.send(first, reports(first, 20))
        seen = [each.result() for each in asked]
    assert all(count % 20 == 0 for count in seen)
    assert len(bench.held()) == 2000


def test_a_journal_that_cannot_be_read_is_told_in_words(bench: Bench) -> None:
    """Whoever asks need not know SQLite to hear of its troubles; the next question starts anew."""
    bench.send(1, reports(1, 1))
    with closing(sqlite3.connect(bench.path)) as db:
        db.execute("ALTER TABLE agents RENAME TO elsewhere")
        with pytest.raises(StoreError, match="the journal can't be read"):
            bench.reads.boxes()
        db.execute("ALTER TABLE elsewhere RENAME TO agents")
    assert bench.held() == [(EPOCH, 1)]


def test_questions_use_their_indexes(two: Bench) -> None:
    """No question about tests reads the whole table of reports."""
    with closing(two.journal.reader()) as db:
        plan = [
            row[3]
            for row in db.execute(
                "EXPLAIN QUERY PLAN SELECT raw FROM reports JOIN agents USING (agent_id) "
                "WHERE name = 'x' AND probe = 'latency' AND at_ns >= 0 AND at_ns < 9 AND arrival <= 9"
            )
        ]
    assert any("reports_time (agent_id=? AND probe=? AND at_ns>? AND at_ns<?)" in step for step in plan)


def test_a_report_from_the_future_is_not_the_newest_for_ever(bench: Bench) -> None:
    """A clock that was wrong once is overtaken by the reports after it, not by the year 2099."""
    bench.send(1, [report(1, at_ns=NOW_NS + 73 * 365 * 86_400 * 10**9)])
    bench.clock.wall_ns = NOW_NS + 120 * 10**9
    bench.send(2, [report(2, at_ns=bench.clock.wall_ns)])
    assert [row.seq for row in bench.reads.latest(BOX)] == [2]
