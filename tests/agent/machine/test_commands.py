"""The door to other programs: whatever is started is ended, with all that it started."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.machine.commands import Ended, NotInstalledError, SystemCommands
from tests.support.running import is_gone

_DEADLINE_S = 20.0


def python(code: str, **options: object) -> Ended:
    """Run a line of Python through the door."""
    settings = {"deadline_s": _DEADLINE_S, **options}
    return SystemCommands().run([sys.executable, "-c", code], **settings)  # type: ignore[arg-type]


def until(condition: Callable[[], bool]) -> None:
    """Wait for it, but not for ever."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_command_reads_its_input_and_tells_its_end() -> None:
    """stdin, stdout, stderr and the exit code come through whole."""
    code = (
        "import sys; print(sys.stdin.read()[::-1], end=''); print('oh', file=sys.stderr); raise SystemExit(3)"
    )
    ended = python(code, input=b"abc")
    assert ended == Ended(3, b"cba", b"oh\n")


def test_a_lifeline_stays_when_the_input_is_read() -> None:
    """A command that holds to its stdin has it until it ends; without a lifeline stdin ends after the input."""
    code = (
        "import select, sys; sys.stdin.buffer.raw.read(2)\n"
        "print(bool(select.select([sys.stdin], [], [], 0.5)[0]))"
    )
    held = python(code, input=b"a\n", lifeline=True)
    assert (held.code, held.stdout, held.timed_out) == (0, b"False\n", False)
    assert python(code, input=b"a\n").stdout == b"True\n"


def test_a_stop_ends_a_command_at_once() -> None:
    """A test that is called back ends within a second, with all that it started, and is not called late."""
    stop = threading.Event()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    began = time.monotonic()
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    ended = python(code, stop=stop)
    timer.join()
    assert time.monotonic() - began < 5
    assert (ended.stopped, ended.timed_out) == (True, False)
    until(lambda: is_gone(int(ended.stdout)))


def test_a_stop_that_never_comes_changes_nothing() -> None:
    """A command that may be stopped ends by itself or at its deadline like any other."""
    assert python("print(1)", stop=threading.Event()) == Ended(0, b"1\n", b"")
    late = python("import time; time.sleep(60)", deadline_s=0.3, stop=threading.Event())
    assert (late.stopped, late.timed_out) == (False, True)


def test_the_environment_is_added_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sees this program's own variables and those it was given."""
    monkeypatch.setenv("OWN", "1")
    ended = python("import os; print(os.environ['OWN'] + os.environ['GIVEN'])", env={"GIVEN": "2"})
    assert ended.stdout == b"12\n"


def test_nothing_is_a_shell() -> None:
    """What a shell would expand arrives as it was written."""
    argv = [sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME; echo `id` > /dev/null"]
    ended = SystemCommands().run(argv, deadline_s=_DEADLINE_S)
    assert ended.stdout == b"$HOME; echo `id` > /dev/null\n"


def test_a_program_that_is_not_there_is_said_so() -> None:
    """A missing program is its own kind of error, with its name."""
    with pytest.raises(NotInstalledError, match="no-such-program"):
        SystemCommands().run(["no-such-program"], deadline_s=_DEADLINE_S)


_PARENT = """
import subprocess, sys, pathlib, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
print('ready', flush=True)
"""


def test_at_the_deadline_the_whole_group_dies(tmp_path: Path) -> None:
    """A grandchild does not outlive the command, and what was written before is kept."""
    argv = [sys.executable, "-c", _PARENT + "time.sleep(60)", str(tmp_path / "pid")]
    begin = time.monotonic()
    ended = SystemCommands().run(argv, deadline_s=2.5)
    assert time.monotonic() - begin < 10
    assert (ended.timed_out, ended.code, ended.stdout) == (True, -signal.SIGKILL, b"ready\n")
    until(lambda: is_gone(int((tmp_path / "pid").read_text())))


def test_what_a_command_leaves_running_ends_with_it(tmp_path: Path) -> None:
    """A command that ends by itself takes the processes that it started along."""
    argv = [sys.executable, "-c", _PARENT, str(tmp_path / "pid")]
    ended = SystemCommands().run(argv, deadline_s=_DEADLINE_S)
    assert (ended.timed_out, ended.code) == (False, 0)
    until(lambda: is_gone(int((tmp_path / "pid").read_text())))


def test_a_grandchild_that_left_the_group_does_not_hold_the_box(tmp_path: Path) -> None:
    """One that holds the pipes from a session of its own is left alone after a moment."""
    escaping = _PARENT.replace("60)'])", "60)'], start_new_session=True)")
    begin = time.monotonic()
    ended = SystemCommands().run(
        [sys.executable, "-c", escaping, str(tmp_path / "pid")], deadline_s=_DEADLINE_S
    )
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert time.monotonic() - begin < 10
    assert ended.stdout == b"ready\n"


def test_a_flood_is_cut() -> None:
    """A command that never stops talking is killed at the limit of its output."""
    ended = python("while True: print('x' * 1000)", output_limit=10_000)
    assert (ended.flooded, ended.timed_out, len(ended.stdout)) == (True, False, 10_000)
    assert ended.code == -signal.SIGKILL


def test_a_command_that_reads_nothing_does_not_block() -> None:
    """Input that nobody reads is dropped."""
    assert python("pass", input=b"x" * (1 << 20)).code == 0


def test_death_by_a_signal_is_told_by_its_number() -> None:
    """The code is below zero, as in subprocess."""
    assert python("import os; os.kill(os.getpid(), 9)").code == -9


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_the_memory_limit_holds() -> None:
    """A command that wants more memory than it may have does not get it."""
    greedy = "import sys; sys.stdin.read(); bytearray(400 << 20); print('got it')"
    assert python(greedy).stdout == b"got it\n"
    starved = python(greedy, memory_limit=300 << 20)
    assert starved.stdout == b""
    assert b"MemoryError" in starved.stderr


def test_nothing_stays_open() -> None:
    """A hundred commands leave no pipe behind."""
    folder = Path("/proc/self/fd")
    python("pass")
    before = len(list(folder.iterdir()))
    for _ in range(20):
        SystemCommands().run(["true"], deadline_s=_DEADLINE_S)
    assert len(list(folder.iterdir())) <= before
