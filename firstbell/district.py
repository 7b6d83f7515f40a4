"""A school district as its folder describes it: schools, lines, and where each box has stood since when.

Frozen data and a few questions to it. Place and period are computed when asked, so that a corrected
folder corrects the past too. What is dated by a day alone is known to the day: the day on which a line was
changed or a box was moved belongs to neither side.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from firstbell.report import Medium

NS = 1_000_000_000

NIGHT_ENDS = time(5, 0)
EVENING_BEGINS = time(18, 0)
"""Local times; between them and the hours of class lie "before school" and "late afternoon"."""
DEFAULT_TZ = "America/New_York"

Kind = Literal["internet", "wan"]
Role = Literal["primary", "backup"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What `district.toml` holds.

    `tz` is the time zone of schools that name none. `class_from` and `class_to` bound the hours of class.
    `examples` names the numbers that nobody entered, as `school.people` or `circuit.down_mbps`.
    """

    name: str = "District"
    tz: str = ""
    class_from: time = time(7, 30)
    class_to: time = time(15, 30)
    examples: tuple[str, ...] = ()


class School(msgspec.Struct, frozen=True, kw_only=True):
    """One school; `tz` and the hours of class are its own or the district's."""

    id: str
    name: str
    students: int
    staff: int = 0
    tz: str = DEFAULT_TZ
    class_from: time = time(7, 30)
    class_to: time = time(15, 30)

    @property
    def people(self) -> int:
        """Students and staff: the published targets count both (facts: targets.md 1.6)."""
        return self.students + self.staff


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """A line that somebody pays for. Speeds are the contract's, in Mbit/s; None where nobody knows.

    `since` is the day of its last change, `until` the last day on which it was in use.
    """

    id: str
    kind: Kind = "internet"
    role: Role = "primary"
    parent: str = ""
    down_mbps: float | None = None
    up_mbps: float | None = None
    since: date | None = None
    until: date | None = None
    schools: tuple[str, ...] = ()


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """Where a box stands since a day (None: always), and the line that it measures."""

    agent: str
    school: str
    circuit: str
    room: str = ""
    since: date | None = None
    medium: Medium | None = None

    @property
    def place(self) -> str:
        """The room, or the box itself where no room is named: what "two places" are counted by."""
        return f"{self.school}/{self.room}" if self.room else self.agent


class District(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `digest` names the folder's contents; `examples` the numbers that nobody entered."""

    settings: Settings
    schools: tuple[School, ...]
    circuits: tuple[Circuit, ...]
    seats: tuple[Seat, ...] = ()
    digest: str = ""
    examples: frozenset[str] = frozenset()


class Period(NamedTuple):
    """A stretch of a local day. `slot` is 0 for the night and 7 for the evening, on every day."""

    day: date
    slot: int
    name: str
    in_class: bool


class Span(NamedTuple):
    """A time in which a box stood on a line; `until_ns` is None while it still does."""

    agent: str
    since_ns: int
    until_ns: int | None


# --- time ---------------------------------------------------------------------------------------------

_NAMES = (
    "night",
    "before school",
    "class period 1",
    "class period 2",
    "class period 3",
    "class period 4",
    "late afternoon",
    "evening",
)
_FIRST_CLASS, _LAST_CLASS = 2, 5
_FRIDAY = 4


def zone(name: str) -> tzinfo:
    """The time zone called `name`. Raises LookupError or ValueError where this machine knows none such."""
    return UTC if name == "UTC" else ZoneInfo(name)


def local(school: School, at_ns: int) -> datetime:
    """The school's local time at `at_ns` (nanoseconds since 1970 UTC), to the second."""
    return datetime.fromtimestamp(at_ns // NS, zone(school.tz))


def midnight_ns(school: School, day: date) -> int:
    """When `day` begins at the school, in nanoseconds since 1970 UTC."""
    return int(datetime.combine(day, time(), zone(school.tz)).timestamp()) * NS


def is_school_day(day: date) -> bool:
    """Monday to Friday; holidays are not known yet."""
    return day.weekday() <= _FRIDAY


def school_days(day: date, step: int = 1) -> Iterator[date]:
    """`day` if it is a school day, and all school days after it; before it with `step` -1."""
    while True:
        if is_school_day(day):
            yield day
        day += timedelta(days=step)


def edges(school: School) -> tuple[time, ...]:
    """The local times at which the eight periods of a day begin; the hours of class fall into quarters."""
    start = datetime.combine(date.min, school.class_from)
    quarter = (datetime.combine(date.min, school.class_to) - start) / 4
    quarters = ((start + n * quarter).time() for n in range(5))
    return (time(), NIGHT_ENDS, *quarters, EVENING_BEGINS)


def period_of(school: School, at_ns: int) -> Period:
    """The period of the school's day that holds `at_ns`. Saturdays and Sundays are quiet all day."""
    now = local(school, at_ns)
    slot = sum(begins <= now.time() for begins in edges(school)) - 1
    daytime = _FIRST_CLASS <= slot <= _LAST_CLASS
    if is_school_day(now.date()):
        return Period(now.date(), slot, _NAMES[slot], in_class=daytime)
    name = f"weekend, daytime {slot - 1}" if daytime else f"weekend, {_NAMES[slot]}"
    return Period(now.date(), slot, name, in_class=False)


def quiet_begins(school: School, day: date) -> list[int]:
    """When each quiet period of the school day `day` begins, in nanoseconds since 1970 UTC."""
    return [
        int(datetime.combine(day, begins, zone(school.tz)).timestamp()) * NS
        for slot, begins in enumerate(edges(school))
        if not _FIRST_CLASS <= slot <= _LAST_CLASS
    ]


# --- schools, lines and boxes -------------------------------------------------------------------------


def school_of(district: District, school_id: str) -> School:
    """The school with this id. Raises LookupError that names those there are."""
    for school in district.schools:
        if school.id == school_id:
            return school
    known = ", ".join(school.id for school in district.schools)
    raise LookupError(f"there is no school {school_id!r}; known: {known}")


def find_school(district: District, asked: str) -> School:
    """The one school that `asked` means: its id, its name, or what only its name begins with.

    Raises LookupError that names the schools there are, or those between which it can't tell.
    """
    wanted = asked.strip().casefold()
    exact = [s for s in district.schools if wanted in {s.id.casefold(), s.name.casefold()}]
    found = exact or [s for s in district.schools if wanted and s.name.casefold().startswith(wanted)]
    if len(found) == 1:
        return found[0]
    trouble = "could be more than one school" if found else "is no school here"
    known = ", ".join(f"{s.id} ({s.name})" for s in found or district.schools)
    raise LookupError(f"{asked!r} {trouble}; known: {known}")


def internet_of(district: District, school_id: str, day: date) -> Circuit | None:
    """The line that carries the school's internet on `day`; None if no circuit does."""
    lines = [
        circuit
        for circuit in district.circuits
        if circuit.kind == "internet"
        and school_id in circuit.schools
        and (circuit.since is None or circuit.since <= day)
        and (circuit.until is None or day <= circuit.until)
    ]
    return min(lines, key=lambda circuit: circuit.role != "primary", default=None)


def stays(district: District, agent: str) -> list[tuple[Seat, Span]]:
    """Every seat that the box has had, with its time, the first one first.

    Nobody wrote down the hour of a move: on that day the box is nowhere, rather than in both places.
    """
    mine = sorted(
        (seat for seat in district.seats if seat.agent == agent), key=lambda seat: seat.since or date.min
    )
    found = []
    for n, seat in enumerate(mine):
        school = school_of(district, seat.school)
        first = (seat.since + timedelta(days=1 if n else 0)) if seat.since else None
        last = mine[n + 1].since if n + 1 < len(mine) else None
        since_ns = midnight_ns(school, first) if first else 0
        found.append((seat, Span(agent, since_ns, midnight_ns(school, last) if last else None)))
    return found


def seat_at(stays: list[tuple[Seat, Span]], at_ns: int) -> Seat | None:
    """The one of a box's `stays` that holds `at_ns`."""
    for seat, span in stays:
        if span.since_ns <= at_ns and (span.until_ns is None or at_ns < span.until_ns):
            return seat
    return None


def place_of(district: District, agent: str, at_ns: int) -> Seat | None:
    """Where the box stood at `at_ns`; None before its first seat and on the day of a move."""
    return seat_at(stays(district, agent), at_ns)


def seats_on(district: District, circuit_id: str) -> list[Span]:
    """Which boxes have measured the line, each with its times."""
    agents = sorted({seat.agent for seat in district.seats if seat.circuit == circuit_id})
    return [span for agent in agents for seat, span in stays(district, agent) if seat.circuit == circuit_id]
