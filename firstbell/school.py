"""A school, and its time: the days on which there is school, and the period in which a moment lies.

Computed when asked, from the calendar as it is now, so that a corrected bell corrects the past too.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from firstbell import calendar as calendars
from firstbell.calendar import NS, Calendar

DEFAULT_TZ = "America/New_York"
MOST_DAYS_OFF = 400
"""A calendar in which so many days follow each other without school has none behind them."""
_DAY = timedelta(days=1)


class School(msgspec.Struct, frozen=True, kw_only=True):
    """One school. `tz` and `calendar` are its own or the district's.

    `gateway` is the address of its router, which the collector itself tries; "" where nobody entered it.
    `model` is how it plans to teach; "" means the district's own way (`Settings.model`).
    """

    id: str
    name: str
    students: int
    staff: int = 0
    tz: str = DEFAULT_TZ
    calendar: Calendar = calendars.DEFAULT
    gateway: str = ""
    model: str = ""

    @property
    def people(self) -> int:
        """Students and staff: the published targets count both (facts: targets.md 1.6)."""
        return self.students + self.staff


class Period(NamedTuple):
    """A stretch of a local day.

    `slot` is one number for each time of day: 0 the night, 1 before school, from 2 on the periods of class,
    behind them late afternoon, evening, and the breaks between classes.
    """

    day: date
    slot: int
    name: str
    in_class: bool


def zone(name: str) -> tzinfo:
    """The time zone called `name`. Raises LookupError or ValueError where this machine knows none such."""
    return UTC if name == "UTC" else ZoneInfo(name)


def local(school: School, at_ns: int) -> datetime:
    """The school's local time at `at_ns` (nanoseconds since 1970 UTC), to the second."""
    return datetime.fromtimestamp(at_ns // NS, zone(school.tz))


def midnight_ns(school: School, day: date) -> int:
    """When `day` begins at the school, in nanoseconds since 1970 UTC."""
    return int(datetime.combine(day, time(), zone(school.tz)).timestamp()) * NS


def is_school_day(school: School, day: date) -> bool:
    """Whether the school's calendar has school on `day`."""
    return school.calendar.is_school_day(day)


def school_days(school: School, day: date, step: int = 1) -> Iterator[date]:
    """`day` if it is a school day, and all school days after it; before it with `step` -1.

    Ends with the last day (the first one) that the school's calendar knows, and after more than a year
    without school.
    """
    first, last = school.calendar.bounds
    day = max(day, first) if step > 0 else min(day, last)
    without = 0
    while first <= day <= last and without <= MOST_DAYS_OFF:
        without += 1
        if is_school_day(school, day):
            without = 0
            yield day
        if day in {date.min, date.max}:
            return
        day += timedelta(days=step)


def window_begins(school: School, today: date, days: int) -> date:
    """The first of the last `days` school days, `today` included.

    Where the calendar does not reach so far back, what lies before it is counted by weeks of five days:
    the first checks of a new year need not wait for it to grow old.
    """
    known = list(islice(school_days(school, today, -1), days))
    if len(known) == days:
        return known[-1]
    return next(
        islice(school_days(_PLAIN, (known[-1] - _DAY) if known else today, -1), days - len(known) - 1, None)
    )


_PLAIN = School(id="", name="", students=0)


def edges(school: School) -> tuple[time, ...]:
    """The local times at which the parts of a common day begin."""
    return tuple(part.since for part in calendars.stretches(school.calendar.usual_bells))


def period_of(school: School, at_ns: int) -> Period:
    """The period of the school's day that holds `at_ns`. Days without school are quiet all day."""
    now = local(school, at_ns)
    day, calendar = now.date(), school.calendar
    part = calendar.stretch_at(now)
    if calendar.is_school_day(day):
        return Period(day, part.slot, part.name, part.in_class)
    off = "weekend" if calendar.why_off(day) == "weekend" else "day off"
    name = f"daytime {part.slot - calendars.FIRST_CLASS + 1}" if part.in_class else part.name
    return Period(day, part.slot, f"{off}, {name}", in_class=False)


def class_spans(school: School, day: date) -> list[tuple[int, int, str]]:
    """The periods of class of `day`: begin and end (ns since 1970 UTC) and name; none on a day off.

    Exactly the moments that `period_of` calls class: on the day on which clocks change a period may be
    missing, shorter, or come twice.
    """
    if not is_school_day(school, day):
        return []
    where = zone(school.tz)
    return [
        (begin, end, bell.name)
        for bell in school.calendar.bells(day)
        for begin, end in calendars.on_the_clock(where, day, bell.since, bell.until)
    ]


def slot_of(school: School, day: date, name: str) -> int | None:
    """The number of the time of day that is called `name` on a school day; None where none is."""
    return next((part.slot for part in school.calendar.stretches(day) if part.name == name), None)


def quiet_begins(school: School, day: date) -> list[int]:
    """When each quiet period of `day` begins, were it a school day, in nanoseconds since 1970 UTC."""
    where = zone(school.tz)
    return [
        int(datetime.combine(day, part.since, where).timestamp()) * NS
        for part in school.calendar.stretches(day)
        if not part.in_class
    ]
