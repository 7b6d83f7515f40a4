"""Numbers of an epoch that the journal neither holds nor knows to be refused or lost.

A gap closes by itself while reports arrive out of order; one that stays is something nobody owned up to.
"""

import sqlite3
from typing import NamedTuple

from collector.store.ranges import size, union, without
from firstbell.wire import Range


class EpochState(NamedTuple):
    """One start of a box, as far as the journal knows it.

    `held` reports are here; `top` is the highest number known of; `refused` and `lost` are numbers that
    need not be waited for and are not held; `missing` is what is left. `predecessor` and `ended` are what
    its first report said of the start before; `ended` is None until that report is here.
    """

    epoch: str
    first_ns: int
    last_ns: int
    held: int
    top: int
    refused: int
    lost: int
    missing: int
    predecessor: str | None
    ended: str | None


_COLUMNS = """
SELECT epoch_id, max(highest, coalesce(told_last, 0)), epoch, epochs.first_ns, last_ns, held,
predecessor, ended, epochs.agent_id FROM epochs
"""
_Row = tuple[int, int, str, int, int, int, str | None, str | None]


def missing(db: sqlite3.Connection, epoch_id: int) -> list[Range]:
    """The exact ranges that are missing; reads the epoch's whole index."""
    absent = [numbers for ranges in _absences(db, epoch_id).values() for numbers in ranges]
    (row,) = db.execute(_COLUMNS + "WHERE epoch_id = ?", (epoch_id,))
    top = max(row[1], *(last for _, last in absent), 0)
    return without(_not_held(db, epoch_id, top), absent)


def epochs_of(db: sqlite3.Connection, agent: str) -> list[EpochState]:
    """All starts of a box, in the order in which the journal heard of them."""
    rows = db.execute(
        _COLUMNS + "JOIN agents USING (agent_id) WHERE name = ? ORDER BY epoch_id", (agent,)
    ).fetchall()
    return [_state(db, row[:8]) for row in rows]


def state_of(db: sqlite3.Connection, epoch_id: int) -> tuple[int, int, EpochState]:
    """One start: its box, when anything of it came last, and its state."""
    row = db.execute(_COLUMNS + "WHERE epoch_id = ?", (epoch_id,)).fetchone()
    return row[8], row[4], _state(db, row[:8])


def _state(db: sqlite3.Connection, row: _Row) -> EpochState:
    epoch_id, known, epoch, first_ns, last_ns, held, predecessor, ended = row
    absences = _absences(db, epoch_id)
    top = max(known, *(last for ranges in absences.values() for _, last in ranges), 0)
    refused = _unheld(db, epoch_id, absences["refused"])
    lost = _unheld(db, epoch_id, without(absences["lost"], absences["refused"]))
    return EpochState(
        epoch=epoch,
        first_ns=first_ns,
        last_ns=last_ns,
        held=held,
        top=top,
        refused=refused,
        lost=lost,
        missing=top - held - refused - lost,
        predecessor=predecessor,
        ended=ended,
    )


def _absences(db: sqlite3.Connection, epoch_id: int) -> dict[str, list[Range]]:
    found: dict[str, list[Range]] = {"refused": [], "lost": []}
    for kind, first, last in db.execute(
        "SELECT kind, first, last FROM absences WHERE epoch_id = ?", (epoch_id,)
    ):
        found[kind].append((first, last))
    return {kind: union(ranges) for kind, ranges in found.items()}


def _unheld(db: sqlite3.Connection, epoch_id: int, ranges: list[Range]) -> int:
    """How many numbers of `ranges` are not held after all (a report may come after it was given up)."""
    left = size(ranges)
    for numbers in ranges:
        left -= db.execute(
            "SELECT count(*) FROM reports WHERE epoch_id = ? AND seq BETWEEN ? AND ?", (epoch_id, *numbers)
        ).fetchone()[0]
    return left


def _not_held(db: sqlite3.Connection, epoch_id: int, top: int) -> list[Range]:
    """The holes between the numbers that are held, from 1 to `top`."""
    rows = db.execute(
        "SELECT seq + 1, next - 1 FROM ("
        "  SELECT seq, lead(seq, 1, ?) OVER (ORDER BY seq) AS next FROM ("
        "    SELECT 0 AS seq UNION ALL SELECT seq FROM reports WHERE epoch_id = ?)"
        ") WHERE next > seq + 1 ORDER BY seq",
        (top + 1, epoch_id),
    )
    return [(first, last) for first, last in rows]
