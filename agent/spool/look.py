"""What stands in a spool, for people."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypedDict

from agent.spool.migrations import MIGRATIONS
from agent.spool.schema import (
    BUSY_S,
    NewerSpoolError,
    SpoolOpenError,
    count,
    live_bytes,
    migrate,
    number,
    place,
    told,
)
from firstbell.report import Loss

SHOWN = 20


class Refused(NamedTuple):
    """One report that the collector will never take, or that this box could not deliver."""

    epoch: str
    seq: int
    reason: str


class Summary(TypedDict):
    """A spool in figures; `refused` and `lost` are totals, the lists hold the newest."""

    waiting: int
    kept: int
    refused: int
    lost: int
    used_bytes: int
    epoch: str
    last_refused: list[dict[str, str | int]]
    last_losses: list[dict[str, str | int]]


def read(path: Path) -> Summary:
    """The summary of the spool at `path`, which a running agent may have open. Raises SpoolOpenError."""
    if not path.exists():
        raise SpoolOpenError(f"there is no spool at {path} yet")
    with told(), closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)) as db:
        return summary(db)


def summary(db: sqlite3.Connection) -> Summary:
    """What waits, what is kept after it was held, what was refused and what was lost."""
    newest = db.execute("SELECT epoch FROM epochs ORDER BY n DESC LIMIT 1").fetchone()
    return Summary(
        waiting=count(db, "waiting"),
        kept=count(db, "kept"),
        refused=number(db, "refused"),
        lost=number(db, "lost"),
        used_bytes=live_bytes(db),
        epoch=newest[0] if newest else "",
        last_refused=[row._asdict() for row in refused(db)[:SHOWN]],
        last_losses=[
            {"epoch": loss.epoch, "first": loss.first, "last": loss.last, "reason": loss.reason}
            for loss in losses(db)[:SHOWN]
        ],
    )


def refused(db: sqlite3.Connection) -> list[Refused]:
    """The reports that were refused or given up, newest first."""
    return [Refused(*row) for row in db.execute("SELECT epoch, seq, reason FROM refused ORDER BY n DESC")]


def losses(db: sqlite3.Connection) -> list[Loss]:
    """The ranges that were given up, newest first."""
    rows = db.execute("SELECT epoch, first, last, reason FROM losses ORDER BY n DESC")
    return [Loss(epoch=epoch, first=first, last=last, reason=reason) for epoch, first, last, reason in rows]


class Start(NamedTuple):
    """The last start of the box: its epoch, and how many of its reports the collector has said that it holds.

    Only what is kept is counted: none, where the spool is so full that nothing is kept.
    """

    epoch: str
    held: int


def last_start(path: Path) -> Start:
    """The last start, in the spool at `path`, which a running agent may have open. Raises SpoolError."""
    if not path.exists():
        raise SpoolOpenError(f"there is no spool at {path} yet")
    with told(), closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)) as db:
        newest = db.execute("SELECT n, epoch FROM epochs ORDER BY n DESC LIMIT 1").fetchone()
        if newest is None:
            return Start("", 0)
        bounds = place(newest[0], 0), place(newest[0] + 1, 0) - 1
        held = db.execute("SELECT count(*) FROM kept WHERE place BETWEEN ? AND ?", bounds).fetchone()[0]
        return Start(str(newest[1]), int(held))


class Forms(NamedTuple):
    """Forms of the spool's file: which this program writes, and from which on a program may read that."""

    written: int
    readable_since: int


def forms() -> Forms:
    """What this program makes of a spool. Nothing on the disk is touched."""
    with told(), closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        return Forms(len(MIGRATIONS), number(db, "readable_since"))


def readable(path: Path) -> None:
    """See that this program may open the spool at `path`, and change nothing. Raises SpoolError."""
    if not path.exists():
        return
    with told(), closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)) as db:
        form, since = int(db.execute("PRAGMA user_version").fetchone()[0]), number(db, "readable_since")
    if form > len(MIGRATIONS) < since:
        raise NewerSpoolError(f"the spool is of form {form}, to be read from form {since} on")
