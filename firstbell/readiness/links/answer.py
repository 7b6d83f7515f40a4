"""What is said of one link of the chain: the same few fields for a line, for rooms, for days.

`have` and `need` are in the unit that `counted_in` names, and longer is always better: what is better when it
is less (milliseconds, outages) is turned round before it comes here.
"""

import msgspec

from firstbell.readiness.evidence import Check
from firstbell.readiness.models import Number
from firstbell.readiness.proof import Bound, Progress
from firstbell.readiness.reasons import Reason
from firstbell.readiness.sizing import Direction, Need
from firstbell.readiness.verdict import State, Verdict, enough, label


class LeftOver(msgspec.Struct, frozen=True, kw_only=True):
    """What is left over in class. `certain`: it covers today's need; `settle`: it is far below it."""

    bound: Bound | None
    checks: int
    certain: bool
    settle: bool
    sentence: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of a line, on paper and measured. `carries` is None until enough is measured.

    `worst` is the same for the worst tenth of the time, from 29 checks on; `working` says how `carries`
    came about.
    """

    direction: Direction
    need: Need
    paper: Verdict
    measured: Verdict
    carries: Bound | None
    worst: Bound | None
    worst_sentence: str
    left_over: LeftOver
    progress: Progress
    working: str


class LeftOutCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many checks were left out for one reason."""

    reason: Reason
    checks: int
    words: str


class LinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one link of the chain.

    `have` against `need` (today) and `need_then` (at the horizon), in `counted_in`; `at_least`: more may
    well be there. `have` is None while the link is not assessed; `note` then says why. `working` answers
    "how do you know?", a sentence each. `weak` marks the one link that stops the school first. `people`
    are all who depend on it, `schools` those who share it.

    A line has a `circuit`, a `paper` verdict and `sides`; its verdicts are those of its worse side.
    `checks` are those that count, `left_out` says why others don't. Other links have none of these.
    """

    link: str
    name: str
    counted_in: str
    people: int
    measured: Verdict
    have: float | None
    need: float
    need_then: float
    circuit: str | None = None
    schools: tuple[str, ...] = ()
    paper: Verdict | None = None
    at_least: bool = False
    note: str = ""
    working: tuple[str, ...] = ()
    weak: bool = False
    sides: tuple[Side, ...] = ()
    checks: tuple[Check, ...] = ()
    left_out: tuple[LeftOutCount, ...] = ()

    @property
    def assessed(self) -> bool:
        """Whether enough is known of this link to say that it is ready, or short."""
        return self.measured.state.ready or self.measured.state.short


_ORDER = (
    State.NOT_READY,
    State.JUST_SHORT,
    State.NOT_MEASURED,
    State.NOT_KNOWN,
    State.READY_UNTIL,
    State.READY_THROUGH,
)


def badness(verdict: Verdict) -> tuple[int, int, float]:
    """A key by which the worst of several verdicts comes first."""
    return _ORDER.index(verdict.state), verdict.fall or 0, verdict.ratio or 0.0


def counted(
    *,
    link: str,
    name: str,
    counted_in: str,
    people: int,
    have: float | None,
    need: float,
    fall: int,
    just_short: float,
    sentence: str,
    note: str,
    working: tuple[str, ...],
) -> LinkAnswer:
    """The answer of a link whose need does not grow: rooms, days, batteries, replies.

    `fall` is the last that was asked for; below the share `just_short` of the need it is not ready.
    `sentence` says what was seen; None for `have` says that too little was, and `note` then says why.
    """
    state, at = State.NOT_MEASURED, None
    if have is not None:
        state, at = _flat(have, need, fall, just_short)
    text = label(state, at)
    measured = Verdict(
        state=state,
        label=text,
        sentence=f"{name}: {note}." if have is None else f"{text}: {sentence}.",
        need=need,
        have=have,
        ratio=None if have is None or not need else have / need,
        fall=at,
    )
    return LinkAnswer(
        link=link,
        name=name,
        counted_in=counted_in,
        people=people,
        measured=measured,
        have=have,
        need=need,
        need_then=need,
        note=note,
        working=working,
    )


def _flat(have: float, need: float, fall: int, just_short: float) -> tuple[State, int | None]:
    if enough(have, need):
        return State.READY_THROUGH, fall
    return (State.JUST_SHORT if enough(have, just_short * need) else State.NOT_READY), None


def sourced(number: Number) -> str:
    """Where a number comes from, as it follows the number itself."""
    return f"{number.source}, {number.year}{' (a judgement)' if number.judgement else ''}"
