"""A class that was played over a line is the better witness of it than its speed and a formula (decision 20).

Where both speak of a school's own line and say different things, the line's answer says so; where both find
it short, it says how short by the class. Lines that schools share are not touched: one school's class at a
quiet hour says nothing of all schools at once.
"""

from collections.abc import Sequence

import msgspec

from firstbell.district import School
from firstbell.readiness.links.answer import LinkAnswer, Side, badness
from firstbell.readiness.verdict import Verdict

TRIED = "students"
"""The link that is tried, not reckoned."""
CARRIED = "by its speed alone it would be too small, but a class played over it was carried"
AS_CARRIED = "as a class played over it was carried, not by its speed alone"
NOT_CARRIED = "by its speed alone, but a class played over it was not carried"


def by_trial(
    path: Sequence[LinkAnswer], others: Sequence[LinkAnswer], school: School
) -> tuple[LinkAnswer, ...]:
    """The answers of the lines on the way, the school's own (the last) in the light of what was tried."""
    trial = next((link for link in others if link.link == TRIED and link.assessed), None)
    own = path[-1]
    if trial is None or own.circuit is None or own.schools != (school.id,):
        return tuple(path)
    return (*path[:-1], _seen(own, trial.measured))


def _seen(own: LinkAnswer, trial: Verdict) -> LinkAnswer:
    if own.measured.state.ready and trial.state.short:
        return msgspec.structs.replace(own, note=NOT_CARRIED)
    sides = tuple(_carried(side, trial) for side in own.sides)
    if not own.measured.state.short or sides == own.sides:
        return own
    measured = min((side.measured for side in sides), key=badness)
    if measured.state.short and trial.state.ready:
        # The way up: a class hands in little, and this way of teaching asks for more.
        return own
    note = CARRIED if trial.state.ready else AS_CARRIED
    return msgspec.structs.replace(own, sides=sides, measured=measured, note=note)


def _carried(side: Side, trial: Verdict) -> Side:
    """The way down as the trial has it, where the formula says that it is short."""
    before = side.measured
    if side.direction != "down" or not before.state.short:
        return side
    lowered = f"{before.label[0].lower()}{before.label[1:]}"
    sentence = f"{trial.sentence} By its speed alone it would be {lowered}: {_rest(before)}"
    verdict = msgspec.structs.replace(
        before, state=trial.state, label=trial.label, fall=trial.fall, sentence=sentence
    )
    return msgspec.structs.replace(side, measured=verdict)


def _rest(verdict: Verdict) -> str:
    """The sentence without its label, which was said already."""
    return verdict.sentence.removeprefix(f"{verdict.label}: ")
