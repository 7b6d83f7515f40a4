"""Whether a school's gateway answers our own tries: what tells a silent box from a silent school."""

from itertools import groupby
from typing import NamedTuple

from collector.questions import doubt as doubting
from collector.questions.doubt import Doubts
from collector.store.gateways import Reach
from collector.store.port import Evidence
from collector.store.reads import Box
from firstbell import district as districts
from firstbell.district import NS, District, School
from firstbell.report import AHEAD_NS

PAST_NS = 30 * 86_400 * NS


class Gateway(NamedTuple):
    """What we know of a gateway. `answers` is None where it is not tried now, or its silence proves nothing.

    `since_ns` is since when it has done as it does; `spans` are the times in which it answered.
    """

    answers: bool | None
    since_ns: int | None
    spans: tuple[tuple[int, int], ...]


NOT_TRIED = Gateway(None, None, ())


def gateway(reads: Evidence, district: District, school: School, as_of_ns: int) -> Gateway:
    """The school's gateway at that time; one whose silence proves nothing is like one that isn't tried."""
    facts_until = reads.facts_until()
    doubts = doubting.spans(reads, facts_until)
    found = tried(reads, district, school, (as_of_ns - PAST_NS, as_of_ns), facts_until, doubts)
    spans = tuple((each.begin_ns, each.end_ns) for each in found if each.answers)
    if not spans or not found[-1].open:
        return Gateway(None, None, spans)
    return Gateway(found[-1].answers, found[-1].begin_ns, spans)


def tried(
    reads: Evidence,
    district: District,
    school: School,
    span: tuple[int, int],
    facts_until: int,
    doubts: Doubts,
) -> list[Reach]:
    """The gateway's stretches that prove something, within that time (ns, the end not included), in order.

    Many gateways answer nobody, and one that did may be replaced by one that doesn't. So silence proves
    nothing where the gateway never answered, nor from one answer to the next if a box of the school saw the
    internet in between.
    """
    if not school.gateway:
        return []
    stretches = reads.gateway(school.gateway, *span)
    if not any(reach.answers for reach in stretches):
        return []
    found: list[Reach] = []
    for answers, run in groupby(stretches, key=lambda reach: reach.answers):
        together = list(run)
        if answers or not _disproved(reads, district, school, together, facts_until, doubts):
            found += together
    return found


def _disproved(
    reads: Evidence,
    district: District,
    school: School,
    silence: list[Reach],
    facts_until: int,
    doubts: Doubts,
) -> bool:
    """Whether a box of the school saw the internet meanwhile, by more than its clock may differ from ours."""
    begin_ns, end_ns = silence[0].begin_ns + AHEAD_NS, silence[-1].end_ns - AHEAD_NS
    if begin_ns >= end_ns:
        return False
    boxes = doubting.without(boxes_in(district, school, begin_ns, end_ns), doubts)
    return bool(reads.online(boxes, begin_ns, end_ns, facts_until=facts_until))


def boxes_in(district: District, school: School, since_ns: int, until_ns: int) -> list[Box]:
    """Each stay of a box in the school, within that time."""
    return [
        (agent, max(span.since_ns, since_ns), min(span.until_ns or until_ns, until_ns))
        for agent in districts.boxes_of(district, school.id)
        for seat, span in districts.stays(district, agent)
        if seat.school == school.id
        and span.since_ns < until_ns
        and (span.until_ns is None or span.until_ns > since_ns)
    ]
