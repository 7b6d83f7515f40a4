"""`firstbell up` as a user meets it: a terminal or none, an answer, Ctrl-C, and again."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector import registry, up
from collector.cli import up as cli
from collector.config import Home
from collector.store import quiets
from collector.store.journal import open_journal
from collector.store.quiets import Ordered
from firstbell import catalogue
from firstbell.district import NS
from tests.support.clocks import evening
from tests.support.speedtest_server import PUBLIC_ADDRESS, Behaviour, SpeedtestServer

FIRSTBELL = [sys.executable, "-m", "collector.cli"]
FIRST_ANSWER_S = 110

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def environment(data: Path) -> dict[str, str]:
    """This environment with a data folder of its own."""
    return os.environ | {"FIRSTBELL_DATA": str(data), "TZ": "America/Chicago"}


def firstbell(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*FIRSTBELL, *arguments],
        env=environment(data),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=FIRST_ANSWER_S + 60,
        check=False,
    )


def children_of(data: Path) -> list[int]:
    """Processes whose command line names the data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if str(data).encode() in line and state != "Z":
                found.append(int(entry.name))
    return found


def wait_for(condition: Any, seconds: float = 20) -> None:
    """Wait until a condition holds, at most for some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@contextmanager
def running(data: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`firstbell up --json` in the background; killed at the end if it still runs."""
    process = subprocess.Popen(
        [*FIRSTBELL, "up", "--json", *arguments],
        env=environment(data),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        wait_for(lambda: not children_of(data))


def events(process: subprocess.Popen[str], until: str) -> list[dict[str, Any]]:
    """The events that a running `up` tells, up to the first of the kind `until`."""
    assert process.stdout is not None
    told: list[dict[str, Any]] = []
    while not told or told[-1]["event"] != until:
        line = process.stdout.readline()
        assert line, f"it ended before {until}: {told}"
        told.append(json.loads(line))
    return told


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A data folder after a first start without a terminal and without internet, and what was told."""
    data = tmp_path_factory.mktemp("answered") / "data"
    ended = firstbell(data, "up", "--json", "--stop-after-answer", "--tz", evening())
    assert ended.returncode == 0, ended.stderr
    return data, [json.loads(line) for line in ended.stdout.splitlines()]


def test_without_a_terminal_it_takes_examples_and_says_so(
    answered: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """No question is asked, the defaults are named, and the answer calls its school an example."""
    _, told = answered
    entered = {"school.name", "school.people", "circuit.down_mbps"}
    assert told[0]["event"] == "examples"
    assert set(told[0]["examples"]) == entered
    with running(tmp_path / "data") as process:
        assert set(events(process, "starting")[0]["examples"]) == {*entered, "school.tz"}
    (answer,) = [event for event in told if event["event"] == "answer"]
    assert "Example School" in answer["text"]
    assert "nobody entered" in answer["text"]
    assert "on paper, not measured" in answer["text"].lower()


def test_each_probe_arrives_before_the_answer(answered: tuple[Path, list[dict[str, Any]]]) -> None:
    """What is shown as measured has gone all the way to the journal; without internet that is a fact too."""
    data, told = answered
    probes = {event["measurement"]["probe"] for event in told if event["event"] == "measured"}
    assert probes == set(catalogue.PROBES) - cli.WANT_SERVERS
    assert any("No speed test" in event["text"] for event in told if event["event"] == "internet")
    status = json.loads(firstbell(data, "status", "--json").stdout)
    (box,) = status["boxes"]
    assert box["missing"] == box["lost"] == box["refused"] == 0
    internet = [m for m in box["measurements"] if m["probe"] == "internet"]
    assert [m["status"] for m in internet] == ["failed"]


def test_the_answer_can_be_asked_again(answered: tuple[Path, list[dict[str, Any]]]) -> None:
    """`ask` works with nothing running, by name or id, for another model and number of people."""
    data, _ = answered
    for school in ("example-school", "Example School", "exam"):
        answer = json.loads(firstbell(data, "ask", school, "--model", "flex", "--json").stdout)
        assert answer["paper"]["state"] == "ready_through"
    more = json.loads(
        firstbell(data, "ask", "exam", "--model", "flex", "--people", "1200", "--years", "3", "--json").stdout
    )
    assert more["paper"]["state"] == "just_short"
    assert more["paper"]["need"] == pytest.approx(1032.75)
    text = firstbell(data, "ask", "exam", "--model", "flex", "--people", "1200").stdout
    assert "1,030" in text
    assert "how do you know" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "Hogwarts", "--model", "flex"], "example-school"),
        (["ask", "exam", "--model", "fleks"], "flex"),
        (["--data", "/nowhere/at/all", "ask", "exam", "--model", "flex"], "firstbell up"),
        (["--data", "/nowhere/at/all", "status"], "firstbell up"),
        (["box", "accept", "nobody"], "nobody"),
        (["up", "--model", "fleks"], "flex"),
    ],
)
def test_a_mistake_ends_in_a_sentence(
    answered: tuple[Path, list[dict[str, Any]]], arguments: list[str], words: str
) -> None:
    """A wrong name says which there are, a wrong folder what to do; never a traceback."""
    ended = firstbell(answered[0], *arguments)
    assert ended.returncode in {1, 2}
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


def test_broken_district_files_are_told_with_file_and_line(
    answered: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """All mistakes at once, by file and line, and nothing half-loaded."""
    data = tmp_path / "data"
    subprocess.run(["cp", "-r", str(answered[0]), str(data)], check=True)
    (data / "district" / "schools.csv").write_text(
        "id,name,students,staff,tz\nx,X,many,-1,Mars\n", encoding="utf-8"
    )
    ended = firstbell(data, "ask", "x", "--model", "flex")
    assert ended.returncode == 1
    assert len(re.findall(r"schools\.csv", ended.stderr)) >= 3
    assert "Traceback" not in ended.stderr


def test_it_goes_on_after_ctrl_c_and_after_kill(answered: tuple[Path, list[dict[str, Any]]]) -> None:
    """Stopped in any way it leaves no process behind, and the next start adds to the same data."""
    data, _ = answered
    before = json.loads(firstbell(data, "status", "--json").stdout)["reports"]
    with running(data) as process:
        told = events(process, "next")
        assert told[0]["event"] == "resumed"
        (word,) = [event["text"] for event in told if event["event"] == "internet"]
        assert "No speed test just now: there was one in evening already." in word
        health = urllib.request.urlopen(f"http://127.0.0.1:{told[-1]['web_port']}/healthz", timeout=10)
        assert json.load(health)["ok"]
        process.send_signal(signal.SIGINT)
        events(process, "stopped")
        assert process.wait(30) == 0
    wait_for(lambda: not children_of(data))
    with running(data) as process:
        events(process, "measuring")
        process.kill()
    wait_for(lambda: not children_of(data))
    status = json.loads(firstbell(data, "status", "--json").stdout)
    assert status["reports"] > before
    assert status["boxes"][0]["two_boxes"] == ""


@pytest.mark.timeout(300)
def test_children_that_die_are_started_again(answered: tuple[Path, list[dict[str, Any]]]) -> None:
    """Kill all three: each comes back, and what the box measures still arrives."""
    data, _ = answered
    with running(data) as process:
        events(process, "next")
        for pid in children_of(data):
            if pid != process.pid:
                os.kill(pid, signal.SIGKILL)
        told = [event for _ in range(3) for event in events(process, "child")]
        names = " ".join(event["text"] for event in told if event["event"] == "child")
        assert {name for name in ("broker", "collector", "box") if name in names} == {
            "broker",
            "collector",
            "box",
        }
        reports = json.loads(firstbell(data, "status", "--json").stdout)["reports"]
        # The first report of the new start may already be among them, and the next is due in a minute.
        wait_for(lambda: json.loads(firstbell(data, "status", "--json").stdout)["reports"] > reports, 150)


def test_at_a_terminal_it_asks_its_questions(tmp_path: Path) -> None:
    """Name, people and contracted speed are asked, a wrong answer is asked again, and the answer uses them."""
    data, asks = tmp_path / "data", registry.local_zone() in cli.NOBODYS_ZONES
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [*FIRSTBELL, "up", "--stop-after-answer", *([] if asks else ["--tz", evening()])],
        env=environment(data),
        stdin=child,
        stdout=child,
        stderr=child,
    )
    os.close(child)
    screen = ""

    def read_until(words: str) -> None:
        nonlocal screen
        deadline = time.monotonic() + FIRST_ANSWER_S
        while words not in screen:
            assert time.monotonic() < deadline, screen
            if select.select([parent], [], [], 0.2)[0]:
                screen += os.read(parent, 4096).decode()

    try:
        read_until("Name of the school")
        os.write(parent, b"Lincoln High\n")
        read_until("Students and staff")
        os.write(parent, b"lots\n")
        read_until("not a valid")
        os.write(parent, b"1,200\n")
        read_until("Contracted Mbit/s")
        os.write(parent, b"\n")
        if asks:
            read_until("Time zone of the school")
            os.write(parent, f"{evening()}\n".encode())
        read_until("Examples that nobody entered")
        read_until("Stopped.")
        screen = " ".join(screen.split())
        assert "Lincoln High, 1:1 flex, 1,200 people" in screen
        assert "1,000 Mbit/s bought" in screen
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(parent)


def write_lincoln(home: Home, tz: str) -> None:
    """A district of one school."""
    registry.write_example(
        home.district,
        school_name="Lincoln High",
        people=100,
        down_mbps=100,
        up_mbps=None,
        agent=up.BOX,
        tz=tz,
    )


def test_where_a_bell_rings_it_says_that_the_speed_test_waits(tmp_path: Path) -> None:
    """Within five minutes of a bell no line is loaded: nobody waits two minutes for what does not come."""
    home, zone = Home(tmp_path / "data"), evening()
    write_lincoln(home, zone)
    since = datetime.now(ZoneInfo(zone)) - timedelta(minutes=1)  # noqa: TID251 - the test's own clock
    with (home.district / "district.toml").open("a", encoding="utf-8") as settings:
        bell = f"{since:%H:%M}-{since + timedelta(minutes=40):%H:%M} algebra"
        settings.write(
            '\n[calendars.default]\nweekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]\n'
            f'usual = "a"\nbells.a = ["{bell}"]\n'
        )
    up.prepare(home)
    began = time.monotonic()
    ended = firstbell(home.folder, "up", "--json", "--stop-after-answer")
    assert ended.returncode == 0, ended.stderr
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    (word,) = [event["text"] for event in told if event["event"] == "internet"]
    assert "No speed test just now: algebra has just begun" in word
    assert [event for event in told if event["event"] == "answer"]
    assert time.monotonic() - began < 60


def test_a_test_that_is_refused_is_no_failure(tmp_path: Path) -> None:
    """A box that may not load its line says why, and the line is not said to have failed."""
    home = Home(tmp_path / "data")
    write_lincoln(home, evening())
    up.prepare(home)
    settings = home.box / "agent.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace("[box]\n", "[box]\nmetered = true\n"), "utf-8"
    )
    ended = firstbell(home.folder, "up", "--json", "--stop-after-answer")
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert not [event for event in told if event["event"] == "internet"]
    (measured,) = [event for event in told if event.get("measurement", {}).get("probe") == "internet"]
    assert measured["text"].split() == ["internet", "-", "skipped:", "the", "connection", "is", "metered"]


def test_a_test_that_is_put_off_is_not_waited_for(tmp_path: Path) -> None:
    """The coordinator says later, for a reason that nobody foresaw, and the box tells of nothing: the answer comes."""
    home = Home(tmp_path / "data")
    write_lincoln(home, evening())
    up.prepare(home)
    now_ns = time.time_ns()  # noqa: TID251 - the children's clock is the machine's
    soon_s = now_ns // NS + 240
    quiets.order(open_journal(home.journal), Ordered(now_ns // NS - 60, soon_s, why="an exam"), now_ns)
    began = time.monotonic()
    ended = firstbell(home.folder, "up", "--json", "--stop-after-answer")
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert not [event for event in told if event.get("measurement", {}).get("probe") == "internet"]
    (word,) = [event["text"] for event in told if event["event"] == "internet"]
    assert word.startswith("  No speed test just now: the collector has not let it begin yet.")
    assert [event for event in told if event["event"] == "answer"]
    assert time.monotonic() - began < FIRST_ANSWER_S


def test_with_internet_it_says_which_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real speed test runs against a private server; its name is told, and no address that it gave away."""
    home = Home(tmp_path / "data")
    write_lincoln(home, evening())
    up.prepare(home)
    with (home.box / "agent.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[internet]\nsecure = false\n")
    with SpeedtestServer(Behaviour(down_rate=5e6, up_rate=5e6)) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        ended = firstbell(home.folder, "up", "--json", "--stop-after-answer")
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    (word,) = [event["text"] for event in told if event["event"] == "internet"]
    assert "ran against Private 1 (Springfield" in word
    (test,) = [
        event["measurement"]
        for event in told
        if event["event"] == "measured" and event["measurement"]["probe"] == "internet"
    ]
    assert test["status"] == "ok"
    assert 10 < test["readings"]["down_mbps"] < 45
    assert PUBLIC_ADDRESS.encode() not in b"".join(
        file.read_bytes() for file in home.folder.rglob("*") if file.is_file()
    )
