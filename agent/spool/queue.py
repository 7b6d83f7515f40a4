"""What comes out of the spool: to be sent, held, refused; each within its caller's transaction."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from agent.freeze import Boot, Timeline, better, freeze
from agent.spool.schema import MOST_SEQ, DamagedError, add, cap, checksum, place, seal, unplace, unseal
from firstbell import wire
from firstbell.report import MAX_AT_NS, Draft, Stamp

MOST_REFUSED = 1000
MOST_DAYS = 60
"""Rows of the visible tables that are kept; beyond, the oldest go, and the count in `meta` stays."""
KEEP_NS = 7 * 86_400 * 10**9

_DRAFTS = msgspec.json.Decoder(Draft)


class Row(NamedTuple):
    """One waiting report: a draft (version 0), or the final bytes of that version of the wire."""

    place: int
    version: int
    crc: int
    body: bytes


def next_run(db: sqlite3.Connection, first: int, last: int) -> list[Row]:
    """The oldest waiting rows from `first` to `last`: neighbours of one epoch and version, for one batch."""
    run: list[Row] = []
    room = wire.WIRE_BYTES
    query = "SELECT place, version, crc, body FROM waiting WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?"
    cursor = db.execute(query, (first, last, wire.BATCH_REPORTS))
    for row in map(Row._make, cursor):
        room -= len(row.body)
        if run and (row.place != run[-1].place + 1 or row.version != run[-1].version or room < 0):
            break
        run.append(row)
    cursor.close()
    return run


def broken(row: Row) -> bool:
    """Whether a row is not what was written."""
    if checksum(row.place, row.version, row.body) != row.crc:
        return True
    if row.version:
        return False
    try:
        _DRAFTS.decode(row.body)
    except (msgspec.DecodeError, UnicodeError):
        return True
    return False


def freeze_run(db: sqlite3.Connection, run: Sequence[Row], timeline: Timeline) -> list[Row]:
    """Resolve the times of drafts and store the final bytes, which every resend will repeat."""
    drafts = [_DRAFTS.decode(row.body) for row in run]
    floor_ns, ceiling_ns = _neighbours(db, run[0].place)
    reports = freeze(drafts, timeline, floor_ns, ceiling_ns)
    frozen = []
    for row, report in zip(run, reports, strict=True):
        body = wire.encode_report(report)
        frozen.append(Row(row.place, wire.VERSION, checksum(row.place, wire.VERSION, body), body))
    stored = db.executemany(
        "UPDATE waiting SET version = ?, crc = ?, body = ? WHERE place = ?",
        [(row.version, row.crc, row.body, row.place) for row in frozen],
    )
    if stored.rowcount != len(frozen):
        raise DamagedError("the spool's file is damaged: a report is not in its place")
    last_at_ns = max(floor_ns, *(report.at_ns for report in reports))
    _add_span(db, run[0].place, run[-1].place, reports[0].at_ns, last_at_ns)
    return frozen


def _neighbours(db: sqlite3.Connection, place_: int) -> tuple[int, int]:
    """The last time frozen before a place in its epoch, and the first one after."""
    n, _ = unplace(place_)
    before = db.execute(
        "SELECT last_at_ns FROM spans WHERE first BETWEEN ? AND ? ORDER BY first DESC LIMIT 1",
        (place(n, 0), place_),
    ).fetchone()
    after = db.execute(
        "SELECT first_at_ns FROM spans WHERE first BETWEEN ? AND ? ORDER BY first LIMIT 1",
        (place_, place(n + 1, 0)),
    ).fetchone()
    return (before[0] if before else -1), (after[0] if after else MAX_AT_NS + 1)


def _add_span(db: sqlite3.Connection, first: int, last: int, first_at_ns: int, last_at_ns: int) -> None:
    """Note that these places are frozen, as part of the stretch before if it touches them."""
    grown = db.execute(
        "UPDATE spans SET last = ?, last_at_ns = ? WHERE last = ?", (last, last_at_ns, first - 1)
    )
    if not grown.rowcount:
        db.execute("INSERT INTO spans VALUES (?, ?, ?, ?)", (first, last, first_at_ns, last_at_ns))


def hold(
    db: sqlite3.Connection,
    epoch: str,
    ranges: Iterable[wire.Range],
    journal: str,
    now_ns: int,
    *,
    keep: bool,
) -> int:
    """Take frozen rows that `journal` holds out of the queue, to `kept` if `keep`; how many.

    What was held a week ago goes for good, some hundreds at a time.
    """
    gone = 0
    for places in _places(db, epoch, ranges):
        if keep:
            db.execute(
                "INSERT OR REPLACE INTO kept (place, box, version, crc, held_ns, journal, body)"
                " SELECT place, box, version, crc, ?, ?, body FROM waiting"
                " WHERE version > 0 AND place BETWEEN ? AND ?",
                (now_ns, journal, *places),
            )
        query = "DELETE FROM waiting WHERE version > 0 AND place BETWEEN ? AND ?"
        gone += db.execute(query, places).rowcount
    db.execute(
        "DELETE FROM kept WHERE held_ns < ? AND place IN (SELECT place FROM kept ORDER BY place LIMIT 500)",
        (now_ns - KEEP_NS,),
    )
    return gone


def take_back(db: sqlite3.Connection, journal: str) -> tuple[int, int]:
    """Make some of the rows that another journal than `journal` held wait again.

    Returns how many left the kept ones and how many came to the waiting ones.
    """
    query = "SELECT place FROM kept WHERE journal <> ? ORDER BY place LIMIT 500"
    others = db.execute(query, (journal,)).fetchall()
    came = db.executemany(
        "INSERT OR IGNORE INTO waiting (place, box, version, crc, body)"
        " SELECT place, box, version, crc, body FROM kept WHERE place = ?",
        others,
    ).rowcount
    db.executemany("DELETE FROM kept WHERE place = ?", others)
    return len(others), max(came, 0)


def set_aside(db: sqlite3.Connection, epoch: str, ranges: Iterable[wire.Range], reason: str) -> list[int]:
    """Move waiting rows to the visible table of what was refused; their places."""
    gone: list[int] = []
    for places in _places(db, epoch, ranges):
        rows = db.execute(
            "DELETE FROM waiting WHERE place BETWEEN ? AND ? RETURNING place, body", places
        ).fetchall()
        db.executemany(
            "INSERT INTO refused (epoch, seq, reason, body) VALUES (?, ?, ?, ?)",
            [(epoch, unplace(place_)[1], reason, body) for place_, body in rows],
        )
        gone += [place_ for place_, _ in rows]
    cap(db, "refused", MOST_REFUSED)
    add(db, "refused", len(gone))
    return sorted(gone)


def _places(db: sqlite3.Connection, epoch: str, ranges: Iterable[wire.Range]) -> list[tuple[int, int]]:
    """The places of ranges of an epoch; none if the file doesn't know the epoch."""
    row = db.execute("SELECT n FROM epochs WHERE epoch = ?", (epoch,)).fetchone()
    if row is None:
        return []
    return [
        (place(row[0], max(first, 1)), place(row[0], min(last, MOST_SEQ)))
        for first, last in ranges
        if first <= MOST_SEQ
    ]


# --- clocks and budgets -------------------------------------------------------------------------------


def boots(db: sqlite3.Connection) -> list[Boot]:
    """What each boot learned of the time, in their order."""
    rows = db.execute(
        "SELECT boot_id, max(last_boottime_ns), ntp, collector FROM boots JOIN epochs ON boot = boots.n"
        " GROUP BY boots.n ORDER BY boots.n"
    )
    return [
        Boot(boot_id, last_ns, unseal(ntp), unseal(collector)) for boot_id, last_ns, ntp, collector in rows
    ]


def learn(db: sqlite3.Connection, word: Stamp) -> None:
    """Note the collector's time for the boot of `word`, unless a better word is known."""
    row = db.execute("SELECT collector FROM boots WHERE boot_id = ?", (word.boot_id,)).fetchone()
    if row and better(unseal(row[0]), word):
        db.execute("UPDATE boots SET collector = ? WHERE boot_id = ?", (seal(word), word.boot_id))


def charge(db: sqlite3.Connection, day: str, amount: int) -> None:
    """Add to the bytes that a day used."""
    db.execute(
        "INSERT INTO ledger (day, bytes) VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET bytes = bytes + ?",
        (day, amount, amount),
    )
    cap(db, "ledger", MOST_DAYS)
