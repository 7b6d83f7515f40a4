"""Brings hours, days and roll-ups up to date, in small steps that the writer takes while nobody waits.

The touched hours are made anew from all of their rows, never added to: so the outcome is the same whatever
the order in which reports arrived, however they were grouped, and wherever it was killed.
"""

import sqlite3
from typing import NamedTuple

from collector.store.connections import transaction
from collector.store.derived import kept
from collector.store.derived.kept import HOUR_NS, HOURS_A_DAY

WINDOW_ROWS = 500_000
STEP_HOURS = 25


class Cursor(NamedTuple):
    """How far the derivation is. `generation` counts how often all of it was thrown away."""

    arrival: int
    generation: int


class Deriver:
    """Takes what arrived since the cursor and makes its hours, a few in each step.

    The cursor moves on only after all of a window is made; whoever dies before that does it once more.
    """

    def __init__(self, window_rows: int = WINDOW_ROWS, step_hours: int = STEP_HOURS) -> None:
        self._window_rows = window_rows
        self._step_hours = step_hours
        self._pending: list[tuple[int, int]] = []
        self._goal = 0
        self._cursor: Cursor | None = None

    def step(self, db: sqlite3.Connection) -> bool:
        """Make a few hours in one transaction; False if there was nothing to do. Raises sqlite3.Error."""
        try:
            with transaction(db):
                return self._step(db)
        except BaseException:
            self._pending = []
            raise

    def _step(self, db: sqlite3.Connection) -> bool:
        cursor = cursor_of(db)
        if cursor != self._cursor:  # begun anew by another process, or further than this one knew
            self._cursor, self._pending = cursor, []
        if not self._pending and not self._look(db, cursor):
            return False
        todo = self._pending[-self._step_hours :]
        for agent_id, hour in todo:
            kept.keep_hour(db, agent_id, hour, kept.make(db, agent_id, hour))
        for agent_id, day in sorted({(agent_id, hour // HOURS_A_DAY) for agent_id, hour in todo}):
            kept.keep_day(db, agent_id, day)
        del self._pending[-self._step_hours :]
        if not self._pending:
            db.execute("UPDATE derivation SET arrival = ?", (self._goal,))
            self._cursor = cursor._replace(arrival=self._goal)
        return True

    def _look(self, db: sqlite3.Connection, cursor: Cursor) -> bool:
        """Find the hours that the next window of arrivals touches."""
        newest = db.execute(
            "SELECT max(arrival) FROM "
            "(SELECT arrival FROM reports WHERE arrival > ? ORDER BY arrival LIMIT ?)",
            (cursor.arrival, self._window_rows),
        ).fetchone()[0]
        if newest is None:
            return False
        self._goal = newest
        self._pending = db.execute(
            f"SELECT DISTINCT agent_id, at_ns / {HOUR_NS} AS hour FROM reports "  # noqa: S608 - a number
            "WHERE arrival > ? AND arrival <= ? ORDER BY agent_id, hour",
            (cursor.arrival, newest),
        ).fetchall()
        return True


def cursor_of(db: sqlite3.Connection) -> Cursor:
    """How far the derivation is."""
    return Cursor(*db.execute("SELECT arrival, generation FROM derivation").fetchone())


def forget(db: sqlite3.Connection) -> None:
    """Throw all that was derived away, to be made once more from rows. In the caller's transaction."""
    for table in ("hours", "days", "rollups"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own words
    db.execute("UPDATE derivation SET arrival = 0, generation = generation + 1")
