"""The chain that a lesson passes through: the school's answer, its weakest link, and what would change it.

What is known is weighed once (`weighing`), whatever is asked; `judge` then answers for one way of
teaching, and `judge_line` for one line that schools share. The answer is data; the question (school, model,
people, years) with `(as_of, facts_until, targets_digest, district_digest)` gives it again.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from firstbell import district as districts
from firstbell.readiness import asking, beside, change, outranked, published, sizing, words
from firstbell.readiness.asking import Asking
from firstbell.readiness.beside import Home
from firstbell.readiness.change import Change
from firstbell.readiness.lines import Lines
from firstbell.readiness.links import availability, line, power, responsiveness, students_at_once, wifi
from firstbell.readiness.links.answer import LinkAnswer, badness
from firstbell.readiness.links.availability import Uptime
from firstbell.readiness.links.line import Asked
from firstbell.readiness.links.students_at_once import Reach
from firstbell.readiness.models import Model, Targets
from firstbell.readiness.published import PublishedNeed
from firstbell.readiness.sizing import Factor
from firstbell.readiness.verdict import State, Verdict
from firstbell.readiness.weighing import SchoolEvidence

MOST_YEARS = 20
MOST_PEOPLE = 10_000_000
NOTHING_MEASURES = ("wiring in the building",)
"""The links of the chain that nothing measures yet. A link without data never turns an answer grey."""


class Weakest(msgspec.Struct, frozen=True, kw_only=True):
    """The link that stops the school first. `today`: it already does. `short` is in `counted_in`."""

    link: str
    name: str
    today: bool
    short: float
    counted_in: str
    sentence: str


class SchoolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about one school and one way of teaching.

    `sentence` is the answer; `paper` stands beside it always. `links` stand in the order in which a lesson
    passes them; `assessed` of them are known well enough to say, and on `ready_on` of these the school is
    ready today; `not_assessed` names the others, and those that nothing measures yet. `rules` are the
    numbers by which the verdict was drawn; `examples` names the inputs that nobody entered; `at_once` says
    how many students the line was seen to carry, if it was tried. `simulated`: the whole district is made up.
    """

    school_id: str
    school: str
    model_id: str
    model: str
    how: str
    people: int
    students: int
    years: int
    as_of_ns: int
    as_of: str
    facts_until: int
    targets_digest: str
    district_digest: str
    state: State
    label: str
    sentence: str
    paper: Verdict
    measured: Verdict
    links: tuple[LinkAnswer, ...]
    uptime: Uptime | None
    assessed: int
    ready_on: int
    not_assessed: tuple[str, ...]
    assessed_sentence: str
    weakest: Weakest | None
    home: Home | None
    changes: tuple[Change, ...]
    published: tuple[PublishedNeed, ...]
    rules: tuple[Factor, ...]
    examples: tuple[str, ...]
    examples_sentence: str
    at_once: str = ""
    simulated: bool = False

    @property
    def stopped_by(self) -> LinkAnswer | None:
        """The link that stops the school first, where the school's verdict is that link's."""
        return next((link for link in self.links if link.weak and link.measured == self.measured), None)


def judge(
    model: str,
    targets: Targets,
    evidence: SchoolEvidence,
    *,
    people: int | None = None,
    years: int | None = None,
) -> SchoolAnswer:
    """Can the school teach this way, now and `years` on?

    `model` is a way of teaching, asked of every school that shares a line, or `asking.PLAN`: each as it
    plans to. `people` and `years` are the school's own and the horizon unless given.
    Raises LookupError for an unknown model, ValueError for impossible people or years.
    """
    school, lines = evidence.school, evidence.lines
    count = school.people if people is None else people
    horizon = int(targets.numbers.horizon_years.value) if years is None else years
    _check(count, horizon)
    question = Asking(model, targets, lines, horizon, (school.id, count))
    model_id, way = question.model_of(school)
    own, path = _path(question, evidence)
    others = _others(evidence, way, count, horizon, targets)
    path = outranked.by_trial(path, others, school)
    links = _marked((*path, *others))
    decides = _deciding(links, path[-1])
    students = max(0, count - school.staff)
    reach = students_at_once.reach(evidence.carried, students, way, horizon, targets.numbers)
    named = beside.examples(
        lines.network.district,
        school,
        own.line.circuit if own.line else None,
        way,
        people_given=people is not None,
    )
    return SchoolAnswer(
        school_id=school.id,
        school=school.name,
        model_id=model_id,
        model=way.name,
        how=way.how,
        people=count,
        students=students,
        years=horizon,
        as_of_ns=lines.as_of_ns,
        as_of=districts.local(school, lines.as_of_ns).isoformat(timespec="minutes"),
        facts_until=lines.facts_until,
        targets_digest=targets.digest,
        district_digest=lines.network.district.digest,
        state=decides.measured.state,
        label=decides.measured.label,
        sentence=decides.measured.sentence,
        paper=min((k.paper for k in reversed(path) if k.paper), key=lambda paper: badness(paper)[:2]),
        measured=decides.measured,
        links=links,
        uptime=evidence.uptime,
        assessed=sum(link.assessed for link in links),
        ready_on=sum(link.measured.state.ready for link in links),
        not_assessed=_not_assessed(links),
        assessed_sentence=_assessed_sentence(links),
        weakest=_weakest(links),
        home=beside.home(way, targets),
        changes=_changes(question, own, decides, reach),
        published=published.beside(targets, way, lines.everyone, lines.network.district, school, count, path),
        rules=beside.rules(targets),
        examples=tuple(named),
        examples_sentence=beside.examples_sentence(list(named.values())),
        at_once=students_at_once.told(evidence.carried, students, way, targets.numbers),
        simulated=lines.network.district.settings.simulated,
    )


def judge_line(
    circuit_id: str, model: str, targets: Targets, lines: Lines, *, years: int | None = None
) -> LinkAnswer:
    """The answer for one line, against the sum of all schools that pass through it.

    `model` is asked of each of them, or `asking.PLAN`: each as it plans to. Raises LookupError for a line
    that no school passes through, or an unknown model.
    """
    horizon = int(targets.numbers.horizon_years.value) if years is None else years
    return Asking(model, targets, lines, horizon).answer(circuit_id)


def _check(people: int, years: int) -> None:
    if not 1 <= people <= MOST_PEOPLE:
        raise ValueError(f"{people:,} people can't be judged: 1 to {MOST_PEOPLE:,} can")
    if not 0 <= years <= MOST_YEARS:
        raise ValueError(f"{years} years ahead can't be judged: 0 to {MOST_YEARS} can")


def _path(question: Asking, evidence: SchoolEvidence) -> tuple[Asked, tuple[LinkAnswer, ...]]:
    """What is asked of the school's own line, and the answers of all lines on its way, its own last."""
    school, lines = evidence.school, evidence.lines
    own = question.own(school)
    behind = lines.network.path(school.id)[1:]
    answers = [question.answer(circuit.id) for circuit in reversed(behind)]
    answers.append(line.judge(own))
    if behind and not any(answer.measured.state.short for answer in answers):
        whole = line.judge(question.whole(school))
        # Something on the way is too small for this school, and nobody can say which line it is.
        if whole.measured.state.short:
            answers.insert(0, whole)
    return own, tuple(answers)


def _others(
    evidence: SchoolEvidence, model: Model, people: int, years: int, targets: Targets
) -> list[LinkAnswer]:
    """The links behind the lines, those that are measured at all."""
    today = districts.local(evidence.school, evidence.lines.as_of_ns).date()
    fall, numbers = sizing.fall_of(today) + years, targets.numbers
    found = []
    students = max(0, people - evidence.school.staff)
    if evidence.carried and students:
        falls = sizing.fall_of(today), fall
        found.append(students_at_once.judge(evidence.carried, students, model, people, falls, numbers))
    if evidence.rooms:
        found.append(wifi.judge(evidence.rooms, model, people, fall, numbers))
    if evidence.replies:
        found.append(responsiveness.judge(evidence.replies, people, fall, numbers))
    if evidence.uptime:
        found.append(availability.judge(evidence.uptime, people, fall, numbers))
    if evidence.batteries:
        found.append(power.judge(evidence.batteries, model, people, fall, numbers))
    return found


def _deciding(links: Sequence[LinkAnswer], own: LinkAnswer) -> LinkAnswer:
    """The link by which the school is judged: the worst that is assessed, if its own line is.

    What is short is short, whatever else is not known. But without an answer of its own line a school is not
    ready: a good battery says nothing of that.
    """
    worst = min(
        (link for link in links if link.assessed), key=lambda link: badness(link.measured), default=own
    )
    if worst.measured.state.short:
        return worst
    return own if not own.assessed or worst.measured.state is State.READY_THROUGH else worst


def _changes(question: Asking, own: Asked, decides: LinkAnswer, reach: Reach | None) -> tuple[Change, ...]:
    if decides.link == "way":
        return change.changes(own._replace(whole=True), decides)
    if decides.circuit is None and decides.link not in asking.LINES:
        return change.of_other(decides)
    asked = (
        own
        if own.line is None or decides.circuit == own.line.circuit.id
        else question.of(decides.circuit or "")
    )
    tried = reach if own.line and decides.circuit == own.line.circuit.id and not own.line.shared else None
    return change.changes(asked, decides, tried)


def _marked(links: tuple[LinkAnswer, ...]) -> tuple[LinkAnswer, ...]:
    """The links, the one that stops the school first marked as `weak`; none while all are ready."""
    assessed = [link for link in links if link.assessed]
    worst = min(assessed, key=lambda link: badness(link.measured), default=None)
    if worst is None or worst.measured.state is State.READY_THROUGH:
        return links
    return tuple(msgspec.structs.replace(link, weak=True) if link is worst else link for link in links)


def _weakest(links: tuple[LinkAnswer, ...]) -> Weakest | None:
    """What is said of the link that is marked as `weak`."""
    worst = next((link for link in links if link.weak), None)
    if worst is None:
        return None
    verdict = worst.measured
    today = verdict.state.short
    return Weakest(
        link=worst.link,
        name=worst.name,
        today=today,
        short=max(0.0, verdict.need - (verdict.have or 0.0)),
        counted_in=worst.counted_in,
        sentence=f"The weakest link: {_stops(worst, today=today)}.",
    )


def _stops(worst: LinkAnswer, *, today: bool) -> str:
    if not worst.sides:
        return f"{_OTHERS[worst.link]}, {worst.note or worst.measured.label.lower()}"
    name = f"{worst.name[0].lower()}{worst.name[1:]}"
    the = name if name.startswith("the ") else f"the {name}"
    if not today:
        return f"{the} is the first to fall short, in {words.fall(worst.measured.fall or 0)}"
    return f"{the} is {words.mbit(f'{_shown_short(worst.measured):,f}')} short today"


def _not_assessed(links: Sequence[LinkAnswer]) -> tuple[str, ...]:
    """The links that are not known, those that nothing measures yet among them."""
    there = {link.link for link in links}
    unknown = [link.name for link in links if not link.assessed]
    absent = [name for kind, name in _OTHERS.items() if kind not in there]
    return (*unknown, *absent, *NOTHING_MEASURES)


_OTHERS = {
    "students": "students at once",
    "wifi": "Wi-Fi by room",
    "responsiveness": "how fast pages react when everybody works",
    "availability": "outages in class",
    "power": "charging and batteries",
}


def _assessed_sentence(links: Sequence[LinkAnswer]) -> str:
    """Ready on 5 of 7 links assessed. Not assessed: charging and batteries."""
    assessed = sum(link.assessed for link in links)
    ready = sum(link.measured.state.ready for link in links)
    head = (
        f"Ready on {ready} of {words.count(assessed, 'link')} assessed."
        if assessed
        else "No link is assessed yet."
    )
    return f"{head} Not assessed: {words.listed(_not_assessed(links))}."


def _shown_short(verdict: Verdict) -> Decimal:
    """What is missing, as the difference of the numbers that are shown: whoever subtracts finds the same."""
    need = words.rounded(verdict.need)
    return max(Decimal(0), need - words.rounded(verdict.have or 0.0, at_least=True))
