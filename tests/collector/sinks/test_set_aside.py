"""What a server refuses, and what it never will take: found, shown, and no other held up by it."""

from contextlib import closing

import pytest

from collector.sinks.answers import StoppedError
from tests.collector.workbench import NOW_NS, Bench, report
from tests.support import influx_script
from tests.support.influx_script import TOO_LARGE, Say
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import DAY_NS, Road, poison, reports


@pytest.mark.parametrize("partly", [False, True], ids=["400", "422"])
@pytest.mark.parametrize("bad", [(1,), (7,), (10,), (3, 4), (1, 5, 10, 21), tuple(range(1, 6))])
def test_exactly_the_poison_is_set_aside(
    way: Road, bench: Bench, refusing: RefusingInflux, bad: tuple[int, ...], partly: bool
) -> None:
    """Found by halves, with the server's reason; all others are there, and the cursor goes on."""
    bench.send(1, reports(1, 25))
    refusing.says(lambda _asked: influx_script.unless(poison(*bad), partly=partly))
    state = way.ship()
    assert state.arrival == 25
    assert state.shipped == 25 - len(bad)
    asides = way.outbox.aside(-1)
    assert sorted(one.arrival for one in asides) == sorted(bad)
    assert all("refused by the test" in one.reason for one in asides)
    assert way.wrong() == []
    assert len(refusing.points()) == 25 - len(bad)


def test_one_poison_costs_few_requests(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """Two a halving, not one a line."""
    way.shipper = way.made(batch=512)
    for first in (1, 257):
        bench.send(first, reports(first, 256))
    refusing.says(lambda _asked: influx_script.unless(poison(300)))
    way.ship()
    assert len(refusing.asked) == 1 + 2 * 9
    assert [one.arrival for one in way.outbox.aside(-1)] == [300]


def test_a_batch_that_is_refused_whole_stops_and_sets_nothing_aside(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """It is not the points then; once somebody has mended it, all goes out."""
    way.shipper = way.made(batch=50)
    bench.send(1, reports(1, 60))
    refusing.says(lambda _asked: influx_script.unless(lambda _line: True))
    with pytest.raises(StoppedError, match="refuses most of what it is sent"):
        way.ship()
    assert (way.arrival, way.outbox.asides()) == (0, 0)
    refusing.says(())
    way.ship()
    assert way.wrong() == []


def test_more_than_half_refused_stops_too(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """Up to half of a batch may be poison, not more."""
    way.shipper = way.made(batch=60)
    bench.send(1, reports(1, 60))
    refusing.says(lambda _asked: influx_script.unless(poison(*range(1, 32))))
    with pytest.raises(StoppedError):
        way.ship()
    assert (way.arrival, way.outbox.asides()) == (0, 0)
    refusing.says(lambda _asked: influx_script.unless(poison(*range(1, 31))))
    way.ship()
    assert (way.arrival, way.outbox.asides()) == (60, 30)


@pytest.mark.parametrize("most", [400, 800, 3000])
def test_too_large_is_sent_in_smaller_pieces(
    way: Road, bench: Bench, refusing: RefusingInflux, most: int
) -> None:
    """413 splits until it fits."""
    bench.send(1, reports(1, 20))
    refusing.max_bytes = most
    way.ship()
    assert (way.arrival, way.outbox.asides()) == (20, 0)
    assert way.wrong() == []


def test_a_proxys_limit_is_a_limit(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """413 with a page of its own, where a line alone passes."""
    bench.send(1, reports(1, 10))
    page = Say(413, body=b"<html>Request Entity Too Large")
    refusing.says(lambda asked: page if len(asked.lines) > 1 else Say())
    way.ship()
    assert refusing.sizes == [10, 5, 2, 1, 1, 3, 1, 2, 1, 1, 5, 2, 1, 1, 3, 1, 2, 1, 1]
    assert way.wrong() == []


def test_one_line_that_is_too_large_by_itself_is_set_aside(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """And holds up no other."""
    bench.send(1, reports(1, 10))
    refusing.says(lambda asked: TOO_LARGE if poison(4)("\n".join(asked.lines)) else Say())
    way.ship()
    assert [one.arrival for one in way.outbox.aside(-1)] == [4]
    assert way.wrong() == []


def test_a_clock_that_is_ahead_is_shown_and_not_sent(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """It is set aside with its reason; the journal has it."""
    ahead = bench.clock.wall_ns + 301 * 10**9
    bench.send(1, [report(1), report(2, at_ns=ahead), report(3)])
    assert way.ship().shipped == 2
    (aside,) = way.outbox.aside(-1)
    assert (aside.arrival, "ahead" in aside.reason) == (2, True)
    assert way.wrong() == []


def test_what_is_older_than_the_bucket_keeps_is_counted_and_not_sent(
    bench: Bench, refusing: RefusingInflux
) -> None:
    """Beyond its days nothing goes out, and nothing is set aside for it."""
    with closing(Road(bench, refusing, refusing.bucket, days=2)) as way:
        old = [report(n, at_ns=NOW_NS - 2 * DAY_NS - n) for n in (1, 2)]
        kept = report(3, at_ns=NOW_NS - 2 * DAY_NS + 3601 * 10**9)
        bench.send(1, [*old, kept])
        state = way.ship()
        assert (state.arrival, state.shipped, state.too_old, way.outbox.asides()) == (3, 1, 2, 0)
        assert way.wrong(since_ns=NOW_NS - 2 * DAY_NS + 3600 * 10**9) == []


def test_what_the_server_calls_too_old_is_counted_as_such(bench: Bench, refusing: RefusingInflux) -> None:
    """A bucket that keeps less than the settings say: those points are no poison, and hold up no other."""
    bench.clock.wall_ns = refusing._now_ns()
    bucket = refusing.make_bucket(keep_s=2 * 86_400 - 3600)
    with closing(Road(bench, refusing, bucket, days=2)) as way:
        ages_s = (10, 172_000, 20, 170_000, 30)
        bench.send(1, [report(n, at_ns=bench.clock.wall_ns - s * 10**9) for n, s in enumerate(ages_s)])
        state = way.ship()
        assert (state.arrival, state.shipped, state.too_old, way.outbox.asides()) == (5, 3, 2, 0)
        assert way.wrong(since_ns=bench.clock.wall_ns - DAY_NS) == []


def test_a_server_whose_clock_is_wrong_is_no_word_on_reports(bench: Bench, refusing: RefusingInflux) -> None:
    """One that takes reports of this hour for too old: nothing is passed over, and somebody is told."""
    bench.clock.wall_ns = refusing._now_ns() - 30 * DAY_NS
    bucket = refusing.make_bucket(keep_s=10 * 86_400)
    with closing(Road(bench, refusing, bucket, days=10)) as way:
        bench.send(1, [report(n, at_ns=bench.clock.wall_ns - n) for n in range(5)])
        with pytest.raises(StoppedError, match="nothing is set aside"):
            way.ship()
        assert (way.arrival, way.outbox.asides()) == (0, 0)
