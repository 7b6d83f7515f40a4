"""How a journal's file is connected to: durable for writers, read-only for readers."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_S = 10.0
_CACHE_KIB = 32 * 1024
_CHECKPOINT_PAGES = 4000
_WAL_BYTES = 64 << 20


def connect(path: Path, mode: str, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """A connection in autocommit, usable from any one thread at a time; `mode` is ro, rw or rwc.

    Raises sqlite3.OperationalError if the file can't be opened (in rw: if it isn't there).
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False)


class Still(sqlite3.Connection):
    """A connection to a file that nobody writes at this moment: for one question, not to be kept."""


def reading(path: Path) -> sqlite3.Connection:
    """A connection that can't write, and that works where nothing can be written.

    In WAL mode even a reader makes a file beside the journal. Where it can't (a full disk, a folder of
    somebody else's) and nothing waits in the log, the file alone is all there is, and is read as it stands.
    Raises sqlite3.Error.
    """
    db = connect(path, "ro")
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        log = path.with_name(f"{path.name}-wal")
        busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        if busy or not path.exists() or (log.exists() and log.stat().st_size):
            raise
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, factory=Still)
    db.execute("PRAGMA query_only = ON")
    return db


def make_durable(db: sqlite3.Connection) -> None:
    """Set up a writing connection: what it has committed survives a power cut (FULL, not NORMAL)."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Take the write lock now, commit at the end, or roll all of it back."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
