"""When a school's boxes watched its internet, and what they found away: what "was it up" is judged by."""

from collector.questions import doubt as doubting
from collector.questions import reached
from collector.questions.doubt import Doubts
from collector.store.derived.intervals import Interval, Kind
from collector.store.port import Evidence
from collector.store.reads import Box
from firstbell import district as districts
from firstbell.district import District, School
from firstbell.readiness.lines import Lines
from firstbell.readiness.links.availability import Outage, Watch
from firstbell.readiness.models import Numbers


def unreachable(
    reads: Evidence, lines: Lines, school: School, numbers: Numbers, doubts: Doubts
) -> list[Outage]:
    """When the school's gateway did not answer our own tries, as far as that proves anything."""
    span = _since_ns(lines, school, numbers), lines.as_of_ns
    return unreachable_within(reads, lines.network.district, school, span, lines.facts_until, doubts)


def unreachable_within(
    reads: Evidence, district: District, school: School, span: tuple[int, int], known: int, doubts: Doubts
) -> list[Outage]:
    """The same within any time (ns, the end not included), with what is known up to a report."""
    tried = reached.tried(reads, district, school, span, known, doubts)
    return [
        Outage(begin_ns=reach.begin_ns, end_ns=reach.end_ns, kind="unreachable")
        for reach in tried
        if not reach.answers
    ]


def _since_ns(lines: Lines, school: School, numbers: Numbers) -> int:
    today = districts.local(school, lines.as_of_ns).date()
    first_day = districts.window_begins(school, today, int(numbers.window_school_days.value))
    return districts.midnight_ns(school, first_day)


def of(reads: Evidence, lines: Lines, school: School, numbers: Numbers, doubts: Doubts) -> list[Watch]:
    """Each stay of a box in the school within the last school days that are looked at.

    Less the time in which it is doubtful whose word the box's is: in that nobody watched.
    """
    span = _since_ns(lines, school, numbers), lines.as_of_ns
    return within(reads, lines.network.district, school, span, lines.facts_until, doubts)


def within(
    reads: Evidence, district: District, school: School, span: tuple[int, int], known: int, doubts: Doubts
) -> list[Watch]:
    """The same within any time (ns, the end not included), with what is known up to a report."""
    boxes = doubting.without(reached.boxes_in(district, school, *span), doubts)
    if not boxes:
        return []
    watched = reads.watched(boxes, *span, facts_until=known)
    found = reads.outages(boxes, *span, facts_until=known)
    return [watch for box in boxes if (watch := _watch(box, watched, found))]


def _watch(box: Box, watched: list[Interval], found: list[Interval]) -> Watch | None:
    """From the first look at the internet on; whatever the box did not look at, it was silent about."""
    agent, from_ns, to_ns = box
    until_ns = to_ns or 0
    spans = sorted(
        (max(look.begin_ns, from_ns), min(look.end_ns, until_ns))
        for look in watched
        if look.agent == agent and look.begin_ns < until_ns and from_ns < look.end_ns
    )
    if not spans:
        return None
    ends = [end for _, end in spans]
    begins = [begin for begin, _ in spans[1:]]
    outages = [
        Outage(begin_ns=end, end_ns=begin, kind="silent")
        for end, begin in zip(ends, [*begins, until_ns], strict=True)
        if end < begin
    ]
    outages += [
        Outage(
            begin_ns=away.begin_ns,
            end_ns=away.end_ns,
            # Without its own network a box can't say anything of the line.
            kind="down" if away.kind is Kind.LINE_DOWN else "silent",
        )
        for away in found
        if away.agent == agent and away.begin_ns < until_ns and from_ns < away.end_ns
    ]
    return Watch(spans[0][0], until_ns, outages)
