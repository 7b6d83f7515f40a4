"""A whole small demo: made, kept apart from anything real, and thrown away again."""

import json
import subprocess
import sys
import urllib.request
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from collector import config, registry
from collector.cli import main
from collector.clock import SystemClock
from collector.config import Demo
from collector.demo import folder, making, names
from collector.demo.deliver import deliver
from collector.demo.making import DemoError
from collector.demo.physics import Physics
from collector.demo.town import NS
from collector.questions import room
from collector.store.journal import open_journal
from collector.store.reads import Reads

AS_OF_NS = int(datetime(2026, 11, 17, 14, 5, tzinfo=ZoneInfo(names.TZ)).timestamp()) * NS
SMALL = Demo(seed=3, schools=20, days=2, as_of_ns=AS_OF_NS)


def sent(demo: Demo) -> list[tuple[str, bytes, int]]:
    """Every message of a demo, in order."""
    messages: list[tuple[str, bytes, int]] = []
    physics = Physics(making.town_of(demo))
    deliver(physics, lambda agent, payload, at_ns: messages.append((agent, payload, at_ns)), lambda *_: None)
    return messages


def test_the_journal_holds_every_report_but_the_planned_bad_one(tmp_path: Path) -> None:
    """Through the real intake nothing is refused but what the story says; boxes have gaps, losses and a twin."""
    home = config.home(str(tmp_path / "demo"))
    made = making.make(home, SMALL, SystemClock(), lambda *_: None)
    reads = Reads(open_journal(home.journal))
    try:
        counts = reads.counts()
        assert made.refused == counts.quarantine.rows == 1
        assert made.held == counts.reports == made.reports - 1
        assert counts.suspended == 1
        assert counts.lost > 0
        assert counts.missing > 0
        assert max(box.last_ns for box in reads.boxes()) <= AS_OF_NS
    finally:
        reads.close()
    district = registry.read(home.district).district
    assert len(district.schools) == SMALL.schools


def test_every_file_that_a_demo_writes_is_known_to_its_removal() -> None:
    """The list of what is thrown away is the list of what is written."""
    assert tuple(folder.contents(making.town_of(SMALL))) == folder.FILES


def test_the_same_seed_sends_the_same_bytes() -> None:
    """Every message, its bytes and the time of its arrival follow from the seed."""
    demo = Demo(seed=5, schools=3, days=2, as_of_ns=AS_OF_NS)
    assert sent(demo) == sent(demo)
    assert sent(demo) != sent(Demo(seed=6, schools=3, days=2, as_of_ns=AS_OF_NS))


def test_a_demo_ends_on_a_tuesday_in_class_that_is_over() -> None:
    """Made at any moment of two weeks, the end lies within the eight days before."""
    for hour in range(0, 14 * 24, 5):
        now_ns = AS_OF_NS + hour * 3600 * NS
        end_ns = making.end_ns(now_ns)
        local = datetime.fromtimestamp(end_ns // NS, ZoneInfo(names.TZ))
        assert (local.weekday(), local.hour, local.minute) == (1, 14, 5)
        assert 0 <= now_ns - end_ns < 8 * 86_400 * NS


def test_a_folder_with_anything_in_it_is_no_home_for_a_demo(tmp_path: Path) -> None:
    """A demo is refused where real data may lie, and touches nothing there."""
    (tmp_path / "journal.db").write_bytes(b"real")
    with pytest.raises(DemoError, match="not empty"):
        making.make(config.home(str(tmp_path)), SMALL, SystemClock(), lambda *_: None)
    with pytest.raises(DemoError, match="no demo"):
        making.remove(config.home(str(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]


def test_while_a_demo_is_made_nobody_else_makes_or_removes_one_there(tmp_path: Path) -> None:
    """A second one, begun in the midst of the first, is refused and destroys nothing."""
    home = config.home(str(tmp_path / "demo"))
    data = ["--data", str(home.folder), "demo", "--no-serve"]
    refused: list[str] = []

    def meanwhile(*_: object) -> None:
        if not refused:
            refused.extend(CliRunner().invoke(main, [*data, *more]).output for more in ([], ["--remove"]))

    made = making.make(home, SMALL, SystemClock(), meanwhile)
    assert all("another `firstbell demo` is at work" in said for said in refused)
    assert len(refused) == 2
    assert home.demo == made.demo
    assert made.demo.finished


def run(*arguments: str) -> str:
    """The output of `firstbell`."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_makes_it_asks_it_as_of_its_own_end_and_removes_only_its_own(tmp_path: Path) -> None:
    """Made, served by the questions at the demo's own moment, found again, and thrown away but for a stranger's files."""
    folder = tmp_path / "demo"
    data = ("--data", str(folder))
    options = ("demo", "--schools", "5", "--days", "2", "--json", "--no-serve")
    first = json.loads(run(*data, *options))
    assert first["simulated"]
    assert first["reports"] > 1_000
    again = json.loads(run(*data, *options))
    assert again["reports"] is None
    assert again["as_of_ns"] == first["as_of_ns"]
    answer = json.loads(run(*data, "ask", "lincoln", "--json"))
    assert answer["as_of_ns"] == first["as_of_ns"]
    other = CliRunner().invoke(main, [*data, "demo", "--seed", "9", "--no-serve"])
    assert other.exit_code == 1
    assert "another demo" in other.output
    mine = ["district/my-list.csv", "journal.db.my-backup", "notes.txt"]
    for name in mine:
        (folder / name).write_text("mine")
    said = run(*data, "demo", "--remove")
    assert all(name.partition("/")[0] in said for name in mine)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == mine


def test_room_204_is_accused_on_two_boxes_word_and_its_box_talks_over_a_network(tmp_path: Path) -> None:
    """Its access point is gone and the next room's is not; what it reports goes by its cable."""
    home = config.home(str(tmp_path / "demo"))
    making.make(home, Demo(seed=7, schools=3, days=2, as_of_ns=AS_OF_NS), SystemClock(), lambda *_: None)
    reads = Reads(open_journal(home.journal))
    try:
        answer = room.ask(reads, registry.read(home.district), "lincoln-high", "204", AS_OF_NS)
    finally:
        reads.close()
    assert answer.sentence.startswith("It\u2019s the room. 204 can\u2019t get in by its Wi-Fi since 13:3")
    assert answer.sentence.endswith("; 205 is fine.")
    assert "AP-204" in answer.lede
    assert {ladder.kind for ladder in answer.ladders} == {"wifi", "cable"}


def test_a_demo_is_served_as_of_its_own_end_until_a_signal(tmp_path: Path) -> None:
    """The command prints an address that answers truly there, and SIGTERM ends it cleanly; no box can be asked, no collector run."""
    folder = tmp_path / "demo"
    program = [sys.executable, "-m", "collector.cli", "--data", str(folder)]
    options = ["demo", "--schools", "3", "--days", "2", "--json"]
    with subprocess.Popen([*program, *options], stdout=subprocess.PIPE, text=True) as shown:
        try:
            assert shown.stdout
            text = shown.stdout.readline()
            while not text.endswith("}\n"):
                text += shown.stdout.readline()
            with urllib.request.urlopen(f"{json.loads(text)['address']}healthz", timeout=10) as answer:
                health = json.load(answer)
            assert (health["ok"], health["simulated"], health["broker_connected"]) == (True, True, False)
            page = f"{json.loads(text)['address']}rooms/lincoln-high/204"
            with urllib.request.urlopen(urllib.request.Request(f"{page}/check", b""), timeout=10) as answer:
                assert "Simulated: there is nobody to ask." in answer.read().decode()
            asked = subprocess.run(
                [*program, "room", "lincoln-high", "204", "--check"],
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
            assert asked.returncode == 1
            assert "It\u2019s the room." in asked.stdout
            assert "Simulated: there is nobody to ask." in asked.stderr
            refused = subprocess.run(
                [*program, "collector", "run"], capture_output=True, text=True, timeout=20, check=False
            )
            assert refused.returncode == 1
            assert "simulated district" in refused.stderr
        finally:
            shown.terminate()
        assert shown.wait(20) == 0
