"""What would change an answer: more of the line, fewer people, more checks, a better place for the box."""

from itertools import count, islice
from typing import Literal

import msgspec

from firstbell.readiness import sizing, words
from firstbell.readiness.links.answer import LinkAnswer, Side
from firstbell.readiness.links.internet import Question
from firstbell.readiness.verdict import State, enough

_LOOK_AHEAD_YEARS = 40


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would change the answer; `mbps` and `people` where it is a matter of a number."""

    kind: Literal["line", "people", "box", "checks", "folder", "time"]
    sentence: str
    mbps: float | None = None
    people: int | None = None


def changes(question: Question, link: LinkAnswer) -> tuple[Change, ...]:
    """What would change the link's answer, in the order in which to think of it."""
    if question.circuit is None:
        return (Change(kind="folder", sentence="Enter the school's line to the internet in circuits.csv."),)
    side = next(side for side in link.sides if side.measured == link.measured)
    state = link.measured.state
    if state is State.NOT_MEASURED:
        return _to_measure(side)
    if state is State.READY_THROUGH:
        return _later(question, side)
    return _to_be_ready(question, side)


def _to_measure(side: Side) -> tuple[Change, ...]:
    progress = side.progress
    if side.measured.have is not None or progress.limited > progress.checks:
        return (Change(kind="box", sentence="A box that is faster, or on a faster port, would see more."),)
    if progress.place_missing:
        return (Change(kind="box", sentence="A box on a cable, or one in a second place, would settle it."),)
    if progress.answer_on:
        left = words.count(max(1, progress.checks_wanted - progress.checks), "more check")
        sentence = f"{left} outside class; the box makes up to four on each school day."
        return (Change(kind="checks", sentence=sentence),)
    return (Change(kind="box", sentence="Give a box a place on this line in seats.csv."),)


def _to_be_ready(question: Question, side: Side) -> tuple[Change, ...]:
    need, have = side.need, side.measured.have or 0.0
    way = "" if side.direction == "down" else " upwards"
    number = words.mbit(words.number(need.horizon))
    until = words.fall(need.last_fall)
    found = [
        Change(
            kind="line",
            mbps=need.horizon,
            sentence=f"A line that carries {number}{way} would be ready through {until}.",
        )
    ]
    carried = sizing.people_carried(have, need.today / question.people)
    if side.measured.state.short and carried:
        sentence = f"Today's line carries about {words.number(carried)} people who are taught this way."
        found.append(Change(kind="people", people=carried, sentence=sentence))
    if side.measured.at_least:
        found.append(Change(kind="box", sentence="A box on a faster port would see whether more is there."))
    return tuple(found)


def _later(question: Question, side: Side) -> tuple[Change, ...]:
    """What stops it first, and when, if it grows on."""
    need, have = side.need, side.measured.have or 0.0
    growth, tolerance = question.numbers.growth.value, question.numbers.tolerance.value
    for year in islice(count(1), _LOOK_AHEAD_YEARS):
        if not enough(have, sizing.grown(need.horizon, growth, year), tolerance):
            fall = words.fall(need.last_fall + year)
            when = f"not be short before {fall}" if side.measured.at_least else f"first be short in {fall}"
            sentence = f"At {round(100 * growth)} % growth a year the line would {when}."
            return (Change(kind="time", sentence=sentence),)
    return ()
