"""A school district as its folder describes it: schools, lines, and where each box has stood since when.

Frozen data and a few questions to it. Place and period are computed when asked, so that a corrected
folder corrects the past too. What is dated by a day alone is known to the day: the day on which a line was
changed or a box was moved belongs to neither side.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cached_property
from typing import NamedTuple

import msgspec

from firstbell.calendar import NS, Calendar
from firstbell.circuits import Circuit, Kind, Lines, Role
from firstbell.district_settings import Budget, QuietTime, Settings, Thresholds
from firstbell.report import Medium
from firstbell.school import (
    DEFAULT_TZ,
    Period,
    School,
    class_spans,
    edges,
    is_school_day,
    local,
    midnight_ns,
    period_of,
    quiet_begins,
    school_days,
    slot_of,
    window_begins,
    zone,
)

__all__ = [
    "DEFAULT_TZ",
    "NS",
    "Budget",
    "Calendar",
    "Circuit",
    "District",
    "Kind",
    "Period",
    "QuietTime",
    "Role",
    "Room",
    "School",
    "Seat",
    "Settings",
    "Span",
    "Thresholds",
    "boxes_of",
    "class_spans",
    "edges",
    "find_school",
    "internet_of",
    "is_school_day",
    "local",
    "midnight_ns",
    "path_of",
    "period_of",
    "place_of",
    "quiet_at",
    "quiet_begins",
    "rooms_of",
    "school_days",
    "school_of",
    "schools_through",
    "seat_at",
    "seats_on",
    "slot_of",
    "stays",
    "whereabouts",
    "window_begins",
    "zone",
]  # fmt: skip
"""The one door to the district: others import these from here, wherever they are written."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A room of a school. `room` is what seats.csv calls it, `name` what people do.

    `seats` is how many people it seats, None where nobody entered it. `access_points` are the district's own
    names of those that serve it; two rooms that name the same one share it.
    """

    school: str
    room: str
    name: str = ""
    seats: int | None = None
    access_points: tuple[str, ...] = ()


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """Where a box stands since a day (None: always), and the line that it measures.

    `school` is "" for a box at the hub: it measures a line that schools share and stands in none of them.
    """

    agent: str
    school: str
    circuit: str
    room: str = ""
    since: date | None = None
    medium: Medium | None = None

    @property
    def place(self) -> str:
        """The room, or the box itself where no room is named: what "two places" are counted by."""
        return f"{self.school or self.circuit}/{self.room}" if self.room else self.agent


class District(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All of it. `digest` names the folder's contents; `examples` the numbers that nobody entered."""

    settings: Settings
    schools: tuple[School, ...]
    circuits: tuple[Circuit, ...]
    seats: tuple[Seat, ...] = ()
    rooms: tuple[Room, ...] = ()
    digest: str = ""
    examples: frozenset[str] = frozenset()

    @cached_property
    def lines(self) -> Lines:
        """The circuits, with what hangs on what."""
        return Lines(self.circuits)

    @cached_property
    def _agents(self) -> dict[str, dict[str, None]]:
        found: dict[str, dict[str, None]] = {}
        for seat in self.seats:
            found.setdefault(seat.school, {})[seat.agent] = None
        return found

    @cached_property
    def _schools(self) -> dict[str, School]:
        return {school.id: school for school in reversed(self.schools)}

    @cached_property
    def _rooms(self) -> dict[str, tuple[Room, ...]]:
        found: dict[str, list[Room]] = {}
        for room in self.rooms:
            found.setdefault(room.school, []).append(room)
        return {school: tuple(rooms) for school, rooms in found.items()}

    @cached_property
    def _stays(self) -> dict[str, "list[tuple[Seat, Span]]"]:
        found: dict[str, list[Seat]] = {}
        for seat in sorted(self.seats, key=lambda seat: seat.since or date.min):
            found.setdefault(seat.agent, []).append(seat)
        return {agent: _dated(self, seats) for agent, seats in found.items()}

    @cached_property
    def _spans(self) -> dict[str, "list[Span]"]:
        found: dict[str, list[Span]] = {}
        for agent in sorted(self._stays):
            for seat, span in self._stays[agent]:
                found.setdefault(seat.circuit, []).append(span)
        return found


class Span(NamedTuple):
    """A time in which a box stood on a line; `until_ns` is None while it still does."""

    agent: str
    since_ns: int
    until_ns: int | None


def quiet_at(district: District, school: School, at_ns: int) -> QuietTime | None:
    """The quiet time of the district that holds `at_ns` at the school, if one does."""
    if not district.settings.quiet:
        return None
    now = local(school, at_ns).replace(tzinfo=None)
    for quiet in district.settings.quiet:
        if quiet.since <= now < quiet.until and (not quiet.schools or school.id in quiet.schools):
            return quiet
    return None


SPLIT = "school.students"
"""Marked as an example where people are known, and nobody entered who of them is a student."""


def unsplit(district: District) -> frozenset[str]:
    """The schools whose people nobody has split into students and staff: all stand as students."""
    return frozenset(s.id for s in district.schools if {SPLIT, f"{SPLIT}:{s.id}"} & district.examples)


def school_of(district: District, school_id: str) -> School:
    """The school with this id. Raises LookupError that names those there are."""
    found = district._schools.get(school_id)  # noqa: SLF001 - the index is this file's
    if found:
        return found
    known = ", ".join(school.id for school in district.schools)
    raise LookupError(f"there is no school {school_id!r}; known: {known}")


_SHOWN = 12
"""So many schools are named to whoever asks for one that isn't there."""


def find_school(district: District, asked: str) -> School:
    """The one school that `asked` means: its id, its name, or what only one of these begins with.

    Raises LookupError that names what is near, or the first schools there are, or those between which it
    can't tell.
    """
    wanted = asked.strip().casefold()
    exact = [s for s in district.schools if wanted in {s.id.casefold(), s.name.casefold()}]
    found = exact or [s for s in district.schools if wanted and _begins(s, wanted)]
    if len(found) == 1:
        return found[0]
    trouble = "could be more than one school" if found else "is no school here"
    names = {name.casefold(): s for s in district.schools for name in (s.id, s.name)}
    near = [] if found else get_close_matches(wanted, names, n=1)
    if near:
        raise LookupError(f"{asked!r} {trouble}; did you mean {names[near[0]].id} ({names[near[0]].name})?")
    known = found or district.schools
    listed = ", ".join(f"{s.id} ({s.name})" for s in known[:_SHOWN])
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    raise LookupError(f"{asked!r} {trouble}; known: {listed}{more}")


def _begins(school: School, wanted: str) -> bool:
    return school.id.casefold().startswith(wanted) or school.name.casefold().startswith(wanted)


def rooms_of(district: District, school_id: str) -> tuple[Room, ...]:
    """The school's rooms, in the folder's order."""
    return district._rooms.get(school_id, ())  # noqa: SLF001


def path_of(district: District, school_id: str, day: date) -> tuple[Circuit, ...]:
    """The circuits through which the school's internet passes on `day`: its own first, the internet's last.

    Empty if no circuit serves it. Where a line on the way is out of use, the path ends before it. A backup
    stands in only where no other line is in use.
    """
    return district.lines.path(school_id, day)


def schools_through(district: District, circuit_id: str, day: date) -> tuple[str, ...]:
    """The ids of all schools whose path on `day` passes through the circuit."""
    return district.lines.through(circuit_id, day)


def internet_of(district: District, school_id: str, day: date) -> Circuit | None:
    """The line that carries the school's internet on `day`; None if no circuit does."""
    path = path_of(district, school_id, day)
    return path[-1] if path and path[-1].kind == "internet" else None


def stays(district: District, agent: str) -> list[tuple[Seat, Span]]:
    """Every seat that the box has had, with its time, the first one first.

    Nobody wrote down the hour of a move: on that day the box is nowhere, rather than in both places.
    """
    return district._stays.get(agent, [])  # noqa: SLF001


def _dated(district: District, mine: list[Seat]) -> list[tuple[Seat, Span]]:
    found = []
    for n, seat in enumerate(mine):
        school = _clock_of(district, seat)
        first = (seat.since + timedelta(days=1 if n else 0)) if seat.since else None
        last = mine[n + 1].since if n + 1 < len(mine) else None
        since_ns = midnight_ns(school, first) if first else 0
        found.append((seat, Span(seat.agent, since_ns, midnight_ns(school, last) if last else None)))
    return found


def _clock_of(district: District, seat: Seat) -> School:
    """The school whose days are the seat's; at the hub they are the district's."""
    if seat.school:
        return school_of(district, seat.school)
    return School(id="", name="", students=0, tz=district.settings.tz or DEFAULT_TZ)


def seat_at(stays: list[tuple[Seat, Span]], at_ns: int) -> Seat | None:
    """The one of a box's `stays` that holds `at_ns`."""
    for seat, span in stays:
        if span.since_ns <= at_ns and (span.until_ns is None or at_ns < span.until_ns):
            return seat
    return None


def place_of(district: District, agent: str, at_ns: int) -> Seat | None:
    """Where the box stood at `at_ns`; None before its first seat and on the day of a move."""
    return seat_at(stays(district, agent), at_ns)


def boxes_of(district: District, school_id: str) -> Iterable[str]:
    """Every box that stands in the school, or ever stood there, in the order of the folder."""
    return district._agents.get(school_id, ())  # noqa: SLF001


def seats_on(district: District, circuit_id: str) -> list[Span]:
    """Which boxes have measured the line, each with its times."""
    return district._spans.get(circuit_id, [])  # noqa: SLF001


def whereabouts(district: District, agent: str, at_ns: int) -> Seat | None:
    """Where people look for the box at `at_ns`: on the day of a move where it is going; None if nobody said.

    What a box of which this is None reports is kept; it counts once somebody enters its place.
    """
    now = [seat for seat, span in stays(district, agent) if span.until_ns is None or at_ns < span.until_ns]
    begun = seat_at(stays(district, agent), at_ns)
    moving = len(now) < len(stays(district, agent))
    return begun or (now[0] if now and moving else None)
