"""Wi-Fi by room, in its first form: rooms whose air carries a class, counted and not minimised.

A radio carries floor((most - idle) * rate * efficiency / rate of each) people at once (targets.md 4.3):
`most` is the share of time that a channel may be busy before it saturates, `idle` how busy it is when nobody
works, `rate` what a box in the room is sent with. A room carries its class if that is enough, and if the
channel is not above `most` already in class. Rooms without a box near are said, and count for nobody: but
only from a share of the school's rooms on there is an answer for the school, whichever way it goes.
"""

import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from firstbell import stats
from firstbell.readiness import proof, words
from firstbell.readiness.links.answer import LinkAnswer, counted, sourced
from firstbell.readiness.models import Model, Numbers

NAME = "Wi-Fi by room"
_USUAL = 0.5
_NAMED = 6
_ROUNDING = 1e-9


class Air(NamedTuple):
    """One hour of the air in a room: the share of time in which the channel was busy, of 1."""

    day: date
    in_class: bool
    busy: float


class RoomSeen(NamedTuple):
    """What boxes in one room saw: the air by hours, and the rates they were sent with, in Mbit/s."""

    name: str
    seats: int | None
    air: Sequence[Air]
    rates_mbps: Sequence[float]


class RoomAir(NamedTuple):
    """One room weighed: how busy its air is, usually when idle and nearly always in class; the usual rate.

    `assessed`: by enough hours in class on enough days. `rate_mbps` is None where no box hangs on the Wi-Fi.
    """

    name: str
    seats: int | None
    idle: float
    busy: float
    rate_mbps: float | None
    assessed: bool


class Rooms(NamedTuple):
    """All rooms of a school that were looked at, and how many it has."""

    seen: tuple[RoomAir, ...]
    all: int


def look(rooms: Sequence[RoomSeen], known: int, numbers: Numbers) -> Rooms | None:
    """Weigh the rooms; `known` is how many the school has. None where no box saw any.

    A closet in which a box is on a cable is none of them, unless it was entered as a room.
    """
    weighed = tuple(_weigh(room, numbers) for room in rooms if room.air)
    return Rooms(weighed, max(known, len(weighed))) if weighed else None


def _weigh(room: RoomSeen, numbers: Numbers) -> RoomAir:
    lessons = [air for air in room.air if air.in_class]
    idle = [air.busy for air in room.air if not air.in_class]
    share = proof.usual_share(numbers)
    days = len({air.day for air in lessons})
    return RoomAir(
        name=room.name,
        seats=room.seats,
        idle=stats.nearest_rank(idle, _USUAL) if idle else 0.0,
        busy=stats.nearest_rank([air.busy for air in lessons], 1 - share) if lessons else 0.0,
        rate_mbps=stats.nearest_rank(room.rates_mbps, share) if room.rates_mbps else None,
        assessed=len(lessons) >= numbers.checks.value and days >= numbers.room_days.value,
    )


def judge(rooms: Rooms, model: Model, people: int, fall: int, numbers: Numbers) -> LinkAnswer:
    """The link's answer for one way of teaching; `fall` is the last that was asked for."""
    assessed = [room for room in rooms.seen if room.assessed]
    bad = [room for room in assessed if not carries(room, model, numbers)]
    good = len(assessed) - len(bad)
    least = _ceil(numbers.rooms_checked.value * rooms.all)
    told = bool(assessed) and len(assessed) >= least
    counted_of = max(len(assessed), least)
    note = _note(rooms.all, len(assessed), bad)
    if assessed and not told:
        note = f"{note}; an answer needs {least} checked"
    return counted(
        link="wifi",
        name=NAME,
        counted_in=f"rooms that carry their class, of {counted_of} checked",
        people=people,
        have=good if told else None,
        need=_ceil(numbers.rooms_share.value * counted_of) or 1,
        fall=fall,
        just_short=numbers.just_short.value,
        sentence=_sentence(good, len(assessed), bad),
        note=note,
        working=_working(rooms.seen, model, numbers),
    )


def _ceil(value: float) -> int:
    return math.ceil(value - _ROUNDING)


def carries(room: RoomAir, model: Model, numbers: Numbers) -> bool:
    """Whether the room's air carries its class, taught in this way."""
    if room.busy > numbers.air_busy.value:
        return False
    if room.rate_mbps is None:
        return True
    return people_at_once(room, model, numbers) >= online_at_once(room, model, numbers)


def online_at_once(room: RoomAir, model: Model, numbers: Numbers) -> int:
    """How many of the room's class are online in its fullest hour."""
    return math.ceil((room.seats or numbers.class_size.value) * model.fullest_share.value)


def people_at_once(room: RoomAir, model: Model, numbers: Numbers) -> int:
    """How many people one radio serves at once: n_air of targets.md 4.3."""
    each = (model.rate_mbps or numbers.rate_mbps).value
    free = max(0.0, numbers.air_busy.value - room.idle)
    return math.floor(free * (room.rate_mbps or 0.0) * numbers.air_efficiency.value / each + 1e-9)


def _sentence(good: int, assessed: int, bad: Sequence[RoomAir]) -> str:
    if not bad:
        return f"in all {words.count(assessed, 'room')} that were checked the air carries a class"
    return f"{good} of {words.count(assessed, 'checked room')} carry a class; {_named(bad)} can't"


def _named(rooms: Sequence[RoomAir]) -> str:
    names = [room.name for room in rooms[:_NAMED]]
    return words.listed([*names, f"{len(rooms) - _NAMED} more"] if len(rooms) > _NAMED else names)


def _note(known: int, assessed: int, bad: Sequence[RoomAir]) -> str:
    """38 of 38 checked rooms carry a class; 7 not checked."""
    if not assessed:
        return f"no room checked enough yet, of {known}"
    carry = "carries" if assessed == 1 else "carry"
    said = f"{assessed - len(bad)} of {words.count(assessed, 'checked room')} {carry} a class"
    cannot = f"{_named(bad)} can't" if bad else ""
    return "; ".join(
        filter(None, [said, cannot, f"{known - assessed} not checked" if known > assessed else ""])
    )


def _working(seen: Sequence[RoomAir], model: Model, numbers: Numbers) -> tuple[str, ...]:
    each, most, part = model.rate_mbps or numbers.rate_mbps, numbers.air_busy, numbers.air_efficiency
    size, share, online = numbers.class_size, numbers.rooms_share, model.fullest_share.value
    least = numbers.rooms_checked
    how = (
        f"A room carries its class if floor(({most.value:g} - busy when idle) {words.TIMES} rate of its box "
        f"{words.TIMES} {part.value:g} / {each.value:g} Mbit/s each) is at least its seats "
        f"{words.TIMES} {online:g}, and its channel is busy at most {most.value:g} of the time in three "
        "of four hours in class."
    )
    return (
        how,
        f"Busy at most {most.value:g}: {sourced(most)}.",
        f"Efficiency {part.value:g}: {sourced(part)}.",
        f"A class of {size.value:g} where a room's seats are not entered: {sourced(size)}.",
        f"Ready if {share.value:g} of the rooms checked carry theirs: {sourced(share)}.",
        f"Told from {least.value:g} of the school's rooms on: {sourced(least)}.",
        *(_room(room, model, numbers) for room in seen),
    )


def _room(room: RoomAir, model: Model, numbers: Numbers) -> str:
    """Room 204: channel busy 21 % in class and 9 % when idle; its box at 390 Mbit/s, ...: carries a class."""
    busy, idle = (f"{100 * share:.0f} %" for share in (room.busy, room.idle))
    air = f"{room.name}: channel busy {busy} in class and {idle} when idle"
    if not room.assessed:
        return f"{air}; too few hours in class, not counted."
    if room.rate_mbps is None:
        radio = "no box hangs on its Wi-Fi, so by its channel alone"
    else:
        radio = (
            f"a box at {words.mbit(words.number(room.rate_mbps))}, so enough for "
            f"{people_at_once(room, model, numbers)} at once of {online_at_once(room, model, numbers)}"
        )
    return f"{air}; {radio}: {'carries a class' if carries(room, model, numbers) else 'carries no class'}."
