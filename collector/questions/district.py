"""The district as its folder has it: what was entered, and which defaults stand where nothing was."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from collector.registry import Folder
from firstbell import district as districts
from firstbell.calendar import Calendar
from firstbell.district import Circuit, District, School
from firstbell.folder_ical import ENDING
from firstbell.readiness.models import Targets
from firstbell.readiness.words import count

_NAMED = 8
MANY_DAYS_OFF = 60
"""A school year with more of them, vacations among them, may have events that are no days off."""
_JULY = 7


class SchoolShown(msgspec.Struct, frozen=True, kw_only=True):
    """One school; `path` are the lines that its internet passes through today, its own first."""

    id: str
    name: str
    students: int
    staff: int
    tz: str
    calendar: str
    model: str
    gateway: str
    rooms: int
    boxes: tuple[str, ...]
    path: tuple[str, ...]


class LineShown(msgspec.Struct, frozen=True, kw_only=True):
    """One line; `schools` is how many pass through it today."""

    id: str
    kind: str
    role: str
    parent: str
    down_mbps: float | None
    up_mbps: float | None
    schools: int


class DistrictShown(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `notes` say what was not entered and what holds instead, one sentence each."""

    name: str
    digest: str
    simulated: bool
    schools: tuple[SchoolShown, ...]
    lines: tuple[LineShown, ...]
    rooms: int
    boxes: int
    notes: tuple[str, ...]


def ask(folder: Folder, targets: Targets, as_of_ns: int) -> DistrictShown:
    """The folder as it is at a moment (ns since 1970 UTC)."""
    district = folder.district
    boxes = _boxes(district, as_of_ns)
    day = districts.local(district.schools[0], as_of_ns).date()
    return DistrictShown(
        name=district.settings.name,
        digest=district.digest,
        simulated=district.settings.simulated,
        schools=tuple(
            SchoolShown(
                id=school.id,
                name=school.name,
                students=school.students,
                staff=school.staff,
                tz=school.tz,
                calendar=school.calendar.name,
                model=targets.find(school.model or district.settings.model)[0],
                gateway=school.gateway,
                rooms=len(districts.rooms_of(district, school.id)),
                boxes=tuple(boxes.get(school.id, ())),
                path=tuple(line.id for line in districts.path_of(district, school.id, day)),
            )
            for school in district.schools
        ),
        lines=tuple(
            LineShown(
                id=line.id,
                kind=line.kind,
                role=line.role,
                parent=line.parent,
                down_mbps=line.down_mbps,
                up_mbps=line.up_mbps,
                schools=len(districts.schools_through(district, line.id, day)),
            )
            for line in district.circuits
        ),
        rooms=len(district.rooms),
        boxes=sum(map(len, boxes.values())),
        notes=(*notes(district, as_of_ns), *days_off(folder)),
    )


def notes(district: District, as_of_ns: int) -> list[str]:
    """What nobody entered, with what holds instead; and what looks like a slip."""
    day = districts.local(district.schools[0], as_of_ns).date()
    schools, boxes = district.schools, _boxes(district, as_of_ns)
    offline = [school for school in schools if districts.internet_of(district, school.id, day) is None]
    unsplit = districts.unsplit(district)
    alone = [school for school in schools if not school.staff and school.id not in unsplit]
    seated = [school for school in schools if not boxes.get(school.id)]
    unspoken = [line for line in district.circuits if line.down_mbps is None]
    found = [
        _examples(district),
        _said(alone, "no number of staff: only students are counted"),
        _said(
            [school for school in schools if school.id in unsplit],
            "people, and nobody entered who of them are students: published targets take all for students",
        ),
        _said(offline, "no line to the internet in use today: no answer can be given"),
        _said(seated, "no box: nothing is measured there"),
        _said(unspoken, "no speed: there is no answer on paper"),
        _calendars(district),
        _said(
            [school for school in schools if not school.gateway],
            "no gateway: a silent box can't be told from a silent school",
        ),
        _models(district),
        *_rooms(district),
    ]
    return [note for note in found if note]


def days_off(folder: Folder) -> list[str]:
    """Of each calendar with an iCal file: how many days it takes from school, and which, if they are many."""
    used = {school.calendar.name: school.calendar for school in folder.district.schools}
    files = sorted(name for name in folder.contents if name.endswith(ENDING))
    return [
        _off(name, used[name.removesuffix(ENDING)]) for name in files if name.removesuffix(ENDING) in used
    ]


def _off(file: str, calendar: Calendar) -> str:
    """Reckoned by school years that begin in July, of which the fullest is told."""
    bare = msgspec.structs.replace(calendar, off=())
    years: dict[int, Counter[str]] = {}
    for day, why in calendar.off:
        if bare.is_school_day(day):
            years.setdefault(day.year - (day.month < _JULY), Counter())[why or "day off"] += 1
    if not years:
        return f"{file} takes no day from school."
    year, whys = max(years.items(), key=lambda one: (one[1].total(), one[0]))
    said = (
        f"With {file} the calendar {calendar.name} has {count(whys.total(), 'day')} off from July {year} on"
    )
    if whys.total() <= MANY_DAYS_OFF:
        return f"{said}."
    most = ", ".join(f"{why} ({number})" for why, number in whys.most_common(3))
    return (
        f"{said}, which is a lot: most of them are {most}. days_off_say can tell which events are days off."
    )


def _boxes(district: District, as_of_ns: int) -> dict[str, list[str]]:
    """Which boxes stand where now; those at a hub under ""."""
    found: dict[str, list[str]] = {}
    for agent in sorted({seat.agent for seat in district.seats}):
        if seat := districts.whereabouts(district, agent, as_of_ns):
            found.setdefault(seat.school, []).append(agent)
    return found


def _said(of: Sequence[School | Circuit], what: str) -> str:
    """`Lincoln High and 2 others have no box: ...`."""
    if not of:
        return ""
    names = [one.name if isinstance(one, School) else f"the line {one.id}" for one in of]
    if len(names) > _NAMED:
        names = [*names[:_NAMED], count(len(names) - _NAMED, "other")]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    sentence = f"{listed} {'has' if len(of) == 1 else 'have'} {what}."
    return sentence[0].upper() + sentence[1:]


def _examples(district: District) -> str:
    named = sorted(name for name in district.examples if name.partition(":")[0] != districts.SPLIT)
    if not named:
        return ""
    return f"Nobody entered {', '.join(named)}: every answer calls them examples."


def _calendars(district: District) -> str:
    plain = [school for school in district.schools if not school.calendar.terms and not school.calendar.off]
    if not plain:
        return ""
    hours = district.settings
    what = f"school Monday to Friday all year, {hours.class_from:%H:%M} to {hours.class_to:%H:%M}"
    return _said(plain, f"no calendar with terms or holidays: {what}, unless its bells say otherwise")


def _models(district: District) -> str:
    without = [school for school in district.schools if not school.model]
    if not without:
        return ""
    return _said(without, f"no way of teaching entered: it is taken to be {district.settings.model}")


def _rooms(district: District) -> list[str]:
    """Boxes in rooms that are not among those of a school which lists its rooms: perhaps a slip."""
    found = []
    for seat in district.seats:
        rooms = {room.room for room in districts.rooms_of(district, seat.school)}
        if seat.room and rooms and seat.room not in rooms:
            found.append(f"{seat.agent} stands in {seat.room!r}, which rooms.csv does not list.")
    return found
