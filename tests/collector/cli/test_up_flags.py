"""Flags of `firstbell up` when its folder is there already."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector import registry, up
from collector.cli import later
from collector.config import Home
from collector.registry import Folder
from firstbell.folder import EXAMPLES

NOTHING = {"name": None, "people": None, "down_mbps": None, "up_mbps": None}


def home(folder: Path, *examples: str) -> Home:
    """A data folder of a first start; `examples` is what nobody entered."""
    made = Home(folder)
    registry.write_example(made.district, "Example School", 500, 1000, None, up.BOX, examples, "UTC")
    return made


def take(made: Home, **given: Any) -> Folder:
    """What the folder says after a start with these flags."""
    later.take(made, NOTHING | given)
    return registry.read(made.district)


def test_flags_take_the_place_of_examples(tmp_path: Path) -> None:
    """After a start without a terminal the same command with flags answers for the school that they name."""
    made = home(tmp_path, "school.name", "school.people", "circuit.down_mbps")
    folder = take(made, name="Lincoln High", people=1200, down_mbps=500.0)
    (school,), (line,), (seat,) = folder.district.schools, folder.district.circuits, folder.district.seats
    assert (school.id, school.name, school.people, school.tz) == ("lincoln-high", "Lincoln High", 1200, "UTC")
    assert (line.down_mbps, line.up_mbps, line.schools) == (500, None, ("lincoln-high",))
    assert (seat.agent, seat.school) == (up.BOX, "lincoln-high")
    assert not folder.district.examples & set(EXAMPLES)
    assert [file.name for file in tmp_path.iterdir()] == ["district"]


def test_an_example_that_is_confirmed_is_none_any_more(tmp_path: Path) -> None:
    """Who says --people 500 has entered it; what no flag said stays an example."""
    made = home(tmp_path, "school.name", "school.people")
    folder = take(made, people=500, up_mbps=200.0)
    assert folder.district.examples == {"school.name"}
    assert folder.district.circuits[0].up_mbps == 200


def test_the_same_flags_again_change_nothing(tmp_path: Path) -> None:
    """A script that starts with its flags each time finds its folder as it was."""
    made = home(tmp_path, "school.name", "school.people", "circuit.down_mbps")
    flags = {"name": "Lincoln High", "people": 1200, "down_mbps": 500.0}
    assert take(made, **flags) == take(made, **flags)


@pytest.mark.parametrize("edited", [False, True])
def test_what_was_entered_is_not_overwritten(tmp_path: Path, *, edited: bool) -> None:
    """A flag that would change it is refused in a sentence that names the folder, and nothing is changed."""
    made = home(tmp_path, *(("school.people",) if edited else ()))
    if edited:
        with (made.district / "schools.csv").open("a") as file:
            file.write("adams,Adams,300,,\n")
    before = registry.read(made.district)
    argv = [sys.executable, "-m", "collector.cli", "--data", str(tmp_path), "up", "--people", "1200"]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "--people: what was entered before is not overwritten" in ended.stderr
    assert str(made.district) in ended.stderr
    assert registry.read(made.district) == before


def test_a_name_that_can_not_be_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    """A flag that no folder can hold is told, and the folder is still there."""
    made = home(tmp_path, "school.name")
    before = registry.read(made.district)
    with pytest.raises(registry.ExampleError):
        take(made, name="x" * 1000)
    assert registry.read(made.district) == before
