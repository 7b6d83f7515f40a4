"""What is known of one school's links, weighed once: whatever is asked of it, it is judged by the same."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

from firstbell import district as districts
from firstbell.district import School
from firstbell.readiness import classes
from firstbell.readiness.lines import Lines
from firstbell.readiness.links import availability, responsiveness, students_at_once, wifi
from firstbell.readiness.links.availability import Lesson, Outage, Uptime, Watch
from firstbell.readiness.links.power import Battery
from firstbell.readiness.links.responsiveness import Hour, Replies
from firstbell.readiness.links.students_at_once import Carried
from firstbell.readiness.links.wifi import Rooms, RoomSeen
from firstbell.readiness.models import Numbers
from firstbell.report import Stored


class SchoolEvidence(NamedTuple):
    """What is known of one school's links, weighed and not yet judged; empty where nothing was measured."""

    school: School
    lines: Lines
    uptime: Uptime | None = None
    replies: Replies | None = None
    rooms: Rooms | None = None
    batteries: tuple[Battery, ...] = ()
    carried: Carried | None = None


def weigh_school(
    lines: Lines,
    school_id: str,
    numbers: Numbers,
    *,
    boxes: Sequence[Watch] = (),
    unreachable: Iterable[Outage] = (),
    hours: Iterable[Hour] = (),
    rooms: Sequence[RoomSeen] = (),
    batteries: Sequence[Battery] = (),
    played: Iterable[Stored] = (),
) -> SchoolEvidence:
    """Weigh what is known of a school: once, for all ways of teaching.

    `lines` are the district's; `boxes` those in the school with what they missed, `unreachable` when its
    gateway did not answer, `hours` their round trips, `rooms` what those in rooms saw of the air, `played`
    the capacity tests of its boxes. Raises LookupError for an unknown school.
    """
    district = lines.network.district
    school = districts.school_of(district, school_id)
    uptime = None
    if boxes:
        lessons = lessons_of(school, lines.as_of_ns, int(numbers.window_school_days.value))
        uptime = availability.look(lessons, boxes, unreachable, school.students, numbers)
    return SchoolEvidence(
        school,
        lines,
        uptime,
        responsiveness.look(hours, numbers),
        wifi.look(rooms, len(districts.rooms_of(district, school_id)), numbers),
        tuple(batteries),
        _carried(lines, school, numbers, played),
    )


def _carried(lines: Lines, school: School, numbers: Numbers, played: Iterable[Stored]) -> Carried | None:
    network = lines.network
    place = classes.Place(network.district, school, network.path(school.id), numbers, lines.as_of_ns)
    known = [test for test in played if test.arrival <= lines.facts_until]
    return students_at_once.look(classes.weigh(known, place))


def lessons_of(school: School, as_of_ns: int, days: int) -> list[Lesson]:
    """The lessons of the last so many school days, in order, without those that are not over."""
    today = districts.local(school, as_of_ns).date()
    last = list(islice(districts.school_days(school, today, -1), days))
    return [lesson for day in reversed(last) for lesson in _lessons(school, day) if lesson.end_ns <= as_of_ns]


def _lessons(school: School, day: date) -> list[Lesson]:
    return [Lesson(day, begin, end, name) for begin, end, name in districts.class_spans(school, day)]
