"""`[calendars.NAME]` of district.toml to a `Calendar`: days and bells as people write them."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time, timedelta
from functools import partial
from itertools import pairwise
from typing import Protocol

from firstbell import calendar as calendars
from firstbell import district as districts
from firstbell import folder_ical
from firstbell.calendar import Bell, Calendar, Term
from firstbell.district_settings import CalendarTable, Settings
from firstbell.folder_ical import Event
from firstbell.settings import YEARS
from firstbell.tables import NAME_CHARS, printable, shown


class Wrong(Protocol):
    """Takes what is wrong, and where: the names that lead to the setting."""

    def __call__(self, what: str, *path: str) -> None:
        """Note it."""


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_DAYS = 400
"""A stretch of days that is longer is a slip of the keyboard."""
_DAY = r"(\d{4}-\d{2}-\d{2})"
_DAYS = re.compile(rf"{_DAY}(?:\s+to\s+{_DAY})?(?:\s+(.+))?\Z", re.ASCII)
_BELL = re.compile(r"(\d\d:\d\d)\s*-\s*(\d\d:\d\d)\s+(.+)\Z", re.ASCII)
_CLOCK = re.compile(r"\d\d:\d\d\Z", re.ASCII)


def read(
    settings: Settings,
    events: Mapping[str, Sequence[Event]],
    wrong: Wrong,
    wrong_event: Callable[[str, str], None],
) -> dict[str, Calendar]:
    """All calendars by name, `default` among them.

    `events` are those of the iCal files, by the calendar's name. What is wrong is told to `wrong`, one
    sentence each; what is wrong with an event to `wrong_event`, with the calendar's name.
    """
    found = {"default": calendars.hours(settings.class_from, settings.class_to)}
    for name, table in settings.calendars.items():
        found[name] = _Reader(name, table, settings, wrong).calendar()
    zone = districts.zone(settings.tz or districts.DEFAULT_TZ)
    for name, said in events.items():
        plain = calendars.hours(settings.class_from, settings.class_to, name)
        table = settings.calendars.get(name, CalendarTable())
        told = partial(wrong_event, name)
        found[name] = folder_ical.merged(found.get(name, plain), table, said, zone, told)
    return found


class _Reader:
    """One calendar being read."""

    def __init__(self, name: str, table: CalendarTable, settings: Settings, wrong: Wrong) -> None:
        self._name, self._table, self._settings, self._tell = name, table, settings, wrong

    def calendar(self) -> Calendar:
        """The calendar, with harmless values where the table is wrong."""
        table = self._table
        schedules = self._schedules()
        usual = table.usual or next(iter(schedules))
        names = [usual, *table.by_weekday.values(), *table.cycle]
        for name in dict.fromkeys(names):
            if name not in schedules:
                self._wrong(f"{shown(name)} is none of its bells: {', '.join(schedules)}")
        if any(name not in schedules for name in names):
            usual = next(iter(schedules))
            table = CalendarTable()
        if not (self._table.weekdays or self._table.also):
            self._wrong(
                "weekdays is empty, so that no day has school: name some, or days in also", "weekdays"
            )
        special = self._special(schedules)
        return Calendar(
            name=self._name,
            terms=self._terms(),
            weekdays=self._weekdays(self._table.weekdays),
            off=tuple(sorted(self._off().items())),
            also=self._table.also,
            schedules=tuple(schedules.items()),
            usual=usual,
            by_weekday=tuple(
                (n, says) for day, says in table.by_weekday.items() for n in self._weekdays((day,))
            ),
            cycle=self._cycle(table),
            cycle_from=table.cycle_from,
            special=tuple((day, schedules[says]) for day, says in special if says in schedules),
            early=tuple(
                (day, end) for day, says in special if says not in schedules and (end := _clock(says))
            ),
        )

    def _wrong(self, what: str, *path: str) -> None:
        self._tell(f"calendars.{self._name}: {what}", "calendars", self._name, *path)

    def _schedules(self) -> Mapping[str, tuple[Bell, ...]]:
        read = {name: self._bells(name, lines) for name, lines in self._table.bells.items()}
        quarters = calendars.quarters(self._settings.class_from, self._settings.class_to)
        return read or {"quarters": quarters}

    def _bells(self, name: str, lines: tuple[str, ...]) -> tuple[Bell, ...]:
        found = [bell for line in lines if (bell := self._bell(name, line))]
        if not lines:
            self._wrong(f"bells.{name} has no period", "bells", name)
        for before, after in pairwise(found):
            if after.since < before.until:
                self._wrong(
                    f"bells.{name}: {after.name} begins before {before.name} has ended", "bells", name
                )
        return tuple(found)

    def _bell(self, name: str, line: str) -> Bell | None:
        match = _BELL.match(line.strip())
        since, until = (_clock(text) for text in match.groups()[:2]) if match else (None, None)
        if not match or since is None or until is None:
            self._wrong(f"bells.{name}: {shown(line)} is no period, as '08:00-08:50 Period 1'", "bells", name)
            return None
        if until <= since:
            self._wrong(f"bells.{name}: {shown(line)} ends before it begins", "bells", name)
        if not _sayable(match[3]):
            self._wrong(
                f"bells.{name}: {shown(match[3])} is no name of at most {NAME_CHARS} characters",
                "bells",
                name,
            )
        return Bell(since, until, match[3])

    def _terms(self) -> tuple[Term, ...]:
        found = [
            Term(first, last) for text in self._table.terms for first, last, _ in self._days("terms", text)
        ]
        found.sort()
        for before, after in pairwise(found):
            if after.first <= before.last:
                self._wrong(
                    f"terms: the one from {after.first} begins before that from {before.first} has ended",
                    "terms",
                )
        return tuple(found)

    def _off(self) -> dict[date, str]:
        found: dict[date, str] = {}
        for text in self._table.holidays:
            for first, last, why in self._days("holidays", text):
                for n in range((last - first).days + 1):
                    found[first + timedelta(days=n)] = why
        return found

    def _days(self, setting: str, text: str) -> list[tuple[date, date, str]]:
        """What a text like `2026-11-25 to 2026-11-27 Thanksgiving` says; nothing where it is wrong."""
        match = _DAYS.match(text.strip())
        days = [day for day in map(_date, match.groups()[:2]) if day] if match else []
        if not match or len(days) != 1 + bool(match[2]) or not _sayable(match[3] or ""):
            self._wrong(
                f"{setting}: {shown(text)} is neither a day, as 2026-09-07, nor 2026-11-25 to 2026-11-27",
                setting,
            )
            return []
        if not 0 <= (days[-1] - days[0]).days < MOST_DAYS:
            self._wrong(
                f"{setting}: {shown(text)} ends before it begins, or after more than {MOST_DAYS} days",
                setting,
            )
            return []
        return [(days[0], days[-1], match[3] or "")]

    def _weekdays(self, names: tuple[str, ...]) -> tuple[int, ...]:
        for name in names:
            if name not in WEEKDAYS:
                self._wrong(f"{shown(name)} is no weekday; known: {', '.join(WEEKDAYS)}")
        return tuple(WEEKDAYS.index(name) for name in names if name in WEEKDAYS)

    def _cycle(self, table: CalendarTable) -> tuple[str, ...]:
        if table.cycle and not (table.cycle_from or table.terms):
            self._wrong("cycle wants terms, or cycle_from: the day on which it begins", "cycle")
            return ()
        return table.cycle

    def _special(self, schedules: Mapping[str, tuple[Bell, ...]]) -> list[tuple[date, str]]:
        """Single days, each with the name of a bell schedule or the time at which class ends."""
        found: dict[date, str] = {}
        for text, says in self._table.special.items():
            day = _date(text)
            if day is None:
                self._wrong(f"special: {shown(text)} is no day, as 2026-12-18", "special")
            elif says not in schedules and _clock(says) is None:
                self._wrong(
                    f"special: {shown(says)} is neither a time, as 12:30, nor one of its bells", "special"
                )
            else:
                found[day] = says
        return sorted(found.items())


def _date(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    return day if day and day.year in YEARS else None


def _clock(text: str) -> time | None:
    try:
        return time.fromisoformat(text) if _CLOCK.match(text) else None
    except ValueError:
        return None


def _sayable(text: str) -> bool:
    return printable(text) and len(text) <= NAME_CHARS
