"""Is nothing left of a test network, however the test ended?"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.net.host import need_network
from tests.net.net import Line, Net

pytestmark = pytest.mark.root

_DAEMON = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(60)"
_VICTIM = """
import json, sys, time
from tests.net.net import Net
from tests.net.test_ends import populated
with Net() as net, net.line(down_mbps=10, rtt_ms=5) as line, net.line(down_mbps=10) as plain:
    sys.stdout.write(json.dumps([line.spans[0].pid, *populated(line), *populated(plain)]) + "\\n")
    sys.stdout.flush()
    time.sleep(60)
"""


def populated(line: Line) -> list[str]:
    """The line's namespaces, now that programs run at both ends, one of which let its child loose."""
    line.client.popen(["sleep", "60"])
    line.server.python("-c", _DAEMON).wait()
    line.neighbour.popen(["sh", "-c", "sleep 60 & sleep 60"])
    hosts = (line.client, line.gateway, line.server, line.neighbour)
    namespaces = [str(Path(f"/proc/{host.pid}/ns/net").readlink()) for host in hosts]
    # A program is in its namespace a moment after it was started: four that hold, two, and the shell's three.
    until = time.monotonic() + 5
    while len(_living(namespaces)) < 9 and time.monotonic() < until:
        time.sleep(0.02)
    return namespaces


def _living(namespaces: list[str]) -> list[str]:
    """The command lines of what still runs in one of these."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and str((folder / "ns/net").readlink()) in namespaces:
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # gone meanwhile
    return found


def _runs(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_text())
    except OSError:
        return False


def _devices() -> list[str]:
    return sorted(line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:])


@pytest.mark.parametrize("rtt_ms", [0, 10])
def test_nothing_is_left(net: Net, rtt_ms: float) -> None:
    """After a line's end no program runs in its namespaces, not even one that hid, and no device came here."""
    before = _devices()
    with net.line(down_mbps=10, rtt_ms=rtt_ms) as line:
        namespaces = populated(line)
        assert len(_living(namespaces)) == 9
    assert _living(namespaces) == []
    assert _devices() == before


def test_nothing_is_left_by_a_test_that_fails(net: Net) -> None:
    """An exception inside takes all down as the end of the test does, and comes through."""
    seen: list[str] = []
    with pytest.raises(ZeroDivisionError):
        _fail(net, seen)
    assert len(seen) == 4
    assert _living(seen) == []


def _fail(net: Net, seen: list[str]) -> None:
    with net.line(down_mbps=10, rtt_ms=10) as line:
        seen += populated(line)
        _ = 1 / 0


def test_nothing_is_left_of_what_could_not_be_made(net: Net) -> None:
    """A rate that tbf refuses is said, and the hosts that stood already are gone."""
    with pytest.raises(OSError, match="tc -batch"), net.line(down_mbps=-5):
        pass
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert [pid for pid in children if "tests/net/" in Path(f"/proc/{pid}/cmdline").read_text()] == []


def test_nothing_is_left_when_the_tests_are_killed() -> None:
    """Who made it is killed outright, without a word: within five seconds it is all gone."""
    need_network()
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", _VICTIM], stdout=subprocess.PIPE, cwd=root) as victim:
        assert victim.stdout is not None
        delay_line, *namespaces = json.loads(victim.stdout.readline())
        assert _runs(delay_line)
        assert len(_living(namespaces)) == 18
        victim.kill()
    until = time.monotonic() + 5
    while (_living(namespaces) or _runs(delay_line)) and time.monotonic() < until:
        time.sleep(0.05)
    assert _living(namespaces) == []
    assert not _runs(delay_line)
