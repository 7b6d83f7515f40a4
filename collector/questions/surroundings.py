"""What a school's boxes saw beside its lines: round trips in class, the air in rooms, batteries."""

from datetime import date
from itertools import islice

from collector.store.derived.rollups import Rollup
from collector.store.reads import Box, Reads
from firstbell import district as districts
from firstbell.district import School, Seat
from firstbell.readiness.lines import Lines
from firstbell.readiness.links.power import Battery
from firstbell.readiness.links.responsiveness import Hour
from firstbell.readiness.links.wifi import Air, RoomSeen
from firstbell.report import Status, Stored

SCHOOL_DAYS = 10
"""So many are looked at: two weeks tell how a room is, and a month of hours is a thousand rows a box."""
_HOUR_NS = 3600 * districts.NS


def hours(reads: Reads, lines: Lines, school: School) -> list[Hour]:
    """Each hour's round trips to the nearest site on the internet, by every box in the school."""
    boxes = _windows(lines, school, _seats(lines, school))
    found: dict[tuple[str, int], float] = {}
    for hour in _rollups(reads, boxes, "latency", lines):
        waited = hour.metrics.get("rtt_p95_ms")
        # A gateway is not the internet: which targets are is known by their name alone in sums.
        if waited and hour.target != "gateway":
            key = hour.agent, hour.hour_ns
            found[key] = min(waited.mean, found.get(key, waited.mean))
    return [_hour(school, hour_ns, rtt_ms) for (_, hour_ns), rtt_ms in found.items()]


def _hour(school: School, hour_ns: int, rtt_ms: float) -> Hour:
    period = districts.period_of(school, hour_ns + _HOUR_NS // 2)
    return Hour(period.day, hour_ns, period.in_class, rtt_ms)


def rooms(reads: Reads, lines: Lines, school: School) -> list[RoomSeen]:
    """What boxes in the school's rooms saw of the air and of their own Wi-Fi."""
    names = {room.room: room for room in districts.rooms_of(lines.network.district, school.id)}
    seats: dict[str, list[Seat]] = {}
    for seat in _seats(lines, school):
        if seat.room:
            seats.setdefault(seat.room, []).append(seat)
    found = []
    for room_id, boxes in sorted(seats.items()):
        windows = _windows(lines, school, boxes)
        air = [
            Air(*_when(school, hour.hour_ns), busy / 100)
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


def _when(school: School, hour_ns: int) -> tuple[date, bool]:
    period = districts.period_of(school, hour_ns + _HOUR_NS // 2)
    return period.day, period.in_class


def batteries(reads: Reads, lines: Lines, school: School) -> list[Battery]:
    """The newest word of each device in the school that has a battery."""
    found = []
    for seat in _seats(lines, school):
        newest = [row for row in reads.latest(seat.agent) if row.report.probe == "power"]
        found += [battery for row in newest if (battery := _battery(row, lines))]
    return found


def _battery(row: Stored, lines: Lines) -> Battery | None:
    readings = row.report.readings
    known = row.arrival <= lines.facts_until and row.report.at_ns <= lines.as_of_ns
    if not known or row.report.status is not Status.OK or not readings.get("batteries"):
        return None
    full, health = (readings.get(name) for name in ("battery_full_wh", "health_pct"))
    return Battery(
        float(full) if isinstance(full, int | float) else None,
        float(health) if isinstance(health, int | float) else None,
    )


def _seats(lines: Lines, school: School) -> list[Seat]:
    """The boxes that stand in the school now, each where it stands."""
    district = lines.network.district
    agents = dict.fromkeys(seat.agent for seat in district.seats if seat.school == school.id)
    here = (districts.place_of(district, agent, lines.as_of_ns) for agent in agents)
    return [seat for seat in here if seat and seat.school == school.id]


def _windows(lines: Lines, school: School, seats: list[Seat]) -> list[Box]:
    """From midnight until the last bell of the newest school days, as long as each box stood there."""
    district, as_of_ns = lines.network.district, lines.as_of_ns
    today = districts.local(school, as_of_ns).date()
    days = islice(districts.school_days(school, today, -1), SCHOOL_DAYS)
    spans = [
        (districts.midnight_ns(school, day), ends[-1][1])
        for day in days
        if (ends := districts.class_spans(school, day))
    ]
    found: list[Box] = []
    for seat in seats:
        stay = next(span for known, span in districts.stays(district, seat.agent) if known is seat)
        bounds = stay.since_ns, min(stay.until_ns or as_of_ns, as_of_ns)
        cut = [(seat.agent, max(begin, bounds[0]), min(end, bounds[1])) for begin, end in sorted(spans)]
        found += [box for box in cut if box[1] < (box[2] or 0)]
    return found


def _rollups(reads: Reads, boxes: list[Box], probe: str, lines: Lines) -> list[Rollup]:
    if not boxes:
        return []
    since_ns = min(begin for _, begin, _ in boxes)
    return reads.rollups(boxes, probe, since_ns, lines.as_of_ns, facts_until=lines.facts_until)


def _mean(hour: Rollup, *names: str) -> float | None:
    """The hour's mean of the first of these that it has."""
    return next((hour.metrics[name].mean for name in names if name in hour.metrics), None)
