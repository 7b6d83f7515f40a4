"""Several districts in one InfluxDB: each collector ships, verifies and rebuilds its own, and nothing else.

Both have a box of the same name, with reports of the same moments.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector import influxdb, registry
from collector.cli import main
from collector.clock import SystemClock
from collector.config import Home, InfluxSettings
from collector.questions.verify import Verified
from collector.sinks.influx import Server
from collector.store.decisions import keep_district
from collector.store.outbox import Outbox
from collector.store.reads import Reads
from tests.collector.workbench import BOX, Bench
from tests.support.influx_oracle import differences
from tests.support.influxdb import Influx2
from tests.support.shipping import DAY_NS, reports, write_folder

MAPLE, OAK = "Maple Valley", "Oak Valley"
OTHER = "mill-1"
SEATS = (f"{BOX},lincoln,12,line,", f"{OTHER},mill,1,mill-line,")
_NUMBERS = count(1)


class District:
    """One district's collector: a journal, a folder, and a way into a bucket that others use, too."""

    def __init__(self, folder: Path, server: Influx2, bucket: str, name: str, *, called: str = "") -> None:
        self.home, self.influx = Home(folder), server
        folder.mkdir()
        write_folder(self.home.district, name=name, seats=SEATS)
        self.bench = Bench(folder)
        self.bench.clock.wall_ns = SystemClock().now_ns()
        self.settings = InfluxSettings(url=server.url, org=server.org, bucket=bucket, district=called)
        self.name = called or name
        self._set_up()
        self._sent: dict[str, int] = {}

    def _set_up(self) -> None:
        told = self.settings
        argv = ["--data", str(self.home.folder), "influx", "setup", "--url", told.url, "--org", told.org]
        argv += ["--bucket", told.bucket, *(["--district", told.district] if told.district else [])]
        said = CliRunner().invoke(main, argv, env={"INFLUX_TOKEN": self.influx.token})
        assert said.exit_code == 0, said.output

    def measure(self, number: int, agent: str = BOX) -> None:
        """So many reports more of a box, one a minute since yesterday."""
        first = self._sent.get(agent, 0) + 1
        since_ns = self.bench.clock.wall_ns - DAY_NS
        epoch = "00000000000000aa" if agent == BOX else "00000000000000bb"
        self.bench.send(first, reports(first, number, since_ns), agent=agent, epoch=epoch)
        self._sent[agent] = first + number - 1

    def folder(self) -> registry.Folder:
        """The folder as it stands on the disk, kept as a collector keeps it."""
        found = registry.read(self.home.district)
        keep_district(self.bench.journal, found.district.digest, found.contents, self.bench.clock.now_ns())
        return found

    def ship(self) -> None:
        """Everything there is, copies and sums with it, as `firstbell influx ship` does."""
        journal, folder = self.bench.journal, self.folder()
        outbox, reads = Outbox(journal), Reads(journal)
        way = influxdb.way(self.home, self.settings, journal, reads, lambda: folder, self.home.clock, outbox)
        for work in way.works():
            work()
        outbox.close()
        reads.close()

    def verify(self) -> Verified:
        """What `firstbell influx verify` finds."""
        return influxdb.verify(self.home, self.settings, self.bench.journal, self.folder(), lambda *_: None)

    def rebuild(self) -> influxdb.Rebuilt:
        """What `firstbell influx rebuild` does."""
        return influxdb.rebuild(self.home, self.settings, self.bench.journal, self.folder(), lambda *_: None)

    def wrong(self) -> list[str]:
        """What the oracle says of this district's reports."""
        return differences(
            self.influx, self.settings.bucket, self.bench.path, self.home.district, district=self.name
        )

    def points(self, bucket: str = "") -> list[dict[str, Any]]:
        """All of this district's points in a bucket, copies and sums with them, each with its measurement."""
        where = f"WHERE district = '{self.name}'"
        rows = self.influx.query(f"SELECT * FROM /.*/ {where}", bucket or self.settings.bucket)
        # A column that any point of the bucket has stands in every row.
        return sorted(
            ({key: said for key, said in row.items() if said is not None} for row in rows), key=repr
        )

    def everything(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Its points in both buckets."""
        return self.points(), self.points(self.settings.rollups)

    def counted(self) -> int:
        """How many reports of it a board would count."""
        rows = self.influx.query(
            f"SELECT count(seq) FROM latency WHERE district = '{self.name}'", self.settings.bucket
        )
        return sum(row["count"] for row in rows)


@pytest.fixture
def pair(tmp_path: Path, influxd2: Influx2) -> Iterator[tuple[District, District]]:
    """Two districts in one bucket: 300 reports of the first one's two boxes, 100 of the other's."""
    bucket = f"state-{next(_NUMBERS)}"
    maple = District(tmp_path / "maple", influxd2, bucket, MAPLE)
    oak = District(tmp_path / "oak", influxd2, bucket, OAK)
    maple.measure(200)
    maple.measure(100, OTHER)
    oak.measure(100)
    for one in (maple, oak):
        one.ship()
    yield maple, oak
    for one in (maple, oak):
        one.bench.close()


def test_each_districts_counts_are_its_own(pair: tuple[District, District]) -> None:
    """By the tag `district`, which the boards choose by; and together they are all there is."""
    maple, oak = pair
    assert (maple.counted(), oak.counted()) == (300, 100)
    rows = maple.influx.query("SELECT count(seq) FROM latency", maple.settings.bucket)
    assert rows[0]["count"] == 400
    named = maple.influx.query('SHOW TAG VALUES WITH KEY = "district"', maple.settings.bucket)
    assert {row["value"] for row in named} == {MAPLE, OAK}


def test_each_finds_itself_whole(pair: tuple[District, District]) -> None:
    """Nothing of the other's is strange to it, not even of the box that bears the same name."""
    for one, boxes, points in zip(pair, (2, 1), (300, 100), strict=True):
        found = one.verify()
        assert (found.same, found.boxes, found.points) == (True, boxes, points), found.differences
        assert one.wrong() == []


def test_shipping_more_of_one_changes_nothing_of_the_other(pair: tuple[District, District]) -> None:
    """Reports, copies and sums of the other stay as they are, point by point."""
    maple, oak = pair
    before = oak.everything()
    maple.measure(50)
    maple.ship()
    assert (maple.counted(), oak.everything()) == (350, before)


def test_rebuilding_one_leaves_the_others_points(pair: tuple[District, District]) -> None:
    """In place, because the other one is in it; afterwards both are whole."""
    maple, oak = pair
    before = oak.everything()
    done = maple.rebuild()
    assert (done.shipped, done.in_place, done.others) == (300, True, (OAK,))
    assert oak.everything() == before
    assert maple.verify().same
    assert oak.verify().same


def test_a_loss_in_one_is_the_others_loss_in_nothing(pair: tuple[District, District]) -> None:
    """What is gone of one district is missed by that one alone, and comes back to it."""
    maple, oak = pair
    before = oak.everything()
    server = Server(influxdb.address(maple.home, maple.settings, maple.influx.token))
    server.clear(maple.settings.bucket, {"district": MAPLE, "agent": BOX})
    server.close()
    assert (maple.verify().same, oak.verify().same) == (False, True)
    maple.rebuild()
    assert maple.verify().same
    assert oak.everything() == before


def test_a_corrected_folder_moves_its_own_points_alone(pair: tuple[District, District]) -> None:
    """A seat of one district is corrected: its days go out again, and the other's box stays where it was."""
    maple, oak = pair
    before = oak.everything()
    write_folder(
        maple.home.district, name=MAPLE, seats=(f"{BOX},mill,7,mill-line,", f"{OTHER},mill,1,mill-line,")
    )
    maple.ship()
    rows = maple.influx.query(
        f"SELECT count(seq) FROM latency WHERE agent = '{BOX}' GROUP BY district, school, room",
        maple.settings.bucket,
    )
    assert {(row["district"], row["school"], row["room"], row["count"]) for row in rows} == {
        (MAPLE, "mill", "7", 200),
        (OAK, "lincoln", "12", 100),
    }
    assert oak.everything() == before
    assert maple.verify().same
    assert oak.verify().same


def test_renaming_one_takes_away_its_own_points_alone(pair: tuple[District, District]) -> None:
    """Its old name is gone from every measurement, and the other's points are as they were."""
    maple, oak = pair
    before = oak.everything()
    write_folder(maple.home.district, name="Elm Valley", seats=SEATS)
    maple.ship()
    assert maple.everything() == ([], [])
    maple.name = "Elm Valley"
    assert maple.counted() == 300
    assert oak.everything() == before
    assert maple.verify().same


def test_the_name_in_the_settings_is_the_one_that_points_bear(tmp_path: Path, influxd2: Influx2) -> None:
    """Two folders of one name (a state's template) are told apart by `[influx] district`."""
    bucket = f"state-{next(_NUMBERS)}"
    pair = [
        District(tmp_path / called, influxd2, bucket, "District", called=called) for called in ("d-1", "d-2")
    ]
    for one, number in zip(pair, (30, 20), strict=True):
        one.measure(number)
        one.ship()
    assert [one.counted() for one in pair] == [30, 20]
    assert all(one.verify().same for one in pair)
    for one in pair:
        one.bench.close()


def test_each_districts_token_goes_on_when_another_is_set_up(pair: tuple[District, District]) -> None:
    """The second district's `influx setup` ends no token of the first."""
    maple, oak = pair
    texts = [(one.home.folder / "influx.token").read_text(encoding="utf-8") for one in pair]
    assert texts[0] != texts[1]
    for one in (maple, oak):
        one.measure(10)
        one.ship()
    assert (maple.counted(), oak.counted()) == (310, 110)
