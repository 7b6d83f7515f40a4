"""What stands in the spool's file, as ordered functions that bring an older file there."""

import sqlite3
from collections.abc import Callable

PAGE = 4096
"""The page size of every spool."""

_SCHEMA_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE boots (n INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE, ntp BLOB, collector BLOB) STRICT;
CREATE TABLE epochs (
    n INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, crc INTEGER NOT NULL, boot INTEGER NOT NULL,
    last_seq INTEGER NOT NULL, last_boottime_ns INTEGER NOT NULL, ended TEXT) STRICT;
CREATE TABLE waiting (
    place INTEGER PRIMARY KEY, box INTEGER NOT NULL, version INTEGER NOT NULL, crc INTEGER NOT NULL,
    body BLOB NOT NULL) STRICT;
CREATE TABLE kept (
    place INTEGER PRIMARY KEY, box INTEGER NOT NULL, version INTEGER NOT NULL, crc INTEGER NOT NULL,
    held_ns INTEGER NOT NULL, journal TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE spans (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, first_at_ns INTEGER NOT NULL,
    last_at_ns INTEGER NOT NULL) STRICT;
CREATE TABLE refused (
    n INTEGER PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL,
    body BLOB NOT NULL) STRICT;
CREATE TABLE losses (
    n INTEGER PRIMARY KEY, epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    reason TEXT NOT NULL) STRICT;
CREATE TABLE ledger (n INTEGER PRIMARY KEY, day TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES ('readable_since', 1), ('refused', 0), ('lost', 0)
"""
"""`waiting` and `kept` hold a draft (version 0) or, once frozen, a report's final bytes (the wire's version).
`spans` are stretches of places whose reports are frozen, with their first and last times."""

_SCHEMA_2 = """
CREATE TABLE twins (
    n INTEGER PRIMARY KEY, epoch TEXT NOT NULL, crc INTEGER NOT NULL, boot INTEGER NOT NULL,
    last_seq INTEGER NOT NULL, last_boottime_ns INTEGER NOT NULL, ended TEXT) STRICT

INSERT INTO twins SELECT * FROM epochs

CREATE TRIGGER twin_of_new AFTER INSERT ON epochs BEGIN
    INSERT INTO twins SELECT * FROM epochs WHERE n = new.n;
END

CREATE TRIGGER twin_differs BEFORE UPDATE ON epochs
WHEN EXISTS (SELECT * FROM epochs WHERE n = old.n EXCEPT SELECT * FROM twins WHERE n = old.n) BEGIN
    SELECT RAISE(ABORT, 'a start is no longer what was written');
END

CREATE TRIGGER twin_of_changed AFTER UPDATE ON epochs BEGIN
    REPLACE INTO twins SELECT * FROM epochs WHERE n = new.n;
END

CREATE TRIGGER twin_of_gone AFTER DELETE ON epochs BEGIN
    DELETE FROM twins WHERE n = old.n;
END
"""
"""`twins` are the epochs once more, on a page of their own: a start's name and its last number stand for all
of its reports, and no single bit may cost those. Triggers keep them, so that an older program does, too."""
TWINS_DIFFER = """
SELECT EXISTS (SELECT * FROM epochs EXCEPT SELECT * FROM twins)
    OR EXISTS (SELECT * FROM twins EXCEPT SELECT * FROM epochs)
"""


def _first(db: sqlite3.Connection) -> None:
    for statement in _SCHEMA_1.split(";"):
        db.execute(statement)


def _second(db: sqlite3.Connection) -> None:
    for statement in _SCHEMA_2.split("\n\n"):
        db.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _second)
"""In their order; each runs once a file, in a transaction of its own. The last one's number is the schema's.

A migration that older programs can't live with raises `readable_since` in `meta` to its own number.
"""
