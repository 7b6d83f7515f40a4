"""`firstbell quiet`: what can be ordered, how it is said, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector.cli import main
from collector.clock import SystemClock
from collector.store.journal import open_journal
from collector.store.reads import Reads
from firstbell.district import NS

ZONE = "Etc/GMT-1"
"""An hour ahead of UTC, always."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder with a journal and two schools."""
    open_journal(tmp_path / "journal.db")
    folder = tmp_path / "district"
    folder.mkdir()
    (folder / "district.toml").write_text(
        f'tz = "{ZONE}"\n[[quiet]]\nsince = 2099-01-01T00:00:00\nuntil = 2099-01-02T00:00:00\nwhy = "far off"\n',
        encoding="utf-8",
    )
    (folder / "schools.csv").write_text(
        "id,name,students\nlincoln,Lincoln,500\nmill,Mill,50\n", encoding="utf-8"
    )
    (folder / "circuits.csv").write_text("id,schools\nline,lincoln mill\n", encoding="utf-8")
    return tmp_path


def quiet(home: Path, *words: str) -> Result:
    """What the command says."""
    return CliRunner().invoke(main, ["--data", str(home), "quiet", *words])


def times(home: Path, *words: str) -> list[dict[str, Any]]:
    """The quiet times that it tells as JSON, without those of district.toml."""
    said = quiet(home, *words, "--json")
    assert said.exit_code == 0, said.output
    return [each for each in json.loads(said.output)["times"] if each["number"] is not None]


def test_now_holds_for_two_hours_unless_somebody_says_how_long(home: Path) -> None:
    """At all schools, or at the one that is named."""
    (first,) = times(home, "now")
    assert (first["holds"], first["where"], first["why"]) == (True, "all schools", "")
    _, second = times(home, "now", "--for", "45m", "--school", "Mill", "--why", "a play")
    assert (second["holds"], second["where"], second["school"], second["why"]) == (
        True,
        "Mill",
        "mill",
        "a play",
    )
    now_s = SystemClock().now_ns() // NS
    spans = [
        order.until_s - now_s for order in Reads(open_journal(home / "journal.db")).quiet_times(now_s * NS)
    ]
    assert spans == [pytest.approx(7200, abs=20), pytest.approx(2700, abs=20)]


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2098-12-07T08:00..2098-12-07T12:30", "2098-12-07T08:00", "2098-12-07T12:30"),
        ("2098-12-07 8:00 .. 2098-12-08", "2098-12-07T08:00", "2098-12-09T00:00"),
        ("2098-12-07..2098-12-09", "2098-12-07T00:00", "2098-12-10T00:00"),
    ],
)
def test_a_stretch_is_told_by_the_schools_clocks(home: Path, text: str, since: str, until: str) -> None:
    """As it was ordered, and days alone are whole days."""
    (order,) = times(home, text.replace(" 8:", " 08:"), "--why", "state tests")
    assert (order["since"], order["until"], order["holds"]) == (since, until, False)


def test_it_is_listed_with_those_of_the_folder(home: Path) -> None:
    """A sentence, and a table of what holds and what is to come."""
    quiet(home, "now", "--why", "a fire drill")
    said = quiet(home).output
    assert said.splitlines()[0] == "1 quiet time holds now: no line there is loaded."
    assert "a fire drill" in said
    assert "far off" in said
    assert quiet(home, "end").exit_code == 0
    assert quiet(home).output.splitlines()[0] == "No quiet time holds now; 1 quiet time to come."


def test_end_ends_what_holds_or_what_has_the_number(home: Path) -> None:
    """What is to come stays, until its number is named."""
    quiet(home, "now")
    quiet(home, "2098-12-07..2098-12-09")
    assert [each["number"] for each in times(home, "end")] == [2]
    assert times(home, "end", "2") == []
    said = quiet(home, "end")
    assert said.exit_code == 1
    assert "no such quiet time to end" in said.output


def test_end_ends_no_other(home: Path) -> None:
    """By its number it ends one of those that hold; by a school those of that school."""
    for school in ("Mill", "Lincoln", "Mill"):
        quiet(home, "now", "--school", school)
    assert [each["number"] for each in times(home, "end", "1")] == [2, 3]
    assert [each["number"] for each in times(home, "end", "--school", "Mill")] == [2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tomorrow",), "is no stretch of time: write FROM..TO"),
        (("08:00",), "is no stretch of time: write FROM..TO"),
        (("8..9",), "is no time"),
        (("2098-12-07T08:00..2098-12-07T07:00",), "ends after it begins"),
        (("2098-12-07..2101-12-07",), "a year at most"),
        (("2020-01-01..2020-01-02",), "over already"),
        (("2098-12-07T08:00Z..2098-12-08",), "without a zone"),
        (("now", "--for", "soon"), "write 45m, 2h or 1d"),
        (("now", "--for", "0m"), "ends after it begins"),
        (("now", "--school", "Nowhere"), "is no school here"),
        (("now", "--why", "x" * 201), "up to 200 characters"),
        (("now", "3"), "a number goes with `end`"),
        (("08:00..09:00", "--for", "2h"), "--for goes with `now`"),
        (("end", "--why", "a play"), "--why goes with `now`"),
        (("--why", "a play"), "--why goes with `now`"),
    ],
)
def test_what_cannot_be_meant_is_said_in_words(home: Path, words: tuple[str, ...], told: str) -> None:
    """No traceback, and nothing is ordered."""
    said = quiet(home, *words)
    assert said.exit_code in {1, 2}
    assert told in said.output
    assert "Traceback" not in said.output
    assert times(home) == []
