"""Wi-Fi by room, in its first form: rooms whose air carries a class, counted and not minimised.

A radio carries floor((most - idle) * rate * efficiency / rate of each) people at once (targets.md 4.3):
`most` is the share of time that a channel may be busy before it saturates, `idle` how busy it is when nobody
works, `rate` what a box in the room is sent with. A room carries its class if that is enough, and if the
channel is not above `most` already in class. Rooms without a box near are said, and count for nobody.
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
    """Weigh the rooms; `known` is how many the school has. None where no box saw any."""
    weighed = tuple(_weigh(room, numbers) for room in rooms if room.air)
    return Rooms(weighed, max(known, len(rooms))) if weighed else None


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
    enough = math.ceil(numbers.rooms_share.value * len(assessed) - 1e-9)
    answer = counted(
        link="wifi",
        name=NAME,
        counted_in=f"rooms that carry a class of {numbers.class_size.value:g}",
        people=people,
        have=good if assessed else None,
        need=enough or 1,
        fall=fall,
        just_short=numbers.just_short.value,
        sentence=_sentence(good, len(assessed), bad),
        note=_note(rooms.all, len(assessed), bad),
        working=_working(model, numbers),
    )
    return answer.of_all(rooms.all)


def carries(room: RoomAir, model: Model, numbers: Numbers) -> bool:
    """Whether the room's air carries its class, taught in this way."""
    if room.busy > numbers.air_busy.value:
        return False
    if room.rate_mbps is None:
        return True
    online = math.ceil((room.seats or numbers.class_size.value) * model.fullest_share.value)
    return people_at_once(room, model, numbers) >= online


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
    """In all 38 rooms checked; not assessed: 7 rooms."""
    missing = known - assessed
    rest = f"not assessed: {words.count(missing, 'room')}" if missing > 0 else ""
    if not assessed:
        return rest
    said = f"{len(bad)} of {assessed} checked can't carry a class: {_named(bad)}" if bad else _all(assessed)
    return "; ".join(filter(None, [said, rest]))


def _all(assessed: int) -> str:
    return "in the one room checked" if assessed == 1 else f"in all {assessed} rooms checked"


def _working(model: Model, numbers: Numbers) -> tuple[str, ...]:
    each, most, part = model.rate_mbps or numbers.rate_mbps, numbers.air_busy, numbers.air_efficiency
    size, share, online = numbers.class_size, numbers.rooms_share, model.fullest_share.value
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
    )
