"""Summers that somebody began: kept in the journal, from whichever process, and read by all."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import date

from collector.store.connections import transaction
from collector.store.errors import told
from collector.store.journal import Journal
from firstbell.summer import Summer

_WHAT = "the journal takes no summer"
_END = "UPDATE summers SET ended_ns = ? WHERE summer_id = ? AND ended_ns IS NULL"
_ALL = "SELECT summer_id, since_ns, back, school, ended_ns FROM summers ORDER BY summer_id"


def begin(
    journal: Journal, school: str, back: date | None, now_ns: int, instead: Sequence[Summer] = ()
) -> int:
    """Keep a summer that begins now, or began with those that it takes the place of; its number.

    Raises UnreadableError.
    """
    since_ns = min([each.since_ns for each in instead], default=now_ns)
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        db.executemany(_END, [(now_ns, each.number) for each in instead])
        made = db.execute(
            "INSERT INTO summers (since_ns, back, school) VALUES (?, ?, ?)",
            (since_ns, back.isoformat() if back else "", school),
        )
        return int(made.lastrowid or 0)


def end(journal: Journal, numbers: list[int], now_ns: int) -> None:
    """End summers before the day on which the boxes are expected. Raises UnreadableError."""
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        db.executemany(_END, [(now_ns, number) for number in numbers])


def every(db: sqlite3.Connection) -> list[Summer]:
    """Every summer that was ever begun: a few a year."""
    return [
        Summer(
            number=row[0],
            since_ns=row[1],
            back=date.fromisoformat(row[2]) if row[2] else None,
            school=row[3],
            ended_ns=row[4],
        )
        for row in db.execute(_ALL)
    ]
