"""The box's own choices when it is put together."""

import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent import app
from agent import box as box_module
from agent.config import BoxSettings, BrokerSettings, LeaseSettings, ProbesSettings, Settings
from agent.machine.machine import Machine
from agent.spool.schema import DiskError
from firstbell.report import Finding, Status
from firstbell.settings import SettingsError
from tests.chaos.disks import fill, small_disk
from tests.support.clocks import HandClock
from tests.support.mosquitto import wait_until
from tests.support.spools import draft


def test_a_named_place_has_its_summers_and_winters() -> None:
    """The stretches of a school day follow the clock on the wall, in January as in July."""
    zone = box_module.zone(Settings(box=BoxSettings(name="box-1", timezone="America/Chicago")))
    offsets = {datetime(2026, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7)}
    assert len(offsets) == 2


def nothing(_machine: Machine, _memory: dict[str, Any], /) -> list[Finding]:
    """A probe that is quick and content."""
    return [Finding(status=Status.OK)]


def box_settings() -> Settings:
    """A box whose broker is not there and whose only probe runs each second."""
    return Settings(
        box=BoxSettings(name="box-1"),
        broker=BrokerSettings(port=1),
        probes=ProbesSettings(off=("latency", "internet", "box"), every_s={"host": 1}, first_now=True),
    )


def test_a_probe_that_is_off_never_runs() -> None:
    """What the settings switch off is in no schedule, and so is a test that has nothing to test against."""
    specs = box_module._specs(box_settings(), {"host", "latency", "internet", "box", "throughput"})
    assert [spec.name for spec in specs] == ["host"]


@pytest.mark.parametrize(
    ("metered", "reports", "said"),
    [(True, 0, "metered"), (False, 3500, "full"), (False, 0, "")],
)
def test_a_heavy_test_asks_the_boxs_own_gate(tmp_path: Path, metered: bool, reports: int, said: str) -> None:
    """A metered line and a spool that is nearly full keep the test back; nothing else does."""
    settings = Settings(
        box=BoxSettings(name="box-1", metered=metered, spool_max_mb=1),
        broker=BrokerSettings(port=1),
        lease=LeaseSettings(by="box"),
    )
    with app.running(settings, tmp_path, {"internet": nothing}) as box:
        box._spool.put([draft(HandClock(), number) for number in range(reports)])
        (found,) = box._runner.run("internet")
    assert said in found.reason
    assert found.status is (Status.SKIPPED if said else Status.OK)


def test_a_box_ends_when_it_is_told(tmp_path: Path) -> None:
    """Stopped in good order it says so, and its spool is marked as cleanly ended."""
    stop = threading.Event()
    with app.running(box_settings(), tmp_path, {"host": nothing}) as box:
        threading.Timer(1.5, stop.set).start()
        assert box.run(stop)
    assert app.spool_summary(box_settings(), tmp_path)["waiting"] >= 2


@pytest.mark.parametrize("victim", ["sender", "sender hangs", "worker", "nothing moves"])
def test_a_box_that_can_not_work_ends_to_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    """A sender or worker that died or hangs, or no progress at all: each ends the program, no pretending."""
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    go_on, stop = threading.Event(), threading.Event()
    too_late = threading.Timer(20, stop.set)
    too_late.start()
    with app.running(box_settings(), tmp_path, {"host": nothing}) as box:
        if victim == "sender":
            monkeypatch.setattr(box.sender, "step", lambda: 1 / 0)
        elif victim == "sender hangs":
            monkeypatch.setattr(box.sender, "step", go_on.wait)
            monkeypatch.setattr(box_module, "STALLED_S", 2.5)
        elif victim == "worker":
            monkeypatch.setattr(box._runner, "run", lambda _name, **_: 1 / 0)
        else:
            monkeypatch.setattr(box_module, "STALLED_S", -1.0)
        assert not box.run(stop)
    go_on.set()
    too_late.cancel()
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for timer in timers:
        timer.join(5)
    assert not any(timer.is_alive() for timer in timers)


def test_a_way_out_that_hangs_is_cut_short(tmp_path: Path) -> None:
    """A box that gave up and can't even close ends all the same, with a failing exit code."""
    program = (
        "import sys, threading, time, pathlib; sys.path.insert(0, '.')\n"
        "from agent import app, box; from tests.agent.test_app import box_settings, nothing\n"
        "app._END_ANYHOW_S, box.STALLED_S = 1.0, -1.0\n"
        "with app.running(box_settings(), pathlib.Path(sys.argv[1]), {'host': nothing}) as made:\n"
        "    made.run(threading.Event()); time.sleep(60)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=30, check=False)
    assert ended.returncode == 1


def test_check_logs_in_and_says_why_it_can_not(tmp_path: Path) -> None:
    """A broker that nobody runs is said, and a file that can't be used is a setting's mistake."""
    settings = Settings(box=BoxSettings(name="box-1"), broker=BrokerSettings(port=1))
    findings = app.check(settings, tmp_path)
    assert not findings["broker"]["ok"]
    assert "127.0.0.1:1 can't be used" in findings["broker"]["says"]
    with pytest.raises(SettingsError, match="nowhere"):
        app.check(
            Settings(box=BoxSettings(name="box-1"), broker=BrokerSettings(ca_file="nowhere.pem")), tmp_path
        )


@pytest.mark.parametrize(("user", "doubts"), [("", False), ("box-1", False), ("box-2", True)])
def test_check_doubts_a_name_that_is_not_the_users(tmp_path: Path, user: str, doubts: bool) -> None:
    """Under the documented list of topics such a box would report for ever to nobody, and no program tells it."""
    broker = BrokerSettings(port=1, username=user)
    said = app.check(Settings(box=BoxSettings(name="box-1"), broker=broker), tmp_path)["name"]
    assert said["ok"]
    assert said.get("doubts", False) is doubts
    assert (f"the box is box-1 and logs in as {user}" in said["says"]) is doubts


@pytest.mark.parametrize("spool", ["nodir/x.db", "a-file/x.db"])
def test_check_finds_a_spool_that_can_not_be_made(tmp_path: Path, spool: str) -> None:
    """Where its folder is missing or is none, `check` says which, and so does whoever starts the box."""
    (tmp_path / "a-file").touch()
    settings = Settings(box=BoxSettings(name="box-1", spool=spool), broker=BrokerSettings(port=1))
    said = app.check(settings, tmp_path)["spool"]
    assert not said["ok"]
    assert f"no folder {(tmp_path / spool).parent}" in said["says"]
    with (
        pytest.raises(DiskError, match=f"{tmp_path / spool} can't be locked"),
        app.running(settings, tmp_path),
    ):
        pass


def test_check_finds_a_spool_folder_that_takes_nothing() -> None:
    """A folder of somebody else's, or a read-only one, is said before the box is started."""
    program = (
        "import os, sys; sys.path.insert(0, '.')\n"
        "from pathlib import Path; from agent import app\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "print(app._spool_word(Path(sys.argv[1])))\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders let nobody else pass
        Path(folder).chmod(0o555)
        argv = [sys.executable, "-c", program, f"{folder}/x.db"]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
        Path(folder).chmod(0o755)
    assert f"nothing can be written in {folder}" in ended.stdout


def test_a_look_around_prints_what_it_found_alone() -> None:
    """What a test's process says beside its answer is for the log of a box, not for who asked once."""
    program = (
        "import logging; from agent import app, cli\n"
        "app.once = lambda *_: logging.getLogger('agent.load.apart').warning('complaints') or []\n"
        "cli.main(['once', 'internet', '--now', '--json'])\n"
    )
    argv = [sys.executable, "-c", program]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")


@pytest.mark.root
def test_a_full_disk_is_no_reason_to_end(tmp_path: Path) -> None:
    """A box started on a disk without a byte stands, goes on trying, and that counts as being alive."""
    stop = threading.Event()
    with small_disk(tmp_path / "card", "64k") as card:
        fill(card)
        with app.running(box_settings(), card, {"host": nothing}) as box:
            running = threading.Thread(target=box.run, args=(stop,))
            running.start()
            for _ in range(2):
                wait_until(lambda: box.progress.ages()["stored"] > 0.5, "its last try is a while ago")
                wait_until(lambda: box.progress.ages()["stored"] < 0.5, "it tried again")
            stop.set()
            running.join(20)
            assert not running.is_alive()
