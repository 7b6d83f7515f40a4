"""Copies of the journal: made while it is being written, and put back.

A restored journal gets a name of its own. Boxes that meet it offer again what they still keep of what
the lost journal had already acknowledged.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from collector.store import figures
from collector.store.connections import connect, make_durable, transaction
from collector.store.errors import BackupError, InUseError, NotEmptyError, SimulatedError, told
from collector.store.journal import Journal, check, identity_of, is_simulated, new_identity
from collector.store.ledger import arrivals
from collector.store.migrations import APPLICATION_ID, migrate


class Copy(NamedTuple):
    """A sound copy: which journal it is of, and up to which arrival."""

    path: Path
    journal: str
    facts_until: int
    size: int


def backup(journal: Journal, target: Path) -> Copy:
    """Copy the journal as it is at one moment into one file, and read all of the copy once to see it sound.

    The collector goes on meanwhile. Raises NotEmptyError if `target` exists, or BackupError; then
    `target` is not there.
    """
    if target.exists():
        raise NotEmptyError(f"{target} is there already; a backup overwrites nothing")
    part = target.with_name(target.name + ".part")
    with told(f"{target} could not be written", BackupError), _cleared(part):
        with closing(journal.reader()) as source:
            copy = _copied(source, part)
        part.replace(target)
        _keep_names(target.parent)
    return copy._replace(path=target)


def restore(
    copy: Path,
    target: Path,
    *,
    overwrite: bool = False,
    demo: bool = False,
    ready: Callable[[Journal], None] = lambda _: None,
) -> Journal:
    """Put a backup in the place of the journal at `target`, under a new name.

    `ready` gets it before it is there, to write into it what nobody may ever find missing.

    Raises NotEmptyError if a journal with reports is there and `overwrite` is not given, InUseError if
    somebody has it open (whatever is given), BackupError if the copy is not sound or does not fit on the
    disk, NewerJournalError, or SimulatedError if its reports are made up and this is no `demo`; then
    `target` is as it was.
    """
    part = target.with_name(target.name + ".part")
    with told(f"{copy} can't be restored", BackupError), _cleared(part):
        with closing(connect(copy, "ro")) as source:
            check(source, copy)
            _copied(source, part)
        _refuse_a_demo(part, copy, demo=demo)
        identity = _renamed(part)
        ready(Journal(part, identity))
        _to_disk(part)
        _make_room(target, overwrite=overwrite)
        part.replace(target)
        _keep_names(target.parent)
    return Journal(target, identity)


def looked_at(copy: Path) -> Copy:
    """Read all of a copy that came from elsewhere, to see it sound; what it holds. Raises BackupError."""
    with told(f"{copy} can't be read", BackupError), closing(connect(copy, "ro")) as db:
        identity, facts_until = _sound(db)
    return Copy(copy, identity, facts_until, copy.stat().st_size)


@contextmanager
def _cleared(part: Path) -> Iterator[None]:
    """Begin without the unfinished file of an earlier try, and leave none behind."""
    part.unlink(missing_ok=True)
    try:
        yield
    finally:
        part.unlink(missing_ok=True)


def _copied(source: sqlite3.Connection, part: Path) -> Copy:
    """Copy through SQLite's own backup, in one step: a slower one starts anew with every commit."""
    with closing(connect(part, "rwc")) as db:
        source.backup(db)
        db.execute("PRAGMA journal_mode = DELETE")  # one file, that can be read from a read-only disk
        identity, facts_until = _sound(db)
    _to_disk(part)
    return Copy(part, identity, facts_until, part.stat().st_size)


def _sound(db: sqlite3.Connection) -> tuple[str, int]:
    """The name of a copy and its newest report's number. Raises BackupError where it is not sound."""
    troubles = [row[0] for row in db.execute("PRAGMA integrity_check(5)")]
    if troubles != ["ok"] or db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise BackupError(f"the copy is not a sound journal: {'; '.join(troubles)}")
    identity = identity_of(db)
    if identity is None:
        raise BackupError("the copy is a journal without a name")
    return identity, arrivals(db)


def _refuse_a_demo(part: Path, copy: Path, *, demo: bool) -> None:
    with closing(connect(part, "ro")) as db:
        if is_simulated(db) and not demo:
            raise SimulatedError(
                f"{copy} is the copy of a demo: nothing in it was measured. It can be restored only where "
                "a demo is; nothing was changed"
            )


def _renamed(part: Path) -> str:
    """Bring a restored copy to this program's format and give it its own name."""
    with closing(connect(part, "rw")) as db:
        make_durable(db)
        migrate(db)
        figures.catch_up(db, arrivals(db))
        with transaction(db):
            identity = new_identity(db)
        db.execute("PRAGMA journal_mode = DELETE")
    _to_disk(part)
    return identity


def _make_room(target: Path, *, overwrite: bool) -> None:
    """See that nobody uses the journal that is to go, nor would miss it; leave nothing of its log behind."""
    if target.exists() and target.stat().st_size:
        with closing(connect(target, "rw", busy_s=0)) as db:
            try:
                # Leaving WAL needs the file for oneself alone, readers included, and clears its log away.
                db.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.OperationalError as error:
                raise InUseError(f"{target} is in use ({error}); stop the collector first") from error
            except sqlite3.DatabaseError:
                if not overwrite:  # a broken journal may be replaced, but not by accident
                    raise
            else:
                _refuse_to_lose(db, target, overwrite=overwrite)
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)


def _refuse_to_lose(db: sqlite3.Connection, target: Path, *, overwrite: bool) -> None:
    check(db, target)
    tables = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'reports'").fetchone()[0]
    if tables and arrivals(db) and not overwrite:
        raise NotEmptyError(
            f"{target} holds reports; nothing was changed. To put the backup in their place: --overwrite"
        )


def _to_disk(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _keep_names(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
