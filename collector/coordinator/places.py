"""What a test loads: the lines and access points on its way, and whose bells and quiet times hold for it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from firstbell import district as districts
from firstbell.circuits import Circuit
from firstbell.district import District, School, Seat

UNPLACED = "nowhere"
"""The site of all boxes of which nobody said where they stand; they are taken to share a line."""
SITE, WAN = "site", "wan"
"""How far a way goes, by the box's own word. Any other is taken for the whole way; `self`, too: what loads
nothing needs no lease."""

LINE, BUILDING = "line ", "building "


class Place(NamedTuple):
    """Where a test runs.

    `site` is whose budget it is taken from: a school, or a line at the hub. `loads` are the names of all that
    can carry one test at a time. `schools` share a line that it loads: their quiet times hold for it, and
    their hours of class. `clock` is the school whose bells divide the day.
    """

    site: str
    loads: frozenset[str]
    schools: tuple[School, ...]
    clock: School


def place(
    district: District,
    agent: str,
    segments: Mapping[str, str],
    targets: Iterable[str],
    medium: str,
    at_ns: int,
) -> Place:
    """Where the box `agent` would test `targets`, whose segments the box gives by name."""
    seat = districts.whereabouts(district, agent, at_ns)
    ways = {segments.get(target, "") for target in targets}
    loads = {f"box {agent}"}
    if seat is None:
        site, loads = UNPLACED, loads | {UNPLACED}
    elif not seat.school:
        site, loads = f"{LINE}{seat.circuit}", loads | _from_hub(district, seat)
    else:
        site, loads = f"school {seat.school}", loads | _from_school(district, seat, ways, medium, at_ns)
    schools = schools_on(district, loads, at_ns)
    clock = _clock(district, seat, schools)
    return Place(site, frozenset(loads), schools, clock)


def schools_on(district: District, loads: Iterable[str], at_ns: int) -> tuple[School, ...]:
    """The schools that share one of these lines today, and those whose building it is; all for nowhere."""
    found: dict[str, School] = {}
    today = districts.local(_plain(district), at_ns).date()
    known = {school.id: school for school in district.schools}
    for name in loads:
        ids: Iterable[str] = known if name == UNPLACED else ()
        if name.startswith(BUILDING):
            ids = [name.removeprefix(BUILDING)]
        elif name.startswith(LINE):
            ids = districts.schools_through(district, name.removeprefix(LINE), today)
        found |= {id_: known[id_] for id_ in ids if id_ in known}
    return tuple(found[key] for key in sorted(found))


def _from_hub(district: District, seat: Seat) -> set[str]:
    """A box beside a line that schools share loads it, what it goes on through, and what lies behind it."""
    behind = [
        line for line in district.circuits if any(up.id == seat.circuit for up in _onward(district, line.id))
    ]
    return {f"{LINE}{line.id}" for line in [*_onward(district, seat.circuit), *behind]}


def _from_school(district: District, seat: Seat, ways: set[str], medium: str, at_ns: int) -> set[str]:
    """Whatever leaves a box passes through its building, so that no two tests meet there either."""
    lines = _lines(district, seat, ways, at_ns)
    return (
        {f"{BUILDING}{seat.school}"} | {f"{LINE}{line.id}" for line in lines} | _air(district, seat, medium)
    )


def _lines(district: District, seat: Seat, ways: set[str], at_ns: int) -> list[Circuit]:
    """The circuits that a school's box loads: all on its way to the internet, or those before that."""
    if ways <= {SITE}:
        return []
    day = districts.local(districts.school_of(district, seat.school), at_ns).date()
    path = list(districts.path_of(district, seat.school, day))
    # A box on a line beside the school's usual way, as a backup, loads that one, too.
    path += [line for line in _onward(district, seat.circuit) if line not in path]
    before = [line for line in path if line.kind != "internet"]
    # Where no line of the district's own lies on the way, the one to the internet is the way to it.
    return (before or path) if ways <= {SITE, WAN} else path


def _onward(district: District, circuit: str) -> list[Circuit]:
    """The circuit and those that it goes on through."""
    way: list[Circuit] = []
    known = district.lines.by_id
    while (line := known.get(circuit)) and line not in way:
        way.append(line)
        circuit = line.parent
    return way


def _air(district: District, seat: Seat, medium: str) -> set[str]:
    """The access points of the box's room; the room itself where nobody named them."""
    if (medium or seat.medium or "") != "wifi":
        return set()
    rooms = [room for room in districts.rooms_of(district, seat.school) if room.room == seat.room]
    named = {f"access point {name}" for room in rooms for name in room.access_points}
    return named or {f"air of {seat.school}/{seat.room}"}


def _plain(district: District) -> School:
    """No school, with the district's clock and a calendar that nobody entered."""
    return School(id="", name="", students=0, tz=district.settings.tz or districts.DEFAULT_TZ)


def _clock(district: District, seat: Seat | None, schools: tuple[School, ...]) -> School:
    """Whose bells divide the day: the box's own school, else what most of `schools` have."""
    if seat and seat.school:
        return districts.school_of(district, seat.school)
    if not schools:
        return _plain(district)
    counted = Counter((school.tz, school.calendar.name) for school in schools)
    most = counted.most_common(1)[0][0]
    return next(school for school in schools if (school.tz, school.calendar.name) == most)
