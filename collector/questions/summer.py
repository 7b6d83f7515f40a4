"""Summer mode: where it is summer, until when, and whether the calendars know of it."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from collector.questions.ask import QuestionError
from collector.questions.quiet import school_named
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell import summer as summers
from firstbell.district import District, School, Seat
from firstbell.readiness import words
from firstbell.summer import LONGEST_DAYS, Summer

NOWHERE = "It is summer nowhere: silent boxes are called silent, and alerts go out."
_USUAL_DAYS = 60
"""So far ahead calendars are looked at where nobody said when the boxes are back."""


class SummerThere(msgspec.Struct, frozen=True, kw_only=True):
    """A summer that holds. `number` is what ends it; `back` is empty where nobody named a day."""

    number: int
    since: str
    back: str
    where: str
    school: str


class SummerMode(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is summer now. `in_class` are the schools whose calendars have school days within it."""

    as_of_ns: int
    sentence: str
    summers: tuple[SummerThere, ...]
    in_class: tuple[str, ...] = ()
    calendars: str = ""
    simulated: bool = False


def ask(reads: Reads, folder: Folder, as_of_ns: int) -> SummerMode:
    """Every summer that holds somewhere."""
    district = folder.district
    held = standing(reads, district, as_of_ns).held
    in_class = [each for each in district.schools if _school_in(each, held.get(each.id), as_of_ns)]
    return SummerMode(
        as_of_ns=as_of_ns,
        sentence=sentence(district, held) or NOWHERE,
        summers=tuple(_there(district, each) for each in holding(reads, district, as_of_ns)),
        in_class=tuple(each.id for each in in_class),
        calendars=_calendars(in_class),
        simulated=district.settings.simulated,
    )


def holding(reads: Reads, district: District, as_of_ns: int, school: str = "") -> list[Summer]:
    """The summers that hold now; of those at one school and everywhere, with `school`."""
    return [
        summer
        for summer in reads.summers()
        if any(summers.holds(summer, each, as_of_ns) for each in district.schools)
        and (not school or summer.school in {"", school})
    ]


def meant(district: District, until: str, school: str, as_of_ns: int) -> tuple[str, date | None]:
    """The school's id and the day on which its boxes are expected; by the calendar if `until` is empty.

    Raises QuestionError.
    """
    found = school_named(district, school)
    schools = [each for each in district.schools if found in {"", each.id}]
    if not schools:
        raise QuestionError("there are no schools yet: write schools.csv first (firstbell district init)")
    today = min(districts.local(each, as_of_ns).date() for each in schools)
    if not until:
        return found, _by_the_calendar(schools, today)
    try:
        back = date.fromisoformat(until)
    except ValueError as error:
        raise QuestionError(f"{until!r} is no day: write {today + timedelta(days=_USUAL_DAYS)}") from error
    if not today < back <= today + timedelta(days=LONGEST_DAYS):
        raise QuestionError(
            f"{until}: boxes are expected back on a day from tomorrow on, {LONGEST_DAYS} days ahead at most"
        )
    return found, back


class Standing(NamedTuple):
    """By school: the summer that holds there; else when the last one was `over`, and that summer."""

    held: Mapping[str, Summer]
    over: Mapping[str, tuple[int, Summer]]


NEVER = Standing({}, {})
"""Where nothing is known of schools."""


def standing(reads: Reads, district: District, as_of_ns: int) -> Standing:
    """Where it is summer at that moment, and where it was."""
    every = reads.summers()
    held: dict[str, Summer] = {}
    over: dict[str, tuple[int, Summer]] = {}
    for school in district.schools:
        if now := summers.at_school(every, school, as_of_ns):
            held[school.id] = now
        elif last := summers.last_at(every, school, as_of_ns):
            back_ns = districts.midnight_ns(school, summers.over_on(last, school))
            over[school.id] = min(back_ns, last.ended_ns or back_ns), last
    return Standing(held, over)


def excused(found: Standing, school: str, silent_ns: int | None) -> Summer | None:
    """The summer that holds at the school, where a silence since `silent_ns` (None: none) may be for it."""
    held = found.held.get(school)
    return held if held and summers.excuses(held, silent_ns) else None


def late(found: Standing, seat: Seat | None, last_ns: int | None) -> list[str]:
    """What to look at on a silent box that was not heard of since the summer was over."""
    if seat is None or seat.school not in found.over:
        return []
    over_ns, summer = found.over[seat.school]
    if (last_ns or 0) >= over_ns:
        return []
    expected = f": it was expected on {words.day(summer.back)}" if summer.back else ""
    return [f"Not back from the summer{expected}."]


def back_on(summer: Summer) -> str:
    """When its boxes are expected, in a sentence."""
    if summer.back:
        return f"Expected back on {words.day(summer.back)}."
    return f"Nobody said when it is back: {LONGEST_DAYS} days after the summer began it is missed."


def _by_the_calendar(schools: Sequence[School], today: date) -> date | None:
    """The first day of the next term that any of them has, as far as calendars have terms."""
    last = today + timedelta(days=LONGEST_DAYS)
    firsts = [term.first for school in schools for term in school.calendar.terms]
    return min((first for first in firsts if today < first <= last), default=None)


def _school_in(school: School, summer: Summer | None, as_of_ns: int) -> bool:
    """Whether its calendar has a school day between now and the day on which its boxes are back."""
    if summer is None:
        return False
    today = districts.local(school, as_of_ns).date()
    until = summer.back or today + timedelta(days=_USUAL_DAYS)
    days = ((today + timedelta(days=n)) for n in range((until - today).days))
    return any(districts.is_school_day(school, day) for day in days)


def _there(district: District, summer: Summer) -> SummerThere:
    school = districts.school_of(district, summer.school) if summer.school else district.schools[0]
    return SummerThere(
        number=summer.number,
        since=districts.local(school, summer.since_ns).date().isoformat(),
        back=summer.back.isoformat() if summer.back else "",
        where=school.name if summer.school else "all schools",
        school=summer.school,
    )


def sentence(district: District, held: Mapping[str, Summer]) -> str:
    """Where it is summer and until when; empty where it is nowhere."""
    if not held:
        return ""
    every = len(held) == len(district.schools)
    where = "all schools" if every else words.count(len(held), "school")
    backs = [summer.back for summer in held.values() if summer.back]
    until = f" until {words.day(max(backs))}" if len(backs) == len(held) else ""
    return f"It is summer at {where}{until}: boxes may fall silent for it, and no alert is about them."


def _calendars(in_class: Sequence[School]) -> str:
    """What to do where the answers would count a dark summer as school days."""
    if not in_class:
        return ""
    names = words.listed([each.name for each in in_class[:3]])
    more = f" and {len(in_class) - 3} more" if len(in_class) > 3 else ""  # noqa: PLR2004 - as many as are named
    whose = "has" if len(in_class) == 1 else "have"
    return (
        f"By the calendar {names}{more} {whose} school days within it, and answers go by the calendar alone: "
        "write the terms into district.toml, so that a dark summer counts as no outage in class."
    )
