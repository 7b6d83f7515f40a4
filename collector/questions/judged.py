"""Every school's answer at once: what the district's table and a school's own page are made of."""

from collections.abc import Mapping
from typing import NamedTuple

from collector.questions import ask
from collector.questions.ask import QuestionError
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell.readiness import chain
from firstbell.readiness.asking import PLAN
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.models import Targets

MOST_YEARS = 20
PLANNED = "plan"
"""How a question calls the way in which each school plans to teach."""


class Judged(NamedTuple):
    """The answer of every school, in the folder's order, and of each line that several of them share."""

    answers: tuple[SchoolAnswer, ...]
    lines: Mapping[str, LinkAnswer]


def judged(
    reads: Reads, folder: Folder, targets: Targets, model: str | None, years: int, as_of_ns: int
) -> Judged:
    """Judge every school for `model`, or with None for the way each plans to teach. Raises QuestionError."""
    evidence = ask.weigh_all(reads, folder, targets, as_of_ns)
    asked = model or PLAN
    answers = tuple(
        chain.judge(asked, targets, evidence[school.id], years=years) for school in folder.district.schools
    )
    shared = next(iter(evidence.values())).lines if evidence else None
    names = shared.network.shared() if shared else ()
    lines = {name: chain.judge_line(name, asked, targets, shared, years=years) for name in names if shared}
    return Judged(answers, lines)


def model_of(targets: Targets, asked: str | None) -> str | None:
    """The id of the way of teaching called `asked`; None for the way each plans to. Raises QuestionError."""
    if not asked or asked == PLANNED:
        return None
    try:
        return targets.find(asked)[0]
    except LookupError as error:
        raise QuestionError(str(error)) from error


def years_of(targets: Targets, asked: int | None) -> int:
    """How many years to look ahead: the horizon unless asked otherwise. Raises QuestionError."""
    years = int(targets.numbers.horizon_years.value) if asked is None else asked
    if not 0 <= years <= MOST_YEARS:
        raise QuestionError(f"{years} years ahead can't be judged: 0 to {MOST_YEARS} can")
    return years
