"""Can this school teach this way? From the journal and the district folder to an answer."""

from collections.abc import Callable
from typing import TypeVar

from collector.questions import doubt as doubting
from collector.questions import surroundings, watches
from collector.registry import Folder
from collector.store.port import Evidence
from collector.store.reads import Box, Suspension
from firstbell import district as districts
from firstbell.readiness.asking import PLAN
from firstbell.readiness.chain import SchoolAnswer, judge
from firstbell.readiness.lines import Lines
from firstbell.readiness.models import Targets
from firstbell.readiness.network import Network
from firstbell.readiness.weighing import SchoolEvidence, weigh_school
from firstbell.report import Status, Stored

E = TypeVar("E", bound=Evidence)
Weigh = Callable[[E, Folder, Targets, districts.School, int], SchoolEvidence]
"""How one school's evidence is come by: weighed for the question, or kept (`known.school`)."""

PROBES = ("internet", "throughput")
"""Whose reports tell what a line carries."""
_LOOK_BACK_NS = 75 * 86_400 * 1_000_000_000
"""More than 30 school days with any holidays between; which of these count is the judge's to say."""
_AROUND_NS = 120 * 1_000_000_000
_GOOD_ONES = 20
_LOOKS_PAST_NS = 86_400 * 1_000_000_000
"""So far back the newest look is sought where the newest of all came too late to be known."""


class QuestionError(ValueError):
    """A question that can't be asked: no such school or model, or impossible people or years."""

    what_to_do = "Choose from the list of schools, or see what is asked for."


class WayError(QuestionError):
    """There is no such way of teaching."""

    what_to_do = "Choose one of the ways of teaching: docs/models.md tells of each."


def check_model(targets: Targets, model: str) -> None:
    """See that there is such a way of teaching. Raises QuestionError that names those there are."""
    try:
        targets.find(model)
    except LookupError as error:
        raise WayError(str(error)) from error


def ask(
    reads: E,
    folder: Folder,
    targets: Targets,
    *,
    school: str,
    model: str,
    people: int | None,
    years: int | None,
    as_of_ns: int,
    facts_until: int | None = None,
    evidence_of: Weigh[E] | None = None,
) -> SchoolAnswer:
    """The answer for the school that `school` names (its id, name, or the beginning of it).

    With `facts_until` nothing that arrived later is known: with the moment and the folder of an answer it
    gives that answer again. It is weighed for this question unless `evidence_of` says otherwise. Raises
    QuestionError.
    """
    try:
        asked = districts.find_school(folder.district, school)
        if model != PLAN:
            check_model(targets, model)
        evidence = (
            evidence_of(reads, folder, targets, asked, as_of_ns)
            if evidence_of
            else weigh(reads, folder, targets, asked, as_of_ns, facts_until)
        )
        return judge(model, targets, evidence, people=people, years=years)
    except QuestionError:
        raise
    except (LookupError, ValueError) as error:
        raise QuestionError(str(error)) from error


def weigh(
    reads: Evidence,
    folder: Folder,
    targets: Targets,
    school: districts.School,
    as_of_ns: int,
    facts_until: int | None = None,
) -> SchoolEvidence:
    """What the journal knows of one school's links, whatever is then asked of it."""
    network = Network(folder.district, districts.local(school, as_of_ns).date())
    path = network.path(school.id)
    circuits = network.witnesses(path[0].id) if path else frozenset[str]()
    lines = _lines(reads, network, targets, circuits, as_of_ns, facts_until)
    return _school(reads, lines, targets, school, doubting.spans(reads, lines.facts_until))


def weigh_all(reads: Evidence, folder: Folder, targets: Targets, as_of_ns: int) -> dict[str, SchoolEvidence]:
    """What the journal knows of every school's links, by school: read and weighed once for all questions."""
    schools = folder.district.schools
    if not schools:
        return {}
    network = Network(folder.district, districts.local(schools[0], as_of_ns).date())
    circuits = frozenset(circuit.id for school in schools for circuit in network.path(school.id))
    lines = _lines(reads, network, targets, circuits, as_of_ns)
    doubts = doubting.spans(reads, lines.facts_until)
    return {school.id: _school(reads, lines, targets, school, doubts) for school in schools}


def _lines(
    reads: Evidence,
    network: Network,
    targets: Targets,
    circuits: frozenset[str],
    as_of_ns: int,
    known_until: int | None = None,
) -> Lines:
    facts_until = reads.facts_until() if known_until is None else known_until
    tests = [
        test
        for test in heavy_of(reads, network, circuits, max(0, as_of_ns - _LOOK_BACK_NS))
        if test.arrival <= facts_until and test.report.at_ns <= as_of_ns
    ]
    doubtful = suspended(reads, tests, facts_until)
    cheap = cheap_of(reads, tests, as_of_ns, facts_until)
    heard = reads.heard(as_of_ns)
    return Lines(network, targets.numbers, as_of_ns, tests, cheap, facts_until, doubtful, heard)


def _school(
    reads: Evidence, lines: Lines, targets: Targets, school: districts.School, doubts: doubting.Doubts
) -> SchoolEvidence:
    numbers = targets.numbers
    return weigh_school(
        lines,
        school.id,
        numbers,
        boxes=watches.of(reads, lines, school, numbers, doubts),
        unreachable=watches.unreachable(reads, lines, school, numbers, doubts),
        hours=surroundings.hours(reads, lines, school, doubts),
        rooms=surroundings.rooms(reads, lines, school, doubts),
        batteries=surroundings.batteries(reads, lines, school, doubts),
        played=surroundings.played(reads, lines, school, doubts),
    )


def heavy_of(
    reads: Evidence, network: Network, circuits: frozenset[str], since_ns: int, until_ns: int | None = None
) -> list[Stored]:
    """The tests of all boxes on these lines in that time, each once, by probe and by the boxes' names."""
    seats = [seat for circuit in circuits for seat in districts.seats_on(network.district, circuit)]
    boxes: list[Box] = sorted({(seat.agent, seat.since_ns, seat.until_ns) for seat in seats}, key=str)
    if until_ns is not None:
        boxes = [(agent, begin, min(end or until_ns, until_ns)) for agent, begin, end in boxes]
    return [test for probe in PROBES for test in reads.tests(boxes, probe, since_ns=since_ns)]


def cheap_of(
    reads: Evidence, tests: list[Stored], as_of_ns: int | None = None, facts_until: int | None = None
) -> list[Stored]:
    """The cheap reports around each failed test, and around the newest good ones of each box that failed one.

    The first tell a dead line from a dead server. The second tell whether the box's gateway ever answers:
    one that did and then fell silent is the box's own trouble, not the line's. Only those, because a month
    of them is a hundred thousand rows that nobody would look at. And the newest of all, as known then.
    """
    failed = [test for test in tests if test.report.status in {Status.FAILED, Status.TIMEOUT}]
    boxes = {test.agent for test in failed}
    windows: list[Box] = [_window(test) for test in failed]
    good: dict[str, list[Stored]] = {}
    for test in tests:
        if test.agent in boxes and test.report.status is Status.OK:
            good.setdefault(test.agent, []).append(test)
    for tested in good.values():
        newest = sorted(tested, key=lambda test: test.report.at_ns)[-_GOOD_ONES:]
        windows += [_window(test) for test in newest]
    seen = {(row.agent, row.epoch, row.seq): row for row in reads.tests(windows, "latency")}
    for row in (row for box in boxes for row in _newest_looks(reads, box, as_of_ns, facts_until)):
        seen.setdefault((row.agent, row.epoch, row.seq), row)
    return list(seen.values())


def _newest_looks(reads: Evidence, box: str, as_of_ns: int | None, facts_until: int | None) -> list[Stored]:
    """A box's newest look at each target, of those that the question may know."""
    newest = [row for row in reads.latest(box) if row.report.probe == "latency"]
    if as_of_ns is None or facts_until is None:
        return newest
    if all(row.arrival <= facts_until and row.report.at_ns <= as_of_ns for row in newest):
        return newest
    day = (box, as_of_ns - _LOOKS_PAST_NS, as_of_ns + 1)
    looks = reads.tests([day], "latency", facts_until=facts_until)
    return list({row.report.target: row for row in looks}.values())


def _window(test: Stored) -> Box:
    """A test's time and two minutes on both sides."""
    end_ns = test.report.at_ns + round(test.report.duration_s * 1_000_000_000)
    return test.agent, test.report.at_ns - _AROUND_NS, end_ns + _AROUND_NS


def suspended(reads: Evidence, tests: list[Stored], facts_until: int) -> frozenset[int]:
    """The arrivals of tests that may be another box's: nobody can say whose they are.

    While two boxes have one name that is everything of the two starts that gave them away, and everything
    that came from then on until somebody decided. What was found or decided after `facts_until` is not
    known yet.
    """
    doubts = [doubt for doubt in reads.suspensions() if doubt.since_arrival <= facts_until]
    return frozenset(
        test.arrival
        for test in tests
        if any(_doubtful(test, doubt, facts_until) for doubt in doubts if doubt.agent == test.agent)
    )


def _doubtful(test: Stored, doubt: Suspension, facts_until: int) -> bool:
    decided = doubt.decided_arrival if (doubt.decided_arrival or 0) <= facts_until else None
    if decided is not None and test.arrival > decided:
        return False
    return test.arrival > doubt.since_arrival or test.epoch in {doubt.epoch, doubt.other}
