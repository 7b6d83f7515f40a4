"""When each probe runs. Pure: the clocks' readings come in, names of probes that are due go out.

Cheap probes keep their rhythm on the monotonic clock, from a phase drawn at each start, with a little
jitter at each turn, so that boxes which got power at the same moment never beat together.

Heavy probes run once in each stretch (stratum) of the box's local day, or once a week in the hours around
school, at a moment drawn uniformly from the stretch but its first and last five minutes, when bells ring and
devices come and go. One that may not run at its moment is put off to a later one of the same stretch. Inside
a stretch the moment has no memory and keeps no time with bells or cron jobs, and still no day is left
without its tests, as 26 % of school days are when gaps alone are drawn (facts: peers.md). A moment that was
past when a stretch was first seen, by a start, a sleep or a step of the clock, is no test in that stretch: a
later one would favour its end. While the wall clock is not to be trusted, stretches of three hours since the
boot take the day's place.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from random import Random

from agent.strata import WALL, Stratum, around_school, day_strata, uptime_strata, within
from firstbell.catalogue import ProbeSpec
from firstbell.report import PLAUSIBLE_NS, Stamp

JITTER = 0.1
"""How late in its turn a cheap probe may come, as a share of its rhythm."""
LOOK_S = 60.0
"""The longest wait between two looks, because a step of the wall clock announces itself to nobody."""
LATE_S = 120.0
"""A moment that lies in a longer gap between two looks was slept through or stepped over: no test."""
FIRST_HEAVY_S = 10.0
"""With `first_now`, heavy probes follow the cheap ones by this much, so as not to disturb them."""
NUDGE_S = 60.0
"""At most one nudge in this time is followed."""

_KEPT = 256
"""Strata whose moments are remembered, so that a clock that steps back repeats no test (a month of them)."""
_SPENT = -math.inf


class Schedule:
    """What is due and how long to wait; one thread owns it.

    `probes` are the catalogue's lines, with `every_s` as the settings want it (seconds, above 0; heavy
    probes don't use it). `random` must be seeded from the system, or cloned cards test in step. `tz` is
    where the box stands; `start` is the monotonic clock now. With `first_now` each probe but the weekly ones
    also runs once right away, a heavy one in place of its test in the current stretch.
    """

    def __init__(
        self,
        probes: Iterable[ProbeSpec],
        random: Random,
        tz: tzinfo,
        start: float,
        *,
        first_now: bool = False,
    ) -> None:
        self._light: dict[str, _Rhythm] = {}
        self._heavy: dict[str, _Moments] = {}
        for probe in probes:
            if probe.heavy:
                first = start + FIRST_HEAVY_S if first_now and probe.once_in == "period" else math.inf
                weekly = probe.once_in == "week"
                self._heavy[probe.name] = _Weekly(random, first, tz) if weekly else _Moments(random, first)
            else:
                self._light[probe.name] = _Rhythm(probe.every_s, random, start, first_now=first_now)
        self._tz = tz
        self._window: tuple[Stratum, ...] = ()
        """The stretch before (if it was seen), this one, the next one."""
        self._looked_s = -math.inf
        self._vouched = False
        self._nudged = -math.inf

    def due(self, monotonic: float, stamp: Stamp) -> list[str]:
        """The probes to run now, cheap ones first. Each name is told once; what was missed is not told."""
        now_s = self._plan(stamp)
        since_s = self._looked_s if 0 <= now_s - self._looked_s <= LATE_S else now_s
        self._looked_s = now_s
        light = [name for name, rhythm in self._light.items() if rhythm.due(monotonic)]
        return light + [
            name
            for name, moments in self._heavy.items()
            if moments.due(monotonic, self._window, since_s, now_s)
        ]

    def wait(self, monotonic: float, stamp: Stamp) -> float:
        """Seconds until it is worth asking `due` again: 0 when something is due, never above `LOOK_S`."""
        now_s = self._plan(stamp)
        waits = [rhythm.next - monotonic for rhythm in self._light.values()]
        for moments in self._heavy.values():
            waits.append(moments.first - monotonic)
            waits.append(moments.after(self._window, min(self._looked_s, now_s)) - now_s)
        return max(0.0, min([*waits, LOOK_S]))

    def put_off(self, name: str, after_s: float, stamp: Stamp) -> bool:
        """Have the heavy probe `name` come again in this stretch, in `after_s` seconds or later.

        False if there is no room for it any more. The moment is drawn uniformly from what is left, so that
        boxes which were sent away together do not come back together.
        """
        now_s = self._plan(stamp)
        moments = self._heavy.get(name)
        return moments is not None and moments.put_off(self._window[-2], now_s + after_s)

    def nudge(self, monotonic: float) -> bool:
        """Make every cheap probe due now. False, and nothing, within a minute of the last nudge."""
        if monotonic < self._nudged + NUDGE_S:
            return False
        self._nudged = monotonic
        for rhythm in self._light.values():
            rhythm.next = monotonic
        return True

    def _plan(self, stamp: Stamp) -> float:
        """See that this stretch and the next have their moments; what the stretch's clock reads, in s."""
        clock, now_s = self._reading(stamp)
        here = self._window[-2] if self._window else None
        if here and here.clock == clock and here.start_s <= now_s < here.end_s:
            return now_s
        strata = day_strata(now_s, self._tz) if clock == WALL else uptime_strata(clock, now_s)
        self._window = (*self._window[-2:-1], *strata)
        for moments in self._heavy.values():
            moments.draw(strata)
        return now_s

    def _reading(self, stamp: Stamp) -> tuple[str, float]:
        # Once vouched for, a clock that loses its server is still right to seconds for days: going back to
        # uptime would test twice in one stretch each time that NTP comes and goes.
        self._vouched = self._vouched or stamp.synchronised
        if self._vouched and stamp.wall_ns >= PLAUSIBLE_NS:
            return WALL, stamp.wall_ns / 1e9
        return stamp.boot_id, stamp.boottime_ns / 1e9


class _Rhythm:
    """The turns of a cheap probe: one in each stretch of `every_s` since a random phase."""

    def __init__(self, every_s: float, random: Random, start: float, *, first_now: bool) -> None:
        self._every_s, self._random = every_s, random
        self._phase = start + every_s * random.random()
        self.next = start if first_now else self._phase
        """When it is due, on the monotonic clock."""

    def due(self, monotonic: float) -> bool:
        if monotonic < self.next:
            return False
        # At least half a rhythm away, so that a late turn is not followed at once by the one on time.
        turn = math.ceil((monotonic - self._phase) / self._every_s + 0.5)
        self.next = self._phase + (turn + JITTER * self._random.random()) * self._every_s
        return True


class _Moments:
    """The moments of a heavy probe, one for each stretch that came into sight; `_SPENT` when it was used."""

    def __init__(self, random: Random, first: float) -> None:
        self._random = random
        self._moments: dict[Stratum, float] = {}
        self.first = first
        """When it runs for `first_now`, on the monotonic clock; infinity when it doesn't, or has."""

    def draw(self, strata: Iterable[Stratum]) -> None:
        for stratum in strata:
            if stratum not in self._moments:
                self._moments[stratum] = self._drawn(stratum)
        while len(self._moments) > _KEPT:
            del self._moments[next(iter(self._moments))]

    def due(self, monotonic: float, window: tuple[Stratum, ...], since_s: float, now_s: float) -> bool:
        crossed = [stratum for stratum in window if since_s < self._moment(stratum) <= now_s]
        if monotonic >= self.first:
            crossed.append(window[-2])
        for stratum in crossed:
            self._moments[stratum], self.first = _SPENT, math.inf
        return bool(crossed)

    def after(self, window: tuple[Stratum, ...], since_s: float) -> float:
        """The first moment after `since_s`; infinity if all have been."""
        moments = (self._moment(stratum) for stratum in window)
        return min((moment for moment in moments if moment > since_s), default=math.inf)

    def put_off(self, stratum: Stratum, from_s: float) -> bool:
        """Draw the stretch's moment anew, from `from_s` on; False if that leaves nothing of it."""
        first, last = within(stratum)
        if max(first, from_s) > last:
            return False
        self._moments[stratum] = self._random.uniform(max(first, from_s), last)
        return True

    def _drawn(self, stratum: Stratum) -> float:
        return self._random.uniform(*within(stratum))

    def _moment(self, stratum: Stratum) -> float:
        return self._moments.get(stratum, _SPENT)


class _Weekly(_Moments):
    """The moments of a probe that runs once a week, around school; never while the day is unknown."""

    def __init__(self, random: Random, first: float, tz: tzinfo) -> None:
        super().__init__(random, first)
        self._tz = tz
        self._weeks: dict[date, float] = {}
        """By its Monday, the moment of each week that came into sight."""

    def put_off(self, stratum: Stratum, from_s: float) -> bool:
        """As for other probes, but what is left is the whole week."""
        if stratum.clock != WALL:
            return False
        if super().put_off(stratum, from_s):
            return True
        monday = self._monday(stratum)
        later = [(max(a, from_s), b) for a, b in around_school(monday, self._tz) if b > from_s]
        if not later:
            return False
        moment = self._weeks[monday] = self._one_of(later)
        for drawn in self._moments:
            if drawn.clock == WALL and drawn.start_s <= moment < drawn.end_s:
                self._moments[drawn] = moment
        return True

    def _drawn(self, stratum: Stratum) -> float:
        if stratum.clock != WALL:
            return _SPENT
        monday = self._monday(stratum)
        if monday not in self._weeks:
            self._weeks[monday] = self._one_of(around_school(monday, self._tz))
            while len(self._weeks) > _KEPT:
                del self._weeks[next(iter(self._weeks))]
        moment = self._weeks[monday]
        return moment if stratum.start_s <= moment < stratum.end_s else _SPENT

    def _monday(self, stratum: Stratum) -> date:
        day = datetime.fromtimestamp(stratum.start_s, self._tz).date()
        return day - timedelta(days=day.weekday())

    def _one_of(self, spans: Sequence[tuple[float, float]]) -> float:
        """A moment drawn uniformly from all of `spans` together."""
        left = self._random.uniform(0, sum(end - begin for begin, end in spans))
        for begin, end in spans:
            if left <= end - begin:
                return begin + left
            left -= end - begin
        return spans[-1][1]
