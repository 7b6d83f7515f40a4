"""A sound town from a seed: every line brings what its schools need and more, every box does its work.

What goes wrong in it is planted afterwards (`faults.py`).
"""

import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from collector.demo import names
from collector.demo.town import (
    HUB,
    NS,
    Air,
    Battery,
    Box,
    Line,
    Room,
    Site,
    Stay,
    Town,
)

INTERNET = "internet"
NORTH, EAST = "north-side", "east-side"
_SIZES = (100, 200, 300, 500, 1_000, 2_000, 2_500, 3_000, 5_000, 10_000, 20_000, 30_000, 40_000)
"""Speeds that lines are sold with, in Mbit/s."""
_PORTS = (1_000, 2_500, 10_000, 25_000, 100_000)
_PORT_USE = 0.75
"""A port shows a line's own limit only below this share of its speed."""
_SPARE = (2.3, 3.4)
"""How many times today's need a sound line brings: more than three years of growth."""
_STAYS_DAYS = 5
_BIG_SCHOOLS = 3
_SATURDAY = 5
_FRIDAY = 4
_NEW_TERM_DAYS = 11
"""School days before the end on which the teachers had a day of their own."""


def build(seed: int, end_ns: int, *, schools: int = 40, days: int = 30) -> Town:
    """A sound town of so many schools (1 to 40) that has been measured for so many school days."""
    dice = random.Random(f"town {seed}")
    last = datetime.fromtimestamp(end_ns // NS, ZoneInfo(names.TZ)).date()
    school_days, closed = _calendar(last, days)
    sites = tuple(_site(dice, name) for name, _ in names.SCHOOLS[:schools])
    lines = _lines(dice, sites)
    town = Town(seed, names.DISTRICT, names.TZ, school_days, closed, end_ns, sites, lines, (), ())
    return _with_boxes(dice, town)


def _calendar(last: date, count: int) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """The last `count` school days up to `last`, and the weekdays among them without school."""
    days: list[date] = []
    closed: list[date] = []
    day = last
    while len(days) < count:
        if day.weekday() == _FRIDAY and not closed and len(days) >= _NEW_TERM_DAYS:
            closed.append(day)
        elif day.weekday() < _SATURDAY:
            days.append(day)
        day -= timedelta(days=1)
    return tuple(reversed(days)), tuple(closed)


def _site(dice: random.Random, name: str) -> Site:
    grade = dict(names.SCHOOLS)[name]
    sort = names.SORTS[grade]
    students = dice.randrange(sort.students[0], sort.students[1], 10)
    school = names.school_id(name)
    count = max(6, round(students / 26))
    rooms = tuple(_room(dice, number) for number in range(count))
    return Site(
        id=school,
        name=name,
        grade=grade,
        students=students,
        staff=round(students * 0.11),
        line=f"{school}-line",
        model=sort.model,
        bells=sort.bells,
        use_mbps=sort.use_mbps * dice.uniform(0.8, 1.2),
        rooms=rooms,
        air=Air(busy_pct=dice.uniform(26, 44), signal_dbm=dice.randint(-62, -52)),
    )


def _room(dice: random.Random, number: int) -> Room:
    name = f"{100 * (1 + number // 12) + 1 + number % 12}"
    return Room(name, dice.randint(22, 30), f"AP-{name}")


def _lines(dice: random.Random, sites: tuple[Site, ...]) -> tuple[Line, ...]:
    """One line a school, two that several share, and the district's own to the internet."""
    needs = {site.name: site.people * names.SORTS[site.grade].need_mbps for site in sites}
    sides = {NORTH: names.NORTH, EAST: names.EAST}
    shared = [(side, [need for name, need in needs.items() if name in on]) for side, on in sides.items()]
    parents = {name: side for side, on in sides.items() for name in on}
    return (
        sized(dice, INTERNET, "", sum(needs.values())),
        *(sized(dice, side, INTERNET, sum(theirs)) for side, theirs in shared if theirs),
        *(sized(dice, site.line, parents.get(site.name, INTERNET), needs[site.name]) for site in sites),
    )


def sized(dice: random.Random, line: str, parent: str, need_mbps: float) -> Line:
    """A line that brings more than its schools need for years, as it is sold."""
    wanted = need_mbps * dice.uniform(*_SPARE)
    bought = next((size for size in _SIZES if size >= wanted), _SIZES[-1])
    return Line(line, parent, bought, bought * dice.uniform(0.965, 0.99))


def port_for(mbps: float) -> int:
    """The slowest port that can show what a line of so many Mbit/s carries."""
    return next((port for port in _PORTS if port * _PORT_USE >= mbps), _PORTS[-1])


def _with_boxes(dice: random.Random, town: Town) -> Town:
    """One wired box a school, about ten that wander, and up to six at the big lines; named 2001 and on."""
    boxes: list[Box] = []
    stays: list[Stay] = []
    for site in town.sites:
        box = Box(f"{2001 + len(boxes)}", "base", 1_000)
        boxes.append(box)
        stays.append(Stay(box.agent, site.id, site.line, dice.choice(names.CLOSETS)))
    for number in range(round(len(town.sites) / 4)):
        box = Box(f"{2001 + len(boxes)}", "roving", 1_000, wifi=True, battery=_battery(dice, number))
        boxes.append(box)
        stays += _wandering(dice, town, box, number)
    for line, school in _big(town):
        port = port_for(town.line(line).carries_mbps)
        boxes.append(Box(f"{2001 + len(boxes)}", "big", port))
        stays.append(Stay(boxes[-1].agent, school, line, "main closet" if school else ""))
    return town._replace(boxes=tuple(boxes), stays=tuple(stays))


def _battery(dice: random.Random, number: int) -> Battery | None:
    """Every second wanderer is a laptop; the others are small computers without a battery."""
    if number % 2:
        return None
    return Battery(dice.uniform(70, 96), dice.uniform(0.01, 0.05), dice.uniform(8.5, 11))


def _wandering(dice: random.Random, town: Town, box: Box, number: int) -> list[Stay]:
    """The box in one school, in another room every week of school days."""
    here = {site.name: site for site in town.sites}
    round_ = [here[name] for name in names.WANDERED if name in here] or list(town.sites)
    site = round_[number % len(round_)]
    since: list[date | None] = [None]
    since += [day for n, day in enumerate(town.days) if n and n % _STAYS_DAYS == 0]
    rooms = dice.sample(site.rooms, len(site.rooms))
    return [
        Stay(box.agent, site.id, site.line, rooms[n % len(rooms)].name, day) for n, day in enumerate(since)
    ]


def _big(town: Town) -> list[tuple[str, str]]:
    """The lines that want a box of their own, and the school it stands in: shared ones, then the largest."""
    shared = [(line.id, HUB) for line in town.lines if line.id in {INTERNET, NORTH, EAST}]
    own = [(site.line, site.id) for site in town.sites if site.grade == "high"]
    return [*shared, *own[:_BIG_SCHOOLS]]


def clock_ns(town: Town, day: date, hour: int, minute: int) -> int:
    """A local time of a day in nanoseconds since 1970 UTC."""
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(town.tz))
    return int(local.timestamp()) * NS
