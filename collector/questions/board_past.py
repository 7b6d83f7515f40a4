"""Outages and quiet times as boards mark them: each at its beginning."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from collector.questions import doubt as doubting
from collector.questions import reached, watches
from collector.registry import Folder
from collector.store.derived.intervals import Interval, Kind
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.catalogue import Reading
from firstbell.copies import OUTAGE, QUIET
from firstbell.district import NS, District, School
from firstbell.points import Point
from firstbell.quiet import Order
from firstbell.readiness import words

_MINUTE_NS = 60 * NS
_WORDS = {
    Kind.LINE_DOWN: "found no internet",
    Kind.SITE_DOWN: "found neither internet nor its own network",
    Kind.SILENT: "was silent",
}
UNREACHABLE = "unreachable"


def outages(reads: Reads, folder: Folder, district: str, since_ns: int, as_of_ns: int) -> Iterator[Point]:
    """What was away within that time, by box, and schools whose gateway did not answer. Raises StoreError."""
    known = reads.facts_until()
    doubts = doubting.spans(reads, known)
    span = since_ns, as_of_ns
    for school in folder.district.schools:
        boxes = doubting.without(reached.boxes_in(folder.district, school, *span), doubts)
        found = [*reads.outages(boxes, *span), *reads.silences(boxes, *span)]
        for each in found:
            yield _outage(school, each, district, as_of_ns)
        for away in watches.unreachable_within(reads, folder.district, school, span, known, doubts):
            tags = {"district": district, "school": school.id, "subject": UNREACHABLE}
            text = f"{school.name}: its gateway did not answer"
            yield _event(
                tags, school, away.begin_ns, away.end_ns, text, is_open=away.end_ns >= as_of_ns - _MINUTE_NS
            )


def _outage(school: School, each: Interval, district: str, as_of_ns: int) -> Point:
    tags = {"district": district, "school": school.id, "agent": each.agent, "subject": each.kind.value}
    text = f"{school.name}: {each.agent} {_WORDS[each.kind]}"
    end_ns = min(each.end_ns, as_of_ns)
    return _event(tags, school, each.begin_ns, end_ns, text, is_open=each.open)


def _event(
    tags: dict[str, str], school: School, begin_ns: int, end_ns: int, text: str, *, is_open: bool
) -> Point:
    class_min = _class_ns(school, begin_ns, end_ns) / _MINUTE_NS
    minutes = (end_ns - begin_ns) / _MINUTE_NS
    fields: dict[str, Reading] = {
        "duration_s": (end_ns - begin_ns) / NS,
        "end_ns": end_ns,
        "class_min": class_min,
        "open": is_open,
        "text": f"{text} for {words.number(minutes)} min, {words.number(class_min)} min of class",
    }
    return Point(OUTAGE.name, tags, fields, begin_ns)


def _class_ns(school: School, begin_ns: int, end_ns: int) -> int:
    """How much of class lies in that time."""
    day, last = districts.local(school, begin_ns).date(), districts.local(school, end_ns).date()
    found = 0
    while day <= last:
        for begin, end, _ in districts.class_spans(school, day):
            found += max(0, min(end, end_ns) - max(begin, begin_ns))
        day += timedelta(days=1)
    return found


def quiet_times(reads: Reads, folder: Folder, district: str, since_ns: int) -> Iterator[Point]:
    """Quiet times that end after that moment: those of the folder, and those that somebody ordered."""
    for order in reads.quiet_times(since_ns):
        school = _clock(folder.district, order.school)
        zone = UTC if not order.local else districts.zone(school.tz)
        begin, end = (
            int(datetime.fromtimestamp(at_s, UTC).replace(tzinfo=zone).timestamp())
            for at_s in (order.since_s, order.until_s)
        )
        yield _quiet(district, [order.school] if order.school else [""], begin, end, order.why)[0]
    for written in folder.district.settings.quiet:
        schools: Sequence[str] = written.schools or ("",)
        zone = districts.zone(_clock(folder.district, schools[0]).tz)
        begin, end = (int(at.replace(tzinfo=zone).timestamp()) for at in (written.since, written.until))
        if end * NS > since_ns:
            yield from _quiet(district, schools, begin, end, written.why)


def _quiet(district: str, schools: Sequence[str], begin_s: int, end_s: int, why: str) -> list[Point]:
    fields: dict[str, Reading] = {
        "duration_s": float(end_s - begin_s),
        "until_ns": end_s * NS,
        "text": why or "lines are kept quiet",
    }
    return [
        Point(QUIET.name, {"district": district} | ({"school": each} if each else {}), fields, begin_s * NS)
        for each in schools
    ]


def _clock(district: District, school_id: str) -> School:
    """Whose clock shows it; an order for all schools is shown by the first one's."""
    found = [school for school in district.schools if school_id in {"", school.id}]
    return found[0] if found else district.schools[0]


__all__ = ["Order", "outages", "quiet_times"]
