"""The isolated half of a heavy probe, as the process that it is."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

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
    ended = child("internet", stdin=json.dumps(order).encode())
    assert ended.returncode == 0
    result = json.loads(ended.stdout)
    assert result["reason"].endswith("the test needed more memory than it may have")
