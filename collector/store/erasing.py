"""Takes what boxes measured out of the journal, in small steps, so that no byte of it stays in its file.

What stays: of certificates that were revoked their serial numbers, and of whoever was shut out a digest of
the name, so that nobody who was comes in again; of a box of which a part is erased, that those numbers were
(else they would be missing).
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import msgspec

from collector.store import denied, epochs, figures, identities, labels, restored
from collector.store.clones import Place
from collector.store.connections import transaction
from collector.store.derived.deriver import make_hours
from collector.store.derived.kept import HOUR_NS
from collector.store.errors import UnreadableError, told
from collector.store.exporting import Box
from collector.store.journal import Journal
from collector.store.ledger import arrivals

STEP = 2_000
"""So many reports go in one transaction: the collector's own writer waits no longer than for that."""
REASON = "erased by the district"
_END_OF_TIME = (1 << 63) - 1
_RANGES = """
SELECT epoch_id, min(seq), max(seq), count(*) FROM (
    SELECT epoch_id, seq, seq - row_number() OVER (PARTITION BY epoch_id ORDER BY seq) AS run
    FROM reports WHERE agent_id = ? AND probe IN (SELECT probe FROM temp.probes) AND at_ns >= ? AND at_ns < ?
) GROUP BY epoch_id, run ORDER BY 1, 2
"""
_WITHIN = "agent_id = ? AND probe IN (SELECT probe FROM temp.probes) AND at_ns >= ? AND at_ns < ?"
_ANY = f"""
DELETE FROM reports WHERE arrival IN (SELECT arrival FROM reports WHERE agent_id = ? LIMIT {STEP})
RETURNING arrival
"""  # noqa: S608 - a number
_WHOLE = ("reports", "latest", "hours", "days", "rollups", "epoch_figures", "box_figures", "suspensions")
_UNFINISHED = "erasing"
_BY_NAME = ("leases", "sink_names", "sink_days", "said_places")
Progress = Callable[[int, int], None]


class Counts(NamedTuple):
    """What the journal has of some boxes: reports, hours of sums and outages, things set aside, leases."""

    boxes: int
    reports: int
    hours: int
    quarantined: int
    leases: int


class TooLittleRoomError(UnreadableError):
    """The disk has no room to write the journal anew; nothing was erased."""


def counts(journal: Journal, boxes: Sequence[Box]) -> Counts:
    """What there is of these boxes within their times. Raises UnreadableError."""
    with told("the journal can't be read"), closing(journal.reader()) as db:
        agents = sorted({box[0] for box in boxes})
        ids = _ids(db, agents)
        hours = sum(_hours(db, ids[agent], since, until) for agent, since, until in boxes if agent in ids)
        return Counts(
            boxes=len(ids),
            reports=sum(_reports(db, ids[a], since, until) for a, since, until in boxes if a in ids),
            hours=hours,
            quarantined=sum(_of(db, "quarantine", agent) for agent in agents),
            leases=sum(_of(db, "leases", agent) for agent in agents),
        )


def see_that_there_is_room(journal: Journal) -> None:
    """Raise TooLittleRoomError where the journal could not be written anew."""
    needed = int(journal.path.stat().st_size * 2.2) + (64 << 20)
    free = shutil.disk_usage(journal.path.parent).free
    if free < needed:
        raise TooLittleRoomError(
            f"{journal.path} is written anew at the end, so that nothing stays in its file: that takes "
            f"{needed / 2**20:,.0f} MiB, and {free / 2**20:,.0f} are free. Nothing was erased."
        )


def erase(journal: Journal, boxes: Sequence[Box], progress: Progress) -> None:
    """Take these boxes' reports of these times away, and everything that followed from them.

    A box of all of whose time that is goes with everything that was known of it. Raises UnreadableError.
    """
    see_that_there_is_room(journal)
    goal, done = counts(journal, boxes).reports, 0
    with told("the journal could not be erased from"), closing(journal.writer()) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("CREATE TEMP TABLE probes (probe TEXT)")
        for agent, since_ns, until_ns in boxes:
            whole = since_ns <= 0 and until_ns is None
            for gone in _all_away(db, agent) if whole else _part_away(db, agent, since_ns, until_ns):
                done += gone
                progress(min(done, goal), goal)
        with transaction(db):
            db.execute("UPDATE derivation SET line = ?", (arrivals(db),))
            db.execute("DELETE FROM copied")


def folders(journal: Journal) -> Iterator[dict[str, str]]:
    """Every version of the district folder that is kept, file name to text, the newest first."""
    with told("the journal can't be read"), closing(journal.reader()) as db:
        for (contents,) in db.execute("SELECT contents FROM districts ORDER BY kept_ns DESC").fetchall():
            yield json.loads(contents)


def forget_folders(journal: Journal, names: Sequence[str], today: str) -> int:
    """Forget the versions of the district folder that name one of these, but for the one of digest `today`.

    Answers that were given under one of those can't be given again. How many went. Until `press` has done its
    part it is noted that something is `unfinished`, since nothing else would say so. Raises UnreadableError.
    """
    with told("the journal could not be erased from"), closing(journal.writer()) as db, transaction(db):
        db.execute("PRAGMA secure_delete = ON")
        found = [
            digest
            for digest, contents in db.execute("SELECT digest, contents FROM districts")
            if digest != today and any(names_it(json.loads(contents), name) for name in names)
        ]
        db.executemany("DELETE FROM districts WHERE digest = ?", [(digest,) for digest in found])
        db.execute("REPLACE INTO meta VALUES (?, '1')", (_UNFINISHED,))
        return len(found)


def forget_place(journal: Journal, school: str, gateway: str) -> None:
    """Forget what was noted of a school itself: quiet times, summers, boxes said to hang there, gateway."""
    with told("the journal could not be erased from"), closing(journal.writer()) as db, transaction(db):
        db.execute("PRAGMA secure_delete = ON")
        for table in ("quiet_times", "summers", "said_places"):
            db.execute(f"DELETE FROM {table} WHERE school = ?", (school,))  # noqa: S608 - our own words
        if gateway:
            db.execute("DELETE FROM gateways WHERE address = ?", (gateway,))


def press(journal: Journal) -> None:
    """Write the journal anew, so that its file and its log hold no byte of what went. Raises UnreadableError.

    While that goes on the collector takes nothing; boxes keep theirs.
    """
    with told("the journal could not be written anew"), closing(journal.writer()) as db:
        db.execute("VACUUM")
        busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise UnreadableError(
                "the journal's log could not be cleared, because somebody was reading: run this again"
            )
        db.execute("DELETE FROM meta WHERE key = ?", (_UNFINISHED,))


def unfinished(journal: Journal) -> bool:
    """Whether an erasure was cut short when all that names what it was about was gone already."""
    with told("the journal can't be read"), closing(journal.reader()) as db:
        return db.execute("SELECT 1 FROM meta WHERE key = ?", (_UNFINISHED,)).fetchone() is not None


def _all_away(db: sqlite3.Connection, agent: str) -> Iterator[int]:
    """Take all of a box away, its reports step by step; how many each time."""
    agent_id = _ids(db, [agent]).get(agent, -1)
    gone = STEP
    while gone == STEP:
        with transaction(db):
            rows = db.execute(_ANY, (agent_id,)).fetchall()
            db.executemany("DELETE FROM sink_aside WHERE arrival = ?", rows)
        gone = len(rows)
        yield gone
    _all_of(db, agent, agent_id)


def _part_away(db: sqlite3.Connection, agent: str, since_ns: int, until_ns: int | None) -> Iterator[int]:
    """Take a part of a box's time away, hour by hour; how many reports each time."""
    agent_id = _ids(db, [agent]).get(agent)
    if agent_id is None:
        return
    until = _END_OF_TIME if until_ns is None else until_ns
    with transaction(db):
        db.execute("DELETE FROM temp.probes")
        db.execute(
            "INSERT INTO temp.probes SELECT DISTINCT probe FROM latest WHERE agent_id = ?", (agent_id,)
        )
    bounds = agent_id, since_ns, until
    hours = db.execute(
        f"SELECT DISTINCT at_ns / {HOUR_NS} FROM reports WHERE {_WITHIN} ORDER BY 1",  # noqa: S608 - ours
        bounds,
    ).fetchall()
    for (hour,) in hours:
        begin, end = max(since_ns, hour * HOUR_NS), min(until, (hour + 1) * HOUR_NS)
        with transaction(db):
            gone = _hour_away(db, agent_id, hour, begin, end)
        yield gone
    with transaction(db):
        _latest_anew(db, agent_id)


def _hour_away(db: sqlite3.Connection, agent_id: int, hour: int, begin_ns: int, end_ns: int) -> int:
    """Take an hour's reports away, and note that their numbers are not missing; how many."""
    bounds = agent_id, begin_ns, end_ns
    ranges = db.execute(_RANGES, bounds).fetchall()
    db.execute(
        f"DELETE FROM sink_aside WHERE arrival IN (SELECT arrival FROM reports WHERE {_WITHIN})",  # noqa: S608
        bounds,
    )
    db.execute(f"DELETE FROM reports WHERE {_WITHIN}", bounds)  # noqa: S608 - our own words
    for epoch_id, first, last, held in ranges:
        place = Place("", agent_id, "", epoch_id)
        epochs.absent(db, place, "refused", (first, last), REASON, begin_ns)
        db.execute("UPDATE epochs SET held = held - ? WHERE epoch_id = ?", (held, epoch_id))
    newest = arrivals(db)
    make_hours(db, [(agent_id, hour)], newest)
    figures.count(db, (each[0] for each in ranges), newest)
    return sum(each[3] for each in ranges)


def _latest_anew(db: sqlite3.Connection, agent_id: int) -> None:
    """Of each probe and target of which the newest report went, what is the newest now."""
    rows = db.execute(
        "SELECT probe, target FROM latest WHERE agent_id = ? "
        "AND arrival NOT IN (SELECT arrival FROM reports)",
        (agent_id,),
    ).fetchall()
    for probe, target in rows:
        key = agent_id, probe, target
        db.execute("DELETE FROM latest WHERE agent_id = ? AND probe = ? AND target = ?", key)
        db.execute(
            "INSERT INTO latest SELECT agent_id, probe, ?3, min(at_ns, received_ns), arrival FROM reports "
            "WHERE agent_id = ?1 AND probe = ?2 AND coalesce(raw ->> '$.target', '') = ?3 "
            "ORDER BY at_ns DESC, arrival DESC LIMIT 1",
            key,
        )


def _all_of(db: sqlite3.Connection, agent: str, agent_id: int) -> None:
    """Take away what else is known of a box: starts, losses, decisions, leases, what was set aside, name."""
    with transaction(db):
        db.execute(
            "DELETE FROM absences WHERE epoch_id IN (SELECT epoch_id FROM epochs WHERE agent_id = ?)",
            (agent_id,),
        )
        for table in (*_WHOLE, "epochs", "agents"):
            db.execute(f"DELETE FROM {table} WHERE agent_id = ?", (agent_id,))  # noqa: S608 - our own words
        for table in _BY_NAME:
            db.execute(f"DELETE FROM {table} WHERE agent = ?", (agent,))  # noqa: S608 - our own words
        labels.forget(db, agent)
        gone = db.execute("DELETE FROM quarantine WHERE agent = ? RETURNING length(raw)", (agent,)).fetchall()
        size = sum(row[0] for row in gone)
        db.execute("UPDATE quarantine_totals SET rows = rows - ?, bytes = bytes - ?", (len(gone), size))
        _identity_away(db, agent)
        _expect_no_more(db, agent)


def _identity_away(db: sqlite3.Connection, agent: str) -> None:
    """Forget whose revoked certificates and spent cards those were; good ones stay, with what they open."""
    good = db.execute(
        "SELECT 1 FROM certificates WHERE agent = ?1 AND revoked_ns IS NULL "
        "UNION ALL SELECT 1 FROM enrolments WHERE agent = ?1 AND (decided_ns IS NULL OR let_in)",
        (agent,),
    ).fetchone()
    if not good:
        if agent in identities.shut_out(db):
            denied.deny(db, agent)  # the session it has may still be open
        db.execute("UPDATE certificates SET agent = '', pem = '' WHERE agent = ?", (agent,))
        db.execute("UPDATE enrolments SET agent = '' WHERE agent = ?", (agent,))


def _expect_no_more(db: sqlite3.Connection, agent: str) -> None:
    known = restored.state(db)
    if known and agent in known.expected:
        expected = {name: missing for name, missing in known.expected.items() if name != agent}
        restored.write(db, msgspec.structs.replace(known, expected=expected))


def _ids(db: sqlite3.Connection, agents: Sequence[str]) -> dict[str, int]:
    found = {}
    for agent in agents:
        row = db.execute("SELECT agent_id FROM agents WHERE name = ?", (agent,)).fetchone()
        if row:
            found[agent] = int(row[0])
    return found


def _reports(db: sqlite3.Connection, agent_id: int, since_ns: int, until_ns: int | None) -> int:
    until = _END_OF_TIME if until_ns is None else until_ns
    query = "SELECT count(*) FROM reports WHERE agent_id = ? AND at_ns >= ? AND at_ns < ?"
    return int(db.execute(query, (agent_id, since_ns, until)).fetchone()[0])


def _hours(db: sqlite3.Connection, agent_id: int, since_ns: int, until_ns: int | None) -> int:
    until = _END_OF_TIME if until_ns is None else until_ns
    query = "SELECT count(*) FROM hours WHERE agent_id = ? AND hour >= ? AND hour < ?"
    return int(db.execute(query, (agent_id, since_ns // HOUR_NS, until // HOUR_NS)).fetchone()[0])


def _of(db: sqlite3.Connection, table: str, agent: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table} WHERE agent = ?", (agent,)).fetchone()[0])  # noqa: S608 - ours


def names_it(contents: dict[str, str], name: str) -> bool:
    """Whether a folder speaks of a box or of a school: as a cell of a table, or anywhere in quotes."""
    lines = (line for text in contents.values() for line in text.splitlines())
    cells = (cell.strip(' "\r') for line in lines for cell in line.split(","))
    return any(name in cell.split(" ") for cell in cells)
