"""Scores the judge against the planter: what was named of what is wrong, and who was accused wrongly.

A school or line is *accused* where an answer says that a link is just short or not ready. A fault is *named*
where its link is accused; a school without enough to judge is named where its own line is said to be not
measured enough, for the right reason; a sound school where its line is said to be ready. An accusation of what
is sound is false, and counts double. What no link of the answer speaks of at all is counted as *unassessed*.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from collector import registry
from collector.clock import StillClock, SystemClock
from collector.config import Home
from collector.demo import making
from collector.demo.deliver import deliver
from collector.demo.physics import Physics
from collector.demo.plan import Rhythm
from collector.demo.town import MINUTE_NS
from collector.intake import Intake
from collector.questions import judged
from collector.questions.judged import Judged
from collector.store.journal import open_journal
from collector.store.reads import Reads
from collector.store.writer import Writer
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.verdict import State
from tests.scoring.planter import Fault, Planted

THIN = Rhythm(in_class_ns=30 * MINUTE_NS, outside_ns=180 * MINUTE_NS, wifi_every=1)
_LINKS = {Fault.OUTAGES: "availability", Fault.FULL_AIR: "wifi"}
_SHORT = {State.JUST_SHORT, State.NOT_READY}


class Score(NamedTuple):
    """One district's score; `missed`, `wrong` and `unassessed` say each in a sentence."""

    seed: int
    planted: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]
    unassessed: tuple[str, ...]
    reports: int

    @property
    def named(self) -> int:
        """How many of the planted truths were told."""
        return self.planted - len(self.missed) - len(self.unassessed)

    @property
    def points(self) -> int:
        """What was named, less twice what was accused wrongly."""
        return self.named - 2 * len(self.wrong)


class _Tally:
    """What is found out while the answers are read."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        self.wrong: list[str] = []
        self.unassessed: list[str] = []


@contextmanager
def judged_district(planted: Planted, folder: Path) -> Iterator[tuple[Judged, int]]:
    """The planted district's answers, from a journal that took every report through the real intake."""
    home, clock = Home(folder), StillClock(planted.town.end_ns)
    making.write_folder(home, planted.town)
    journal = open_journal(home.journal)
    writer = Writer(journal, SystemClock())
    intake = Intake(writer, clock, journal.id)
    writer.start()
    try:
        reports = deliver(Physics(planted.town), intake.take, lambda *_: None, THIN)
    finally:
        writer.stop()
    if writer.figures.held != reports:
        raise RuntimeError(f"{writer.figures.held} of {reports} reports are held")
    reads = Reads(journal)
    try:
        folder_read = registry.read(home.district)
        yield judged.judged(reads, folder_read, registry.targets(), None, 0, planted.town.end_ns), reports
    finally:
        reads.close()


def score(planted: Planted) -> Score:
    """Judge one district, and score the answers."""
    tally = _Tally()
    with (
        tempfile.TemporaryDirectory(prefix="firstbell-score-") as folder,
        judged_district(planted, Path(folder)) as (found, reports),
    ):
        for answer in found.answers:
            _school(planted, answer, tally)
        _shared(planted, found, tally)
    total = len(planted.schools) + len(planted.oversold)
    return Score(
        planted.seed, total, tuple(tally.missed), tuple(tally.wrong), tuple(tally.unassessed), reports
    )


def _shared(planted: Planted, found: Judged, tally: _Tally) -> None:
    """The lines that schools share, as each school's answer has them and as the district's table has them."""
    own = {site.line for site in planted.town.sites}
    links = [
        link for answer in found.answers for link in answer.links if link.circuit and link.circuit not in own
    ]
    links += found.lines.values()
    short = {link.circuit for link in links if link.measured.state in _SHORT}
    for line in sorted(planted.oversold - short):
        said = _told(next((link for link in links if link.circuit == line), None))
        tally.missed.append(f"{line}: {Fault.OVERSOLD}; said: {said}")
    for link in links:
        if link.circuit in short - planted.oversold:
            tally.wrong.append(f"{link.circuit}: sound; said: {_told(link)}")


def _school(planted: Planted, answer: SchoolAnswer, tally: _Tally) -> None:
    fault = planted.schools[answer.school_id]
    own = planted.town.site(answer.school_id).line
    shared = {line.id for line in planted.town.lines} - {site.line for site in planted.town.sites}
    links = {link.circuit or link.link: link for link in answer.links if link.circuit not in shared}
    guilty = {Fault.SMALL_LINE: own, **_LINKS}.get(fault, "")
    accused = {name for name, link in links.items() if link.measured.state in _SHORT}
    # Where a line is too small for those behind it, pages are slow: that is no other fault, but this one felt.
    felt = {"responsiveness"} if fault is Fault.SMALL_LINE or planted.oversold else set()
    for name in sorted(accused - felt - {guilty}):
        tally.wrong.append(f"{answer.school_id}: {fault}, but {name}; said: {_told(links[name])}")
    if guilty and guilty not in links:
        tally.unassessed.append(f"{answer.school_id}: {fault}")
    elif not (guilty in accused if guilty else _told_truly(fault, links.get(own), planted)):
        tally.missed.append(f"{answer.school_id}: {fault}; said: {_told(links.get(guilty or own))}")


def _told_truly(fault: Fault, own: LinkAnswer | None, planted: Planted) -> bool:
    """Whether a school at which no link is short is told so: ready, or not measured enough and why."""
    if own is None:
        return False
    is_open = own.measured.state is State.NOT_MEASURED
    if fault is Fault.SLOW_BOX:
        return is_open and any(side.progress.limited for side in own.sides)
    if fault is Fault.FEW_TESTS:
        return is_open
    # Behind an oversold line nobody can see whether a school's own would bring more than that one does.
    return own.measured.state.ready or (is_open and bool(planted.oversold))


def _told(link: LinkAnswer | None) -> str:
    return "nothing of it" if link is None else f"{link.measured.label}: {link.measured.sentence}"
