"""One process's hold on a spool file: its lock, its transactions, and a new file where the old is damaged."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.machine.clock import Clock
from agent.spool import rescue, schema
from agent.spool.schema import DamagedError, DiskError, SpoolError, SpoolOpenError

_log = logging.getLogger(__name__)

Begin = Callable[[sqlite3.Connection, rescue.Salvage | None], None]


class SpoolFile:
    """The open file. `begin` is called once for each file, in a transaction, with what was salvaged if any.

    A file that turns out to be damaged is set aside before its error goes on: the next call finds a new one.
    """

    def __init__(self, path: Path, clock: Clock, begin: Begin) -> None:
        self._path, self._clock, self._begin = path, clock, begin
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._shut = False
        self._held = schema.Lock(path)

    def open(self) -> None:
        """Raises NewerSpoolError, SpoolOpenError, or SpoolWriteError if the disk takes nothing."""
        try:
            rescue.finish(self._path)
            try:
                self._start(schema.connect(self._path), None)
            except DamagedError:
                self._recover()
        except OSError as error:
            self.shut()
            raise SpoolOpenError(f"the spool can't be opened: {error}") from error
        except BaseException:
            self.shut()
            raise

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
        with self._lock, self._guarded() as db, _transaction(db):
            yield db

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        if self._shut:
            raise DiskError("the spool is closed")
        if self._db is None:
            self._recover()
        assert self._db is not None
        try:
            yield self._db
        except DamagedError:
            self._recover()
            raise

    def _start(self, db: sqlite3.Connection, salvage: rescue.Salvage | None) -> None:
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
        salvage = rescue.recover(self._path, self._clock.stamp().wall_ns)
        self._start(schema.connect(self._path), salvage)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    with schema.told(db):
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
