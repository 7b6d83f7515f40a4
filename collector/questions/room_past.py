"""What was before: the last trouble, the last good minute, and the same class period a day earlier."""

from collections.abc import Iterator, Sequence
from datetime import date, tzinfo
from itertools import islice

from collector.questions.ladders import milliseconds
from collector.questions.sight import Sight, local
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.district import NS, School
from firstbell.readiness import words
from firstbell.report import Report, Segment, Status

_DAY_NS = 86_400 * NS
_MINUTE_NS = 60 * NS
_BEFORE_NS = 1_800 * NS


def last_trouble(here: Sequence[Sight], as_of_ns: int, zone: tzinfo) -> str:
    """When the room was cut off last, and for how long."""
    over = [trouble for sight in here for trouble in sight.troubles if not trouble.open]
    if not over:
        return ""
    last = max(over, key=lambda trouble: trouble.begin_ns)
    minutes = max(1, round((last.end_ns - last.begin_ns) / _MINUTE_NS))
    return f"Last trouble: {_earlier(last.begin_ns, as_of_ns, zone)}, {words.count(minutes, 'minute')}."


def last_good(reads: Reads, here: Sequence[Sight], since_ns: int | None, zone: tzinfo, *, wifi: bool) -> str:
    """The last minute in which the room was fine, and what it was like; of its Wi-Fi where that fails."""
    if since_ns is None or not here:
        return ""
    found: list[Report] = []
    for sight in here:
        span = [(sight.agent, since_ns - _BEFORE_NS, since_ns)]
        found += [stored.report for probe in ("latency", "wifi_link") for stored in reads.tests(span, probe)]
    beyond = [r for r in found if r.segment in {Segment.INTERNET, Segment.WAN} and r.status is Status.OK]
    if wifi:
        beyond = [report for report in found if report.probe == "wifi_link" and report.status is Status.OK]
    if not beyond:
        return ""
    last = max(beyond, key=lambda report: report.at_ns)
    told = ", ".join(part for part in (_internet([last]), _signal(found)) if part)
    at = words.since(local(last.at_ns, zone), local(here[0].as_of_ns, zone))
    return f"{at}. {told[0].upper()}{told[1:]}." if told else f"{at}."


def same_period(reads: Reads, school: School, here: Sequence[Sight], as_of_ns: int) -> str:
    """How the room did at the same time of the school day before."""
    if not here:
        return ""
    now = districts.period_of(school, as_of_ns)
    before = next((day for day in islice(_days(school, as_of_ns), 2) if day < now.day), None)
    if before is None:
        return ""
    begin = districts.midnight_ns(school, before)
    looks: list[Report] = []
    for sight in here:
        span = (sight.agent, *_around(school, as_of_ns, begin))
        looks += [stored.report for stored in reads.tests([span], "latency")]
    looks = [report for report in looks if _same(school, report.at_ns, now)]
    beyond = [report for report in looks if report.segment in {Segment.INTERNET, Segment.WAN}]
    name = f"Same {'class period' if now.in_class else 'time'} {_day_word(before, now.day)}"
    if not beyond:
        return f"{name}: not measured."
    good = [report for report in beyond if report.status is Status.OK]
    if not good:
        return f"{name}: cut off."
    failed = {report.at_ns // _MINUTE_NS for report in beyond} - {r.at_ns // _MINUTE_NS for r in good}
    if failed:
        return f"{name}: cut off for {words.count(len(failed), 'minute')}."
    return f"{name}: fine, {_internet(good)}."


def _days(school: School, as_of_ns: int) -> Iterator[date]:
    return districts.school_days(school, districts.local(school, as_of_ns).date(), -1)


def _around(school: School, as_of_ns: int, midnight_ns: int) -> tuple[int, int]:
    """Six hours to either side of the same time of that day: no period reaches farther."""
    now = districts.local(school, as_of_ns)
    at = midnight_ns + (now.hour * 3_600 + now.minute * 60) * NS
    return max(midnight_ns, at - _DAY_NS // 4), at + _DAY_NS // 4


def _same(school: School, at_ns: int, now: districts.Period) -> bool:
    then = districts.period_of(school, at_ns)
    return then.slot == now.slot and then.day < now.day


def _internet(good: Sequence[Report]) -> str:
    trips = sorted(
        float(value)
        for report in good
        for value in [report.readings.get("rtt_p50_ms", report.readings.get("http_ms"))]
        if isinstance(value, int | float)
    )
    return f"internet in {milliseconds(trips[(len(trips) - 1) // 2])}" if trips else ""


def _signal(found: Sequence[Report]) -> str:
    heard = [r for r in found if r.probe == "wifi_link" and "signal_dbm" in r.readings]
    if not heard:
        return ""
    value = max(heard, key=lambda report: report.at_ns).readings["signal_dbm"]
    return f"signal {value:g} dBm".replace("-", "\u2212") if isinstance(value, int | float) else ""


def _earlier(at_ns: int, as_of_ns: int, zone: tzinfo) -> str:
    then, now = local(at_ns, zone), local(as_of_ns, zone)
    if then.date() == now.date():
        return f"today {words.clock(then)}"
    return f"{_day_word(then.date(), now.date())} {words.clock(then)}"


def _day_word(day: date, today: date) -> str:
    return "yesterday" if (today - day).days == 1 else f"on {words.weekday(day)}"
