"""What is older than a bucket keeps stops nothing, and what goes on since before then is still known."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from collector import influxdb
from collector.cli import main
from collector.sinks import beside
from collector.store import gateways
from collector.store.gateways import Stretch, Try
from collector.store.outbox import Outbox
from collector.store.reads import Suspension
from tests.influx import town as towns
from tests.influx.town import MovedClock, Town
from tests.support.influxdb import Influx2

DAY_NS = 86_400 * 10**9


def stretch(begin_ns: int, last_ns: int) -> Stretch:
    """A stretch in which a gateway answered."""
    return Stretch("192.0.2.1", begin_ns, last_ns, 1, 99)


def test_a_stretch_that_began_long_ago_is_read_as_it_is() -> None:
    """It stands at the first day that is kept, once more each day, and is read once, with its true beginning."""
    points = [
        *beside.of_stretches([stretch(5, 200 * DAY_NS)], "d", 100 * DAY_NS + 1),
        *beside.of_stretches([stretch(5, 201 * DAY_NS)], "d", 101 * DAY_NS + 1),
    ]
    assert [point.at_ns for point in points] == [101 * DAY_NS, 102 * DAY_NS]
    rows = [{**point.tags, **point.fields, "time": point.at_ns} for point in points]
    assert beside.stretches_of(rows) == [stretch(5, 201 * DAY_NS)]


def test_a_doubt_from_long_ago_is_read_as_it_is() -> None:
    """The same of two boxes with one name, the newest first; but for people's own words."""
    doubts = [
        Suspension("a", "e3", "e4", "why", 300 * DAY_NS, 9, None, None, None, None),
        Suspension("a", "e1", "e2", "why", 7, 3, 8 * DAY_NS, 5, "somebody said so", 6),
    ]
    points = [
        *beside.of_doubts(doubts, "d", 100 * DAY_NS + 1),
        *beside.of_doubts(doubts, "d", 101 * DAY_NS + 1),
    ]
    rows = [{**point.tags, **point.fields, "time": point.at_ns} for point in points]
    assert beside.doubts_of(rows) == [doubts[0], doubts[1]._replace(note=None)]
    assert "somebody" not in str(points)


@pytest.fixture
def old_town(influxd2: Influx2, tmp_path: Path) -> Town:
    """A small district whose gateway has answered since long ago, and whose bucket keeps forty days."""
    found = towns.shipped(tmp_path / "home", influxd2, tmp_path.name, schools=2, days=4, keep_days=40)
    begin_ns = found.home.clock.now_ns() - 100 * DAY_NS
    with found.journal.writer() as db:
        address = found.folder.district.schools[0].gateway or "192.0.2.1"
        gateways.note(db, [Try(address, begin_ns, True)])
        db.execute(
            "UPDATE gateways SET last_ns = ? WHERE begin_ns = ?", (found.home.clock.now_ns(), begin_ns)
        )
    return found


def test_a_bucket_that_keeps_too_little_for_verdicts_is_asked_for_none(old_town: Town) -> None:
    """Thirty school days are more than its forty days: points are compared, and nobody is told a verdict of them."""
    found = old_town.verify()
    assert (found.same, found.verdicts) == (True, 0), found.differences
    assert found.points > 0
    assert "InfluxDB keeps 40 days, and the last 30 school days of" in found.without_verdicts
    argv = ["--data", str(old_town.home.folder), "ask", old_town.folder.district.schools[0].id]
    said = CliRunner().invoke(main, [*argv, "--from", "influx"])
    assert isinstance(said.exception, SystemExit), said.exception
    assert (said.exit_code, found.without_verdicts in " ".join(said.output.split())) == (1, True), said.output


def test_nothing_old_keeps_copies_and_sums_back(old_town: Town) -> None:
    """A gateway that has answered for a hundred days is told, and all that comes behind it is written, too."""
    later_ns = old_town.home.clock.now_ns() + 60 * 10**9
    way = old_town.way(MovedClock(later_ns))
    hourly = Outbox(old_town.journal, influxdb.ROLLUPS)
    hourly.forget()
    way.catch_up()
    state = hourly.state()
    assert state is not None
    assert state.arrival == hourly.newest()
    hourly.close()
    at_last = f"SELECT * FROM school_now WHERE time = {later_ns}"
    assert {row["school"] for row in old_town.server.query(at_last, old_town.settings.bucket)} == {
        school.id for school in old_town.folder.district.schools
    }
    rows = old_town.server.query("SELECT * FROM gateway", old_town.settings.bucket)
    begin_ns = old_town.home.clock.now_ns() - 100 * DAY_NS
    assert begin_ns in {row["begin_ns"] for row in rows}
    assert old_town.verify().differences == ()
    way.close()
