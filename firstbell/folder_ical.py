"""What an iCal file beside district.toml adds to the calendar of its name: days off, and days that end early.

The file itself is read elsewhere (firstbell knows no such format); here its events get their meaning.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

import msgspec

from firstbell.calendar import Bell, Calendar
from firstbell.district_settings import CalendarTable
from firstbell.tables import NAME_CHARS, printable, shown

ENDING = ".ics"
MOST_DAYS = 400
MOST_DAYS_IN_ALL = 40_000
"""So many may all events of a file last together: a school's year has a hundred days off."""
EARLY = ("early release", "early dismissal", "half day", "minimum day")
"""An event that says one of these, in its name or a category, is a day on which class ends early."""
_NOT_EARLY = re.compile(rf"\b(?:no|not an?) (?:{'|'.join(EARLY)})")
"""Said of a day like any other."""
IN_SCHOOL = ("first day", "last day", "school day", "classes begin", "classes resume", "school resumes")
"""An event of a whole day that says one of these is no day off."""
EARLY_BELLS = "early"
"""The bell schedule that holds on a day of early release which has no time."""


class Event(NamedTuple):
    """One event, each turn of a series by itself. `at` is None for one of whole days, `last` included.

    `at` without a zone is a local time of the schools.
    """

    first: date
    last: date
    name: str
    categories: tuple[str, ...] = ()
    at: datetime | None = None

    def says(self, words: Iterable[str]) -> bool:
        """Whether its name or one of its categories holds one of `words`."""
        return any(_plain(word) in text for word in words for text in self._texts())

    def is_as_usual(self) -> bool:
        """Whether it says that class does not end early."""
        return any(_NOT_EARLY.search(text) for text in self._texts())

    def _texts(self) -> list[str]:
        return [_plain(text) for text in (self.name, *self.categories)]


ReadIcal = Callable[[str], Sequence[Event]]
"""Reads the text of an iCal file. Raises ValueError with what is wrong with it."""


def merged(
    calendar: Calendar,
    table: CalendarTable,
    events: Sequence[Event],
    zone: tzinfo,
    wrong: Callable[[str], None],
) -> Calendar:
    """The calendar with what the events say. What district.toml says of the same day goes before."""
    lasting = sum(min((event.last - event.first).days + 1, MOST_DAYS) for event in events)
    if lasting > MOST_DAYS_IN_ALL:
        wrong(f"its events last {lasting} days together: is this the right file?")
        return calendar
    off = dict(calendar.off)
    special, early = dict(calendar.special), dict(calendar.early)
    entered = set(special) | set(early) | set(calendar.also)
    bells = dict(calendar.schedules).get(EARLY_BELLS)
    for event in sorted(events, key=lambda event: (event.first, event.name)):
        if event.is_as_usual():
            continue
        if event.at is not None:
            if event.says(EARLY) and (at := _local(event.at, zone)).date() not in entered:
                if not _has_class(calendar, at):
                    _morning(
                        event._replace(first=at.date(), last=at.date()), calendar, special, entered, wrong
                    )
                else:
                    early[at.date()] = at.time().replace(second=0, microsecond=0)
        elif event.says(EARLY):
            _early_days(event, bells, special, entered, wrong)
        elif not event.says(IN_SCHOOL) and (not table.days_off_say or event.says(table.days_off_say)):
            for day in _days(event, wrong):
                off.setdefault(day, _named(event.name))
    return msgspec.structs.replace(
        calendar,
        off=tuple(sorted((day, why) for day, why in off.items() if day not in entered)),
        special=tuple(sorted(special.items())),
        early=tuple(sorted(early.items())),
    )


def _has_class(calendar: Calendar, ends: datetime) -> bool:
    """Whether a day that ends so early has a period of class in it."""
    return any(bell.until <= ends.time() for bell in calendar.bells(ends.date()))


def _morning(
    event: Event,
    calendar: Calendar,
    special: dict[date, tuple[Bell, ...]],
    entered: set[date],
    wrong: Callable[[str], None],
) -> None:
    """A day that would end before its first class has: the event's time is no end of class."""
    bells = dict(calendar.schedules).get(EARLY_BELLS)
    if not calendar.is_school_day(event.first):
        return
    if bells is None:
        what = f"{event.first} {shown(event.name)} begins before the first class has ended"
        wrong(f"{what}: let it begin when class ends, or write bells called {EARLY_BELLS} in district.toml")
    else:
        _early_days(event, bells, special, entered, wrong)


def _early_days(
    event: Event,
    bells: tuple[Bell, ...] | None,
    special: dict[date, tuple[Bell, ...]],
    entered: set[date],
    wrong: Callable[[str], None],
) -> None:
    days = [day for day in _days(event, wrong) if day not in entered]
    if bells is None and days:
        what = f"{event.first} {shown(event.name)} has no time: give it one, or write bells called"
        wrong(f"{what} {EARLY_BELLS} in district.toml")
    elif bells is not None:
        special.update(dict.fromkeys(days, bells))


def _days(event: Event, wrong: Callable[[str], None]) -> list[date]:
    length = (event.last - event.first).days + 1
    if not 0 < length <= MOST_DAYS:
        wrong(f"{event.first} {shown(event.name)} lasts {length} days")
        return []
    return [event.first + timedelta(days=n) for n in range(length)]


def _plain(text: str) -> str:
    return text.casefold().replace("-", " ")


def _local(at: datetime, zone: tzinfo) -> datetime:
    return at if at.tzinfo is None else at.astimezone(zone)


def _named(name: str) -> str:
    plain = " ".join(name.split())
    return plain[:NAME_CHARS] if printable(plain) else ""
