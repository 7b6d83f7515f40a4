"""What lies in a journal and in spools, read with SQL of the oracle's own."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

Key = tuple[str, str, int]
"""Agent, epoch, seq."""


class Row(NamedTuple):
    """One report where it lies: in the journal, waiting in a spool, or kept there after it was held.

    `final` is false for a draft whose time is not resolved. `at_ns` is the journal's column.
    """

    where: str
    key: Key
    report: dict[str, Any]
    raw: bytes
    final: bool
    at_ns: int | None = None


@dataclass
class Shelf:
    """Everything that was found, by where it lies."""

    rows: list[Row] = field(default_factory=list)
    raw: dict[Key, bytes] = field(default_factory=dict)
    twice: list[Key] = field(default_factory=list)
    in_queue: set[Key] = field(default_factory=set)
    lost: set[Key] = field(default_factory=set)
    refused: set[Key] = field(default_factory=set)
    openings: dict[Key, dict[str, Any]] = field(default_factory=dict)

    @property
    def in_journal(self) -> set[Key]:
        """What the journal holds."""
        return set(self.raw)

    def add(self, row: Row) -> None:
        """Take in a row."""
        self.rows.append(row)
        if row.where == "journal":
            if row.key in self.raw:
                self.twice.append(row.key)
            self.raw[row.key] = row.raw
        elif row.where == "waiting":
            self.in_queue.add(row.key)
        if row.where != "kept" and row.report.get("opening"):
            self.openings[row.key] = row.report["opening"]


def read(journal: Path, spools: list[tuple[str, Path]]) -> Shelf:
    """Read all files; `spools` are (agent, file). Raises sqlite3.Error, also for a file that is not sound."""
    shelf = Shelf()
    with closing(_opened(journal)) as db:
        for row in _of_journal(db):
            shelf.add(row)
        shelf.refused |= set(_numbers(db, "SELECT agent, epoch, first, last FROM quarantine WHERE first > 0"))
        shelf.lost |= set(
            _numbers(
                db,
                "SELECT name, epoch, first, last FROM absences JOIN epochs USING (epoch_id)"
                " JOIN agents USING (agent_id) WHERE kind = 'lost'",
            )
        )
    for agent, path in spools:
        with closing(_opened(path)) as db:
            for row in _of_spool(db, agent):
                shelf.add(row)
            refused = db.execute("SELECT ?, epoch, seq, seq FROM refused", (agent,)).fetchall()
            shelf.refused |= set(_spread(refused))
            lost = db.execute("SELECT ?, epoch, first, last FROM losses", (agent,)).fetchall()
            shelf.lost |= set(_spread(lost))
    return shelf


def waiting(path: Path) -> int:
    """How many reports wait in a spool, which a box may have open just now."""
    with closing(sqlite3.connect(path, timeout=10)) as db:
        return int(db.execute("SELECT count(*) FROM waiting").fetchone()[0])


def places(path: Path) -> tuple[int, int]:
    """The places of the oldest and of the newest report that wait in a spool; beyond any, and 0, if none do."""
    with closing(sqlite3.connect(path, timeout=10)) as db:
        oldest, newest = db.execute("SELECT min(place), max(place) FROM waiting").fetchone()
        return (1 << 62, 0) if oldest is None else (oldest, newest)


def _opened(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise sqlite3.OperationalError(f"there is no {path}")
    db = sqlite3.connect(path, timeout=10)
    said = db.execute("PRAGMA integrity_check").fetchone()[0]
    if said != "ok":
        raise sqlite3.DatabaseError(f"{path} is not sound: {said}")
    return db


def _of_journal(db: sqlite3.Connection) -> Iterator[Row]:
    query = (
        "SELECT name, epoch, seq, at_ns, probe, raw FROM reports"
        " JOIN epochs ON epochs.epoch_id = reports.epoch_id"
        " JOIN agents ON agents.agent_id = reports.agent_id AND agents.agent_id = epochs.agent_id"
    )
    for agent, epoch, seq, at_ns, probe, raw in db.execute(query):
        report = json.loads(raw)
        if report["probe"] != probe:
            report["probe"] = f"{report['probe']} in the column {probe}"
        yield Row("journal", (agent, epoch, seq), report, raw, final=True, at_ns=at_ns)


def _of_spool(db: sqlite3.Connection, agent: str) -> Iterator[Row]:
    epochs = dict(db.execute("SELECT n, epoch FROM epochs"))
    for table in ("waiting", "kept"):
        for place, version, body in db.execute(f"SELECT place, version, body FROM {table}"):
            key = agent, epochs[place >> 32], place & 0xFFFF_FFFF
            yield Row(table, key, json.loads(body), body, final=version > 0)


def _numbers(db: sqlite3.Connection, query: str) -> Iterator[Key]:
    return _spread(db.execute(query).fetchall())


def _spread(rows: list[tuple[str, str, int, int]]) -> Iterator[Key]:
    for agent, epoch, first, last in rows:
        for seq in range(first, last + 1):
            yield agent, epoch, seq
