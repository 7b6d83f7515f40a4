"""How many students the capacity test finds on lines of known rate and delay, and what that costs.

    python -m benchmarks.capacity [--students small usual] [--mbps 20 50 100] [--json] [--save]

Needs root. Lines are those of tests/net: namespaces and a user-space delay line. Each line's room is
0.95 C / d: C the line's rate with all its frames, d what one student takes. The small student is that of
tests/net/test_capacity.py, watched as shortly as there; the usual one, and how long it is watched, is the
box's own, within the ceilings that a box has by default. Box, line and server share this machine: where
others fill it, nobody plays on time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agent.load.capacity import usual
from benchmarks import bench
from benchmarks.bench import Figure
from benchmarks.throughput import reference
from firstbell.readiness.students import Student
from tests.net.net import Line, Net
from tests.net.test_capacity import PACE
from tests.support.classroom import student as small
from tests.support.reference import District

FULL = 0.95
"""As full as a line may be."""
MAX_BYTES, MAX_SECONDS = 1_000_000_000, 180.0
"""What a capacity test may have by default."""
_DEADLINE_S = MAX_SECONDS + 60


class Case(NamedTuple):
    """A kind of student on a line."""

    student: str
    mbps: float
    rtt_ms: float

    def __str__(self) -> str:
        return f"{self.student} student, {self.mbps:g} Mbit/s, {self.rtt_ms:g} ms"


CASES = (
    *(Case("small", mbps, rtt_ms) for mbps in (20, 50) for rtt_ms in (0, 30)),
    Case("usual", 20, 30),
    Case("usual", 50, 0),
    Case("usual", 100, 30),
)


def kind(case: Case) -> Student:
    """Whom the case plays."""
    return small() if case.student == "small" else usual()[1]


def play(case: Case, line: Line, port: int, token: str) -> dict[str, Any]:
    """The result of one capacity test over the line."""
    own = {"student": {}, "pace": PACE} if case.student == "small" else {"student": None}
    words = {
        "host": line.server.address,
        "port": port,
        "token": token,
        "expected_mbps": line.goodput_mbps("down"),
        "max_bytes": MAX_BYTES,
        "max_seconds": MAX_SECONDS,
    }
    asked = [sys.executable, "-m", "tests.support.classroom", json.dumps(words | own)]
    ended: subprocess.CompletedProcess[str] = line.client.run(asked, timeout=_DEADLINE_S, cwd=bench.ROOT)
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def told(case: Case, result: Mapping[str, Any]) -> Iterator[Figure]:
    """What came of a case. Raises RuntimeError if nothing did."""
    more = result.get("more", {})
    if "students_ok" not in more:
        raise RuntimeError(f"{case}: {result.get('reason') or 'nothing found'}")
    room, found = FULL * case.mbps / kind(case).mbps, more["students_ok"]
    capped = ", at least" if more.get("students_at_least") else ""
    aim = f"{int(room)}, one or 5 % off" if case.student == "small" else ""
    yield Figure(f"{case}: room", room, "students")
    yield Figure(f"{case}: found{capped}", found, "students", aim)
    yield Figure(f"{case}: found to room", found / room, "times")
    yield Figure(f"{case}: bytes", (result["bytes_received"] + result["bytes_sent"]) / 1e6, "MB")
    yield Figure(f"{case}: time", more["loaded_s"], "s")
    yield Figure(f"{case}: the machine was busy", result.get("cpu_busy_pct", 0.0), "%")


def measure(options: argparse.Namespace) -> list[Figure]:
    """All cases that were asked for."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, Net() as net:
        district = District(Path(folder))
        for case in CASES:
            if case.student not in options.students or case.mbps not in options.mbps:
                continue
            shape = {"down_mbps": case.mbps, "up_mbps": case.mbps, "rtt_ms": case.rtt_ms}
            with net.line(**shape) as line, reference(line, district) as port:
                token = district.token(kind="capacity", max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS)
                figures += told(case, play(case, line, port, token))
    return figures


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--students", nargs="+", choices=["small", "usual"], default=["small", "usual"])
    parser.add_argument("--mbps", type=float, nargs="+", default=[20, 50, 100])
    options = parser.parse_args()
    bench.show("capacity", measure(options), options)


if __name__ == "__main__":
    main()
