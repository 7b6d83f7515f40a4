"""A district folder's texts to a `District`, whole or not at all, and back. Pure: no file is opened here.

The journal keeps the texts of every folder that was ever loaded, so that `parse` of them gives each district
again that a verdict was made with.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar, get_args

import msgspec

from firstbell import calendar as calendars
from firstbell import district as districts
from firstbell import folder_calendars, folder_checks, tables
from firstbell import settings as toml
from firstbell.calendar import Calendar
from firstbell.district import SPLIT, Circuit, District, Kind, QuietTime, Role, Room, School, Seat, Settings
from firstbell.folder_checks import Found
from firstbell.folder_ical import ENDING, Event, ReadIcal
from firstbell.report import AGENT_NAME, Medium
from firstbell.tables import NAME_CHARS, Columns, FolderError, Problem, Row

T = TypeVar("T")

DISTRICT, SCHOOLS, CIRCUITS, ROOMS, SEATS = FILES = folder_checks.FILES
REQUIRED = (SCHOOLS, CIRCUITS)
COLUMNS = {
    SCHOOLS: Columns(
        ("id", "name", "students", "staff", "tz", "calendar", "gateway", "model"), ("id", "name", "students")
    ),
    CIRCUITS: Columns(
        ("id", "kind", "parent", "role", "down_mbps", "up_mbps", "since", "until", "schools", "contract"),
        ("id",),
    ),
    ROOMS: Columns(("school", "room", "name", "seats", "access_points"), ("school", "room")),
    SEATS: Columns(("agent", "school", "room", "circuit", "since", "medium"), ("agent",)),
}
EXAMPLES = (
    "school.name",
    "school.people",
    SPLIT,
    "school.tz",
    "circuit.down_mbps",
    "circuit.up_mbps",
)
"""The inputs that may be marked as examples in district.toml: nobody entered them.

Of one school or line alone with its id behind it, as `school.people:lincoln-high`.
"""


def digest_of(contents: Mapping[str, str]) -> str:
    """32 hex digits that stand for the folder's texts."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(contents):
        data = contents[name].encode()
        digest.update(f"{name}\n{len(data)}\n".encode() + data)
    return digest.hexdigest()


def parse(
    contents: Mapping[str, str],
    unreadable: Sequence[Problem] = (),
    *,
    models: Collection[str] | None = None,
    read_ical: ReadIcal | None = None,
) -> District:
    """The district that the texts (by file name) describe. Raises FolderError.

    `unreadable` are files that could not even become texts: they are told along with all other problems.
    `models` are the ways of teaching that there are (None: any will do). `read_ical` reads the texts whose
    names end in .ics; without it a folder with such a file can't be read.
    """
    reader = _Reader(contents, list(unreadable), models, read_ical)
    settings, known = reader.settings()
    found = Found(
        schools=reader.table(SCHOOLS, lambda row: _school(row, settings, known, models)),
        circuits=reader.table(CIRCUITS, _circuit),
        rooms=reader.table(ROOMS, _room),
        seats=reader.table(SEATS, _seat),
    )
    seats = folder_checks.check(found, settings, reader.broken, reader.wrong)
    if reader.problems:
        # A whole file's problem stands first, unless there are so many that only the first ones got a line.
        unplaced = 0 if len(reader.problems) <= tables.HINTS else tables.MOST_LINES
        raise FolderError(sorted(reader.problems, key=lambda p: (_order(p.file), p.line or unplaced)))
    default_tz = not settings.tz and any(not row.cells.get("tz") for _, row in found.schools)
    return District(
        settings=settings,
        schools=tuple(school for school, _ in found.schools),
        circuits=tuple(circuit for circuit, _ in found.circuits),
        rooms=tuple(room for room, _ in found.rooms),
        seats=tuple(seats),
        digest=digest_of(contents),
        examples=frozenset([*settings.examples, *(["school.tz"] if default_tz else [])]),
    )


def _order(file: str) -> tuple[int, str]:
    """The folder's own files first, then the calendars by name."""
    return (FILES.index(file) if file in FILES else len(FILES)), file


_Rows = list[tuple[T, Row]]


class _Reader:
    """The folder's texts, and what was found wrong so far."""

    def __init__(
        self,
        contents: Mapping[str, str],
        problems: list[Problem],
        models: Collection[str] | None,
        read_ical: ReadIcal | None,
    ) -> None:
        self.problems = problems
        self.broken = {problem.file for problem in problems}
        """Files of which something is missing: what refers to them is left in peace."""
        self._contents = contents
        self._models, self._read_ical = models, read_ical

    def settings(self) -> tuple[Settings, dict[str, Calendar] | None]:
        """What district.toml says, and its calendars; where it is wrong, the defaults and None."""
        settings = self._settings()
        troubles = _settings_troubles(settings, self._models)
        for path, what in troubles:
            self.wrong(what, *path)
        settings = _without(settings, {path[0] for path, _ in troubles})
        readable = DISTRICT not in self.broken
        found = folder_calendars.read(
            settings,
            self._events() if readable else {},
            self.wrong,
            lambda name, what: self._wrong_event(name + ENDING, what),
        )
        return settings, found if readable else None

    def _events(self) -> dict[str, Sequence[Event]]:
        """What the iCal files hold, by the name of their calendar."""
        found: dict[str, Sequence[Event]] = {}
        for file in sorted(name for name in self._contents if name.endswith(ENDING)):
            name = file.removesuffix(ENDING)
            found[name] = ()
            if self._read_ical is None:
                self._wrong_event(file, "is an iCal file, and nothing here reads such")
                continue
            try:
                found[name] = self._read_ical(self._contents[file])
            except ValueError as error:
                self._wrong_event(file, str(error))
        return found

    def _wrong_event(self, file: str, what: str) -> None:
        self.problems.append(Problem(file, None, what))

    def wrong(self, what: str, *path: str) -> None:
        """Note a problem of district.toml, with the line where the setting at `path` stands."""
        line = None
        # What is inside a setting may be written in its line or below: the nearest one that is found.
        for depth in range(len(path), 0, -1) if len(self.problems) < tables.HINTS else ():
            if line := toml.line_of(path[:depth], self._contents.get(DISTRICT, "")):
                break
        self.problems.append(Problem(DISTRICT, line, what))

    def _settings(self) -> Settings:
        if DISTRICT not in self._contents:
            return Settings()
        settings, complaints = toml.read(self._contents[DISTRICT], Settings)
        for complaint in complaints:
            match = re.match(r"(?:line (\d+): )?(.*)\Z", complaint, re.DOTALL)
            line, what = match.groups() if match else (None, complaint)
            self.problems.append(Problem(DISTRICT, int(line) if line else None, what))
        if complaints:
            self.broken.add(DISTRICT)
        return settings or Settings()

    def table(self, file: str, read: Callable[[Row], T]) -> _Rows[T]:
        """Each line of `file`, read."""
        if file in self.broken:
            return []
        if file not in self._contents:
            if file in REQUIRED:
                self.problems.append(Problem(file, None, f"is missing; its columns: {COLUMNS[file]}"))
                self.broken.add(file)
            return []
        found: _Rows[T] = []
        for row in tables.rows(file, self._contents[file], COLUMNS[file], self.problems):
            if isinstance(row, Problem):
                self.problems.append(row)
                self.broken.add(file)  # what is missing from it may be what others refer to
            else:
                found.append((read(row), row))
        if not found and file in REQUIRED and file not in self.broken:
            self.problems.append(Problem(file, None, "has no line below its header"))
            self.broken.add(file)
        return found


def _settings_troubles(
    settings: Settings, models: Collection[str] | None
) -> list[tuple[tuple[str, ...], str]]:
    """Each with the names that lead to the setting in which it lies."""
    troubles: list[tuple[tuple[str, ...], str]] = [
        (("examples",), f"examples: {name!r} is none of {', '.join(EXAMPLES)}")
        for name in settings.examples
        if name.partition(":")[0] not in EXAMPLES
    ]
    begin, end = calendars.NIGHT_ENDS, calendars.EVENING_BEGINS
    if settings.class_from.tzinfo or settings.class_to.tzinfo:
        troubles.append((("class_from",), "class_from and class_to are times without a zone"))
    elif not begin <= settings.class_from < settings.class_to <= end:
        what = f"class_from must lie before class_to, both from {begin:%H:%M} to {end:%H:%M}"
        troubles.append((("class_from",), what))
    if settings.tz and not _is_zone(settings.tz):
        what = f"tz {tables.shown(settings.tz)} is no time zone known here, as America/Chicago"
        troubles.append((("tz",), what))
    if not tables.printable(settings.name) or not 1 <= len(settings.name) <= NAME_CHARS:
        troubles.append((("name",), f"name must be 1 to {NAME_CHARS} characters that can be printed"))
    if models is not None and settings.model not in models:
        what = f"model {tables.shown(settings.model)} is none of {', '.join(sorted(models))}"
        troubles.append((("model",), what))
    return troubles + [
        ((f"quiet[{n}]",), f"quiet: {what}")
        for n, quiet in enumerate(settings.quiet, 1)
        for what in _quiet_troubles(quiet)
    ]


def _without(settings: Settings, wrong: Collection[str]) -> Settings:
    """The settings with the defaults where they can't be used, so that what else is wrong can be told."""
    plain = Settings()
    names = {"tz": ("tz",), "class_from": ("class_from", "class_to")}
    fields = {field: getattr(plain, field) for name in wrong for field in names.get(name, ())}
    return msgspec.structs.replace(settings, **fields)


def _quiet_troubles(quiet: QuietTime) -> list[str]:
    troubles = []
    if quiet.since.tzinfo or quiet.until.tzinfo:
        troubles.append("since and until are local times without a zone, as 2026-12-07T08:00:00")
    elif quiet.until <= quiet.since:
        troubles.append("since must lie before until")
    if not tables.printable(quiet.why) or len(quiet.why) > NAME_CHARS:
        troubles.append(f"why must be at most {NAME_CHARS} characters that can be printed")
    return troubles


def _is_zone(name: str) -> bool:
    try:
        districts.zone(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


def _school(
    row: Row, settings: Settings, known: Mapping[str, Calendar] | None, models: Collection[str] | None
) -> School:
    tz = row.cells.get("tz", "")
    if tz and not _is_zone(tz):
        row.wrong(f"tz {tables.shown(tz)} is no time zone known here, as America/Chicago")
        tz = ""
    calendar, model = row.cells.get("calendar") or "default", row.cells.get("model", "")
    if known is not None and calendar not in known:
        row.unknown("calendar", calendar, known, DISTRICT)
    if model and models is not None and model not in models:
        row.wrong(f"model {tables.shown(model)} is none of {', '.join(sorted(models))}")
    school = School(
        id=row.label("id"),
        name=row.name("name"),
        students=row.whole("students"),
        staff=row.whole("staff"),
        tz=tz or settings.tz or districts.DEFAULT_TZ,
        calendar=(known or {}).get(calendar, calendars.DEFAULT),
        gateway=row.address("gateway"),
        model=model,
    )
    if row.cells.get("students") == "0" and not school.people:
        row.wrong("there is nobody at this school: students and staff are 0")
    return school


def _circuit(row: Row) -> Circuit:
    circuit = Circuit(
        id=row.label("id"),
        kind=row.choice("kind", get_args(Kind), "internet"),
        role=row.choice("role", get_args(Role), "primary"),
        parent=row.label("parent"),
        down_mbps=row.speed("down_mbps"),
        up_mbps=row.speed("up_mbps"),
        since=row.day("since"),
        until=row.day("until"),
        schools=row.several("schools"),
        contract=row.name("contract"),
    )
    if circuit.since and circuit.until and circuit.until < circuit.since:
        row.wrong("until lies before since")
    return circuit


def _room(row: Row) -> Room:
    room = row.room("room")
    return Room(
        school=row.label("school"),
        room=room,
        name=row.name("name") or room,
        seats=row.whole("seats") if row.cells.get("seats") else None,
        access_points=_access_points(row, room),
    )


def _access_points(row: Row, room: str) -> tuple[str, ...]:
    """Their names; for a number so many that serve no other room."""
    said = row.several("access_points")
    if len(said) == 1 and said[0].isdecimal() and len(said[0]) <= 2:  # noqa: PLR2004 - a hundred in a room are none
        return tuple(f"{row.cells.get('school', '')}/{room}/{n}" for n in range(1, int(said[0]) + 1))
    for name in said:
        if len(name) > NAME_CHARS or not tables.printable(name):
            row.wrong(f"access_points: {tables.shown(name)} is no name")
    return said


def _seat(row: Row) -> Seat:
    return Seat(
        agent=row.label("agent", AGENT_NAME),
        school=row.label("school"),
        circuit=row.label("circuit"),
        room=row.room("room"),
        since=row.day("since"),
        medium=row.choice("medium", tuple(Medium), None),
    )
