"""Quiet times that somebody ordered: kept in the journal, from whichever process, and read by all."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

from collector.store.connections import transaction
from collector.store.errors import told
from collector.store.journal import Journal
from firstbell.quiet import Order

_WHAT = "the journal takes no quiet time"
_MARGIN_S = 86_400
"""A local time is within a day of the same one in UTC."""
_OPEN = """
SELECT quiet_id, since_s, until_s, local, school, why FROM quiet_times
WHERE ended_ns IS NULL AND until_s > ? ORDER BY quiet_id
"""


class Ordered(NamedTuple):
    """What was ordered; the journal gives it its number. As in `firstbell.quiet.Order`."""

    since_s: int
    until_s: int
    local: bool = False
    school: str = ""
    why: str = ""


def order(journal: Journal, ordered: Ordered, now_ns: int) -> int:
    """Keep a quiet time; its number. Raises UnreadableError."""
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        made = db.execute(
            "INSERT INTO quiet_times (since_s, until_s, local, school, why, ordered_ns) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (*ordered, now_ns),
        )
        return int(made.lastrowid or 0)


def end(journal: Journal, numbers: list[int], now_ns: int) -> None:
    """End quiet times before their time. Raises UnreadableError."""
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        db.executemany(
            "UPDATE quiet_times SET ended_ns = ? WHERE quiet_id = ? AND ended_ns IS NULL",
            [(now_ns, number) for number in numbers],
        )


def standing(db: sqlite3.Connection, at_ns: int) -> list[Order]:
    """The quiet times that hold at that moment or are still to come, and those just over somewhere."""
    return [
        Order(number=row[0], since_s=row[1], until_s=row[2], local=bool(row[3]), school=row[4], why=row[5])
        for row in db.execute(_OPEN, (at_ns // 10**9 - _MARGIN_S,))
    ]
