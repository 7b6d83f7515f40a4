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
