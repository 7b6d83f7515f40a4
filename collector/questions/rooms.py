"""All rooms that are measured, trouble first; and any other that somebody looks for."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from collector.questions import reached, room_words
from collector.questions.room import rooms_of
from collector.questions.sight import Sight, distance, everywhere, looks
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell import ladder
from firstbell.district import District, School
from firstbell.ladder import Seen
from firstbell.readiness import words

MOST = 400
"""So many rooms stand on the page at most; the search finds the others."""
State = Literal["trouble", "silent", "unknown", "fine", "open"]
_STATES: dict[Seen, State] = {
    Seen.ONLINE: "fine",
    Seen.GATEWAY: "fine",
    Seen.ONE_BOX: "fine",
    Seen.SILENT: "silent",
    Seen.NOTHING_KNOWN: "unknown",
    Seen.NO_BOX: "open",
}
_ORDER: tuple[State, ...] = ("trouble", "silent", "unknown", "fine", "open")

_WHOLE_SCHOOL = "silent with the whole school: its gateway doesn\u2019t answer either"


class RoomLine(msgspec.Struct, frozen=True, kw_only=True):
    """One room: how its boxes do. `open` is a room that nobody measures; `at_ns` its boxes' last word."""

    room: str
    state: State
    words: str
    at_ns: int | None


class SchoolRooms(msgspec.Struct, frozen=True, kw_only=True):
    """A school's rooms, trouble first. `unmeasured` rooms are left out unless they are looked for."""

    school: str
    school_name: str
    rooms: tuple[RoomLine, ...]
    unmeasured: int


class Rooms(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `q` is what was looked for; empty for all rooms with a box."""

    as_of_ns: int
    tz: str
    q: str
    sentence: str
    bold: str
    rest: str
    schools: tuple[SchoolRooms, ...]
    left_out: int
    simulated: bool = False


def ask(reads: Reads, folder: Folder, as_of_ns: int, q: str = "") -> Rooms:
    """Every room with a box, or those whose own or whose school's name holds `q`."""
    district, wanted = folder.district, q.strip().casefold()
    by_school: dict[str, list[Sight]] = {}
    for sight in everywhere(reads, district, as_of_ns):
        by_school.setdefault(sight.seat.school, []).append(sight)
    everyone = []
    for school in district.schools:
        rooms = _school(district, school, by_school.get(school.id, []))
        everyone.append(_with_its_gateway(reads, district, school, rooms, as_of_ns))
    kept = [found for each in everyone if (found := _wanted(each, wanted)).rooms]
    kept.sort(key=lambda school: (_ORDER.index(school.rooms[0].state), school.school_name))
    shown = list(_at_most(kept, MOST))
    bold, rest = _said(everyone, kept, wanted)
    return Rooms(
        as_of_ns=as_of_ns,
        tz=district.settings.tz or districts.DEFAULT_TZ,
        q=q.strip(),
        sentence=f"{bold} {rest}".strip(),
        bold=bold,
        rest=rest,
        schools=tuple(shown),
        simulated=district.settings.simulated,
        left_out=sum(len(each.rooms) for each in kept) - sum(len(each.rooms) for each in shown),
    )


def _school(district: District, school: School, found: Sequence[Sight]) -> SchoolRooms:
    """All rooms of a school."""
    rooms: dict[str, list[Sight]] = {name: [] for name in rooms_of(district, school.id)}
    for sight in found:
        rooms.setdefault(sight.room, []).append(sight)
    lines = [_line(name, stands) for name, stands in rooms.items()]
    lines.sort(key=lambda line: (_ORDER.index(line.state), distance("0", line.room)))
    return SchoolRooms(
        school=school.id,
        school_name=school.name,
        rooms=tuple(lines),
        unmeasured=sum(line.state == "open" for line in lines),
    )


def _with_its_gateway(
    reads: Reads, district: District, school: School, found: SchoolRooms, as_of_ns: int
) -> SchoolRooms:
    """Where every box of a school is silent, its gateway says whether that is the whole school's trouble."""
    if {line.state for line in found.rooms} - {"open"} != {"silent"}:
        return found
    if reached.gateway(reads, district, school, as_of_ns).answers is not False:
        return found
    whole = {"state": "trouble", "words": _WHOLE_SCHOOL}
    rooms = [
        msgspec.structs.replace(line, **(whole if line.state == "silent" else {})) for line in found.rooms
    ]
    return msgspec.structs.replace(found, rooms=tuple(rooms))


def _line(name: str, stands: Sequence[Sight]) -> RoomLine:
    seen = looks(stands)
    state = _STATES.get(ladder.seen_of(seen), "trouble")
    last = max((sight.last_ns for sight in stands if sight.last_ns is not None), default=None)
    return RoomLine(room=name, state=state, words=room_words.room_says(seen), at_ns=last)


def _wanted(school: SchoolRooms, wanted: str) -> SchoolRooms:
    """The school with the rooms to be shown."""
    all_of_it = bool(wanted) and wanted in school.school_name.casefold()
    rooms = tuple(
        line
        for line in school.rooms
        if (all_of_it or wanted in line.room.casefold() if wanted else line.state != "open")
    )
    return msgspec.structs.replace(school, rooms=rooms)


def _at_most(schools: Iterable[SchoolRooms], most: int) -> Iterable[SchoolRooms]:
    for school in schools:
        if most <= 0:
            return
        yield msgspec.structs.replace(school, rooms=school.rooms[:most])
        most -= len(school.rooms)


def _said(everyone: Sequence[SchoolRooms], kept: Sequence[SchoolRooms], wanted: str) -> tuple[str, str]:
    states = [line.state for school in everyone for line in school.rooms]
    measured, unmeasured = sum(state != "open" for state in states), states.count("open")
    if wanted:
        found = sum(len(school.rooms) for school in kept)
        return (f"{_rooms(found)} found." if found else "No such room."), ""
    if not measured:
        return "No room is measured yet.", "Plug a box in, or look for a room."
    trouble, silent = states.count("trouble"), states.count("silent")
    rest = f"{unmeasured:,} more have no box: the nearest one speaks for them." if unmeasured else ""
    if not trouble + silent:
        return f"All is well in {_rooms(measured)}.", rest
    told = [f"{_rooms(trouble)} in trouble" if trouble else "", f"{_rooms(silent)} silent" if silent else ""]
    return (
        f"{words.listed([part for part in told if part])},",
        f"of {measured:,} that are measured. {rest}".strip(),
    )


def _rooms(n: int) -> str:
    return words.count(n, "room")
