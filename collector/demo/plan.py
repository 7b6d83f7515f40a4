"""When a box measures what. Heavy tests come as a real box takes them; cheap looks are thinned.

A real box looks every minute. Of what it would see here, one look in ten minutes is kept in class and one in
thirty outside, all of the minutes around an outage, and of the last minutes before the end. So a district's
month stays within 300,000 reports and still says to the minute when it was down.
"""

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple

from collector.demo.physics import Physics
from collector.demo.town import MINUTE_NS, NS, Box, Outage, Stay

IN_CLASS_NS = 10 * MINUTE_NS
OUTSIDE_NS = 30 * MINUTE_NS
LAST_MINUTES = 12
AROUND_NS = 4 * MINUTE_NS
"""How long before and after the edges of an outage every minute is kept."""
_CLASS_FROM, _CLASS_TO = time(7, 30), time(15, 30)
_PERIODS = (
    time(0, 0),
    time(5, 0),
    time(7, 30),
    time(9, 30),
    time(11, 30),
    time(13, 30),
    time(15, 30),
    time(18, 0),
)
"""A heavy test comes at a random moment of each of these stretches, as boxes that know no bells take them."""
_AFTER, _LATE, _FRIDAY = time(16, 0), time(18, 0), 5
"""When a class of students is played, on one of the school days."""
_SLOW_EVERY = 8
"""Every so many looks come with what a box says of itself and its machine."""
_WIFI_EVERY = 3
_GATEWAY_EVERY = 12
_WAY_EVERY = 20


class Due(NamedTuple):
    """A moment of measuring: a look at the internet, and what else is looked at with it; or a heavy test.

    `plays`: the heavy test is a class of students.
    """

    at_ns: int
    heavy: bool = False
    plays: bool = False
    gateway: bool = False
    slow: bool = False
    way: bool = False
    power: bool = False
    wifi: bool = False


class Rhythm(NamedTuple):
    """How much of what a box would see is kept: one look in so long; every so many with the air."""

    in_class_ns: int = IN_CLASS_NS
    outside_ns: int = OUTSIDE_NS
    wifi_every: int = _WIFI_EVERY


WHOLE = Rhythm()


def day_of(physics: Physics, box: Box, stay: Stay, day: date, rhythm: Rhythm = WHOLE) -> list[Due]:
    """Everything that the box measures on a local day up to the town's end, in order of time."""
    dice = random.Random(f"plan {physics.town.seed} {box.agent} {day}")
    outages = _touching(physics, stay)
    due = list(_heavy(physics, box, day, dice))
    looks = _looks(physics, day, dice, outages, rhythm)
    if box.plays:
        due += _class(physics, box, day)
    # What fails wants a look beside it, or nobody knows whether the line was down.
    looks += [one.at_ns - 20 * NS for one in due if _within(outages, one.at_ns)]
    for number, at_ns in enumerate(sorted(set(looks))):
        due.append(
            Due(
                at_ns,
                gateway=number % _GATEWAY_EVERY == 0 or _within(outages, at_ns, AROUND_NS),
                slow=number % _SLOW_EVERY == 0,
                way=number % _WAY_EVERY == 0,
                power=number % (_SLOW_EVERY if box.battery or box.weak_power else 2 * _SLOW_EVERY) == 0,
                wifi=box.wifi and number % rhythm.wifi_every == 0,
            )
        )
    return sorted(one for one in due if one.at_ns <= physics.town.end_ns)


def _heavy(physics: Physics, box: Box, day: date, dice: random.Random) -> Iterator[Due]:
    since = physics.town.habits_of(box.agent).heavy_since
    edges = [_at(physics, day, begin) for begin in _PERIODS]
    edges.append(physics.day_begins(day + timedelta(days=1)))
    for begin, end in pairwise(edges):
        at_ns = dice.randrange(begin, end - MINUTE_NS)
        if since is None or at_ns >= since:
            yield Due(at_ns, heavy=True)


def _class(physics: Physics, box: Box, day: date) -> Iterator[Due]:
    """Once a week, after the last bell of one of its days."""
    year, week, weekday = day.isocalendar()
    dice = random.Random(f"class {physics.town.seed} {box.agent} {year} {week}")
    if weekday == dice.randint(1, _FRIDAY):
        yield Due(dice.randrange(_at(physics, day, _AFTER), _at(physics, day, _LATE)), heavy=True, plays=True)


def _looks(
    physics: Physics, day: date, dice: random.Random, outages: list[Outage], rhythm: Rhythm
) -> list[int]:
    begins, ends = physics.day_begins(day), physics.day_begins(day + timedelta(days=1))
    end_ns = physics.town.end_ns
    offset = dice.randrange(MINUTE_NS)
    found, at_ns = [], begins + offset
    opens, closes = _at(physics, day, _CLASS_FROM), _at(physics, day, _CLASS_TO)
    school = physics.is_school_day(day)
    while at_ns < ends:
        found.append(at_ns)
        at_ns += rhythm.in_class_ns if school and opens <= at_ns < closes else rhythm.outside_ns
    for outage in outages:
        for edge in (outage.begin_ns, outage.end_ns):
            found += _minutes(edge - AROUND_NS, edge + AROUND_NS, offset)
    if begins <= end_ns < ends:
        found += _minutes(end_ns - LAST_MINUTES * MINUTE_NS, end_ns, offset)
    return [at_ns for at_ns in found if begins <= at_ns < ends]


def _minutes(since_ns: int, until_ns: int, offset: int) -> list[int]:
    first = since_ns - since_ns % MINUTE_NS + offset
    return list(range(first, until_ns, MINUTE_NS))


def _touching(physics: Physics, stay: Stay) -> list[Outage]:
    """Outages that the box sees where it stands."""
    lines = {line.id for line in physics.path(stay.line)}
    where = {"line": lines, "power": {stay.school}, "room": {f"{stay.school}/{stay.room}"}}
    return [outage for outage in physics.town.outages if outage.where in where[outage.kind]]


def _within(outages: list[Outage], at_ns: int, around_ns: int = 0) -> bool:
    return any(o.begin_ns - around_ns <= at_ns < o.end_ns + around_ns for o in outages)


def _at(physics: Physics, day: date, clock: time) -> int:
    """A local time as nanoseconds since 1970 UTC."""
    local = datetime.combine(day, clock, physics.local(physics.town.end_ns).tzinfo)
    return int(local.timestamp()) * NS
