"""Can this school teach this way? From the journal and the district folder to an answer."""

from collector.registry import Folder
from collector.store.reads import Box, Reads, Suspension
from firstbell import district as districts
from firstbell.readiness.chain import SchoolAnswer, judge
from firstbell.readiness.models import Targets
from firstbell.report import Status, Stored

PROBE = "internet"
_LOOK_BACK_NS = 150 * 86_400 * 1_000_000_000
"""Far more than 30 school days; which of these count is the judge's to say."""
_AROUND_NS = 120 * 1_000_000_000


class QuestionError(ValueError):
    """A question that can't be asked: no such school or model, or impossible people or years."""


def check_model(targets: Targets, model: str) -> None:
    """See that there is such a way of teaching. Raises QuestionError that names those there are."""
    try:
        targets.find(model)
    except LookupError as error:
        raise QuestionError(str(error)) from error


def ask(
    reads: Reads,
    folder: Folder,
    targets: Targets,
    *,
    school: str,
    model: str,
    people: int | None,
    years: int | None,
    as_of_ns: int,
) -> SchoolAnswer:
    """The answer for the school that `school` names (its id, name, or the beginning of it).

    Raises QuestionError.
    """
    district, facts_until = folder.district, reads.facts_until()
    try:
        asked = districts.find_school(district, school)
        tests = _tests(reads, folder, asked, as_of_ns)
        return judge(
            model=model,
            targets=targets,
            district=district,
            school_id=asked.id,
            people=people,
            years=years,
            tests=tests,
            latency=_around_failures(reads, tests),
            as_of_ns=as_of_ns,
            facts_until=facts_until,
            suspended=_suspended(reads, tests),
        )
    except (LookupError, ValueError) as error:
        raise QuestionError(str(error)) from error


def _tests(reads: Reads, folder: Folder, school: districts.School, as_of_ns: int) -> list[Stored]:
    day = districts.local(school, as_of_ns).date()
    circuit = districts.internet_of(folder.district, school.id, day)
    if circuit is None:
        return []
    seats = districts.seats_on(folder.district, circuit.id)
    boxes: list[Box] = [(seat.agent, seat.since_ns, seat.until_ns) for seat in seats]
    return reads.tests(boxes, PROBE, since_ns=max(0, as_of_ns - _LOOK_BACK_NS))


def _around_failures(reads: Reads, tests: list[Stored]) -> list[Stored]:
    """The cheap reports around each failed test: they tell a dead line from a dead server.

    Only those, because a month of them is a hundred thousand rows that nobody would look at.
    """
    failed = [stored for stored in tests if stored.report.status in {Status.FAILED, Status.TIMEOUT}]
    boxes: list[Box] = [
        (stored.agent, stored.report.at_ns - _AROUND_NS, stored.report.at_ns + _AROUND_NS)
        for stored in failed
    ]
    seen = {(row.agent, row.epoch, row.seq): row for row in reads.tests(boxes, "latency")}
    return list(seen.values())


def _suspended(reads: Reads, tests: list[Stored]) -> frozenset[int]:
    """The arrivals of tests that may be another box's: nobody can say whose they are.

    While two boxes have one name that is everything of the two starts that gave them away, and everything
    that came from then on until somebody decided.
    """
    doubts = reads.suspensions()
    return frozenset(
        test.arrival
        for test in tests
        if any(_doubtful(test, doubt) for doubt in doubts if doubt.agent == test.agent)
    )


def _doubtful(test: Stored, doubt: Suspension) -> bool:
    if doubt.decided_arrival is not None and test.arrival > doubt.decided_arrival:
        return False
    return test.arrival > doubt.since_arrival or test.epoch in {doubt.epoch, doubt.other}
