"""Children on a lifeline: none outlives its parent, each that dies is started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.config import Home
from collector.up import _LOG_BYTES, Child, UpError, alone

SLEEPER = """
import json, signal, sys, threading
from collector import lifeline
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
lifeline.hold()
print(json.dumps({"port": 7}), flush=True)
threading.Event().wait(60)
"""


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until a condition holds, at most for some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] == "Z"
    except FileNotFoundError:
        return True


def test_a_child_says_that_it_is_ready_and_ends_with_its_stdin(tmp_path: Path) -> None:
    """Start waits for the child's word; stop ends its stdin, and the child ends by itself."""
    child = Child("sleeper", [sys.executable, "-c", SLEEPER], tmp_path)
    assert child.start() == {"port": 7}
    pid = child.pid
    assert pid is not None
    began = time.monotonic()
    child.stop()
    assert gone(pid)
    assert time.monotonic() - began < 5


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Even `kill -9` of the parent leaves no child behind."""
    parent = (
        "import sys, threading\nfrom pathlib import Path\nfrom collector.up import Child\n"
        f"child = Child('sleeper', [sys.executable, '-c', {SLEEPER!r}], Path({str(tmp_path)!r}))\n"
        "child.start()\nprint(child.pid, flush=True)\nthreading.Event().wait(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert not gone(pid)
    process.kill()
    process.wait()
    process.stdout.close()
    wait_for(lambda: gone(pid))


def test_a_child_that_dies_is_started_again_a_little_later(tmp_path: Path) -> None:
    """Not at once (it may die at once for ever), but soon, as a new process."""
    child = Child("sleeper", [sys.executable, "-c", SLEEPER], tmp_path)
    child.start()
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: child.pid is None)
    assert not child.mind(now=100.0)
    assert not child.mind(now=100.4)
    assert child.mind(now=100.6)
    assert child.pid not in {None, first}
    assert child.deaths == 1
    child.stop()


def test_the_log_of_a_child_that_talks_does_not_grow_for_ever(tmp_path: Path) -> None:
    """It is turned while the child runs, which goes on in the new one; one old one stays."""
    talker = SLEEPER.replace(
        "threading.Event().wait(60)",
        "while True: print('x' * 99_999, file=sys.stderr, flush=True); threading.Event().wait(0.01)",
    )
    child, log = Child("talker", [sys.executable, "-c", talker], tmp_path), tmp_path / "talker.log"
    child.start()
    try:
        for _ in range(2):
            wait_for(lambda: log.stat().st_size > _LOG_BYTES)
            assert not child.mind(time.monotonic())
            assert log.stat().st_size < _LOG_BYTES
        wait_for(lambda: log.stat().st_size > 0)
        # Not where the old one ended, after a hole of zeros; a line may have been cut before its end.
        assert log.read_bytes()[:1] in {b"x", b"\n"}
        assert (tmp_path / "talker.old.log").stat().st_size > _LOG_BYTES
        assert len(list(tmp_path.iterdir())) == 2
    finally:
        child.stop()


def test_a_child_that_can_not_start_is_said_with_its_log(tmp_path: Path) -> None:
    """Its last words are in a file, and the error names the file."""
    child = Child("broken", [sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path)
    with pytest.raises(UpError, match=r"broken\.log"):
        child.start()
    assert "no luck" in (tmp_path / "broken.log").read_text(encoding="utf-8")


def test_two_can_not_use_one_folder(tmp_path: Path) -> None:
    """The second `up` is told who is there and what to do, and the first is not disturbed."""
    with alone(Home(tmp_path)), pytest.raises(UpError, match="another"), alone(Home(tmp_path)):
        pass
    with alone(Home(tmp_path)):
        pass


def test_both_lifelines_are_the_same() -> None:
    """The box's and the district's lifeline differ in nothing but their first line (docs/decisions/0005)."""
    root = Path(__file__).parents[2]
    box, district = (
        (root / side / "lifeline.py").read_text(encoding="utf-8").splitlines()[1:]
        for side in ("agent", "collector")
    )
    assert box == district
