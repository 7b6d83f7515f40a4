"""The spool's file: how it is opened, what stands in it, what its errors mean.

SpoolError                  nothing here is silent: each says what happened in plain words
├── SpoolOpenError          the file can't be used at all
│   ├── NewerSpoolError       a newer program wrote it
│   └── SpoolInUseError       another firstbell-agent has it
└── SpoolWriteError         what was to be stored is not stored
    ├── DiskFullError         no space left on the disk
    ├── SpoolFullError        the spool's own bound is reached and nothing may go
    ├── DiskError             the disk refuses for another reason
    └── DamagedError          the file is no longer what was written; it is set aside
"""

import errno
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.spool import migrations
from agent.spool.migrations import PAGE
from firstbell.report import Stamp

BUSY_S = 10.0
_WAL_BYTES = 4 << 20
_CACHE_KIB = 1024
_WAL_FORMAT = 2

_DAMAGED = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
)


class SpoolError(Exception):
    """The base of everything that the spool can be in trouble with; its text is the reason."""


class SpoolOpenError(SpoolError):
    """The file can't be used at all."""


class NewerSpoolError(SpoolOpenError):
    """A newer program wrote it, and says that this one may not touch it."""


class SpoolInUseError(SpoolOpenError):
    """Another firstbell-agent has it."""


class SpoolWriteError(SpoolError):
    """What was to be stored is not stored."""


class DiskFullError(SpoolWriteError):
    """No space left on the disk."""


class SpoolFullError(SpoolWriteError):
    """The spool's own bound is reached, and there is nothing left in it that may go."""


class DiskError(SpoolWriteError):
    """The disk refuses for another reason than space."""


class DamagedError(SpoolWriteError):
    """The file is no longer what was written."""


def trouble(error: sqlite3.Error) -> SpoolWriteError:
    """What SQLite's error means for a spool.

    Our statements are known to be good: one that SQLite can't make sense of was asked of a damaged file.
    """
    exact = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = exact & 0xFF
    if code == sqlite3.SQLITE_FULL or exact == sqlite3.SQLITE_IOERR_SHMSIZE:
        return DiskFullError(f"no space left for the spool: {error}")
    if code in _DAMAGED:
        return DamagedError(f"the spool's file is damaged: {error}")
    return DiskError(f"the disk does not take the spool: {error}")


@contextmanager
def told(db: sqlite3.Connection | None = None) -> Iterator[None]:
    """SQLite's errors within, in the spool's words; an open transaction of `db` is taken back first."""
    try:
        yield
    except BaseException as error:
        if db is not None and db.in_transaction:
            with suppress(sqlite3.Error):  # the error above says it all
                db.execute("ROLLBACK")
        if isinstance(error, UnicodeDecodeError):
            # SQLite quotes a damaged schema in its complaint, and Python can't read that.
            raise DamagedError(
                "the spool's file is damaged: it holds no text where text should be"
            ) from error
        if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.ProgrammingError):
            raise trouble(error) from error
        raise


# --- what stands in it ------------------------------------------------------------------------------

_SEQ_BITS = 32
MOST_SEQ = (1 << _SEQ_BITS) - 1


def place(epoch: int, seq: int) -> int:
    """The place in the queue of report `seq` of the file's epoch number `epoch`: later is higher."""
    return epoch << _SEQ_BITS | seq


def unplace(place_: int) -> tuple[int, int]:
    """The epoch's number in the file and the seq of a place."""
    return place_ >> _SEQ_BITS, place_ & MOST_SEQ


def seal(stamp: Stamp) -> bytes:
    """A look at the clocks as it is stored, with a checksum."""
    body = msgspec.json.encode(stamp)
    return body + b"%08x" % zlib.crc32(body)


def unseal(raw: bytes | None) -> Stamp | None:
    """The look at the clocks in `raw`; None if there is none, or if it is not what was written."""
    if raw is None or b"%08x" % zlib.crc32(raw[:-8]) != raw[-8:]:
        return None
    return msgspec.json.decode(raw[:-8], type=Stamp)


def checksum(place_: int, version: int, body: bytes) -> int:
    """32 bits over a row, because SQLite's pages have none and SD cards flip bits."""
    return zlib.crc32(body, zlib.crc32(b"%d %d" % (place_, version)))


class Salvage(NamedTuple):
    """What became of a damaged spool: its name now, how many reports were carried over, and what was not.

    `lost` are the places of reports that were found and are not what was written, `nameless` of good ones
    whose start nobody can name; with `gaps` there may be others on pages that can't be read at all.
    """

    name: str
    carried: int
    lost: list[int]
    nameless: list[int]
    gaps: bool


# --- opening ----------------------------------------------------------------------------------------


def connect(path: Path) -> sqlite3.Connection:
    """The file at `path`, made if need be, in the state that the newest migration leaves it in.

    Raises NewerSpoolError, or SpoolWriteError in one of its forms (DamagedError among them).
    """
    db: sqlite3.Connection | None = None
    try:
        with told():
            path.touch(mode=0o600)
            _check_head(path)
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
            _set_up(db)
            migrate(db)
            _check(db)
            return db
    except OSError as error:
        full = error.errno == errno.ENOSPC
        kind, why = (
            (DiskFullError, "no space left for the spool")
            if full
            else (DiskError, "the spool can't be opened")
        )
        raise kind(f"{why}: {error}") from error
    except BaseException:
        if db is not None:
            db.close()
        raise


def _set_up(db: sqlite3.Connection) -> None:
    """WAL with FULL: what was committed survives a power cut (NORMAL lost hundreds of rows in each)."""
    for pragma in (
        f"page_size = {PAGE}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "fullfsync = ON",
        "checkpoint_fullfsync = ON",
        f"journal_size_limit = {_WAL_BYTES}",
        f"cache_size = -{_CACHE_KIB}",
        "temp_store = MEMORY",
        "cell_size_check = ON",
    ):
        db.execute(f"PRAGMA {pragma}")


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file up to this program.

    Raises NewerSpoolError if it is ahead and says to keep off, DamagedError if no program wrote it so.
    """
    schema = _pragma(db, "user_version")
    if schema < 0:
        raise DamagedError(f"the spool's file is damaged: there is no form {schema}")
    if schema > len(migrations.MIGRATIONS):
        since = number(db, "readable_since")
        if since > len(migrations.MIGRATIONS):
            raise NewerSpoolError(
                f"a newer firstbell-agent wrote this spool: form {schema}, to be read from form {since} on. "
                f"This program knows form {len(migrations.MIGRATIONS)}: install the newer one again."
            )
    for done in range(schema, len(migrations.MIGRATIONS)):
        with told(db):
            db.execute("BEGIN IMMEDIATE")
            migrations.MIGRATIONS[done](db)
            db.execute(f"PRAGMA user_version = {done + 1}")
            db.execute("COMMIT")


def _check_head(path: Path) -> None:
    """SQLite takes a file for read-only whose format numbers, bytes 18 and 19, are beyond those it knows."""
    with path.open("rb") as file:
        head = file.read(20)
    if any(number > _WAL_FORMAT for number in head[18:]):
        raise DamagedError("the spool's file is damaged: no SQLite has such a format")


def _check(db: sqlite3.Connection) -> None:
    said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise DamagedError(f"the spool's file is damaged: {said}")
    if db.execute(migrations.TWINS_DIFFER).fetchone()[0]:
        raise DamagedError("the spool's file is damaged: a start is no longer what was written")


# --- small reads ------------------------------------------------------------------------------------


def live_bytes(db: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; pages that were freed will be used again."""
    return (pages(db) - _pragma(db, "freelist_count")) * _pragma(db, "page_size")


def pages(db: sqlite3.Connection) -> int:
    """Pages of the file, in use or not."""
    return _pragma(db, "page_count")


def count(db: sqlite3.Connection, table: str) -> int:
    """The number of rows in a table."""
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names


def number(db: sqlite3.Connection, key: str) -> int:
    """What `meta` counts under `key`; 0 if it doesn't."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return int(row[0]) if row else 0


def add(db: sqlite3.Connection, key: str, amount: int) -> None:
    """Count something that is told for ever."""
    db.execute("UPDATE meta SET value = value + ? WHERE key = ?", (amount, key))


def cap(db: sqlite3.Connection, table: str, most: int) -> None:
    """Keep the newest rows of a table that people look at."""
    db.execute(f"DELETE FROM {table} WHERE n <= (SELECT max(n) FROM {table}) - ?", (most,))  # noqa: S608 - ours


def epoch_name(db: sqlite3.Connection, n: int) -> str:
    """The name of the file's epoch number `n`. Raises DamagedError if the file doesn't know."""
    row = db.execute("SELECT epoch, crc FROM epochs WHERE n = ?", (n,)).fetchone()
    if row is None or checksum(n, 0, str(row[0]).encode()) != row[1]:
        raise DamagedError(f"the spool's file is damaged: it has reports of a start {n} that it doesn't know")
    return str(row[0])


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
