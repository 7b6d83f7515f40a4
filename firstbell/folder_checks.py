"""What no line of a district folder can know of itself: doubles, references to nothing, lines in a circle."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

import msgspec

from firstbell import tables
from firstbell.district import Circuit, Room, School, Seat, Settings
from firstbell.folder_calendars import Wrong
from firstbell.tables import Row

T = TypeVar("T")

DISTRICT, SCHOOLS, CIRCUITS, ROOMS, SEATS = FILES = (
    "district.toml",
    "schools.csv",
    "circuits.csv",
    "rooms.csv",
    "seats.csv",
)
MOST_BEHIND = 20
"""A line that leads through more others is a slip: five are a long way."""
_Rows = list[tuple[T, Row]]


class Found(NamedTuple):
    """What the lines of the tables say, each with its line."""

    schools: _Rows[School]
    circuits: _Rows[Circuit]
    rooms: _Rows[Room]
    seats: _Rows[Seat]


def check(found: Found, settings: Settings, broken: Collection[str], wrong: Wrong) -> list[Seat]:
    """Tell everything that is wrong between the lines; the seats, each with its line.

    What refers to a file in `broken` is left in peace. `wrong` takes what is wrong in district.toml.
    """
    _doubles(found.schools, lambda school: school.id, "id")
    # One router answers for one school: as a second one's it would say what nobody has seen there.
    guarded = [(school, row) for school, row in found.schools if school.gateway]
    _doubles(guarded, lambda school: school.gateway.casefold(), "the gateway")
    _doubles(found.circuits, lambda circuit: circuit.id, "id")
    _doubles(found.rooms, lambda room: f"{room.room} of {room.school}", "the room")
    _doubles(found.seats, lambda seat: f"{seat.agent} since {seat.since or 'ever'}", "the box")
    if SCHOOLS not in broken:
        _schools_are_known(found, settings, wrong)
    if CIRCUITS in broken:
        return [seat for seat, _ in found.seats]
    _parents(found.circuits)
    _one_line_each(found.circuits)
    owned, reach = _owned(found.circuits), _reach(found.circuits)
    return [_line_of(seat, row, owned, reach) for seat, row in found.seats]


def _schools_are_known(found: Found, settings: Settings, wrong: Wrong) -> None:
    known = {school.id for school, _ in found.schools}
    for circuit, row in found.circuits:
        for school in circuit.schools:
            _known(row, "schools", school, known, SCHOOLS)
    for room, row in found.rooms:
        _known(row, "school", room.school, known, SCHOOLS)
    for seat, row in found.seats:
        _known(row, "school", seat.school, known, SCHOOLS)
    lines = {circuit.id for circuit, _ in found.circuits}
    for name in settings.examples:
        kind, _, whose = name.partition(":")
        if whose and whose not in (known if kind.startswith("school.") else lines):
            wrong(f"examples: {tables.shown(name)} is of none that the folder has", "examples")
    for n, quiet in enumerate(settings.quiet, 1):
        for name in quiet.schools:
            if name not in known:
                what = f"quiet: schools names {tables.shown(name)}, which is not in {SCHOOLS}"
                wrong(what, f"quiet[{n}]", "schools")


def _parents(circuits: _Rows[Circuit]) -> None:
    """A parent is another line, and no line leads back to itself, or through more than anybody has."""
    parents = {circuit.id: circuit.parent for circuit, _ in circuits}
    leading = set(parents.values())
    for circuit, row in circuits:
        if circuit.parent == circuit.id:
            row.wrong("parent names the line itself")
        else:
            _known(row, "parent", circuit.parent, parents, CIRCUITS)
            _leads_out(circuit, row, parents)
        if not circuit.schools and circuit.id not in leading:
            row.wrong("schools is empty, and no other line has this one as its parent")


def _leads_out(circuit: Circuit, row: Row, parents: Mapping[str, str]) -> None:
    behind = list(_behind(circuit, parents))
    if circuit.id in behind:
        row.wrong(f"the line {circuit.id} leads back to itself, by way of {circuit.parent}")
    elif len(behind) == MOST_BEHIND and parents[behind[-1]] not in {"", *behind}:
        row.wrong(f"the line {circuit.id} leads through more than {MOST_BEHIND} others")


def _behind(circuit: Circuit, parents: Mapping[str, str]) -> Iterator[str]:
    """The lines through which a line leads, as many as there may be, itself the last where it leads back."""
    at = circuit.id
    for _ in range(MOST_BEHIND):
        at = parents[at]
        if at not in parents:
            return
        yield at
        if at == circuit.id:
            return


def _reach(circuits: _Rows[Circuit]) -> dict[str, set[str]]:
    """The schools that each line serves at any time, those behind other lines included."""
    parents = {circuit.id: circuit.parent for circuit, _ in circuits}
    found: dict[str, set[str]] = {circuit: set() for circuit in parents}
    for circuit, _ in circuits:
        for line in (circuit.id, *_behind(circuit, parents)):
            found[line].update(circuit.schools)
    return found


def _owned(circuits: _Rows[Circuit]) -> dict[str, list[str]]:
    """Each school's own lines that are no backup."""
    found: dict[str, list[str]] = {}
    for circuit, _ in circuits:
        if circuit.role == "primary":
            for school in circuit.schools:
                found.setdefault(school, []).append(circuit.id)
    return found


def _line_of(
    seat: Seat, row: Row, owned: Mapping[str, Sequence[str]], reach: Mapping[str, Collection[str]]
) -> Seat:
    """The seat with the line that it measures, which it need not name where there is no doubt."""
    if seat.circuit:
        _known(row, "circuit", seat.circuit, reach, CIRCUITS)
        if seat.school and seat.circuit in reach and seat.school not in reach[seat.circuit]:
            row.wrong(f"the line {seat.circuit} does not serve the school {seat.school}")
        return seat
    if not seat.school:
        row.wrong("names neither a school nor a circuit")
        return seat
    own = owned.get(seat.school, [])
    if len(own) == 1:
        return msgspec.structs.replace(seat, circuit=own[0])
    row.wrong(f"circuit is empty, and the school {seat.school} has {len(own) or 'no'} lines of its own")
    return seat


def _doubles(rows: _Rows[T], key: Callable[[T], str], what: str) -> None:
    first: dict[str, int] = {}
    for item, row in rows:
        name = key(item)
        if name in first:
            row.wrong(f"{what} {name} stands already in line {first[name]}")
        first.setdefault(name, row.line)


def _known(row: Row, column: str, name: str, known: Collection[str], file: str) -> None:
    if name and name not in known:
        row.unknown(column, name, known, file)


def _one_line_each(circuits: _Rows[Circuit]) -> None:
    """A school has one line of its own of a kind at a time that is not a backup."""
    mine: dict[tuple[str, str], list[tuple[date, date, str, Row]]] = {}
    for circuit, row in circuits:
        if circuit.role == "primary":
            begins, ends = circuit.since or date.min, circuit.until or date.max
            for school in circuit.schools:
                mine.setdefault((school, circuit.kind), []).append((begins, ends, circuit.id, row))
    for (school, _), lines in mine.items():
        lines.sort(key=lambda line: line[:2])
        _, last, name, _ = lines[0]
        for begins, ends, other, row in lines[1:]:
            if begins <= last:
                what = f"{tables.shown(school)} has the line {name} at the same time"
                row.wrong(f"{what}; make one of them the backup, or give it an until")
            if ends > last:
                last, name = ends, other
