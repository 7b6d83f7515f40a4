"""The class of virtual students on lines with a known rate and a real delay: it finds how many they carry."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.net.host import need_network
from tests.net.net import Net
from tests.support.classroom import student
from tests.support.reference import ROOT, TARGET, District

pytestmark = pytest.mark.alone

PACE = {"settle_s": 2.0, "watch_s": 3.0, "longest_s": 3.0}
"""As the facts have it (measurement.md 5)."""
SERVE = ["-m", "agent.cli", "serve", "--host", "0.0.0.0", "--port", "0", "--name", TARGET, "--json", "--key"]


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("rtt_ms", [0, 30])
@pytest.mark.parametrize("mbps", [20, 50])
def test_it_finds_how_many_a_line_carries(tmp_path: Path, mbps: int, rtt_ms: int) -> None:
    """Within one student, or 5 %, of floor(0.95 C / d), and what gives first is the video."""
    need_network()
    district = District(tmp_path)
    with Net() as net, net.line(down_mbps=mbps, up_mbps=mbps, rtt_ms=rtt_ms) as line:
        server = line.server.popen(
            [sys.executable, *SERVE, str(district.key_file)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert server.stdout
        words = {
            "host": line.server.address,
            "port": json.loads(server.stdout.readline())["port"],
            "token": district.token(kind="capacity", max_bytes=900_000_000, max_seconds=120.0),
            "expected_mbps": line.goodput_mbps("down"),
            "student": {},
            "pace": PACE,
        }
        asked = [sys.executable, "-m", "tests.support.classroom", json.dumps(words)]
        found = json.loads(line.client.run(asked, timeout=150, cwd=ROOT).stdout)["more"]
    expected = math.floor(0.95 * mbps / student().mbps)
    assert abs(found["students_ok"] - expected) <= max(1, 0.05 * expected), found
    assert found["students_ok_low"] <= found["students_ok"] < found["students_ok_high"]
    assert not found["students_at_least"]
    assert not found["generator_limited"]
    assert found["gave_first"] == "video"
    assert found["steps"] <= 14
