"""What each box of a school saw last, and how the journal's facts become the signs of the ladder."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from collector.store.derived.intervals import Interval, Kind
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.district import NS, District, Seat
from firstbell.ladder import Look, Sign
from firstbell.report import Medium, Report, Segment, Status, Stored

PAST_NS = 30 * 86_400 * NS
"""How far back a silence or a trouble is looked for."""
_RECENT_NS = 7_200 * NS
_DAY_NS = 86_400 * NS
_MINUTE_NS = 60 * NS
_BEYOND = {Segment.INTERNET, Segment.WAN}
_FAILS = {Status.FAILED, Status.TIMEOUT}
_PROBES = ("latency", "host", "box", "power", "wifi_link", "wifi_air")
GONE = "adapter"
"""In the reason of a look that found a radio missing (agent: probes/radios.py)."""
_FRESH_NS = 900 * NS
"""What a box said of its Wi-Fi, cable or power holds for three of the usual five minutes."""


class Cut(NamedTuple):
    """Nothing beyond the building answers since then; `gateway_too`: nor does a gateway that else does."""

    since_ns: int
    gateway_too: bool


class Sight(NamedTuple):
    """One box of a school. `newest` holds its last report of each probe and target, oldest target first.

    `last_ns` is None for a box that never called. `silent_ns` is since when it has been silent and still is,
    `cut` the outage that goes on, `troubles` all of them, the last one last. `doubted` says why nothing of
    it counts. `wifi_failed_ns` is since when its Wi-Fi fails, which went within the day before. `heard_ns`
    is when its last look at the way arrived, by our clock.
    """

    agent: str
    seat: Seat
    newest: tuple[Report, ...]
    last_ns: int | None
    silent_ns: int | None
    troubles: tuple[Interval, ...]
    as_of_ns: int
    doubted: str = ""
    wifi_failed_ns: int | None = None
    heard_ns: int | None = None
    cut: Cut | None = None

    @property
    def room(self) -> str:
        """The room that it stands in; a box without one is a room of its own."""
        return self.seat.room or self.agent

    def of(self, probe: str) -> list[Report]:
        """Its last reports of a probe."""
        return [report for report in self.newest if report.probe == probe]

    @property
    def by_wifi(self) -> bool:
        """Whether the Wi-Fi is its only way."""
        told: set[Medium | None] = {report.medium for report in self.of("latency") if report.medium}
        return (told or {self.seat.medium}) == {Medium.WIFI}


def sights(reads: Reads, district: District, school_id: str, as_of_ns: int) -> list[Sight]:
    """Every box that stands in the school at that time, and what it saw last."""
    seats = seats_at(district, school_id, as_of_ns)
    newest = {seat.agent: newest_of(reads, seat.agent, as_of_ns) for seat in seats}
    return _sights(reads, seats, newest, PAST_NS, as_of_ns)


def everywhere(reads: Reads, district: District, as_of_ns: int) -> list[Sight]:
    """Every box that stands in a school now, without what was more than a day ago."""
    agents = sorted({seat.agent for seat in district.seats})
    placed = [districts.place_of(district, agent, as_of_ns) for agent in agents]
    newest: dict[str, list[Stored]] = {}
    for stored in reads.latest():
        if stored.report.at_ns <= as_of_ns:
            newest.setdefault(stored.agent, []).append(stored)
    return _sights(reads, [seat for seat in placed if seat and seat.school], newest, _DAY_NS, as_of_ns)


def sight_of(reads: Reads, seat: Seat, newest: Sequence[Stored], as_of_ns: int) -> Sight:
    """One box that talks, and what it saw last, without what was more than a day ago."""
    troubles = reads.outages([(seat.agent, 0, None)], as_of_ns - _DAY_NS, as_of_ns)
    return _sight(reads, seat, newest, None, list(troubles), "", as_of_ns)


def _sights(
    reads: Reads, seats: Sequence[Seat], newest: Mapping[str, Sequence[Stored]], past_ns: int, as_of_ns: int
) -> list[Sight]:
    boxes = [(seat.agent, 0, None) for seat in seats]
    silences = _by_box(reads.silences(boxes, as_of_ns - past_ns, as_of_ns))
    troubles = _by_box(reads.outages(boxes, as_of_ns - past_ns, as_of_ns))
    doubted = {box.agent: box.suspended for box in reads.boxes()}
    return [
        _sight(
            reads,
            seat,
            newest.get(seat.agent, ()),
            next((each.begin_ns for each in silences.get(seat.agent, []) if each.open), None),
            troubles.get(seat.agent, []),
            doubted.get(seat.agent, ""),
            as_of_ns,
        )
        for seat in seats
    ]


def _sight(
    reads: Reads,
    seat: Seat,
    stored: Sequence[Stored],
    silent_ns: int | None,
    troubles: Sequence[Interval],
    doubted: str,
    as_of_ns: int,
) -> Sight:
    newest = tuple(each.report for each in stored)
    last_ns = max((report.at_ns for report in newest), default=None)
    return Sight(
        agent=seat.agent,
        seat=seat,
        newest=newest,
        last_ns=last_ns,
        # However seldom it reports: since then nothing of it is here.
        silent_ns=None if silent_ns is None or last_ns is None else min(silent_ns, last_ns + _MINUTE_NS),
        troubles=tuple(troubles),
        as_of_ns=as_of_ns,
        doubted=doubted,
        cut=_cut(reads, seat.agent, newest, troubles, as_of_ns),
        heard_ns=max((s.received_ns for s in stored if s.report.probe == "latency"), default=None),
        wifi_failed_ns=_wifi_failed_ns(reads, seat.agent, newest, as_of_ns),
    )


def _cut(
    reads: Reads, agent: str, newest: Iterable[Report], troubles: Sequence[Interval], as_of_ns: int
) -> Cut | None:
    """The outage that goes on, if what it saw last is one."""
    looks = [report for report in newest if report.probe == "latency"]
    if not _all_fail([report for report in looks if report.segment in _BEYOND]):
        return None
    if troubles and troubles[-1].open:
        return Cut(troubles[-1].begin_ns, troubles[-1].kind is Kind.SITE_DOWN)
    # Two looks close together are one to the journal: somebody may just have asked for the second.
    before = [s.report for s in reads.tests([(agent, as_of_ns - _RECENT_NS, as_of_ns + 1)], "latency")]
    good = [report.at_ns for report in before if report.segment in _BEYOND and report.status is Status.OK]
    if not good:
        return None
    since_ns = min(report.at_ns for report in looks if report.at_ns > max(good))
    near = [report for report in looks if report.segment is Segment.SITE]
    answered = any(report.segment is Segment.SITE and report.status is Status.OK for report in before)
    return Cut(since_ns, answered and _all_fail(near))


def _all_fail(reports: Sequence[Report]) -> bool:
    tried = [report.status for report in reports if report.status is not Status.SKIPPED]
    return bool(tried) and Status.OK not in tried


def _wifi_failed_ns(reads: Reads, agent: str, newest: Iterable[Report], as_of_ns: int) -> int | None:
    """The first failing look after the last good one of the last day; None without either."""
    if not any(report.probe == "wifi_link" and report.status in _FAILS for report in newest):
        return None
    first: int | None = None
    went_before = False
    for stored in reads.tests([(agent, as_of_ns - _DAY_NS, as_of_ns + 1)], "wifi_link"):
        went = wifi_went(stored.report)
        if went is Sign.GOOD:
            first, went_before = None, True
        elif went is Sign.BAD and first is None:
            first = stored.report.at_ns
    return first if went_before else None


def seats_at(district: District, school_id: str, as_of_ns: int) -> list[Seat]:
    """The seats that are taken in a school at that time, by the box's name."""
    agents = sorted(districts.boxes_of(district, school_id))
    placed = (districts.place_of(district, agent, as_of_ns) for agent in agents)
    return [seat for seat in placed if seat is not None and seat.school == school_id]


def newest_of(reads: Reads, agent: str, as_of_ns: int) -> list[Stored]:
    """The last report of each probe and target until `as_of_ns`."""
    newest = reads.latest(agent)
    if all(stored.report.at_ns <= as_of_ns for stored in newest):
        return newest
    known = {(s.report.probe, s.report.target): s for s in newest if s.report.at_ns <= as_of_ns}
    for probe in _PROBES:
        for stored in reads.tests([(agent, as_of_ns - _RECENT_NS, as_of_ns + 1)], probe):
            known[probe, stored.report.target] = stored
    return list(known.values())


def looks(found: Iterable[Sight]) -> list[Look]:
    """The sights as the ladder's table takes them; boxes that never called or are doubted say nothing."""
    return [look_of(sight) for sight in found if sight.last_ns is not None and not sight.doubted]


def look_of(sight: Sight) -> Look:
    """One box's sight in signs."""
    if sight.silent_ns is not None:
        return Look(sight.agent, sight.room, silent_ns=sight.silent_ns, by_wifi=sight.by_wifi)
    beyond = [report for report in sight.of("latency") if report.segment in _BEYOND]
    return Look(
        sight.agent,
        sight.room,
        wifi=wifi_sign(sight),
        gateway=_gateway(sight),
        internet=_internet(sight, beyond),
        by_names=bool(beyond) and all(by_name(report) for report in beyond),
        by_wifi=sight.by_wifi,
    )


def by_name(report: Report) -> bool:
    """Whether a look failed because a name was not found."""
    return report.status in _FAILS and report.reason.startswith("name:")


def _gateway(sight: Sight) -> Sign:
    near = [report.status for report in sight.of("latency") if report.segment is Segment.SITE]
    if Status.OK in near:
        return Sign.GOOD
    # Many gateways never answer; only one that else does is missed.
    return Sign.BAD if sight.cut and sight.cut.gateway_too and near else Sign.UNKNOWN


def _internet(sight: Sight, beyond: Sequence[Report]) -> Sign:
    if any(report.status is Status.OK for report in beyond):
        return Sign.GOOD
    return Sign.BAD if sight.cut else Sign.UNKNOWN


def wifi_of(sight: Sight) -> Report | None:
    """What it said last of its own Wi-Fi, while that holds; of several radios the one that gets in."""
    fresh = [r for r in sight.of("wifi_link") if sight.as_of_ns - r.at_ns <= _FRESH_NS]
    return min(fresh, key=lambda report: report.status is not Status.OK, default=None)


def failed_lately(sight: Sight) -> bool:
    """Whether it tried its way in the last quarter of an hour, and something of it failed."""
    fresh = [report for report in sight.of("latency") if sight.as_of_ns - report.at_ns <= _FRESH_NS]
    return any(report.status not in {Status.OK, Status.SKIPPED} for report in fresh)


def air_of(sight: Sight) -> tuple[float, int] | None:
    """How busy its channel is, as a share, and when that was seen, while it holds.

    What the access point itself says of it comes first.
    """
    for report in sight.of("wifi_air"):
        for name in ("ap_busy_pct", "busy_pct"):
            busy = report.readings.get(name)
            if isinstance(busy, int | float) and sight.as_of_ns - report.at_ns <= _FRESH_NS:
                return busy / 100, report.at_ns
    return None


def wifi_sign(sight: Sight) -> Sign:
    """Whether it gets in by Wi-Fi. A machine without Wi-Fi says nothing."""
    report = wifi_of(sight)
    went = wifi_went(report) if report else Sign.UNKNOWN
    # Who never got in may not be meant to: that is no trouble of today.
    return Sign.UNKNOWN if went is Sign.BAD and sight.wifi_failed_ns is None else went


def wifi_went(report: Report) -> Sign:
    """How one look at the Wi-Fi went.

    A look that could not be made says nothing of the room (then no radio is named), and a radio that was
    pulled out is the box's trouble.
    """
    if report.status is Status.OK:
        return Sign.GOOD
    tried = report.status in _FAILS and report.medium is Medium.WIFI
    return Sign.BAD if tried and GONE not in report.reason else Sign.UNKNOWN


def local(at_ns: int, zone: tzinfo) -> datetime:
    """The local time of a moment in ns."""
    return datetime.fromtimestamp(at_ns // NS, zone)


def distance(room: str, other: str) -> tuple[int, int, str]:
    """How near two rooms are: by their numbers where both have one, else by name, and those come after."""
    ours, theirs = re.search(r"\d+", room), re.search(r"\d+", other)
    if ours and theirs:
        return 0, abs(int(ours[0]) - int(theirs[0])), other
    return 1, 0, other


def _by_box(intervals: Iterable[Interval]) -> dict[str, list[Interval]]:
    found: dict[str, list[Interval]] = {}
    for interval in intervals:
        found.setdefault(interval.agent, []).append(interval)
    return found
