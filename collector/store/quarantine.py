"""What could not be kept as good: listed, shown, bounded. Numbers and reasons outlive the bytes.

Bounded in rows and bytes; the oldest go first and are counted.
"""

import sqlite3
from typing import NamedTuple

from collector.store.offers import Refusal
from firstbell import wire

MOST_ROWS = 10_000
MOST_BYTES = 16 << 20
KEPT_BYTES = 4096
"""Bytes of one message that are kept: enough to see what it was."""


class Quarantined(NamedTuple):
    """Something that was set aside. `size` is its whole length, `raw` its first 4,096 bytes.

    `epoch` is empty, and `first` and `last` are 0, if its sender could not be made out; `agent` is then
    the box on whose topic it came.
    """

    agent: str
    epoch: str
    first: int
    last: int
    reason: str
    received_ns: int
    times: int
    size: int
    raw: bytes


class Totals(NamedTuple):
    """What the quarantine holds, and how many of its rows had to go."""

    rows: int
    bytes: int
    dropped: int


def put(db: sqlite3.Connection, agent: str, epoch: str, refusal: Refusal, received_ns: int) -> None:
    """Set something aside. The same bytes under the same numbers are counted, not kept again."""
    raw = refusal.raw[:KEPT_BYTES]
    digest = wire.row_digest(refusal.raw)
    key = (agent, epoch, refusal.first, refusal.last, digest)
    seen = db.execute(
        "UPDATE quarantine SET times = times + 1 "
        "WHERE agent = ? AND epoch = ? AND first = ? AND last = ? AND digest = ?",
        key,
    )
    if seen.rowcount:
        return
    db.execute(
        "INSERT INTO quarantine (agent, epoch, first, last, digest, reason, received_ns, times, bytes, raw) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
        (*key, refusal.reason, received_ns, len(refusal.raw), raw),
    )
    db.execute("UPDATE quarantine_totals SET rows = rows + 1, bytes = bytes + ?", (len(raw),))
    _trim(db)


def _trim(db: sqlite3.Connection) -> None:
    while True:
        kept = totals(db)
        if kept.rows <= MOST_ROWS and kept.bytes <= MOST_BYTES:
            return
        gone = db.execute(
            "DELETE FROM quarantine WHERE quarantine_id = (SELECT min(quarantine_id) FROM quarantine) "
            "RETURNING length(raw)"
        ).fetchall()
        db.execute(
            "UPDATE quarantine_totals SET rows = rows - 1, bytes = bytes - ?, dropped = dropped + 1", gone[0]
        )


def totals(db: sqlite3.Connection) -> Totals:
    """How full the quarantine is."""
    return Totals(*db.execute("SELECT rows, bytes, dropped FROM quarantine_totals").fetchone())


def newest(db: sqlite3.Connection, most: int) -> list[Quarantined]:
    """What was set aside last, the newest first."""
    rows = db.execute(
        "SELECT agent, epoch, first, last, reason, received_ns, times, bytes, raw FROM quarantine "
        "ORDER BY quarantine_id DESC LIMIT ?",
        (most,),
    )
    return [Quarantined(*row) for row in rows]
