"""Leases: who was granted the line when, within which bounds, and what became of it. Facts, kept for good.

A lease is on the disk before its box hears of it, so that a coordinator that was killed knows, when it comes
back, what may be loading a line.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from collector.store import quiets
from collector.store.connections import transaction
from collector.store.errors import told
from collector.store.journal import Journal
from firstbell.quiet import Order

How = Literal["settled", "revoked", "lapsed"]
"""How a lease ended: by its box's word, after it was called back, or because nothing was heard of it."""

_WHAT = "the journal takes no lease"
_COLUMNS = (
    "lease, agent, nonce, kind, site, day, stretch_ns, loads, targets, max_bytes, max_seconds, granted_ns, "
    "ended_ns, how, bytes, seconds"
)
_GRANT = f"INSERT INTO leases ({_COLUMNS}) VALUES ({', '.join('?' * 16)})"  # noqa: S608 - our own words
_SINCE = f"SELECT {_COLUMNS} FROM leases WHERE day >= ? ORDER BY lease_id"  # noqa: S608
_WITHIN = f"""
SELECT {_COLUMNS} FROM leases WHERE granted_ns >= ? AND granted_ns < ? ORDER BY granted_ns, lease_id
"""  # noqa: S608


class Kept(NamedTuple):
    """A lease as it is kept. The bounds are for each of the targets alone.

    `site` is whose budget paid for it on the local day `day`; `stretch_ns` is when its period began; `loads`
    are the lines and access points that it may have loaded. `bytes` and `seconds` are what was used, as the
    box told, as far as it is believed; None where it did not.
    """

    lease: str
    agent: str
    nonce: str
    kind: str
    site: str
    day: str
    stretch_ns: int
    loads: tuple[str, ...]
    targets: tuple[str, ...]
    max_bytes: int
    max_seconds: float
    granted_ns: int
    ended_ns: int | None = None
    how: How | None = None
    bytes: int | None = None
    seconds: float | None = None


class Leases:
    """Leases in a journal, for one thread; each method is a transaction of its own.

    All raise UnreadableError.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def grant(self, lease: Kept) -> None:
        """Keep a new lease; it is on the disk when this returns."""
        columns = lease._asdict() | {"loads": json.dumps(lease.loads), "targets": json.dumps(lease.targets)}
        self._write(_GRANT, tuple(columns.values()))

    def end(self, lease: str, ended_ns: int, how: How, used: tuple[int | None, float | None]) -> None:
        """Keep how a lease ended, and what its box says that it used (bytes, seconds)."""
        update = "UPDATE leases SET ended_ns = ?, how = ?, bytes = ?, seconds = ? WHERE lease = ?"
        self._write(update, (ended_ns, how, *used, lease))

    def any(self) -> bool:
        """Whether this journal ever saw a lease."""
        return bool(self._ask("SELECT 1 FROM leases LIMIT 1"))

    def known(self, agent: str, nonce: str) -> bool:
        """Whether a box's question was granted once."""
        return bool(self._ask("SELECT 1 FROM leases WHERE agent = ? AND nonce = ?", (agent, nonce)))

    def since(self, day: str) -> list[Kept]:
        """Every lease of that local day and later, in the order in which they were granted."""
        return [kept(row) for row in self._ask(_SINCE, (day,))]

    def orders(self, at_ns: int) -> list[Order]:
        """The quiet times that somebody ordered and that hold at that moment, or are to come."""
        with self._connection() as db:
            return quiets.standing(db, at_ns)

    def suspended(self) -> dict[str, str]:
        """The boxes whose name two of them use, each with the reason."""
        rows = self._ask(
            "SELECT name, why FROM suspensions JOIN agents USING (agent_id) WHERE decided_ns IS NULL"
        )
        return {str(name): str(why) for name, why in rows}

    def _write(self, sql: str, values: Sequence[object]) -> None:
        with self._connection() as db, transaction(db):
            db.execute(sql, values)

    def _ask(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with self._connection() as db:
            return db.execute(sql, values).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """The connection; after any failure a new one, for the file may be another one by now."""
        with told(_WHAT):
            try:
                if self._db is None:
                    self._db = self._journal.writer()
                yield self._db
            except BaseException:
                self.close()
                raise


def kept(row: Sequence[object]) -> Kept:
    """A lease from its columns."""
    lease = Kept(*row)  # type: ignore[arg-type]
    return lease._replace(loads=tuple(json.loads(str(row[7]))), targets=tuple(json.loads(str(row[8]))))


def within(db: sqlite3.Connection, since_ns: int, until_ns: int) -> list[Kept]:
    """Every lease that was granted within that time, in order."""
    return [kept(row) for row in db.execute(_WITHIN, (since_ns, until_ns))]
