"""One row of the district's table: a school, or a line that several of them share; worst first."""

from collections.abc import Collection, Iterable
from decimal import Decimal

import msgspec

from collector.questions.judged import Judged
from collector.registry import Folder
from firstbell.readiness import words
from firstbell.readiness.asking import LINES
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.sizing import Need
from firstbell.readiness.verdict import State, Verdict

SHARED = "shared"
_WORST_FIRST = (
    State.NOT_READY,
    State.JUST_SHORT,
    State.NOT_MEASURED,
    State.NOT_KNOWN,
    State.READY_UNTIL,
    State.READY_THROUGH,
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. Speeds are in Mbit/s and of `line`, the school's own line (or the shared one).

    `buys` is what the contract says; `have` what the line was seen to carry, `at_least`: or more, and never
    more than the lines behind it. `note` stands under the verdict: the number of the link whose verdict it
    is. `stops` names that link, `stops_line` the shared line that it is, if it is one. Empty or None is what
    isn't known.
    """

    id: str
    name: str
    how: str
    model_id: str
    people: int
    students: int
    line: str
    buys: float | None
    need: float
    need_then: float
    have: float | None
    at_least: bool
    short: bool
    paper: Verdict
    measured: Verdict
    note: str
    stops: str
    stops_note: str
    stops_line: str = ""


class Figures(msgspec.Struct, frozen=True):
    """The numbers of a row as texts, told apart where they differ."""

    buys: str
    need: str
    need_then: str
    have: str


def figures(row: Row) -> Figures:
    """The row's numbers as planners read them; an en dash for what isn't known."""
    bought = [] if row.buys is None else [row.buys]
    texts = words.apart(row.need, row.need_then, *bought, bound=row.have)
    return Figures(
        buys=texts[2] if bought else "\u2013",
        need=texts[0],
        need_then=texts[1],
        have="\u2013" if row.have is None else texts[-1],
    )


class LinkFigures(msgspec.Struct, frozen=True):
    """The numbers of one link as texts; `short` says what is missing today, if anything is."""

    have: str
    need: str
    need_then: str
    short: str


def link_figures(link: LinkAnswer) -> LinkFigures:
    """The link's numbers as planners read them."""
    need, then, *have = words.apart(link.need, link.need_then, bound=link.have)
    short = ""
    if link.have is not None and link.measured.state.short:
        short = f"{_less(need, have[0])} short"
    return LinkFigures(have=have[0] if have else "\u2013", need=need, need_then=then, short=short)


def _less(need: str, have: str) -> str:
    """The difference of the numbers that are shown: whoever subtracts finds the same."""
    less = Decimal(need.replace(",", "")) - Decimal(have.replace(",", ""))
    return f"{less:,f}"


def of_schools(found: Judged) -> tuple[Row, ...]:
    """A row for each school, worst first."""
    return _sorted(_school(answer, found.needs[answer.school_id], found.boxed) for answer in found.answers)


def of_lines(found: Judged, folder: Folder) -> tuple[Row, ...]:
    """A row for each shared line, worst first."""
    students = {school.id: school.students for school in folder.district.schools}
    return _sorted(
        _line(circuit, link, sum(students[s] for s in link.schools), found.boxed)
        for circuit, link in found.lines.items()
    )


def name_of(link: LinkAnswer) -> str:
    """A shared line without how many share it, which stands below it."""
    return link.name.removesuffix(f", {_shared_by(link)}")


def _shared_by(link: LinkAnswer) -> str:
    return f"shared by {words.count(len(link.schools), 'school')}"


def own_line(answer: SchoolAnswer) -> LinkAnswer | None:
    """The link that is the school's own line, shared with nobody; None if it has none."""
    own = (link for link in answer.links if link.link in LINES and link.schools == (answer.school_id,))
    return next((link for link in own if link.circuit), None)


def _carries(answer: SchoolAnswer, own: LinkAnswer | None) -> LinkAnswer | None:
    """The line whose number is the school's: its own, unless one behind it carries less."""
    if own is None or own.have is None:
        return own
    known = [link for link in answer.links if link.sides and link.have is not None]
    return min(known, key=lambda link: (link.have or 0.0, link is not own))


def worst_first(verdict: Verdict) -> tuple[int, int]:
    """A key by which the worst verdict comes first; nothing finer, because links don't compare."""
    return _WORST_FIRST.index(verdict.state), verdict.fall or 0


def _sorted(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: (*worst_first(row.measured), row.name)))


def _school(answer: SchoolAnswer, need: Need, boxed: Collection[str]) -> Row:
    own = own_line(answer)
    carries = _carries(answer, own)
    decides = answer.stopped_by or own
    stops, note, stops_line = _stops(answer, boxed)
    return Row(
        id=answer.school_id,
        name=answer.school,
        how=answer.model,
        model_id=answer.model_id,
        people=answer.people,
        students=answer.students,
        line=own.circuit or "" if own else "",
        buys=_bought(own) if own else None,
        need=own.need if own else need.today,
        need_then=own.need_then if own else need.horizon,
        have=carries.have if carries else None,
        at_least=bool(carries and carries.at_least),
        short=bool(own and own.measured.state.short),
        paper=answer.paper,
        measured=answer.measured,
        note=_note(carries, answer.measured)
        if carries and decides in {None, own}
        else _against(decides)
        if decides
        else "",
        stops=stops,
        stops_note=note,
        stops_line=stops_line,
    )


def _line(circuit: str, link: LinkAnswer, students: int, boxed: Collection[str]) -> Row:
    stops, note = _stops_line(link, boxed)
    return Row(
        id=circuit,
        name=name_of(link),
        how=_shared_by(link),
        model_id="",
        people=link.people,
        students=students,
        line=circuit,
        buys=_bought(link),
        need=link.need,
        need_then=link.need_then,
        have=link.have,
        at_least=link.at_least,
        short=link.measured.state.short,
        paper=link.paper or link.measured,
        measured=link.measured,
        note=_note(link, link.measured),
        stops=stops,
        stops_note=note,
    )


def _bought(link: LinkAnswer) -> float | None:
    return link.sides[0].paper.have if link.sides else None


def _note(link: LinkAnswer, verdict: Verdict) -> str:
    """`carries 930`, `carries at least 6,800`, or how far the checks are."""
    if link.have is not None:
        need = words.apart(link.need, bound=link.have)[-1]
        return f"carries {'at least ' if link.at_least else ''}{need}"
    if verdict.state is State.NOT_MEASURED and link.sides:
        progress = link.sides[0].progress
        return f"{progress.checks} of {words.count(progress.checks_wanted, 'check')}"
    return ""


_UNITS = {
    "availability": "days without an outage",
    "power": "devices",
    "responsiveness": "replies a minute",
    "wifi": "rooms",
}


def _against(link: LinkAnswer) -> str:
    """What a link has against its own need: `870 of 1,050 needed`, `23 of 27 days needed`."""
    need, have = words.apart(link.need, bound=link.have or 0.0)
    unit = f" {_UNITS[link.link]}" if link.link in _UNITS else ""
    return f"{have} of {need}{unit} needed"


def _stops(answer: SchoolAnswer, boxed: Collection[str]) -> tuple[str, str, str]:
    """What stops the school, a few words on it, and the shared line that it is."""
    link = next((link for link in answer.links if link.weak), None)
    if link is None or (not answer.measured.state.short and not answer.measured.state.ready):
        return *_open(answer, boxed), ""
    if answer.measured.state is State.READY_THROUGH:
        return "Nothing", _assessed(answer), ""
    if link.circuit and len(link.schools) > 1:
        return name_of(link), _shared_by(link), link.circuit
    return *_stops_line(link, boxed), ""


def _open(answer: SchoolAnswer, boxed: Collection[str]) -> tuple[str, str]:
    """Nothing stops it, or nobody can say yet."""
    if answer.measured.state is State.READY_THROUGH:
        return "Nothing", _assessed(answer)
    line = next((link for link in answer.links if link.measured == answer.measured), None)
    return _stops_line(line, boxed) if line else ("Too few checks", "")


def _stops_line(link: LinkAnswer, boxed: Collection[str]) -> tuple[str, str]:
    verdict = link.measured
    if verdict.state is State.READY_THROUGH:
        return "Nothing", ""
    if verdict.state is State.READY_UNTIL:
        return _plain(link), f"too small in {words.fall(verdict.fall or 0)}"
    if verdict.state.short:
        need, have = words.apart(link.need, bound=link.have or 0.0)
        return _plain(link), f"carries {have} of {need} needed" if link.sides else link.note
    return _unmeasured(link, boxed)


def _plain(link: LinkAnswer) -> str:
    """The link's name beside a school's, which need not be said again."""
    if len(link.schools) > 1:
        return "Its size"
    return "Line from the school" if link.link == "wan" else link.name


def _unmeasured(link: LinkAnswer, boxed: Collection[str]) -> tuple[str, str]:
    if not link.sides:
        return _plain(link), link.note
    if link.circuit is None:
        return "No line entered", "circuits.csv names none"
    progress = link.sides[0].progress
    if link.have is not None:
        return "Our box", f"sees no more than {words.number(link.have, at_least=True)}"
    if not progress.checks and progress.answer_on is None:
        return (
            ("Our box", "no check yet") if link.circuit in boxed else ("No box", "none stands on this line")
        )
    if progress.answer_on:
        return "Too few checks", f"answer about {words.day(progress.answer_on)}"
    return "Too few checks", ""


def _assessed(answer: SchoolAnswer) -> str:
    links = answer.assessed + len(answer.not_assessed)
    return f"{answer.assessed} of {words.count(links, 'link')} assessed"
