"""What keeps the record from being used. Each text says what is wrong, for people.

StoreError                the base of all of these
├── UnreadableError         no journal, or a disk that can't be read or written
├── NewerJournalError       written by a newer First Bell
├── InUseError              somebody has it open
├── NotEmptyError           there is something that would be overwritten
├── SimulatedError          made-up reports where measured ones belong
└── BackupError             the copy is not sound
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class StoreError(RuntimeError):
    """The base of everything that keeps the record from being used."""


class UnreadableError(StoreError):
    """No journal, or a disk that can't be read or written."""


class NewerJournalError(StoreError):
    """Written by a newer First Bell."""


class InUseError(StoreError):
    """Somebody has it open."""


class NotEmptyError(StoreError):
    """There is something that would be overwritten."""


class SimulatedError(StoreError):
    """Made-up reports where measured ones belong."""


class BackupError(StoreError):
    """The copy is not sound."""


@contextmanager
def told(what: str, kind: type[StoreError] = UnreadableError) -> Iterator[None]:
    """Tell SQLite's and the system's errors as `kind`: "`what`: the reason"."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise kind(f"{what}: {error}") from error
