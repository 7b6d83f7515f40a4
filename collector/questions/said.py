"""What a school's page says in sentences: the answer, how sure it is, and what to do next."""

from collections.abc import Sequence

from firstbell import district as districts
from firstbell.district import School
from firstbell.readiness import sizing, words
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.evidence import Check
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.reasons import Reason
from firstbell.readiness.verdict import State

PanelText = tuple[str, str, str, tuple[str, ...]]
"""Heading, label, sentence, and how we know."""
ENOUGH_FOR_THE_WORST = 29
"""So many checks can speak for nine times out of ten."""


def first_fall(school: School, as_of_ns: int) -> int:
    """The fall in which the school year of that moment began."""
    return sizing.fall_of(districts.local(school, as_of_ns).date())


def line_of(answer: SchoolAnswer) -> LinkAnswer | None:
    """The line on which the answer rests: the one that stops it, else the school's own, or one it shares."""
    lines = [link for link in answer.links if link.sides]
    weak = [link for link in lines if link.weak]
    own = [link for link in lines if link.schools == (answer.school_id,)]
    return next(iter([*weak, *own, *lines]), None)


def rests_on(answer: SchoolAnswer) -> LinkAnswer | None:
    """The link on which the measured answer rests: the one that stops it, line or not; else the line."""
    return answer.stopped_by or line_of(answer)


def is_on_paper(answer: SchoolAnswer) -> bool:
    """Whether no check has counted yet, so that the contracts are all there is."""
    counted = any(link.checks for link in answer.links) or answer.assessed
    return not counted and not changed(answer) and answer.paper.state is not State.NOT_KNOWN


def not_measured(answer: SchoolAnswer) -> tuple[str, ...]:
    """The links of which nothing is here, not even too little."""
    there = {link.name for link in answer.links}
    return tuple(f"{name[0].upper()}{name[1:]}" for name in answer.not_assessed if name not in there)


def headline(answer: SchoolAnswer) -> str:
    """The answer as it follows its label, or alone where it does not begin with one."""
    rest = answer.sentence.removeprefix(f"{answer.label}: ")
    return f"{rest[0].upper()}{rest[1:]}" if rest != answer.sentence else rest


def lede(answer: SchoolAnswer) -> str:
    """Who is asked for, and what could be looked at."""
    staff = answer.people - answer.students
    people = words.count(answer.people, "person", "people")
    return (
        f"{people} ({words.count(answer.students, 'student')}, {staff:,} staff). {answer.assessed_sentence}"
    )


def changed(answer: SchoolAnswer) -> str:
    """A line whose older checks speak of one that is no more."""
    old = sum(
        out.checks
        for link in answer.links
        for out in link.left_out
        if out.reason is Reason.OLD_LINE and answer.state is State.NOT_MEASURED
    )
    if not old:
        return ""
    return f"{words.count(old, 'older check')} speak of the line as it was before, and don't count any more."


def paper(answer: SchoolAnswer) -> PanelText:
    """The answer by the contracts alone."""
    line = line_of(answer)
    sentence = _after_label(answer.paper.sentence, f"On paper, not measured: {answer.paper.label}.")
    working = tuple(side.need.working for side in line.sides) if line else ()
    judgements = sorted(
        {
            f"{factor.name} ({factor.value:g})"
            for side in (line.sides if line else ())
            for factor in side.need.factors
            if factor.judgement
        }
    )
    if judgements:
        working = (*working, f"Judgements that nobody published: {words.listed(judgements)}.")
    return "On paper, not measured", answer.paper.label, sentence, working


def measured(answer: SchoolAnswer, school: School) -> PanelText:
    """The answer by what was measured."""
    link = rests_on(answer)
    parts = [headline(answer)]
    if link and link.sides and link.checks:
        parts.append(link.sides[0].left_over.sentence)
    working = [
        *(link.working if link else ()),
        *(f"Left out: {out.checks} ({out.words})." for out in (link.left_out if link else ())),
    ]
    return _measured_heading(link, school), answer.label, " ".join(filter(None, parts)), tuple(working)


def _measured_heading(link: LinkAnswer | None, school: School) -> str:
    checks = link.checks if link else ()
    if not checks:
        return f"Measured: {link.name}" if link and not link.sides else "Measured"
    days = [words.day(districts.local(school, at).date()) for at in (checks[0].at_ns, checks[-1].at_ns)]
    return f"Measured, {days[0]} to {days[1]}" if days[0] != days[1] else f"Measured, {days[0]}"


def _after_label(sentence: str, label: str) -> str:
    if sentence.casefold().startswith(label.casefold()):
        return sentence[len(label) :].strip()
    return sentence


def steps_heading(answer: SchoolAnswer) -> str:
    """Steps to take, or when the school will first need one."""
    if answer.state is State.READY_THROUGH:
        return "What will stop it first, and when"
    return "What to do next"


def steps(answer: SchoolAnswer) -> list[tuple[str, str]]:
    """A title and a sentence each."""
    return [(change.title, change.sentence) for change in answer.changes]


def sure(answer: SchoolAnswer) -> str:
    """How sure, in two words."""
    link = rests_on(answer)
    if answer.state in {State.NOT_MEASURED, State.NOT_KNOWN}:
        return "not sure yet"
    certain = link and any(side.worst or side.left_over.certain for side in link.sides)
    return "sure" if certain else "fairly sure"


def because(answer: SchoolAnswer, school: School) -> list[tuple[str, str]]:
    """What the answer rests on, term by term."""
    link = rests_on(answer)
    if link is None:
        return []
    terms = _of_checks(link, answer, school) if link.sides else _of_counts(link)
    return [("Link", link.name), *terms, ("Not here", "internet at students' homes")]


def _of_counts(link: LinkAnswer) -> list[tuple[str, str]]:
    """What the answer of rooms, days or devices rests on."""
    need, have = words.apart(link.need, bound=link.have or 0.0)
    return [("Counted", f"{have} {link.counted_in}; {need} are needed")]


def _of_checks(link: LinkAnswer, answer: SchoolAnswer, school: School) -> list[tuple[str, str]]:
    """What the answer of a line rests on."""
    in_class = sum(check.in_class for check in link.checks)
    left_out = sum(out.checks for out in link.left_out)
    count = f"{len(link.checks) - in_class} outside class and {in_class} in class, {left_out} left out"
    found = [("Checks", count)]
    if link.checks:
        days = len({check.day for check in link.checks})
        window = next((int(rule.value) for rule in answer.rules if rule.name == "window_school_days"), 30)
        found.append(("Days", f"{words.count(days, 'day')}; checks count for {window} school days"))
        found.append(("When", _span(link.checks, school, answer.as_of_ns)))
        found.append(("Where", _where(link.checks)))
    if following := _next(link):
        found.append(("Next", following))
    return found


def _span(checks: Sequence[Check], school: School, as_of_ns: int) -> str:
    first, last, now = (districts.local(school, ns) for ns in (checks[0].at_ns, checks[-1].at_ns, as_of_ns))
    end = "today" if last.date() == now.date() else words.day(last.date())
    return f"{words.day(first.date())} to {end}, {words.clock(last)}"


def _where(checks: Sequence[Check]) -> str:
    places = len({check.place for check in checks})
    wired = {check.wired for check in checks}
    how = (
        "on a cable" if wired == {True} else "over Wi-Fi" if wired == {False} else "on a cable and over Wi-Fi"
    )
    return f"{words.count(places, 'place')}, {how}"


def _next(line: LinkAnswer) -> str:
    progress = line.sides[0].progress
    if progress.answer_on:
        so_far = f"{progress.checks} of {progress.checks_wanted} checks"
        return f"{so_far}; the answer comes about {words.day(progress.answer_on)}"
    if progress.enough and progress.checks < ENOUGH_FOR_THE_WORST:
        return f"at {ENOUGH_FOR_THE_WORST} checks it can speak for nine times out of ten"
    return ""
