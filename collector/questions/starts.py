"""One box, start by start: what is here of each, and whether anybody knows of what is not."""

import msgspec

from collector.questions import on_its_way
from collector.questions.ask import QuestionError
from collector.store.reads import Reads

MOST_RANGES = 100
"""Of one start, the first ones: a start of which every other report is missing has thousands."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """One start of the box's program.

    `kept` reports are here. `missing` were given, and nobody knows of them: still on their way, or gone;
    `missing_numbers` are the ranges, both ends included, the first hundred. `lost` the box owned up to,
    `refused` were set aside here. `before` is how the start before ended, by this one's first report.
    """

    name: str
    first_seen_ns: int
    last_seen_ns: int
    kept: int
    missing: int
    missing_numbers: tuple[tuple[int, int], ...]
    lost: int
    refused: int
    before: str


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """A range of reports that were lost or refused, and why."""

    start: str
    kind: str
    first: int
    last: int
    reason: str
    told_ns: int


class BoxStarts(msgspec.Struct, frozen=True, kw_only=True):
    """All starts of one box, the newest last, and what is known of what is not here.

    `note` says that it was shut out, or that it waits at the door; empty if neither.
    """

    box: str
    starts: tuple[Start, ...]
    absences: tuple[Absence, ...]
    note: str = ""
    simulated: bool = False


def ask(reads: Reads, box: str, now_ns: int, *, simulated: bool = False) -> BoxStarts:
    """What the journal knows of the box called `box`. Raises QuestionError if it was never heard of."""
    cards = reads.enrolments()
    out = on_its_way.shut_out(box) if box in reads.shut_out() else ""
    starts = tuple(
        Start(
            name=state.epoch,
            first_seen_ns=state.first_ns,
            last_seen_ns=state.last_ns,
            kept=state.held,
            missing=state.missing,
            missing_numbers=tuple(reads.missing(box, state.epoch)[:MOST_RANGES]) if state.missing else (),
            lost=state.lost,
            refused=state.refused,
            before=state.ended or "",
        )
        for state in reads.epochs(box)
    )
    if not starts:
        known = any(card.agent == box for card in cards)
        way = out or (on_its_way.before_its_first_report(cards, box, now_ns) if known else "")
        raise QuestionError(f"no box named {box} has reported; " + (way or "see: firstbell status"))
    absences = tuple(
        Absence(
            start=told.epoch,
            kind=told.kind,
            first=told.first,
            last=told.last,
            reason=told.reason,
            told_ns=told.told_ns,
        )
        for told in reads.absences(box)
    )
    note = " ".join(filter(None, [out, on_its_way.at_the_door(cards, box)]))
    return BoxStarts(box=box, starts=starts, absences=absences, note=note, simulated=simulated)
