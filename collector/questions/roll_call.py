"""The roll call after the summer: which boxes are back where they stood, which aren't, and what is wrong.

A box is taken to stand elsewhere where its reports leave by another first router than before the summer. That
is told and not decided: a school may have got a new router meanwhile.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Literal

import msgspec

from collector.questions import boxes as asking
from collector.questions import summer as summer_mode
from collector.questions.boxes import Box, Boxes
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell import summer as summers
from firstbell.district import NS, District, School
from firstbell.metrics import hop_address
from firstbell.readiness import words
from firstbell.report import Stored
from firstbell.summer import Summer

State = Literal["not_back", "elsewhere", "trouble", "back"]
STATES: dict[State, str] = {
    "not_back": "not back yet",
    "elsewhere": "back, but elsewhere?",
    "trouble": "back, with a trouble",
    "back": "back",
}
NO_SUMMER = "No summer was begun here, so nobody is missed: firstbell summer begin."
_BEFORE_NS = 14 * 86_400 * NS
"""So far before the summer it is looked which way a box's reports went."""
_TRACES = 8
"""So many of its newest traces are read: some may have failed, and each costs time."""
_AFTER_NS = 60 * 86_400 * NS
"""So long after a summer the boxes' page asks for those who are not back."""
Ways = Mapping[str, frozenset[str]]
"""The first routers of each box."""


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """One box. `back_ns` is the end of its last silence of more than a day; None if it was never away."""

    name: str
    room: str
    state: State
    last_ns: int | None
    back_ns: int | None
    look: tuple[str, ...]


class SchoolCalled(msgspec.Struct, frozen=True, kw_only=True):
    """One school's boxes, those first that somebody has to walk to. `expected` is a day or empty."""

    id: str
    name: str
    expected: str
    summer: bool
    back: int
    boxes: tuple[Called, ...]


class RollCall(msgspec.Struct, frozen=True, kw_only=True):
    """Every box of the schools that had a summer, by school: where most is to be done first."""

    as_of_ns: int
    tz: str
    sentence: str
    back: int
    total: int
    schools: tuple[SchoolCalled, ...]
    simulated: bool = False


def ask(
    reads: Reads,
    folder: Folder,
    as_of_ns: int,
    known: Boxes | None = None,
    at: Container[str] | None = None,
) -> RollCall:
    """Who is back, at the schools in `at` (None: all) that had a summer.

    `known` is what is known of the boxes, if that was asked already.
    """
    district = folder.district
    every = reads.summers()
    last = {
        school.id: summer
        for school in district.schools
        if (at is None or school.id in at) and (summer := summers.last_at(every, school, as_of_ns))
    }
    known = known or asking.ask(reads, folder, as_of_ns)
    found = [box for group in known.groups for box in group.boxes]
    here = [box for box in found if box.school in last]
    now = _now(reads, here, last, as_of_ns)
    ways = _before(reads, here, last) if now else {}, now
    backs = _backs(reads, here, last, as_of_ns)
    called = [
        _school(district, school, last[school.id], here, ways, backs, as_of_ns)
        for school in district.schools
        if school.id in last
    ]
    boxes = [box for each in called for box in each.boxes]
    return RollCall(
        as_of_ns=as_of_ns,
        tz=district.settings.tz or districts.DEFAULT_TZ,
        sentence=_sentence(boxes) if last else NO_SUMMER,
        back=sum(box.state != "not_back" for box in boxes),
        total=len(boxes),
        schools=tuple(sorted((each for each in called if each.boxes), key=_to_do)),
        simulated=district.settings.simulated,
    )


def wanted(reads: Reads, folder: Folder, known: Boxes) -> RollCall | None:
    """The roll call for the boxes' page, made of its answer; None where nobody waits for anybody.

    It is shown while it is summer, and some weeks longer while a box is not back in order.
    """
    found = summer_mode.standing(reads, folder.district, known.as_of_ns)
    lately = {school for school, (over, _) in found.over.items() if known.as_of_ns - over < _AFTER_NS}
    if not found.held and not lately:
        return None
    answer = ask(reads, folder, known.as_of_ns, known, at={*found.held, *lately})
    done = all(box.state == "back" for each in answer.schools for box in each.boxes)
    return None if done and not found.held else answer


def _backs(
    reads: Reads, boxes: Sequence[Box], last: Mapping[str, Summer], as_of_ns: int
) -> Mapping[str, int]:
    """When the last silence of more than a day ended, of each box that was away since the summer began."""
    spans = [(box.name, last[box.school].since_ns, None) for box in boxes]
    since_ns = min((each.since_ns for each in last.values()), default=as_of_ns)
    ends: dict[str, int] = {}
    for away in reads.silences(spans, since_ns, as_of_ns):
        if not away.open and away.end_ns - away.begin_ns >= asking.DAY_NS:
            ends[away.agent] = max(away.end_ns, ends.get(away.agent, 0))
    return ends


def _school(
    district: District,
    school: School,
    summer: Summer,
    found: Sequence[Box],
    ways: tuple[Ways, Ways],
    backs: Mapping[str, int],
    as_of_ns: int,
) -> SchoolCalled:
    boxes = [_box(district, box, summer, ways, backs) for box in found if box.school == school.id]
    order = list(STATES)
    return SchoolCalled(
        id=school.id,
        name=school.name,
        expected=summer.back.isoformat() if summer.back else "",
        summer=summers.holds(summer, school, as_of_ns),
        back=sum(box.state != "not_back" for box in boxes),
        boxes=tuple(sorted(boxes, key=lambda box: (order.index(box.state), box.room, box.name))),
    )


def _box(
    district: District, box: Box, summer: Summer, ways: tuple[Ways, Ways], backs: Mapping[str, int]
) -> Called:
    elsewhere = _elsewhere(district, box, summer, ways)
    look = [*elsewhere, *box.look]
    state: State = (
        "not_back"
        if box.last_ns is None or box.silent_ns is not None
        else "elsewhere"
        if elsewhere
        else "trouble"
        if look
        else "back"
    )
    return Called(
        name=box.name,
        room=box.room,
        state=state,
        last_ns=box.last_ns,
        back_ns=backs.get(box.name) if state != "not_back" else None,
        look=tuple(look),
    )


def _elsewhere(district: District, box: Box, summer: Summer, ways: tuple[Ways, Ways]) -> list[str]:
    """Why it is to be asked whether the box stands where it stood."""
    before, now = ways
    old, new = before.get(box.name, frozenset()), now.get(box.name, frozenset())
    if not old or not new or old & new or _stood(district, box.name, summer) != box.school:
        return []
    like = {
        _stood(district, name, summer)
        for name, routers in before.items()
        if name != box.name and routers & new
    }
    if len(like) == 1 and (other := like.pop()) not in {"", box.school}:
        return [f"Its way out is that of {districts.school_of(district, other).name}: is it there?"]
    was, becomes = (words.listed(sorted(routers)) for routers in (old, new))
    return [f"Its first router is {becomes} and was {was}: does it stand where it stood?"]


def _stood(district: District, agent: str, summer: Summer) -> str:
    """The school in which it stood when the summer began; a move that seats.csv tells is no riddle."""
    seat = districts.whereabouts(district, agent, summer.since_ns)
    return seat.school if seat else ""


def _before(reads: Reads, boxes: Sequence[Box], last: Mapping[str, Summer]) -> Ways:
    """By which first routers each box's reports went before the summer."""
    spans = [(box.name, last[box.school].since_ns - _BEFORE_NS, last[box.school].since_ns) for box in boxes]
    return _first_routers(reads.newest(spans, "path", _TRACES))


def _now(reads: Reads, boxes: Sequence[Box], last: Mapping[str, Summer], as_of_ns: int) -> Ways:
    """By which they went last, where that is known since the summer began."""
    since = [(box, last[box.school].since_ns) for box in boxes]
    spans = [
        (box.name, since_ns, as_of_ns + 1)
        for box, since_ns in since
        if box.last_ns is not None and box.last_ns >= since_ns
    ]
    newest: dict[str, Stored] = {}
    for stored in reads.newest(spans, "path", _TRACES):
        if hop_address(1) in stored.report.readings:
            newest.setdefault(stored.agent, stored)
    return _first_routers(list(newest.values()))


def _first_routers(found: Sequence[Stored]) -> Ways:
    routers: dict[str, set[str]] = {}
    for stored in found:
        address = stored.report.readings.get(hop_address(1))
        if isinstance(address, str):
            routers.setdefault(stored.agent, set()).add(address)
    return {name: frozenset(addresses) for name, addresses in routers.items()}


def _to_do(school: SchoolCalled) -> tuple[int, int, str]:
    """Schools that miss most boxes first, then those with most troubles."""
    troubles = sum(box.state in {"elsewhere", "trouble"} for box in school.boxes)
    return school.back - len(school.boxes), -troubles, school.name


def _sentence(boxes: Sequence[Called]) -> str:
    count = {state: sum(box.state == state for box in boxes) for state in STATES}
    back = len(boxes) - count["not_back"]
    told = [f"{back} of {words.count(len(boxes), 'box', 'boxes')} {'is' if back == 1 else 'are'} back"]
    if count["not_back"]:
        told.append(f"{count['not_back']} {'is' if count['not_back'] == 1 else 'are'} not")
    if count["elsewhere"]:
        told.append(f"{count['elsewhere']} may stand elsewhere")
    if count["trouble"]:
        told.append(f"{count['trouble']} {'wants' if count['trouble'] == 1 else 'want'} a look")
    return f"{words.listed(told)}."
