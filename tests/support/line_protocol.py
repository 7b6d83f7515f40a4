"""InfluxDB's line protocol read as the server reads it, down to its words for what is wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Value = float | int | str | bool
Key = tuple[str, tuple[tuple[str, str], ...], int]
"""What makes two points the same: measurement, sorted tags, time in nanoseconds."""

_RESERVED = ("time", "_measurement", "_field")
_LAST_NS = (1 << 63) - 2
_FLOAT = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"(-?\d+)i|(\d+)u")
_TRUE, _FALSE = ("t", "T", "true", "True", "TRUE"), ("f", "F", "false", "False", "FALSE")


class LineError(Exception):
    """A line can't be read; the message is the server's reason."""


@dataclass(frozen=True)
class Point:
    """One line, read."""

    key: Key
    fields: dict[str, Value]


def lines_of(text: str) -> Iterator[str]:
    """The lines that hold points; a string may run over several lines of text."""
    start = at = 0
    quoted = in_fields = False
    while at <= len(text):
        here = text[at : at + 1]
        if here == "\\":
            at += 1
        elif here == '"':
            quoted = not quoted and in_fields
        elif here == " ":
            in_fields = True
        elif not here or (here == "\n" and not quoted):
            line = text[start:at].lstrip(" \t\0")
            if line and not line.startswith("#"):
                yield line
            start, quoted, in_fields = at + 1, False, False
        at += 1


def read(line: str, now_ns: int) -> Point:
    """One line, its time in nanoseconds or `now_ns` if it has none. Raises LineError."""
    head, *rest = _split(line, " ", quotes=False, most=1)
    measurement, *tags = _split(head, ",", quotes=False)
    if not measurement:
        raise LineError("missing measurement")
    found = sorted(_tag(tag) for tag in tags)
    if len(dict(found)) != len(found):
        raise LineError("duplicate tags")
    if not rest or not rest[0].strip(" "):
        raise LineError("missing fields")
    body, *times = _split(rest[0].strip(" "), " ", quotes=True, most=1)
    fields = dict(_field(field) for field in _split(body, ",", quotes=True))
    time_ns = _time(times[0].strip(" ")) if times else now_ns
    return Point((_plain(measurement, ", "), tuple(found), time_ns), fields)


def _tag(text: str) -> tuple[str, str]:
    key, *value = _split(text, "=", quotes=False, most=1)
    if not key:
        raise LineError("missing tag key")
    if not value or not value[0]:
        raise LineError("missing tag value")
    if len(_split(value[0], "=", quotes=False)) > 1 or _ends_escaped(value[0]):
        raise LineError("invalid tag format")
    if key in _RESERVED:
        raise LineError(f'cannot use reserved tag key "{key}"')
    return _plain(key, ",= "), _plain(value[0], ",= ")


def _field(text: str) -> tuple[str, Value]:
    key, *value = _split(text, "=", quotes=False, most=1)
    if not value:
        raise LineError("invalid field format")
    if not key:
        raise LineError("missing field key")
    return _plain(key, ",= "), _value(value[0])


def _value(text: str) -> Value:
    if not text:
        raise LineError("missing field value")
    if text.startswith('"'):
        if not re.fullmatch(r'"(\\.|[^"\\])*"', text, re.DOTALL):
            raise LineError("unbalanced quotes")
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if text[0] not in "0123456789.-Nn":
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        raise LineError("invalid boolean")
    if whole := _INTEGER.fullmatch(text):
        return int(whole[1] or whole[2])
    if _FLOAT.fullmatch(text):
        return float(text)
    raise LineError("invalid number")


def _time(text: str) -> int:
    if not re.fullmatch(r"-?\d+", text):
        raise LineError("bad timestamp")
    if abs(int(text)) > _LAST_NS:
        raise LineError(f"time outside range -{_LAST_NS} - {_LAST_NS}")
    return int(text)


def _ends_escaped(text: str) -> bool:
    """Whether the sign behind would count as escaped: a value can't end in a backslash."""
    return text.endswith("\\")


def _split(text: str, sign: str, *, quotes: bool, most: int = -1) -> list[str]:
    """Split at signs that are neither escaped nor, with `quotes`, within a string."""
    parts, start, at, quoted = [], 0, 0, False
    while at < len(text) and most:
        if text[at] == "\\":
            at += 1
        elif quotes and text[at] == '"':
            quoted = not quoted
        elif text[at] == sign and not quoted:
            parts.append(text[start:at])
            start = at + 1
            most -= 1
        at += 1
    return [*parts, text[start:]]


def _plain(text: str, escaped: str) -> str:
    return re.sub(rf"\\([{escaped}])", r"\1", text)
