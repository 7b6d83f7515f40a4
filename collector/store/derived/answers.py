"""What is asked of hours, days and roll-ups, with everything in it that is in the journal at that moment.

What was derived is used where it holds just the reports that the question may know; the hours in which a
report came since then, or came after the question's `facts_until`, are made from their rows once more. So
an answer never depends on how far the derivation is.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from heapq import merge

from collector.store.derived import intervals, kept
from collector.store.derived.days import DAY_MS, Day
from collector.store.derived.intervals import Interval, Past
from collector.store.derived.kept import EVERYTHING, HOUR_NS, HOURS_A_DAY, DayRow
from collector.store.derived.looks import CHEAP, MS_NS, Hour, Told
from collector.store.derived.rollups import Key, Rollup, Totals, totals

Box = tuple[str, int, int | None]
Fold = Callable[[str, Sequence[Day], Past, int, int], list[Interval]]

_PAST = "SELECT day, arrival, online_ms, gateway FROM days WHERE agent_id = ? ORDER BY day"
_NO_RUNS = "x'90'"
"""An empty list as it lies in the journal: runs that a question does not ask for need no decoding."""
_NO_PAST = Past(None, gateway=False)
_MOST_MS = EVERYTHING // MS_NS


class Book:
    """The derived days of boxes as they stand with all facts up to `facts_until` (None: all there are).

    `without` names the runs that nobody asks for, `heard` or `line`.
    """

    def __init__(self, db: sqlite3.Connection, facts_until: int | None, without: str = "") -> None:
        self._db = db
        columns = ", ".join(_NO_RUNS if name == without else name for name in kept.DAY_COLUMNS.split(", "))
        self._days = f"SELECT {columns} FROM days WHERE agent_id = ?"  # noqa: S608 - our own words
        self._facts_until = EVERYTHING if facts_until is None else facts_until
        self._fresh: dict[int, set[int]] = {}
        fresh = db.execute(
            f"SELECT DISTINCT agent_id, at_ns / {HOUR_NS} FROM reports "  # noqa: S608 - a number
            "WHERE arrival > (SELECT arrival FROM derivation) AND arrival <= ?",
            (self._facts_until,),
        )
        for agent_id, hour in fresh:
            self._fresh.setdefault(agent_id, set()).add(hour)

    def agent_id(self, agent: str) -> int | None:
        """The journal's number for a box; None if it was never heard of."""
        row = self._db.execute("SELECT agent_id FROM agents WHERE name = ?", (agent,)).fetchone()
        return None if row is None else int(row[0])

    def days(self, agent_id: int, since_ms: int, until_ms: int) -> list[Day]:
        """The days from `since_ms` to `until_ms`, the last one before them and the first one after them."""
        first, last = since_ms // DAY_MS, until_ms // DAY_MS
        rows = self._db.execute(f"{self._days} AND day BETWEEN ? AND ?", (agent_id, first, last)).fetchall()
        stored: dict[int, DayRow] = {row[0]: row for row in rows}
        fresh = {hour // HOURS_A_DAY for hour in self._fresh.get(agent_id, ())}
        numbers = sorted(stored.keys() | {number for number in fresh if first <= number <= last})
        within = [day for number in numbers if (day := self._day(agent_id, number, stored.get(number)))]
        before = next(self._outwards(agent_id, first, fresh, -1), None)
        after = next(self._outwards(agent_id, last, fresh, 1), None)
        return [day for day in (before, *within, after) if day]

    def past(self, agent_id: int) -> Past:
        """What the box's whole past says."""
        online_ms, answered = None, False
        # Row by row and no further than needed: most boxes tell both on their first day.
        for online, gateway in self._beginnings(agent_id):
            online_ms = online if online_ms is None else online_ms
            answered = answered or gateway
            if answered and online_ms is not None:
                break
        return Past(online_ms, answered)

    def _beginnings(self, agent_id: int) -> Iterator[tuple[int | None, bool]]:
        """Of each day in order when it first saw the internet, and whether its gateway answered."""
        fresh = {hour // HOURS_A_DAY for hour in self._fresh.get(agent_id, ())}
        anew = ((number, EVERYTHING, None, 0) for number in sorted(fresh))
        for number, arrival, online_ms, gateway in merge(self._db.execute(_PAST, (agent_id,)), anew):
            if number not in fresh and arrival <= self._facts_until:
                yield online_ms, bool(gateway)
                continue
            row = self._db.execute(f"{self._days} AND day = ?", (agent_id, number)).fetchone()
            if day := self._day(agent_id, number, row):
                yield day.online_ms, day.gateway

    def rollups(self, agent: str, probe: str, since_ns: int, until_ns: int) -> list[Rollup]:
        """A box's roll-ups of a probe, of the hours that begin in that time, by hour and target."""
        agent_id = self.agent_id(agent)
        if agent_id is None:
            return []
        first, last = -(-since_ns // HOUR_NS), -(-until_ns // HOUR_NS) - 1
        found: dict[tuple[int, str], Totals] = {
            (hour, target): kept.TOTALS.decode(packed)
            for hour, target, packed in self._db.execute(
                "SELECT hour, target, totals FROM rollups "
                "WHERE agent_id = ? AND probe = ? AND hour BETWEEN ? AND ?",
                (agent_id, probe, first, last),
            )
        }
        for hour in self._stale_hours(agent_id, first, last):
            found = {key: one for key, one in found.items() if key[0] != hour}
            made = kept.make(self._db, agent_id, hour, self._facts_until)
            anew: dict[Key, Totals] = made.rollups if made else {}
            found |= {(hour, key[1]): one for key, one in anew.items() if key[0] == probe}
        return [
            rollup(agent, probe, target, hour, made)
            for (hour, target), made in sorted(found.items(), key=lambda item: item[0])
        ]

    def sums(self, agent: str, probe: str, since_ns: int, until_ns: int) -> list[Rollup]:
        """The same of any probe: those of a heavy one are made from its rows."""
        if probe in CHEAP:
            return self.rollups(agent, probe, since_ns, until_ns)
        agent_id = self.agent_id(agent)
        if agent_id is None:
            return []
        hours: dict[tuple[int, str], list[Told]] = {}
        for row in kept.rows_of(self._db, agent_id, probe, since_ns, until_ns):
            hours.setdefault((row.at_ns // HOUR_NS, row.target), []).append(row)
        return [
            rollup(agent, probe, target, hour, totals(rows)) for (hour, target), rows in sorted(hours.items())
        ]

    def _outwards(self, agent_id: int, number: int, fresh: set[int], step: int) -> Iterator[Day]:
        """The days before (`step` -1) or after (1) a day, the nearest first."""
        while True:
            if step > 0:
                sql = f"{self._days} AND day > ? ORDER BY day LIMIT 1"
            else:
                sql = f"{self._days} AND day < ? ORDER BY day DESC LIMIT 1"
            row: DayRow | None = self._db.execute(sql, (agent_id, number)).fetchone()
            near = [each for each in fresh if (each - number) * step > 0]
            candidates = [*near, row[0]] if row else near
            if not candidates:
                return
            number = min(candidates, key=lambda each: each * step)
            if day := self._day(agent_id, number, row if row and row[0] == number else None):
                yield day

    def _day(self, agent_id: int, number: int, row: DayRow | None) -> Day | None:
        stale = self._stale_hours(agent_id, number * HOURS_A_DAY, (number + 1) * HOURS_A_DAY - 1, row)
        if not stale:
            return kept.day(row) if row else None
        known: dict[int, Hour] = kept.hours(self._db, agent_id, number)
        for hour in stale:
            known.pop(hour, None)
            if made := kept.make(self._db, agent_id, hour, self._facts_until):
                known[hour] = made.hour
        return kept.made_day(number, known.values()) if known else None

    def _stale_hours(self, agent_id: int, first: int, last: int, day: DayRow | None = None) -> list[int]:
        """The hours whose derived form holds less, or more, than the question may know."""
        stale = {hour for hour in self._fresh.get(agent_id, ()) if first <= hour <= last}
        if self._facts_until != EVERYTHING and (day is None or day[1] > self._facts_until):
            late = self._db.execute(
                "SELECT hour FROM hours WHERE agent_id = ? AND hour BETWEEN ? AND ? AND arrival > ?",
                (agent_id, first, last, self._facts_until),
            )
            stale |= {row[0] for row in late}
        return sorted(stale)


def rollup(agent: str, probe: str, target: str, hour: int, made: Totals) -> Rollup:
    """Sums with their key: the hour by its number since 1970 UTC."""
    return Rollup(
        agent=agent,
        probe=probe,
        target=target,
        hour_ns=hour * HOUR_NS,
        statuses=made.statuses,
        metrics=made.metrics,
    )


def ask(book: Book, boxes: Sequence[Box], since_ns: int, until_ns: int, fold: Fold) -> list[Interval]:
    """The intervals of each box within its own dates and within the question's, by box as asked."""
    found: list[Interval] = []
    for agent, from_ns, to_ns in boxes:
        since_ms = max(since_ns, from_ns) // MS_NS
        until_ms = min(until_ns, until_ns if to_ns is None else to_ns) // MS_NS
        agent_id = book.agent_id(agent)
        if agent_id is None or since_ms >= until_ms:
            continue
        until_ms = min(until_ms, _MOST_MS)
        past = book.past(agent_id) if fold is outages else _NO_PAST
        found += fold(agent, book.days(agent_id, since_ms, until_ms), past, since_ms, until_ms)
    return found


def outages(agent: str, days: Sequence[Day], past: Past, since_ms: int, until_ms: int) -> list[Interval]:
    """When the box's line or site was down."""
    return intervals.outages(agent, days, past, since_ms, until_ms)


def silences(agent: str, days: Sequence[Day], _past: Past, since_ms: int, until_ms: int) -> list[Interval]:
    """When the box was silent."""
    return intervals.silences(agent, days, since_ms, until_ms)


def watched(agent: str, days: Sequence[Day], _past: Past, since_ms: int, until_ms: int) -> list[Interval]:
    """When the box watched its line."""
    return intervals.watched(agent, days, since_ms, until_ms)


def online(agent: str, days: Sequence[Day], _past: Past, since_ms: int, until_ms: int) -> list[Interval]:
    """When the box saw the internet."""
    return intervals.online(agent, days, since_ms, until_ms)
