"""Who may become which box, and the certificates that were given.

Each is one short transaction on the journal, from whichever process. A token is kept as its SHA-256 and a key
as that of its public half: reading them opens nothing.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

from collector.store import denied
from collector.store.connections import transaction
from collector.store.errors import told
from collector.store.journal import Journal

_WHAT = "the journal takes no enrolment"
_COLUMNS = "enrolment_id, agent, automatic, made_ns, expires_ns, key, claimed_ns, doubled, decided_ns, let_in"
_OPEN = "(decided_ns IS NULL OR let_in)"


class Enrolment(NamedTuple):
    """A card: whose it is to be, who came with it, and what was decided."""

    number: int
    agent: str
    automatic: bool
    made_ns: int
    expires_ns: int
    key: bytes | None
    claimed_ns: int | None
    doubled: int
    decided_ns: int | None
    let_in: bool | None


class Certificate(NamedTuple):
    """A certificate that was given."""

    authority: str
    serial: str
    agent: str
    key: bytes
    begins_ns: int
    ends_ns: int
    pem: str
    revoked_ns: int | None = None


def offer(
    journal: Journal, token: bytes, agent: str, *, automatic: bool, now_ns: int, expires_ns: int
) -> int:
    """Keep a new card; its number. Cards of this box that nobody used yet are worth nothing any more."""
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        db.execute(
            "UPDATE enrolments SET decided_ns = ?, let_in = 0 "
            "WHERE agent = ? AND claimed_ns IS NULL AND decided_ns IS NULL",
            (now_ns, agent),
        )
        made = db.execute(
            "INSERT INTO enrolments (token, agent, automatic, made_ns, expires_ns) VALUES (?, ?, ?, ?, ?)",
            (token, agent, automatic, now_ns, expires_ns),
        )
        return int(made.lastrowid or 0)


def claim(journal: Journal, token: bytes, key: bytes, now_ns: int) -> Enrolment | None:
    """The card with that token, as it stands after `key` came with it; None where there is none.

    The first key that comes in time has it. Of two that come at once one is first, and is what both are told.
    """
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        db.execute(
            "UPDATE enrolments SET key = ?, claimed_ns = ?, decided_ns = iif(automatic, ?, NULL), "
            "let_in = iif(automatic, 1, NULL) "
            "WHERE token = ? AND key IS NULL AND decided_ns IS NULL AND expires_ns > ?",
            (key, now_ns, now_ns, token, now_ns),
        )
        db.execute("UPDATE enrolments SET doubled = doubled + 1 WHERE token = ? AND key <> ?", (token, key))
        return _one(db, "token = ?", token)


def known(db: sqlite3.Connection, token: bytes) -> bool:
    """Whether there is a card with that token, used or not."""
    return db.execute("SELECT 1 FROM enrolments WHERE token = ?", (token,)).fetchone() is not None


def decide(journal: Journal, number: int, *, let_in: bool, now_ns: int) -> Enrolment | None:
    """Let the box in that came with a card, or not; the card, or None where none waits for that."""
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        done = db.execute(
            "UPDATE enrolments SET decided_ns = ?, let_in = ? "
            "WHERE enrolment_id = ? AND claimed_ns IS NOT NULL AND decided_ns IS NULL",
            (now_ns, let_in, number),
        )
        return _one(db, "enrolment_id = ?", number) if done.rowcount else None


def enrolments(db: sqlite3.Connection) -> list[Enrolment]:
    """The cards that are worth something, or were: not those that were followed or taken back unused."""
    query = f"SELECT {_COLUMNS} FROM enrolments WHERE claimed_ns IS NOT NULL OR {_OPEN} ORDER BY enrolment_id"  # noqa: S608 - our own words
    return [_enrolment(row) for row in db.execute(query)]


def keep(journal: Journal, given: Certificate, now_ns: int) -> bool | None:
    """Keep a certificate that is about to be given; whether that revoked those of another key.

    None where the key was shut out, or its card taken back, while the certificate was made: it must not be
    given then. A name is one box's: whoever has it next takes it from whoever had it before.
    """
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        kept = db.execute(
            "INSERT INTO certificates SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 "
            "WHERE NOT EXISTS (SELECT 1 FROM certificates WHERE key = ?4 AND revoked_ns IS NOT NULL) "
            "AND (EXISTS (SELECT 1 FROM certificates WHERE key = ?4 AND agent = ?3) "
            "OR EXISTS (SELECT 1 FROM enrolments WHERE key = ?4 AND agent = ?3 AND let_in))",
            given,
        )
        if not kept.rowcount:
            return None
        gone = db.execute(
            "UPDATE certificates SET revoked_ns = ? WHERE agent = ? AND key <> ? AND revoked_ns IS NULL",
            (now_ns, given.agent, given.key),
        )
        # A card that was let in and never fetched its certificate would take the name back one day.
        db.execute(
            "UPDATE enrolments SET let_in = 0 WHERE agent = ? AND key IS NOT NULL AND key <> ? AND let_in",
            (given.agent, given.key),
        )
        return gone.rowcount > 0


def newest(db: sqlite3.Connection, key: bytes) -> Certificate | None:
    """The last certificate of a key; one that was revoked before any other. None where it has none."""
    row = db.execute(
        "SELECT authority, serial, agent, key, begins_ns, ends_ns, pem, revoked_ns FROM certificates "
        "WHERE key = ? ORDER BY revoked_ns IS NULL, begins_ns DESC LIMIT 1",
        (key,),
    ).fetchone()
    return Certificate(*row) if row else None


def revoke(journal: Journal, agent: str, now_ns: int) -> int:
    """Take from a box all that lets it in: its certificates, and cards that would. How many there were."""
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        gone = db.execute(
            "UPDATE certificates SET revoked_ns = ? WHERE agent = ? AND revoked_ns IS NULL", (now_ns, agent)
        )
        cards = db.execute(
            f"UPDATE enrolments SET decided_ns = ?, let_in = 0 WHERE agent = ? AND {_OPEN}",  # noqa: S608 - ours
            (now_ns, agent),
        )
        return gone.rowcount + cards.rowcount


def deny(journal: Journal, agent: str) -> bool:
    """Shut a box out of which there are reports and no certificate here; False where there are none.

    It came in by a certificate that the journal forgot: only the name is left to go by.
    """
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        there = db.execute("SELECT 1 FROM agents WHERE name = ?", (agent,)).fetchone()
        if there:
            denied.deny(db, agent)
        return there is not None


def restore(journal: Journal, agent: str) -> int:
    """Take back that a box was shut out: its last key is known again. How many certificates that gives back.

    None where it is not shut out. Keys that were followed by another one stay out, and so do its cards.
    """
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        allowed = denied.allow(db, agent)
        if agent not in shut_out(db):
            return int(allowed)
        back = db.execute(
            "UPDATE certificates SET revoked_ns = NULL WHERE agent = ? AND key = "
            "(SELECT key FROM certificates WHERE agent = ? ORDER BY revoked_ns DESC, begins_ns DESC LIMIT 1)",
            (agent, agent),
        )
        return back.rowcount


def take_over(journal: Journal, gone: Iterable[tuple[str, str, int]], ends_ns: int) -> int:
    """Revoke what another list says was revoked (authority, serial, when); how much of it was not known here.

    A certificate that was given and revoked after a backup is in no journal: it is revoked until `ends_ns`.
    A box of which nothing good is left loses its cards, too.
    """
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        fresh = 0
        for authority, serial, at_ns in gone:
            done = db.execute(
                "INSERT INTO certificates VALUES (?1, ?2, '', x'', ?3, ?4, '', ?3) "
                "ON CONFLICT DO UPDATE SET revoked_ns = excluded.revoked_ns WHERE revoked_ns IS NULL",
                (authority, serial, at_ns, ends_ns),
            )
            fresh += done.rowcount
        for agent in shut_out(db) if fresh else ():
            db.execute(
                f"UPDATE enrolments SET let_in = 0 WHERE agent = ? AND claimed_ns AND {_OPEN}",  # noqa: S608
                (agent,),
            )
        return fresh


def revoked(db: sqlite3.Connection, after_ns: int) -> list[tuple[str, str, int]]:
    """What was revoked of what ends after that moment: authority, serial number, when."""
    query = (
        "SELECT authority, serial, revoked_ns FROM certificates WHERE revoked_ns IS NOT NULL AND ends_ns > ?"
    )
    return [(row[0], row[1], row[2]) for row in db.execute(query, (after_ns,))]


def is_revoked(db: sqlite3.Connection, serial: str) -> bool:
    """Whether a certificate of that number (hex; each is drawn anew, of 159 bits) was revoked."""
    query = "SELECT 1 FROM certificates WHERE serial = ? AND revoked_ns IS NOT NULL"
    return db.execute(query, (serial,)).fetchone() is not None


def count(db: sqlite3.Connection, now_ns: int) -> int:
    """How many certificates are good."""
    query = "SELECT count(*) FROM certificates WHERE revoked_ns IS NULL AND ends_ns > ?"
    return int(db.execute(query, (now_ns,)).fetchone()[0])


def good(db: sqlite3.Connection, now_ns: int) -> frozenset[str]:
    """The boxes that have a certificate which is good."""
    query = "SELECT DISTINCT agent FROM certificates WHERE revoked_ns IS NULL AND ends_ns > ?"
    return frozenset(row[0] for row in db.execute(query, (now_ns,)))


def shut_out(db: sqlite3.Connection) -> frozenset[str]:
    """The boxes that had certificates, all of which were revoked; of erased ones nobody knows the name."""
    query = (
        "SELECT agent FROM certificates WHERE agent <> '' GROUP BY agent HAVING count(revoked_ns) = count(*)"
    )
    return frozenset(row[0] for row in db.execute(query))


def _one(db: sqlite3.Connection, where: str, value: bytes | int) -> Enrolment | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM enrolments WHERE {where}",  # noqa: S608 - our own words
        (value,),
    ).fetchone()
    return _enrolment(row) if row else None


def _enrolment(
    row: tuple[int, str, int, int, int, bytes | None, int | None, int, int | None, int | None],
) -> Enrolment:
    number, agent, automatic, made, expires, key, claimed, doubled, decided, let_in = row
    return Enrolment(
        number, agent, bool(automatic), made, expires, key, claimed, doubled, decided,
        None if let_in is None else bool(let_in),
    )  # fmt: skip
