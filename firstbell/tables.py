"""Tables as people write them with a spreadsheet: text to rows, every problem with its line, and back.

FolderError               everything that is wrong in a district folder, at once
"""

import csv
import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple, TypeVar

T = TypeVar("T")

MOST_PROBLEMS = 1000
NAME_CHARS = 80
HINTS = 50
"""After so many problems no more guesses at what was meant, and where: they cost more than they save."""
_MOST_COLUMNS = 50
MOST_LINES = 1 << 30
"""No file that is read has so many."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
_WHOLE = re.compile(r"[0-9]{1,7}\Z")
_SPEED = re.compile(r"[0-9]{1,7}(\.[0-9]{1,4})?\Z")
_DAY = re.compile(r"(19[7-9]|20[0-9])[0-9]-[0-9]{2}-[0-9]{2}\Z")
_BETWEEN = re.compile(r"[;\s]+")
_ADDRESS = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9][A-Za-z0-9.-]*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)\Z", re.ASCII)
_JOINERS = {"\u200c", "\u200d"}
"""Not printable by themselves, but words of some scripts can't be written without them."""

# A spreadsheet runs a cell that begins with one of these, or looks past the last three; an apostrophe before
# it keeps it a text.
_FORMULA = "=+@\\-\uff1d\uff0b\uff0d\uff20\t\r\n"
_RISKY = re.compile(rf"'*[{_FORMULA}]")
_ESCAPED = re.compile(rf"'+[{_FORMULA}]")


_NO_ADDRESS = "is neither an address, as 10.1.0.1, nor a name"
_LOCALHOST = re.compile(r"(?i)(.*\.)?localhost(\.localdomain)?\.?\Z")
_NUMBER = re.compile(r"(?i)(.*\.)?([0-9]+|0x[0-9a-f]*)\.?\Z")
"""No name of a machine ends like this; some systems read it as an address all the same."""


class Problem(NamedTuple):
    """One thing that is wrong: in which file, in which line (None: the whole file), and what to do."""

    file: str
    line: int | None
    what: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{where}: {self.what}"


class FolderError(ValueError):
    """Everything that is wrong in a district folder."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems[:MOST_PROBLEMS])
        more = len(problems) - len(self.problems)
        rest = [f"and {more} more"] if more else []
        super().__init__("\n".join([*map(str, self.problems), *rest]))


class Row:
    """One line of a table. What can't be read becomes a problem, and a harmless value in its place."""

    def __init__(self, file: str, line: int, cells: dict[str, str], problems: list[Problem]) -> None:
        self.file, self.line, self.cells, self._problems = file, line, cells, problems

    def wrong(self, what: str) -> None:
        """Note a problem of this line."""
        self._problems.append(Problem(self.file, self.line, what))

    def unknown(self, column: str, name: str, known: Collection[str], file: str) -> None:
        """`name` is not among what `file` holds."""
        near = difflib.get_close_matches(name[:NAME_CHARS], known, n=1) if len(self._problems) < HINTS else []
        hint = f"; did you mean {near[0]}?" if near else ""
        self.wrong(f"{column} names {shown(name)}, which is not in {file}{hint}")

    def name(self, column: str) -> str:
        """A text that people wrote."""
        text = unescape(self.cells.get(column, ""))
        if len(text) > NAME_CHARS:
            self.wrong(f"{column} is longer than {NAME_CHARS} characters")
        elif not printable(text):
            self.wrong(f"{column} has a character that can't be printed")
        return text

    def room(self, column: str) -> str:
        """The name of a room, which is a part of its page's address."""
        text = self.name(column)
        if {".", ".."} & set(text.split("/")):
            self.wrong(f"{column} {shown(text)} can't stand in the address of a page; leave its dots out")
        return text

    def label(self, column: str, pattern: re.Pattern[str] = _ID) -> str:
        """An id; `pattern` says of what letters."""
        text = self.cells.get(column, "")
        if text and not pattern.match(text):
            self.wrong(f"{column} {shown(text)} must be of a to z, 0 to 9 and dashes, at most 40")
        return text

    def whole(self, column: str) -> int:
        """A number without decimals; 0 where there is none."""
        return int(self._matched(column, _WHOLE, "is no whole number, as 1200") or 0)

    def several(self, column: str) -> tuple[str, ...]:
        """Names with spaces or semicolons between them, each once."""
        return tuple(dict.fromkeys(name for name in _BETWEEN.split(self.cells.get(column, "")) if name))

    def address(self, column: str) -> str:
        """An IP address or a host's name; "" where there is none."""
        text = self._matched(column, _ADDRESS, _NO_ADDRESS)
        if text and (trouble := _address_trouble(text)):
            self.wrong(f"{column} {shown(text)} {trouble}")
        return text

    def speed(self, column: str) -> float | None:
        """Mbit/s; None where nobody knows."""
        text = self._matched(column, _SPEED, "is no speed in Mbit/s, as 1000 or 1.5")
        if text and float(text) == 0:
            self.wrong(f"{column} is 0; leave it empty if nobody knows")
        return float(text) if text else None

    def day(self, column: str) -> date | None:
        """A day; None where there is none."""
        text = self._matched(column, _DAY, "is no day, as 2026-12-01")
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.wrong(f"{column} {text} is a day that no calendar has")
            return None

    def choice(self, column: str, among: Collection[T], default: T) -> T:
        """One of the values that there are."""
        text = self.cells.get(column, "")
        for value in among:
            if text == value:
                return value
        if text:
            self.wrong(f"{column} must be one of: {', '.join(map(str, among))}")
        return default

    def _matched(self, column: str, pattern: re.Pattern[str], trouble: str) -> str:
        text = self.cells.get(column, "")
        if text and not pattern.match(text):
            self.wrong(f"{column} {shown(text)} {trouble}")
            return ""
        return text


class Columns(NamedTuple):
    """The columns that a table may have, and those that it must have and fill."""

    known: tuple[str, ...]
    needed: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.known)


def rows(file: str, text: str, columns: Columns, problems: list[Problem]) -> Iterator[Row | Problem]:
    """Each line of a table with a header, or the problem for which it is none.

    A table that can't be read ends where it breaks. The rows note their own problems in `problems`.
    """
    # Not splitlines(): that also breaks at characters that may stand inside a name.
    lines = csv.reader(re.findall(r"[^\n]*\n|[^\n]+", text), strict=True)
    begins = 1
    header: list[str] | None = None
    try:
        for cells in lines:
            line, begins = begins, lines.line_num + 1
            values = [cell.strip() for cell in cells]
            if not any(values):
                continue
            if header is None:
                header = values
                troubles = _header_troubles(header, columns)
                yield from (Problem(file, line, trouble) for trouble in troubles)
                if troubles:
                    return
            elif len(values) > len(header):
                what = f"has {len(values)} cells where the header has {len(header)}"
                yield Problem(file, line, f"{what}; a name with a comma wants quotes")
            else:
                yield _row(file, line, dict(zip(header, values, strict=False)), columns, problems)
    except csv.Error as error:
        yield Problem(file, begins, f"can't be read as a table: {error}")


def _row(file: str, line: int, cells: dict[str, str], columns: Columns, problems: list[Problem]) -> Row:
    row = Row(file, line, cells, problems)
    for column in columns.needed:
        if not cells.get(column):
            row.wrong(f"{column} is empty")
    return row


def _header_troubles(header: list[str], columns: Columns) -> list[str]:
    if len(header) > _MOST_COLUMNS:
        return [f"has {len(header)} columns, more than {_MOST_COLUMNS}: is this the right file?"]
    troubles = [f"the column {name} is missing" for name in columns.needed if name not in header]
    doubles = sorted(name for name, count in Counter(header).items() if count > 1)
    troubles += [f"the column {shown(name)} comes twice" for name in doubles]
    for name in header:
        if name not in columns.known:
            near = difflib.get_close_matches(name[:NAME_CHARS], columns.known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {columns}"
            troubles.append(f"{shown(name)} is no column; {hint}")
    return troubles


def _address_trouble(text: str) -> str:
    """Why no other machine can have this address; "" where one can."""
    try:
        address = ip_address(text)
    except ValueError:
        if _LOCALHOST.match(text):
            return "is the machine that asks, not another one"
        return _NO_ADDRESS if ":" in text or _NUMBER.match(text) else ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified:
        return "is the machine that asks, not another one"
    broadcast = str(address) == "255.255.255.255"
    return "is an address of many machines, not of one" if broadcast or address.is_multicast else ""


def shown(text: str) -> str:
    """`text` from outside in quotes, short, and without letters that could do harm on a screen."""
    return f"'{text[:NAME_CHARS].encode('unicode_escape').decode()}'"


def harmless(text: str) -> str:
    """A line as it may be shown: what a terminal would take for a command is a question mark."""
    return "".join(letter if letter.isprintable() or letter in _JOINERS else "?" for letter in text)


def printable(text: str) -> bool:
    """Whether `text` can stand on a page: no control characters, nothing that turns the writing round."""
    return all(letter.isprintable() or letter in _JOINERS for letter in text)


# --- and back -----------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """`text` for a cell of a table: an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if _RISKY.match(text) else text


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    return text[1:] if _ESCAPED.match(text) else text


def render(columns: Columns, lines_of: Sequence[Mapping[str, str]]) -> str:
    """The text of one table, with its header; every cell is quoted, so that no name breaks a line."""
    lines = [",".join(columns.known)]
    for line in lines_of:
        cells = (line.get(column, "").replace('"', '""') for column in columns.known)
        lines.append(",".join(f'"{cell}"' if cell else "" for cell in cells))
    return "\n".join(lines) + "\n"
