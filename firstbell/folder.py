"""A district folder's texts to a `District`, whole or not at all, and back. Pure: no file is opened here.

The journal keeps the texts of every folder that was ever loaded, so that `parse` of them gives each district
again that a verdict was made with.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar, get_args

from firstbell import district as districts
from firstbell import settings as toml
from firstbell import tables
from firstbell.district import Circuit, District, Kind, Role, School, Seat, Settings
from firstbell.report import AGENT_NAME, Medium
from firstbell.tables import NAME_CHARS, Columns, FolderError, Problem, Row

T = TypeVar("T")

DISTRICT, SCHOOLS, CIRCUITS, SEATS = FILES = ("district.toml", "schools.csv", "circuits.csv", "seats.csv")
REQUIRED = (SCHOOLS, CIRCUITS)
COLUMNS = {
    SCHOOLS: Columns(("id", "name", "students", "staff", "tz"), ("id", "name", "students")),
    CIRCUITS: Columns(
        ("id", "kind", "parent", "role", "down_mbps", "up_mbps", "since", "until", "schools"),
        ("id", "schools"),
    ),
    SEATS: Columns(("agent", "school", "room", "circuit", "since", "medium"), ("agent", "school", "circuit")),
}
EXAMPLES = ("school.name", "school.people", "school.tz", "circuit.down_mbps", "circuit.up_mbps")
"""The inputs that may be marked as examples in district.toml: nobody entered them."""


def digest_of(contents: Mapping[str, str]) -> str:
    """32 hex digits that stand for the folder's texts."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(contents):
        data = contents[name].encode()
        digest.update(f"{name}\n{len(data)}\n".encode() + data)
    return digest.hexdigest()


def parse(contents: Mapping[str, str], unreadable: Sequence[Problem] = ()) -> District:
    """The district that the texts (by file name) describe. Raises FolderError.

    `unreadable` are files that could not even become texts: they are told along with all other problems.
    """
    reader = _Reader(contents, list(unreadable))
    settings = reader.settings()
    schools = reader.table(SCHOOLS, lambda row: _school(row, settings))
    circuits = reader.table(CIRCUITS, _circuit)
    seats = reader.table(SEATS, _seat)
    reader.check(schools, circuits, seats)
    if reader.problems:
        raise FolderError(sorted(reader.problems, key=lambda p: (FILES.index(p.file), p.line or 0)))
    default_tz = not settings.tz and any(not row.cells.get("tz") for _, row in schools)
    return District(
        settings=settings,
        schools=tuple(school for school, _ in schools),
        circuits=tuple(circuit for circuit, _ in circuits),
        seats=tuple(seat for seat, _ in seats),
        digest=digest_of(contents),
        examples=frozenset([*settings.examples, *(["school.tz"] if default_tz else [])]),
    )


_Rows = list[tuple[T, Row]]


class _Reader:
    """The folder's texts, and what was found wrong so far."""

    def __init__(self, contents: Mapping[str, str], problems: list[Problem]) -> None:
        self.problems = problems
        self._contents = contents
        self._broken = {problem.file for problem in problems}

    def settings(self) -> Settings:
        """What district.toml says; the defaults where there is none, or where it is wrong."""
        if DISTRICT not in self._contents:
            return Settings()
        try:
            settings = toml.load(DISTRICT, self._contents[DISTRICT], Settings)
        except toml.SettingsError as error:
            for complaint in error.complaints:
                match = re.match(
                    r"(?:line (\d+): )?(.*)\Z", complaint.removeprefix(f"{DISTRICT}: "), re.DOTALL
                )
                line, what = match.groups() if match else (None, complaint)
                self.problems.append(Problem(DISTRICT, int(line) if line else None, what))
            return Settings()
        self.problems += [Problem(DISTRICT, None, what) for what in _settings_troubles(settings)]
        return settings

    def table(self, file: str, read: Callable[[Row], T]) -> _Rows[T]:
        """Each line of `file`, read."""
        if file in self._broken:
            return []
        if file not in self._contents:
            if file in REQUIRED:
                self.problems.append(Problem(file, None, f"is missing; its columns: {COLUMNS[file]}"))
                self._broken.add(file)
            return []
        found: _Rows[T] = []
        for row in tables.rows(file, self._contents[file], COLUMNS[file], self.problems):
            if isinstance(row, Problem):
                self.problems.append(row)
                self._broken.add(file)  # what is missing from it may be what others refer to
            else:
                found.append((read(row), row))
        if not found and file in REQUIRED and file not in self._broken:
            self.problems.append(Problem(file, None, "has no line below its header"))
            self._broken.add(file)
        return found

    def check(self, schools: _Rows[School], circuits: _Rows[Circuit], seats: _Rows[Seat]) -> None:
        """What no line can know of itself: doubles, and references to nothing."""
        _doubles(schools, lambda school: school.id, "id")
        _doubles(circuits, lambda circuit: circuit.id, "id")
        _doubles(seats, lambda seat: f"{seat.agent} since {seat.since or 'ever'}", "the box")
        served = {circuit.id: set(circuit.schools) for circuit, _ in circuits}
        if SCHOOLS not in self._broken:
            known = {school.id for school, _ in schools}
            for circuit, row in circuits:
                for school in circuit.schools:
                    _known(row, "schools", school, known, SCHOOLS)
            for seat, row in seats:
                _known(row, "school", seat.school, known, SCHOOLS)
        if CIRCUITS not in self._broken:
            for circuit, row in circuits:
                if circuit.parent:
                    _known(row, "parent", circuit.parent, set(served) - {circuit.id}, CIRCUITS)
            for seat, row in seats:
                _known(row, "circuit", seat.circuit, set(served), CIRCUITS)
                if seat.circuit in served and seat.school not in served[seat.circuit]:
                    row.wrong(f"the line {seat.circuit} does not serve the school {seat.school}")
        _one_line_each(circuits)


def _settings_troubles(settings: Settings) -> list[str]:
    troubles = [
        f"examples: {name!r} is none of {', '.join(EXAMPLES)}"
        for name in settings.examples
        if name not in EXAMPLES
    ]
    begin, end = districts.NIGHT_ENDS, districts.EVENING_BEGINS
    if settings.class_from.tzinfo or settings.class_to.tzinfo:
        troubles.append("class_from and class_to are times without a zone")
    elif not begin <= settings.class_from < settings.class_to <= end:
        troubles.append(f"class_from must lie before class_to, both from {begin:%H:%M} to {end:%H:%M}")
    if settings.tz and not _is_zone(settings.tz):
        troubles.append(f"tz {settings.tz!r} is no time zone known here, as America/Chicago")
    if not tables.printable(settings.name) or not 1 <= len(settings.name) <= NAME_CHARS:
        troubles.append(f"name must be 1 to {NAME_CHARS} characters that can be printed")
    return troubles


def _is_zone(name: str) -> bool:
    try:
        districts.zone(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


def _school(row: Row, settings: Settings) -> School:
    tz = row.cells.get("tz", "")
    if tz and not _is_zone(tz):
        row.wrong(f"tz {tables.shown(tz)} is no time zone known here, as America/Chicago")
        tz = ""
    school = School(
        id=row.label("id"),
        name=row.name("name"),
        students=row.whole("students"),
        staff=row.whole("staff"),
        tz=tz or settings.tz or districts.DEFAULT_TZ,
        class_from=settings.class_from,
        class_to=settings.class_to,
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
        schools=tuple(dict.fromkeys(re.split(r"[;\s]+", row.cells.get("schools", "").strip("; ")))),
    )
    if circuit.since and circuit.until and circuit.until < circuit.since:
        row.wrong("until lies before since")
    return circuit


def _seat(row: Row) -> Seat:
    return Seat(
        agent=row.label("agent", AGENT_NAME),
        school=row.label("school"),
        circuit=row.label("circuit"),
        room=row.name("room"),
        since=row.day("since"),
        medium=row.choice("medium", tuple(Medium), None),
    )


def _doubles(rows: _Rows[T], key: Callable[[T], str], what: str) -> None:
    first: dict[str, int] = {}
    for item, row in rows:
        name = key(item)
        if name in first:
            row.wrong(f"{what} {name} stands already in line {first[name]}")
        first.setdefault(name, row.line)


def _known(row: Row, column: str, name: str, known: set[str], file: str) -> None:
    if name and name not in known:
        row.unknown(column, name, known, file)


def _one_line_each(circuits: _Rows[Circuit]) -> None:
    """A school has one line to the internet at a time that is not a backup."""
    mine: dict[str, list[tuple[date, date, str, Row]]] = {}
    for circuit, row in circuits:
        if circuit.kind == "internet" and circuit.role == "primary":
            begins, ends = circuit.since or date.min, circuit.until or date.max
            for school in circuit.schools:
                mine.setdefault(school, []).append((begins, ends, circuit.id, row))
    for school, lines in mine.items():
        lines.sort(key=lambda line: line[:2])
        _, last, name, _ = lines[0]
        for begins, ends, other, row in lines[1:]:
            if begins <= last:
                what = f"{tables.shown(school)} has the line {name} at the same time"
                row.wrong(f"{what}; make one of them the backup, or give it an until")
            if ends > last:
                last, name = ends, other
