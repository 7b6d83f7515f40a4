"""Reports out of the journal one after the other, however many, while the collector goes on writing."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

import msgspec

from collector.store.errors import told
from collector.store.journal import Journal
from collector.store.ledger import arrivals
from firstbell.report import Report, Stored

Box = tuple[str, int, int | None]
"""A box, and from when until when (not included; None: until now) its reports are asked for, in ns."""
_PAGE = 5_000
_NEXT = """
SELECT name, epoch, seq, arrival, received_ns, raw, at_ns
FROM reports JOIN agents USING (agent_id) JOIN epochs USING (epoch_id)
WHERE reports.agent_id = (SELECT agent_id FROM agents WHERE name = ?1) AND probe = ?2
AND at_ns >= ?3 AND (at_ns > ?3 OR arrival > ?4) AND at_ns < ?5 AND arrival <= ?6
ORDER BY at_ns, arrival LIMIT ?7
"""
_PROBES = """
SELECT DISTINCT probe FROM latest JOIN agents USING (agent_id) WHERE name = ? ORDER BY probe
"""
_END_OF_TIME = (1 << 63) - 1
_REPORTS = msgspec.json.Decoder(Report)


def each(journal: Journal, boxes: Sequence[Box], *, page: int = _PAGE) -> Iterator[Stored]:
    """Every report of these boxes that is here now: by box as asked, probe, time. Raises UnreadableError.

    `page`: so many are read at once.
    """
    with told("the journal can't be read"), closing(journal.reader()) as db:
        newest = arrivals(db)
        for agent, since_ns, until_ns in boxes:
            until = _END_OF_TIME if until_ns is None else until_ns
            for (probe,) in db.execute(_PROBES, (agent,)).fetchall():
                yield from _of_probe(db, agent, probe, since_ns, (until, newest, page))


def boxes(journal: Journal) -> list[Box]:
    """Every box that ever reported, with all of its time. Raises UnreadableError."""
    with told("the journal can't be read"), closing(journal.reader()) as db:
        return [(row[0], 0, None) for row in db.execute("SELECT name FROM agents ORDER BY name")]


def _of_probe(
    db: sqlite3.Connection, of: str, probe: str, since_ns: int, bounds: tuple[int, int, int]
) -> Iterator[Stored]:
    at_ns, arrival = since_ns, 0
    # A page at a time: a question that goes on for minutes would keep the journal's log from being cleared.
    while page := db.execute(_NEXT, (of, probe, at_ns, arrival, *bounds)).fetchall():
        for row in page:
            agent, epoch, seq, number, received_ns, raw, _ = row
            yield Stored(agent, epoch, seq, number, received_ns, _REPORTS.decode(raw))
        at_ns, arrival = page[-1][6], page[-1][3]
