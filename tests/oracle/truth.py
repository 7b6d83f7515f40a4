"""What boxes measured, written down outside the product while they run.

A line of JSON an event, each appended with one write: what was written survives `kill -9` of its writer.

    start      a spool was opened: {"token", "agent", "epoch"}
    intent     these are about to be stored: {"token", "put", "count", "true_ns", "exact"}
    stored     the spool said that they are on its disk: {"token", "put", "epoch", "last"}
    unstored   the spool said that none of them is: {"token", "put"}

`token` stands for one process. `true_ns` is when the measurement began; `exact` says that the box's clock
was right and vouched for. `last` is the number of the last of them; null where the writer can't tell it.
Shared by the measuring driver and the oracle; knows nothing of the product.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TEXTS = ("plain", "Grüße, 1:1", 'say "{[\\"', "教室", "")
_REASONS = ("no answer to 10 echoes", 'the name "a.b" can\'t be resolved', "Zeit abgelaufen: 5 s")


def nonce(token: str, put: int, place: int) -> str:
    """The name of one finding: of which process, which `put`, which place in it."""
    return f"{token}-{put}-{place}"


def finding(name: str) -> dict[str, Any]:
    """All that a report says beside its times, from the nonce `name` alone."""
    draw = random.Random(name)
    status = draw.choice(("ok",) * 7 + ("failed", "timeout", "skipped"))
    found: dict[str, Any] = {
        "status": status,
        "target": "t" + name.rsplit("-", 1)[1],
        "segment": draw.choice(("site", "wan", "internet")),
        "readings": {
            "nonce": name,
            "rtt_p50_ms": draw.uniform(0, 1e6),
            "loss_pct": draw.uniform(0, 100),
            "echoes_sent": draw.randrange(1001),
            "chaos_wide": draw.uniform(-1, 1) * 10.0 ** draw.randrange(-300, 300),
            "chaos_whole": draw.randrange(1 - (1 << 63), 1 << 63),
            "chaos_flag": draw.random() > 0.5,
            "chaos_text": draw.choice(_TEXTS),
        },
    }
    if status != "ok":
        found["reason"] = draw.choice(_REASONS)
    return found


class TruthLog:
    """One process's log."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, **words: str | int | bool | None) -> None:
        """Append one event."""
        os.write(self._file, json.dumps({"e": event, **words}).encode() + b"\n")


def events(folder: Path, logs: str = "*") -> Iterator[dict[str, Any]]:
    """The events of the logs in `folder` that match. A last line that was cut off was never written."""
    for path in sorted(folder.glob(f"{logs}.jsonl")):
        *lines, _cut_off = path.read_bytes().split(b"\n")
        yield from map(json.loads, lines)
