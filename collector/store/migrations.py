"""The journal's schema: ordered functions, each in its transaction together with the record of itself.

A migration adds; it takes nothing away that the release before still reads. `READABLE_SINCE` is the
oldest format number whose program may open what this program writes: raise it only with a migration
that an older program would misread.
"""

import sqlite3
from collections.abc import Callable

from collector.store.connections import transaction

APPLICATION_ID = 0x46427E11
"""Stands in the file's header, so that no other program's SQLite file is taken for a journal."""

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
    agent_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_ns INTEGER NOT NULL
) STRICT;

-- held, highest: reports on this disk. told_last: what the epoch's successor says was its last report.
-- first_at_ns, last_at_ns: the span of its measurements by clocks that somebody vouches for.
CREATE TABLE epochs (
    epoch_id INTEGER PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    held INTEGER NOT NULL DEFAULT 0,
    highest INTEGER NOT NULL DEFAULT 0,
    predecessor TEXT,
    ended TEXT,
    told_last INTEGER,
    first_at_ns INTEGER,
    last_at_ns INTEGER,
    UNIQUE (agent_id, epoch)
) STRICT;
CREATE INDEX epochs_predecessor ON epochs (agent_id, predecessor);

-- arrival never comes twice, not even after the newest rows are gone: hence AUTOINCREMENT.
CREATE TABLE reports (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    agent_id INTEGER NOT NULL,
    received_ns INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    probe TEXT NOT NULL,
    digest BLOB NOT NULL,
    raw BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX reports_key ON reports (epoch_id, seq);
CREATE INDEX reports_time ON reports (agent_id, probe, at_ns);

CREATE TABLE latest (
    agent_id INTEGER NOT NULL,
    probe TEXT NOT NULL,
    target TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    PRIMARY KEY (agent_id, probe, target)
) STRICT, WITHOUT ROWID;

-- Numbers that nobody need wait for: refused here, or lost and owned up to by the box. May overlap.
CREATE TABLE absences (
    epoch_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    reason TEXT NOT NULL,
    told_ns INTEGER NOT NULL,
    PRIMARY KEY (epoch_id, kind, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE suspensions (
    suspension_id INTEGER PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    other TEXT NOT NULL,
    why TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    since_arrival INTEGER NOT NULL,
    decided_ns INTEGER,
    decided_arrival INTEGER,
    note TEXT,
    UNIQUE (agent_id, epoch, other)
) STRICT;

CREATE TABLE quarantine (
    quarantine_id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    epoch TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    reason TEXT NOT NULL,
    received_ns INTEGER NOT NULL,
    times INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    digest BLOB NOT NULL,
    raw BLOB NOT NULL,
    UNIQUE (agent, epoch, first, last, digest)
) STRICT;
CREATE TABLE quarantine_totals (
    rows INTEGER NOT NULL, bytes INTEGER NOT NULL, dropped INTEGER NOT NULL
) STRICT;
INSERT INTO quarantine_totals VALUES (0, 0, 0);

CREATE TABLE districts (
    digest TEXT PRIMARY KEY,
    contents TEXT NOT NULL,
    kept_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

# What follows from reports alone (store/derived): a program of format 1 neither reads nor misses it, and
# what that program takes is beyond `derivation.arrival`, so that it is derived as soon as this one is back.
_SECOND = """
-- hour, day: their number since 1970 UTC. arrival: the newest report that is in it.
CREATE TABLE hours (
    agent_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    heard BLOB NOT NULL,
    line BLOB NOT NULL,
    PRIMARY KEY (agent_id, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE days (
    agent_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    online_ms INTEGER,
    heard_rhythm_ms INTEGER NOT NULL,
    line_rhythm_ms INTEGER NOT NULL,
    heard BLOB NOT NULL,
    line BLOB NOT NULL,
    PRIMARY KEY (agent_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollups (
    agent_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    probe TEXT NOT NULL,
    target TEXT NOT NULL,
    totals BLOB NOT NULL,
    PRIMARY KEY (agent_id, hour, probe, target)
) STRICT, WITHOUT ROWID;

-- Figures of each start and each box, so that counting costs nothing that grows with the starts ever made.
CREATE TABLE epoch_figures (
    epoch_id INTEGER PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    held INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    missing INTEGER NOT NULL
) STRICT;
CREATE TABLE box_figures (
    agent_id INTEGER PRIMARY KEY,
    starts INTEGER NOT NULL,
    held INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    last_ns INTEGER NOT NULL
) STRICT;

-- arrival: everything up to it is in hours, days and rollups. counted: everything up to it is in the figures.
-- tests: the newest heavy report. line: the newest report when an outage or a silence last was another one.
CREATE TABLE derivation (
    arrival INTEGER NOT NULL, counted INTEGER NOT NULL, tests INTEGER NOT NULL, line INTEGER NOT NULL
) STRICT;
INSERT INTO derivation VALUES (0, 0, 0, 0);

-- A school's gateway as the collector itself tried it: a stretch in which it did (answers = 1) or didn't.
CREATE TABLE gateways (
    gateway_id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    begin_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    tries INTEGER NOT NULL
) STRICT;
CREATE INDEX gateways_time ON gateways (address, begin_ns);

-- A report from the future no longer stays the newest until time catches up.
UPDATE latest SET at_ns = min(at_ns, coalesce(
    (SELECT received_ns FROM reports WHERE reports.arrival = latest.arrival), at_ns) + 60000000000);
"""

# Facts of the coordinator's own. A program of format 2 grants nothing, and misses neither.
_THIRD = """
-- max_bytes, max_seconds: for each of the targets. bytes, seconds: used, as the box told.
CREATE TABLE leases (
    lease_id INTEGER PRIMARY KEY,
    lease TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    nonce TEXT NOT NULL,
    kind TEXT NOT NULL,
    site TEXT NOT NULL,
    day TEXT NOT NULL,
    stretch_ns INTEGER NOT NULL,
    loads TEXT NOT NULL,
    targets TEXT NOT NULL,
    max_bytes INTEGER NOT NULL,
    max_seconds REAL NOT NULL,
    granted_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    how TEXT,
    bytes INTEGER,
    seconds REAL,
    UNIQUE (agent, nonce)
) STRICT;
CREATE INDEX leases_day ON leases (day);
CREATE INDEX leases_time ON leases (granted_ns);

-- since_s, until_s: UTC or, with local = 1, what the schools' own clocks show. school: empty for all.
CREATE TABLE quiet_times (
    quiet_id INTEGER PRIMARY KEY AUTOINCREMENT,
    since_s INTEGER NOT NULL,
    until_s INTEGER NOT NULL,
    local INTEGER NOT NULL,
    school TEXT NOT NULL,
    why TEXT NOT NULL,
    ordered_ns INTEGER NOT NULL,
    ended_ns INTEGER
) STRICT;
"""

# What was shipped to a store beside the journal. A program of format 3 ships nothing; what it takes in is
# beyond the cursor, and goes out as soon as this one is back.
_FOURTH = """
-- store: what lies at the other end. folder, placed_as: by which district its reports were placed.
-- run: since when that server runs; run_arrival: what was shipped when it was first seen to.
CREATE TABLE sinks (
    sink TEXT PRIMARY KEY,
    store TEXT NOT NULL,
    arrival INTEGER NOT NULL,
    folder TEXT NOT NULL,
    placed_as TEXT NOT NULL,
    shipped INTEGER NOT NULL,
    too_old INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    trouble TEXT NOT NULL,
    trouble_ns INTEGER NOT NULL,
    run TEXT NOT NULL,
    run_arrival INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sink_names (
    sink TEXT NOT NULL,
    agent TEXT NOT NULL,
    probe TEXT NOT NULL,
    target TEXT NOT NULL,
    engine TEXT NOT NULL,
    PRIMARY KEY (sink, agent, probe, target, engine)
) STRICT, WITHOUT ROWID;

-- day: its number since 1970 UTC.
CREATE TABLE sink_days (
    sink TEXT NOT NULL, agent TEXT NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (sink, agent, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE sink_aside (
    sink TEXT NOT NULL, arrival INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (sink, arrival)
) STRICT, WITHOUT ROWID;
"""

# What boards were told. A program of format 4 tells them without taking it down: this one then tells all
# again, and a change once more.
_FIFTH = """
CREATE TABLE copied (
    store TEXT NOT NULL,
    placed_as TEXT NOT NULL,
    place TEXT NOT NULL,
    said TEXT NOT NULL,
    PRIMARY KEY (store, placed_as, place)
) STRICT, WITHOUT ROWID;
"""

# Who a box is. A program of format 5 gives no certificates; the broker knows those that are there without it.
_SIXTH = """
-- token: its SHA-256. key: that of the key which came with it first; doubled: how often another one came.
-- automatic: let in without anybody's word.
CREATE TABLE enrolments (
    enrolment_id INTEGER PRIMARY KEY AUTOINCREMENT,
    token BLOB NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    automatic INTEGER NOT NULL,
    made_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    key BLOB,
    claimed_ns INTEGER,
    doubled INTEGER NOT NULL DEFAULT 0,
    decided_ns INTEGER,
    let_in INTEGER
) STRICT;
CREATE INDEX enrolments_agent ON enrolments (agent);

CREATE TABLE certificates (
    authority TEXT NOT NULL,
    serial TEXT NOT NULL,
    agent TEXT NOT NULL,
    key BLOB NOT NULL,
    begins_ns INTEGER NOT NULL,
    ends_ns INTEGER NOT NULL,
    pem TEXT NOT NULL,
    revoked_ns INTEGER,
    PRIMARY KEY (authority, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_key ON certificates (key, begins_ns);
CREATE INDEX certificates_agent ON certificates (agent);
"""

# Labels. A program of format 6 prints none, and hears nobody who stands before a box.
_SEVENTH = """
-- code: where the QR code on the box leads. It is good for saying where the box hangs, and for nothing else.
CREATE TABLE labels (
    number INTEGER PRIMARY KEY,
    agent TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL UNIQUE,
    made_ns INTEGER NOT NULL
) STRICT;

-- confirmed: where it was to be. settled_ns: nobody need look at it any more. taken: seats.csv says so since.
CREATE TABLE said_places (
    said_id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    said_ns INTEGER NOT NULL,
    school TEXT NOT NULL,
    room TEXT NOT NULL,
    confirmed INTEGER NOT NULL,
    settled_ns INTEGER,
    taken INTEGER NOT NULL
) STRICT;
CREATE INDEX said_places_agent ON said_places (agent);
"""

# Summers. A program of format 7 calls boxes silent that this one knows to be away.
_EIGHTH = """
-- back: the day on which the boxes are expected, as 2026-08-17; empty: nobody said.
CREATE TABLE summers (
    summer_id INTEGER PRIMARY KEY AUTOINCREMENT,
    since_ns INTEGER NOT NULL,
    back TEXT NOT NULL,
    school TEXT NOT NULL,
    ended_ns INTEGER
) STRICT;
"""


def _first(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _execute(db, _FIRST)


def _second(db: sqlite3.Connection) -> None:
    _execute(db, _SECOND)


def _third(db: sqlite3.Connection) -> None:
    _execute(db, _THIRD)


def _fourth(db: sqlite3.Connection) -> None:
    _execute(db, _FOURTH)


def _fifth(db: sqlite3.Connection) -> None:
    _execute(db, _FIFTH)


def _sixth(db: sqlite3.Connection) -> None:
    _execute(db, _SIXTH)


def _seventh(db: sqlite3.Connection) -> None:
    _execute(db, _SEVENTH)


def _eighth(db: sqlite3.Connection) -> None:
    _execute(db, _EIGHTH)


def _execute(db: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";\n"):
        db.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _first,
    _second,
    _third,
    _fourth,
    _fifth,
    _sixth,
    _seventh,
    _eighth,
)
SCHEMA = len(MIGRATIONS)
READABLE_SINCE = 1


def schema_of(db: sqlite3.Connection) -> int:
    """The format number of a journal; 0 for an empty file."""
    number: int = db.execute("PRAGMA user_version").fetchone()[0]
    return number


def is_current(db: sqlite3.Connection) -> bool:
    """Whether the journal is in this program's format, or in a newer one. Raises sqlite3.Error."""
    return schema_of(db) >= SCHEMA


def migrate(db: sqlite3.Connection) -> None:
    """Bring the journal to this program's format, one transaction a step. Raises sqlite3.Error."""
    while _step(db):
        pass


def _step(db: sqlite3.Connection) -> bool:
    # The number is read under the lock: another program may open the same new file at the same moment.
    with transaction(db):
        number = schema_of(db)
        if is_current(db):
            return False
        MIGRATIONS[number](db)
        db.execute("REPLACE INTO meta VALUES ('readable_since', ?)", (str(READABLE_SINCE),))
        db.execute(f"PRAGMA user_version = {number + 1}")
        return True
