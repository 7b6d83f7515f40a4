"""The chain that a lesson passes through: the school's answer, its weakest link, and what would change it.

`judge` is the one way in. Its answer is data; the question (school, model, people, years) with
`(as_of, facts_until, targets_digest, district_digest)` gives it again.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from firstbell import district as districts
from firstbell.district import District, School
from firstbell.readiness import change, evidence, published, words
from firstbell.readiness.change import Change
from firstbell.readiness.evidence import Line, Weighed
from firstbell.readiness.links import internet
from firstbell.readiness.links.answer import LinkAnswer, badness
from firstbell.readiness.links.internet import Question
from firstbell.readiness.models import Model, Number, Targets
from firstbell.readiness.published import PublishedNeed
from firstbell.readiness.sizing import Factor
from firstbell.readiness.verdict import State, Verdict
from firstbell.report import Stored

MOST_YEARS = 20
MOST_PEOPLE = 10_000_000
NOT_ASSESSED = (
    "lines between the schools",
    "wiring in the building",
    "Wi-Fi by room",
    "how fast pages react when everybody works",
    "outages in class",
    "charging and batteries",
    "students at once",
)
"""The links of the chain that nothing measures yet. A link without data never turns an answer grey."""


class Weakest(msgspec.Struct, frozen=True, kw_only=True):
    """The link that stops the school first. `today`: it already does. `short` is in `counted_in`."""

    link: str
    name: str
    today: bool
    short: float
    counted_in: str
    sentence: str


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Internet at home, where students learn there too: what each one needs, and how to find out."""

    down_mbps: float
    up_mbps: float
    sentence: str
    how: str
    source: str


class SchoolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about one school and one way of teaching.

    `sentence` is the answer; `paper` stands beside it always. `links` stand in the order in which a lesson
    passes them; `assessed` of them are known well enough to say, and on `ready_on` of these the school is
    ready today; `not_assessed` names the others, and those that nothing measures yet. `rules` are the
    numbers by which the verdict was drawn; `examples` names the inputs that nobody entered.
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


def judge(
    model: str,
    targets: Targets,
    district: District,
    school_id: str,
    people: int | None,
    years: int | None,
    tests: Iterable[Stored],
    latency: Iterable[Stored],
    as_of_ns: int,
    facts_until: int,
    suspended: frozenset[int] = frozenset(),
) -> SchoolAnswer:
    """Can the school teach this way, now and `years` on?

    `people` and `years` are the school's own and the horizon unless given. `tests` are the internet probe's
    reports of the boxes on the school's line (`district.seats_on`), `latency` the cheap ones around them;
    what came after the arrival number `facts_until`, or speaks of a time after `as_of_ns`, is not looked
    at. `suspended` are the arrivals of what came while two boxes had one name.
    Raises LookupError for an unknown school or model, ValueError for impossible people or years.
    """
    model_id, way = targets.find(model)
    school = districts.school_of(district, school_id)
    asked = school.people if people is None else people
    horizon = int(targets.numbers.horizon_years.value) if years is None else years
    _check(asked, horizon)
    question = _question(way, targets, district, school, asked, horizon, as_of_ns)
    known = [[stored for stored in rows if stored.arrival <= facts_until] for rows in (tests, latency)]
    link = internet.judge(question, _weigh(question, known[0], known[1], suspended))
    links = _marked((link,))
    examples = _examples(question, people_given=people is not None)
    return SchoolAnswer(
        school_id=school.id,
        school=school.name,
        model_id=model_id,
        model=way.name,
        how=way.how,
        people=asked,
        students=max(0, asked - school.staff),
        years=horizon,
        as_of_ns=as_of_ns,
        as_of=districts.local(school, as_of_ns).isoformat(timespec="minutes"),
        facts_until=facts_until,
        targets_digest=targets.digest,
        district_digest=district.digest,
        state=link.measured.state,
        label=link.measured.label,
        sentence=link.measured.sentence,
        paper=min((side.paper for side in link.sides), key=badness),
        measured=link.measured,
        links=links,
        assessed=sum(link.assessed for link in links),
        ready_on=sum(link.measured.state.ready for link in links),
        not_assessed=NOT_ASSESSED,
        assessed_sentence=f"Judged by its line to the internet. Not assessed: {words.listed(NOT_ASSESSED)}.",
        weakest=_weakest(links),
        home=_home(way, targets),
        changes=change.changes(question, link),
        published=published.beside(question, link, asked),
        rules=_rules(targets),
        examples=tuple(examples),
        examples_sentence=_examples_sentence(list(examples.values())),
    )


def _question(
    model: Model, targets: Targets, district: District, school: School, people: int, years: int, as_of_ns: int
) -> Question:
    """The question to the school's line: it is judged once, for the people of all schools that share it."""
    circuit = districts.internet_of(district, school.id, districts.local(school, as_of_ns).date())
    others = set(circuit.schools if circuit else ()) - {school.id}
    sharers = sum(districts.school_of(district, other).people for other in others)
    return Question(
        model=model,
        targets=targets,
        district=district,
        school=school,
        circuit=circuit,
        people=people + sharers,
        years=years,
        as_of_ns=as_of_ns,
    )


def _check(people: int, years: int) -> None:
    if not 1 <= people <= MOST_PEOPLE:
        raise ValueError(f"{people:,} people can't be judged: 1 to {MOST_PEOPLE:,} can")
    if not 0 <= years <= MOST_YEARS:
        raise ValueError(f"{years} years ahead can't be judged: 0 to {MOST_YEARS} can")


def _weigh(
    question: Question, tests: list[Stored], latency: list[Stored], suspended: frozenset[int]
) -> Weighed:
    if question.circuit is None:
        return Weighed()
    line = Line(
        question.district,
        question.school,
        question.circuit,
        question.numbers,
        question.as_of_ns,
        suspended,
    )
    return evidence.weigh(tests, latency, line)


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
    short = max(0.0, verdict.need - (verdict.have or 0.0))
    number = f"{_shown_short(verdict):,f}{words.NBSP}{worst.counted_in}"
    when = (
        f"is {number} short today"
        if today
        else f"is the first to fall short, in {words.fall(verdict.fall or 0)}"
    )
    return Weakest(
        link=worst.link,
        name=worst.name,
        today=today,
        short=short,
        counted_in=worst.counted_in,
        sentence=f"The weakest link: the {worst.name[0].lower()}{worst.name[1:]} {when}.",
    )


def _shown_short(verdict: Verdict) -> Decimal:
    """What is missing, as the difference of the numbers that are shown: whoever subtracts finds the same."""
    need = words.rounded(verdict.need)
    return max(Decimal(0), need - words.rounded(verdict.have or 0.0, at_least=True))


def _home(model: Model, targets: Targets) -> Home | None:
    if not model.home:
        return None
    down, up = targets.numbers.home_down_mbps, targets.numbers.home_up_mbps
    return Home(
        down_mbps=down.value,
        up_mbps=up.value,
        sentence=f"Home internet: not measured. In {model.name} students learn at home too: ask families.",
        how=(
            "At enrollment, ask each family for a speed check from the room where homework is done: "
            f"{words.number(down.value)} down and {words.mbit(words.number(up.value))} up for each student "
            "at home are enough. Ask on paper too, or those without internet are missed."
        ),
        source=f"{down.source}, {down.year}",
    )


_RULES = (
    "just_short",
    "far_below",
    "tolerance",
    "wire_octets",
    "payload_octets",
    "checks",
    "days",
    "times",
    "places_on_wifi",
    "window_school_days",
)


def _rules(targets: Targets) -> tuple[Factor, ...]:
    def factor(name: str) -> Factor:
        number: Number = getattr(targets.numbers, name)
        return Factor(name=name, unit="", **msgspec.structs.asdict(number))

    return tuple(factor(name) for name in _RULES)


def _examples(question: Question, *, people_given: bool) -> dict[str, str]:
    """The inputs of this answer that nobody entered, by name, as words."""
    circuit, school = question.circuit, question.school
    used = {"school.name": f"the name {school.name}", "school.tz": f"the time zone {school.tz}"}
    if not people_given:
        used["school.people"] = words.count(school.people, "person", "people")
    if circuit and circuit.down_mbps is not None:
        used["circuit.down_mbps"] = f"{words.mbit(words.exact(circuit.down_mbps))} bought"
    if circuit and circuit.up_mbps is not None and question.model.up_rate_mbps:
        used["circuit.up_mbps"] = f"{words.mbit(words.exact(circuit.up_mbps))} bought upwards"
    return {name: text for name, text in used.items() if name in question.district.examples}


def _examples_sentence(used: list[str]) -> str:
    return f"Examples that nobody entered: {words.listed(used)}." if used else ""
