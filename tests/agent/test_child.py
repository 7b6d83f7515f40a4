"""The isolated half of a heavy probe, as the process that it is."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.machine.commands import SystemCommands
from tests.chaos.processes import wait_until
from tests.support.running import is_gone
from tests.support.speedtest_server import Behaviour, SpeedtestServer


def child(*names: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run it to its end."""
    argv = [sys.executable, "-m", "agent.child", *names]
    return subprocess.run(argv, input=stdin, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("names", "stdin", "message"),
    [
        ((), b"", "one name is wanted, of: internet"),
        (("nothing",), b"", "one name is wanted, of: internet"),
        (("internet",), b"", "Input data was truncated"),
        (("internet",), b"{}", "Object missing required field `request`"),
        (("internet",), b'{"request": {"max_bytes": 0, "max_seconds": 1}}', "ceilings are above zero"),
        (
            ("internet",),
            b'{"request": {"max_bytes": 1, "max_seconds": 1, "host": "x"}}',
            "unknown field `host`",
        ),
    ],
)
def test_a_bad_request_is_one_line_of_json(names: tuple[str, ...], stdin: bytes, message: str) -> None:
    """The error is JSON on stdout, alone, and the exit code is 2."""
    ended = child(*names, stdin=stdin)
    assert (ended.returncode, ended.stderr) == (2, b"")
    assert message in json.loads(ended.stdout)["error"]
    assert b"\n" not in ended.stdout.strip()


def test_what_a_library_prints_is_not_the_answer() -> None:
    """The answer has stdout for itself: a print, and a write to descriptor 1, go to stderr."""
    code = (
        "import os\n"
        "from agent.child import _alone\n"
        "with _alone() as answer:\n"
        "    print('a library speaks', flush=True)\n"
        "    os.write(1, b'and in C')\n"
        "    answer.write(b'{}')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert ended.stdout == b"{}"
    assert b"a library speaks" in ended.stderr
    assert b"and in C" in ended.stderr


def test_the_child_limits_its_own_memory(speedtest_server: Callable[[Behaviour], SpeedtestServer]) -> None:
    """Whoever started it: 120 MiB are not enough for an upload, and the answer is still one JSON object."""
    speedtest_server(Behaviour())
    order = {
        "request": {"max_bytes": 300_000_000, "max_seconds": 20, "secure": False},
        "memory_bytes": 120 << 20,
    }
    ended = SystemCommands().run(
        [sys.executable, "-m", "agent.child", "internet"],
        input=json.dumps(order).encode() + b"\n",
        lifeline=True,
        deadline_s=60,
    )
    assert ended.code == 0
    result = json.loads(ended.stdout)
    assert result["reason"].endswith("the test needed more memory than it may have")


_BOX = """
import sys
from agent.machine.commands import SystemCommands
SystemCommands().run(
    [sys.executable, "-m", "agent.child", "internet"], input=sys.argv[1].encode() + b"\\n", lifeline=True,
    deadline_s=60,
)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_test_does_not_outlive_its_box(
    number: signal.Signals, speedtest_server: Callable[[Behaviour], SpeedtestServer]
) -> None:
    """However the box dies, its speed test ends at once: the next box's would load the line beside it."""
    server = speedtest_server(Behaviour(down_rate=20_000, seconds=40))
    order = json.dumps({"request": {"max_bytes": 300_000_000, "max_seconds": 40, "secure": False}})
    with subprocess.Popen([sys.executable, "-c", _BOX, order], stderr=subprocess.DEVNULL) as box:
        wait_until(lambda: server.sent > 0, "the test is under way")
        (child_pid,) = Path(f"/proc/{box.pid}/task/{box.pid}/children").read_text().split()
        box.send_signal(number)
        wait_until(lambda: is_gone(int(child_pid)), "it ends", 5)
