"""Can this school teach this way, why, how sure is that, and what would change it?"""

import msgspec

from collector.questions import ask as asking
from collector.questions import banners, judged, said, seen
from collector.questions.banners import Banner
from collector.questions.schools import Way
from collector.questions.seen import Seen, Used
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.readiness.asking import PLAN
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.models import Targets


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two answers, on paper or measured; `working` says how it is known, a sentence each."""

    heading: str
    label: str
    sentence: str
    working: tuple[str, ...]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do, in a few words, and what comes of it."""

    title: str
    sentence: str


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One line of how sure we are."""

    term: str
    text: str


class School(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about one school and one way of teaching.

    `answer` is the judgement whole, its links in the order of a lesson;
    `not_measured` names those of which nothing is here. `headline` begins with `label`,
    the answer in two words; `planned`: nobody named a way of teaching, so each school is asked for its
    own. Before the first check counts, `on_paper` is true: then the paper answer is
    the headline. `steps_heading` says whether they are steps, or what will stop the school first. `seen`
    is what the checks saw by weekday and class period; None where no line is judged. `used` is what First
    Bell's own checks took of the line on the school day before. `changed` names a line that was replaced
    so lately that its older checks don't count.
    """

    district: str
    school_id: str
    school: str
    question: str
    label: str
    planned: bool
    headline: str
    lede: str
    changed: str
    on_paper: bool
    first_fall: int
    last_fall: int
    answer: SchoolAnswer
    not_measured: tuple[str, ...]
    paper: Panel
    measured: Panel
    steps_heading: str
    steps: tuple[Step, ...]
    sure: str
    sure_because: tuple[Term, ...]
    seen: Seen | None
    up: Seen | None
    used: Used
    ways: tuple[Way, ...]
    banners: tuple[Banner, ...]
    simulated: bool = False


def ask(
    reads: Reads,
    folder: Folder,
    targets: Targets,
    *,
    school: str,
    model: str | None = None,
    years: int | None = None,
    people: int | None = None,
    as_of_ns: int,
    evidence_of: asking.Weigh[Reads] | None = None,
    bare: bool = False,
) -> School:
    """The answer for the school that `school` names (its id, name, or the beginning of it).

    Without `model` it is the way the school plans to teach; `years` and `people` are the horizon and the
    school's own unless given. It is weighed for this question unless `evidence_of` says otherwise; `bare`: it
    needs no banners, which a page has in its head. Raises QuestionError.
    """
    try:
        asked = districts.find_school(folder.district, school)
    except LookupError as error:
        raise asking.QuestionError(str(error)) from error
    model_id = judged.model_of(targets, model)
    answer = asking.ask(
        reads,
        folder,
        targets,
        school=asked.id,
        model=model_id or PLAN,
        people=people,
        years=judged.years_of(targets, years),
        as_of_ns=as_of_ns,
        evidence_of=evidence_of,
    )
    known_ns = answer.as_of_ns
    first_fall = said.first_fall(asked, known_ns)
    return School(
        district=folder.district.settings.name,
        simulated=folder.district.settings.simulated,
        school_id=asked.id,
        school=asked.name,
        question=f"Can {asked.name} teach {answer.model} through fall {first_fall + answer.years}?",
        label=answer.label,
        planned=model_id is None,
        headline=said.headline(answer),
        lede=said.lede(answer),
        changed=said.changed(answer),
        on_paper=said.is_on_paper(answer),
        first_fall=first_fall,
        last_fall=first_fall + answer.years,
        answer=answer,
        not_measured=said.not_measured(answer),
        paper=_panel(*said.paper(answer)),
        measured=_panel(*said.measured(answer, asked)),
        steps_heading=said.steps_heading(answer),
        steps=tuple(Step(title=title, sentence=sentence) for title, sentence in said.steps(answer)),
        sure=said.sure(answer),
        sure_because=tuple(Term(term=term, text=text) for term, text in said.because(answer, asked)),
        seen=seen.line(asked, said.line_of(answer), targets.numbers.framing, known_ns),
        up=seen.up(asked, answer.uptime, known_ns),
        used=seen.used(reads, folder, asked, known_ns),
        ways=tuple(Way(id=key, name=way.name, how=way.how) for key, way in targets.models.items()),
        banners=() if bare else banners.of(reads, folder, as_of_ns),
    )


def _panel(heading: str, label: str, sentence: str, working: tuple[str, ...]) -> Panel:
    return Panel(heading=heading, label=label, sentence=sentence, working=working)
