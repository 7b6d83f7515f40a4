"""A line on the way to the internet: what it carries against what the schools behind it need.

A line is judged by what it carries in quiet hours against the whole need of all schools that pass through it.
What is left over in class stands beside it and is never mixed in; but if that alone covers the need, the
answer is certain. Down and up are judged apart, up only where a source asks for it; the worse of both is the
line's answer.
"""

from typing import NamedTuple

import msgspec

from firstbell.readiness import attribution, proof, say
from firstbell.readiness.lines import LineEvidence, Proved
from firstbell.readiness.links.answer import LeftOutCount, LeftOver, LinkAnswer, Side, badness
from firstbell.readiness.models import Numbers
from firstbell.readiness.proof import Bound, Point, Progress
from firstbell.readiness.say import Called
from firstbell.readiness.sizing import Need
from firstbell.readiness.verdict import State, Verdict, enough, grade, label

NO_LINE = "No line to the internet is entered for this school."
NO_BOX = "Not measured yet: no box measures this line."


class Asked(NamedTuple):
    """What is asked of a line: the need of each direction, for how many people, and what all that is called.

    `line` is None where no line is entered. `whole`: of the line and all behind it taken together.
    """

    line: LineEvidence | None
    needs: tuple[Need, ...]
    people: int
    called: Called
    numbers: Numbers
    whole: bool = False


def judge(asked: Asked) -> LinkAnswer:
    """The answer for one line."""
    line = asked.line
    sides = tuple(_side(asked, need) for need in asked.needs)
    worse = min(sides, key=lambda side: badness(side.measured))
    measured = worse.measured
    return LinkAnswer(
        link=asked.called.link,
        name=asked.called.name,
        counted_in="Mbit/s",
        circuit=line.circuit.id if line and not asked.whole else None,
        schools=line.schools if line else (),
        people=asked.people,
        paper=None if asked.whole else min((side.paper for side in sides), key=badness),
        measured=measured,
        have=measured.have,
        need=worse.need.today,
        need_then=worse.need.horizon,
        at_least=measured.at_least,
        note="" if measured.state.ready or measured.state.short else measured.sentence,
        working=tuple(sentence for side in sides for sentence in say.working(side)),
        sides=sides,
        checks=line.weighed.checks if line else (),
        left_out=tuple(
            LeftOutCount(reason=reason, checks=count, words=reason.words)
            for reason, count in (line.weighed.reasons() if line else ())
        ),
    )


_NOTHING = Proved([], None, None, [], None)


def _side(asked: Asked, need: Need) -> Side:
    numbers = asked.numbers
    proved = asked.line.proved(need.direction) if asked.line else _NOTHING
    left, carries, worst = proved.left, proved.carries, proved.worst
    progress = _progress(asked, need, proved.quiet)
    certain = left is not None and enough(left.mbps, need.today, numbers.tolerance.value)
    measured = _measured(asked, need, carries, left if certain else None, progress)
    return Side(
        direction=need.direction,
        need=need,
        paper=_paper(asked, need),
        measured=measured,
        carries=carries,
        worst=worst,
        worst_sentence=say.worst(worst, _limit(proved)) if worst else "",
        left_over=_left_over(asked, need, proved, measured, certain=certain),
        progress=progress,
        working=say.proof(carries, numbers.framing, len(proved.quiet)) if carries else "",
    )


def _limit(proved: Proved) -> str:
    """What was the limit of the checks that say "at least": a line beyond the one in question, or the box."""
    limits = [point.check.limit for point in proved.quiet if point.at_least]
    return next((say.LIMITS[beyond] for beyond in _BEYOND if limits.count(beyond) * 2 > len(limits)), say.BOX)


_BEYOND = (attribution.BEHIND, attribution.BEFORE)


def _progress(asked: Asked, need: Need, seen: list[Point]) -> Progress:
    line = asked.line
    if line is None:
        return proof.none_yet(asked.numbers)
    aim = need.today * (1 - asked.numbers.tolerance.value)
    found = proof.progress(seen, aim, asked.numbers, line.clock, line.as_of_ns)
    # Without a box, or with one whose checks come to nothing, no date may be promised.
    coming = line.has_box and not line.stopped
    return found if coming or not found.answer_on else msgspec.structs.replace(found, answer_on=None)


def _left_over(asked: Asked, need: Need, proved: Proved, measured: Verdict, *, certain: bool) -> LeftOver:
    left = proved.left
    far_below = left and not enough(left.mbps, asked.numbers.far_below.value * need.today)
    # In class something is always in use, so little left over says nothing more of a line that is short.
    settle = bool(far_below and measured.state.ready)
    progress = _progress(asked, need, proved.in_class)
    return LeftOver(
        bound=left,
        checks=progress.checks,
        certain=certain,
        settle=settle,
        sentence=say.left_over(left, progress, certain=certain, settle=settle),
    )


def _paper(asked: Asked, need: Need) -> Verdict:
    """Contract against need. Paper has no error of measurement, so no tolerance either."""
    circuit = asked.line.circuit if asked.line else None
    bought = (circuit.down_mbps if need.direction == "down" else circuit.up_mbps) if circuit else None
    state, fall = State.NOT_KNOWN, None
    if bought is not None:
        state, fall = grade(bought, need, asked.numbers.just_short.value)
    return Verdict(
        state=state,
        label=label(state, fall),
        sentence=say.on_paper(state, fall, bought, need, asked.called),
        need=need.today,
        have=bought,
        ratio=None if bought is None else bought / need.today,
        fall=fall,
    )


def _measured(
    asked: Asked, need: Need, carries: Bound | None, covering: Bound | None, progress: Progress
) -> Verdict:
    """The verdict by what the line `carries`, or by what is left over in class where that is `covering`."""
    in_class = covering is not None and (carries is None or covering.mbps > carries.mbps)
    have = covering if in_class else carries
    numbers, called = asked.numbers, asked.called
    if have is None or asked.line is None:
        return _open(need, None, _why_open(asked, progress))
    tolerance = numbers.tolerance.value
    limit = _limit(asked.line.proved(need.direction)) if have.at_least else ""
    if have.at_least and not enough(have.mbps, need.today, tolerance):
        return _open(need, have, say.box_limited(have, need, called, limit))
    state, fall = grade(have.mbps, need, numbers.just_short.value, tolerance)
    return Verdict(
        state=state,
        label=label(state, fall, at_least=have.at_least),
        sentence=say.measured(state, fall, have, need, called, limit, in_class=in_class),
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


def _why_open(asked: Asked, progress: Progress) -> str:
    line = asked.line
    if line is None:
        return NO_LINE
    if not line.has_box and not progress.checks:
        return NO_BOX
    return say.too_few(progress, line.changed, line.stopped.because if line.stopped else "")
