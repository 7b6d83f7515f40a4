"""Where does this box hang? Asked by whoever stands before it, and looked at by whoever keeps the list."""

from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import msgspec

from collector.questions import box_words
from collector.questions.ask import QuestionError
from collector.registry import Folder, RegistryError, moving
from collector.store import labels
from collector.store.errors import told
from collector.store.journal import Journal
from collector.store.labels import Said
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.district import NS, District
from firstbell.tables import NAME_CHARS, FolderError, printable

_WHAT = "labels can't be read"
_LOADED_NS = 60 * NS
"""By then the folder was loaded again."""


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """The box with that label: where it is to hang, and whether it is heard.

    `last_ns` is when it was last heard, ns since 1970 UTC, None for never; `said` what was said of it last;
    `schools` are those there are, id and name.
    """

    number: int
    agent: str
    school: str
    school_name: str
    room: str
    talking: bool
    last_ns: int | None
    said: Said | None
    tz: str
    schools: tuple[tuple[str, str], ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said of a box who stood before it. `should` and `hangs` are places in words.

    `lost`: it was entered, and the folder says so no more (an older copy of it was put in its place).
    """

    agent: str
    number: int
    should: str
    hangs: str
    said_ns: int
    confirmed: bool
    lost: bool = False


def here(reads: Reads, journal: Journal | None, folder: Folder, code: str, now_ns: int) -> Here | None:
    """The box whose label has that code; None where there is none. Raises StoreError."""
    if journal is None:
        return None
    with told(_WHAT), closing(journal.reader()) as db:
        label = labels.with_code(db, code)
        said = {each.agent: each for each in labels.newest(db)} if label else {}
    if label is None:
        return None
    district = folder.district
    seat = districts.whereabouts(district, label.agent, now_ns)
    last = max((stored.report.at_ns for stored in reads.latest(label.agent)), default=None)
    quiet_ns = district.settings.thresholds.silent_after_s * NS
    school = districts.school_of(district, seat.school) if seat and seat.school else None
    return Here(
        number=label.number,
        agent=label.agent,
        school=school.id if school else "",
        school_name=school.name if school else "District hub" if seat else "",
        room=seat.room if seat else "",
        talking=last is not None and now_ns - last < quiet_ns,
        last_ns=last,
        said=said.get(label.agent),
        tz=(school.tz if school else "") or district.settings.tz or districts.DEFAULT_TZ,
        schools=tuple((each.id, each.name) for each in district.schools),
    )


def say(journal: Journal, found: Here, school: str, room: str, now_ns: int) -> Said:
    """Take down that the box hangs at `school` in `room`. Raises QuestionError, StoreError."""
    room = " ".join(room.split())
    if school not in {id_ for id_, _ in found.schools}:
        raise QuestionError("choose the school from the list")
    if len(room) > NAME_CHARS or not printable(room) or {".", ".."} & set(room.split("/")):
        raise QuestionError(f"a room has a short name, at most {NAME_CHARS} letters, as 204 or library")
    confirmed = (school, room) == (found.school, found.room)
    said = Said(found.agent, now_ns, school, room, confirmed, now_ns if confirmed else None)
    labels.say(journal, said)
    return said


def every(journal: Journal | None, district: District, now_ns: int) -> tuple[Told, ...]:
    """What was said last of each box and changed nothing: the oldest first. Raises StoreError."""
    if journal is None:
        return ()
    with told(_WHAT), closing(journal.reader()) as db:
        said, numbers = labels.newest(db), labels.numbers(db)
    return tuple(
        Told(
            agent=each.agent,
            number=numbers.get(each.agent, 0),
            should=box_words.place(district, districts.whereabouts(district, each.agent, now_ns)),
            hangs=_words(district, each),
            said_ns=each.said_ns,
            confirmed=each.confirmed,
            lost=_lost(district, each, now_ns),
        )
        for each in said
        if each.confirmed or each.settled_ns is None or _lost(district, each, now_ns)
    )


def _lost(district: District, said: Said, now_ns: int) -> bool:
    """Whether a place that was entered is not in the folder any more, a minute after."""
    if not said.taken or said.settled_ns is None or now_ns - said.settled_ns < _LOADED_NS:
        return False
    seats = [seat for seat in district.seats if seat.agent == said.agent]
    day = _day(district, said)
    return not any(
        (seat.since is not None and seat.since > day) or (seat.school, seat.room) == (said.school, said.room)
        for seat in seats
    )


def _day(district: District, said: Said) -> date:
    """The day on which something was said, at the school where the box hangs."""
    here = next((school for school in district.schools if school.id == said.school), None)
    tz = (here.tz if here else "") or district.settings.tz or districts.DEFAULT_TZ
    return datetime.fromtimestamp(said.said_ns // NS, districts.zone(tz)).date()


def take_over(
    path: Path, journal: Journal, district: District, agent: str, now_ns: int, shown_ns: int | None = None
) -> Said:
    """Let the box stand where it was said, in the folder at `path`, from the day on that it was said.

    With `shown_ns`, what was said then, and nothing that nobody was shown. Raises QuestionError where nothing
    is said that waits, or something else, or the folder can't say so; and StoreError.
    """
    said = _waiting(journal, agent, shown_ns)
    try:
        moving.move(path, agent, said.school, said.room, _day(district, said))
    except (RegistryError, FolderError) as error:
        raise QuestionError(str(error)) from error
    labels.settle(journal, agent, taken=True, now_ns=now_ns, said_ns=said.said_ns)
    return said


def leave(journal: Journal, agent: str, now_ns: int, shown_ns: int | None = None) -> Said:
    """Leave the box where the folder says. Raises QuestionError as `take_over` does, and StoreError."""
    said = _waiting(journal, agent, shown_ns)
    if labels.settle(journal, agent, taken=False, now_ns=now_ns, said_ns=said.said_ns) is None:
        raise _other(agent)
    return said


def _waiting(journal: Journal, agent: str, shown_ns: int | None) -> Said:
    """What is said of a box and waits; with `shown_ns` only that. Raises QuestionError, StoreError."""
    said = labels.open_of(journal, agent)
    if said is None:
        raise QuestionError(f"nothing is said of {agent} that waits: somebody else has looked at it")
    if shown_ns not in {None, said.said_ns}:
        raise _other(agent)
    return said


def _other(agent: str) -> QuestionError:
    return QuestionError(
        f"of {agent} something else is said now than the page showed, and nothing was changed: look at "
        "Boxes again"
    )


def _words(district: District, said: Said) -> str:
    names = {school.id: school.name for school in district.schools}
    name = names.get(said.school, said.school)
    return f"{name}, {said.room}" if said.room else name
