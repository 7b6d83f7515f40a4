"""Every box: is it talking, since when not, and what is to be looked at; silent ones first."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from collector.questions import box_looks, box_words, on_its_way, reached, summer, used
from collector.questions.reached import NOT_TRIED, Gateway
from collector.questions.summer import Standing
from collector.questions.used import Taken
from collector.registry import Folder
from collector.store.identities import Enrolment
from collector.store.reads import BoxState, Reads
from firstbell import district as districts
from firstbell.district import NS, District, Seat
from firstbell.report import ClockQuality, Report, Stored

DAY_NS = 86_400 * NS
MINUTE_NS = 60 * NS
Span = tuple[int, int]
GroupId = Literal["shut_out", "with_school", "alone", "silent", "never", "unplaced", "look", "summer", "fine"]

_TITLES: dict[GroupId, tuple[str, str]] = {
    "shut_out": ("Shut out", "nothing of them is taken: firstbell box let-back takes it back"),
    "with_school": (
        "Silent with its whole school",
        "the school\u2019s gateway doesn\u2019t answer us: look at power and the line before the box",
    ),
    "alone": ("Silent alone", "its school answers: only our box"),
    "silent": ("Silent", "whether its school answers isn\u2019t known"),
    "never": ("Never heard from", ""),
    "unplaced": ("Talking, and nobody said where it stands", "what it measures counts once seats.csv says"),
    "look": ("Talking, but look", ""),
    "fine": ("Talking", "nothing to do"),
    "summer": ("Silent for the summer", "its school is on summer: nothing to do"),
}
_SILENT: set[GroupId] = {"with_school", "alone", "silent"}
_AWAY: set[GroupId] = {*_SILENT, "never", "summer", "shut_out"}


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """One box. Times are ns since 1970 UTC; `last_ns` is None for one that never called.

    `heard` and `gateway` are the stretches of the last 24 hours in which the box talked and in which its
    school's gateway answered us. `silent_ns` is since when it has been silent. `spool` is what it said of
    its spool last; None if that is old or was never said. `missing` are reports that must have been and
    that nobody owned up to. `look` are sentences: what to look at. `used_s` and `used_bytes` are what its
    heavy tests took of the line on the day before.
    """

    name: str
    school: str
    place: str
    room: str
    kind: Literal["base", "roving", "big line", ""]
    group: GroupId
    last_ns: int | None
    silent_ns: int | None
    heard: tuple[Span, ...]
    gateway: tuple[Span, ...]
    starts: int
    missing: int
    lost: int
    refused: int
    spool: int | None
    version: str
    clock: ClockQuality | None
    two_boxes: str
    look: tuple[str, ...]
    used_s: float = 0.0
    used_bytes: int = 0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Boxes that want the same of whoever reads."""

    id: GroupId
    title: str
    more: str
    boxes: tuple[Box, ...]


class Boxes(msgspec.Struct, frozen=True, kw_only=True):
    """All boxes. `sentence` is `bold` and `rest` together; empty groups are left out."""

    as_of_ns: int
    tz: str
    sentence: str
    bold: str
    rest: str
    lede: str
    talking: int
    total: int
    groups: tuple[Group, ...]
    simulated: bool = False


class Known(NamedTuple):
    """What is known of one box before it is judged: `newest` by probe, `stored` of each target."""

    name: str
    seat: Seat | None
    state: BoxState | None
    newest: Mapping[str, Report]
    stored: Sequence[Stored]
    last_ns: int | None
    silent_ns: int | None
    heard: tuple[Span, ...]


def ask(reads: Reads, folder: Folder, as_of_ns: int) -> Boxes:
    """The state of every box that stands somewhere or ever called."""
    district = folder.district
    found = _known(reads, district, as_of_ns)
    schools = {each.seat.school for each in found if each.seat}
    gateways = {
        school.id: reached.gateway(reads, district, school, as_of_ns)
        for school in district.schools
        if school.id in schools
    }
    versions = [box_looks.version_of(each.newest) for each in found]
    newest_version = max(versions, key=box_looks.number, default="")
    summers = summer.standing(reads, district, as_of_ns)
    door = _Door(reads.shut_out(), reads.enrolments())
    town = _Town(gateways, _talkers(found), _seen(found), newest_version, district, as_of_ns, summers, door)
    day = used.yesterday_in(district.settings.tz, as_of_ns)
    took = used.by_box(reads, [(each.name, 0, None) for each in found], *day)
    boxes = [_box(reads, town, each, took.get(each.name, Taken())) for each in found]
    groups = tuple(
        Group(id=key, title=title, more=more, boxes=members)
        for key, (title, more) in _TITLES.items()
        if (members := tuple(_ordered(box for box in boxes if box.group == key)))
    )
    bold, rest, lede = box_words.say(
        [(box.group, box.school, box.name, box.lost) for box in boxes],
    )
    return Boxes(
        as_of_ns=as_of_ns,
        simulated=district.settings.simulated,
        tz=district.settings.tz or districts.DEFAULT_TZ,
        sentence=f"{bold} {rest}".strip(),
        bold=bold,
        rest=rest,
        lede=lede,
        talking=sum(box.group not in _AWAY for box in boxes),
        total=len(boxes),
        groups=groups,
    )


def _known(reads: Reads, district: District, as_of_ns: int) -> list[Known]:
    """Every box by name: those that ever called, and those that have a seat now."""
    states = {state.agent: state for state in reads.boxes()}
    seats = {
        agent: seat
        for agent in {seat.agent for seat in district.seats}
        if (seat := districts.whereabouts(district, agent, as_of_ns))
    }
    newest: dict[str, dict[str, Report]] = {}
    every: dict[str, list[Stored]] = {}
    last: dict[str, int] = {}
    for stored in reads.latest():
        report = stored.report
        if report.at_ns <= as_of_ns:
            every.setdefault(stored.agent, []).append(stored)
            last[stored.agent] = max(report.at_ns, last.get(stored.agent, 0))
            kept = newest.setdefault(stored.agent, {}).get(report.probe)
            if kept is None or kept.at_ns <= report.at_ns:
                newest[stored.agent][report.probe] = report
    names = sorted({*states, *seats})
    quiet: dict[str, list[Span]] = {}
    silent: dict[str, int] = {}
    for each in reads.silences([(name, 0, None) for name in names], as_of_ns - DAY_NS, as_of_ns):
        quiet.setdefault(each.agent, []).append((each.begin_ns, each.end_ns))
        if each.open and as_of_ns - each.begin_ns >= district.settings.thresholds.silent_after_s * NS:
            silent[each.agent] = each.begin_ns
    # What came late was heard of late: its first look may be older than its first arrival.
    began: dict[str, int] = {}
    for each in reads.watched([(name, 0, None) for name in names], as_of_ns - DAY_NS, as_of_ns):
        began.setdefault(each.agent, each.begin_ns)
    return [
        Known(
            name=name,
            seat=seats.get(name),
            state=states.get(name),
            newest=newest.get(name, {}),
            stored=every.get(name, ()),
            last_ns=last.get(name),
            silent_ns=min(silent[name], last.get(name, silent[name]) + MINUTE_NS) if name in silent else None,
            heard=_without(_whole(states.get(name), began.get(name), as_of_ns), quiet.get(name, []))
            if name in last
            else (),
        )
        for name in names
    ]


def _whole(state: BoxState | None, began_ns: int | None, as_of_ns: int) -> Span:
    """The part of the last 24 hours since the box was first heard of."""
    known = [at_ns for at_ns in (state.first_ns if state else None, began_ns) if at_ns is not None]
    return max(min(known, default=as_of_ns), as_of_ns - DAY_NS), as_of_ns


def _without(whole: Span, gaps: Iterable[Span]) -> tuple[Span, ...]:
    """What is left of a stretch of time without its gaps, which come in order."""
    found, at = [], whole[0]
    for begin, end in gaps:
        if begin > at:
            found.append((at, begin))
        at = max(at, end)
    return (*found, (at, whole[1])) if at < whole[1] else tuple(found)


class _Door(NamedTuple):
    """Who was shut out, and the cards that were given."""

    out: Container[str]
    cards: Sequence[Enrolment]


class _Town(NamedTuple):
    """What a box is seen against: by school, who talks there and whether the gateway answers.

    `seen` is what each box saw last of the line on which it stands, by line.
    """

    gateways: Mapping[str, Gateway]
    talkers: Mapping[str, list[str]]
    seen: Mapping[str, Mapping[str, float]]
    newest_version: str
    district: District
    as_of_ns: int
    summers: Standing
    door: _Door


def _talkers(found: Iterable[Known]) -> dict[str, list[str]]:
    talkers: dict[str, list[str]] = {}
    for each in found:
        if each.seat and each.seat.school and _talks(each):
            talkers.setdefault(each.seat.school, []).append(each.name)
    return talkers


def _box(reads: Reads, town: _Town, known: Known, took: Taken) -> Box:
    seat, state = known.seat, known.state
    school = seat.school if seat else ""
    gateway = town.gateways.get(school, NOT_TRIED)
    group, look = _judged(reads, town, known, gateway)
    spool = known.newest["box"].readings.get("spool_reports") if "box" in known.newest else None
    last = max(known.newest.values(), key=lambda report: report.at_ns, default=None)
    since_ns = town.as_of_ns - DAY_NS
    return Box(
        name=known.name,
        school=school,
        place=box_words.place(town.district, seat),
        room=(seat.room or known.name) if seat else "",
        kind=_kind(town.district, known),
        group=group,
        last_ns=known.last_ns,
        silent_ns=known.silent_ns,
        heard=known.heard,
        gateway=tuple((max(begin, since_ns), end) for begin, end in gateway.spans if end > since_ns),
        starts=state.starts if state else 0,
        missing=state.missing if state else 0,
        lost=state.lost if state else 0,
        refused=state.refused if state else 0,
        spool=spool if isinstance(spool, int) and known.silent_ns is None else None,
        version=box_looks.version_of(known.newest),
        clock=last.clock if last else None,
        two_boxes=state.suspended if state else "",
        look=tuple(look),
        used_s=round(took.seconds, 1),
        used_bytes=took.bytes,
    )


def _judged(reads: Reads, town: _Town, known: Known, gateway: Gateway) -> tuple[GroupId, list[str]]:
    """The box's group, and what to look at."""
    seat = known.seat
    waits = [on_its_way.at_the_door(town.door.cards, known.name)]
    if known.name in town.door.out:
        return "shut_out", [on_its_way.shut_out(known.name), *filter(None, waits)]
    talking = town.talkers.get(seat.school, []) if seat else []
    group = _group(known, gateway, talking)
    if group == "never":
        where = on_its_way.before_its_first_report(town.door.cards, known.name, town.as_of_ns)
        return group, [where or box_looks.NEVER]
    if group in _SILENT and seat and (held := town.summers.held.get(seat.school)):
        return "summer", [summer.back_on(held)]
    if group in _SILENT:
        looks = box_looks.of_silent(known.newest, gateway, talking, town.district, seat, town.as_of_ns)
        return group, [*filter(None, waits), *summer.late(town.summers, seat, known.last_ns), *looks]
    why = _lost_why(reads, known)
    way = box_looks.of_way(reads, known.stored, town.district, seat, town.as_of_ns) if seat else []
    look = way + box_looks.of_talking(
        known.newest, known.state, why, town.newest_version, _on_line(town, known)
    )
    if group == "unplaced":
        look.append("Nobody said where it stands: give it a line in seats.csv.")
    return ("look" if look and group == "fine" else group), look


def _talks(known: Known) -> bool:
    return known.last_ns is not None and known.silent_ns is None


def _group(known: Known, gateway: Gateway, talking: list[str]) -> GroupId:
    if known.last_ns is None:
        return "never"
    if known.silent_ns is None:
        return "fine" if known.seat else "unplaced"
    if talking or gateway.answers:
        return "alone"
    return "silent" if gateway.answers is None else "with_school"


def _lost_why(reads: Reads, known: Known) -> str:
    if not known.state or not known.state.lost:
        return ""
    told = [absence.reason for absence in reads.absences(known.name) if absence.kind == "lost"]
    return told[-1] if told else ""


def _on_line(town: _Town, known: Known) -> box_looks.OnLine:
    line = known.seat.circuit if known.seat else ""
    bought = next((each.down_mbps for each in town.district.circuits if each.id == line), None)
    others = (mbps for box, mbps in town.seen.get(line, {}).items() if box != known.name)
    return box_looks.OnLine(bought, max(others, default=0.0))


def _seen(found: Iterable[Known]) -> dict[str, dict[str, float]]:
    """What each box saw last of the line on which it stands."""
    seen: dict[str, dict[str, float]] = {}
    for each in found:
        if each.seat:
            seen.setdefault(each.seat.circuit, {})[each.name] = box_looks.mbps_seen(each.newest)
    return seen


def _kind(district: District, known: Known) -> Literal["base", "roving", "big line", ""]:
    if known.seat is None:
        return ""
    if not known.seat.school:
        return "big line"
    return "roving" if len(districts.stays(district, known.name)) > 1 else "base"


def _ordered(boxes: Iterable[Box]) -> list[Box]:
    """The longest silent first, else by name."""
    return sorted(boxes, key=lambda box: (box.silent_ns or 0, box.name))
