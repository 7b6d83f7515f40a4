"""`firstbell summer`: begun, shown, ended, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector.cli import main
from collector.clock import SystemClock
from collector.store.journal import open_journal

SOON = str(datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC).date() + timedelta(days=40))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder with a journal and two schools."""
    open_journal(tmp_path / "journal.db")
    folder = tmp_path / "district"
    folder.mkdir()
    (folder / "district.toml").write_text('tz = "Etc/UTC"\n', encoding="utf-8")
    (folder / "schools.csv").write_text(
        "id,name,students\nlincoln,Lincoln,500\nmill,Mill,50\n", encoding="utf-8"
    )
    (folder / "circuits.csv").write_text("id,schools\nline,lincoln mill\n", encoding="utf-8")
    (folder / "seats.csv").write_text("agent,school,circuit\nbox-l,lincoln,line\n", encoding="utf-8")
    return tmp_path


def said(home: Path, *words: str) -> Result:
    """What the command says."""
    return CliRunner().invoke(main, ["--data", str(home), "summer", *words])


def told(home: Path, *words: str) -> Any:
    """The same as JSON."""
    result = said(home, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_summer_is_begun_shown_and_ended(home: Path) -> None:
    """Said again with another day it is the same summer, and not two."""
    assert said(home, "show").output.startswith("It is summer nowhere")
    (first,) = told(home, "begin")["summers"]
    assert (first["back"], first["where"]) == ("", "all schools")
    (again,) = told(home, "begin", "--until", SOON)["summers"]
    assert (again["back"], again["since"]) == (SOON, first["since"])
    assert told(home, "end")["summers"] == []
    assert told(home, "show")["sentence"].startswith("It is summer nowhere")


def test_one_school_ends_its_own(home: Path) -> None:
    """Another one's goes on."""
    told(home, "begin", "--school", "Mill", "--until", SOON)
    told(home, "begin", "--school", "Lincoln", "--until", SOON)
    (left,) = told(home, "end", "--school", "mill")["summers"]
    assert left["school"] == "lincoln"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("begin", "--until", "August"), "is no day"),
        (("begin", "--until", "2020-08-01"), "from tomorrow on"),
        (("begin", "--school", "nowhere"), "nowhere"),
        (("end",), "no such summer"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(home: Path, words: tuple[str, ...], why: str) -> None:
    """Never as a traceback, and with what to do."""
    result = said(home, *words)
    assert result.exit_code != 0
    assert why in result.output
    assert "Traceback" not in result.output


def test_the_roll_call_is_read_and_printed_and_put_into_a_spreadsheet(home: Path) -> None:
    """A box that never called is not back."""
    told(home, "begin", "--until", SOON)
    (school,) = told(home, "roll-call")["schools"]
    assert [box["state"] for box in school["boxes"]] == ["not_back"]
    assert f"Lincoln: 0 of 1 back, expected on {SOON}" in said(home, "roll-call").output
    assert "\nLincoln,box-l,box-l,not back yet," in said(home, "roll-call", "--csv").output
