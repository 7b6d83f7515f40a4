"""What a school's boxes saw beside its lines: round trips in class, the air, batteries, classes played.

Less what was said while it was doubtful whose word it is (doubt.py).
"""

from datetime import date
from itertools import islice

from collector.questions import doubt as doubting
from collector.questions.doubt import Doubts
from collector.store.derived.rollups import Rollup
from collector.store.port import Evidence
from collector.store.reads import Box
from firstbell import district as districts
from firstbell.district import School, Seat, Span
from firstbell.readiness.lines import Lines
from firstbell.readiness.links.power import Battery
from firstbell.readiness.links.responsiveness import Hour
from firstbell.readiness.links.wifi import Air, RoomSeen
from firstbell.report import Status, Stored

SCHOOL_DAYS = 10
"""So many are looked at for round trips: two weeks tell enough, a month is a thousand sums a box."""
CAPACITY = "capacity"
_HOUR_NS = 3600 * districts.NS
_NEVER_NS = 1 << 62
_POWER_PAST_NS = 7 * 86_400 * districts.NS
"""So far back an older word is looked for where the newest one came too late to be known."""


def hours(reads: Evidence, lines: Lines, school: School, doubts: Doubts) -> list[Hour]:
    """Each hour's round trips to the nearest site on the internet, by every box in the school."""
    boxes = doubting.without(
        _windows(lines, _spans(lines, school, SCHOOL_DAYS), _stays(lines, school)), doubts
    )
    found: dict[tuple[str, int], float] = {}
    for hour in _rollups(reads, boxes, "latency", lines):
        waited = hour.metrics.get("rtt_p95_ms")
        # A gateway is not the internet: which targets are is known by their name alone in sums.
        if waited and hour.target != "gateway":
            key = hour.agent, hour.hour_ns
            found[key] = min(waited.mean, found.get(key, waited.mean))
    lessons = _class_hours(lines, school)
    return [
        Hour(lessons.get(hour_ns, date.min), hour_ns, hour_ns in lessons, rtt_ms)
        for (_, hour_ns), rtt_ms in found.items()
    ]


def _class_hours(lines: Lines, school: School) -> dict[int, date]:
    """The hours of which class takes half at least, each with its school day."""
    today = districts.local(school, lines.as_of_ns).date()
    days = int(lines.numbers.window_school_days.value)
    taken: dict[int, int] = {}
    day_of: dict[int, date] = {}
    for day in islice(districts.school_days(school, today, -1), days):
        for begin, end, _ in districts.class_spans(school, day):
            for hour_ns in range(begin - begin % _HOUR_NS, end, _HOUR_NS):
                inside = min(end, hour_ns + _HOUR_NS) - max(begin, hour_ns)
                taken[hour_ns] = taken.get(hour_ns, 0) + inside
                day_of[hour_ns] = day
    return {hour_ns: day_of[hour_ns] for hour_ns, ns in taken.items() if 2 * ns >= _HOUR_NS}


def rooms(reads: Evidence, lines: Lines, school: School, doubts: Doubts) -> list[RoomSeen]:
    """What boxes in the school's rooms saw of the air and of their own Wi-Fi."""
    names = {room.room: room for room in districts.rooms_of(lines.network.district, school.id)}
    days = int(lines.numbers.window_school_days.value)
    lessons = _class_hours(lines, school)
    stays: dict[str, list[Stay]] = {}
    for stay in _stays(lines, school):
        if stay[0].room:
            stays.setdefault(stay[0].room, []).append(stay)
    spans = _spans(lines, school, days) if stays else []
    found = []
    for room_id, boxes in sorted(stays.items()):
        windows = doubting.without(_windows(lines, spans, boxes), doubts)
        air = [
            Air(lessons.get(hour.hour_ns, date.min), hour.hour_ns in lessons, busy / 100)
            for hour in _rollups(reads, windows, "wifi_air", lines)
            if (busy := _mean(hour, "ap_busy_pct", "busy_pct")) is not None
        ]
        rates = [
            rate
            for hour in _rollups(reads, windows, "wifi_link", lines)
            if (rate := _mean(hour, "rx_rate_mbps")) is not None
        ]
        room = names.get(room_id)
        name = (room.name if room else "") or room_id
        found.append(RoomSeen(name, room.seats if room else None, air, rates))
    return found


def batteries(reads: Evidence, lines: Lines, school: School, doubts: Doubts) -> list[Battery]:
    """The newest word of each device in the school whose battery tells what it holds, or its health."""
    found = []
    here = [seat for seat, span in _stays(lines, school) if (span.until_ns or _NEVER_NS) > lines.as_of_ns]
    for agent in dict.fromkeys(seat.agent for seat in here):
        newest = _newest_power(reads, agent, lines)
        sure = [row for row in newest if not doubting.holds(agent, row.report.at_ns, doubts)]
        found += [battery for row in sure if (battery := _battery(row))]
    return found


def played(reads: Evidence, lines: Lines, school: School, doubts: Doubts) -> list[Stored]:
    """The capacity tests of all boxes that ever stood in the school."""
    begins_ns = districts.midnight_ns(
        school,
        districts.window_begins(
            school,
            districts.local(school, lines.as_of_ns).date(),
            int(lines.numbers.window_school_days.value),
        ),
    )
    boxes: list[Box] = [
        (seat.agent, max(begins_ns, stay.since_ns), min(stay.until_ns or lines.as_of_ns, lines.as_of_ns))
        for seat, stay in _stays(lines, school)
    ]
    there = [box for box in boxes if box[1] < (box[2] or 0)]
    return reads.tests(doubting.without(there, doubts), CAPACITY, facts_until=lines.facts_until)


def _newest_power(reads: Evidence, agent: str, lines: Lines) -> list[Stored]:
    """The newest word of its power that the question may know."""
    newest = [row for row in reads.latest(agent) if row.report.probe == "power"]
    if all(row.arrival <= lines.facts_until and row.report.at_ns <= lines.as_of_ns for row in newest):
        return newest
    window = agent, lines.as_of_ns - _POWER_PAST_NS, lines.as_of_ns + 1
    return reads.tests([window], "power", facts_until=lines.facts_until)[-1:]


def _battery(row: Stored) -> Battery | None:
    readings = row.report.readings
    if row.report.status is not Status.OK or not readings.get("batteries"):
        return None
    told = (readings.get(name) for name in ("battery_full_wh", "health_pct"))
    full, health = (float(value) if isinstance(value, int | float) else None for value in told)
    # One that tells of neither is not dead: of it nothing is known.
    return None if full is None and health is None else Battery(full, health)


Stay = tuple[Seat, Span]


def _stays(lines: Lines, school: School) -> list[Stay]:
    """Every stay of a box in the school, the present one and those before it."""
    district = lines.network.district
    return [
        stay
        for agent in districts.boxes_of(district, school.id)
        for stay in districts.stays(district, agent)
        if stay[0].school == school.id
    ]


def _spans(lines: Lines, school: School, days: int) -> list[tuple[int, int]]:
    """From midnight until the last bell of the newest school days, the oldest first."""
    today = districts.local(school, lines.as_of_ns).date()
    return sorted(
        (districts.midnight_ns(school, day), ends[-1][1])
        for day in islice(districts.school_days(school, today, -1), days)
        if (ends := districts.class_spans(school, day))
    )


def _windows(lines: Lines, spans: list[tuple[int, int]], stays: list[Stay]) -> list[Box]:
    """Those stretches of days, as long as each box stood there."""
    as_of_ns = lines.as_of_ns
    found: list[Box] = []
    for seat, stay in stays:
        until_ns = min(stay.until_ns or as_of_ns, as_of_ns)
        cut = [(seat.agent, max(begin, stay.since_ns), min(end, until_ns)) for begin, end in spans]
        found += [box for box in cut if box[1] < (box[2] or 0)]
    return found


def _rollups(reads: Evidence, boxes: list[Box], probe: str, lines: Lines) -> list[Rollup]:
    if not boxes:
        return []
    since_ns = min(begin for _, begin, _ in boxes)
    return reads.rollups(boxes, probe, since_ns, lines.as_of_ns, facts_until=lines.facts_until)


def _mean(hour: Rollup, *names: str) -> float | None:
    """The hour's mean of the first of these that it has."""
    return next((hour.metrics[name].mean for name in names if name in hour.metrics), None)
