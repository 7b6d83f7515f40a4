"""Hours and days beside the reports: what is kept for how long, under which name, and where a box stood."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector import influxdb, registry
from collector.sinks.influx import Address, Server
from collector.sinks.rollups import Roller
from collector.sinks.standing import Bucket, Placed, Source
from collector.store.decisions import keep_district
from collector.store.outbox import DAY_NS, Outbox
from firstbell.points import MOST_NAMES, OTHER
from tests.collector.workbench import BOX, NOW_NS, Bench, report
from tests.support.influxdb import Influx2
from tests.support.shipping import write_folder

HOUR_NS = 3600 * 10**9
NOON_NS = NOW_NS - NOW_NS % DAY_NS + 17 * HOUR_NS
"""Noon in Chicago, and the middle of no day of UTC."""


class Hours:
    """A journal, a folder, and the bucket of its hours and days."""

    def __init__(self, folder: Path, server: Influx2, bucket: str) -> None:
        self.bench, self.server, self.bucket = Bench(folder), server, bucket
        self.bench.clock.wall_ns = NOON_NS + DAY_NS
        self.path = folder / "district"
        self.door = Server(Address(server.url, server.org, server.token))
        self.outbox = Outbox(self.bench.journal, "hours")
        self.names: dict[str, set[tuple[str, str, str]]] = {}
        self.write_folder()

    def write_folder(self, *seats: str, tz: str = "America/Chicago") -> None:
        """Place the box, by these rows of seats.csv."""
        write_folder(self.path, toml=f'tz = "{tz}"\n', seats=seats or (f"{BOX},lincoln,12,line,",))
        self.folder = registry.read(self.path)
        digest, contents = self.folder.district.digest, self.folder.contents
        keep_district(self.bench.journal, digest, contents, self.bench.clock.now_ns())

    def roll(self, *, days: int = 0, hourly_days: int = 0) -> None:
        """Sum up until nothing is left."""
        self.roller(days=days, hourly_days=hourly_days).catch_up()

    def roller(self, *, days: int = 0, hourly_days: int = 0) -> Roller:
        """What sums up, as after a start of the collector."""
        folder_of = influxdb.folder_of(self.bench.journal)
        return Roller(
            Source(
                self.outbox,
                self.bench.reads,
                lambda: Placed(self.folder.district),
                folder_of,
                self.bench.clock,
            ),
            self.door,
            Bucket(self.bucket, self.server._ids[self.bucket], days),
            names=lambda: self.names,
            hourly_days=hourly_days,
        )

    def rows(self, span: str) -> list[dict[str, Any]]:
        """The sums of round trips."""
        return self.server.query(f'SELECT * FROM "latency_{span}"', self.bucket)


@pytest.fixture
def hours(tmp_path: Path, influxd2: Influx2, bucket: str) -> Iterator[Hours]:
    """One that is empty."""
    made = Hours(tmp_path, influxd2, bucket)
    yield made
    made.outbox.close()
    made.door.close()
    made.bench.close()


def test_one_report_from_long_ago_keeps_no_sum_back(hours: Hours) -> None:
    """A box whose clock was years behind: its day is left out, and everybody else's is there."""
    hours.bench.send(1, [report(1, at_ns=NOON_NS - 2000 * DAY_NS), report(2, at_ns=NOON_NS)])
    hours.roll(days=100)
    assert [row["time"] for row in hours.rows("1d")] == [NOON_NS - NOON_NS % DAY_NS]
    state = hours.outbox.state()
    assert state is not None
    assert state.arrival == 2


def test_hours_are_kept_for_their_time_and_days_for_longer(hours: Hours) -> None:
    """What is too old for hours is summed by day alone; and hours that grew too old are taken away."""
    hours.bench.send(1, [report(1, at_ns=NOON_NS - 9 * DAY_NS), report(2, at_ns=NOON_NS)])
    roller = hours.roller(hourly_days=5)
    roller.catch_up()
    assert len(hours.rows("1d")) == 2
    assert [row["time"] for row in hours.rows("1h")] == [NOON_NS]
    hours.bench.send(3, [report(3, at_ns=NOON_NS - 8 * DAY_NS)])
    roller.catch_up()  # on the same day, on which what is too old was taken away already
    assert [row["time"] for row in hours.rows("1h")] == [NOON_NS]
    hours.bench.clock.passes(6 * DAY_NS)
    hours.roll(hourly_days=5)
    assert hours.rows("1h") == []
    assert len(hours.rows("1d")) == 3


def test_a_sum_belongs_where_the_box_stood_in_the_middle_of_it(hours: Hours) -> None:
    """A box that came in the course of a day of UTC has that day's sum where it then was."""
    begin = NOON_NS - NOON_NS % DAY_NS
    hours.write_folder(f"{BOX},mill,1,mill-line,", f"{BOX},lincoln,12,line,2026-09-20")
    hours.bench.send(1, [report(1, at_ns=begin), report(2, at_ns=begin + 20 * HOUR_NS)])
    hours.roll()
    assert {row["school"] for row in hours.rows("1d")} == {"lincoln"}
    placed = [(row["school"], row["room"], row["circuit"]) for row in hours.rows("1h")]
    assert placed == [(None, None, None), ("lincoln", "12", "line")]


def test_a_box_that_left_late_in_a_day_has_its_sum_where_it_was(hours: Hours) -> None:
    """Where a day begins in the afternoon of UTC, a move that comes after the middle of it moves no sum."""
    begin = NOON_NS - NOON_NS % DAY_NS
    hours.write_folder(f"{BOX},lincoln,12,line,", f"{BOX},mill,1,mill-line,2026-09-22", tz="Asia/Tokyo")
    hours.bench.send(
        1, [report(n, at_ns=begin + hour * HOUR_NS) for n, hour in enumerate((1, 14, 15, 23), 1)]
    )
    hours.roll()
    assert [row["school"] for row in hours.rows("1d")] == ["lincoln"]
    assert [row["school"] for row in hours.rows("1h")] == ["lincoln", "lincoln", None, None]


def test_names_beyond_a_box_s_share_are_one_sum(hours: Hours) -> None:
    """Whatever a box calls its targets: those that shipping calls one thing are one thing here, too."""
    hours.names = {BOX: {("latency", f"t{number}", "") for number in range(MOST_NAMES)}}
    named = [report(1, at_ns=NOON_NS, target="t1"), report(2, at_ns=NOON_NS + 1, target="x")]
    hours.bench.send(1, [*named, report(3, at_ns=NOON_NS + 2, target="y")])
    hours.roll()
    found = {row["target"]: row["count_rtt_p50_ms"] for row in hours.rows("1h")}
    assert found == {"t1": 1, OTHER: 2}


def test_a_corrected_seat_moves_its_sums(hours: Hours) -> None:
    """Where the box is entered elsewhere, the sums stand there, and nowhere else."""
    hours.bench.send(1, [report(1, at_ns=NOON_NS)])
    hours.roll()
    hours.write_folder(f"{BOX},mill,1,mill-line,")
    hours.roll()
    for span in ("1h", "1d"):
        assert [row["school"] for row in hours.rows(span)] == ["mill"]
