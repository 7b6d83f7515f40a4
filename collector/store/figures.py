"""Figures of each start and each box, kept beside the facts so that counting costs nothing.

They are brought up to date in the transaction that changes the facts. A program of an earlier format does
not know them: `derivation.counted` says up to which arrival they are right, and what is beyond is counted
when the journal is opened.
"""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from collector.store import gaps
from collector.store.connections import transaction


class Sums(NamedTuple):
    """What is known of one or of many boxes: reports held, refused, lost and missing, and starts."""

    starts: int
    held: int
    refused: int
    lost: int
    missing: int


_OF_EPOCH = "SELECT held, refused, lost, missing FROM epoch_figures WHERE epoch_id = ?"
_ADD = """
INSERT INTO box_figures VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET starts = starts + excluded.starts, held = held + excluded.held,
refused = refused + excluded.refused, lost = lost + excluded.lost, missing = missing + excluded.missing,
last_ns = max(last_ns, excluded.last_ns)
"""


def count(db: sqlite3.Connection, epochs: Iterable[int], arrival: int) -> None:
    """Count these starts anew, of which something changed. In the transaction that changed it."""
    for epoch_id in sorted(set(epochs)):
        agent_id, last_ns, state = gaps.state_of(db, epoch_id)
        before = db.execute(_OF_EPOCH, (epoch_id,)).fetchone()
        now = state.held, state.refused, state.lost, state.missing
        if before != now:
            db.execute("REPLACE INTO epoch_figures VALUES (?, ?, ?, ?, ?, ?)", (epoch_id, agent_id, *now))
        more = [new - old for new, old in zip(now, before or (0, 0, 0, 0), strict=True)]
        db.execute(_ADD, (agent_id, 0 if before else 1, *more, last_ns))
    db.execute("UPDATE derivation SET counted = ?", (arrival,))


def are_current(db: sqlite3.Connection, arrival: int) -> bool:
    """Whether everything up to `arrival` is counted. Raises sqlite3.Error."""
    return _counted(db) == arrival


def catch_up(db: sqlite3.Connection, arrival: int) -> None:
    """Count everything anew if a program that does not count has taken reports. Raises sqlite3.Error."""
    if not are_current(db, arrival):
        with transaction(db):
            count_all(db)


def count_all(db: sqlite3.Connection) -> None:
    """Count everything anew, in the caller's transaction."""
    db.execute("DELETE FROM epoch_figures")
    db.execute("DELETE FROM box_figures")
    newest = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'reports'").fetchone()
    count(db, (row[0] for row in db.execute("SELECT epoch_id FROM epochs").fetchall()), newest[0])


def of_all(db: sqlite3.Connection) -> Sums:
    """The whole district's."""
    return Sums(
        *db.execute(
            "SELECT coalesce(sum(starts), 0), coalesce(sum(held), 0), coalesce(sum(refused), 0), "
            "coalesce(sum(lost), 0), coalesce(sum(missing), 0) FROM box_figures"
        ).fetchone()
    )


def _counted(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT counted FROM derivation").fetchone()[0])
