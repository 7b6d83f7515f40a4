"""What is shipped: all, once, in order, as the folder says it was placed; the cursor moves after success alone."""

from contextlib import closing
from itertools import pairwise

import pytest

from collector.sinks.answers import (
    AwayError,
)
from firstbell.points import MOST_NAMES
from tests.collector.workbench import BOX, NOW_NS, Bench, report
from tests.support import influx_script
from tests.support.influx_script import Asked, Say
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import DAY_NS, Road, reports, write_folder

OTHER = "roosevelt-2"


def test_all_arrives_in_batches_and_in_order(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """Gzipped, to the bucket by its id and in nanoseconds; every report is there once, as it was measured."""
    bench.send(1, reports(1, 25))
    assert (way.ship().arrival, way.ship().shipped) == (25, 25)
    assert way.wrong() == []
    assert refusing.sizes == [10, 10, 5]
    assert all(asked.gzipped and asked.size < asked.unpacked for asked in refusing.asked)
    assert {asked.bucket for asked in refusing.asked} == {refusing.bucket}
    assert len(refusing.accepted) == len(set(refusing.accepted)) == 25


def test_with_nothing_new_nothing_is_sent(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """A second look costs the server no write, and what came meanwhile goes out alone."""
    bench.send(1, reports(1, 3))
    way.ship()
    way.ship()
    assert refusing.sizes == [3]
    bench.send(4, reports(4, 1))
    way.ship()
    assert refusing.sizes == [3, 1]


def test_what_is_sent_is_line_protocol_as_the_library_writes_it(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """One line, to the letter."""
    bench.send(1, reports(1, 1))
    way.ship()
    (line,) = refusing.accepted
    assert line == (
        f"latency,agent={BOX},circuit=line,district=Maple\\ Valley,period=weekend\\,\\ daytime\\ 2,room=12,"
        'school=lincoln,status=ok,target=gateway arrival=1i,clock="ntp",duration_s=1.5,'
        f'epoch="00000000000000aa",received_ns={NOW_NS}i,rtt_p50_ms=12.5,seq=1i '
        f"{NOW_NS - DAY_NS + 60 * 10**9}"
    )


def test_never_are_two_batches_on_their_way(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """No request begins before the one before it was answered: the cursor could not tell what is in."""
    bench.send(1, reports(1, 50))
    refusing.says(lambda _asked: influx_script.slow(0.05))
    way.ship()
    assert [asked.number for asked in refusing.asked] == [1, 2, 3, 4, 5]
    assert all(other.at - one.at >= 0.05 for one, other in pairwise(refusing.asked))


def test_what_arrives_while_it_ships_goes_out_too(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """The journal is written while a batch is under way."""
    bench.send(1, reports(1, 20))

    def script(asked: Asked) -> Say:
        if asked.number == 1:
            bench.send(21, reports(21, 5))
        return Say()

    refusing.says(script)
    assert way.ship().arrival == 25
    assert way.wrong() == []


def test_what_comes_without_end_waits_for_the_next_time(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """Ten thousand boxes, of which something comes with each batch: copies and sums have their turn all the same."""
    bench.send(1, reports(1, 25))

    def script(asked: Asked) -> Say:
        if asked.number < 50:
            bench.send(25 + asked.number, reports(25 + asked.number, 1))
        return Say()

    refusing.says(script)
    assert way.ship().arrival >= 25
    assert len(refusing.asked) < 20
    refusing.says(())
    assert way.ship().arrival == bench.reads.facts_until()
    assert way.wrong() == []


def test_progress_is_told_after_each_batch(way: Road, bench: Bench) -> None:
    """Up to which report all is out, and which is the newest."""
    bench.send(1, reports(1, 25))
    told: list[tuple[int, int]] = []
    way.shipper.catch_up(lambda at, goal: told.append((at, goal)))
    assert told == [(10, 25), (20, 25), (25, 25)]


def test_two_boxes_with_one_name_are_both_there(way: Road, bench: Bench) -> None:
    """A cloned card: same name, same moments, two epochs. Each report is a point of its own."""
    bench.send(1, reports(1, 10))
    bench.send(1, reports(1, 10), epoch="00000000000000bb")
    assert way.ship().shipped == 20
    assert way.wrong() == []


def test_names_beyond_a_boxs_share_stay_one_when_they_are_sent_again(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """Whatever was known of them when they went out first: a report never becomes two points."""
    bench.send(1, [report(n, target=f"t{n}", at_ns=NOW_NS - n) for n in range(MOST_NAMES + 30)])
    refusing.says([Say(), Say(), influx_script.hang_up(stores=True)])
    with pytest.raises(AwayError):
        way.ship()
    way.shipper = way.made(batch=60)
    way.ship()
    assert way.wrong() == []
    assert sum("target=_other" in line for line in set(refusing.accepted)) == 30


def test_the_place_at_that_time_is_what_counts(bench: Bench, refusing: RefusingInflux) -> None:
    """School, room, line and period as the folder has them, for boxes that moved and that nobody entered."""
    seats = (f"{BOX},mill,1,mill-line,", f"{BOX},lincoln,12,line,2026-09-19", f"{OTHER},,,line,")
    write_folder(bench.path.parent / "district", seats=seats)
    with closing(Road(bench, refusing, refusing.bucket)) as way:
        hour_ns = 3600 * 10**9
        rows = [report(n, at_ns=bench.clock.wall_ns - n * 5 * hour_ns) for n in range(20)]
        for agent in (BOX, OTHER, "nobody-1"):
            bench.send(1, rows, agent=agent)
        way.ship()
        assert way.wrong() == []
