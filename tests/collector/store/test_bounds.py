"""What one box may bring up in a day: its madness costs no other box anything."""

import pytest

from collector.store import bounds
from collector.store.derived import kept
from collector.store.derived.rebuild import catch_up
from firstbell.report import Loss, Opening
from tests.collector.workbench import BOX, NOW_NS, Bench, report, reports

DAY_NS = 86_400 * 10**9


@pytest.fixture
def bench(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """With bounds that are soon reached."""
    monkeypatch.setattr(bounds, "MOST_STARTS", 10)
    monkeypatch.setattr(bounds, "MOST_TARGETS", 10)
    return bench


def epoch(number: int) -> str:
    """A start's name."""
    return f"{number:016x}"


def named(first: int, count: int) -> tuple[Loss, ...]:
    """Losses of that many starts that nobody heard of."""
    return tuple(Loss(epoch=epoch(n), first=1, last=1, reason="full") for n in range(first, first + count))


def test_starts_that_a_box_invents_are_refused_beyond_a_days_share(bench: Bench) -> None:
    """By what it gave up: the report that goes beyond is set aside with its reason, its neighbours are held."""
    rows = [report(1, losses=named(100, 8)), report(2, losses=named(200, 8)), report(3)]
    answer = bench.send(1, rows)
    assert answer.held == ((1, 1), (3, 3))
    assert answer.refused == ((2, 2, bounds.STARTS),)
    assert len(bench.reads.epochs(BOX)) == 9
    assert bench.reads.missing(BOX, "00000000000000aa") == []
    assert [row.reason for row in bench.reads.quarantined()] == [bounds.STARTS]


def test_a_start_beyond_the_share_is_turned_away_whole(bench: Bench) -> None:
    """Its reports are refused and it stays unheard of; those that are known go on; tomorrow is another day."""
    for number in range(10):
        assert bench.send(1, reports(1, 2), epoch=epoch(number)).held == ((1, 2),)
    assert bench.send(1, reports(1, 2), epoch=epoch(10)).refused == ((1, 2, bounds.STARTS),)
    assert len(bench.reads.epochs(BOX)) == 10
    assert bench.send(3, reports(3, 2), epoch=epoch(0)).held == ((3, 4),)
    assert bench.send(1, reports(1, 2), epoch=epoch(10), agent="roosevelt-2").held == ((1, 2),)
    bench.clock.wall_ns += DAY_NS + 1
    assert bench.send(1, reports(1, 2), epoch=epoch(11)).held == ((1, 2),)


def test_a_predecessor_is_a_start_too(bench: Bench) -> None:
    """Each opening may name one more start, and both count."""
    for number in range(5):
        opening = report(1, opening=Opening(predecessor=epoch(100 + number)))
        assert bench.send(1, [opening], epoch=epoch(number)).held
    assert bench.send(1, reports(1, 1), epoch=epoch(9)).refused


def test_targets_that_a_box_invents_are_refused_beyond_a_days_share(bench: Bench) -> None:
    """What it looked at before goes on being taken, and so it is under another name."""
    many = [report(n, target=f"t{n}", at_ns=NOW_NS + n) for n in range(1, 15)]
    answer = bench.send(1, many)
    assert answer.held == ((1, 10),)
    assert answer.refused == ((11, 14, bounds.TARGETS),)
    assert bench.send(1, many).held == ((1, 10),)
    assert bench.send(15, [report(15, target="t3")]).held == ((15, 15),)
    assert bench.send(1, many, agent="roosevelt-2").held == ((1, 10),)


def test_an_hour_is_made_of_so_many_rows_and_no_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever fills an hour without end does not fill the collector's memory: its first reports speak for it."""
    assert f"LIMIT {kept.MOST_ROWS}" in kept._ROWS
    monkeypatch.setattr(kept, "_ROWS", kept._ROWS.replace(f"LIMIT {kept.MOST_ROWS}", "LIMIT 20"))
    bench.send(31, [report(n, at_ns=NOW_NS + n) for n in range(31, 61)])
    bench.send(1, [report(n, at_ns=NOW_NS + n, rtt_ms=1.0) for n in range(1, 31)])
    bench.writer.stop()
    catch_up(bench.journal)
    (hour,) = bench.reads.rollups([(BOX, 0, None)], "latency", 0, NOW_NS + DAY_NS)
    assert (hour.statuses, hour.metrics["rtt_p50_ms"].most) == ({"ok": 20}, 1.0)
