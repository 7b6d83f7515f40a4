"""What happens in a town at any moment: who loads which line, what is free on it, what the air is like.

Nothing here knows of boxes' reports. All of it follows from the town and its seed: asked twice, it answers
the same, in any order. Traffic changes by the quarter of an hour.
"""

import random
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.demo.town import MINUTE_NS, NS, Bells, Line, Outage, Site, Town

QUARTER_NS = 15 * MINUTE_NS
QUARTERS = 100
"""At least those of a local day: one of 25 hours has a hundred."""
LEAST_SHARE = 0.04
"""What one more download still wins on a full line: flows share it, none is shut out."""
_WEEKEND = 5
_NIGHT, _QUIET, _AROUND, _BREAK = 0.004, 0.012, 0.12, 0.45
"""Use of the line as a share of a full class hour's."""


class Load(NamedTuple):
    """What a line carries at a moment beside any test, down and up, in Mbit/s."""

    down_mbps: float
    up_mbps: float


class Physics:
    """A town's physics."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self._zone = ZoneInfo(town.tz)
        self._lines = {line.id: line for line in town.lines}
        self._sites = {site.id: site for site in town.sites}
        self._paths = {line.id: self._path(line) for line in town.lines}
        self._flows: dict[int, dict[str, float]] = {}
        self._dice: dict[tuple[str, date], list[float]] = {}
        self._outages: dict[tuple[str, str], list[Outage]] = {}
        for outage in town.outages:
            self._outages.setdefault((outage.kind, outage.where), []).append(outage)

    # --- time ---

    def local(self, at_ns: int) -> datetime:
        """The town's local time."""
        return datetime.fromtimestamp(at_ns // NS, self._zone)

    def day_begins(self, day: date) -> int:
        """Local midnight."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) * NS

    @cached_property
    def days(self) -> list[date]:
        """Every day from the first school day to the last, weekends too."""
        first, last = self.town.days[0], self.town.days[-1]
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def is_school_day(self, day: date) -> bool:
        """Whether there is school."""
        return day.weekday() < _WEEKEND and day not in self.town.closed

    def fullness(self, bells: Bells, at_ns: int) -> float:
        """How much of a class hour's life there is in a school, from next to none at night to 1."""
        now = self.local(at_ns)
        clock = now.time()
        if not self.is_school_day(now.date()) or not 5 <= now.hour < 21:  # noqa: PLR2004
            return _QUIET if 8 <= now.hour < 22 else _NIGHT  # noqa: PLR2004
        if any(begin <= clock < end for begin, end in bells.periods):
            return 1.0
        if bells.first <= clock < bells.last:
            return _BREAK
        minutes = clock.hour * 60 + clock.minute
        near = min(abs(minutes - edge.hour * 60 - edge.minute) for edge in (bells.first, bells.last))
        return _AROUND if near <= 90 else _QUIET  # noqa: PLR2004

    # --- lines ---

    def path(self, line: str) -> tuple[Line, ...]:
        """The line and those that it goes on through, up to the internet."""
        return self._paths[line]

    def is_up(self, line: str, at_ns: int) -> bool:
        """Whether the internet can be reached through the line."""
        return not any(self._away("line", one.id, at_ns) for one in self._paths[line])

    def away(self, line: str, at_ns: int) -> bool:
        """Whether this line itself carries nothing."""
        return self._away("line", line, at_ns)

    def has_power(self, school: str, at_ns: int) -> bool:
        """Whether the school has power."""
        return not self._away("power", school, at_ns)

    def has_air(self, school: str, room: str, at_ns: int) -> bool:
        """Whether the room's access point can be heard."""
        return not self._away("room", f"{school}/{room}", at_ns)

    def load(self, line: str, at_ns: int) -> Load:
        """What the line carries beside any test."""
        down = self._flow(at_ns // QUARTER_NS)[line]
        return Load(down, down * 0.18)

    def free(self, line: str, at_ns: int) -> Load:
        """What one test gets through the line and all that it goes on through; 0 while one is away."""
        if not self.is_up(line, at_ns):
            return Load(0.0, 0.0)
        ways = [(one.carries_mbps, self.load(one.id, at_ns)) for one in self._paths[line]]
        return Load(
            min(max(carries - load.down_mbps, carries * LEAST_SHARE) for carries, load in ways),
            min(max(carries - load.up_mbps, carries * LEAST_SHARE) for carries, load in ways),
        )

    def free_within(self, line: str, at_ns: int) -> Load:
        """The same on the way to the district's own server: not through the line that leads out of it."""
        within = [one for one in self._paths[line] if one.parent]
        if any(self._away("line", one.id, at_ns) for one in within):
            return Load(0.0, 0.0)
        ways = [(one.carries_mbps, self.load(one.id, at_ns)) for one in within]
        return Load(
            min(max(carries - load.down_mbps, carries * LEAST_SHARE) for carries, load in ways),
            min(max(carries - load.up_mbps, carries * LEAST_SHARE) for carries, load in ways),
        )

    def use(self, line: str, at_ns: int) -> float:
        """The fullest line's load on the way to the internet, as a share of what that line carries."""
        flows = self._flow(at_ns // QUARTER_NS)
        return max(flows[one.id] / one.carries_mbps for one in self._paths[line])

    # --- schools ---

    def site(self, school: str) -> Site:
        """The school with this id. Raises KeyError."""
        return self._sites[school]

    @cached_property
    def begins_ns(self) -> int:
        """The midnight with which the first day begins."""
        return self.day_begins(self.town.days[0])

    def hours_since_bell(self, school: str, at_ns: int) -> float | None:
        """Hours since the first bell of a school day; None when there is no class."""
        bells, now = self._sites[school].bells, self.local(at_ns)
        if not self.is_school_day(now.date()) or not bells.first <= now.time() < bells.last:
            return None
        return now.hour + now.minute / 60 - bells.first.hour - bells.first.minute / 60

    def rooms_an_access_point(self, school: str) -> float:
        """How many rooms share an access point in the school."""
        rooms = self._sites[school].rooms
        return len(rooms) / max(1, len({room.access_point for room in rooms}))

    # --- air ---

    def busy_pct(self, school: str, at_ns: int, wobble: float) -> float:
        """The share of airtime in use in a room of the school; `wobble` (0 to 1) is the room's own luck."""
        site = self._sites[school]
        full = self.fullness(site.bells, at_ns)
        return min(99.0, 3.0 + site.air.busy_pct * full * (0.85 + 0.3 * wobble))

    # --- inside ---

    def _path(self, line: Line) -> tuple[Line, ...]:
        found = [line]
        while found[-1].parent:
            found.append(self._lines[found[-1].parent])
        return tuple(found)

    def _away(self, kind: str, where: str, at_ns: int) -> bool:
        outages = self._outages.get((kind, where), ())
        return any(outage.begin_ns <= at_ns < outage.end_ns for outage in outages)

    def _wanted(self, site: Site, quarter: int) -> float:
        at_ns = quarter * QUARTER_NS
        day = self.local(at_ns).date()
        lucks = self._dice.get((site.id, day))
        if lucks is None:
            dice = random.Random(f"use {self.town.seed} {site.id} {day}")
            lucks = self._dice[site.id, day] = [dice.uniform(0.7, 1.0) for _ in range(QUARTERS)]
        return site.people * site.use_mbps * self.fullness(site.bells, at_ns) * lucks[quarter % QUARTERS]

    def _flow(self, quarter: int) -> dict[str, float]:
        """What flows through each line: what schools want, cut where a line on the way is full."""
        found = self._flows.get(quarter)
        if found is None:
            found = self._flows[quarter] = self._shared_out(quarter)
        return found

    def _shared_out(self, quarter: int) -> dict[str, float]:
        wanted = {site.line: self._wanted(site, quarter) for site in self.town.sites}
        for line in sorted(self.town.lines, key=lambda one: -len(self._paths[one.id])):
            below = [own for own in wanted if line in self._paths[own]]
            total = sum(wanted[own] for own in below)
            if total > line.carries_mbps:
                wanted.update({own: wanted[own] * line.carries_mbps / total for own in below})
        through = dict.fromkeys(self._lines, 0.0)
        for own, flow in wanted.items():
            for line in self._paths[own]:
                through[line.id] += flow
        return through
