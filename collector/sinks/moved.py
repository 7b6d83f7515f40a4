"""Which days of which boxes a corrected folder places otherwise: a seat, a room, a calendar, a time zone."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from collector.store.outbox import DAY_NS, Days
from firstbell import district as districts
from firstbell.district import NS, District, School
from firstbell.points import Placer

_DAY = timedelta(days=1)


def days(old: Placer, new: Placer, agents: Sequence[str], first: int, last: int) -> Iterator[Days]:
    """The days from `first` to `last` (numbers since 1970 UTC) on which a point would have other tags.

    Where what is hidden is counted otherwise now, that is all of them.
    """
    everything = _hidden(old) != _hidden(new) or old.name != new.name
    for agent in agents:
        before, after = _Days(old.district, agent), _Days(new.district, agent)
        changed = [
            day for day in range(first, last + 1) if everything or before.looks(day) != after.looks(day)
        ]
        yield from in_a_row(agent, changed)


def in_a_row(agent: str, numbers: Sequence[int]) -> Iterator[Days]:
    """Days in order as stretches without a gap."""
    begin = 0
    for n, (before, after) in enumerate(pairwise([*numbers, -1]), 1):
        if after != before + 1:
            yield Days(agent, numbers[begin], before)
            begin = n


def _hidden(placer: Placer) -> int:
    return placer.district.settings.thresholds.count


class _Days:
    """What of the folder decides the tags of one box's days."""

    def __init__(self, district: District, agent: str) -> None:
        self._district = district
        self._stays = districts.stays(district, agent)
        self._schools = {school.id: school for school in district.schools}

    def looks(self, number: int) -> tuple[object, ...]:
        """Equal for two folders only where every moment of that day gets the same tags."""
        begin, end = number * DAY_NS, (number + 1) * DAY_NS
        found: list[object] = []
        for seat, span in self._stays:
            since, until = max(begin, span.since_ns), min(end, span.until_ns or end)
            if since < until:
                school = self._schools.get(seat.school)
                found.append((since, until, seat.school, seat.room, seat.circuit, self._bells(school, begin)))
        return tuple(found)

    def _bells(self, school: School | None, begin_ns: int) -> tuple[object, ...]:
        """What the bells say on the local days that a UTC day touches."""
        if school is None:
            settings = self._district.settings
            return settings.tz, settings.class_from, settings.class_to
        return school.tz, *(_bells_of(school, day) for day in _local_days(school, begin_ns))


def _bells_of(school: School, day: date) -> tuple[object, ...]:
    calendar = school.calendar
    return calendar.stretches(day), calendar.why_off(day) and (calendar.why_off(day) == "weekend")


def _local_days(school: School, begin_ns: int) -> list[date]:
    zone = districts.zone(school.tz)
    first = datetime.fromtimestamp(begin_ns // NS, UTC).astimezone(zone).date()
    last = datetime.fromtimestamp((begin_ns + DAY_NS - 1) // NS, UTC).astimezone(zone).date()
    return [first + n * _DAY for n in range((last - first).days + 1)]
