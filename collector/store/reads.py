"""Questions to the journal, on connections that can't write. Safe to ask from any thread."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from collector.store import (
    figures,
    gaps,
    gateways,
    identities,
    leases,
    outbox,
    quarantine,
    quiets,
    restored,
    summers,
)
from collector.store.clones import place_of
from collector.store.connections import Still
from collector.store.derived import answers
from collector.store.derived.answers import Book, Fold
from collector.store.derived.deriver import cursor_of
from collector.store.derived.intervals import Interval
from collector.store.derived.rollups import Rollup
from collector.store.errors import told
from collector.store.gaps import EpochState
from collector.store.gateways import Reach
from collector.store.identities import Enrolment
from collector.store.journal import Journal
from collector.store.leases import Kept
from collector.store.ledger import arrivals
from collector.store.outbox import Shipped
from collector.store.quarantine import Quarantined, Totals
from collector.store.restored import Came, Restored
from firstbell.quiet import Order
from firstbell.report import Report, Stored
from firstbell.summer import Summer
from firstbell.wire import Range

Box = tuple[str, int, int | None]
"""A box, and from when until when (not included; None: until now) its tests are asked for, in ns."""

_TESTS = """
SELECT name, epoch, seq, arrival, received_ns, raw
FROM reports JOIN agents USING (agent_id) JOIN epochs USING (epoch_id)
WHERE name = ? AND probe = ? AND at_ns >= ? AND at_ns < ? AND arrival <= ? ORDER BY at_ns, arrival
"""
_NEWEST = """
SELECT name, epoch, seq, arrival, received_ns, raw
FROM reports JOIN agents USING (agent_id) JOIN epochs USING (epoch_id)
WHERE name = ? AND probe = ? AND at_ns >= ? AND at_ns < ? ORDER BY at_ns DESC, arrival DESC LIMIT ?
"""
_LATEST = """
SELECT name, epoch, seq, arrival, received_ns, raw
FROM latest JOIN reports USING (arrival) JOIN agents ON agents.agent_id = latest.agent_id
JOIN epochs USING (epoch_id)
"""
_IN_ORDER = "ORDER BY name, latest.probe, latest.target"
_LATEST_OF_ALL = f"{_LATEST} {_IN_ORDER}"
# Not "? IS NULL OR name = ?": for that SQLite looks through what all boxes said last, for each of them.
_LATEST_OF_ONE = f"{_LATEST} WHERE latest.agent_id = (SELECT agent_id FROM agents WHERE name = ?) {_IN_ORDER}"  # noqa: S608 - ours
_SUSPENSIONS = """
SELECT name, pair.epoch, other, why, since_ns, since_arrival, decided_ns, decided_arrival, note, (
    SELECT CASE count(*) WHEN 2 THEN min(at_ns) END FROM epochs JOIN reports USING (epoch_id)
    WHERE epochs.agent_id = pair.agent_id AND epochs.epoch IN (pair.epoch, other)
    AND ended IS NOT NULL AND seq = 1 AND probe = 'box')
FROM suspensions AS pair JOIN agents USING (agent_id) ORDER BY suspension_id DESC
"""
_END_OF_TIME = (1 << 63) - 1
_REPORTS = msgspec.json.Decoder(Report)


class BoxState(NamedTuple):
    """One box as the journal knows it. `suspended` says why nothing of it is evidence; else empty.

    `starts` counts its epochs; `refused`, `lost` and `missing` are reports, as in `EpochState`.
    """

    agent: str
    first_ns: int
    last_ns: int
    reports: int
    suspended: str
    starts: int
    refused: int
    lost: int
    missing: int


class Suspension(NamedTuple):
    """Two epochs of one name that can't be of one box.

    What was received from `since_ns` until `decided_ns` (None: nobody has decided) is no evidence;
    the arrivals are the journal's numbers at the same two moments. `begin_ns` is when the earlier of the two
    starts was; None if one of them did not say when it was.
    """

    agent: str
    epoch: str
    other: str
    why: str
    since_ns: int
    since_arrival: int
    decided_ns: int | None
    decided_arrival: int | None
    note: str | None
    begin_ns: int | None


class LossTold(NamedTuple):
    """Reports that a box owned up to have lost (kind `lost`), or that were refused here (`refused`)."""

    agent: str
    epoch: str
    kind: str
    first: int
    last: int
    reason: str
    told_ns: int


class Counts(NamedTuple):
    """The journal in figures. `underived` reports are in no hour yet: asked for, their rows are read."""

    boxes: int
    suspended: int
    reports: int
    missing: int
    lost: int
    quarantine: Totals
    underived: int


class HighWater(NamedTuple):
    """How far the journal is. Where two differ in `arrival` alone, looks went on and saw nothing new.

    `arrival` is the newest report. The others follow it in a second or two: `tests` is the newest heavy
    report, `line` the newest report when an outage or a silence of any box last began, ended, or turned out
    to be another one. `suspensions` rises with each that is found or decided, `gateways` with each that
    answers or falls silent.
    """

    arrival: int
    tests: int
    line: int
    suspensions: int
    gateways: int


class Reads:
    """A pool of read-only connections and the questions that go over them. All raise UnreadableError."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._idle: list[sqlite3.Connection] = []

    def close(self) -> None:
        """Close the connections that nobody uses just now."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with told("the journal can't be read"):
            try:
                db = self._idle.pop()  # atomic: two threads never get the same one
            except IndexError:
                db = self._journal.reader()
            try:
                # One snapshot a question, so that what it adds up fits together.
                db.execute("BEGIN")
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.close()
                raise
        if isinstance(db, Still):
            db.close()
        else:
            self._idle.append(db)

    def tests(
        self, boxes: Sequence[Box], probe: str, *, since_ns: int = 0, facts_until: int | None = None
    ) -> list[Stored]:
        """The reports of `probe` by these boxes, each within its own dates and none before `since_ns`.

        Ordered by box as asked, then by time of measurement. With `facts_until`, nothing that arrived
        later. Suspended boxes are among them: leaving them out, and saying so, is the asker's part.
        """
        found: list[Stored] = []
        with self._connection() as db:
            newest = arrivals(db) if facts_until is None else facts_until
            for agent, from_ns, until_ns in boxes:
                until = _END_OF_TIME if until_ns is None else until_ns
                rows = db.execute(_TESTS, (agent, probe, max(from_ns, since_ns), until, newest))
                found += [_stored(row) for row in rows]
        return found

    def newest(self, boxes: Sequence[Box], probe: str, most: int) -> list[Stored]:
        """Of each box the `most` newest reports of `probe` within its dates, by box as asked, newest first.

        What lies before them is not read, so it costs the same however long the time is.
        """
        with self._connection() as db:
            return [
                _stored(row)
                for agent, from_ns, until_ns in boxes
                for row in db.execute(
                    _NEWEST, (agent, probe, from_ns, _END_OF_TIME if until_ns is None else until_ns, most)
                )
            ]

    def raw(self, arrivals_of: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The exact bytes in which reports came, by their arrival numbers, in that order."""
        with self._connection() as db:
            for arrival in arrivals_of:
                row = db.execute("SELECT raw FROM reports WHERE arrival = ?", (arrival,)).fetchone()
                if row:
                    yield arrival, row[0]

    # outages, silences, watched, online and rollups answer from what was derived while writing, and from rows
    # where that is behind or knows too much. With `facts_until` an answer is the one that was given when that
    # report was the newest, however much of that time has arrived since then. Suspended boxes are among
    # them, as in `tests`.

    def outages(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """When each box, within its own dates, found its line or its site down (kinds of `Interval`).

        Cut to `since_ns` until `until_ns` (not included), by box as asked, then by time.
        """
        return self._intervals(boxes, since_ns, until_ns, facts_until, answers.outages)

    def silences(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """When nothing of each box is here after its first report; a backlog that comes later fills it.

        `until_ns` must not lie in the future: what nobody could have heard yet would be silence.
        """
        return self._intervals(boxes, since_ns, until_ns, facts_until, answers.silences)

    def watched(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """When each box looked at the internet: of all other time its outages say nothing."""
        return self._intervals(boxes, since_ns, until_ns, facts_until, answers.watched)

    def online(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """When each box saw the internet, from look to look: what others say of that time it may disprove."""
        return self._intervals(boxes, since_ns, until_ns, facts_until, answers.online)

    def rollups(
        self,
        boxes: Sequence[Box],
        probe: str,
        since_ns: int,
        until_ns: int,
        *,
        facts_until: int | None = None,
    ) -> list[Rollup]:
        """The hours of a cheap probe that begin within that time: counts, least, most and sums of numbers.

        By box as asked, then by hour and target. Quantiles need rows (`tests`): what they would need is not
        kept here.
        """
        with self._connection() as db:
            book = Book(db, facts_until)
            return [
                rollup
                for agent, from_ns, to_ns in boxes
                for rollup in book.rollups(
                    agent, probe, max(since_ns, from_ns), until_ns if to_ns is None else min(until_ns, to_ns)
                )
            ]

    def sums(self, boxes: Sequence[Box], probe: str) -> list[Rollup]:
        """The hours of any probe, cheap or not, that begin within each box's time: by box, then by hour.

        `boxes` must have ends. Those of a heavy probe are made from its rows, which are few.
        """
        with self._connection() as db:
            book = Book(db, None)
            return [
                rollup
                for agent, from_ns, until_ns in boxes
                for rollup in book.sums(agent, probe, from_ns, until_ns or from_ns)
            ]

    def gateway(self, address: str, since_ns: int, until_ns: int) -> list[Reach]:
        """When a school's gateway (`School.gateway`) answered the collector's own tries, and when it didn't.

        In the time between these nobody tried. Tries are taken down as they are made and nothing comes late:
        what is more than three minutes old stays as it was said.
        """
        with self._connection() as db:
            return gateways.spans(db, address, since_ns, until_ns)

    def _intervals(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, facts_until: int | None, fold: Fold
    ) -> list[Interval]:
        with self._connection() as db:
            book = Book(db, facts_until, "line" if fold is answers.silences else "heard")
            return answers.ask(book, boxes, since_ns, until_ns, fold)

    def latest(self, agent: str | None = None) -> list[Stored]:
        """The newest measurement of each probe and target, of one box or of all."""
        with self._connection() as db:
            rows = db.execute(_LATEST_OF_ALL) if agent is None else db.execute(_LATEST_OF_ONE, (agent,))
            return [_stored(row) for row in rows]

    def high_water(self) -> HighWater:
        """What answers depend on, in numbers that only rise: while they are the same, so is an answer."""
        with self._connection() as db:
            tests, line = db.execute("SELECT tests, line FROM derivation").fetchone()
            decided = db.execute("SELECT count(*), count(decided_ns) FROM suspensions").fetchone()
            tried = db.execute("SELECT coalesce(max(gateway_id), 0) FROM gateways").fetchone()[0]
            return HighWater(arrivals(db), tests, line, sum(decided), tried)

    def facts_until(self) -> int:
        """The arrival number of the newest report: what an answer given now knows."""
        with self._connection() as db:
            return arrivals(db)

    def heard(self, as_of_ns: int) -> frozenset[str]:
        """The boxes of which something had come by then."""
        with self._connection() as db:
            rows = db.execute("SELECT name FROM agents WHERE first_ns <= ?", (as_of_ns,))
            return frozenset(row[0] for row in rows)

    def tries(self, since_ns: int) -> list[gateways.Stretch]:
        """Every stretch of every gateway that the collector tried, of which a try was made since then."""
        with self._connection() as db:
            return gateways.since(db, since_ns)

    def boxes(self) -> list[BoxState]:
        """Every box that ever reported, by name."""
        with self._connection() as db:
            rows = db.execute(
                "SELECT name, first_ns, last_ns, held, coalesce(("
                "  SELECT why FROM suspensions WHERE suspensions.agent_id = agents.agent_id "
                "  AND decided_ns IS NULL LIMIT 1), ''), starts, refused, lost, missing "
                "FROM agents JOIN box_figures USING (agent_id) ORDER BY name"
            )
            return [BoxState(*row) for row in rows]

    def suspensions(self) -> list[Suspension]:
        """Every time that two boxes had one name, decided or not, the newest first."""
        with self._connection() as db:
            return [Suspension(*row) for row in db.execute(_SUSPENSIONS)]

    def epochs(self, agent: str) -> list[EpochState]:
        """All starts of a box with what is held, refused, lost and missing of each."""
        with self._connection() as db:
            return gaps.epochs_of(db, agent)

    def missing(self, agent: str, epoch: str) -> list[Range]:
        """The exact numbers that are missing of one start; none if it was never heard of."""
        with self._connection() as db:
            place = place_of(db, agent, epoch)
            return gaps.missing(db, place.epoch_id) if place else []

    def absences(self, agent: str) -> list[LossTold]:
        """What a box lost by its own word, and what was refused of it."""
        with self._connection() as db:
            rows = db.execute(
                "SELECT name, epoch, kind, first, last, reason, told_ns FROM absences "
                "JOIN epochs USING (epoch_id) JOIN agents USING (agent_id) WHERE name = ? "
                "ORDER BY told_ns, epoch_id, first",
                (agent,),
            )
            return [LossTold(*row) for row in rows]

    def quarantined(self, most: int = 100) -> list[Quarantined]:
        """What was set aside last, the newest first."""
        with self._connection() as db:
            return quarantine.newest(db, most)

    def returned(self, *, counted: bool = True) -> tuple[Restored, list[Came]] | None:
        """That the journal was restored, and what came of each box since; None where it never was."""
        with self._connection() as db:
            found = restored.state(db)
            return (found, restored.came(db, found, counted=counted)) if found else None

    def district(self, digest: str) -> dict[str, str] | None:
        """The district folder of that digest, file name to text; None if it was never loaded."""
        with self._connection() as db:
            row = db.execute("SELECT contents FROM districts WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            return None
        contents: dict[str, str] = json.loads(row[0])
        return contents

    def leases(self, since_ns: int, until_ns: int) -> list[Kept]:
        """Every lease that the coordinator granted within that time, in order."""
        with self._connection() as db:
            return leases.within(db, since_ns, until_ns)

    def quiet_times(self, at_ns: int) -> list[Order]:
        """The quiet times that somebody ordered and that hold at that moment, or are to come."""
        with self._connection() as db:
            return quiets.standing(db, at_ns)

    def shut_out(self) -> frozenset[str]:
        """The boxes that somebody shut out, of which nothing is taken."""
        with self._connection() as db:
            return identities.shut_out(db)

    def enrolments(self) -> list[Enrolment]:
        """The cards that are worth something, or were, in the order in which they were made."""
        with self._connection() as db:
            return identities.enrolments(db)

    def summers(self) -> list[Summer]:
        """Every summer that somebody began, over or not, in order."""
        with self._connection() as db:
            return summers.every(db)

    def shipped(self) -> Shipped | None:
        """How far InfluxDB is with the reports; None before anything was tried."""
        with self._connection() as db:
            return outbox.state_of(db, outbox.INFLUX)

    def counts(self) -> Counts:
        """The journal in figures. Costs nothing that grows with the number of reports or of starts."""
        with self._connection() as db:
            boxes = db.execute("SELECT count(*) FROM agents").fetchone()[0]
            sums = figures.of_all(db)
            suspended = db.execute(
                "SELECT count(DISTINCT agent_id) FROM suspensions WHERE decided_ns IS NULL"
            ).fetchone()[0]
            underived = arrivals(db) - cursor_of(db)
            aside = quarantine.totals(db)
            return Counts(boxes, suspended, sums.held, sums.missing, sums.lost, aside, underived)


def _stored(row: tuple[str, str, int, int, int, bytes]) -> Stored:
    return Stored(*row[:5], _REPORTS.decode(row[5]))
