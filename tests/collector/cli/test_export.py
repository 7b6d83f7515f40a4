"""`firstbell export`: everything that was measured, by count, in formats that anybody reads."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector import config, registry
from collector.cli import main
from collector.clock import SystemClock
from collector.config import Demo, Home
from collector.demo import making
from collector.store.journal import open_journal
from collector.store.reads import Reads
from firstbell.catalogue import METRICS, PROBES
from firstbell.report import Stored

_AT_NS = 1_790_000_000_000_000_000


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A simulated district of three schools and two days."""
    home = config.home(str(tmp_path_factory.mktemp("town") / "home"))
    demo = Demo(seed=7, schools=3, days=2, as_of_ns=making.end_ns(SystemClock().now_ns()))
    making.make(home, demo, SystemClock(), lambda *_: None)
    return home


def export(home: Home, out: Path, *which: str) -> int:
    """Write a file; how many reports it says are in it."""
    ended = CliRunner().invoke(
        main, ["--data", str(home.folder), "export", *which, "--out", str(out), "--json"]
    )
    assert ended.exit_code == 0, ended.output
    return int(json.loads(ended.stdout)["reports"])


def everything(home: Home) -> list[Stored]:
    """All that the journal holds, by another way."""
    reads = Reads(open_journal(home.journal))
    boxes = [(box.agent, 0, None) for box in reads.boxes()]
    found = [stored for probe in PROBES for stored in reads.tests(boxes, probe)]
    reads.close()
    return found


def lines(out: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file."""
    with gzip.open(out) if out.suffix == ".gz" else out.open("rb") as file:
        return [json.loads(line) for line in file]


def test_all_is_there_by_count_and_to_the_last_digit(town: Home, tmp_path: Path) -> None:
    """Each report once, with the numbers that it came with."""
    wanted = {(s.agent, s.epoch, s.seq): s.report for s in everything(town)}
    told = export(town, tmp_path / "all.jsonl", "--all")
    found = {(line["agent"], line["epoch"], line["seq"]): line for line in lines(tmp_path / "all.jsonl")}
    assert told == len(lines(tmp_path / "all.jsonl")) == len(found) == len(wanted) > 1000
    for key, report in wanted.items():
        line = found[key]
        assert line["at_ns"] == report.at_ns
        shown = {name: value for name, value in report.readings.items() if name in line["readings"]}
        assert line["readings"] == shown
        left_out = int(line["hidden"]) + int(line["others"])
        assert len(shown) + left_out == len(report.readings)


def test_schools_and_boxes_share_it_out(town: Home, tmp_path: Path) -> None:
    """What was measured at each school, and nothing twice; a box alone is the same lines, packed."""
    export(town, tmp_path / "all.jsonl", "--all")
    by_school: dict[object, int] = {}
    for line in lines(tmp_path / "all.jsonl"):
        by_school[line["school"]] = by_school.get(line["school"], 0) + 1
    schools = [school for school in by_school if school]
    assert len(schools) == 3
    for school in schools:
        out = tmp_path / f"{school}.jsonl"
        assert export(town, out, "--school", str(school)) == by_school[school] == len(lines(out))
        assert {line["school"] for line in lines(out)} == {school}
    agent = str(lines(tmp_path / f"{schools[0]}.jsonl")[0]["agent"])
    export(town, tmp_path / "one.jsonl.gz", "--agent", agent)
    mine = [line for line in lines(tmp_path / "all.jsonl") if line["agent"] == agent]
    assert lines(tmp_path / "one.jsonl.gz") == mine


def test_csv_has_every_reading_and_says_what_columns_mean(town: Home, tmp_path: Path) -> None:
    """A line a reading; each column and each metric has its sentence."""
    export(town, tmp_path / "all.jsonl", "--all")
    told = export(town, tmp_path / "all.csv", "--all")
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    records = lines(tmp_path / "all.jsonl")
    assert told == len({(row["agent"], row["epoch"], row["seq"]) for row in rows}) == len(records)
    assert len(rows) == sum(max(1, len(line["readings"])) for line in records)
    with (tmp_path / "all.columns.csv").open(encoding="utf-8", newline="") as file:
        meaning = {row["name"]: row["meaning"] for row in csv.DictReader(file)}
    assert all(meaning[name] for name in {*rows[0], *METRICS})


def test_counts_of_few_devices_are_not_in_it(town: Home, tmp_path: Path) -> None:
    """Below the threshold of ten none is told; that one was there is."""
    wanted = [
        s.report.readings["ap_stations"] for s in everything(town) if "ap_stations" in s.report.readings
    ]
    export(town, tmp_path / "all.jsonl", "--all")
    told = [
        line["readings"].get("ap_stations")
        for line in lines(tmp_path / "all.jsonl")
        if line["hidden"] or "ap_stations" in line["readings"]
    ]
    assert len(told) == len(wanted) > 0
    assert sorted(count for count in told if count is not None) == sorted(c for c in wanted if int(c) >= 10)


def test_a_school_is_meant_by_its_name_and_one_box_is_one(town: Home, tmp_path: Path) -> None:
    """The same reports as by its id; and the sentence counts one box as one."""
    school = registry.read(town.district).district.schools[0]
    by_name = export(town, tmp_path / "name.jsonl", "--school", school.name)
    assert by_name == export(town, tmp_path / "id.jsonl", "--school", school.id) > 0
    agent = str(lines(tmp_path / "id.jsonl")[0]["agent"])
    argv = ["--data", str(town.folder), "export", "--agent", agent, "--out", str(tmp_path / "one.csv")]
    assert " of 1 box are in " in CliRunner().invoke(main, argv).output


@pytest.mark.parametrize(
    ("which", "out", "says"),
    [
        ((), "x.csv", "say one"),
        (("--all", "--agent", "x"), "x.csv", "say one"),
        (("--all",), "x.xlsx", "ends in .jsonl or .csv"),
        (("--agent", "nobody"), "x.csv", "no box named nobody"),
        (("--school", "nowhere"), "x.csv", "'nowhere' is no school here"),
    ],
)
def test_a_mistake_is_a_sentence(
    town: Home, tmp_path: Path, which: tuple[str, ...], out: str, says: str
) -> None:
    """And no file is written."""
    argv = ["--data", str(town.folder), "export", *which, "--out", str(tmp_path / out)]
    failed = CliRunner().invoke(main, argv)
    assert failed.exit_code != 0
    assert says in failed.output
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(town: Home, tmp_path: Path) -> None:
    """A file that is there stays."""
    (tmp_path / "x.csv").write_text("dear", encoding="ascii")
    argv = ["--data", str(town.folder), "export", "--all", "--out", str(tmp_path / "x.csv")]
    failed = CliRunner().invoke(main, argv)
    assert "is there already" in failed.output
    assert (tmp_path / "x.csv").read_text(encoding="ascii") == "dear"
