"""Settings from TOML to frozen structs: every error at once, each with its line and what to do.

SettingsError             all complaints about one text, one a line
"""

import difflib
import re
import tomllib
from typing import Any, TypeVar, get_args, get_origin

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

_LONGEST = 1 << 20


class SettingsError(ValueError):
    """What is wrong with a file of settings; `complaints` has one sentence each, with line numbers."""

    def __init__(self, name: str, complaints: list[str]) -> None:
        self.complaints = [f"{name}: {complaint}" for complaint in complaints]
        super().__init__("\n".join(self.complaints))


def load(name: str, text: str, kind: type[S]) -> S:
    """The settings of `kind` in `text`: a struct of structs, tables or lists of structs, and values.

    `name` is what the text is called in complaints: its path. Raises SettingsError.
    """
    if len(text) > _LONGEST:
        raise SettingsError(name, [f"longer than {_LONGEST} characters: is this the right file?"])
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(name, [f"is no TOML: {error}"]) from error
    complaints: list[str] = []
    values = _struct(kind, table, (), text, complaints)
    if complaints:
        raise SettingsError(name, complaints)
    return msgspec.convert(values, kind, strict=True)


def _struct(
    kind: type[msgspec.Struct], table: dict[str, Any], path: tuple[str, ...], text: str, complaints: list[str]
) -> dict[str, Any]:
    """`table` with each value checked by itself, so that one complaint does not hide the next."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    complaints += [_unknown((*path, key), list(fields), text) for key in table if key not in fields]
    for key, field in fields.items():
        if key not in table:
            if field.required:
                complaints.append(f"{_where(path, text)}{'.'.join((*path, key))} is missing")
            continue
        _value(field.type, table[key], (*path, key), text, complaints)
    return table


def _value(kind: Any, value: Any, path: tuple[str, ...], text: str, complaints: list[str]) -> None:  # noqa: ANN401 - types are values here
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        _struct(kind, value, path, text, complaints)
        return
    if get_origin(kind) is dict and isinstance(value, dict):
        for name, entry in value.items():
            _value(get_args(kind)[1], entry, (*path, name), text, complaints)
        return
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        sentence = str(error).replace("Object", "The table").replace(" - at `$`", "").replace("`", "")
        complaints.append(f"{_where(path, text)}{'.'.join(path)}: {sentence}")


def _unknown(path: tuple[str, ...], known: list[str], text: str) -> str:
    near = difflib.get_close_matches(path[-1], known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}"
    return f"{_where(path, text)}{'.'.join(path)} is no setting{hint}"


def _where(path: tuple[str, ...], text: str) -> str:
    """`line 7: ` for the line where the last name of `path` is set, as far as a look can tell."""
    if not path:
        return ""
    name = re.escape(path[-1])
    table = "".join(rf"{re.escape(part)}\." for part in path[:-1])
    for pattern in (rf"^\s*\[+\s*{table}{name}\s*\]+", rf"^\s*{name}\s*="):
        match = re.search(pattern, text, re.MULTILINE)
        if match:
            return f"line {text.count(chr(10), 0, match.start()) + 1}: "
    return ""
