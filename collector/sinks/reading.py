"""The second reader of evidence: plain InfluxQL SELECT, through the same folds as the journal's rows.

What it reads of a box it keeps for a while, so that many questions of one box cost one look at it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from collector.sinks import beside
from collector.sinks.influx import Server
from collector.store import gateways
from collector.store.derived import intervals
from collector.store.derived.answers import Box, rollup
from collector.store.derived.days import DAY_MS, Day, day_of
from collector.store.derived.intervals import Interval, Past
from collector.store.derived.kept import HOUR_NS, MOST_ROWS
from collector.store.derived.looks import HOUR_MS, LATENCY, MS_NS, Told, hour_of
from collector.store.derived.rollups import Rollup, totals_of
from collector.store.gateways import PATIENCE_NS, Reach
from collector.store.outbox import DAY_NS
from collector.store.reads import Suspension
from firstbell.catalogue import METRICS, Reading
from firstbell.points import MEASUREMENTS, TAGS, Point, report_of
from firstbell.report import AHEAD_NS, ClockQuality, Stored

_MOST_KEPT = 50_000
"""So many rows are kept for whoever asks the same once more: some 45 MB."""
_WEEK = 7
_END = 1 << 62
_AHEAD_NS = 60 * 10**9
_FLOATS = {"duration_s", "clock_error_ms", *(m.name for m in METRICS.values() if m.kind == "float")}
_NEWEST_OF = (LATENCY, "power")
"""Of these judging asks for the newest word."""


def literal(text: str) -> str:
    """A text as InfluxQL writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class InfluxEvidence:
    """Evidence as a bucket holds it, of one district; for one thread. Every method may raise InfluxError.

    `facts_until` is what the bucket is known to hold: nothing that arrived later is told.
    """

    def __init__(self, server: Server, database: str, district: str, facts_until: int) -> None:
        self._server, self._database, self._district = server, database, district
        self._facts_until = facts_until
        self._rows: OrderedDict[tuple[str, str, int, int], list[Stored]] = OrderedDict()
        self._days: dict[str, list[Day]] = {}
        self._doubts: list[Suspension] | None = None

    def facts_until(self) -> int:
        """Up to which arrival the bucket holds everything."""
        return self._facts_until

    def points(self, measurement: str, agent: str, begin_ns: int = 0, end_ns: int = 1 << 62) -> list[Point]:
        """All points of a box in one measurement and time, as they stand there."""
        where = (
            f'"district" = {literal(self._district)} AND "agent" = {literal(agent)} '
            f"AND time >= {begin_ns} AND time < {end_ns}"
        )
        query = f'SELECT * FROM "{measurement}" WHERE {where}'  # noqa: S608 - InfluxQL, and texts are quoted
        return [_point(name, row) for name, _, row in self._server.query(self._database, query)]

    def agents(self) -> set[str]:
        """Every box that the bucket knows in this district."""
        query = f'SHOW TAG VALUES WITH KEY = "agent" WHERE "district" = {literal(self._district)}'
        return {
            row["value"] for name, _, row in self._server.query(self._database, query) if name in MEASUREMENTS
        }

    def counts(self, first: int, last: int) -> dict[tuple[str, int], int]:
        """How many reports of each box and day there are, by days' numbers since 1970 UTC."""
        found: dict[tuple[str, int], int] = {}
        for measurement in MEASUREMENTS:
            query = (
                f'SELECT count("seq") AS reports FROM "{measurement}" '  # noqa: S608
                f'WHERE "district" = {literal(self._district)} AND time >= {first * DAY_NS} '
                f'AND time < {(last + 1) * DAY_NS} AND "arrival" <= {self._facts_until} '
                f'GROUP BY "agent", time(1d) fill(none)'
            )
            for _, tags, row in self._server.query(self._database, query):
                key = tags["agent"], row["time"] // DAY_NS
                found[key] = found.get(key, 0) + row["reports"]
        return found

    def heard(self, as_of_ns: int) -> frozenset[str]:
        """The boxes of which something had come by then."""
        tables = ", ".join(f'"{name}"' for name in MEASUREMENTS)
        query = (
            f'SELECT min("received_ns") AS first FROM {tables} '  # noqa: S608
            f'WHERE "district" = {literal(self._district)} GROUP BY "agent"'
        )
        found = self._server.query(self._database, query)
        return frozenset(tags["agent"] for _, tags, row in found if row["first"] <= as_of_ns)

    def tests(
        self, boxes: Sequence[Box], probe: str, *, since_ns: int = 0, facts_until: int | None = None
    ) -> list[Stored]:
        """As `Reads.tests`."""
        known = self._facts_until if facts_until is None else min(facts_until, self._facts_until)
        return [
            row
            for agent, from_ns, until_ns in boxes
            for row in self._of(agent, probe, max(from_ns, since_ns), _END if until_ns is None else until_ns)
            if row.arrival <= known
        ]

    def _of(self, agent: str, probe: str, begin_ns: int, end_ns: int) -> list[Stored]:
        """The reports of a box and probe within that time, in order; kept for a while if they are few."""
        key = agent, probe, begin_ns, end_ns
        if key in self._rows:
            self._rows.move_to_end(key)
            return self._rows[key]
        rows = [report_of(point) for point in self.points(probe, agent, begin_ns, end_ns)]
        known = [row for row in rows if row.arrival <= self._facts_until]
        known.sort(key=lambda row: (row.report.at_ns, row.arrival))
        self._rows[key] = known
        while sum(map(len, self._rows.values())) > _MOST_KEPT and self._rows:
            self._rows.popitem(last=False)
        return known

    def latest(self, agent: str | None = None) -> list[Stored]:
        """The newest word of each target on latency and power, of one box or of all."""
        newest: dict[tuple[str, str, str], Stored] = {}
        for name in sorted(self.agents()) if agent is None else [agent]:
            for probe in _NEWEST_OF:
                for at_ns in self._last_of(name, probe):
                    # One whose clock runs a little ahead is not the newest until time has caught up with it.
                    rows = self._of(name, probe, at_ns - AHEAD_NS, at_ns + 1)
                    for row in sorted(rows, key=_recency):
                        known = newest.get((name, probe, row.report.target))
                        if known is None or _recency(known) <= _recency(row):
                            newest[name, probe, row.report.target] = row
        return list(newest.values())

    def _last_of(self, agent: str, probe: str) -> set[int]:
        """When each target of a box and probe was looked at last."""
        query = (
            f'SELECT last("seq") FROM "{probe}" WHERE "district" = {literal(self._district)} '  # noqa: S608
            f'AND "agent" = {literal(agent)} AND "arrival" <= {self._facts_until} GROUP BY "target"'
        )
        return {row["time"] for _, _, row in self._server.query(self._database, query)}

    def outages(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """As `Reads.outages`."""
        self._check(facts_until)
        return self._folded(
            boxes,
            since_ns,
            until_ns,
            lambda agent, days, since, until: intervals.outages(agent, days, _past(days), since, until),
        )

    def watched(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """As `Reads.watched`."""
        self._check(facts_until)
        return self._folded(boxes, since_ns, until_ns, intervals.watched)

    def online(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """As `Reads.online`."""
        self._check(facts_until)
        return self._folded(boxes, since_ns, until_ns, intervals.online)

    def _check(self, facts_until: int | None) -> None:
        if facts_until not in {None, self._facts_until}:
            raise ValueError("this reader tells what it knows at one moment alone")

    def _folded(
        self,
        boxes: Sequence[Box],
        since_ns: int,
        until_ns: int,
        fold: Callable[[str, Sequence[Day], int, int], list[Interval]],
    ) -> list[Interval]:
        found: list[Interval] = []
        for agent, from_ns, to_ns in boxes:
            since_ms = max(since_ns, from_ns) // MS_NS
            until_ms = min(until_ns, until_ns if to_ns is None else to_ns) // MS_NS
            if since_ms < until_ms:
                found += fold(agent, self._days_of(agent), since_ms, until_ms)
        return found

    def _days_of(self, agent: str) -> list[Day]:
        """The box's days as looks at the internet; made week by week, so that rows don't pile up."""
        if agent not in self._days:
            found: list[Day] = []
            first, last = self._span_of(agent)
            for week in range(first, last + 1, _WEEK):
                found += self._made(agent, week, min(week + _WEEK, last + 1))
            self._days[agent] = found
        return self._days[agent]

    def _span_of(self, agent: str) -> tuple[int, int]:
        """The first and the last day (since 1970) on which the box looked; of one that never did none."""
        where = f'"district" = {literal(self._district)} AND "agent" = {literal(agent)}'
        ends = []
        for how in ("first", "last"):
            query = f'SELECT {how}("seq") FROM "{LATENCY}" WHERE {where}'  # noqa: S608
            ends += [row["time"] // DAY_NS for _, _, row in self._server.query(self._database, query)]
        return (min(ends), max(ends)) if ends else (0, -1)

    def _made(self, agent: str, first: int, end: int) -> list[Day]:
        """The days from `first` until `end` (not included)."""
        hours = _by_hour(self._of(agent, LATENCY, first * DAY_NS, end * DAY_NS))
        days: dict[int, list[int]] = {}
        for hour in sorted(hours):
            days.setdefault(hour * HOUR_MS // DAY_MS, []).append(hour)
        return [
            day_of(day * DAY_MS, [hour_of(hour * HOUR_MS, 0, hours[hour]) for hour in numbers])
            for day, numbers in days.items()
        ]

    def rollups(
        self,
        boxes: Sequence[Box],
        probe: str,
        since_ns: int,
        until_ns: int,
        *,
        facts_until: int | None = None,
    ) -> list[Rollup]:
        """As `Reads.rollups`."""
        self._check(facts_until)
        found: list[Rollup] = []
        for agent, from_ns, to_ns in boxes:
            first = -(-max(since_ns, from_ns) // HOUR_NS)
            last = -(-(until_ns if to_ns is None else min(until_ns, to_ns)) // HOUR_NS) - 1
            hours = _by_hour(self._of(agent, probe, first * HOUR_NS, (last + 1) * HOUR_NS))
            for hour in sorted(hours):
                found += [
                    rollup(agent, probe, target, hour, sums)
                    for (_, target), sums in totals_of(hours[hour]).items()
                ]
        return found

    def gateway(self, address: str, since_ns: int, until_ns: int) -> list[Reach]:
        """As `Reads.gateway`."""
        query = (
            f'SELECT * FROM "{beside.GATEWAY}" WHERE "district" = {literal(self._district)} '  # noqa: S608
            f'AND "subject" = {literal(address)}'
        )
        stretches = beside.stretches_of([row for _, _, row in self._server.query(self._database, query)])
        begun = max((one.begin_ns for one in stretches if one.begin_ns <= since_ns), default=0)
        asked = [one[1:] for one in stretches if begun <= one.begin_ns < until_ns + PATIENCE_NS]
        return gateways.fold(address, asked, since_ns, until_ns)

    def suspensions(self) -> list[Suspension]:
        """As `Reads.suspensions`."""
        if self._doubts is None:
            query = f'SELECT * FROM "{beside.DOUBT}" WHERE "district" = {literal(self._district)}'  # noqa: S608
            self._doubts = beside.doubts_of([row for _, _, row in self._server.query(self._database, query)])
        return self._doubts


def _point(measurement: str, row: dict[str, Any]) -> Point:
    tags = {name: row[name] for name in TAGS if row.get(name)}
    fields: dict[str, Reading] = {
        name: float(value) if name in _FLOATS else value
        for name, value in row.items()
        if value is not None and name != "time" and name not in TAGS
    }
    return Point(measurement, tags, fields, row["time"])


def _recency(row: Stored) -> tuple[int, int]:
    """What makes a report newer than another: a clock that runs ahead does not."""
    return min(row.report.at_ns, row.received_ns + _AHEAD_NS), row.arrival


def _past(days: Sequence[Day]) -> Past:
    seen = (day.online_ms for day in days)
    return Past(next((at_ms for at_ms in seen if at_ms is not None), None), any(day.gateway for day in days))


def _by_hour(rows: Iterable[Stored]) -> dict[int, list[Told]]:
    """What counts of each hour (its number since 1970), in order of time."""
    hours: dict[int, list[Told]] = {}
    for row in rows:
        hours.setdefault(row.report.at_ns // HOUR_NS, [])
        told = _told(row)
        if told and len(hours[told.at_ns // HOUR_NS]) < MOST_ROWS:
            hours[told.at_ns // HOUR_NS].append(told)
    return {hour: told for hour, told in hours.items() if told}


def _told(row: Stored) -> Told | None:
    report = row.report
    if report.clock is ClockQuality.BOUNDED or report.at_ns > row.received_ns + AHEAD_NS:
        return None
    return Told(
        probe=report.probe,
        at_ns=report.at_ns,
        status=report.status,
        clock=report.clock,
        target=report.target,
        segment=report.segment,
        readings=report.readings,
    )
