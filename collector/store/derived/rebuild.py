"""Makes everything that is derived once more from rows, while the collector may be running.

Each hour is made in the place of what stood there, box by box, so that answers go on meanwhile; what no row
speaks for is taken away.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

from collector.store import figures
from collector.store.connections import transaction
from collector.store.derived.deriver import HEAVY, Deriver, make_hours
from collector.store.derived.kept import HOUR_NS, HOURS_A_DAY
from collector.store.errors import told
from collector.store.journal import Journal
from collector.store.ledger import arrivals

STEP_HOURS = 100

_HOURS = f"""
SELECT DISTINCT at_ns / {HOUR_NS} FROM reports WHERE agent_id = ?1
UNION SELECT hour FROM hours WHERE agent_id = ?1
UNION SELECT DISTINCT hour FROM rollups WHERE agent_id = ?1
UNION SELECT day * {HOURS_A_DAY} FROM days WHERE agent_id = ?1
ORDER BY 1
"""  # noqa: S608 - numbers
# A writer beside this may have derived further; nothing is derived beyond the newest report. Whoever kept an
# answer asks anew (`line`), since it may be another one now.
_MARKS = f"""
UPDATE derivation SET arrival = max(:made, min(arrival, :newest)), line = :newest, tests = coalesce(
    (SELECT max(arrival) FROM agents CROSS JOIN reports USING (agent_id) WHERE probe IN ({HEAVY})), 0)
"""  # noqa: S608 - names from the catalogue
Progress = Callable[[int, int], None]
"""Told after each step how many boxes are done, and of how many."""


class Rebuilt(NamedTuple):
    """What was made: for how many boxes, from how many reports, and how many hours hold something."""

    boxes: int
    reports: int
    hours: int


def rebuild(journal: Journal, progress: Progress) -> Rebuilt:
    """Make hours, days, roll-ups and figures again, all of them. Raises UnreadableError."""
    with told("the journal could not be rebuilt"), closing(journal.writer()) as db:
        newest = arrivals(db)
        boxes = [row[0] for row in db.execute("SELECT agent_id FROM agents ORDER BY agent_id").fetchall()]
        full = 0
        for n, agent_id in enumerate(boxes):
            progress(n, len(boxes))
            for hours in _parts(db, agent_id):
                with transaction(db):
                    full += make_hours(db, ((agent_id, hour) for hour in hours), newest)
        with transaction(db):
            figures.count_all(db)
            db.execute(_MARKS, {"made": newest, "newest": arrivals(db)})
        progress(len(boxes), len(boxes))
        reports = db.execute("SELECT coalesce(sum(held), 0) FROM box_figures").fetchone()[0]
        return Rebuilt(len(boxes), reports, full)


def catch_up(journal: Journal) -> None:
    """Derive what is not derived yet, as the writer would in its spare time. Raises UnreadableError."""
    deriver = Deriver(step_hours=STEP_HOURS)
    with told("the journal could not be derived"), closing(journal.writer()) as db:
        while deriver.step(db):
            pass


def _parts(db: sqlite3.Connection, agent_id: int) -> Iterator[list[int]]:
    hours = [row[0] for row in db.execute(_HOURS, (agent_id,)).fetchall()]
    for n in range(0, len(hours), STEP_HOURS):
        yield hours[n : n + STEP_HOURS]
