"""The district's answer in sentences, and its schools counted by answer, worst first."""

from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple

import msgspec

from collector.questions.judged import Judged
from collector.questions.rows import Row
from firstbell.readiness import words
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.verdict import State

Kind = Literal["no", "short", "open", "until", "through"]
_KINDS: tuple[tuple[Kind, tuple[State, ...]], ...] = (
    ("no", (State.NOT_READY,)),
    ("short", (State.JUST_SHORT,)),
    ("open", (State.NOT_MEASURED, State.NOT_KNOWN)),
    ("until", (State.READY_UNTIL,)),
    ("through", (State.READY_THROUGH,)),
)
NOTHING_YET = "No schools yet."
_NOT_ENTERED = "nobody entered what their lines buy"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The schools of one answer: how many, and how many students they have."""

    kind: Kind
    label: str
    schools: int
    students: int


class Said(NamedTuple):
    """The sentences and the tally. `state` is that of the whole district."""

    state: Literal["no_schools", "not_measured", "measured"]
    sentence: str
    more: str
    paper: str
    open: str
    examples: str
    groups: tuple[Group, ...]


def say(schools: Sequence[Row], found: Judged) -> Said:
    """The district's answer from its schools' rows."""
    if not schools:
        return Said("no_schools", NOTHING_YET, "", "", "", "", ())
    assessed = [row for row in schools if row.measured.state.ready or row.measured.state.short]
    return Said(
        state="measured" if assessed else "not_measured",
        sentence=_sentence(schools) if assessed else _sentence_on_paper(schools),
        more=_more(schools),
        paper=_paper(schools),
        open=_open(schools, found),
        examples=_examples(found),
        groups=_groups(schools),
    )


def _groups(schools: Sequence[Row]) -> tuple[Group, ...]:
    found = []
    for kind, states in _KINDS:
        rows = [row for row in schools if row.measured.state in states]
        if rows:
            students = sum(row.students for row in rows)
            found.append(Group(kind=kind, label=_label(kind, rows), schools=len(rows), students=students))
    return tuple(found)


def _label(kind: Kind, rows: Sequence[Row]) -> str:
    if kind == "open":
        return "not measured enough yet"
    if kind == "until":
        falls = [str(fall) for fall in sorted({row.measured.fall for row in rows if row.measured.fall})]
        return f"ready until fall {' or '.join(filter(None, [', '.join(falls[:-1]), falls[-1]]))}"
    label = rows[0].measured.label
    return label[0].lower() + label[1:]


def _sentence(schools: Sequence[Row]) -> str:
    today = [row for row in schools if row.measured.state.ready]
    through = [row for row in today if row.measured.state is State.READY_THROUGH]
    can = f"{_of(len(today), len(schools))} today"
    if not today or not through:
        return f"{can}."
    if len(through) == len(today):
        which = "and it is" if len(today) == 1 else "and all of them are"
        return f"{can}, {which} ready {_through(through)}."
    return f"{can}, {len(through)} of them {_through(through)}."


def _through(rows: Sequence[Row]) -> str:
    return f"through {words.fall(rows[0].measured.fall or 0)}"


def _of(part: int, whole: int) -> str:
    """`27 of 40 schools can`, `All 40 schools can`, `None of 40 schools can`."""
    if whole == 1:
        return "The one school can" if part else "The one school cannot"
    if part == whole:
        return f"All {whole} schools can"
    return f"{part or 'None'} of {whole} schools can"


def _more(schools: Sequence[Row]) -> str:
    """What the schools that can't have in common."""
    stopped = [row for row in schools if row.measured.state.short]
    if not stopped:
        return ""
    text = f"{len(stopped)}{words.NBSP}cannot yet"
    held = [row.stops_line for row in stopped if row.stops_line]
    lines = set(held)
    if not lines:
        return f"{text}."
    which = "one shared line holds" if len(lines) == 1 else f"{len(lines)} shared lines hold"
    back = "it" if len(stopped) == 1 else f"{len(held)} of the {len(stopped)}"
    return f"{text}, and {which} back {back}."


def _sentence_on_paper(schools: Sequence[Row]) -> str:
    """The answer before any check, by the contracts; where nobody entered any, they answer nothing."""
    if all(_is_unknown(row) for row in schools):
        return f"Not known on paper for {len(schools)} of {len(schools)}: {_NOT_ENTERED}."
    return f"{_of(_ready_on_paper(schools), len(schools))} today."


def _paper(schools: Sequence[Row]) -> str:
    """What the contracts alone would make one think."""
    said = f"On paper, not measured: {_ready_on_paper(schools)} of {len(schools)}."
    unknown = sum(map(_is_unknown, schools))
    return f"{said} Not known for {unknown}: {_NOT_ENTERED}." if 0 < unknown < len(schools) else said


def _is_unknown(row: Row) -> bool:
    return row.paper.state is State.NOT_KNOWN


def _ready_on_paper(schools: Sequence[Row]) -> int:
    return sum(row.paper.state.ready for row in schools)


def _open(schools: Sequence[Row], found: Judged) -> str:
    """How many can't be told yet, and when they will be."""
    unknown = {row.id for row in schools if not row.measured.state.ready and not row.measured.state.short}
    if not unknown:
        return ""
    dates = sorted(
        day for answer in found.answers if answer.school_id in unknown for day in [_comes_on(answer)] if day
    )
    aren = "school isn't" if len(unknown) == 1 else "schools aren't"
    text = f"{len(unknown)} {aren} measured enough yet to say"
    if not dates:
        return f"{text}."
    come = (
        "that answer comes"
        if len(unknown) == len(dates) == 1
        else (f"{len(dates)} of those answers come{'s' if len(dates) == 1 else ''}")
    )
    return f"{text}; {come} by about {words.day(dates[-1])}."


def _comes_on(answer: SchoolAnswer) -> date | None:
    """The day by which a school can be told: when all that is open of its own line, the last, is known."""
    own = next((link for link in reversed(answer.links) if link.sides), None)
    waits = [
        side.progress.answer_on
        for side in (own.sides if own else ())
        if not side.measured.state.ready and not side.measured.state.short
    ]
    days = [day for day in waits if day]
    return max(days) if days and len(days) == len(waits) else None


def _examples(found: Judged) -> str:
    """Each thing that nobody entered, said once."""
    return next((answer.examples_sentence for answer in found.answers if answer.examples_sentence), "")
