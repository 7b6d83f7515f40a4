"""A capacity test with a smaller student and shorter lessons, as a program: `python -m tests.support.classroom JSON`.

It prints the result as JSON, with all that was tried.
"""

import json
import sys
from typing import Any

import msgspec

from agent.load import capacity
from agent.load.engines.base import Peer, Request
from agent.load.lessons import Pace
from agent.machine.machine import Machine
from firstbell.readiness.students import Student
from tests.support.reference import TARGET

SMALL: dict[str, float] = {
    "video_mbps": 1.0,
    "piece_s": 0.5,
    "page_s": 5.0,
    "page_bytes": 30_000,
    "page_first_bytes": 3_000,
    "upload_s": 10.0,
    "upload_bytes": 10_000,
    "page_limit_s": 1.0,
    "upload_limit_s": 1.0,
}
"""The scale of tests (facts: measurement.md 5): shorter pieces, pages of 30 kB, within a second."""


def student(**other: float) -> Student:
    """The usual student, but for the scale of tests and what `other` says."""
    _, usual = capacity.usual()
    numbers = {
        name: msgspec.structs.replace(getattr(usual, name), value=value)
        for name, value in (SMALL | other).items()
    }
    return msgspec.structs.replace(usual, **numbers)


def main(words: dict[str, Any]) -> dict[str, Any]:
    """Play, and say what came of it."""
    request = Request(
        max_bytes=words.get("max_bytes", 900_000_000),
        max_seconds=words.get("max_seconds", 120.0),
        server=Peer(name=TARGET, host=words["host"], port=words["port"]),
        ticket=words["token"],
        expected_mbps=words.get("expected_mbps", 0.0),
    )
    kind = student(**words.get("student", {})) if words.get("student") is not None else capacity.usual()[1]
    pace = Pace(**words.get("pace", {}))
    result = capacity.Class(request, Machine.real(), "test", kind, pace).result()
    found: dict[str, Any] = msgspec.to_builtins(result)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
