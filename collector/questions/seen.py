"""What was seen by weekday and class period, and what First Bell's own checks took of the line."""

from itertools import islice

import msgspec

from collector.questions import used as taken
from collector.registry import Folder
from collector.store.reads import Box, Reads
from firstbell import district as districts
from firstbell.district import School
from firstbell.readiness import words
from firstbell.readiness.evidence import Check
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.links.availability import Uptime
from firstbell.readiness.verdict import enough

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
AT_LEAST = "\u2265"
_SHADES = 4
_SAME = 0.02
"""Values this near to each other are one shade."""
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One weekday's class period. `kind`: none seen, a shade from 1 (light) to 4 (worst), or a failure.

    `at_least`: not the line but something else was the limit of all its checks, so more may be left over.
    """

    kind: str = "none"
    value: float | None = None
    at_least: bool = False


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One class period: its name, when it begins, and a cell for each weekday."""

    name: str
    begins: str
    cells: tuple[Cell, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A grid of class periods (down) and weekdays (across). `counted_in` is the unit of the values."""

    sentence: str
    counted_in: str
    days: tuple[str, ...]
    lines: tuple[Line, ...]


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks took of the line on one day."""

    day: str
    checks: int
    seconds: float
    bytes: int
    sentence: str


def line(school: School, link: LinkAnswer | None, framing: float, as_of_ns: int) -> Seen | None:
    """The lowest that was left over in class, in Mbit/s of line; None without a line.

    Where something else than the line was the limit of all of a cell's checks, the most that they saw.
    """
    if link is None:
        return None
    shown: dict[tuple[int, int], Check] = {}
    for check in link.checks:
        key = check.slot, check.day.weekday()
        if check.in_class and (key not in shown or _rather(check, shown[key])):
            shown[key] = check
    # What prints alike is shaded alike.
    values = {
        key: float(words.rounded(check.down_mbps * framing, at_least=True))
        for key, check in shown.items()
        if check.down_mbps > 0
    }
    exact = [value for key, value in values.items() if not shown[key].at_least]
    top, bottom = max(exact, default=0.0), min(exact, default=0.0)

    def cell(slot: int, weekday: int) -> Cell:
        check, value = shown.get((slot, weekday)), values.get((slot, weekday))
        if check is None:
            return Cell()
        if value is None:
            return Cell(kind="fail")
        if check.at_least:  # it says nothing against the line, so it gets no shade
            return Cell(kind="q1", value=value, at_least=True)
        return Cell(kind=f"q{shade(value, bottom, top)}", value=value)

    capped = any(check.at_least for check in shown.values())
    marked = f" {AT_LEAST}: something else than the line was the limit; more may be left over."
    return Seen(
        sentence=f"{link.name}: Mbit/s left over in class, lowest seen. "
        f"A stronger shade is less. Empty: no check yet.{marked if capped else ''}",
        counted_in="Mbit/s",
        days=DAYS,
        lines=tuple(
            Line(name=name, begins=begins, cells=tuple(cell(slot, day) for day in range(len(DAYS))))
            for slot, name, begins in periods(school, as_of_ns)
        ),
    )


def _rather(check: Check, shown: Check) -> bool:
    """Whether `check` says more of the line than the one `shown`: its own limit, else the most seen."""
    if check.at_least != shown.at_least:
        return shown.at_least
    return (check.down_mbps > shown.down_mbps) if check.at_least else (check.down_mbps < shown.down_mbps)


def up(school: School, uptime: Uptime | None, as_of_ns: int) -> Seen | None:
    """The minutes of class that were lost; None where nobody watched."""
    if uptime is None or not uptime.days:
        return None
    lost: dict[tuple[int | None, int], float] = {}
    for part in uptime.lost:
        key = districts.slot_of(school, part.day, part.period), part.day.weekday()
        lost[key] = lost.get(key, 0.0) + part.minutes

    def cell(slot: int, weekday: int) -> Cell:
        minutes = lost.get((slot, weekday), 0.0)
        return Cell(kind="fail" if minutes else "q1", value=max(1, round(minutes)) if minutes else 0)

    return Seen(
        sentence=f"Was it up: minutes of class lost in {words.count(uptime.days, 'school day')}.",
        counted_in="minutes",
        days=DAYS,
        lines=tuple(
            Line(name=name, begins=begins, cells=tuple(cell(slot, day) for day in range(len(DAYS))))
            for slot, name, begins in periods(school, as_of_ns)
        ),
    )


def shade(value: float, bottom: float, top: float) -> int:
    """1 for the best values to 4 for the worst, in even steps; 1 where all are about the same."""
    if enough(bottom, top, _SAME):
        return 1
    return min(_SHADES, 1 + int(_SHADES * (top - value) / (top - bottom)))


def periods(school: School, as_of_ns: int) -> list[tuple[int, str, str]]:
    """Slot, name and beginning of every class period of the last two weeks of school, in order.

    Where A and B days call the same time of day differently it has both names.
    """
    today = districts.local(school, as_of_ns).date()
    names: dict[int, dict[str, None]] = {}
    begins: dict[int, str] = {}
    for day in islice(districts.school_days(school, today, -1), 2 * len(DAYS)):
        for begin, _, name in districts.class_spans(school, day):
            slot = districts.period_of(school, begin).slot
            names.setdefault(slot, {})[_short(name)] = None
            begins.setdefault(slot, words.clock(districts.local(school, begin)))
    return [(slot, " / ".join(sorted(said)), begins[slot]) for slot, said in sorted(names.items())]


def _short(name: str) -> str:
    """`1` of `class period 1`: the table's head says the rest."""
    return name.removeprefix("class period ")


def used(reads: Reads, folder: Folder, school: School, as_of_ns: int) -> Used:
    """What the heavy tests of the school's boxes took on the day before."""
    day, begin, end = taken.yesterday(school, as_of_ns)
    boxes: list[Box] = []
    for agent in sorted(districts.boxes_of(folder.district, school.id)):
        for seat, span in districts.stays(folder.district, agent):
            until = end if span.until_ns is None else min(end, span.until_ns)
            if seat.school == school.id and max(begin, span.since_ns) < until:
                boxes.append((agent, max(begin, span.since_ns), until))
    all_of_it = taken.total(taken.by_box(reads, boxes, begin, end))
    return Used(
        day=day,
        checks=all_of_it.tests,
        seconds=all_of_it.seconds,
        bytes=all_of_it.bytes,
        sentence=_sentence(school, *all_of_it),
    )


def _sentence(school: School, checks: int, seconds: float, bytes_: int) -> str:
    if not checks:
        return f"First Bell made no checks of {school.name}'s line yesterday."
    time = f"{words.number(seconds)} seconds" if seconds else "no time"
    return f"First Bell itself used {time} of {school.name}'s line yesterday, for {size(bytes_)}."


def size(amount: float) -> str:
    """`1.2 GB`, in steps of 1,000."""
    step = 0
    while amount >= 1000 and step < len(_UNITS) - 1:  # noqa: PLR2004 - SI steps
        amount, step = amount / 1000, step + 1
    return f"{words.number(amount)}{words.NBSP}{_UNITS[step]}"
