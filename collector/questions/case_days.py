"""When a line of the case for an internet provider was dead, and its tests day by day."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import msgspec

from collector.questions import doubt
from collector.questions.case_tests import LineTest, rank, speed
from collector.questions.case_words import Failed
from collector.store.derived.intervals import Kind
from collector.store.reads import Box, Reads
from firstbell import district as districts
from firstbell.district import NS, School

_MOST_ROWS = 31
_MINUTE_NS = 60 * NS


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The tests of some days, towards the school and as line rate: quiet hours and class apart."""

    first: str
    last: str
    quiet_tests: int
    quiet_lowest_mbps: float | None
    quiet_median_mbps: float | None
    class_tests: int
    class_lowest_mbps: float | None
    class_median_mbps: float | None
    failed_minutes: float


def failed(reads: Reads, boxes: Sequence[Box], school: School, facts_until: int) -> Iterator[Failed]:
    """When each of the boxes found the line dead, within the time that is given with it."""
    known = doubt.without(boxes, doubt.spans(reads, facts_until))
    if not known:
        return
    since_ns, until_ns = min(box[1] for box in known), max(box[2] or 0 for box in known)
    found = reads.outages(known, since_ns, until_ns, facts_until=facts_until)
    for away in sorted(found, key=lambda away: (away.begin_ns, away.agent)):
        if away.kind is Kind.LINE_DOWN:
            yield _away(school, away.agent, away.begin_ns, away.end_ns)


def _away(school: School, agent: str, begin_ns: int, end_ns: int) -> Failed:
    days = {districts.local(school, at_ns).date() for at_ns in (begin_ns, end_ns)}
    in_class = sum(
        max(0, min(end_ns, end) - max(begin_ns, begin))
        for day in days
        for begin, end, _ in districts.class_spans(school, day)
    )
    local = [districts.local(school, at_ns) for at_ns in (begin_ns, end_ns)]
    return Failed(
        agent=agent,
        begin_local=local[0].isoformat(timespec="seconds"),
        end_local=local[1].isoformat(timespec="seconds"),
        begin_utc=local[0].astimezone(districts.zone("UTC")).isoformat(timespec="seconds"),
        minutes=round((end_ns - begin_ns) / _MINUTE_NS, 1),
        in_class_minutes=round(in_class / _MINUTE_NS, 1),
    )


def days(first: date, last: date, tests: Sequence[LineTest], dead: Sequence[Failed]) -> Iterator[Day]:
    """A row a day, or a row a week where that would be more than a page; none of days without either."""
    step = timedelta(days=1 if (last - first).days < _MOST_ROWS else 7)
    while first <= last:
        until = min(first + step - timedelta(days=1), last)
        within = [test for test in tests if first.isoformat() <= test.local[:10] <= until.isoformat()]
        away = [one for one in dead if first.isoformat() <= one.begin_local[:10] <= until.isoformat()]
        if within or away:
            yield _day(first, until, within, away)
        first = until + timedelta(days=1)


def _day(first: date, last: date, tests: Sequence[LineTest], dead: Sequence[Failed]) -> Day:
    quiet, in_class = (
        [speed(test, "down") for test in tests if test.down_counted and test.in_class == of_class]
        for of_class in (False, True)
    )
    return Day(
        first=first.isoformat(),
        last=last.isoformat(),
        quiet_tests=len(quiet),
        quiet_lowest_mbps=min(quiet, default=None),
        quiet_median_mbps=rank(quiet, 0.5),
        class_tests=len(in_class),
        class_lowest_mbps=min(in_class, default=None),
        class_median_mbps=rank(in_class, 0.5),
        failed_minutes=round(sum(away.minutes for away in dead), 1),
    )
