"""A school's calendar: on which days there is school, and what the bells say on each of them.

Pure dates and times of day; time zones come in only with `on_the_clock`. Nothing here knows of schools.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import msgspec

NS = 1_000_000_000
NIGHT_ENDS = time(5, 0)
EVENING_BEGINS = time(18, 0)
"""Local times; between them and the hours of class lie "before school" and "late afternoon"."""
CLASS_FROM, CLASS_TO = time(7, 30), time(15, 30)
NIGHT, BEFORE, FIRST_CLASS = range(3)
_WORK_DAYS = (0, 1, 2, 3, 4)
_DAY = timedelta(days=1)
_MINUTE_S = 60


class Bell(NamedTuple):
    """A period of class: local times of day; `until` is its end and not part of it."""

    since: time
    until: time
    name: str


class Stretch(NamedTuple):
    """A part of a day, from `since` to the beginning of the next one.

    `slot` is one number for each time of day, the same on all days of a calendar.
    """

    since: time
    slot: int
    name: str
    in_class: bool


class Term(NamedTuple):
    """A stretch of days with school, both ends included."""

    first: date
    last: date


def quarters(since: time, until: time) -> tuple[Bell, ...]:
    """Four periods of equal length, for a school whose bells nobody entered."""
    start = datetime.combine(date.min, since)
    quarter = (datetime.combine(date.min, until) - start) / 4
    edges = [(start + n * quarter).time() for n in range(5)]
    return tuple(Bell(*edge, f"class period {n}") for n, edge in enumerate(pairwise(edges), 1))


class Calendar(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """When there is school. Empty: Monday to Friday, all year, in the four quarters of the hours of class.

    `terms` are the stretches from a first day of school to a last one; none: all year. `weekdays` counts
    from Monday, 0. `off` are days without school, each with its reason; `also` days with school that would
    have none, as a Saturday. `schedules` holds the bells by name; `usual` names the one of a common day,
    `by_weekday` those of single weekdays, `cycle` those that follow each other from school day to school
    day (A, B, A, ...), anew in each term or from `cycle_from` on; `special` those of single days. On the days
    of `early` class ends at the time beside them.
    """

    name: str = "default"
    terms: tuple[Term, ...] = ()
    weekdays: tuple[int, ...] = _WORK_DAYS
    off: tuple[tuple[date, str], ...] = ()
    also: tuple[date, ...] = ()
    schedules: tuple[tuple[str, tuple[Bell, ...]], ...] = (("quarters", quarters(CLASS_FROM, CLASS_TO)),)
    usual: str = "quarters"
    by_weekday: tuple[tuple[int, str], ...] = ()
    cycle: tuple[str, ...] = ()
    cycle_from: date | None = None
    special: tuple[tuple[date, tuple[Bell, ...]], ...] = ()
    early: tuple[tuple[date, time], ...] = ()

    def is_school_day(self, day: date) -> bool:
        """Whether there is school on `day`."""
        if day in self._also:
            return True
        return day.weekday() in self.weekdays and day not in self._off and self._term(day) is not None

    def why_off(self, day: date) -> str:
        """The reason for which a day has no school: `weekend`, a holiday's name, `vacation`; "" if it has."""
        if self.is_school_day(day):
            return ""
        if day in self._off:
            return self._off[day] or "day off"
        return "weekend" if day.weekday() not in self.weekdays else "vacation"

    def bells(self, day: date) -> tuple[Bell, ...]:
        """The periods of class on `day`; on a day without school those that a common day would have."""
        bells = self._special[day] if day in self._special else self._schedules[self.schedule_of(day)]
        return cut(bells, self._early[day]) if day in self._early else bells

    def schedule_of(self, day: date) -> str:
        """The name of the bell schedule that holds on `day` by weekday or cycle (not by a special day)."""
        if self.cycle and self.is_school_day(day):
            return self.cycle[self._turn(day) % len(self.cycle)]
        return self._by_weekday.get(day.weekday(), self.usual)

    def stretches(self, day: date) -> tuple[Stretch, ...]:
        """All parts of the day, from midnight on, without a hole."""
        bells = self.bells(day)
        found = self._stretches.get(bells)
        if found is None:
            found = self._stretches[bells] = stretches(bells, self.most_periods)
        return found

    def stretch_at(self, local: datetime) -> Stretch:
        """The part of its day that holds a local time."""
        parts = self.stretches(local.date())
        return parts[bisect_right(parts, local.time(), key=lambda part: part.since) - 1]

    @property
    def usual_bells(self) -> tuple[Bell, ...]:
        """The periods of class of a common day."""
        return self._schedules[self.usual]

    @cached_property
    def most_periods(self) -> int:
        """How many periods of class the fullest day has."""
        days = [bells for _, bells in (*self.schedules, *self.special)]
        return max((len(bells) for bells in days), default=0)

    @cached_property
    def bounds(self) -> tuple[date, date]:
        """The first and the last day that can have school."""
        firsts = [term.first for term in self.terms] or [date.min]
        lasts = [term.last for term in self.terms] or [date.max]
        return min([*firsts, *self.also]), max([*lasts, *self.also])

    def _term(self, day: date) -> Term | None:
        if not self.terms:
            return Term(self.cycle_from or date.min, date.max)
        return next((term for term in self.terms if term.first <= day <= term.last), None)

    def _turn(self, day: date) -> int:
        """How many school days lie between the beginning of the cycle and `day`; negative before it."""
        term = self._term(day)
        start = self.cycle_from or (term.first if term else day)
        back = day < start
        passed = self._passed.setdefault((start, back), {0: 0})
        days = abs((day - start).days)
        # Each day is looked at once for all that are asked. Whoever asks at the same time writes the same.
        for n in range(len(passed), days + 1):
            passed[n] = passed[n - 1] + self.is_school_day(start + timedelta(days=-n if back else n - 1))
        return -passed[days] if back else passed[days]

    @cached_property
    def _passed(self) -> dict[tuple[date, bool], dict[int, int]]:
        return {}

    @cached_property
    def _stretches(self) -> dict[tuple[Bell, ...], tuple[Stretch, ...]]:
        return {}

    @cached_property
    def _off(self) -> dict[date, str]:
        return dict(self.off)

    @cached_property
    def _also(self) -> frozenset[date]:
        return frozenset(self.also)

    @cached_property
    def _schedules(self) -> dict[str, tuple[Bell, ...]]:
        return dict(self.schedules)

    @cached_property
    def _by_weekday(self) -> dict[int, str]:
        return dict(self.by_weekday)

    @cached_property
    def _early(self) -> dict[date, time]:
        return dict(self.early)

    @cached_property
    def _special(self) -> dict[date, tuple[Bell, ...]]:
        return dict(self.special)


DEFAULT = Calendar()


def hours(since: time, until: time, name: str = DEFAULT.name) -> Calendar:
    """The default calendar with other hours of class, which fall into quarters."""
    return Calendar(name=name, schedules=(("quarters", quarters(since, until)),))


def stretches(bells: Sequence[Bell], most: int | None = None) -> tuple[Stretch, ...]:
    """All parts of a day with these bells; `most` periods of class has the fullest day (None: this one).

    Slots: night, before school, then as many for class as the fullest day needs, late afternoon, evening.

    All breaks between classes share the last slot: they are no time of day of their own to speak of.
    """
    afternoon, evening, pause = (FIRST_CLASS + (len(bells) if most is None else most) + n for n in range(3))
    begins = bells[0].since if bells else EVENING_BEGINS
    ends = bells[-1].until if bells else NIGHT_ENDS
    parts = [Stretch(time(), NIGHT, "night", in_class=False)] if begins > time() else []
    if begins > NIGHT_ENDS:
        parts.append(Stretch(NIGHT_ENDS, BEFORE, "before school", in_class=False))
    for n, bell in enumerate(bells):
        parts.append(Stretch(bell.since, FIRST_CLASS + n, bell.name, in_class=True))
        if n + 1 < len(bells) and bell.until < bells[n + 1].since:
            parts.append(Stretch(bell.until, pause, "between classes", in_class=False))
    if bells and ends < EVENING_BEGINS:
        parts.append(Stretch(ends, afternoon, "late afternoon", in_class=False))
    parts.append(Stretch(max(ends, EVENING_BEGINS), evening, "evening", in_class=False))
    return tuple(parts)


def cut(bells: Sequence[Bell], end: time) -> tuple[Bell, ...]:
    """The periods of a day on which class ends early, at `end`."""
    return tuple(bell._replace(until=min(bell.until, end)) for bell in bells if bell.since < end)


def on_the_clock(zone: tzinfo, day: date, since: time, until: time) -> list[tuple[int, int]]:
    """When the local stretch from `since` to `until` really lies: begin and end, ns since 1970 UTC.

    Usually one. None where a clock that is put forward leaves the stretch out, two where one that is put back
    shows it twice: exactly the moments whose local time lies in it.
    """
    first, last = _utc_s(zone, day, time()), _utc_s(zone, day + _DAY, time())
    before, after = _offset_s(zone, first), _offset_s(zone, last - 1)
    turn = last if before == after else _change_s(zone, first, last - 1)
    midnight = int(datetime.combine(day, time(), UTC).timestamp())
    found: list[tuple[int, int]] = []
    for offset, low, high in ((before, first, turn), (after, turn, last)):
        begin = max(low, midnight + _seconds(since) - offset)
        end = min(high, midnight + _seconds(until) - offset)
        if begin < end and found and found[-1][1] == begin * NS:
            found[-1] = (found[-1][0], end * NS)
        elif begin < end:
            found.append((begin * NS, end * NS))
    return found


def _seconds(at: time) -> int:
    return at.hour * 3600 + at.minute * _MINUTE_S + at.second


def _utc_s(zone: tzinfo, day: date, at: time) -> int:
    return int(datetime.combine(day, at, zone).timestamp())


def _offset_s(zone: tzinfo, at_s: int) -> int:
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    return round(offset.total_seconds()) if offset else 0


def _change_s(zone: tzinfo, low: int, high: int) -> int:
    """The first second after `low` with another offset from UTC than its own."""
    first = _offset_s(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_s(zone, middle) == first:
            low = middle
        else:
            high = middle
    return high
