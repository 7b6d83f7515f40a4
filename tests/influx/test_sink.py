"""InfluxDB 2.9.1 itself at the end of the way: killed, hung, torn and full of what people wrote, it ends up right."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.clock import SystemClock
from collector.sinks import influx
from collector.sinks.answers import AwayError, InfluxError
from collector.store.outbox import DAY_NS
from firstbell.points import MEASUREMENTS, TAGS, Names, Placer, Point, Row, of_report, report_of
from firstbell.report import Stored
from tests.collector.workbench import BOX, NOW_NS, Bench, report
from tests.firstbell.test_points import district, seen
from tests.support.influxdb import Influx1, Influx2
from tests.support.reports import any_report, stored, words
from tests.support.shipping import Road, reports, write_folder

HOUR_NS = 3600 * 10**9
OTHER = "roosevelt-2"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A collector without its network."""
    made = Bench(tmp_path)
    yield made
    made.close()


def to(influxd2: Influx2, bucket: str, bench: Bench, **how: object) -> Road:
    """A way from the bench to a bucket."""
    return Road(bench, influxd2, bucket, store=influxd2._ids[bucket], **how)  # type: ignore[arg-type]


@pytest.fixture
def way(influxd2: Influx2, bucket: str, bench: Bench) -> Iterator[Road]:
    """From a journal to an empty bucket, a hundred reports at a time."""
    with closing(to(influxd2, bucket, bench)) as made:
        yield made


def send(bench: Bench, count: int, agent: str = BOX, first: int = 1) -> None:
    """So many reports, one a minute, in batches of 250."""
    for number in range(first, first + count, 250):
        bench.send(number, reports(number, min(250, first + count - number)), agent=agent)


def test_everything_is_there_once_and_at_its_own_time(way: Road, bench: Bench) -> None:
    """Of two boxes, one of which nobody entered; a second time nothing changes."""
    send(bench, 250)
    send(bench, 30, OTHER)
    for _ in range(2):
        assert way.ship().shipped == 280
        assert way.wrong() == []


_NUMBERS = count(1)


@settings(max_examples=60)
@given(
    st.lists(stored(any_report(st.integers(NOW_NS - DAY_NS, NOW_NS))), min_size=1, max_size=5),
    words(80),
    st.integers(0, 1),
)
def test_whatever_a_report_says_the_server_takes_and_gives_back(
    influxd2: Influx2, rows: list[Stored], name: str, most: int
) -> None:
    """Any valid report in a district of any name: no line is refused, and the same report comes back of it."""
    agent = f"box-{next(_NUMBERS)}"
    placer, names = Placer(district(), name), Names(most=most * 5)
    made = [(row, of_report(Row(row._replace(agent=agent), n), placer, names)) for n, row in enumerate(rows)]
    points = {n: point for n, (_, point) in enumerate(made) if isinstance(point, Point)}
    answer = influxd2.write(b"\n".join(influx.lines(points.values())).decode())
    assert answer.status == 204, answer.body
    for n, point in points.items():
        twin = f" AND twin = '{n}'" if n else " AND twin = ''"
        found = influxd2.query(
            f"SELECT * FROM \"{point.measurement}\" WHERE agent = '{agent}' AND time = {point.at_ns}{twin}"
        )
        assert len(found) == 1
        assert report_of(_read(point, found[0])) == seen(rows[n]._replace(agent=agent))
        assert (found[0]["district"] or "") == placer.name


def _read(sent: Point, row: dict[str, object]) -> Point:
    """The point of a row: InfluxQL leaves the point of a whole number away, and says nothing of absent ones."""
    tags = {name: str(row[name]) for name in TAGS if row.get(name)}
    fields = {name: row[name] for name in row if name not in TAGS and name not in {"name", "time"}}
    there = {
        name: float(value) if isinstance(sent.fields.get(name), float) else value  # type: ignore[arg-type]
        for name, value in fields.items()
        if value is not None
    }
    assert set(there) == set(sent.fields)
    return Point(str(row["name"]), tags, there, int(str(row["time"])))  # type: ignore[arg-type]


PEOPLE_WRITE = [
    'O\'Neil "9" High',
    "a=b, c\\d",
    "Grüße 🎒",
    "ends in \\",
    "  wide  open ",
    "x" * 80,
    "'); DROP--",
]


@pytest.mark.parametrize("name", PEOPLE_WRITE)
def test_what_people_wrote_can_be_shipped_corrected_and_taken_away(
    influxd2: Influx2, bucket: str, bench: Bench, name: str
) -> None:
    """Names of districts, rooms and bells: no line is refused, and each can be found again to be deleted."""
    path = bench.path.parent / "district"
    bell = name.replace("\\", "\\\\").replace('"', '\\"')[:30]
    toml = f'[calendars.default]\nbells.a = ["09:00-15:00 {bell}"]\nusual = "a"'
    cell = '"' + name.replace('"', '""') + '"'
    write_folder(path, name=name[:80], toml=toml, seats=[f"{BOX},lincoln,{cell},line,"])
    with closing(to(influxd2, bucket, bench)) as way:
        send(bench, 50)
        state = way.ship()
        assert (state.shipped, way.outbox.asides()) == (50, 0)
        assert way.wrong(folder=None, district=way.shipper_name) == []
        write_folder(path, name=name[:80], toml=toml, seats=[f"{BOX},mill,1,mill-line,"])
        way.load()
        way.ship()
        assert way.wrong(folder=None, district=way.shipper_name) == []
        assert {row["room"] for row in influxd2.query("SELECT * FROM latency", bucket)} == {"1"}
        write_folder(path, name="Plain", seats=[f"{BOX},mill,1,mill-line,"])
        way.load()
        way.ship()
        assert way.wrong() == []


def test_killed_between_two_batches_and_back_again(way: Road, bench: Bench, influxd2: Influx2) -> None:
    """What it had acknowledged is there, the rest goes out when it is back."""
    send(bench, 500)
    with pytest.raises(InfluxError):
        way.shipper.catch_up(lambda at, _goal: influxd2.kill() if at == 200 else None)
    assert 200 <= way.arrival < 500
    influxd2.start()
    way.ship()
    assert way.arrival == 500
    assert way.wrong() == []


def test_killed_at_any_moment_again_and_again(way: Road, bench: Bench, influxd2: Influx2) -> None:
    """Three power cuts while it is written to: nothing is lost, nothing doubled."""
    send(bench, 1500)
    for wait_s in (0.02, 0.05, 0.11):
        killer = threading.Timer(wait_s, influxd2.kill)
        killer.start()
        with suppress(InfluxError):
            way.ship()
        killer.join()
        influxd2.start()
    way.ship()
    assert way.arrival == 1500
    assert way.wrong() == []


def test_hung_it_is_given_up_and_asked_again(influxd2: Influx2, bucket: str, bench: Bench) -> None:
    """Stopped in its tracks while it holds a write: whether that was stored or not, all is there once."""
    with closing(to(influxd2, bucket, bench, timeouts_ms=(300, 300))) as way:
        send(bench, 300)
        with pytest.raises(AwayError):
            way.shipper.catch_up(lambda at, _goal: influxd2.hang() if at == 100 else None)
        with pytest.raises(AwayError):
            way.ship()
        influxd2.resume()
        way.ship()
        assert way.arrival == 300
        assert way.wrong() == []


def test_after_a_week_everything_lands_at_its_own_time(way: Road, bench: Bench, influxd2: Influx2) -> None:
    """Nobody there for seven days, in which reports come in each hour: all stand where they were measured."""
    way.ship()
    influxd2.kill()
    for day in range(7):
        begin_ns = bench.clock.wall_ns
        bench.clock.passes(DAY_NS)
        hours = range(24)
        bench.send(
            day * 24 + 1,
            [report(n, at_ns=begin_ns + n * HOUR_NS, rtt_ms=day * 24 + n) for n in hours],
        )
        with pytest.raises(AwayError):
            way.ship()
        assert way.arrival == 0
    influxd2.start()
    way.ship()
    assert way.arrival == 7 * 24
    assert way.wrong() == []
    rows = influxd2.query("SELECT rtt_p50_ms FROM latency", way.bucket.name)
    assert [(row["time"], row["rtt_p50_ms"]) for row in rows] == [
        (NOW_NS + n * HOUR_NS, n) for n in range(7 * 24)
    ]


def test_a_torn_log_is_healed_by_a_step_back(way: Road, bench: Bench, influxd2: Influx2) -> None:
    """What a server acknowledged after a power cut within a write, and lost at its next start, goes out again."""
    send(bench, 100)
    way.ship()
    influxd2.kill()
    influxd2.tear(way.bucket.name)
    influxd2.start()
    send(bench, 150, first=101)
    way.ship()
    assert way.wrong() == []
    influxd2.stop()
    influxd2.start()
    assert len(way.wrong()) >= 150
    # It was sent to again once already, after the power cut; for a second time that waits for an hour.
    way.ship()
    bench.clock.passes(HOUR_NS)
    way.ship()
    assert way.arrival == 250
    assert way.wrong() == []


CORRECTIONS: dict[str, Callable[[Path], None]] = {
    "another room": lambda path: write_folder(path, seats=[f"{BOX},lincoln,14,line,"]),
    "another school": lambda path: write_folder(path, seats=[f"{BOX},mill,1,mill-line,"]),
    "moved in between": lambda path: write_folder(
        path, seats=[f"{BOX},lincoln,12,line,", f"{BOX},mill,1,mill-line,2026-09-20"]
    ),
    "no seat": lambda path: write_folder(path, seats=[f"{OTHER},lincoln,12,line,"]),
    "a seat more": lambda path: write_folder(
        path, seats=[f"{BOX},lincoln,12,line,", f"{OTHER},mill,,mill-line,"]
    ),
    "to the hub": lambda path: write_folder(path, seats=[f"{BOX},,,line,"]),
    "hours of class": lambda path: write_folder(path, toml="class_from = 08:00:00\nclass_to = 14:00:00"),
    "time zone": lambda path: write_folder(path, toml='tz = "America/Los_Angeles"'),
    "district renamed": lambda path: write_folder(path, name="Oak Valley"),
    "renamed and moved": lambda path: write_folder(
        path, name="Oak Valley", seats=[f"{BOX},mill,1,mill-line,"]
    ),
}


@pytest.mark.parametrize("correction", CORRECTIONS.values(), ids=CORRECTIONS)
def test_a_corrected_folder_ships_what_it_touches_and_takes_the_wrong_away(
    way: Road, bench: Bench, correction: Callable[[Path], None]
) -> None:
    """Days of two boxes, and reports that come in after the correction: each once, in its right place."""
    for agent in (BOX, OTHER):
        bench.send(1, [report(n, at_ns=NOW_NS - n * 2 * HOUR_NS) for n in range(40)], agent=agent)
    way.ship()
    bench.send(41, reports(41, 20))
    correction(way.folder_path)
    way.load()
    state = way.ship()
    assert (state.arrival, way.outbox.days_left()) == (100, 0)
    assert way.wrong() == []


def test_a_day_off_entered_late(way: Road, bench: Bench, influxd2: Influx2) -> None:
    """Its points say so afterwards, and those of other days are left alone."""
    bench.send(1, [report(n, at_ns=NOW_NS - n * HOUR_NS) for n in range(72)])
    way.ship()
    write_folder(way.folder_path, toml='[calendars.default]\nholidays = ["2026-09-18 Teachers"]')
    way.load()
    seen: list[tuple[int, int]] = []
    delete = way.door.delete

    def spy(bucket: str, begin_ns: int, end_ns: int, tags: dict[str, str]) -> None:
        seen.append((begin_ns // DAY_NS, end_ns // DAY_NS))
        delete(bucket, begin_ns, end_ns, tags)

    way.door.delete = spy  # type: ignore[method-assign,assignment]
    way.ship()
    friday = 20714
    assert seen == [(friday, friday + 2)]
    rows = influxd2.query("SELECT period, seq FROM latency", way.bucket.name)
    off = [row["time"] for row in rows if row["period"].startswith("day off")]
    assert len(rows) == 72
    begin = friday * DAY_NS + 4 * HOUR_NS
    assert off == [row["time"] for row in rows if begin <= row["time"] < begin + DAY_NS]
    assert off


def test_killed_while_days_go_out_again(way: Road, bench: Bench, influxd2: Influx2) -> None:
    """Between taking away and shipping once more: the list stands in the journal, and the work goes on."""
    bench.send(1, [report(n, at_ns=NOW_NS - n * 6 * HOUR_NS) for n in range(200)])
    way.ship()
    CORRECTIONS["another school"](way.folder_path)
    way.load()
    write, writes = way.door.write, count(1)

    def failing(bucket: str, lines: list[bytes]) -> None:
        if next(writes) == 2:
            influxd2.kill()
        write(bucket, lines)

    way.door.write = failing  # type: ignore[method-assign,assignment]
    way.shipper = way.made(batch=50)
    with pytest.raises(AwayError):
        way.ship()
    assert way.outbox.days_left() > 0
    influxd2.start()
    assert len(way.wrong()) > 0
    way.ship()
    assert way.wrong() == []


def test_a_folder_that_nobody_kept_ships_everything_again(way: Road, bench: Bench) -> None:
    """Where it can't be told what was otherwise, all that the bucket keeps goes out once more."""
    send(bench, 100)
    way.ship()
    way.outbox.place_anew("a digest that nobody knows", "Maple Valley", [])
    CORRECTIONS["another room"](way.folder_path)
    way.load()
    way.ship()
    assert way.wrong() == []


def test_a_server_that_is_started_again_and_again_is_healed_within_the_hour(
    way: Road, bench: Bench, influxd2: Influx2
) -> None:
    """However many starts there were, and whatever each of them lost: all of it goes out once more."""
    send(bench, 50)
    way.ship()
    for first in (51, 101):
        influxd2.kill()
        influxd2.tear(way.bucket.name)
        influxd2.start()
        send(bench, 50, first=first)
        way.ship()
    influxd2.kill()
    influxd2.start()
    bench.clock.passes(HOUR_NS)
    way.ship()
    assert way.arrival == 150
    assert way.wrong() == []


def test_a_bucket_that_was_made_anew_gets_everything(bench: Bench, influxd2: Influx2) -> None:
    """Deleted and made again under its name: it is empty, and all goes out once more."""
    bucket = influxd2.make_bucket()
    with closing(to(influxd2, bucket, bench)) as way:
        send(bench, 30)
        way.ship()
    influxd2.delete_bucket(bucket)
    influxd2.make_bucket(bucket)
    with closing(to(influxd2, bucket, bench)) as way:
        assert way.ship().shipped == 30
        assert way.wrong() == []
    influxd2.delete_bucket(bucket)


def test_many_boxes_are_corrected_together(way: Road, bench: Bench, influxd2: Influx2) -> None:
    """More than ten: one deletion for each measurement instead of one for each box."""
    boxes = [f"box-{n}" for n in range(12)]
    for agent in boxes:
        bench.send(1, [report(n, at_ns=NOW_NS - n * 12 * HOUR_NS) for n in range(6)], agent=agent)
    way.ship()
    write_folder(way.folder_path, seats=[f"{agent},mill,{n},mill-line," for n, agent in enumerate(boxes)])
    way.load()
    seen: list[dict[str, str]] = []
    delete = way.door.delete

    def spy(bucket: str, begin_ns: int, end_ns: int, tags: dict[str, str]) -> None:
        seen.append(tags)
        delete(bucket, begin_ns, end_ns, tags)

    way.door.delete = spy  # type: ignore[method-assign,assignment]
    way.ship()
    assert seen == [{"district": "Maple Valley", "_measurement": name} for name in MEASUREMENTS]
    assert way.wrong() == []
    assert influxd2.query("SELECT COUNT(seq) FROM latency", way.bucket.name)[0]["count"] == 72


def test_other_districts_in_the_bucket_are_left_alone(way: Road, bench: Bench, influxd2: Influx2) -> None:
    """Corrections and a new name delete what bears our name and no more, though a box has the same."""
    foreign = f"latency,agent={BOX},district=Elsewhere,status=ok rtt_p50_ms=1 {NOW_NS - HOUR_NS}"
    assert influxd2.write(foreign, way.bucket.name).status == 204
    send(bench, 50)
    way.ship()
    for correction in ("another room", "district renamed"):
        CORRECTIONS[correction](way.folder_path)
        way.load()
        way.ship()
        assert way.wrong() == []
        elsewhere = influxd2.query("SELECT * FROM latency WHERE district = 'Elsewhere'", way.bucket.name)
        assert [row["rtt_p50_ms"] for row in elsewhere] == [1]


def test_at_the_edge_of_what_the_bucket_keeps(influxd2: Influx2, bench: Bench) -> None:
    """Reports on both sides of it: the younger are there, the older are counted, and nobody is set aside."""
    bench.clock.wall_ns = now_ns = SystemClock().now_ns()
    bucket = influxd2.make_bucket(keep_s=2 * 86_400)
    with closing(to(influxd2, bucket, bench, days=3)) as way:
        # What lies in one day of UTC with something younger, the server may keep all the same.
        ages = [2.5, 1.0, 3.5, 0.9, 2.6, 4.0, 0.1]
        bench.send(1, [report(n, at_ns=now_ns - int(age * DAY_NS)) for n, age in enumerate(ages)])
        state = way.ship()
        assert (state.arrival, state.shipped, state.too_old, way.outbox.asides()) == (7, 3, 4, 0)
        assert way.wrong(since_ns=now_ns - 2 * DAY_NS) == []
    influxd2.delete_bucket(bucket)


def test_a_field_that_has_another_type_there_sets_its_reports_aside(
    way: Road, bench: Bench, influxd2: Influx2
) -> None:
    """Somebody else wrote into our measurement: who can't be written is found, shown, and holds up no other."""
    assert influxd2.write(f'latency hops="many" {NOW_NS - DAY_NS}', way.bucket.name).status == 204
    rows = reports(1, 60)
    for n in (7, 30):
        rows[n].readings["hops"] = 4
    bench.send(1, rows)
    way.ship()
    asides = way.outbox.aside(-1)
    assert [one.arrival for one in asides] == [31, 8]
    assert all("field type conflict" in one.reason for one in asides)
    assert way.wrong() == []


def test_the_old_kind_holds_the_same_and_answers_the_same(
    way: Road, bench: Bench, influxd2: Influx2, influxd1: Influx1, database: str
) -> None:
    """Debian's 1.6 takes the very lines, gives every report back, and agrees on quantiles and counts."""
    hosts = [report(n, probe="host", at_ns=NOW_NS - n * HOUR_NS) for n in range(50)]
    bench.send(1, [*reports(1, 100), *hosts])
    way.ship()
    placer, names = Placer(way.folder.district), Names()
    points = [of_report(row, placer, names) for row in way.outbox.after(0, 999)]
    lines = b"\n".join(influx.lines(point for point in points if isinstance(point, Point)))
    assert influxd1.write(lines.decode(), database).status == 204
    for query in (
        "SELECT * FROM latency",
        "SELECT * FROM host",
        'SELECT PERCENTILE("rtt_p50_ms", 95), COUNT("seq") FROM latency GROUP BY "school", "period"',
        'SELECT MEAN("rtt_p50_ms") FROM host GROUP BY time(1d) fill(none)',
        'SHOW TAG VALUES WITH KEY = "period"',
        "SHOW MEASUREMENTS",
        "SHOW FIELD KEYS",
    ):
        assert influxd1.query(query, database) == influxd2.query(query, way.bucket.name), query
