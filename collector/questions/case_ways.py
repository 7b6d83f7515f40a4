"""The way that a line's packets took, router by router, in the case for an internet provider."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from collector.questions import case_tests, case_words, doubt
from collector.store.reads import Box, Reads
from firstbell import district as districts
from firstbell.district import NS, Circuit, School
from firstbell.metrics import MOST_HOPS, hop_address, hop_rtt_ms
from firstbell.report import Report, Segment, Status, Stored
from firstbell.stats import nearest_rank

_MEDIAN = 0.5
_HOUR_NS = 3600 * NS
_BEYOND = {Segment.WAN, Segment.INTERNET}
_THROUGH = {"internet": {Segment.INTERNET}}
"""What lies behind a line of that kind; behind any other lies all that is beyond the building."""


class Router(msgspec.Struct, frozen=True, kw_only=True):
    """One router of a way, the first being number 1: how often it answered, and its median round trips.

    `address` is the one that answered most often at this place, the target's name if that was it; empty where
    nobody ever did. `others` counts the answers of others there: they are in no median of it. None for a
    median of no answers.
    """

    number: int
    address: str
    others: int
    answers: int
    quiet_median_ms: float | None
    class_median_ms: float | None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """The way of a box to a target, from all its traces: in `reached` of them the target itself answered."""

    target: str
    agent: str
    traces: int
    reached: int
    in_class: int
    first_local: str
    last_local: str
    routers: tuple[Router, ...]
    sentence: str


class _Trace(msgspec.Struct, frozen=True):
    report: Report
    in_class: bool


def traces(reads: Reads, boxes: Sequence[Box], circuit: Circuit, facts_until: int) -> list[Stored]:
    """The traces over a cable by the boxes, within the time that is given with each, in order of time.

    What ends within the district shows nothing of a line that leads out of it.
    Of a box, a target and an hour the first one alone: a box that talks too much does not outweigh others.
    """
    known = doubt.without(boxes, doubt.spans(reads, facts_until))
    rows = reads.tests(known, "path", facts_until=facts_until)
    first: dict[tuple[str, str, int], Stored] = {}
    shown = [row for row in rows if _is_shown(row, circuit)]
    for row in sorted(shown, key=lambda row: (row.report.at_ns, row.agent, row.arrival)):
        first.setdefault((row.agent, row.report.target, row.report.at_ns // _HOUR_NS), row)
    return list(first.values())


def _is_shown(row: Stored, circuit: Circuit) -> bool:
    through = _THROUGH.get(circuit.kind, _BEYOND)
    beyond = row.report.segment in through and not case_tests.by_wifi(row)
    return beyond and row.report.status in {Status.OK, Status.FAILED}


def ways(rows: Iterable[Stored], school: School) -> Iterator[Way]:
    """One for each target and box, the one on which somebody answered most often first."""
    found_of: dict[tuple[str, str], list[_Trace]] = {}
    for row in rows:
        of_class = districts.period_of(school, row.report.at_ns).in_class
        found_of.setdefault((row.report.target, row.agent), []).append(_Trace(row.report, of_class))
    for (target, agent), found in sorted(found_of.items(), key=lambda item: (-_answered(item[1]), item[0])):
        reached = sum("hops" in trace.report.readings for trace in found)
        in_class = sum(trace.in_class for trace in found)
        local = [
            districts.local(school, trace.report.at_ns).isoformat(timespec="minutes")
            for trace in (found[0], found[-1])
        ]
        yield Way(
            target=target,
            agent=agent,
            traces=len(found),
            reached=reached,
            in_class=in_class,
            first_local=local[0],
            last_local=local[1],
            routers=tuple(_routers(found)),
            sentence=case_words.way(target, len(found), in_class, reached),
        )


def _answered(found: Sequence[_Trace]) -> int:
    return sum(trace.report.status is Status.OK for trace in found)


def _routers(found: Sequence[_Trace]) -> Iterator[Router]:
    """All numbers up to the last that ever answered: who keeps silent has a place, too."""
    heard = [number for number in range(1, MOST_HOPS + 1) if any(_address(trace, number) for trace in found)]
    for number in range(1, max(heard, default=0) + 1):
        addresses = Counter(address for trace in found if (address := _address(trace, number)))
        # The most frequent; of as many each, the one that sorts first, so that the same case is the same.
        common = min(addresses, key=lambda address: (-addresses[address], address), default="")
        its = [trace for trace in found if common and _address(trace, number) == common]
        yield Router(
            number=number,
            address=common,
            others=addresses.total() - addresses[common],
            answers=addresses[common],
            quiet_median_ms=_median(its, number, in_class=False),
            class_median_ms=_median(its, number, in_class=True),
        )


def _address(trace: _Trace, number: int) -> str:
    """Who answered there; empty where nobody did."""
    readings = trace.report.readings
    if hop_rtt_ms(number) not in readings:
        return ""
    if number == readings.get("hops"):
        return trace.report.target
    return str(readings.get(hop_address(number), ""))


def _median(found: Sequence[_Trace], number: int, *, in_class: bool) -> float | None:
    trips = [
        float(trip)
        for trace in found
        if trace.in_class == in_class and (trip := trace.report.readings.get(hop_rtt_ms(number))) is not None
    ]
    return nearest_rank(trips, _MEDIAN) if trips else None
