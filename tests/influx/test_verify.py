"""InfluxDB holds what the journal holds, and answers the same; and where it doesn't, that is found."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector import registry
from collector.cli import main
from collector.questions import ask
from collector.questions import verify as verifying
from collector.questions.verify import Difference, Verified
from collector.sinks.influx import Address, Server
from collector.sinks.reading import InfluxEvidence
from collector.store.outbox import Outbox
from tests.influx import town as towns
from tests.influx.town import DISTRICT, Town
from tests.support.influxdb import Influx1, Influx2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spoilt(influxd2: Influx2, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A small district in InfluxDB, into which faults were planted behind our back: one of each kind."""
    found = towns.shipped(tmp_path_factory.mktemp("spoilt") / "home", influxd2, "spoilt", schools=2, days=6)
    missing, doubled, changed = points(found, 3)
    delete(found, missing)
    write(found, f"{key_of(doubled, room='elsewhere')} {record(doubled)} {doubled['time']}")
    write(found, f"{key_of(changed)} rtt_p50_ms={changed['rtt_p50_ms'] + 1e-9} {changed['time']}")
    write(found, f"latency,district={escaped(DISTRICT)},agent=stranger,status=ok seq=1i {doubled['time']}")
    return found


@pytest.fixture(scope="module")
def found(spoilt: Town) -> Verified:
    """What `verify` says of them."""
    return spoilt.verify()


def points(town: Town, count: int) -> list[dict[str, Any]]:
    """Points that were measured well, far from each other."""
    rows = town.server.query(
        "SELECT * FROM latency WHERE agent = '2001' AND target = 'gateway' AND status = 'ok'",
        town.settings.bucket,
    )
    return rows[:: len(rows) // count][:count]


def write(town: Town, line: str) -> None:
    """Write past the product."""
    assert town.server.write(line, town.settings.bucket).status == 204


def delete(town: Town, row: dict[str, Any]) -> None:
    """Delete one point past the product."""
    at_s, rest = divmod(row["time"], 10**9)
    moment = f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
    where = f"/api/v2/delete?org={town.server.org}&bucket={town.settings.bucket}"
    predicate = f'agent="{row["agent"]}" AND target="{row["target"]}"'
    town.server.call("POST", where, {"start": moment, "stop": moment, "predicate": predicate})


def record(row: dict[str, Any]) -> str:
    """The fields without which a point is no report."""
    whole = ",".join(f"{name}={row[name]}i" for name in ("seq", "arrival", "received_ns"))
    return f'{whole},epoch="{row["epoch"]}",duration_s=1,clock="ntp"'


def escaped(text: str) -> str:
    """A tag's value in line protocol."""
    return text.replace(",", "\\,").replace(" ", "\\ ")


def of_kind(found: Verified, kind: str) -> list[Difference]:
    """The differences of one kind."""
    return [each for each in found.differences if each.kind == kind]


TAGS = (
    "district",
    "school",
    "room",
    "circuit",
    "agent",
    "target",
    "segment",
    "engine",
    "medium",
    "period",
    "status",
)


def key_of(row: dict[str, Any], **other: str) -> str:
    """The series of a row in line protocol, with some tags changed."""
    tags = {name: row[name] for name in TAGS if row.get(name)} | other
    return ",".join([row["name"], *(f"{name}={escaped(value)}" for name, value in sorted(tags.items()))])


def test_all_of_a_district_is_the_same_in_both(town: Town) -> None:
    """Every report's point, every count, and every school's answer in every way of teaching."""
    found = town.verify()
    assert found.differences == ()
    assert found.points == Outbox(town.journal).newest()
    assert found.verdicts == 8 * len(registry.targets().models)
    assert found.without_verdicts == ""


def test_however_little_is_looked_at_at_once_all_of_it_is(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box of many reports is compared in parts: each day and each report once, as in one part."""
    whole = town.verify()
    monkeypatch.setattr(verifying, "_AT_ONCE", 1)
    assert town.verify() == whole


def test_a_missing_point_is_found(found: Verified) -> None:
    """One report deleted behind our back: the day's count and the report itself are named."""
    (missing,) = of_kind(found, "missing")
    assert missing.where.startswith("2001, ")
    assert "is not in InfluxDB" in missing.what
    assert of_kind(found, "count")
    assert not found.same


def test_a_doubled_point_is_found(found: Verified) -> None:
    """The same report in another room: it counts twice, and is called doubled."""
    (doubled,) = of_kind(found, "doubled")
    assert doubled.where.startswith("2001, ")
    assert "once more" in doubled.what


def test_a_changed_value_is_found(found: Verified) -> None:
    """A reading that is another one by its last digits is named, with both values."""
    (changed,) = of_kind(found, "changed")
    assert "rtt_p50_ms is " in changed.what
    theirs, ours = (float(text) for text in re.findall(r"\d+\.\d+(?:e-\d+)?", changed.what)[-2:])
    assert theirs - ours == pytest.approx(1e-9, rel=1e-3)


def test_points_of_a_box_that_nobody_knows_are_found(found: Verified) -> None:
    """A box that never reported here has no business in the district."""
    assert "stranger" in {each.where.split(",")[0] for each in of_kind(found, "strange")}


def test_speeds_that_were_changed_change_verdicts(spoilt: Town, found: Verified) -> None:
    """Speed tests a tenth as good are found as points, and as answers that InfluxDB alone would give."""
    assert not of_kind(found, "verdict")
    rows = spoilt.server.query("SELECT * FROM internet WHERE status = 'ok'", spoilt.settings.bucket)
    for row in rows:
        write(spoilt, f"{key_of(row)} down_mbps={row['down_mbps'] / 10} {row['time']}")
    assert of_kind(spoilt.verify(), "verdict")


def test_a_copy_made_anew_is_whole(spoilt: Town) -> None:
    """After `influx rebuild` nothing differs, in another bucket under the same name."""
    before = towns.bucket_ids(spoilt.server)[spoilt.settings.bucket]
    run = CliRunner().invoke(main, ["--data", str(spoilt.home.folder), "influx", "rebuild", "--json"])
    assert run.exit_code == 0, run.output
    assert spoilt.verify().differences == ()
    assert towns.bucket_ids(spoilt.server)[spoilt.settings.bucket] != before


def test_the_same_question_has_the_same_answer(town: Town) -> None:
    """`ask --from influx` says the same as `ask`, to the last byte of its JSON."""
    run = CliRunner()
    for school in ("lincoln", "ridgeline"):
        argv = ["--data", str(town.home.folder), "ask", school, "--json"]
        ours, theirs = run.invoke(main, argv), run.invoke(main, [*argv, "--from", "influx"])
        assert (ours.exit_code, theirs.exit_code) == (0, 0), theirs.output
        assert ours.stdout == theirs.stdout


def test_a_corrected_folder_must_be_shipped_before_influx_is_asked(town: Town, tmp_path: Path) -> None:
    """Placed by another folder, InfluxDB is not asked; the words say what to do."""
    rooms = town.home.district / "rooms.csv"
    before = rooms.read_text(encoding="utf-8")
    rooms.write_text(before + "lincoln-high,new-room,A new room,30,\n", encoding="utf-8")
    try:
        said = CliRunner().invoke(
            main, ["--data", str(town.home.folder), "ask", "lincoln", "--from", "influx"]
        )
    finally:
        rooms.write_text(before, encoding="utf-8")
    assert said.exit_code == 1
    assert "firstbell influx ship" in said.output


def test_debians_influxdb_answers_the_same(town: Town, influxd1: Influx1, database: str) -> None:
    """The same lines in InfluxDB 1.6, asked by the same InfluxQL: the same answers."""
    towns.pour(town.server, "verified", influxd1, database)
    state = Outbox(town.journal).state()
    assert state is not None
    server = Server(Address(influxd1.url, "", "any"))
    theirs = InfluxEvidence(server, database, DISTRICT, state.arrival)
    ours = InfluxEvidence(
        Server(Address(town.server.url, town.server.org, town.server.token)),
        "verified",
        DISTRICT,
        state.arrival,
    )
    as_of_ns = town.home.clock.now_ns()
    for school in town.folder.district.schools[:3]:
        answers = [
            ask.ask(
                side,
                town.folder,
                registry.targets(),
                school=school.id,
                model="flex",
                people=None,
                years=None,
                as_of_ns=as_of_ns,
            )
            for side in (ours, theirs)
        ]
        assert answers[0] == answers[1]
        assert answers[0].links
    server.close()
