"""What is written into the journal beside reports: people's decisions, and every district that was loaded.

Each is one short transaction on a connection of its own, from whichever process.
"""

import json
from collections.abc import Mapping
from contextlib import closing

from collector.store.connections import transaction
from collector.store.errors import told
from collector.store.journal import Journal
from collector.store.ledger import arrivals

_WHAT = "the journal takes no decision"


def decide(journal: Journal, agent: str, note: str, now_ns: int) -> bool:
    """Accept a suspended box as it is from now on; False if no suspension of it was open.

    What was received before the decision stays as it was: kept, and no evidence. `note` says who decided
    and why. Raises UnreadableError.
    """
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        decided = db.execute(
            "UPDATE suspensions SET decided_ns = ?, decided_arrival = ?, note = ? "
            "WHERE decided_ns IS NULL AND agent_id = (SELECT agent_id FROM agents WHERE name = ?)",
            (now_ns, arrivals(db), note, agent),
        )
        return decided.rowcount > 0


def keep_district(journal: Journal, digest: str, contents: Mapping[str, str], now_ns: int) -> None:
    """Keep a district folder, file name to text, under its digest; for a known one nothing is written.

    Raises UnreadableError.
    """
    with told(_WHAT), closing(journal.reader()) as known:
        if known.execute("SELECT 1 FROM districts WHERE digest = ?", (digest,)).fetchone():
            return
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        db.execute(
            "INSERT OR IGNORE INTO districts VALUES (?, ?, ?)",
            (digest, json.dumps(contents, ensure_ascii=False, sort_keys=True), now_ns),
        )
