"""A district folder written for the first time, from what somebody entered.

RegistryError
└── ExampleError        the folder can't be written: it is there already, or what was entered can't be
"""

import json
import re
import shutil
import tempfile
import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from collector.registry.files import Folder, RegistryError, read, targets
from firstbell import folder as folders
from firstbell.folder import CIRCUITS, COLUMNS, DISTRICT, SCHOOLS, SEATS
from firstbell.tables import FolderError, escape, render

EXAMPLE_LINE = "internet"
EXAMPLE_STUDENTS = 500
_ID_CHARS = 40


class ExampleError(RegistryError):
    """The folder can't be written."""


class Entry(NamedTuple):
    """What somebody entered of one school; None where nobody did."""

    name: str
    students: int | None = None
    staff: int | None = None
    down_mbps: float | None = None
    up_mbps: float | None = None
    tz: str = ""
    box: str = ""
    id: str = ""


def write_example(
    path: Path,
    school_name: str,
    people: int,
    down_mbps: float | None,
    up_mbps: float | None,
    agent: str,
    examples: Collection[str] = (),
    tz: str = "",
) -> Folder:
    """Write the folder of one school with one line to the internet and one box on it, and read it back.

    `examples` names what nobody entered: `school.name`, `school.people`, `circuit.down_mbps`,
    `circuit.up_mbps`, `school.tz`. Without `tz` the default zone stands and is an example by itself.
    Raises ExampleError if `path` holds anything already, or an input can't be.
    """
    name = school_name.strip()
    entry = Entry(name, people, 0, down_mbps, up_mbps, box=agent)
    return _written(path, _contents(name, [entry], tz, examples, EXAMPLE_LINE))


def check_name(name: str) -> None:
    """See that a school can be called so. Raises ExampleError."""
    _check(_contents(name, [Entry(name, 1, 0)], "", ()))


def untouched(folder: Folder) -> Entry | None:
    """The one school that `write_example` wrote this folder of; None where somebody has changed it since."""
    district = folder.district
    if not len(district.schools) == len(district.circuits) == len(district.seats) == 1:
        return None
    (school,), (line,), (seat,) = district.schools, district.circuits, district.seats
    entry = Entry(school.name, school.students, school.staff, line.down_mbps, line.up_mbps, box=seat.agent)
    return entry if _again(folder, school.name, entry, district.examples) == folder.contents else None


def correct_example(path: Path, folder: Folder, entry: Entry, examples: Collection[str]) -> Folder:
    """Write an untouched folder anew with other figures in it, and read it back.

    `examples` names what still nobody entered. Raises ExampleError; then the folder is as it was.
    """
    contents = _again(folder, entry.name.strip(), entry._replace(name=entry.name.strip()), examples)
    old = path.with_name(f".{path.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    path.rename(old)
    try:
        found = _written(path, contents)
    except ExampleError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
    return found


def _again(folder: Folder, name: str, entry: Entry, examples: Collection[str]) -> dict[str, str]:
    tz = tomllib.loads(folder.contents.get(DISTRICT, "")).get("tz", "")
    listed = set(examples) if tz else set(examples) - {"school.tz"}  # without a zone it is one by itself
    return _contents(name, [entry], tz, listed, EXAMPLE_LINE)


def write_folder(
    path: Path, district: str, entries: Sequence[Entry], tz: str = "", examples: Collection[str] = ()
) -> Folder:
    """Write the folder of a district with a line to the internet for each school, and read it back.

    `examples` names what nobody entered, as in `write_example`. A school without a number of students gets
    an example, and the folder says so. Raises ExampleError if
    `path` holds anything already, or something that was entered can't be.
    """
    without = [
        f"school.people:{id_}"
        for id_, entry in zip(_ids(entries), entries, strict=True)
        if entry.students is None
    ]
    people = ["school.people"] if len(without) == len(entries) else without
    return _written(path, _contents(district.strip(), entries, tz, [*people, *examples]))


def _check(contents: Mapping[str, str]) -> None:
    try:
        folders.parse(contents, models=targets().models)
    except FolderError as error:
        raise ExampleError("; ".join(dict.fromkeys(problem.what for problem in error.problems))) from error


def _written(path: Path, contents: Mapping[str, str]) -> Folder:
    _check(contents)
    try:
        _write(path, contents)
    except OSError as error:
        raise ExampleError(f"{path} can't be written: {error.strerror or error}") from error
    return read(path)


def _contents(
    name: str, entries: Sequence[Entry], tz: str, examples: Collection[str], line: str = ""
) -> dict[str, str]:
    settings = [
        "# The district. Everything in this file has a default.",
        f"name = {_quoted(name)}",
        *([f"tz = {_quoted(tz)}"] if tz else []),
        "# Numbers that nobody entered: every answer says so. Correct them, then take them off this list.",
        f"examples = {_quoted(sorted(examples))}",
    ]
    ids = _ids(entries)
    lines = {school: line or f"{school[: _ID_CHARS - 5].strip('-')}-line" for school in ids}
    pairs = list(zip(ids, entries, strict=True))
    boxes = [
        {"agent": entry.box, "school": school, "circuit": lines[school]}
        for school, entry in pairs
        if entry.box
    ]
    return {
        DISTRICT: "\n".join(settings) + "\n",
        SCHOOLS: render(COLUMNS[SCHOOLS], [_school(school, entry) for school, entry in pairs]),
        CIRCUITS: render(COLUMNS[CIRCUITS], [_line(lines[school], school, entry) for school, entry in pairs]),
        SEATS: render(COLUMNS[SEATS], boxes),
    }


def _school(school: str, entry: Entry) -> dict[str, str]:
    return {
        "id": school,
        "name": escape(entry.name),
        "students": str(EXAMPLE_STUDENTS if entry.students is None else entry.students),
        "staff": "" if entry.staff is None else str(entry.staff),
        "tz": entry.tz,
    }


def _line(line: str, school: str, entry: Entry) -> dict[str, str]:
    speeds = {"down_mbps": _decimal(entry.down_mbps), "up_mbps": _decimal(entry.up_mbps)}
    return {"id": line, "kind": "internet", **speeds, "schools": school}


def _ids(entries: Sequence[Entry]) -> list[str]:
    """An id for each school, of its name; a second one of the same name gets a number."""
    found: list[str] = []
    taken: set[str] = set()
    for entry in entries:
        plain = entry.id or _slug(entry.name)
        choice, n = plain, 1
        while choice in taken:
            n += 1
            choice = f"{plain[: _ID_CHARS - 5].strip('-')}-{n}"
        taken.add(choice)
        found.append(choice)
    return found


def _quoted(value: str | list[str]) -> str:
    # JSON's strings are TOML's, but for its pairs of escapes beyond 16 bits.
    return json.dumps(value, ensure_ascii=False)


def _decimal(mbps: float | None) -> str:
    return "" if mbps is None else f"{mbps:.4f}".rstrip("0").rstrip(".")


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_ID_CHARS].strip("-") or "school"


def _write(path: Path, contents: Mapping[str, str]) -> None:
    """All files or none: they are written beside `path` and take its place at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, text in contents.items():
            (beside / name).write_text(text, encoding="utf-8", newline="\n")
        beside.chmod(0o755)
        beside.rename(path)  # fails if there is anything in it already
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
