"""Is it the room, the building, the line or only our box? A pure table over what boxes saw last.

The steps are those that a device takes: Wi-Fi or cable, gateway, names, internet. Nobody is accused on one
box's word where it takes two to tell: a room needs another room that is fine, a building two rooms with the
same trouble, and what is not known is called so.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

TOGETHER_NS = 900 * 1_000_000_000
"""Boxes that fell silent within a quarter of an hour of each other fell silent together."""


class Sign(StrEnum):
    """What was seen of one step."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


class Look(NamedTuple):
    """What one box saw last.

    `gateway` is BAD only where it is known to answer else. `by_names`: the internet failed, and for want of
    names alone. `silent_ns` is since when nothing of the box is here; None while it talks. `by_wifi`: it
    has no cable, so that its silence may be the Wi-Fi's.
    """

    box: str
    room: str
    wifi: Sign = Sign.UNKNOWN
    gateway: Sign = Sign.UNKNOWN
    internet: Sign = Sign.UNKNOWN
    by_names: bool = False
    silent_ns: int | None = None
    by_wifi: bool = False

    @property
    def talks(self) -> bool:
        """Whether it is heard."""
        return self.silent_ns is None


class Seen(StrEnum):
    """How far the boxes of a room get, all of them together."""

    NO_BOX = "no_box"
    SILENT = "silent"
    NOTHING_KNOWN = "nothing_known"
    GATEWAY = "gateway"
    """The gateway answers; nobody asked the internet."""
    ONLINE = "online"
    NO_WIFI = "no_wifi"
    """Online by cable, and the Wi-Fi does not carry; or stuck by Wi-Fi alone, where no more can be said."""
    ONE_BOX = "one_box"
    """One box is stuck where another one of the same room, on the same medium, gets through."""
    NO_INTERNET = "no_internet"
    """The gateway answers and the internet does not."""
    NO_NAMES = "no_names"
    """The internet fails, and for want of names alone."""
    NO_GATEWAY = "no_gateway"
    """Not even the gateway answers, which else does."""
    CUT = "cut"
    """The internet does not answer, and whether the gateway does can't be told."""


class Elsewhere(StrEnum):
    """What the school's other rooms say to the trouble of this one."""

    FINE = "fine"
    """At least one has it not, and none has it."""
    SAME = "same"
    """At least one has it, and none has it not."""
    BOTH = "both"
    NOBODY = "nobody"
    """No other room can tell."""


class Where(StrEnum):
    """The verdict."""

    FINE = "fine"
    BOX = "box"
    ROOM = "room"
    BUILDING = "building"
    LINE = "line"
    SCHOOL = "school"
    """The whole school is silent: power or the line."""
    DEAF = "deaf"
    """Nothing arrives from any school: our own collector or broker."""
    NOBODY = "nobody"
    """No box is in the room, and the others know of no trouble that it must share."""
    UNKNOWN = "unknown"
    """There is trouble, and where can't be told from here."""


class State(StrEnum):
    """One of the four places."""

    FINE = "fine"
    TROUBLE = "trouble"
    SILENT = "silent"
    NONE = "none here"
    UNKNOWN = "not known"


class Verdict(NamedTuple):
    """Where the trouble is, and what is known of our box, the room, the building and the line."""

    where: Where
    box: State
    room: State
    building: State
    line: State
    seen: Seen
    elsewhere: Elsewhere


class _Row(NamedTuple):
    """A verdict with what follows from it; the line is fine only where somebody shows it."""

    where: Where
    room: State
    building: State


_F, _T, _U = State.FINE, State.TROUBLE, State.UNKNOWN
_FINE = _Row(Where.FINE, _F, _F)
_ONE_BOX = _Row(Where.BOX, _F, _F)
_ROOM = _Row(Where.ROOM, _T, _F)
_SEVERAL_ROOMS = _Row(Where.BUILDING, _U, _T)
_LINE = _Row(Where.LINE, _F, _F)
_NOT_THE_ROOM = _Row(Where.UNKNOWN, _F, _U)
_NO_WORD = _Row(Where.UNKNOWN, _U, _U)

TABLE: dict[tuple[Seen, Elsewhere], _Row] = {
    (Seen.ONLINE, Elsewhere.NOBODY): _FINE,
    (Seen.ONE_BOX, Elsewhere.NOBODY): _ONE_BOX,
    (Seen.GATEWAY, Elsewhere.FINE): _FINE,
    (Seen.GATEWAY, Elsewhere.NOBODY): _FINE,
    (Seen.NO_WIFI, Elsewhere.FINE): _ROOM,
    (Seen.NO_WIFI, Elsewhere.BOTH): _SEVERAL_ROOMS,
    (Seen.NO_WIFI, Elsewhere.SAME): _SEVERAL_ROOMS,
    (Seen.NO_WIFI, Elsewhere.NOBODY): _NO_WORD,
    (Seen.NO_INTERNET, Elsewhere.FINE): _ROOM,
    (Seen.NO_INTERNET, Elsewhere.BOTH): _SEVERAL_ROOMS,
    (Seen.NO_INTERNET, Elsewhere.SAME): _LINE,
    (Seen.NO_INTERNET, Elsewhere.NOBODY): _LINE,
    (Seen.NO_NAMES, Elsewhere.FINE): _ROOM,
    (Seen.NO_NAMES, Elsewhere.BOTH): _SEVERAL_ROOMS,
    (Seen.NO_NAMES, Elsewhere.SAME): _NOT_THE_ROOM,
    (Seen.NO_NAMES, Elsewhere.NOBODY): _NO_WORD,
    (Seen.NO_GATEWAY, Elsewhere.FINE): _ROOM,
    (Seen.NO_GATEWAY, Elsewhere.BOTH): _SEVERAL_ROOMS,
    (Seen.NO_GATEWAY, Elsewhere.SAME): _SEVERAL_ROOMS,
    (Seen.NO_GATEWAY, Elsewhere.NOBODY): _NO_WORD,
    (Seen.CUT, Elsewhere.FINE): _ROOM,
    (Seen.CUT, Elsewhere.BOTH): _SEVERAL_ROOMS,
    (Seen.CUT, Elsewhere.SAME): _NOT_THE_ROOM,
    (Seen.CUT, Elsewhere.NOBODY): _NO_WORD,
    (Seen.SILENT, Elsewhere.FINE): _Row(Where.BOX, _U, _F),
    (Seen.SILENT, Elsewhere.BOTH): _NO_WORD,
    (Seen.SILENT, Elsewhere.SAME): _NO_WORD,
    (Seen.SILENT, Elsewhere.NOBODY): _NO_WORD,
    (Seen.NO_BOX, Elsewhere.FINE): _Row(Where.NOBODY, _U, _F),
    (Seen.NO_BOX, Elsewhere.NOBODY): _Row(Where.NOBODY, _U, _U),
    (Seen.NOTHING_KNOWN, Elsewhere.FINE): _Row(Where.UNKNOWN, _U, _F),
    (Seen.NOTHING_KNOWN, Elsewhere.NOBODY): _NO_WORD,
}
"""By what this room sees and what the others say to it, where somebody at the school talks."""

ALL_SILENT: dict[tuple[Elsewhere, bool | None], _Row] = {
    (Elsewhere.NOBODY, True): _Row(Where.BOX, _U, _U),
    (Elsewhere.SAME, True): _NO_WORD,
    (Elsewhere.NOBODY, False): _Row(Where.SCHOOL, _U, _U),
    (Elsewhere.SAME, False): _Row(Where.SCHOOL, _U, _U),
    (Elsewhere.NOBODY, None): _NO_WORD,
    (Elsewhere.SAME, None): _NO_WORD,
}
"""Where nobody at the school talks: by whether others stopped at the same time, and by whether the school's
gateway answers our collector (None: not known)."""


def judge(
    room: str, looks: Sequence[Look], *, gateway_answers: bool | None = None, others_talk: bool | None = None
) -> Verdict:
    """Where the trouble of `room` is. `looks` are of all boxes of the school, whichever room they stand in.

    `gateway_answers`: whether the school's gateway answers our collector (None: not tried, or it never
    does). `others_talk`: whether a box of any other school is heard (None: there is none).
    """
    here = [look for look in looks if look.room == room]
    seen, talks = seen_of(here), any(look.talks for look in looks)
    if looks and not talks and others_talk is False:
        return Verdict(Where.DEAF, _box(here, Where.DEAF), _U, _U, _U, seen, Elsewhere.NOBODY)
    rooms = _rooms(look for look in looks if look.room != room)
    seen, shared = _shared(seen, rooms)
    says = Elsewhere.NOBODY if shared else _elsewhere(seen, here, rooms)
    if _only_wifi(seen, says, here):
        seen, says = Seen.NO_WIFI, _elsewhere(Seen.NO_WIFI, here, rooms)
    row = shared or _row(seen, says, here, talks=talks, gateway_answers=gateway_answers)
    line = _T if row.where is Where.LINE else _line(looks, gateway_answers)
    box = _box(here, row.where)
    if box is _F and row is _NO_WORD and seen is Seen.NO_WIFI:
        box = _U  # its own radio or key may be it
    return Verdict(row.where, box, row.room, row.building, line, seen, says)


def _only_wifi(seen: Seen, says: Elsewhere, here: Iterable[Look]) -> bool:
    """Whether boxes that have Wi-Fi alone are stuck, and only the Wi-Fi of other rooms can tell more.

    A cable that gets through elsewhere says nothing of it.
    """
    talking = [look for look in here if look.talks]
    if seen not in _STUCK or not all(look.by_wifi for look in talking):
        return False
    no_gateway = seen in {Seen.CUT, Seen.NO_GATEWAY}
    failing = no_gateway and any(look.wifi is Sign.BAD for look in talking)
    return says is Elsewhere.FINE or (says is Elsewhere.NOBODY and failing)


def _line(looks: Iterable[Look], gateway_answers: bool | None) -> State:
    """Fine where a box is online, or where we reach the gateway and no box misses the internet."""
    reached = {_reach(look) for look in looks if look.talks}
    if Seen.ONLINE in reached:
        return _F
    return _F if gateway_answers and not reached & {Seen.NO_INTERNET, Seen.NO_NAMES, Seen.CUT} else _U


def seen_of(looks: Sequence[Look]) -> Seen:
    """How far the boxes of one room get: the one that gets farthest says what the room can."""
    if not looks:
        return Seen.NO_BOX
    talking = [look for look in looks if look.talks]
    if not talking:
        return Seen.SILENT
    best = min((_reach(look) for look in talking), key=_FARTHEST.index)
    if best is not Seen.ONLINE:
        return best
    if any(look.wifi is Sign.BAD for look in talking) and not any(look.wifi is Sign.GOOD for look in talking):
        return Seen.NO_WIFI
    stuck = [look for look in talking if _reach(look) in _STUCK]
    through = {look.by_wifi for look in talking if _reach(look) is Seen.ONLINE}
    if any(look.by_wifi for look in stuck) and True not in through:
        return Seen.NO_WIFI
    return Seen.ONE_BOX if stuck else Seen.ONLINE


_FARTHEST = [
    Seen.ONLINE,
    Seen.NO_INTERNET,
    Seen.NO_NAMES,
    Seen.GATEWAY,
    Seen.CUT,
    Seen.NO_GATEWAY,
    Seen.NOTHING_KNOWN,
]
_STUCK = {Seen.NO_INTERNET, Seen.NO_NAMES, Seen.CUT, Seen.NO_GATEWAY}


def _reach(look: Look) -> Seen:
    """How far one box that talks gets by its own way."""
    if look.internet is Sign.GOOD:
        return Seen.ONLINE
    if look.internet is Sign.UNKNOWN:
        return {Sign.GOOD: Seen.GATEWAY, Sign.BAD: Seen.NO_GATEWAY}.get(look.gateway, Seen.NOTHING_KNOWN)
    if look.gateway is Sign.BAD:
        return Seen.NO_GATEWAY
    if look.by_names:
        return Seen.NO_NAMES
    return Seen.NO_INTERNET if look.gateway is Sign.GOOD else Seen.CUT


def _rooms(looks: Iterable[Look]) -> list[list[Look]]:
    rooms: dict[str, list[Look]] = {}
    for look in looks:
        rooms.setdefault(look.room, []).append(look)
    return list(rooms.values())


def _shared(seen: Seen, rooms: list[list[Look]]) -> tuple[Seen, _Row | None]:
    """What this room sees in the light of the others, and their trouble where it must be this room's too."""
    others = [seen_of(room) for room in rooms]
    if _ONLINE & set(others):
        return seen, None
    if seen is Seen.CUT and Seen.NO_INTERNET in others:
        return Seen.NO_INTERNET, None
    if seen in {Seen.NO_BOX, Seen.SILENT, Seen.NOTHING_KNOWN, Seen.GATEWAY}:
        if Seen.NO_INTERNET in others:
            return seen, _Row(Where.LINE, _F if seen is Seen.GATEWAY else _U, _F)
        if seen is not Seen.GATEWAY and others.count(Seen.NO_GATEWAY) > 1 and Seen.GATEWAY not in others:
            return seen, _SEVERAL_ROOMS
    return seen, None


def _elsewhere(seen: Seen, here: list[Look], rooms: list[list[Look]]) -> Elsewhere:
    """What the other rooms say to what this one sees."""
    if seen in {Seen.ONLINE, Seen.ONE_BOX}:
        return Elsewhere.NOBODY
    said = {says(seen, here, room) for room in rooms}
    if said >= {Sign.GOOD, Sign.BAD}:
        return Elsewhere.BOTH
    if Sign.BAD in said:
        return Elsewhere.SAME
    return Elsewhere.FINE if Sign.GOOD in said else Elsewhere.NOBODY


def says(seen: Seen, here: Sequence[Look], room: Sequence[Look]) -> Sign:
    """Whether another `room` has the trouble `seen` `here` (BAD), has it not (GOOD), or can't tell."""
    other = seen_of(room)
    if seen is Seen.NO_WIFI:
        return _wifi(room, other)
    if other in _ONLINE | _FINE_TOO.get(seen, set()):
        return Sign.GOOD
    if seen is Seen.SILENT and other is Seen.SILENT:
        return Sign.BAD if _together(here, room) else Sign.UNKNOWN
    return Sign.BAD if other in _SAME_TOO.get(seen, set()) else Sign.UNKNOWN


_ONLINE = {Seen.ONLINE, Seen.NO_WIFI, Seen.ONE_BOX}
_FINE_TOO = {Seen.NO_GATEWAY: {Seen.NO_INTERNET, Seen.GATEWAY}, Seen.SILENT: {Seen.GATEWAY}}
_SAME_TOO = {
    Seen.NO_GATEWAY: {Seen.NO_GATEWAY},
    Seen.NO_INTERNET: _STUCK,
    Seen.NO_NAMES: _STUCK,
    Seen.CUT: _STUCK,
}


def _wifi(room: Sequence[Look], seen: Seen) -> Sign:
    if seen is Seen.NO_WIFI:
        return Sign.BAD
    good = any(
        look.talks and (look.wifi is Sign.GOOD or (look.by_wifi and look.internet is Sign.GOOD))
        for look in room
    )
    return Sign.GOOD if good else Sign.UNKNOWN


def _together(here: Sequence[Look], room: Sequence[Look]) -> bool:
    ours = max((look.silent_ns for look in here if look.silent_ns is not None), default=0)
    theirs = max((look.silent_ns for look in room if look.silent_ns is not None), default=0)
    return abs(ours - theirs) <= TOGETHER_NS


def _row(seen: Seen, says: Elsewhere, here: list[Look], *, talks: bool, gateway_answers: bool | None) -> _Row:
    if seen is not Seen.SILENT:
        return TABLE[seen, says]
    row = TABLE[seen, says] if talks else ALL_SILENT[says, gateway_answers]
    # Two boxes that stop at once, or one whose only way is the Wi-Fi, may both have lost their room.
    if row.where is Where.BOX and (len(here) > 1 or here[0].by_wifi):
        return row._replace(where=Where.UNKNOWN)
    return row


def _box(here: list[Look], where: Where) -> State:
    if not here:
        return State.NONE
    if not any(look.talks for look in here):
        return State.SILENT
    return State.TROUBLE if where is Where.BOX else State.FINE
