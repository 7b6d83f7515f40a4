"""What to fix first in a district: the step that readies most students, then the next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from firstbell.readiness import whatif, words
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer, badness


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `school_ids` are those that are ready once it is done, after all steps before it.

    `line` is the shared line or `school` the one school that it speaks of; `link` is the link to mend.
    `sentence` says what to do and whom it readies. None readied: another step must follow.
    """

    title: str
    sentence: str
    link: str
    schools: int
    students: int
    school_ids: tuple[str, ...]
    school: str = ""
    line: str = ""


class _Step(NamedTuple):
    """What a step mends: a shared line, or one link of one school."""

    line: str
    school: str
    link: str


def first_fixes(
    schools: Sequence[SchoolAnswer], lines: Mapping[str, LinkAnswer] | None = None
) -> tuple[Fix, ...]:
    """Every step it takes until no school is short, the one that readies most students first.

    A shared line is one step for all schools that it holds back. A school that is short in two places is
    readied by the later of both steps. `lines` are the answers of the shared lines, where they are at hand.
    """
    open_steps = {school.school_id: _steps(school) for school in schools if school.state.short}
    by_id = {school.school_id: school for school in schools}
    known = {**_shared(schools), **(lines or {})}
    found: list[Fix] = []
    while any(open_steps.values()):
        step = max(
            dict.fromkeys(step for steps in open_steps.values() for step in steps),
            key=lambda step: _worth(step, open_steps, by_id),
        )
        readied = [school_id for school_id, steps in open_steps.items() if steps == {step: None}]
        found.append(_fix(step, [by_id[school_id] for school_id in readied], by_id, known))
        for steps in open_steps.values():
            steps.pop(step, None)
    return tuple(found)


def held_back(schools: Iterable[SchoolAnswer]) -> dict[str, tuple[str, ...]]:
    """The shared lines that are the weakest link of schools that are not ready, most first."""
    found: dict[str, list[str]] = {}
    for school in schools:
        weak = next((link for link in school.links if link.weak), None)
        if school.state.short and weak and _is_shared(weak):
            found.setdefault(weak.circuit or "", []).append(school.school_id)
    return {line: tuple(ids) for line, ids in sorted(found.items(), key=lambda item: -len(item[1]))}


def _is_shared(link: LinkAnswer) -> bool:
    return bool(link.circuit) and len(link.schools) > 1


def _shared(schools: Iterable[SchoolAnswer]) -> dict[str, LinkAnswer]:
    return {
        link.circuit: link for school in schools for link in school.links if link.circuit and _is_shared(link)
    }


def _steps(school: SchoolAnswer) -> dict[_Step, None]:
    """Everything that keeps the school from being ready today."""
    return {_step(school, link): None for link in school.links if link.measured.state.short}


def _step(school: SchoolAnswer, link: LinkAnswer) -> _Step:
    if _is_shared(link):
        return _Step(link.circuit or "", "", link.link)
    return _Step("", school.school_id, link.link)


def _worth(
    step: _Step, open_steps: Mapping[str, dict[_Step, None]], by_id: Mapping[str, SchoolAnswer]
) -> tuple[int, int, int]:
    """Students readied by it, students helped, schools helped: more is sooner."""
    helped = [school_id for school_id, steps in open_steps.items() if step in steps]
    readied = sum(by_id[school_id].students for school_id in helped if len(open_steps[school_id]) == 1)
    return readied, sum(by_id[school_id].students for school_id in helped), len(helped)


def _fix(
    step: _Step,
    readied: list[SchoolAnswer],
    by_id: Mapping[str, SchoolAnswer],
    lines: Mapping[str, LinkAnswer],
) -> Fix:
    if step.line:
        link = lines[step.line]
        title = link.name.split(", shared by", 1)[0]
    else:
        school = by_id[step.school]
        link = next(link for link in school.links if link.link == step.link and not _is_shared(link))
        title = f"{school.school}{_possessive(school.school)} {_WHAT.get(step.link, link.name.lower())}"
    students = sum(school.students for school in readied)
    return Fix(
        title=title,
        sentence=f"{_what(link)} {_whom(readied, students, one=bool(step.school))}",
        link=step.link,
        schools=len(readied),
        students=students,
        school_ids=tuple(school.school_id for school in readied),
        school=step.school,
        line=step.line,
    )


_WHAT = {
    "internet": "line",
    "wan": "line",
    "way": "lines",
    "students": "line under a whole class",
    "availability": "outages",
    "wifi": "Wi-Fi",
    "responsiveness": "slow pages",
    "power": "batteries",
}


def _possessive(name: str) -> str:
    return "\u2019" if name.endswith("s") else "\u2019s"


def _what(link: LinkAnswer) -> str:
    """From 1,000 to 2,500 Mbit/s."""
    if not link.sides:
        return f"{link.note[:1].upper()}{link.note[1:]}." if link.note else f"{link.measured.label}."
    if link.link == "way":
        return "A box at the hub would tell which of its lines is the limit."
    side = min(link.sides, key=lambda side: badness(side.measured))
    size, bought = whatif.order(side), side.paper.have
    if bought is None:
        return f"To {words.mbit(f'{size:,}')}."
    if bought >= side.need.today:
        carried = words.number(side.measured.have or 0.0, at_least=True)
        return f"It carries {carried} of the {words.mbit(f'{bought:,.0f}')} bought: ask whoever sells it."
    return f"From {bought:,.0f} to {words.mbit(f'{size:,}')}."


def _whom(readied: Sequence[SchoolAnswer], students: int, *, one: bool) -> str:
    if not readied:
        return "Another step must follow before a school is ready."
    people = words.count(students, "student")
    return f"Readies {people}." if one else f"Readies {words.count(len(readied), 'school')}, {people}."
