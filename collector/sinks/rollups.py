"""Hourly and daily sums of every box, in a bucket of their own that keeps them for years.

What was measured in an hour is summed up anew whenever something of it arrives, so that it never matters in
which order reports came. Days (of UTC) are made from their hours. No quantiles: those need rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from collector.sinks import influx, pieces
from collector.sinks.influx import Server
from collector.sinks.standing import Bucket, Source, Standing
from collector.store.derived.kept import HOUR_NS, HOURS_A_DAY
from collector.store.derived.rollups import Rollup, Sums
from collector.store.outbox import DAY_NS, Days, Shipped
from collector.store.reads import Box
from firstbell import copies
from firstbell.catalogue import METRICS, OF_PEOPLE, PROBES, Reading
from firstbell.points import MOST_NAMES, OTHER, Key, Placer, Point
from firstbell.report import Status

WINDOW = 1_000_000
"""So many arrivals are looked at in one step: more than ten thousand boxes bring between two turns.

A box's hour and its day are made whole in each step that touches them: in small steps those of all boxes
would be made again and again, for a few reports each.
"""
BOXES_AT_ONCE = 500
"""Days of boxes that are in memory at once."""
DAYS_AT_ONCE = 7
_NUMBERS = ("float", "int")
MEASUREMENTS = tuple(name for name, _ in copies.rollups())
_HOUR, _DAY = copies.SPANS


Span = tuple[str, int, str]
"""A box, when an hour or a day of it begins (ns since 1970 UTC), and the target as it is shown."""


@dataclass
class _Sum:
    """What was measured of one target in an hour or a day, as hours come in."""

    statuses: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, Sums] = field(default_factory=dict)

    def add(self, hour: Rollup) -> None:
        for status, count in hour.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count
        for name, sums in hour.metrics.items():
            self.metrics[name] = _together(self.metrics[name], sums) if name in self.metrics else sums


def _together(one: Sums, other: Sums) -> Sums:
    return Sums(
        one.count + other.count,
        min(one.least, other.least),
        max(one.most, other.most),
        one.total + other.total,
    )


class Roller:
    """Brings the bucket of hours and days up to date with the journal. For one thread."""

    def __init__(
        self,
        source: Source,
        server: Server,
        bucket: Bucket,
        *,
        names: Callable[[], Mapping[str, set[Key]]] = dict,
        hourly_days: int = 0,
        window: int = WINDOW,
    ) -> None:
        self._standing = Standing(source, server, bucket, MEASUREMENTS)
        self._outbox, self._reads, self._server, self._bucket = source.outbox, source.reads, server, bucket
        self._folder_now, self._clock = source.folder_now, source.clock
        self._hourly_days, self._window = hourly_days, window
        self._names = names
        self._forgot_on = 0

    def catch_up(self) -> Shipped:
        """Sum up all that is there now, and say how far it is. Raises InfluxError or UnreadableError.

        What comes meanwhile has to wait for the next turn: of many boxes there is always something.
        """
        placed = self._folder_now()
        state = self._standing.begun(placed)
        placer = placed.placer()
        while days := self._outbox.next_days(DAYS_AT_ONCE):
            self._again(days, placer)
        arrival, goal = state.arrival, self._outbox.newest()
        while arrival < goal and (touched := self._outbox.touched(arrival, self._window)):
            written = self._write(self._points(touched.by_box, placer))
            self._standing.note(touched.goal, after=arrival, shipped=written)
            arrival = touched.goal
        self._forget()
        return self._standing.state()

    def _again(self, days: Days, placer: Placer) -> None:
        self._standing.take_away(days, placer.name)
        agents = [days.agent] if days.agent else self._outbox.agents()
        hours = range(days.first * HOURS_A_DAY, (days.last + 1) * HOURS_A_DAY)
        for agent in agents:
            self._write(self._points({agent: set(hours)}, placer))
        self._standing.note(0, done=days)

    def _forget(self) -> None:
        """Once a day: delete hours beyond their time. Days stay as long as the bucket keeps points."""
        today = self._clock.now_ns() // DAY_NS
        if self._hourly_days and today != self._forgot_on:
            district = self._folder_now().placed_as
            for probe in PROBES:
                tags = {"_measurement": copies.rollup(probe, _HOUR), "district": district}
                self._server.delete(self._bucket.store, 0, (today - self._hourly_days) * DAY_NS, tags)
            self._forgot_on = today

    def _points(self, touched: Mapping[str, set[int]], placer: Placer) -> Iterator[Point]:
        """The points of these hours of boxes (their numbers since 1970 UTC), and of their days."""
        days = {(agent, hour // HOURS_A_DAY) for agent, hours in touched.items() for hour in hours}
        boxes: list[Box] = [(agent, day * DAY_NS, (day + 1) * DAY_NS) for agent, day in sorted(days)]
        names = self._names()
        for some in influx.in_parts(boxes, BOXES_AT_ONCE):
            for probe in PROBES:
                yield from self._of_probe(probe, some, touched, names, placer)

    def _of_probe(
        self,
        probe: str,
        boxes: Sequence[Box],
        touched: Mapping[str, set[int]],
        names: Mapping[str, set[Key]],
        placer: Placer,
    ) -> Iterator[Point]:
        hours: dict[Span, _Sum] = {}
        whole: dict[Span, _Sum] = {}
        for hour in self._reads.sums(boxes, probe):
            shown = _shown(hour, names)
            if hour.hour_ns // HOUR_NS in touched[hour.agent] and self._keeps(hour.hour_ns):
                hours.setdefault((hour.agent, hour.hour_ns, shown), _Sum()).add(hour)
            day_ns = hour.hour_ns - hour.hour_ns % DAY_NS
            whole.setdefault((hour.agent, day_ns, shown), _Sum()).add(hour)
        for span, found, length_ns in ((_HOUR, hours, HOUR_NS), (_DAY, whole, DAY_NS)):
            for of, sums in found.items():
                yield _point(copies.rollup(probe, span), of, sums, placer, length_ns)

    def _keeps(self, hour_ns: int) -> bool:
        return not self._hourly_days or hour_ns >= self._clock.now_ns() - self._hourly_days * DAY_NS

    def _write(self, points: Iterable[Point]) -> int:
        now_ns = self._clock.now_ns()
        good = influx.good_line(self._folder_now().placer().name, now_ns)
        return pieces.put(self._server, self._bucket, points, good, now_ns)


def _shown(hour: Rollup, names: Mapping[str, set[Key]]) -> str:
    """The target, or the one name of all those beyond what a box may bring up (`firstbell.points.Names`)."""
    known = names.get(hour.agent, set())
    taken = len(known) < MOST_NAMES or any(key[:2] == (hour.probe, hour.target) for key in known)
    return hour.target if taken else OTHER


def _point(measurement: str, of: Span, sums: _Sum, placer: Placer, length_ns: int) -> Point:
    """An hour or a day as a point; it belongs where the box stood in the middle of it."""
    agent, begin_ns, target = of
    placed = placer.tags(agent, begin_ns + length_ns // 2)
    tags = {name: value for name, value in placed.items() if name in copies.ROLLUP_TAGS}
    if target:
        tags["target"] = target
    fields: dict[str, Reading] = {f"count_{status}": sums.statuses.get(status, 0) for status in Status}
    threshold = placer.district.settings.thresholds.count
    for name, each in sums.metrics.items():
        known = METRICS.get(name)
        hidden = name in OF_PEOPLE and each.least < threshold
        if known and known.kind in _NUMBERS and not hidden:
            fields |= {
                f"mean_{name}": each.mean,
                f"min_{name}": float(each.least),
                f"max_{name}": float(each.most),
                f"count_{name}": each.count,
            }
    return Point(measurement, tags, fields, begin_ns)
