"""Was it up: the school days on which no lesson lost its internet, and what was lost on the others.

A box that falls silent is no outage of its school: that is said of the box. A school is out if a box in it
reached its own network and no site beyond, while no other box there did; or if its boxes are silent and its
gateway does not answer us either. A time in which nobody could tell counts for nobody.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Literal, NamedTuple

import msgspec

from firstbell.district import NS
from firstbell.readiness import words
from firstbell.readiness.links.answer import LinkAnswer, counted, sourced
from firstbell.readiness.models import Numbers

MINUTE_NS = 60 * NS
_ROUNDING = 1e-9
NAME = "Was it up"
Stretch = tuple[int, int]
"""From when until when (not included), in nanoseconds since 1970 UTC."""


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which something was away, `end_ns` not included.

    `down`: the box reached its own network and no site beyond. `silent`: the box measured nothing.
    `unreachable`: the school's gateway did not answer the collector's own tries.
    """

    begin_ns: int
    end_ns: int
    kind: Literal["down", "silent", "unreachable"]


class Watch(NamedTuple):
    """One box in the school: from when until when it stood there and measured, and what it missed."""

    since_ns: int
    until_ns: int
    outages: Sequence[Outage] = ()


class Lesson(NamedTuple):
    """One class period of one school day."""

    day: date
    begin_ns: int
    end_ns: int
    name: str


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes of one lesson without internet."""

    day: date
    period: str
    minutes: float


class Uptime(msgspec.Struct, frozen=True, kw_only=True):
    """What the school's lessons lost: `clean` of `days` watched school days had no outage in class.

    `outages` counts those that touched a lesson, `longest_minutes` is the worst one's time in class.
    `student_hours` is minutes lost / 60 x students: hours of lessons that students sat without internet.
    """

    days: int
    clean: int
    minutes: float
    outages: int
    longest_minutes: float
    student_hours: float
    lost: tuple[Lost, ...] = ()


def look(
    lessons: Sequence[Lesson],
    boxes: Iterable[Watch],
    unreachable: Iterable[Outage],
    students: int,
    numbers: Numbers,
) -> Uptime:
    """What the `lessons` (in order) lost, by the boxes in the school and our own tries of its gateway."""
    out, known = out_and_known(list(boxes), unreachable)
    days = clean = 0
    lost: list[Lost] = []
    for day, group in groupby(lessons, key=lambda lesson: lesson.day):
        spans = list(group)
        missed = [(lesson, _shared(out, lesson)) for lesson in spans]
        length = sum(lesson.end_ns - lesson.begin_ns for lesson in spans)
        seen = sum(_shared(known, lesson) for lesson in spans)
        short = any(ns for _, ns in missed)
        watched = short or seen >= numbers.uptime_watched.value * length > 0
        days, clean = days + watched, clean + (watched and not short)
        lost += [Lost(day=day, period=lesson.name, minutes=ns / MINUTE_NS) for lesson, ns in missed if ns]
    in_class: Counter[int] = Counter()
    for lesson in lessons:
        in_class.update(dict(_inside(out, lesson)))
    each = list(in_class.values())
    minutes = sum(each) / MINUTE_NS
    return Uptime(
        days=days,
        clean=clean,
        minutes=minutes,
        outages=len(each),
        longest_minutes=max(each, default=0) / MINUTE_NS,
        student_hours=minutes / 60 * students,
        lost=tuple(lost),
    )


def judge(uptime: Uptime, people: int, fall: int, numbers: Numbers) -> LinkAnswer:
    """The link's answer; `fall` is the last that was asked for: the need is the same in all of them."""
    wanted, window = int(numbers.uptime_days.value), int(numbers.window_school_days.value)
    enough_days = uptime.days >= wanted
    days = uptime.days or window
    return counted(
        link="availability",
        name=NAME,
        counted_in=f"school days without an outage in class, of {days}",
        people=people,
        have=uptime.clean if enough_days else None,
        need=math.ceil(numbers.uptime_share.value * days - _ROUNDING),
        fall=fall,
        just_short=numbers.just_short.value,
        sentence=_sentence(uptime),
        note=_lost(uptime)
        if enough_days
        else f"watched on {uptime.days} of {words.count(wanted, 'school day')}",
        working=_working(uptime, numbers),
    )


def _sentence(uptime: Uptime) -> str:
    days = words.count(uptime.days, "school day")
    if uptime.clean == uptime.days:
        return f"no outage in class on the last {days} that were watched"
    return f"{uptime.clean} of the last {days} had no outage in class; {_lost(uptime)}"


def _lost(uptime: Uptime) -> str:
    """`12 minutes of class lost, 220 student-lesson-hours, most in class period 2`."""
    if not uptime.outages:
        return ""
    periods: dict[str, float] = {}
    for lost in uptime.lost:
        periods[lost.period] = periods.get(lost.period, 0.0) + lost.minutes
    worst = max(periods, key=lambda name: periods[name])
    most = f", most in {worst}" if len(periods) > 1 and periods[worst] * 2 > uptime.minutes else ""
    return (
        f"{_minutes(uptime.minutes)} of class lost, "
        f"{words.number(uptime.student_hours)} student-lesson-hours{most}"
    )


def _minutes(minutes: float) -> str:
    text = words.number(minutes)
    return f"{text} {'minute' if text == '1' else 'minutes'}"


_WHAT_IS_ONE = (
    "An outage is a time in which a box reached its own network and no site beyond it, or in which the "
    "school's boxes and its gateway were silent together. A box that is silent alone is none."
)


def _working(uptime: Uptime, numbers: Numbers) -> tuple[str, ...]:
    share = numbers.uptime_share
    found = [
        f"Need: {share.value:g} of the school days that were watched: {sourced(share)}.",
        _WHAT_IS_ONE,
    ]
    if uptime.outages:
        longest = _minutes(uptime.longest_minutes)
        found.append(
            f"{words.count(uptime.outages, 'outage')} in class, the longest {longest}. "
            f"{words.worked(uptime.minutes)} minutes / 60 {words.TIMES} the school's students = "
            f"{words.worked(uptime.student_hours)} student-lesson-hours."
        )
    return tuple(found)


# --- stretches of time: sorted, apart from each other ---------------------------------------------------


def out_and_known(boxes: list[Watch], unreachable: Iterable[Outage]) -> tuple[list[Stretch], list[Stretch]]:
    """When a school was out, and when anybody could tell whether it was; each in order, and apart."""
    there = _joined([(box.since_ns, box.until_ns) for box in boxes])
    down: list[Stretch] = []
    up: list[Stretch] = []
    for box in boxes:
        whole = [(box.since_ns, box.until_ns)]
        fell = _both(whole, _of(box.outages, "down"))
        down += fell
        up += _without(_without(whole, _joined(fell)), _of(box.outages, "silent"))
    up, down = _joined(up), _joined(down)
    silent = _without(_without(there, up), down)
    gone = _both(silent, _of(unreachable, "unreachable"))
    out = _joined([*_without(down, up), *gone])
    return out, _joined([*up, *out])


def _of(outages: Iterable[Outage], kind: str) -> list[Stretch]:
    return _joined([(outage.begin_ns, outage.end_ns) for outage in outages if outage.kind == kind])


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif begin < end:
            found.append((begin, end))
    return found


def _both(one: list[Stretch], other: list[Stretch]) -> list[Stretch]:
    """What lies in both."""
    found: list[Stretch] = []
    first = 0
    for begin, end in one:
        while first < len(other) and other[first][1] <= begin:
            first += 1
        for n in range(first, len(other)):
            if other[n][0] >= end:
                break
            piece = max(begin, other[n][0]), min(end, other[n][1])
            if piece[0] < piece[1]:
                found.append(piece)
    return found


def _without(whole: list[Stretch], holes: list[Stretch]) -> list[Stretch]:
    """What of `whole` lies in no hole."""
    found: list[Stretch] = []
    first = 0
    for begin, end in whole:
        while first < len(holes) and holes[first][1] <= begin:
            first += 1
        at = begin
        for n in range(first, len(holes)):
            if holes[n][0] >= end:
                break
            if at < holes[n][0]:
                found.append((at, holes[n][0]))
            at = max(at, holes[n][1])
        if at < end:
            found.append((at, end))
    return found


def _inside(stretches: Sequence[Stretch], lesson: Lesson) -> Iterator[tuple[int, int]]:
    """The stretches that touch the lesson, by their place, and how many nanoseconds of it lie in each."""
    first = bisect_left(stretches, (lesson.begin_ns,))
    for n in range(max(0, first - 1), len(stretches)):
        begin, end = stretches[n]
        if begin >= lesson.end_ns:
            return
        if end > lesson.begin_ns:
            yield n, min(end, lesson.end_ns) - max(begin, lesson.begin_ns)


def _shared(stretches: Sequence[Stretch], lesson: Lesson) -> int:
    """How many nanoseconds of the lesson lie in the stretches."""
    return sum(ns for _, ns in _inside(stretches, lesson))
