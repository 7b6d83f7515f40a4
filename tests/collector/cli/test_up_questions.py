"""What `firstbell up` asks at a first start, and what it takes for an answer."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.cli import main, up
from collector.cli.figures import MBPS, PEOPLE

CHICAGO = "America/Chicago"
NOTHING: dict[str, Any] = dict.fromkeys(("name", "people", "down_mbps", "up_mbps", "tz"))


def asked(*lines: str, zone: str = CHICAGO, **given: Any) -> tuple[up.Entered, str]:
    """What was entered when these lines were typed on a machine of this zone, and what was on the screen."""
    with CliRunner().isolation(input="".join(f"{line}\n" for line in lines)) as (screen, *_):
        entered = up._asked(NOTHING | given, zone)
        return entered, screen.getvalue().decode()


def test_three_questions_are_asked_where_the_machine_has_a_place() -> None:
    """Numbers stand in the brackets as people write them, and Enter enters nothing."""
    entered, screen = asked("", "", "")
    assert entered.examples == ("school.name", "school.people", "circuit.down_mbps", "school.tz")
    assert screen.startswith("Three questions about the school")
    for example in ("[Example School]", "[500]", "[1,000]"):
        assert example in screen
    assert "zone" not in screen
    entered, _ = asked("Truman", "1,040", "200 Mbit/s")
    assert (entered.name, entered.people, entered.down_mbps) == ("Truman", 1040, 200)
    assert entered.examples == ("school.tz",)


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC"])
def test_a_machine_without_a_place_is_asked_for_the_time_zone(zone: str) -> None:
    """Hours of class decide which tests count; what is typed is entered, Enter leaves the machine's example."""
    entered, screen = asked("Truman", "1040", "200", "Mars", CHICAGO, zone=zone)
    assert screen.startswith("Four questions about the school")
    assert "'Mars' is no time zone known here" in screen
    assert (entered.tz, entered.examples) == (CHICAGO, ())
    entered, _ = asked("Truman", "1040", "200", "", zone=zone)
    assert (entered.tz, entered.examples) == ("", ("school.tz",))
    entered, screen = asked("Truman", "1040", "200", zone=zone, tz="America/Denver")
    assert "zone" not in screen.split("\n", 1)[1]
    assert (entered.tz, entered.examples) == ("America/Denver", ())


@pytest.mark.parametrize(
    ("first", "said"), [("=" * 500, "Error: "), ("Lin\x07coln", "Error: "), ("   ", "name is empty")]
)
def test_a_name_that_can_not_be_is_asked_again_at_once(first: str, said: str) -> None:
    """Before the next question, not after the last one."""
    entered, screen = asked(first, "Lincoln", "", "")
    assert entered.name == "Lincoln"
    assert said in screen.split("Students and staff")[0]


@pytest.mark.parametrize(("kind", "value"), [(MBPS, "x"), (MBPS, "nan"), (MBPS, "inf"), (PEOPLE, "x")])
def test_what_is_no_number_is_called_so(kind: Any, value: str) -> None:
    """In a word that people use, and whatever Python takes for a float."""
    option = "--down-mbps" if kind is MBPS else "--people"
    ended = CliRunner().invoke(main, ["up", option, value])
    assert ended.exit_code == 2
    assert "range." not in ended.output
    assert "is not a valid number" in ended.output or "is not in the range" in ended.output


@pytest.mark.parametrize("command", ["ask", "school"])
def test_people_are_written_alike_everywhere(tmp_path: Path, command: str) -> None:
    """`--people 1,000` is a thousand wherever it can be said: here it goes on to what is missing."""
    ended = CliRunner().invoke(main, ["--data", str(tmp_path / "none"), command, "--people", "1,000"])
    assert ended.exit_code == 1
    assert "there is no" in ended.output
