"""Settings from TOML to frozen structs: every error at once, each with its line and what to do.

SettingsError             all complaints about one text, one a line
"""

import re
import tomllib
from datetime import date
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

YEARS = range(1970, 2100)
"""A day of another year is a slip of the keyboard."""
_LONGEST = 1 << 20
_HINTS = 50
"""After so many complaints no more looks for their lines: each is a walk through the whole text."""
_DEEPEST = 40
_STEP = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_DEEP = re.compile(rf"(?<![\w-])(?:{_STEP}\.[ \t]*+){{{_DEEPEST}}}")
"""A name of so many parts is no setting's, and the reader's time grows with the square of them."""


class SettingsError(ValueError):
    """What is wrong with a file of settings; `complaints` has one sentence each, with line numbers."""

    def __init__(self, name: str, complaints: list[str]) -> None:
        self.complaints = [f"{name}: {complaint}" for complaint in complaints]
        super().__init__("\n".join(self.complaints))


def load(name: str, text: str, kind: type[S]) -> S:
    """The settings of `kind` in `text`: a struct of structs, tables or lists of structs, and values.

    `name` is what the text is called in complaints: its path. Raises SettingsError.
    """
    found, complaints = read(text, kind)
    if complaints or found is None:
        raise SettingsError(name, complaints)
    return found


def table(text: str, name: str) -> dict[str, Any]:
    """What stands in a text's table of that name, unread; nothing where there is none."""
    try:
        found = tomllib.loads(text).get(name, {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read(text: str, kind: type[S]) -> tuple[S | None, list[str]]:
    """The same, and what is wrong with it: the settings are then those that could be read, or None.

    So whoever has more to ask of them can tell everything at once.
    """
    if len(text) > _LONGEST:
        return None, [f"longer than {_LONGEST} characters: is this the right file?"]
    if match := _DEEP.search(text):
        line = text.count("\n", 0, match.start()) + 1
        return None, [f"line {line}: a name of more than {_DEEPEST} parts is no setting"]
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return None, [f"is no TOML: {error}"]
    complaints: list[str] = []
    values = _struct(kind, table, (), text, complaints)
    try:
        return None if values is _WRONG else msgspec.convert(values, kind, strict=True), complaints
    except msgspec.ValidationError:
        # What a table asks of its values together was not asked yet, because one of them is wrong by itself.
        return None, complaints


_WRONG = object()
"""In the place of a value that can't be read."""


def _struct(
    kind: type[msgspec.Struct], table: dict[str, Any], path: tuple[str, ...], text: str, complaints: list[str]
) -> Any:  # noqa: ANN401 - values of a file
    """What of `table` is right; each value is checked by itself, so that no complaint hides the next."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in table:
        if key not in fields:
            complaints.append(_unknown((*path, key), list(fields), text, complaints))
    before = len(complaints)
    found: dict[str, Any] = {}
    for key, field in fields.items():
        if key in table:
            found[key] = _value(field.type, table[key], (*path, key), text, complaints)
        elif field.required:
            complaints.append(f"{_where(path, text, complaints)}{'.'.join((*path, key))} is missing")
            found[key] = _WRONG
    if any(found.get(key) is _WRONG for key, field in fields.items() if field.required):
        return _WRONG
    right = {key: value for key, value in found.items() if value is not _WRONG}
    if len(complaints) == before:
        # What a struct asks of its values together (`__post_init__`) is asked once each is right by itself.
        return _convert(kind, right, path, text, complaints)
    return right


def _value(kind: Any, value: Any, path: tuple[str, ...], text: str, complaints: list[str]) -> Any:  # noqa: ANN401 - types are values here
    """The value as far as it is right; `_WRONG` where nothing of it is."""
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        return _struct(kind, value, path, text, complaints)
    if origin is dict and isinstance(value, dict):
        entries = {
            name: _value(inner[1], entry, (*path, name), text, complaints) for name, entry in value.items()
        }
        return {name: entry for name, entry in entries.items() if entry is not _WRONG}
    if origin in {list, tuple} and isinstance(value, list) and inner[-1:] in {(Ellipsis,), inner}:
        items = [
            _value(inner[0], entry, (*path[:-1], f"{path[-1]}[{index}]"), text, complaints)
            for index, entry in enumerate(value, 1)
        ]
        return [item for item in items if item is not _WRONG]
    return _convert(kind, value, path, text, complaints)


def _convert(kind: Any, value: Any, path: tuple[str, ...], text: str, complaints: list[str]) -> Any:  # noqa: ANN401
    """The value if it can be one of `kind`; else `_WRONG`, and a complaint."""
    name = f"{'.'.join(path)}: " if path else ""
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        what = _in_words(str(error))
        if what.startswith(_NO_SUCH_WORD):
            what = f"{value!r} is none of: {', '.join(_allowed(kind))}"
    else:
        if not isinstance(value, date) or value.year in YEARS:
            return value
        what = f"{value} is no day of the years {YEARS[0]} to {YEARS[-1]}"
    complaints.append(f"{_where(path, text, complaints)}{name}{what}")
    return _WRONG


_NO_SUCH_WORD = "Invalid enum value "
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


def _in_words(error: str) -> str:
    """Msgspec's sentence without its own names for types and places."""
    sentence = error.split(" - at `$", maxsplit=1)[0]
    return re.sub(
        r"`([^`]*)`", lambda match: " or ".join(_WORDS.get(t, t) for t in match[1].split(" | ")), sentence
    )


def _allowed(kind: Any) -> list[str]:  # noqa: ANN401 - types are values here
    """The words that may stand where only certain ones may."""
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return [word for part in get_args(kind) for word in _allowed(part)]


def _unknown(path: tuple[str, ...], known: list[str], text: str, complaints: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - settings without a mistake never load it

    near = get_close_matches(path[-1][:80], known, n=1) if len(complaints) < _HINTS else []
    hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}"
    return f"{_where(path, text, complaints)}{'.'.join(path)} is no setting{hint}"


def _where(path: tuple[str, ...], text: str, complaints: list[str]) -> str:
    line = line_of(path, text) if len(complaints) < _HINTS else None
    return f"line {line}: " if line else ""


def line_of(path: tuple[str, ...], text: str) -> int | None:
    """The line where the last name of `path` is set in a TOML `text`, as far as a look can tell."""
    found = -1
    for depth, part in enumerate(path, 1):
        name, _, index = part.rstrip("]").partition("[")
        table = r"\.".join(re.escape(step.partition("[")[0]) for step in path[: depth - 1])
        header = rf"^[ \t]*\[+[ \t]*{table + chr(92) + '.' if table else ''}{re.escape(name)}[ \t]*\]+"
        places = [match.start() for match in re.finditer(header, text, re.MULTILINE)]
        if not places:
            line = re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*=", re.MULTILINE).search(text, max(found, 0))
            places = [line.start()] if line else []
        if places:
            found = places[min(int(index or 1), len(places)) - 1]
        elif depth == len(path):
            return None
    return text.count("\n", 0, found) + 1 if found >= 0 else None
