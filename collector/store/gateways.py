"""Schools' gateways as the collector itself tried them: facts of its own, kept as stretches of time."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

EVERY_NS = 60 * 10**9
PATIENCE_NS = 3 * EVERY_NS
"""Tries further apart than this belong to two stretches: between them nobody tried."""


class Try(NamedTuple):
    """One try of one address at a moment."""

    address: str
    at_ns: int
    answers: bool


class Reach(NamedTuple):
    """A stretch of time in which a gateway answered the collector, or did not; `end_ns` is not included.

    It ends with the try that found otherwise, or a minute after its last one if nobody tried any more. In
    the time between stretches nobody tried: the collector was not there, or reached nobody at all. `open`:
    as far as is known it still went on at the end that was asked for.
    """

    address: str
    answers: bool
    begin_ns: int
    end_ns: int
    tries: int
    open: bool


class Stretch(NamedTuple):
    """A stretch as it is kept: `last_ns` is its last try."""

    address: str
    begin_ns: int
    last_ns: int
    answers: int
    tries: int


Row = tuple[int, int, int, int]
"""A stretch without its address."""

_LAST = """
SELECT gateway_id, last_ns, answers FROM gateways WHERE address = ? AND begin_ns <= ?
ORDER BY begin_ns DESC, gateway_id DESC LIMIT 1
"""
"""One step in the index `gateways_time`, however many stretches there are."""
_SINCE = """
SELECT address, begin_ns, last_ns, answers, tries FROM gateways WHERE last_ns >= ? ORDER BY gateway_id
"""
_SPANS = """
SELECT begin_ns, last_ns, answers, tries FROM gateways
WHERE address = ? AND begin_ns < ? AND begin_ns >= coalesce(
    (SELECT max(begin_ns) FROM gateways WHERE address = ? AND begin_ns <= ?), 0)
ORDER BY begin_ns, gateway_id
"""


def note(db: sqlite3.Connection, tries: Sequence[Try]) -> None:
    """Take tries down, each in order of its time, in the caller's transaction."""
    for address, at_ns, answers in tries:
        last = db.execute(_LAST, (address, at_ns)).fetchone()
        if last and last[2] == answers and 0 <= at_ns - last[1] <= PATIENCE_NS:
            db.execute(
                "UPDATE gateways SET last_ns = ?, tries = tries + 1 WHERE gateway_id = ?", (at_ns, last[0])
            )
        else:
            db.execute(
                "INSERT INTO gateways (address, begin_ns, last_ns, answers, tries) VALUES (?, ?, ?, ?, 1)",
                (address, at_ns, at_ns, answers),
            )


def spans(db: sqlite3.Connection, address: str, since_ns: int, until_ns: int) -> list[Reach]:
    """The stretches of an address, cut to that time, in order."""
    rows = db.execute(_SPANS, (address, until_ns + PATIENCE_NS, address, since_ns)).fetchall()
    return fold(address, rows, since_ns, until_ns)


def since(db: sqlite3.Connection, since_ns: int) -> list[Stretch]:
    """All stretches of all addresses of which a try was made since then, in order."""
    rows = db.execute(_SINCE, (since_ns,))
    return [Stretch(*row) for row in rows]


def fold(address: str, rows: Sequence[Row], since_ns: int, until_ns: int) -> list[Reach]:
    """The stretches of an address, cut to that time. Pure.

    `rows` are in order: from the last one that began before `since_ns` to one more than asked for, since the
    next stretch says where the last one ended.
    """
    found = []
    for n, (begin_ns, last_ns, answers, tries) in enumerate(rows):
        following = rows[n + 1][0] if n + 1 < len(rows) else None
        if following is not None and following - last_ns <= PATIENCE_NS:
            end_ns = following
        elif following is None and until_ns - last_ns <= PATIENCE_NS:
            end_ns = max(until_ns, last_ns)
        else:
            end_ns = last_ns + EVERY_NS
        cut = Reach(
            address, bool(answers), max(begin_ns, since_ns), min(end_ns, until_ns), tries, end_ns >= until_ns
        )
        if cut.begin_ns < cut.end_ns:
            found.append(cut)
    return found
