"""A list of schools that somebody has already, to entries for a new district folder.

Two kinds: a table of one's own (`own`), and the school file of the NCES Common Core of Data (`nces`), which
every American district can download. Neither is believed to be tidy: names of columns are matched whatever
their case and signs, and what was not found is said.

RegistryError
└── ListError           the list can't be used
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from collector.registry.files import RegistryError
from collector.registry.states import ABBREVIATIONS, ZONES
from collector.registry.writing import EXAMPLE_STUDENTS, Entry

MOST_BYTES = 500_000_000
"""The whole country's file has some 60 MB."""
_SHOWN = 12
_HEAD = 10_000
"""So far a table's header is looked for."""


class ListError(RegistryError):
    """A list of schools can't be used."""


class Schools(NamedTuple):
    """What a list gave: the district's name, its schools, its time zone, and what somebody should know."""

    district: str
    entries: tuple[Entry, ...]
    tz: str
    notes: tuple[str, ...]


# Every name that a column goes by, plain: the files of 2014 on and those before, ELSI's export, others'.
_OWN = {
    "name": ("name", "school", "schoolname"),
    "students": ("students", "enrolment", "enrollment", "member", "people"),
    "staff": ("staff", "teachers"),
    "down_mbps": ("downmbps", "down", "mbps", "bandwidth", "contractedmbps", "downloadmbps"),
    "up_mbps": ("upmbps", "up", "uploadmbps"),
    "tz": ("tz", "timezone"),
    "box": ("box", "agent"),
    "id": ("id",),
}
_NCES = {
    "id": ("ncessch", "schoolid12digitncesassigned", "schoolidncesassigned"),
    "name": ("schname", "schnam", "schoolname"),
    "leaid": ("leaid", "agencyidncesassigned"),
    "lea": ("leaname", "leanm", "agencyname"),
    "students": ("member", "total", "totalstudentsallgradesexcludesae", "enrollment", "studentcount"),
    "staff": ("fte", "teachersfte", "fulltimeequivalentfteteachers", "teachers", "staff"),
    "state": ("st", "stabr", "lstate", "mstate", "statelocation", "stateabbr", "statename"),
    "part": ("totalindicator",),
    "status": ("systatus", "status", "schoolstatus"),
}
_WHOLE = "Education Unit Total"
"""Files of members and of staff have a line for each grade, race and sex as well; this is their sum."""
_CLOSED = {"2": "closed", "6": "inactive", "7": "not open yet"}
_LONG, _LEAST = 20, 8
"""So long a name of a column is matched by how it begins: ELSI puts kind and year behind it."""


def own(path: Path, district: str, tz: str = "") -> Schools:
    """The schools in a table with at least a column for their names. Raises ListError."""
    columns, rows = _table(path, _OWN, ("name",))
    wrong: list[str] = []
    entries = [
        _own_entry(row, columns, line, wrong) for line, row in rows if row.get(columns["name"], "").strip()
    ]
    if wrong:
        raise ListError("\n".join([*wrong[:_SHOWN], *_and_more(wrong)]))
    if not entries:
        raise ListError(f"{path.name} has no line with a name of a school")
    notes = [*_missing(columns, ("students", "staff", "down_mbps")), *_examples(entries)]
    return Schools(district, tuple(entries), tz, tuple(notes))


def nces(path: Path, lea: str = "", tz: str = "") -> Schools:
    """The schools of one district in a school file of the Common Core of Data. Raises ListError.

    `lea` is its NCES id or (a part of) its name; not needed where the file holds one district alone.
    """
    columns, rows = _table(path, _NCES, ("name",))
    seen: set[str] = set()
    found: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for line, row in rows:
        key = _cell(row, columns, "leaid"), _cell(row, columns, "lea")
        part = "part" in columns and _cell(row, columns, "part") != _WHOLE
        if _wanted(key, lea) and not part and (number := _cell(row, columns, "id") or str(line)) not in seen:
            seen.add(number)
            found.setdefault(key, []).append(row)
    exact = {key: schools for key, schools in found.items() if lea.casefold() in {key[0], key[1].casefold()}}
    if len(exact or found) != 1:
        raise ListError(_which(path, lea, sorted(found)))
    (((_, name), district),) = (exact or found).items()
    return _district(name or lea or path.stem, district, columns, tz)


def _district(name: str, rows: Sequence[Mapping[str, str]], columns: Mapping[str, str], tz: str) -> Schools:
    notes = _missing(columns, ("students", "staff", "state"))
    entries: list[Entry] = []
    for row in rows:
        school = _cell(row, columns, "name")
        students, staff = (_count(_cell(row, columns, column)) for column in ("students", "staff"))
        status = _CLOSED.get(_cell(row, columns, "status"))
        if status or students == 0:
            notes.append(f"{school} was left out: {status or 'it has no students'}.")
            continue
        entries.append(Entry(_named(school), students, staff))
    if not entries:
        raise ListError(f"{name} has no open school with students in this file")
    if "staff" in columns:
        notes.append("The file counts teachers only; add the other staff, who use the line as well.")
    notes.append("No file of the NCES knows lines: enter what each school's contract says in circuits.csv.")
    zone, said = _zone(rows, columns) if not tz else (tz, "")
    notes += [said] if said else []
    return Schools(_named(name), tuple(entries), zone, (*notes, *_examples(entries)))


def _zone(rows: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> tuple[str, str]:
    """The time zone of the district's state, and what is to be said of it."""
    states = {_cell(row, columns, "state").upper() for row in rows if "state" in columns}
    state = states.pop() if len(states) == 1 else ""
    zone, others = ZONES.get(ABBREVIATIONS.get(state, state), ("", False))
    if not zone:
        return "", "No time zone was found: set tz in district.toml."
    also = f" {state} has more than one: see whether it is yours." if others else ""
    return zone, f"The time zone is that of the state: {zone}.{also}"


def _wanted(key: tuple[str, str], lea: str) -> bool:
    return not lea or lea == key[0] or lea.casefold() in key[1].casefold()


def _which(path: Path, lea: str, found: Sequence[tuple[str, str]]) -> str:
    if not found:
        return f"{path.name} has no district {lea!r}: give its NCES id or a part of its name with --lea"
    names = "; ".join(f"{name} ({leaid})" for leaid, name in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{path.name} holds {len(found)} districts: say with --lea which one is yours. {names}{more}"


def _and_more(wrong: Sequence[str]) -> list[str]:
    return [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []


def _own_entry(row: Mapping[str, str], columns: Mapping[str, str], line: int, wrong: list[str]) -> Entry:
    """A line's school; what can't be read is added to `wrong`."""

    def number(column: str) -> float | None:
        text = _cell(row, columns, column).replace(",", "")
        try:
            return float(text) if text else None
        except ValueError:
            wrong.append(f"line {line}: {column} {text[:40]!r} is no number")
            return None

    students, staff = number("students"), number("staff")
    return Entry(
        name=_cell(row, columns, "name"),
        students=None if students is None else round(students),
        staff=None if staff is None else round(staff),
        down_mbps=number("down_mbps"),
        up_mbps=number("up_mbps"),
        tz=_cell(row, columns, "tz"),
        box=_cell(row, columns, "box"),
        id=_cell(row, columns, "id"),
    )


def _examples(entries: Sequence[Entry]) -> list[str]:
    """Which schools got a made-up number of students."""
    without = [entry.name for entry in entries if entry.students is None]
    if not without:
        return []
    names = ", ".join(without[:_SHOWN])
    more = f" and {len(without) - _SHOWN} more" if len(without) > _SHOWN else ""
    what = f"Nobody entered the number of students at {names}{more}: {EXAMPLE_STUDENTS} is an example"
    return [f"{what}, and its answer says so until district.toml no longer lists it under examples."]


def _missing(columns: Mapping[str, str], wanted: Sequence[str]) -> list[str]:
    missing = [name for name in wanted if name not in columns]
    return [f"The file has no column for: {', '.join(missing)}."] if missing else []


def _cell(row: Mapping[str, str], columns: Mapping[str, str], name: str) -> str:
    # ELSI writes ids as ="0123", so that a spreadsheet keeps their zeros.
    return (row.get(columns.get(name, ""), "") or "").strip().removeprefix("=").strip('"').strip()


def _count(text: str) -> int | None:
    """A number of people; None for the signs that stand for "not known", as -1, M or a dagger."""
    plain = text.replace(",", "")
    return round(float(plain)) if re.fullmatch(r"\d{1,7}(\.\d+)?", plain) else None


def _named(name: str) -> str:
    """A name in the case that people write it in, where the file has capitals alone."""
    plain = " ".join(name.split())
    return plain.title() if plain.isupper() else plain


# --- the file -----------------------------------------------------------------------------------------


def _table(
    path: Path, known: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> tuple[dict[str, str], Iterator[tuple[int, Mapping[str, str]]]]:
    """The columns that were found (our name to the file's), and each line with its number."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ListError(f"{path} is larger than {MOST_BYTES // 1_000_000} MB: is this the right file?")
        data = path.read_bytes()
    except OSError as error:
        raise ListError(f"{path} can't be read: {error.strerror or error}") from error
    text = _text(data)
    between = _between(text)
    reader = csv.DictReader(_from_header(io.StringIO(text, newline=""), between), delimiter=between)
    columns = _columns(reader.fieldnames or [], known)
    for name in needed:
        if name not in columns:
            names = ", ".join((reader.fieldnames or [])[:_SHOWN])
            raise ListError(f"{path.name} has no column for the {name} of a school; it has: {names[:400]}")
    return columns, _rows(path, reader)


def _rows(path: Path, reader: "csv.DictReader[str]") -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise ListError(f"{path.name}, line {reader.line_num}: can't be read as a table: {error}") from error


def _between(text: str) -> str:
    """What stands between the cells: spreadsheets of many countries write semicolons, some programs tabs."""
    header = next((line for line in text[:_HEAD].splitlines() if len(re.split("[,;\t]", line)) > 1), "")
    return max(",;\t", key=header.count)


def _from_header(lines: io.StringIO, between: str) -> Iterator[str]:
    """The lines from the header on: ELSI's export begins with some lines about itself."""
    for line in lines:
        if len(next(csv.reader([line], delimiter=between))) > 1 and not line.startswith('"ELSI'):
            yield line
            break
    yield from lines


def _text(data: bytes) -> str:
    """UTF-8, or what American offices wrote before it."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _columns(header: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    plain = {re.sub(r"[^a-z0-9]", "", name.casefold()): name for name in reversed(header)}
    found: dict[str, str] = {}
    for name, others in known.items():
        matches = (match for other in others if (match := _column(plain, other)))
        if match := next(matches, None):
            found[name] = match
    return found


def _column(plain: Mapping[str, str], name: str) -> str | None:
    long = (theirs for text, theirs in plain.items() if len(text) > _LONG and text.startswith(name))
    return plain.get(name) or (next(long, None) if len(name) >= _LEAST else None)
