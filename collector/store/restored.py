"""That a journal was restored, and what its boxes have sent again since.

A restored journal bears another name, so boxes offer what they kept since the backup was made. A box has sent
all of it once it has sent something measured after the restore, and no number of it is missing that was not
missing in the backup.
"""

import sqlite3
from contextlib import closing
from typing import NamedTuple

import msgspec

from collector.store.connections import transaction
from collector.store.errors import told
from collector.store.journal import Journal
from collector.store.ledger import arrivals

KEPT_NS = 7 * 86_400 * 10**9
"""So long boxes keep what was taken."""
_LOOKED_BACK_NS = 8 * 86_400 * 10**9
"""What was measured longer before the backup and came after it is not counted among what came again."""
_EXPECTED = """
SELECT name, missing FROM agents JOIN box_figures USING (agent_id) WHERE last_ns > ? ORDER BY name
"""
_KNOWN = """
SELECT agent_id, name, missing, (SELECT max(at_ns) FROM latest WHERE latest.agent_id = agents.agent_id
AND arrival > ?) FROM agents JOIN box_figures USING (agent_id) ORDER BY name
"""
_AGAIN = """
SELECT count(*) FROM reports WHERE agent_id = ?1 AND arrival > ?2 AND at_ns >= ?3 AND at_ns < ?4
AND probe IN (SELECT DISTINCT probe FROM latest WHERE latest.agent_id = ?1)
"""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """When the journal was restored, from the copy of which moment, up to which arrival that reached.

    `expected` are the boxes that were heard in the week before that moment, with what was missing of each.
    """

    at_ns: int
    taken_ns: int
    arrival: int
    expected: dict[str, int]


class Came(NamedTuple):
    """What came of a box since: `again` reports that were measured before the restore.

    `heard`: something that was measured after it, too. `missing`: more than was missing in the backup.
    """

    agent: str
    again: int
    heard: bool
    missing: int


def mark(journal: Journal, at_ns: int, taken_ns: int | None = None) -> Restored:
    """Note that the journal was restored at `at_ns`, before it takes anything; what is expected of boxes.

    `taken_ns` is the moment of which it is a copy; else that of its last report. Raises UnreadableError.
    """
    with told(f"{journal.path} can't be marked"), closing(journal.writer()) as db, transaction(db):
        arrival = arrivals(db)
        newest = db.execute("SELECT received_ns FROM reports ORDER BY arrival DESC LIMIT 1").fetchone()
        taken = taken_ns if taken_ns is not None else newest[0] if newest else at_ns
        expected = dict(db.execute(_EXPECTED, (taken - KEPT_NS,)).fetchall())
        found = Restored(at_ns=at_ns, taken_ns=taken, arrival=arrival, expected=expected)
        write(db, found)
        # A card that was used after the backup is unused again: a copy of it must let nobody in by itself.
        db.execute("UPDATE enrolments SET automatic = 0 WHERE claimed_ns IS NULL AND decided_ns IS NULL")
        return found


def write(db: sqlite3.Connection, found: Restored) -> None:
    """Note it, in the caller's transaction."""
    db.execute("REPLACE INTO meta VALUES ('restored', ?)", (msgspec.json.encode(found).decode(),))


def state(db: sqlite3.Connection) -> Restored | None:
    """When it was restored last; None for a journal that never was."""
    row = db.execute("SELECT value FROM meta WHERE key = 'restored'").fetchone()
    return msgspec.json.decode(row[0], type=Restored) if row else None


def came(db: sqlite3.Connection, restored: Restored, *, counted: bool = True) -> list[Came]:
    """What came of each box that was expected, or that came anyway, by name.

    Counting looks through some days of each box; not `counted`, `again` is 0, and it costs next to nothing.
    """
    found = []
    known = {row[1]: row for row in db.execute(_KNOWN, (restored.arrival,))}
    for agent in sorted({*restored.expected, *known}):
        agent_id, _, missing, newest_ns = known.get(agent, (0, agent, 0, None))
        if newest_ns is None and agent not in restored.expected:
            continue
        since = restored.taken_ns - _LOOKED_BACK_NS
        bounds = agent_id, restored.arrival, since, restored.at_ns
        again = db.execute(_AGAIN, bounds).fetchone()[0] if counted and newest_ns is not None else 0
        heard = newest_ns is not None and newest_ns >= restored.at_ns
        found.append(Came(agent, again, heard, max(0, missing - restored.expected.get(agent, 0))))
    return found
