"""The kinds of answer there are, and which one a speed earns."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from firstbell.readiness import words
from firstbell.readiness.sizing import Need

_ROUNDING = 1e-9


class State(StrEnum):
    """An answer's kind; each stands with its words, never alone."""

    READY_THROUGH = "ready_through"
    READY_UNTIL = "ready_until"
    JUST_SHORT = "just_short"
    NOT_READY = "not_ready"
    NOT_MEASURED = "not_measured"
    """Not measured, or not enough yet."""
    NOT_KNOWN = "not_known"
    """Nobody entered what is bought."""

    @property
    def ready(self) -> bool:
        """Whether it is enough today."""
        return self in {State.READY_THROUGH, State.READY_UNTIL}

    @property
    def short(self) -> bool:
        """Whether it is not enough today."""
        return self in {State.JUST_SHORT, State.NOT_READY}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `fall` is the first in which it is no longer enough (until), or the last asked for.

    `have` and `need` (today's) are in the link's unit. `at_least` says that more than `have` may well be
    there: the box saw no more. `ratio` is `have` as a share of `need`. `sentence` can be read aloud.
    """

    state: State
    label: str
    sentence: str
    need: float
    have: float | None = None
    at_least: bool = False
    ratio: float | None = None
    fall: int | None = None


def enough(have: float, need: float, tolerance: float = 0.0) -> bool:
    """Whether `have` meets the need, but for the share `tolerance` that measuring can be off by."""
    return have >= need * (1 - tolerance) * (1 - _ROUNDING)


def grade(have: float, need: Need, just_short: float, tolerance: float = 0.0) -> tuple[State, int | None]:
    """The state that a speed earns against the needs of the falls to come, and the fall it names."""
    return grade_steps(have, need.mbps, need.first_fall, just_short, tolerance)


def grade_steps(
    have: float, steps: Sequence[float], first_fall: int, just_short: float, tolerance: float = 0.0
) -> tuple[State, int | None]:
    """The same of anything else that is needed in one fall after another, today's first."""
    years = 0
    while years < len(steps) and enough(have, steps[years], tolerance):
        years += 1
    if years == len(steps):
        return State.READY_THROUGH, first_fall + len(steps) - 1
    if years:
        return State.READY_UNTIL, first_fall + years
    return (State.JUST_SHORT if enough(have, just_short * steps[0]) else State.NOT_READY), None


def label(state: State, fall: int | None = None, *, at_least: bool = False) -> str:
    """The state in people's words: `Ready until fall 2027`."""
    if state is State.READY_THROUGH and fall:
        return f"Ready through {words.fall(fall)}"
    if state is State.READY_UNTIL and fall:
        return f"Ready until {'at least ' if at_least else ''}{words.fall(fall)}"
    return {
        State.JUST_SHORT: "Just short",
        State.NOT_READY: "Not ready",
        State.NOT_MEASURED: "Not measured enough yet",
    }.get(state, "Not known")
