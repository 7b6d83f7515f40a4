"""One process's hold on a spool file: its lock, its transactions, and a new file where the old is damaged."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from agent.machine.clock import Clock
from agent.spool import schema
from agent.spool.lock import Lock
from agent.spool.reserve import Reserve
from agent.spool.schema import (
    DamagedError,
    DiskError,
    DiskFullError,
    Salvage,
    SpoolError,
    SpoolOpenError,
)

AGAIN_S = 10.0
"""Between two tries to open a file for which the disk had no space."""

_ANY_PAGES = 0xFFFFFFFE

_log = logging.getLogger(__name__)

Begin = Callable[[sqlite3.Connection, Salvage | None], None]


class SpoolFile:
    """The open file. `begin` is called once for each file, in a transaction, with what was salvaged if any.

    A file that turns out to be damaged is set aside before its error goes on: the next call finds a new one.
    On a disk without space it stands without its file until there is some.
    """

    def __init__(self, path: Path, clock: Clock, begin: Begin) -> None:
        self._path, self._clock, self._begin = path, clock, begin
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._shut = False
        self._reserve = Reserve(path, clock)
        self._no_space = ""
        self._next_try = clock.monotonic()
        self.short = False
        """Whether the disk is full: what was put by is in use, and the file may not grow."""
        self._held = Lock(path)

    def open(self) -> None:
        """Raises NewerSpoolError, SpoolOpenError, or SpoolWriteError if the disk refuses; not for space."""
        try:
            self._open()
        except DiskFullError as error:
            _log.error("%s; trying again until there is some", error)
        except OSError as error:
            self.shut()
            raise SpoolOpenError(f"the spool can't be opened: {error}") from error
        except BaseException:
            self.shut()
            raise

    def _open(self) -> None:
        """Raises what `open` does, and DiskFullError."""
        try:
            try:
                self._connect()
            except DiskFullError:
                self._reserve.give()
                self._connect()
                self._be_short()
        except DiskFullError as error:
            self._no_space = str(error)
            self._next_try = self._clock.monotonic() + AGAIN_S
            raise
        self._no_space = ""

    def _connect(self) -> None:
        if self._path.with_name(f"{self._path.name}.new").exists():
            _rescue().finish(self._path)
        try:
            self._start(schema.connect(self._path), None)
        except DamagedError:
            self._recover()

    def finish(self) -> None:
        """Fold the log into the file and let go of it."""
        if self._db is not None:
            with schema.told():
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def shut(self) -> None:
        """Let go of the file as it is."""
        with self._lock:
            self._shut = True
            if self._db is not None:
                self._db.close()
                self._db = None
            self._held.release()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other thread in the meantime."""
        with self._lock:
            yield

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The file, for a look. Raises SpoolWriteError in one of its forms."""
        with self._lock, self._guarded() as db, schema.told():
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on the disk, or nothing has happened and SpoolWriteError is raised."""
        with self._lock:
            self._mind_space()
            with self._guarded() as db, _transaction(db):
                yield db
            if self.short:
                self._fold()

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        if self._shut:
            raise DiskError("the spool is closed")
        if self._no_space:
            self._try_again()
        elif self._db is None:
            self._recover()
        assert self._db is not None
        try:
            yield self._db
        except DamagedError:
            self._recover()
            raise
        except DiskFullError:
            self._make_way()
            raise

    def _try_again(self) -> None:
        if self._clock.monotonic() < self._next_try:
            raise DiskFullError(self._no_space)
        try:
            self._open()
        except OSError as trouble:
            raise DiskError(f"the spool can't be opened: {trouble}") from trouble
        _log.warning("the spool has space again")

    def _make_way(self) -> None:
        """Let the next try find room, in the log once it is folded in, and in what was put by."""
        self._reserve.give()
        self._fold()
        self._be_short()

    def _be_short(self) -> None:
        """From here on the file may not grow: the room that there is must do for delivering."""
        if self._db is not None:
            self.short = True
            self._db.execute(f"PRAGMA max_page_count = {schema.pages(self._db)}")

    def _mind_space(self) -> None:
        """Hold some room; where it could be taken again, the file may grow again."""
        if self._reserve.keep() and self.short and self._db is not None:
            self._db.execute(f"PRAGMA max_page_count = {_ANY_PAGES}")
            self.short = False

    def _fold(self) -> None:
        """Put what the log holds into the file, so that the log begins anew instead of growing."""
        if self._db is not None:
            with suppress(sqlite3.Error):  # then the log stays as it is
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _start(self, db: sqlite3.Connection, salvage: Salvage | None) -> None:
        try:
            with _transaction(db):
                self._begin(db, salvage)
        except SpoolError:
            db.close()
            raise
        self._db = db

    def _recover(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        salvage = _rescue().recover(self._path, self._clock.stamp().wall_ns)
        self._start(schema.connect(self._path), salvage)


def _rescue() -> ModuleType:
    """What a damaged file needs, loaded only then: hardly any box ever does, and each must be small."""
    from agent.spool import rescue  # noqa: PLC0415

    return rescue


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    with schema.told(db):
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
