"""Which boxes came back with the new version: what a rollout asks between its stages."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from collector.cli import main
from collector.questions import heard
from firstbell.district import NS
from firstbell.report import Opening
from tests.collector.questions.planted import write
from tests.collector.workbench import NOW_NS, Bench, report

SINCE = NOW_NS + 3600 * NS
QUIET_S = 900


def epoch(number: int) -> str:
    """A start's name."""
    return f"{number:016x}"


class Boxes:
    """Boxes that start and talk at moments of the collector's clock, seconds from the rollout."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)

    def starts(self, agent: str, at_s: int, version: str, start: int = 1) -> None:
        """The first report of a start arrives."""
        self.bench.clock.wall_ns = SINCE + at_s * NS
        first = report(
            probe="box",
            target="",
            at_ns=self.bench.clock.wall_ns - NS,
            opening=Opening(predecessor=None, ended="first")
            if start == 1
            else Opening(predecessor=epoch(start - 1), ended="stop"),
        )
        first = msgspec.structs.replace(first, readings={"agent_version": version})
        self.bench.send(1, [first], agent=agent, epoch=epoch(start))

    def talks(self, agent: str, at_s: int, number: int, start: int = 1) -> None:
        """Any other report arrives."""
        self.bench.clock.wall_ns = SINCE + at_s * NS
        self.bench.send(
            number, [report(at_ns=self.bench.clock.wall_ns - NS)], agent=agent, epoch=epoch(start)
        )

    def state(self, agent: str, version: str = "2.0.0") -> str:
        """What the rollout is told."""
        (box,) = heard.ask(self.bench.reads, [agent], SINCE, version, QUIET_S).boxes
        return box.state


def test_who_came_back_and_who_does_not_have_to(tmp_path: Path) -> None:
    """A start with the new version counts; the old program that goes on talking does not; a silence holds up nobody."""
    boxes = Boxes(tmp_path)
    boxes.starts("good-1", -7200, "1.0.0")
    boxes.starts("old-1", -7200, "1.0.0")
    boxes.starts("off-1", -7200, "1.0.0")
    boxes.starts("back-1", -7200, "1.0.0")
    boxes.starts("dead-1", -600, "1.0.0")
    boxes.talks("good-1", -30, 2)
    boxes.talks("old-1", -30, 2)
    assert [boxes.state(name) for name in ("good-1", "old-1", "off-1", "dead-1", "never-1")] == [
        "waited for",
        "waited for",
        "silent before",
        "waited for",
        "silent before",
    ]
    boxes.starts("good-1", 40, "2.0.0", start=2)
    boxes.starts("old-1", 40, "1.0.0", start=2)
    boxes.starts("back-1", 50, "2.0.0", start=2)
    assert [boxes.state(name) for name in ("good-1", "old-1", "off-1", "back-1", "dead-1")] == [
        "heard",
        "waited for",
        "silent before",
        "heard",
        "waited for",
    ]
    assert boxes.state("old-1", version="") == "heard"
    boxes.bench.close()


def test_a_start_from_before_is_none_of_this_rollout(tmp_path: Path) -> None:
    """The same version that started before it, and talks on, was not seen to come back."""
    boxes = Boxes(tmp_path)
    boxes.starts("good-1", -60, "2.0.0")
    boxes.talks("good-1", 30, 2)
    assert boxes.state("good-1") == "waited for"
    boxes.bench.close()


def run(home: Path, *arguments: str) -> Result:
    """The command as the playbook starts it."""
    return CliRunner().invoke(main, ["--data", str(home), "box", "heard", *arguments])


def test_the_command_ends_with_what_it_found(tmp_path: Path) -> None:
    """With 3 while somebody is waited for, by name; with 0 when nobody is; a time without zone is a mistake."""
    write(tmp_path / "district", {"lincoln": 100}, {"lincoln": 100})
    boxes = Boxes(tmp_path)
    boxes.starts("good-1", -60, "1.0.0")
    since = datetime.fromtimestamp(SINCE / NS, UTC).isoformat()
    waits = run(tmp_path, "good-1", "never-1", "--since", since, "--version", "2.0.0")
    assert waits.exit_code == 3
    assert "Still waited for: good-1." in waits.output
    boxes.starts("good-1", 60, "2.0.0", start=2)
    done = run(tmp_path, "good-1", "never-1", "--since", since, "--version", "2.0.0", "--json")
    assert done.exit_code == 0
    assert {box["name"]: box["state"] for box in json.loads(done.output)["boxes"]} == {
        "good-1": "heard",
        "never-1": "silent before",
    }
    boxes.bench.close()


@pytest.mark.parametrize("time", ["yesterday", "2026-11-30T18:00:00"])
def test_a_time_must_say_where(tmp_path: Path, time: str) -> None:
    """In a sentence, with an example."""
    failed = run(tmp_path, "good-1", "--since", time)
    assert failed.exit_code == 2
    assert "no time with a zone, as 2026-11-30T18:00:00Z" in failed.output
