"""The journal: the one record of every report that the district has taken."""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from collector.store import figures
from collector.store.connections import connect, make_durable, reading, transaction
from collector.store.errors import NewerJournalError, UnreadableError, told
from collector.store.ledger import arrivals
from collector.store.migrations import APPLICATION_ID, SCHEMA, is_current, migrate, schema_of


class Journal(NamedTuple):
    """A journal that is there and can be read by this program. `id` names this very record."""

    path: Path
    id: str

    def writer(self) -> sqlite3.Connection:
        """A durable connection for writing. Raises sqlite3.Error."""
        db = connect(self.path, "rw")
        make_durable(db)
        return db

    def reader(self) -> sqlite3.Connection:
        """A connection that can't write. Raises sqlite3.Error."""
        return reading(self.path)

    def simulated(self) -> bool:
        """Whether its reports were made up. Raises UnreadableError."""
        with told(f"{self.path} can't be read"), closing(self.reader()) as db:
            return is_simulated(db)

    def mark_simulated(self) -> None:
        """Say for good that its reports are made up; every copy says so, too. Raises UnreadableError."""
        with told(f"{self.path} can't be marked"), closing(self.writer()) as db, transaction(db):
            db.execute("REPLACE INTO meta VALUES ('simulated', '1')")


def open_journal(path: Path) -> Journal:
    """The journal at `path`, made if there is none and brought to this program's format.

    One that is in it already is only read: a full disk is no reason not to answer, nor not to start. Raises
    UnreadableError or NewerJournalError.
    """
    with told(f"{path} can't be used as a journal"):
        return _ready(path) or _made_ready(path)


def _ready(path: Path) -> Journal | None:
    """The journal as it stands; None where something would have to be written first."""
    if not path.exists() or not path.stat().st_size:
        return None
    with closing(reading(path)) as db:
        check(db, path)
        identity = identity_of(db) if is_current(db) else None
        return Journal(path, identity) if identity and figures.are_current(db, arrivals(db)) else None


def _made_ready(path: Path) -> Journal:
    with closing(connect(path, "rwc")) as db:
        check(db, path)
        make_durable(db)
        migrate(db)
        figures.catch_up(db, arrivals(db))
        return Journal(path, _identity(db))


def check(db: sqlite3.Connection, path: Path) -> None:
    """See that a file is a journal, or empty, and that this program may open it.

    Raises UnreadableError, NewerJournalError, or sqlite3.Error.
    """
    db.execute("BEGIN")  # one look: another program may be making the same new journal just now
    try:
        _check(db, path)
    finally:
        if db.in_transaction:  # SQLite takes it back by itself where the disk fails
            db.execute("ROLLBACK")


def _check(db: sqlite3.Connection, path: Path) -> None:
    number = schema_of(db)
    application = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (tables or number or application):
        raise UnreadableError(f"{path} is a database of another program; it was left as it is")
    if number > SCHEMA and _readable_since(db) > SCHEMA:
        raise NewerJournalError(
            f"{path} was written by a newer First Bell (journal format {number}; this program knows "
            f"{SCHEMA}). Install that version again; nothing was changed."
        )


def new_identity(db: sqlite3.Connection) -> str:
    """Give the journal a name of its own, so that boxes offer it what they still keep."""
    identity = secrets.token_hex(8)
    db.execute("REPLACE INTO meta VALUES ('journal', ?)", (identity,))
    return identity


def identity_of(db: sqlite3.Connection) -> str | None:
    """The journal's name; None before it has one."""
    row = db.execute("SELECT value FROM meta WHERE key = 'journal'").fetchone()
    return str(row[0]) if row else None


def is_simulated(db: sqlite3.Connection) -> bool:
    """Whether the journal says that its reports were made up."""
    return db.execute("SELECT 1 FROM meta WHERE key = 'simulated'").fetchone() is not None


def _readable_since(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = 'readable_since'").fetchone()
    return int(row[0]) if row else SCHEMA + 1


def _identity(db: sqlite3.Connection) -> str:
    with transaction(db):
        return identity_of(db) or new_identity(db)
