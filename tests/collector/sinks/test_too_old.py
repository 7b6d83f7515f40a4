"""Reports that a store calls too old: which of them are counted as such, and when it is the store that is wrong."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from collector.sinks.answers import StoppedError
from tests.collector.workbench import Bench, report
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import DAY_NS, Road

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@contextmanager
def aged(
    bench: Bench, refusing: RefusingInflux, *ages_s: int, keep_s: int, days: int, ahead_days: int = 0
) -> Iterator[Road]:
    """Reports of these ages on their way into a bucket; `days` is what is known of how long it keeps them."""
    bench.clock.wall_ns = refusing._now_ns() - ahead_days * DAY_NS
    with closing(Road(bench, refusing, refusing.make_bucket(keep_s=keep_s), days=days)) as way:
        bench.send(1, [report(n, at_ns=bench.clock.wall_ns - s * 10**9) for n, s in enumerate(ages_s)])
        yield way


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_server_whose_clock_is_ahead_passes_no_report_over(
    bench: Bench, refusing: RefusingInflux, place: int
) -> None:
    """It drops one of three days, in a bucket of six, and takes the others: nothing is counted, somebody is told."""
    ages_s = [60, 120]
    ages_s.insert(place, 3 * DAY_S)
    with aged(bench, refusing, *ages_s, keep_s=6 * DAY_S, days=6, ahead_days=5) as way:
        with pytest.raises(StoppedError, match="for too old: is its clock right"):
            way.ship()
        assert len(refusing.points(way.bucket.name)) == 2
        state = way.outbox.state()
        assert state is not None
        assert (state.arrival, state.shipped, state.too_old, way.outbox.asides()) == (0, 0, 0, 0)


def test_a_bucket_that_keeps_hours_is_told_from_a_clock_that_is_wrong(
    bench: Bench, refusing: RefusingInflux
) -> None:
    """Nobody said how long it keeps points: what is older than an hour may be too old for it."""
    with aged(bench, refusing, 60, 3 * HOUR_S, 120, keep_s=2 * HOUR_S, days=0) as way:
        state = way.ship()
        assert (state.arrival, state.shipped, state.too_old, way.outbox.asides()) == (3, 2, 1, 0)


def test_no_bucket_keeps_less_than_an_hour(bench: Bench, refusing: RefusingInflux) -> None:
    """A report of half an hour that is too old: then the clock is wrong."""
    with aged(bench, refusing, 60, HOUR_S // 2, keep_s=HOUR_S // 4, days=0) as way:
        with pytest.raises(StoppedError, match="for too old: is its clock right"):
            way.ship()
        assert (way.arrival, way.outbox.asides()) == (0, 0)
