"""Brings hours, days and roll-ups up to date, in small steps that the writer takes while nobody waits.

The touched hours are made anew from all of their rows, never added to: so the outcome is the same whatever
the order in which reports arrived, however they were grouped, and wherever it was killed.
"""

import sqlite3
from collections.abc import Iterable

from collector.store.connections import transaction
from collector.store.derived import kept
from collector.store.derived.kept import HOUR_NS, HOURS_A_DAY
from firstbell.catalogue import PROBES

WINDOW_ROWS = 500_000
STEP_HOURS = 25

HEAVY = ", ".join(f"'{probe.name}'" for probe in PROBES.values() if probe.heavy)
"""The probes whose reports count in `derivation.tests`, for SQL."""
_WINDOW_END = """
SELECT max(arrival) FROM (SELECT arrival FROM reports WHERE arrival > ? ORDER BY arrival LIMIT ?)
"""
_TOUCHED = f"""
SELECT DISTINCT agent_id, at_ns / {HOUR_NS} AS hour FROM reports WHERE arrival > ? AND arrival <= ?
ORDER BY agent_id, hour
"""  # noqa: S608 - a number
_TESTED = f"""
UPDATE derivation SET tests = max(tests, coalesce(
    (SELECT max(arrival) FROM reports WHERE arrival > ? AND arrival <= ? AND probe IN ({HEAVY})), 0))
"""  # noqa: S608 - names from the catalogue


class Deriver:
    """Takes what arrived since the cursor and makes its hours, a few in each step.

    The cursor (`derivation.arrival`) moves on only after all of a window is made; whoever dies before that
    does it once more, and two that work side by side do the same twice.
    """

    def __init__(self, window_rows: int = WINDOW_ROWS, step_hours: int = STEP_HOURS) -> None:
        self._window_rows = window_rows
        self._step_hours = step_hours
        self._pending: list[tuple[int, int]] = []
        self._begin = 0
        self._goal = 0

    def step(self, db: sqlite3.Connection) -> bool:
        """Make a few hours in one transaction; False if there was nothing to do. Raises sqlite3.Error."""
        try:
            with transaction(db):
                return self._step(db)
        except BaseException:
            self._pending = []
            raise

    def _step(self, db: sqlite3.Connection) -> bool:
        if not self._pending and not self._look(db):
            return False
        make_hours(db, self._pending[-self._step_hours :], self._goal)
        del self._pending[-self._step_hours :]
        if not self._pending:
            db.execute(_TESTED, (self._begin, self._goal))
            db.execute("UPDATE derivation SET arrival = max(arrival, ?)", (self._goal,))
        return True

    def _look(self, db: sqlite3.Connection) -> bool:
        """Find the hours that the next window of arrivals touches."""
        begin = cursor_of(db)
        goal = db.execute(_WINDOW_END, (begin, self._window_rows)).fetchone()[0]
        if goal is None:
            return False
        self._begin, self._goal = begin, goal
        self._pending = db.execute(_TOUCHED, (begin, goal)).fetchall()
        return True


def make_hours(db: sqlite3.Connection, hours: Iterable[tuple[int, int]], arrival: int) -> int:
    """Make these hours, each of a box, and their days, from rows; how many of them hold something.

    `arrival` is noted beside the journal's name for what happened to lines if any day tells otherwise now.
    In the caller's transaction.
    """
    todo, full = list(hours), 0
    for agent_id, hour in todo:
        made = kept.make(db, agent_id, hour)
        kept.keep_hour(db, agent_id, hour, made)
        full += made is not None
    days = sorted({(agent_id, hour // HOURS_A_DAY) for agent_id, hour in todo})
    otherwise = [kept.keep_day(db, agent_id, day) for agent_id, day in days]
    if any(otherwise):
        db.execute("UPDATE derivation SET line = max(line, ?)", (arrival,))
    return full


def cursor_of(db: sqlite3.Connection) -> int:
    """Up to which arrival everything is derived."""
    return int(db.execute("SELECT arrival FROM derivation").fetchone()[0])
