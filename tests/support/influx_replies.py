"""The answers of InfluxDB 2, as they go over the line."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.support.line_protocol import Key, Value

_CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    405: "method not allowed",
    413: "request too large",
    422: "unprocessable entity",
    429: "too many requests",
    500: "internal error",
    503: "unavailable",
}
_SELECT_ALL = re.compile(r'SELECT \* FROM "?([^" ]+)"?', re.IGNORECASE)
_TAG_VALUES = re.compile(r'SHOW TAG VALUES WITH KEY = "([^"]+)"', re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """What is answered; `raw` has it as bytes."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        """All of it as it goes over the line."""
        headers = {"X-Influxdb-Build": "OSS", "X-Influxdb-Version": "v2.9.1", **self.headers}
        if self.status != 204:
            headers |= {"Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def json_of(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(status, json.dumps(content).encode(), kind | dict(headers or {}))


class RefusedError(Exception):
    """The write comes to nothing, or not to all of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def reply(self, headers: Mapping[str, str] | None = None) -> Reply:
        """As InfluxDB words it."""
        code = _CODES.get(self.status, "internal error")
        said = {"code": code, "message": self.message}
        return json_of(self.status, said, {"X-Platform-Error-Code": code, **(headers or {})})


def look(influxql: str, points: Mapping[Key, Mapping[str, Value]]) -> Reply:
    """The answer to one of three questions about points."""
    if influxql.upper() == "SHOW MEASUREMENTS":
        names = sorted({measurement for measurement, _, _ in points})
        return results(series("measurements", ["name"], [[name] for name in names]))
    if found := _SELECT_ALL.fullmatch(influxql):
        return results(_all_of(found[1], points))
    if found := _TAG_VALUES.fullmatch(influxql):
        return results(*_values_of(found[1], points))
    return RefusedError(400, f"failed to parse query: the scripted server can't {influxql}").reply()


def results(*series: dict[str, Any]) -> Reply:
    """These series, or none, as the result of one question."""
    found = {"series": list(series)} if series and series[0]["values"] else {}
    return json_of(200, {"results": [{"statement_id": 0, **found}]})


def not_found(db: str) -> Reply:
    """There is no such database."""
    return json_of(200, {"results": [{"statement_id": 0, "error": f"database not found: {db}"}]})


def series(name: str, columns: list[str], values: list[list[Any]]) -> dict[str, Any]:
    """One series of a result."""
    return {"name": name, "columns": columns, "values": values}


def _values_of(tag: str, points: Iterable[Key]) -> list[dict[str, Any]]:
    there = {(name, value) for name, tags, _ in points for key, value in tags if key == tag}
    return [
        series(name, ["key", "value"], [[tag, value] for of, value in sorted(there) if of == name])
        for name in sorted({name for name, _ in there})
    ]


def _all_of(measurement: str, points: Mapping[Key, Mapping[str, Value]]) -> dict[str, Any]:
    rows = sorted(
        (
            {"time": at, **dict(tags), **fields}
            for (name, tags, at), fields in points.items()
            if name == measurement
        ),
        key=lambda row: row["time"],
    )
    columns = ["time", *sorted({name for row in rows for name in row} - {"time"})]
    return series(measurement, columns, [[row.get(name) for name in columns] for row in rows])
