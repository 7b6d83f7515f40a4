"""A time zone that nobody entered is called an example: it decides which tests are of a school day."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from collector import config, registry
from collector.cli import main, up
from collector.registry import Folder
from collector.store.journal import open_journal
from firstbell.district import SPLIT


def written(data: Path) -> Folder:
    """The district folder that a command wrote."""
    return registry.read(data / "district")


@pytest.mark.parametrize(("given", "examples"), [([], {"school.tz"}), (["--tz", "America/Denver"], set())])
def test_a_list_without_a_zone_takes_the_machines_and_says_so(
    tmp_path: Path, given: list[str], examples: set[str]
) -> None:
    """Whatever zone this machine has: every answer names it among what nobody entered."""
    table = tmp_path / "schools.csv"
    table.write_text("name,students,staff\nLincoln,900,60\n", encoding="utf-8")
    data = tmp_path / "data"
    result = CliRunner().invoke(main, ["--data", str(data), "district", "init", "--csv", str(table), *given])
    assert result.exit_code == 0, result.output
    assert written(data).district.examples == examples
    zone = given[-1] if given else registry.local_zone()
    assert zone in CliRunner().invoke(main, ["--data", str(data), "district", "show"]).output


@pytest.mark.parametrize(("tz", "examples"), [(None, {"school.tz"}), ("America/Denver", set())])
def test_up_takes_the_machines_zone_and_says_so(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tz: str | None,
    examples: set[str],
) -> None:
    """It is said at the first start, and again in each answer, unless a flag names the zone."""
    monkeypatch.setattr(registry, "local_zone", lambda: "America/Boise")
    home = config.home(str(tmp_path / "data"))
    given = {"name": "Lincoln", "people": 960, "down_mbps": 500.0, "up_mbps": None, "tz": tz}
    up._found(home, up.Voice(as_json=True), given)
    district = written(home.folder).district
    assert district.examples - {SPLIT} == examples
    said = capsys.readouterr().out
    assert ("time zone" in said, "America/Boise" in said) == (tz is None, tz is None)
    assert [school.tz for school in district.schools] == [tz or "America/Boise"]


def test_people_that_up_asked_for_are_not_called_students(tmp_path: Path) -> None:
    """Students and staff are asked for together: no target may take them for students without a word."""
    home = config.home(str(tmp_path / "data"))
    given = {"name": "Truman", "people": 1040, "down_mbps": 2500.0, "up_mbps": None, "tz": "America/Chicago"}
    up._found(home, up.Voice(as_json=True), given)
    data = ["--data", str(home.folder)]
    shown = CliRunner().invoke(main, [*data, "district", "show"]).output
    assert "Truman has people, and nobody entered who of them are students" in shown
    assert "only students are counted" not in shown
    open_journal(home.journal)
    asked = CliRunner().invoke(main, [*data, "ask"]).output
    said = " ".join(asked.split())
    assert "taken as if all 1,040 people were students" in said
    assert "nobody entered: " not in said
