"""Every school's answer at once: what the district's table is made of."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from collector.questions.ask import QuestionError, WayError
from collector.questions.known import Known, ask
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.readiness import chain, sizing
from firstbell.readiness.asking import PLAN
from firstbell.readiness.chain import MOST_YEARS, SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.models import Targets
from firstbell.readiness.sizing import Need
from firstbell.readiness.weighing import SchoolEvidence


class Judged(NamedTuple):
    """The answer of every school, in the folder's order, and of each line that several of them share."""

    answers: tuple[SchoolAnswer, ...]
    lines: Mapping[str, LinkAnswer]
    needs: Mapping[str, Need]
    """What each school needs for itself, whoever else shares its lines."""
    boxed: Collection[str]
    """The lines on which a box has a place, be it one that never called."""


def judged(
    reads: Reads, folder: Folder, targets: Targets, model: str | None, years: int, as_of_ns: int
) -> Judged:
    """Judge every school for `model`, or with None for the way each plans to teach."""
    key = "judged", model, years
    return ask(reads, folder, targets, as_of_ns, key, lambda known: of(known, targets, model, years))


def of(known: Known, targets: Targets, model: str | None, years: int) -> Judged:
    """The same, of what is known already."""
    answers = []
    shared: dict[str, LinkAnswer] = {}
    needs: dict[str, Need] = {}
    boxed: set[str] = set()
    for evidence in known.schools.values():
        answer = chain.judge(model or PLAN, targets, evidence, years=years)
        answers.append(answer)
        needs[answer.school_id] = _need(answer, targets, evidence)
        for link in answer.links:
            if link.circuit and len(link.schools) > 1:
                shared.setdefault(link.circuit, link)
    for evidence in known.schools.values():
        evidence.lines.answers.clear()  # all of them are in what was just made
        boxed = boxed or {seat.circuit for seat in evidence.lines.network.district.seats}
    return Judged(tuple(answers), shared, needs, boxed)


def _need(answer: SchoolAnswer, targets: Targets, evidence: SchoolEvidence) -> Need:
    day = districts.local(evidence.school, answer.as_of_ns).date()
    model = targets.models[answer.model_id]
    return sizing.need_of(model, targets, answer.people, day, answer.years, "down")


def model_of(targets: Targets, asked: str | None) -> str | None:
    """The id of the way of teaching called `asked`; None for the way each plans to. Raises QuestionError."""
    if not asked or asked == PLAN:
        return None
    try:
        return targets.find(asked)[0]
    except LookupError as error:
        raise WayError(str(error)) from error


def years_of(targets: Targets, asked: int | None) -> int:
    """How many years to look ahead: the horizon unless asked otherwise. Raises QuestionError."""
    years = int(targets.numbers.horizon_years.value) if asked is None else asked
    if not 0 <= years <= MOST_YEARS:
        raise QuestionError(f"{years} years ahead can't be judged: 0 to {MOST_YEARS} can")
    return years
