"""What was made up is called simulated, whoever edits the district's files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector import app, config, registry, simulated
from collector.cli import main
from collector.config import Home, Settings
from collector.demo import making
from collector.store.errors import SimulatedError
from collector.store.journal import open_journal
from tests.collector.questions import planted


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose journal is a demo's; neither its files nor a demo.json say so."""
    found = config.home(str(tmp_path))
    open_journal(found.journal).mark_simulated()
    planted.write(found.district, {"ash": 10}, {"ash": 100})
    return found


def test_the_journal_s_mark_is_enough(home: Home) -> None:
    """Every folder that questions are asked of says it, the same one as the same."""
    folder = registry.read(home.district)
    assert not folder.district.settings.simulated
    assert simulated.marked(home, folder).district.settings.simulated
    now = simulated.watched(home, lambda: folder)
    assert now().district.settings.simulated
    assert now() is now()
    assert simulated.watched(home, lambda: registry.EMPTY)().district.settings.simulated


@pytest.mark.parametrize("mark", ["journal.db", "demo.json"])
def test_the_terminal_says_it_too(home: Home, mark: str) -> None:
    """By either mark alone."""
    if mark == "demo.json":
        home.journal.unlink()
        home.demo_file.write_text("{}", encoding="utf-8")
    said = CliRunner().invoke(main, ["--data", str(home.folder), "district", "show", "--json"])
    assert json.loads(said.output)["simulated"]


@pytest.mark.parametrize(
    "command",
    ["status", "boxes", "schools", "school ash", "ask ash", "room ash 1", "district show"],
)
def test_every_answer_of_a_marked_journal_says_it(home: Home, command: str) -> None:
    """Though no line of the district's files does."""
    seat = "agent,school,room,circuit\nbox-ash,ash,1,line-ash\n"
    (home.district / "seats.csv").write_text(seat, encoding="utf-8")
    said = CliRunner().invoke(main, ["--data", str(home.folder), *command.split(), "--json"])
    assert json.loads(said.stdout)["simulated"], said.output


def test_a_measured_journal_is_not_called_simulated(home: Home) -> None:
    """Without a mark the folder stays what it is."""
    home.journal.unlink()
    open_journal(home.journal)
    folder = registry.read(home.district)
    assert simulated.marked(home, folder) is folder
    assert simulated.watched(home, lambda: folder)() is folder


def test_no_collector_writes_measurements_into_a_demo_s_journal(home: Home) -> None:
    """They could never be told apart again."""
    with pytest.raises(SimulatedError, match="nothing in it was measured"):
        app.run(home, Settings(), lambda _: None)


def test_a_demo_marks_its_journal(tmp_path: Path) -> None:
    """Before its first report."""
    home = config.home(str(tmp_path / "demo"))
    demo = config.Demo(seed=3, schools=1, days=1, as_of_ns=making.end_ns(1_790_000_000 * 10**9))
    making.make(home, demo, home.clock, lambda *_: None)
    assert open_journal(home.journal).simulated()
