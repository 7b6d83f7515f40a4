"""One room at 7:40: is it the room, the building, the line or only our box? And where to look."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import tzinfo

import msgspec

from collector.questions import ladders, reached, room_words
from collector.questions.ask import QuestionError
from collector.questions.ladders import Ladder
from collector.questions.room_past import last_good, last_trouble, same_period
from collector.questions.room_words import Scene
from collector.questions.sight import Sight, air_of, distance, looks, sights
from collector.registry import Folder, targets
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell import ladder
from firstbell.district import NS, District, School
from firstbell.ladder import Look, Seen, Sign, State, Where
from firstbell.readiness import words

NEAREST = 3
"""So many boxes are asked to check when none is in the room."""
_MOST_NEIGHBOURS = 8
_OTHERS_ASKED = 20
_OTHERS_PAST_NS = 7 * 86_400 * NS
_LONGEST_NAME = 60


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One of the four places, and what is known of it; `it` is where the trouble is."""

    name: str
    state: State
    it: bool


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """Another room of the school. `at_ns` is its box's last word; None where it has none."""

    room: str
    fine: bool
    measured: bool
    words: str
    at_ns: int | None


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `sentence` is `bold` and `rest` together; `since_ns` when the trouble began, if known.

    `near` are the boxes that "check now" asks, those of `near_room`; none where no box is near.
    `checked_ns` is when these looked last by their clocks; `heard_ns` when the last look of the one that
    was heard longest ago arrived here.
    `last_good` and `same_period` are sentences, empty where nothing is known.
    """

    school: str
    school_name: str
    room: str
    as_of_ns: int
    tz: str
    where: Where
    sentence: str
    bold: str
    rest: str
    lede: str
    since_ns: int | None
    places: tuple[Place, ...]
    boxes: tuple[str, ...]
    near_room: str
    near: tuple[str, ...]
    ladders: tuple[Ladder, ...]
    neighbours: tuple[Neighbour, ...]
    last_good: str
    same_period: str
    access_points: tuple[str, ...]
    notes: tuple[str, ...]
    checked_ns: int | None
    heard_ns: int | None
    simulated: bool = False


def ask(reads: Reads, folder: Folder, school: str, room: str, as_of_ns: int) -> Room:
    """The room as the journal knows it at `as_of_ns`. Raises QuestionError for a room that is none."""
    district = folder.district
    at = find(district, school)
    named = _room_named(district, at, room)
    found = sights(reads, district, at.id, as_of_ns)
    return _answer(reads, district, at, named, found, as_of_ns)


def find(district: District, school: str) -> School:
    """The school that is meant. Raises QuestionError."""
    try:
        return districts.find_school(district, school)
    except LookupError as error:
        raise QuestionError(str(error)) from error


def rooms_of(district: District, school_id: str) -> list[str]:
    """Every room of a school that the folder names: in rooms.csv, or because a box has stood there."""
    named = [room.room for room in districts.rooms_of(district, school_id)]
    named += [seat.room or seat.agent for seat in district.seats if seat.school == school_id]
    return sorted(dict.fromkeys(named), key=lambda room: distance("0", room))


def _room_named(district: District, school: School, asked: str) -> str:
    """The room that is meant, by its number or by the name that is shown. Without a list any may be asked."""
    known, wanted = rooms_of(district, school.id), asked.strip()
    entered = districts.rooms_of(district, school.id)
    called = {room.name.casefold(): room.room for room in entered} | {room.casefold(): room for room in known}
    if wanted.casefold() in called:
        return called[wanted.casefold()]
    if not 0 < len(wanted) <= _LONGEST_NAME or entered:
        shown = wanted[:_LONGEST_NAME]
        near = difflib.get_close_matches(shown.casefold(), called, n=1)
        hint = f"did you mean {called[near[0]]}?" if near else f"known: {', '.join(known)}"
        raise QuestionError(f"{school.name} has no room {shown!r}; {hint}")
    return wanted


def _answer(
    reads: Reads, district: District, school: School, room: str, found: Sequence[Sight], as_of_ns: int
) -> Room:
    zone = districts.zone(school.tz)
    seen = looks(found)
    gateway = reached.gateway(reads, district, school, as_of_ns).answers
    verdict = ladder.judge(
        room, seen, gateway_answers=gateway, others_talk=_others_talk(reads, district, school.id, as_of_ns)
    )
    here = [
        sight for sight in found if sight.room == room and sight.last_ns is not None and not sight.doubted
    ]
    near = _near(room, here, found)
    since = since_of(verdict, here or near, found)
    places = [(name, getattr(verdict, key)) for name, key in _PLACES]
    aps = _access_points(district, school.id, room)
    said = room_words.say(
        Scene(
            school=school.name,
            room=room,
            verdict=verdict,
            here=here,
            since_ns=since,
            as_of_ns=as_of_ns,
            zone=zone,
            fine=_said(verdict.seen, seen, room, Sign.GOOD),
            same=_said(verdict.seen, seen, room, Sign.BAD),
            nearest=near[0].room if near else "",
            nearest_says=_nearest_says(near),
            access_points=aps,
            gateway_answers=gateway,
            last_trouble=last_trouble(here, as_of_ns, zone),
            alone=len(found) == 1,
            stuck=_stuck(here),
            full_air=_full_air(here),
        )
    )
    return Room(
        school=school.id,
        school_name=school.name,
        room=room,
        simulated=district.settings.simulated,
        as_of_ns=as_of_ns,
        tz=school.tz,
        where=verdict.where,
        sentence=f"{said.bold} {said.rest}".strip(),
        bold=said.bold,
        rest=said.rest.strip(),
        lede=said.lede,
        since_ns=since,
        places=tuple(
            Place(name=name, state=state, it=_is_it(name, state, verdict.where)) for name, state in places
        ),
        boxes=tuple(sight.agent for sight in found if sight.room == room),
        near_room=near[0].room if near else "",
        near=tuple(sight.agent for sight in near),
        ladders=tuple(made for sight in here or near[:1] for made in ladders.of(sight, since, zone)),
        neighbours=_neighbours(rooms_of(district, school.id), room, seen, found),
        last_good=last_good(reads, here, since, zone, wifi=verdict.seen is Seen.NO_WIFI),
        same_period=same_period(reads, school, here, as_of_ns),
        access_points=aps,
        notes=_notes(found, room),
        checked_ns=max((sight.last_ns or 0 for sight in near), default=None),
        heard_ns=min((sight.heard_ns or 0 for sight in near), default=None),
    )


_PLACES = (("our box", "box"), ("the room", "room"), ("the building", "building"), ("the line", "line"))


def _is_it(name: str, state: State, where: Where) -> bool:
    return state is State.TROUBLE or (name == "our box" and where is Where.BOX)


def since_of(verdict: ladder.Verdict, here: Sequence[Sight], found: Sequence[Sight]) -> int | None:
    """Since when the trouble of a verdict is known; None where there is none, or nobody knows."""
    if verdict.where in {Where.FINE, Where.NOBODY} or verdict.seen is Seen.NOTHING_KNOWN:
        return None
    if verdict.where in {Where.SCHOOL, Where.DEAF} or verdict.seen is Seen.SILENT:
        silent = here if verdict.where is Where.BOX else found
        began = [sight.silent_ns for sight in silent if sight.silent_ns is not None]
        return (max(began) if verdict.where in {Where.SCHOOL, Where.DEAF} else min(began)) if began else None
    if verdict.seen is Seen.NO_WIFI:
        began = [sight.wifi_failed_ns for sight in here if sight.wifi_failed_ns is not None]
        return min([*began, *(s.cut.since_ns for s in here if s.cut and s.by_wifi)], default=None)
    return min((sight.cut.since_ns for sight in here if sight.cut), default=None)


def _others_talk(reads: Reads, district: District, school_id: str, as_of_ns: int) -> bool | None:
    """Whether a box of another school is heard; of a large district the ones that were heard last."""
    theirs = {seat.agent for seat in district.seats if seat.school != school_id}
    heard = sorted((box for box in reads.boxes() if box.agent in theirs), key=lambda box: -box.last_ns)
    asked = [(box.agent, 0, None) for box in heard[:_OTHERS_ASKED]]
    silences = reads.silences(asked, as_of_ns - _OTHERS_PAST_NS, as_of_ns)
    silent = {silence.agent for silence in silences if silence.open}
    return len(silent) < len(asked) if asked else None


def _near(room: str, here: Sequence[Sight], found: Sequence[Sight]) -> list[Sight]:
    """The boxes to ask: those of the room, else those of the nearest room that talks, else that has any."""
    if here:
        return list(here)
    rest = [sight for sight in found if sight.last_ns is not None and not sight.doubted]
    rooms = sorted({sight.room for sight in rest}, key=lambda other: distance(room, other))
    talking = [other for other in rooms if any(s.silent_ns is None for s in rest if s.room == other)]
    nearest = next(iter(talking or rooms), None)
    return [sight for sight in rest if sight.room == nearest][:NEAREST]


def _nearest_says(near: Sequence[Sight]) -> str:
    said = room_words.room_says(looks(near)) if near else ""
    if said == room_words.NOTHING_KNOWN:
        return "of it nothing is known"
    return f"it is {said}" if said and not said.startswith(("can", "does")) else f"it {said}"


def _by_room(seen: Iterable[Look]) -> dict[str, list[Look]]:
    found: dict[str, list[Look]] = {}
    for look in seen:
        found.setdefault(look.room, []).append(look)
    return found


def _said(seen: Seen, looked: Sequence[Look], room: str, wanted: Sign) -> list[str]:
    """The other rooms that have the trouble (BAD) or have it not (GOOD), the nearest first."""
    rooms = _by_room(looked)
    here = rooms.pop(room, [])
    told = [other for other, found in rooms.items() if ladder.says(seen, here, found) is wanted]
    return sorted(told, key=lambda other: distance(room, other))


def _stuck(here: Sequence[Sight]) -> str:
    return next((sight.agent for sight in here if sight.cut and sight.silent_ns is None), "")


def _full_air(here: Sequence[Sight]) -> str:
    """`91 % busy, where a class wants at most 50 %`; "" where the air has room."""
    seen = [air[0] for sight in here if sight.silent_ns is None and (air := air_of(sight))]
    busy = max(seen, default=0.0)
    if not ladders.is_full(busy):
        return ""
    most = f"{100 * targets().numbers.air_busy.value:.0f}{words.NBSP}%"
    return f"{ladders.percent(busy)}, where a class wants at most {most}"


def _access_points(district: District, school_id: str, room: str) -> tuple[str, ...]:
    known = (each for each in districts.rooms_of(district, school_id) if each.room == room)
    return next((each.access_points for each in known), ())


def _neighbours(
    rooms: Sequence[str], room: str, seen: Sequence[Look], found: Sequence[Sight]
) -> tuple[Neighbour, ...]:
    others = _by_room(seen)
    nearest = sorted((other for other in rooms if other != room), key=lambda other: distance(room, other))
    made = []
    for other in nearest:
        last = max((s.last_ns for s in found if s.room == other and s.last_ns is not None), default=None)
        mine = others.get(other, [])
        says = room_words.room_says(mine)
        if not mine:
            near = next((r for r in sorted(others, key=lambda r: distance(other, r))), "")
            says = f"not measured: the nearest box is in {near}" if near else "not measured"
        fine = ladder.seen_of(mine) in {Seen.ONLINE, Seen.GATEWAY, Seen.ONE_BOX}
        made.append(Neighbour(room=other, fine=fine, measured=bool(mine), words=says, at_ns=last))
    # Rooms with boxes come before rooms without where not all can be shown.
    kept = sorted(made, key=lambda neighbour: not neighbour.measured)[:_MOST_NEIGHBOURS]
    return tuple(neighbour for neighbour in made if neighbour in kept)


def _notes(found: Sequence[Sight], room: str) -> tuple[str, ...]:
    mine = [sight for sight in found if sight.room == room]
    notes = [
        f"Two boxes call themselves {s.agent}: nothing that either says counts." for s in mine if s.doubted
    ]
    notes += [f"Box {s.agent} stands here and has never called." for s in mine if s.last_ns is None]
    return tuple(notes)


def zone_of(answer: Room) -> tzinfo:
    """Whose clock the answer's times are shown by."""
    return districts.zone(answer.tz)
