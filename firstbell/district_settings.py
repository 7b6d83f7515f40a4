"""What `district.toml` holds, as it stands there: texts that people write, not yet a calendar."""

from datetime import date, datetime, time
from typing import Annotated

import msgspec

from firstbell.calendar import CLASS_FROM, CLASS_TO

DEFAULT_MODEL = "flex"


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Where a number begins to mean something.

    Counts of people's devices below `count` are not shown. A box of which nothing was heard for
    `silent_after_s` seconds is silent.
    """

    count: Annotated[int, msgspec.Meta(ge=5, le=1000)] = 10
    silent_after_s: Annotated[int, msgspec.Meta(ge=120, le=86_400)] = 900


class QuietTime(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which nothing loads a line: local times of the schools, `until` not included.

    `schools` are ids; empty: all of them.
    """

    since: datetime
    until: datetime
    why: str = ""
    schools: tuple[str, ...] = ()


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What heavy tests may take of the line at each school (and at each line with a box at the hub).

    A quarter of it is for weekly tests, the rest for those of each period.

    In seconds of the line and in bytes both ways together, on a day and in a calendar month; 0 in any of them
    means no heavy tests.
    """

    day_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 900
    day_bytes: Annotated[int, msgspec.Meta(ge=0)] = 8_000_000_000
    month_seconds: Annotated[int, msgspec.Meta(ge=0, le=31 * 86_400)] = 54_000
    month_bytes: Annotated[int, msgspec.Meta(ge=0)] = 240_000_000_000


class CalendarTable(msgspec.Struct, frozen=True, kw_only=True):
    """One `[calendars.NAME]`; `firstbell.folder_calendars` makes a `Calendar` of it.

    A stretch of days is written `2026-11-25 to 2026-11-27`, a bell `08:00-08:50 Period 1`.
    """

    terms: tuple[str, ...] = ()
    weekdays: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri")
    holidays: tuple[str, ...] = ()
    also: tuple[date, ...] = ()
    bells: dict[str, tuple[str, ...]] = {}
    usual: str = ""
    by_weekday: dict[str, str] = {}
    cycle: tuple[str, ...] = ()
    cycle_from: date | None = None
    special: dict[str, str] = {}
    days_off_say: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What `district.toml` holds.

    `tz` is the time zone of schools that name none, `model` the way of teaching of schools that name none.
    `class_from` and `class_to` bound the hours of class of schools without bells. `simulated`: nothing here
    was measured anywhere, and every page says so. `examples` names the numbers that nobody entered, as
    `school.people` or `circuit.down_mbps`, or of one alone `school.people:lincoln-high`.
    """

    name: str = "District"
    tz: str = ""
    class_from: time = CLASS_FROM
    class_to: time = CLASS_TO
    model: str = DEFAULT_MODEL
    simulated: bool = False
    examples: tuple[str, ...] = ()
    thresholds: Thresholds = Thresholds()
    budget: Budget = Budget()
    quiet: tuple[QuietTime, ...] = ()
    calendars: dict[str, CalendarTable] = {}
