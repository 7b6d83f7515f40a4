"""The case for an internet provider: what a line was bought for, and what it carried, test by test.

Only wired tests count, each with both ends' counts, its clock's quality and what was left out and why; quiet
hours and class stand apart. The same rules decide as for the verdicts (`firstbell.readiness`), so that nobody
can say that other numbers were used elsewhere.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from collector.questions import ask as asking
from collector.questions import case_days, case_tests, case_ways, case_words
from collector.questions.ask import QuestionError
from collector.questions.case_days import Day
from collector.questions.case_tests import LineTest, counted, speed
from collector.questions.case_ways import Way
from collector.questions.case_words import Failed, Figures
from collector.registry import Folder
from collector.store.reads import Box, Reads
from firstbell import district as districts
from firstbell.district import NS, Circuit, District, School
from firstbell.readiness import words
from firstbell.readiness.lines import LineEvidence, Lines
from firstbell.readiness.models import Numbers, Targets
from firstbell.readiness.network import Network
from firstbell.readiness.reasons import Reason
from firstbell.readiness.sizing import Direction
from firstbell.report import Status, Stored

MOST_DAYS = 400
_AROUND_NS = 120 * NS
_WORST = 0.1


class CaseError(QuestionError):
    """A case that can't be made: no such line, or days that can't be."""

    what_to_do = "Name a line as circuits.csv does, and days as 2026-11-01."


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in the packet but the raw reports.

    `tests` and `traces` (arrival to name) say which these are.
    """

    circuit: str
    kind: str
    role: str
    parent: str
    bought_down_mbps: float | None
    bought_up_mbps: float | None
    contract: str
    since: str
    schools: tuple[str, ...]
    first_day: str
    last_day: str
    zone: str
    as_of: str
    facts_until: int
    district: str
    district_digest: str
    headline: str
    claims: tuple[str, ...]
    figures: tuple[Figures, ...]
    days: tuple[Day, ...]
    failed: tuple[Failed, ...]
    failed_minutes: float
    boxes: tuple[str, ...]
    left_out: tuple[str, ...]
    engines: tuple[str, ...]
    method: tuple[str, ...]
    tests: tuple[LineTest, ...]
    ways: tuple[Way, ...]
    traces: dict[int, str]
    simulated: bool


class _Asked(NamedTuple):
    """The line, whose clock it goes by, and the stretch of time asked for (its end not included)."""

    district: District
    circuit: Circuit
    school: School
    first: date
    last: date
    since_ns: int
    until_ns: int
    numbers: Numbers


def ask(
    reads: Reads, folder: Folder, targets: Targets, *, circuit: str, first: date, last: date, as_of_ns: int
) -> Case:
    """The case of a line from a day to another, both included. Raises CaseError."""
    asked = _asked(folder.district, targets, circuit, first, last, as_of_ns)
    lines, stored = _lines(reads, asked)
    line = lines.line(circuit)
    tests = _tests(asked, line, stored)
    failed = tuple(case_days.failed(reads, _boxes(asked), asked.school, lines.facts_until))
    traces = case_ways.traces(reads, _boxes(asked), asked.circuit, lines.facts_until)
    figures = tuple(
        _figures(asked, tests, direction, in_class=in_class)
        for direction in _directions(asked.circuit, tests)
        for in_class in (False, True)
    )
    minutes = round(sum(away.minutes for away in failed), 1)
    return Case(
        circuit=circuit,
        kind=asked.circuit.kind,
        role=asked.circuit.role,
        parent=asked.circuit.parent,
        bought_down_mbps=asked.circuit.down_mbps,
        bought_up_mbps=asked.circuit.up_mbps,
        contract=asked.circuit.contract,
        since=asked.circuit.since.isoformat() if asked.circuit.since else "",
        schools=tuple(districts.school_of(asked.district, school).name for school in line.schools),
        first_day=first.isoformat(),
        last_day=last.isoformat(),
        zone=asked.school.tz,
        as_of=districts.local(asked.school, as_of_ns).isoformat(timespec="minutes"),
        facts_until=lines.facts_until,
        district=asked.district.settings.name,
        district_digest=asked.district.digest,
        headline=case_words.headline(circuit, figures),
        claims=(
            *(figure.sentence for figure in figures),
            case_words.dead(failed, minutes),
            *filter(None, [case_words.too_small_a_port(tests, asked.circuit.down_mbps)]),
        ),
        figures=figures,
        days=tuple(case_days.days(first, last, tests, failed)),
        failed=failed,
        failed_minutes=minutes,
        boxes=tuple(sorted({test.agent for test in tests})),
        left_out=tuple(case_words.left_out(tests)),
        engines=tuple(case_words.measured_with(tests)),
        method=case_words.method(asked.numbers, asked.school.tz),
        tests=tests,
        ways=tuple(case_ways.ways(traces, asked.school)),
        traces={row.arrival: case_tests.name(case_tests.key(row)) for row in traces},
        simulated=asked.district.settings.simulated,
    )


# --- what is asked --------------------------------------------------------------------------------------


def _asked(
    district: District, targets: Targets, circuit_id: str, first: date, last: date, as_of_ns: int
) -> _Asked:
    circuit = next((line for line in district.circuits if line.id == circuit_id), None)
    if circuit is None:
        known = words.listed([line.id for line in district.circuits[:12]])
        raise CaseError(f"there is no line {circuit_id!r}; known: {known}")
    if first > last:
        raise CaseError(f"the first day, {first}, lies after the last one, {last}")
    days = (last - first).days + 1
    if days > MOST_DAYS:
        raise CaseError(f"{days} days are too many for one case: {MOST_DAYS} at the most")
    network = Network(district, min(last, circuit.until or last))
    through = network.through(circuit_id)
    if not through:
        raise CaseError(f"no school's internet passed through the line {circuit_id!r} on {last}")
    school = districts.school_of(district, through[0])
    since_ns = districts.midnight_ns(school, first)
    until_ns = min(districts.midnight_ns(school, last + timedelta(days=1)), as_of_ns)
    if since_ns >= until_ns:
        raise CaseError(f"{first} has not come yet")
    # The verdicts look at the last 30 school days; a case at all days that are asked for.
    window = msgspec.structs.replace(targets.numbers.window_school_days, value=days + 1)
    numbers = msgspec.structs.replace(targets.numbers, window_school_days=window)
    return _Asked(district, circuit, school, first, last, since_ns, until_ns, numbers)


def _lines(reads: Reads, asked: _Asked) -> tuple[Lines, list[Stored]]:
    """The district's lines as they were known in that time, and the tests of the boxes on this one."""
    day = districts.local(asked.school, asked.until_ns - 1).date()
    network = Network(asked.district, day)
    facts_until = reads.facts_until()
    circuits = network.witnesses(asked.circuit.id)
    stored = asking.heavy_of(reads, network, circuits, asked.since_ns, asked.until_ns)
    doubtful = asking.suspended(reads, stored, facts_until)
    cheap = asking.cheap_of(reads, stored, asked.until_ns - 1, facts_until)
    heard = frozenset(box.agent for box in reads.boxes())
    lines = Lines(network, asked.numbers, asked.until_ns - 1, stored, cheap, facts_until, doubtful, heard)
    return lines, stored


def _boxes(asked: _Asked) -> list[Box]:
    """The boxes that stood on the line within that time, each with its stay."""
    found: list[Box] = []
    for span in districts.seats_on(asked.district, asked.circuit.id):
        begin = max(span.since_ns, asked.since_ns)
        end = min(span.until_ns or asked.until_ns, asked.until_ns)
        if begin < end:
            found.append((span.agent, begin, end))
    return found


# --- the tests ------------------------------------------------------------------------------------------


def _tests(asked: _Asked, line: LineEvidence, stored: Sequence[Stored]) -> tuple[LineTest, ...]:
    """The tests of the boxes on this line, in order of time: those that count, and those that don't."""
    checks = {case_tests.key(check): check for check in line.weighed.checks}
    left_out = {(out.agent, out.epoch, out.seq): out.reason for out in line.weighed.left_out}
    sites: dict[str, list[Stored]] = {}
    for row in stored:
        if case_tests.is_site(row):
            sites.setdefault(row.agent, []).append(row)
    agents = {agent for agent, _, _ in _boxes(asked)}
    found = [
        case_tests.line_test(
            row,
            asked.school,
            asked.numbers.framing,
            checks.get(case_tests.key(row)),
            left_out.get(case_tests.key(row)),
            case_tests.beside(row, sites),
        )
        for row in stored
        if row.agent in agents and _is_shown(row, left_out.get(case_tests.key(row)))
    ]
    return tuple(sorted(found, key=lambda test: (test.utc, test.agent)))


def _is_shown(row: Stored, reason: Reason | None) -> bool:
    """Whether it is a test of this line at all: tried, by a cable, at its place, on this part of the way."""
    tried = row.report.status not in {Status.SKIPPED, Status.NOTHING}
    elsewhere = reason in {Reason.OTHER_LINE, Reason.OTHER_PART, Reason.SELF, Reason.TOO_OLD}
    return tried and not elsewhere and not case_tests.by_wifi(row)


def _directions(circuit: Circuit, tests: Iterable[LineTest]) -> tuple[Direction, ...]:
    both = circuit.up_mbps is not None or any(test.up_counted for test in tests)
    return ("down", "up") if both else ("down",)


def _figures(asked: _Asked, tests: Iterable[LineTest], direction: Direction, *, in_class: bool) -> Figures:
    bought = asked.circuit.down_mbps if direction == "down" else asked.circuit.up_mbps
    ours = [test for test in tests if test.in_class == in_class]
    exact = [speed(test, direction) for test in ours if counted(test, direction)]
    spared = [speed(test, direction) for test in ours if case_tests.spared(test, direction)]
    # What something else limited may have been anything more: it ranks above all that is known.
    ranked = [*exact, *(math.inf for _ in spared)]
    below = sum(
        bought is not None and speed(test, direction) < bought * (1 - case_tests.off_by(test, asked.numbers))
        for test in ours
        if counted(test, direction)
    )
    median = _known(case_tests.rank(ranked, 0.5))
    return Figures(
        direction=direction,
        in_class=in_class,
        tests=len(ranked),
        spared=len(spared),
        bought_mbps=bought,
        lowest_mbps=min(exact, default=None),
        worst_tenth_mbps=_known(case_tests.rank(ranked, _WORST)),
        median_mbps=median,
        highest_mbps=max([*exact, *spared], default=None),
        below=below,
        dead=sum(mbps == 0 for mbps in exact),
        sentence=case_words.claim(
            direction, len(ranked), len(spared), below, bought, median, in_class=in_class
        ),
    )


def _known(mbps: float | None) -> float | None:
    return None if mbps is None or math.isinf(mbps) else mbps
