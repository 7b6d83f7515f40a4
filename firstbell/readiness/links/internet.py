"""The line to the internet: what it carries against what a way of teaching needs.

A line is judged by what it carries in quiet hours against the whole need. What is left over in class stands
beside it and is never mixed in; but if that alone covers the need, the answer is certain. Down and up are
judged apart, up only where a source asks for it; the worse of both is the line's answer.
"""

from typing import NamedTuple

import msgspec

from firstbell import district as districts
from firstbell.district import Circuit, District, School
from firstbell.readiness import proof, say, sizing
from firstbell.readiness.evidence import Weighed
from firstbell.readiness.links.answer import LeftOutCount, LeftOver, LinkAnswer, Side, badness
from firstbell.readiness.models import Model, Numbers, Targets
from firstbell.readiness.proof import Bound, Point, Progress
from firstbell.readiness.reasons import Reason
from firstbell.readiness.sizing import Direction, Need
from firstbell.readiness.verdict import State, Verdict, enough, grade, label

NO_LINE = "No line to the internet is entered for this school."
NO_BOX = "Not measured yet: no box measures this line."


class Question(NamedTuple):
    """What is asked of a line, and for how many people who share it."""

    model: Model
    targets: Targets
    district: District
    school: School
    circuit: Circuit | None
    people: int
    years: int
    as_of_ns: int

    @property
    def numbers(self) -> Numbers:
        """The numbers that hold for every way of teaching."""
        return self.targets.numbers


def judge(question: Question, weighed: Weighed) -> LinkAnswer:
    """The answer for the school's line to the internet."""
    up: tuple[Direction, ...] = ("up",) if question.model.up_rate_mbps else ()
    sides = tuple(_side(question, weighed, direction) for direction in ("down", *up))
    circuit = question.circuit
    worse = min(sides, key=lambda side: badness(side.measured))
    return LinkAnswer(
        link="internet",
        name="Line to the internet",
        counted_in="Mbit/s",
        circuit=circuit.id if circuit else None,
        schools=circuit.schools if circuit else (),
        people=question.people,
        paper=min((side.paper for side in sides), key=badness),
        measured=worse.measured,
        have=worse.measured.have,
        need=worse.need.today,
        need_then=worse.need.horizon,
        at_least=worse.measured.at_least,
        note="" if worse.measured.state.ready or worse.measured.state.short else worse.measured.sentence,
        working=tuple(sentence for side in sides for sentence in say.working(side)),
        sides=sides,
        checks=weighed.checks,
        left_out=tuple(
            LeftOutCount(reason=reason, checks=count, words=reason.words)
            for reason, count in weighed.reasons()
        ),
    )


def _side(question: Question, weighed: Weighed, direction: Direction) -> Side:
    numbers = question.numbers
    today = districts.local(question.school, question.as_of_ns).date()
    need = sizing.need_of(question.model, question.targets, question.people, today, question.years, direction)
    quiet = proof.points([c for c in weighed.checks if not c.in_class], direction, numbers)
    carries = proof.bound(quiet, proof.usual_share(numbers), numbers)
    worst = proof.bound(quiet, numbers.worst_share.value, numbers)
    progress = _progress(question, weighed, need, quiet)
    in_class = proof.points([c for c in weighed.checks if c.in_class], direction, numbers)
    left = proof.bound(in_class, proof.usual_share(numbers), numbers)
    certain = left is not None and enough(left.mbps, need.today, numbers.tolerance.value)
    measured = _measured(question, weighed, need, carries, left if certain else None, progress)
    return Side(
        direction=direction,
        need=need,
        paper=_paper(question, need),
        measured=measured,
        carries=carries,
        worst=worst,
        worst_sentence=say.worst(worst) if worst else "",
        left_over=_left_over(question, weighed, need, in_class, left, measured, certain=certain),
        progress=progress,
        working=say.proof(carries, numbers.framing) if carries else "",
    )


def _progress(question: Question, weighed: Weighed, need: Need, seen: list[Point]) -> Progress:
    aim = need.today * (1 - question.numbers.tolerance.value)
    found = proof.progress(seen, aim, question.numbers, question.school, question.as_of_ns)
    # Without a box, or with one whose checks come to nothing, no date may be promised.
    coming = _has_box(question) and not _stopped(question, weighed)
    return found if coming else msgspec.structs.replace(found, answer_on=None)


def _has_box(question: Question) -> bool:
    circuit = question.circuit
    spans = districts.seats_on(question.district, circuit.id) if circuit else []
    return any(span.until_ns is None or span.until_ns > question.as_of_ns for span in spans)


def _left_over(
    question: Question,
    weighed: Weighed,
    need: Need,
    seen: list[Point],
    left: Bound | None,
    measured: Verdict,
    *,
    certain: bool,
) -> LeftOver:
    far_below = left and not enough(left.mbps, question.numbers.far_below.value * need.today)
    # In class something is always in use, so little left over says nothing more of a line that is short.
    settle = bool(far_below and measured.state.ready)
    progress = _progress(question, weighed, need, seen)
    return LeftOver(
        bound=left,
        checks=progress.checks,
        certain=certain,
        settle=settle,
        sentence=say.left_over(left, progress, certain=certain, settle=settle),
    )


def _paper(question: Question, need: Need) -> Verdict:
    """Contract against need. Paper has no error of measurement, so no tolerance either."""
    circuit, who, model = question.circuit, question.school.name, question.model.name
    bought = (circuit.down_mbps if need.direction == "down" else circuit.up_mbps) if circuit else None
    state, fall = State.NOT_KNOWN, None
    if bought is not None:
        state, fall = grade(bought, need, question.numbers.just_short.value)
    return Verdict(
        state=state,
        label=label(state, fall),
        sentence=say.on_paper(state, fall, bought, need, who, model),
        need=need.today,
        have=bought,
        ratio=None if bought is None else bought / need.today,
        fall=fall,
    )


def _measured(
    question: Question,
    weighed: Weighed,
    need: Need,
    carries: Bound | None,
    covering: Bound | None,
    progress: Progress,
) -> Verdict:
    """The verdict by what the line `carries`, or by what is left over in class where that is `covering`."""
    in_class = covering is not None and (carries is None or covering.mbps > carries.mbps)
    have = covering if in_class else carries
    numbers, model = question.numbers, question.model.name
    if have is None:
        return _open(need, None, _why_open(question, weighed, progress))
    tolerance = numbers.tolerance.value
    if have.at_least and not enough(have.mbps, need.today, tolerance):
        return _open(need, have, say.box_limited(have, need, model))
    state, fall = grade(have.mbps, need, numbers.just_short.value, tolerance)
    return Verdict(
        state=state,
        label=label(state, fall, at_least=have.at_least),
        sentence=say.measured(state, fall, have, need, model, in_class=in_class),
        need=need.today,
        have=have.mbps,
        at_least=have.at_least,
        ratio=have.mbps / need.today,
        fall=fall,
    )


def _open(need: Need, have: Bound | None, sentence: str) -> Verdict:
    return Verdict(
        state=State.NOT_MEASURED,
        label=label(State.NOT_MEASURED),
        sentence=sentence,
        need=need.today,
        have=have.mbps if have else None,
        at_least=have is not None,
        ratio=have.mbps / need.today if have else None,
    )


def _why_open(question: Question, weighed: Weighed, progress: Progress) -> str:
    circuit = question.circuit
    if circuit is None:
        return NO_LINE
    if not _has_box(question) and not progress.checks:
        return NO_BOX
    changed = any(test.reason is Reason.OLD_LINE for test in weighed.left_out)
    return say.too_few(progress, circuit.since if changed else None, _stopped(question, weighed))


_FAILED = {
    Reason.SERVER_FAILED,
    Reason.NEVER_ONLINE,
    Reason.BOX_CUT_OFF,
    Reason.UNCONFIRMED,
    Reason.NO_READING,
}
_SILENT_DAYS = 2


def _stopped(question: Question, weighed: Weighed) -> str:
    """Why no answer comes nearer at present, if it doesn't: checks that fail, or that stay away."""
    last_check = max((check.at_ns for check in weighed.checks), default=0)
    last_out = max(weighed.left_out, key=lambda test: test.at_ns, default=None)
    if last_out and last_out.at_ns > last_check and last_out.reason in _FAILED:
        return say.last_failed(last_out.reason.words)
    newest = max(last_check, last_out.at_ns if last_out else 0)
    today = districts.local(question.school, question.as_of_ns).date()
    day = districts.local(question.school, newest).date()
    return say.silent_since(day) if newest and (today - day).days > _SILENT_DAYS else ""
