"""Every refusal that a server knows: nothing is lost, nothing doubled, and the cursor moves after success alone."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.sinks.answers import (
    AwayError,
    BusyError,
    InfluxError,
    RefusedError,
    StoppedError,
    TooLargeError,
)
from collector.sinks.influx import Address, Server
from firstbell.points import MOST_NAMES
from tests.collector.workbench import BOX, NOW_NS, Bench, report, wait_until
from tests.support import refusing_influx
from tests.support.refusing_influx import LIE, TOO_LARGE, Asked, RefusingInflux, Say
from tests.support.shipping import DAY_NS, Road, reports, write_folder

OTHER = "roosevelt-2"
ENDS = (
    refusing_influx.hang_up(),
    refusing_influx.hang_up(stores=True),
    refusing_influx.hang_up(stores=True, sent=9),
    refusing_influx.busy(503, 1),
    refusing_influx.busy(429),
    refusing_influx.refuse(500),
    Say(500, "timeout", stores=True),
    refusing_influx.refuse(401),
    refusing_influx.refuse(403),
    refusing_influx.refuse(404),
    Say(200, body=b"<html>Please sign in"),
    Say(302, headers={"Location": "/login"}),
    Say(400, body=b"<html>Bad request"),
    Say(502, body=b"<html>Bad gateway"),
)
"""Whatever a write may come to, short of success and of a word on single points."""


def poison(*arrivals: int) -> Callable[[str], bool]:
    """Whether a line is of one of these reports."""
    return lambda line: any(f"arrival={arrival}i" in line for arrival in arrivals)


def sent(refusing: RefusingInflux) -> list[int]:
    """How many lines each write had."""
    return [len(asked.lines) for asked in refusing.asked]


def test_all_arrives_in_batches_and_in_order(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """Gzipped, to the bucket by its id and in nanoseconds; every report is there once, as it was measured."""
    bench.send(1, reports(1, 25))
    assert (way.ship().arrival, way.ship().shipped) == (25, 25)
    assert way.wrong() == []
    assert sent(refusing) == [10, 10, 5]
    assert all(asked.gzipped and asked.size < asked.unpacked for asked in refusing.asked)
    assert {asked.bucket for asked in refusing.asked} == {refusing.bucket}
    assert len(refusing.accepted) == len(set(refusing.accepted)) == 25


def test_with_nothing_new_nothing_is_sent(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """A second look costs the server no write, and what came meanwhile goes out alone."""
    bench.send(1, reports(1, 3))
    way.ship()
    way.ship()
    assert sent(refusing) == [3]
    bench.send(4, reports(4, 1))
    way.ship()
    assert sent(refusing) == [3, 1]


@pytest.mark.parametrize("end", ENDS, ids=lambda say: f"{say.then}-{say.status}-{say.stores}-{say.sent}")
@pytest.mark.parametrize("at", [1, 2, 3])
def test_whatever_a_write_comes_to_all_arrives_once(
    way: Road, bench: Bench, refusing: RefusingInflux, end: Say, at: int
) -> None:
    """The cursor stands where the last success left it; the next try brings the rest, and doubles nothing."""
    bench.send(1, reports(1, 25))
    refusing.says(lambda asked: end if asked.number == at else Say())
    with pytest.raises(InfluxError):
        way.ship()
    assert way.arrival == 10 * (at - 1)
    assert way.outbox.asides() == 0
    assert way.ship().arrival == 25
    assert way.wrong() == []
    assert way.outbox.asides() == 0


@settings(max_examples=40)
@given(st.lists(st.sampled_from([Say(), Say(), *ENDS]), max_size=12), st.integers(1, 12))
def test_any_row_of_troubles_ends_well(script: list[Say], batch: int) -> None:
    """Tried again and again, by a program that is started anew each time: all is there once."""
    with _fresh(batch) as way:
        way.bench.send(1, reports(1, 15))
        assert isinstance(way.server, RefusingInflux)
        way.server.says(script)
        for _ in range(len(script) + 1):
            before = way.arrival
            try:
                way.ship()
            except InfluxError:
                assert before <= way.arrival < 15
            way.shipper = way.made()
        assert way.arrival == 15
        assert way.wrong() == []


@contextmanager
def _fresh(batch: int) -> Iterator[Road]:
    number = len(_STORES)
    _STORES.append(number)
    folder = _FOLDER[0] / str(number)
    folder.mkdir()
    bench = Bench(folder)
    with RefusingInflux() as server:
        way = Road(bench, server, server.bucket, batch=batch)
        try:
            yield way
        finally:
            way.close()
            bench.close()


_STORES: list[int] = []
_FOLDER: list = []  # type: ignore[type-arg]


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A place for many journals."""
    _FOLDER.append(tmp_path_factory.mktemp("many"))


@pytest.mark.parametrize("partly", [False, True], ids=["400", "422"])
@pytest.mark.parametrize("bad", [(1,), (7,), (10,), (3, 4), (1, 5, 10, 21), tuple(range(1, 6))])
def test_exactly_the_poison_is_set_aside(
    way: Road, bench: Bench, refusing: RefusingInflux, bad: tuple[int, ...], partly: bool
) -> None:
    """Found by halves, with the server's reason; all others are there, and the cursor goes on."""
    bench.send(1, reports(1, 25))
    refusing.says(lambda _asked: refusing_influx.unless(poison(*bad), partly=partly))
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
    refusing.says(lambda _asked: refusing_influx.unless(poison(300)))
    way.ship()
    assert len(refusing.asked) == 1 + 2 * 9
    assert [one.arrival for one in way.outbox.aside(-1)] == [300]


def test_a_batch_that_is_refused_whole_stops_and_sets_nothing_aside(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """It is not the points then; once somebody has mended it, all goes out."""
    way.shipper = way.made(batch=50)
    bench.send(1, reports(1, 60))
    refusing.says(lambda _asked: refusing_influx.unless(lambda _line: True))
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
    refusing.says(lambda _asked: refusing_influx.unless(poison(*range(1, 32))))
    with pytest.raises(StoppedError):
        way.ship()
    assert (way.arrival, way.outbox.asides()) == (0, 0)
    refusing.says(lambda _asked: refusing_influx.unless(poison(*range(1, 31))))
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
    assert sent(refusing) == [10, 5, 2, 1, 1, 3, 1, 2, 1, 1, 5, 2, 1, 1, 3, 1, 2, 1, 1]
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


def test_a_word_on_patience_comes_through(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """Retry-After as seconds or as a date; what can't be read asks for nothing."""
    bench.send(1, reports(1, 1))
    date = "Mon, 30 Nov 2026 10:00:00 GMT"
    for after, seconds in {
        "17": 17.0,
        "0.5": 0.5,
        "-3": 0.0,
        "soon": None,
        "Mon, 30 Nov 2026 10:02:00 GMT": 120.0,
        "Mon, 30 Nov 2026 09:00:00 GMT": 0.0,
        "Mon, 30 Nov 2026 10:02:00 -0000": 120.0,
        "Mon, 30 Nov 2026 10:02:00": 120.0,
    }.items():
        refusing.says([Say(503, "busy", {"Retry-After": after, "Date": date})])
        with pytest.raises(BusyError) as found:
            way.ship()
        assert found.value.after_s == seconds, after
    refusing.says([refusing_influx.busy(429)])
    with pytest.raises(BusyError) as found:
        way.ship()
    assert found.value.after_s is None


@pytest.mark.parametrize(
    ("status", "kind", "what_to_do"),
    [
        (401, StoppedError, "firstbell influx setup` makes another one"),
        (403, StoppedError, "firstbell influx setup` makes one that may"),
        (404, StoppedError, "firstbell influx setup` makes it"),
        (405, StoppedError, "answers 405"),
        (400, RefusedError, "refused by the test"),
        (422, RefusedError, "refused by the test"),
        (413, TooLargeError, "no request so large"),
        (408, BusyError, "patience"),
        (425, BusyError, "patience"),
        (429, BusyError, "patience"),
        (500, BusyError, "patience"),
        (503, BusyError, "patience"),
    ],
)
def test_every_answer_is_told_apart(
    refusing: RefusingInflux, status: int, kind: type[InfluxError], what_to_do: str
) -> None:
    """Which of them pause, and what somebody has to do then, in words with the server's own in them."""
    refusing.says([refusing_influx.refuse(status)])
    with closing(_door(refusing)) as door, pytest.raises(kind, match=what_to_do) as found:
        door.write(refusing.bucket, [b"m f=1 1"])
    assert type(found.value) is kind
    assert "refused by the test" in str(found.value)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_portals_page_is_no_success(refusing: RefusingInflux, status: int) -> None:
    """Only 204 says that the points are in."""
    refusing.says([Say(status, body=b"<html>Welcome to Maple Valley Guest Wi-Fi")])
    with closing(_door(refusing)) as door, pytest.raises(StoppedError, match=f"is no InfluxDB.*{status}"):
        door.write(refusing.bucket, [b"m f=1 1"])


@pytest.mark.parametrize("status", [400, 422])
def test_a_page_of_somebody_else_is_no_word_on_points(
    way: Road, bench: Bench, refusing: RefusingInflux, status: int
) -> None:
    """A proxy that can't bear a request sets nothing aside, however few reports are under way."""
    bench.send(1, reports(1, 2))
    for body in (b"<html>Bad request", b"", b"[]", b'"no"', b'{"detail": 5}'):
        refusing.says([Say(status, body=body)] * 3)
        with pytest.raises(StoppedError, match="is no InfluxDB"):
            way.ship()
    assert (way.arrival, way.outbox.asides()) == (0, 0)
    refusing.says(())
    way.ship()
    assert way.wrong() == []


def test_a_connection_that_breaks_within_the_body_loses_nothing(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """Cut before all was said: nothing was stored, and it is said again."""
    bench.send(1, reports(1, 10))
    refusing.reads = 50
    with pytest.raises(AwayError, match="can't be reached"):
        way.ship()
    assert (way.arrival, refusing.points()) == (0, {})
    refusing.reads = None
    way.ship()
    assert way.wrong() == []


@pytest.mark.parametrize("stores", [False, True])
def test_who_hangs_is_given_up_and_asked_again(bench: Bench, refusing: RefusingInflux, stores: bool) -> None:
    """After the time to wait for an answer; nothing is doubled if it was stored after all."""
    with closing(Road(bench, refusing, refusing.bucket, timeouts_ms=(300, 300))) as way:
        bench.send(1, reports(1, 10))
        refusing.says([refusing_influx.hang(stores=stores)])
        began = time.monotonic()
        with pytest.raises(AwayError):
            way.ship()
        assert 0.25 <= time.monotonic() - began < 5
        assert way.arrival == 0
        way.ship()
        assert way.wrong() == []
        refusing.release()


def test_slow_is_not_away(bench: Bench, refusing: RefusingInflux) -> None:
    """An answer that comes within the time is one."""
    with closing(Road(bench, refusing, refusing.bucket, batch=5)) as way:
        bench.send(1, reports(1, 10))
        refusing.says(lambda _asked: refusing_influx.slow(0.2))
        way.ship()
        assert way.wrong() == []


def test_nobody_there(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """Refused connections lose nothing; back at its address, it gets everything."""
    bench.send(1, reports(1, 10))
    refusing.stop()
    with pytest.raises(AwayError, match="can't be reached: "):
        way.ship()
    assert way.arrival == 0
    refusing.start()
    way.ship()
    assert way.wrong() == []


def test_a_lie_cannot_be_seen_but_can_be_mended(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """204 for what was not stored: the oracle sees it, and shipping anew heals it."""
    bench.send(1, reports(1, 20))
    refusing.says([LIE])
    way.ship()
    assert len(way.wrong()) == 10
    way.outbox.step_back("one", 0)
    way.outbox.begin(way.bucket.store, way.folder.district.digest, way.folder.district.settings.name)
    way.ship()
    assert way.wrong() == []


def test_never_are_two_batches_on_their_way(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """No request begins before the one before it was answered: the cursor could not tell what is in."""
    bench.send(1, reports(1, 50))
    refusing.says(lambda _asked: refusing_influx.slow(0.05))
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


def test_progress_is_told_after_each_batch(way: Road, bench: Bench) -> None:
    """Up to which report all is out, and which is the newest."""
    bench.send(1, reports(1, 25))
    told: list[tuple[int, int]] = []
    way.shipper.catch_up(lambda at, goal: told.append((at, goal)))
    assert told == [(10, 25), (20, 25), (25, 25)]


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


def test_two_boxes_with_one_name_are_both_there(way: Road, bench: Bench) -> None:
    """A cloned card: same name, same moments, two epochs. Each report is a point of its own."""
    bench.send(1, reports(1, 10))
    bench.send(1, reports(1, 10), epoch="00000000000000bb")
    assert way.ship().shipped == 20
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


def test_names_beyond_a_boxs_share_stay_one_when_they_are_sent_again(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """Whatever was known of them when they went out first: a report never becomes two points."""
    bench.send(1, [report(n, target=f"t{n}", at_ns=NOW_NS - n) for n in range(MOST_NAMES + 30)])
    refusing.says([Say(), Say(), refusing_influx.hang_up(stores=True)])
    with pytest.raises(AwayError):
        way.ship()
    way.shipper = way.made(batch=60)
    way.ship()
    assert way.wrong() == []
    assert sum("target=_other" in line for line in set(refusing.accepted)) == 30


def test_a_bucket_that_bears_the_name_no_more_is_left_alone(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """After somebody's rebuild another bucket has the name: whoever still writes to the one before stops."""
    bench.send(1, reports(1, 10))
    way.ship()
    with closing(Road(bench, refusing, refusing.make_bucket(), store="before")) as late:
        late.bucket = late.bucket._replace(name=refusing.bucket)
        late.shipper = late.made()
        with pytest.raises(BusyError, match="another one by now"):
            late.ship()
    assert way.outbox.state() is not None
    assert way.arrival == 10


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


def test_a_program_that_dies_within_a_batch_loses_nothing(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """Nothing is noted before the server's word: whoever comes next sends it again."""
    bench.send(1, reports(1, 10))
    refusing.says([refusing_influx.hang(stores=True)])
    dying = threading.Thread(target=_swallow, args=(way,), daemon=True)
    dying.start()
    wait_until(lambda: len(refusing.points()) == 10)
    with closing(Road(bench, refusing, refusing.bucket)) as after:
        assert after.arrival == 0
        after.ship()
        assert after.wrong() == []
    refusing.release()
    dying.join()


def test_a_second_shipper_that_steps_back_is_not_overruled(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """A server that lost what it took: who noticed it ships it again, whoever else is under way meanwhile."""
    bench.send(1, reports(1, 30))

    def script(asked: Asked) -> Say:
        if asked.number == 2:
            refusing._buckets[refusing.bucket].points.clear()
            with closing(Road(bench, refusing, refusing.bucket)) as other:
                digest, name = other.folder.district.digest, other.folder.district.settings.name
                other.outbox.begin(refusing.bucket, digest, name)
        return Say()

    refusing.says(script)
    with pytest.raises(BusyError, match="begun anew"):
        way.ship()
    way.ship()
    assert way.wrong() == []


def test_two_shippers_at_once_lose_and_double_nothing(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """A collector that runs, and somebody who types `firstbell influx ship` meanwhile."""
    bench.send(1, reports(1, 300))
    with closing(Road(bench, refusing, refusing.bucket, batch=7)) as other:
        threads = [threading.Thread(target=each.ship) for each in (way, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert way.arrival == 300
        assert way.wrong() == []


def _swallow(way: Road) -> None:
    with pytest.raises(InfluxError):
        way.ship()


def _door(refusing: RefusingInflux) -> Server:
    return Server(Address(refusing.url, refusing.org, refusing.token), (1000, 1000))


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
    assert gzip.decompress(gzip.compress(line.encode())).decode() == line
