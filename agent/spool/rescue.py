"""A damaged spool is set aside, and what can still be read of it is carried over into a new one.

The new file is finished beside the old one before the names are changed, so that a disk that is full or a
power cut in the middle leaves the old file where it was, to be tried again.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from agent.spool import scan, schema
from agent.spool.schema import MOST_SEQ, DiskError, Salvage, checksum, told, unplace
from firstbell.report import EPOCH_NAME

MOST_ASIDE = 2
"""Damaged files that are kept beside the spool; a card that is going bad must not fill itself with them."""

_log = logging.getLogger(__name__)

Values = tuple[object, ...]


def recover(path: Path, wall_ns: int) -> Salvage:
    """Set the damaged spool at `path` aside and put a new one in its place. No connection may be open.

    `wall_ns` goes into the old one's name. Raises SpoolWriteError if the disk doesn't take the new one; the
    old one is then where it was.
    """
    try:
        finish(path)
    except OSError as error:
        raise DiskError(f"the damaged spool can't be recovered: {error}") from error
    fresh = _fresh(path)
    with closing(schema.connect(fresh)) as new, closing(_Reader(path)) as old, told(new):
        new.execute("BEGIN IMMEDIATE")
        carried, lost, nameless = _carry_over(old, new)
        new.execute("COMMIT")
        gaps = old.gaps
    try:
        name = _aside(path, wall_ns)
        _take_place(fresh, path)
        _forget_old(path)
    except OSError as error:
        raise DiskError(f"the damaged spool can't be set aside: {error}") from error
    salvage = Salvage(name, carried, lost, nameless, gaps)
    _log.error(
        "the spool was damaged: set aside as %s, %d reports carried over, %d lost, pages unread: %s",
        name,
        carried,
        len(lost) + len(nameless),
        gaps,
    )
    return salvage


def finish(path: Path) -> None:
    """End a recovery that was cut off: take the new file if the old one is already aside."""
    fresh = _fresh(path)
    if fresh.exists() and not path.exists():
        fresh.rename(path)
    _remove(fresh)


class _Reader:
    """Reads whatever can be read of a damaged file, and remembers whether something could not."""

    def __init__(self, path: Path) -> None:
        self.gaps = False
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None, timeout=schema.BUSY_S)

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.Error):
            self._db.close()

    def has(self, table: str) -> bool:
        """Whether there is such a table; not for sure where the file can't say what is in it."""
        return any(name == table for name, _ in self.rows("sqlite_master", "name, type"))

    def rows(self, table: str, columns: str) -> Iterator[Values]:
        """The rows of `table` as far as SQLite can get to them from either end."""
        key = columns.split(",", maxsplit=1)[0]
        for order in ("ASC", "DESC"):
            try:
                yield from self._db.execute(f"SELECT {columns} FROM {table} ORDER BY {key} {order}")  # noqa: S608
            except (sqlite3.Error, UnicodeDecodeError):
                self.gaps = True
            else:
                return

    def scanned(self, width: int) -> Iterator[Values]:
        """The rows with `width` columns on pages that can't be got to, and on all others; their key first."""
        for key, values in scan.cells(self._path):
            if len(values) == width and values[0] is None:
                yield (key, *values[1:])


def _carry_over(old: _Reader, new: sqlite3.Connection) -> tuple[int, list[int], list[int]]:
    """Copy what is sound; how many reports, the places of those that aren't sound, and of the nameless."""
    for table in _TABLES:
        _carry(old, new, table)
    if old.has("twins"):
        _carry_twins(old, new)
    new.execute("UPDATE meta SET value = (SELECT count(*) FROM refused) WHERE key = 'refused'")
    new.execute(
        "UPDATE meta SET value = (SELECT coalesce(sum(last - first + 1), 0) FROM losses) WHERE key = 'lost'"
    )
    lost = _carry_reports(old.rows("waiting", _WAITING), new)
    nameless = {place for (place,) in new.execute(_NAMELESS)}
    if old.gaps:
        for table in ("boots", "epochs"):
            columns, sound = _TABLES[table]
            for row in old.scanned(columns.count(",") + 1):
                if sound(row):
                    _put(new, table, columns, row)
        _carry_reports(old.scanned(5), new)
    # What came up from pages alone and has no name was deleted long ago, as likely as not: it is not counted.
    nameless &= {place for (place,) in new.execute(_DROP_NAMELESS)}
    new.execute(_LAST_SEQ)
    missing = sorted(place for place in lost if _is_missing(new, place))
    return schema.count(new, "waiting"), missing, sorted(nameless)


def _carry(old: _Reader, new: sqlite3.Connection, table: str) -> None:
    columns, sound = _TABLES[table]
    for row in old.rows(table, columns):
        if sound(row):
            _put(new, table, columns, row)


def _carry_twins(old: _Reader, new: sqlite3.Connection) -> None:
    """What the second copy of the epochs knows better, or, where the two differ, what can do no harm.

    No number is given twice, and no bound of a time is narrower than what is known.
    """
    columns, sound = _TABLES["epochs"]
    for row in old.rows("twins", columns):
        if sound(row) and not _put(new, "epochs", columns, row):
            n, _, _, boot, last_seq, last_boottime_ns, _ = row
            new.execute(_HARMLESS, (last_seq, last_boottime_ns, boot, boot, n))


def _carry_reports(rows: Iterable[Values], new: sqlite3.Connection) -> set[int]:
    """Copy the reports that are what was written; the places of those that aren't."""
    lost = set()
    for row in rows:
        place, _, version, crc, body = row
        if not isinstance(place, int):
            continue
        if isinstance(version, int) and isinstance(body, bytes) and checksum(place, version, body) == crc:
            _put(new, "waiting", _WAITING, row)
        else:
            lost.add(place)
    return lost


def _put(db: sqlite3.Connection, table: str, columns: str, row: Values) -> int:
    """Insert a row unless it breaks a rule of the new file; how many came in."""
    marks = ", ".join("?" * len(row))
    try:
        return db.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", row).rowcount  # noqa: S608
    except sqlite3.IntegrityError:
        return 0


def _is_missing(db: sqlite3.Connection, place: int) -> bool:
    """Whether a place, which may be damaged itself, is one that was given and of which there is no report."""
    query = "SELECT last_seq, (SELECT 1 FROM waiting WHERE place = ?) FROM epochs WHERE n = ?"
    n, seq = unplace(place)
    row = db.execute(query, (place, n)).fetchone()
    return row is not None and 1 <= seq <= row[0] and not row[1]


def _sound_boot(row: Values) -> bool:
    return isinstance(row[1], str)


def _sound_epoch(row: Values) -> bool:
    n, name, crc, boot, last_seq, last_boottime_ns = row[:6]
    return (
        isinstance(n, int)
        and isinstance(boot, int)
        and isinstance(last_boottime_ns, int)
        and isinstance(name, str)
        and EPOCH_NAME.match(name) is not None
        and checksum(n, 0, name.encode()) == crc
        and isinstance(last_seq, int)
        and 0 <= last_seq <= MOST_SEQ
    )


def _anything(_row: Values) -> bool:
    return True


_NAMELESS = "SELECT place FROM waiting WHERE place >> 32 NOT IN (SELECT n FROM epochs)"
_DROP_NAMELESS = "DELETE FROM waiting WHERE place >> 32 NOT IN (SELECT n FROM epochs) RETURNING place"
_HARMLESS = (
    "UPDATE epochs SET last_seq = max(last_seq, ?), last_boottime_ns = min(last_boottime_ns, ?) * (boot = ?),"
    " boot = CASE WHEN boot IN (SELECT n FROM boots) THEN boot ELSE ? END WHERE n = ?"
)
_LAST_SEQ = (
    "UPDATE epochs SET last_seq = max(last_seq, coalesce((SELECT max(place) & 0xFFFFFFFF FROM waiting"
    " WHERE place BETWEEN n << 32 AND (n + 1) << 32), 0))"
)
_WAITING = "place, box, version, crc, body"
_TABLES: dict[str, tuple[str, Callable[[Values], bool]]] = {
    "boots": ("n, boot_id, ntp, collector", _sound_boot),
    "epochs": ("n, epoch, crc, boot, last_seq, last_boottime_ns, ended", _sound_epoch),
    "refused": ("n, epoch, seq, reason, body", _anything),
    "losses": ("n, epoch, first, last, reason", _anything),
    "ledger": ("n, day, bytes", _anything),
}


# --- names ------------------------------------------------------------------------------------------


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _aside(path: Path, wall_ns: int) -> str:
    """Give the damaged file a name that says when, and its log with it."""
    when = datetime.fromtimestamp(wall_ns // 10**9, UTC).strftime("%Y%m%dT%H%M%SZ")
    name, number = f"{path.name}.damaged-{when}", 1
    while path.with_name(name).exists():
        number += 1
        name = f"{path.name}.damaged-{when}-{number}"
    path.rename(path.with_name(name))
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        wal.rename(path.with_name(f"{name}-wal"))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    return name


def _take_place(fresh: Path, path: Path) -> None:
    fresh.rename(path)


def _forget_old(path: Path) -> None:
    """Delete the oldest of the damaged files beside the spool."""
    aside = sorted(path.parent.glob(f"{path.name}.damaged-*"), key=lambda old: old.stat().st_mtime_ns)
    for old in [old for old in aside if not old.name.endswith("-wal")][:-MOST_ASIDE]:
        _log.warning("deleting %s, damaged long ago", old.name)
        _remove(old)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
