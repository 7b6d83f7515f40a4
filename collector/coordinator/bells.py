"""The stretch of a school's day that holds a moment, by its bells: when it begins and ends, and its turn."""

from bisect import bisect_right
from datetime import date, datetime, timedelta
from typing import NamedTuple

from firstbell import district as districts
from firstbell.district import NS, School

EDGE_S = 300.0
"""At both ends of a stretch, in which no heavy test runs."""
BREAK = "between classes"


class Stretch(NamedTuple):
    """A stretch of a local day, as `firstbell.district.period_of` has it.

    `turn` is its number among the `turns` of its day, from 1 on; a break between classes has the one before
    it, for it has no budget of its own. `lessons`: between the first and the last bell of a day with school.
    `before_ns` is when the stretch before it began.
    """

    begin_ns: int
    end_ns: int
    before_ns: int
    day: str
    name: str
    turn: int
    turns: int
    lessons: bool


def stretch_at(school: School, at_ns: int) -> Stretch:
    """The stretch of the school's day that holds `at_ns`."""
    today = districts.local(school, at_ns).date()
    edges = [edge for days in (-1, 0, 1) for edge in _edges(school, today + timedelta(days))]
    here = bisect_right(edges, at_ns, key=lambda edge: edge.at_ns) - 1
    before, this, after = edges[here - 1 : here + 2]
    parts = school.calendar.stretches(this.day)
    classes = [n for n, part in enumerate(parts) if part.in_class]
    lessons = bool(classes) and classes[0] <= this.number <= classes[-1]
    return Stretch(
        begin_ns=this.at_ns,
        end_ns=after.at_ns,
        before_ns=before.at_ns,
        day=this.day.isoformat(),
        name=parts[this.number].name,
        turn=sum(part.name != BREAK for part in parts[: this.number + 1]),
        turns=sum(part.name != BREAK for part in parts),
        lessons=lessons and districts.is_school_day(school, this.day),
    )


def at_the_edge(stretch: Stretch, at_ns: int, seconds: float) -> tuple[str, int] | None:
    """Why a test of that length may not begin now, and from when on it is worth asking again; None if it may.

    The whole of it lies between the first and the last five minutes of a stretch: people come and go.
    """
    first_ns = stretch.begin_ns + int(EDGE_S * NS)
    last_ns = stretch.end_ns - int((EDGE_S + seconds) * NS)
    if first_ns <= at_ns <= last_ns:
        return None
    if at_ns < first_ns <= last_ns:
        return f"{stretch.name} has just begun", first_ns
    return f"{stretch.name} is about to end", stretch.end_ns + int(EDGE_S * NS)


def lessons_end_ns(school: School, at_ns: int) -> int:
    """When the last class of the day ends, of a day whose classes go on."""
    day = districts.local(school, at_ns).date()
    return max((end for _, end, _ in districts.class_spans(school, day)), default=at_ns)


class _Edge(NamedTuple):
    """When the part `number` of a day begins."""

    at_ns: int
    day: date
    number: int


def _edges(school: School, day: date) -> list[_Edge]:
    zone = districts.zone(school.tz)
    return [
        _Edge(int(datetime.combine(day, part.since, zone).timestamp()) * NS, day, number)
        for number, part in enumerate(school.calendar.stretches(day))
    ]
