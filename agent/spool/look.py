"""What stands in a spool, for people."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypedDict

from agent.spool.schema import BUSY_S, SpoolOpenError, count, live_bytes, number, told
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
