"""A server that speaks as much of InfluxDB 2 as a writer needs, and refuses in all the ways a test asks for.

Left alone it does what InfluxDB 2.9.1 does (tests/influx/test_servers.py asks both the same); a script of `Say`
changes that, one write at a time.
"""

import contextlib
import gzip
import json
import re
import socket
import threading
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from collector.clock import SystemClock
from tests.support import line_protocol
from tests.support.influxdb import Speaks2
from tests.support.line_protocol import Key, LineError, Point, Value

LONGEST = 1 << 20
"""The longest string that a field may hold."""
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
_PARTIAL = "failure writing points to database: partial write: "
_HEALTH = {"name": "influxdb", "message": "ready for queries and writes", "status": "pass", "checks": []}
_VERSION = {"version": "v2.9.1", "commit": "none"}
_CLOCK = SystemClock()
_SELECT_ALL = re.compile(r'SELECT \* FROM "?([^" ]+)"?', re.IGNORECASE)
_TAG_VALUES = re.compile(r'SHOW TAG VALUES WITH KEY = "([^"]+)"', re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """One write as it came. `size` is the body's bytes on the line, `unpacked` those of its text.

    `number` counts from 1, `at` is seconds on a clock that never steps.
    """

    org: str
    bucket: str
    token: str
    size: int
    unpacked: int
    gzipped: bool
    lines: tuple[str, ...]
    at: float
    number: int = 0


@dataclass(frozen=True)
class Say:
    """What comes of one write; as it stands, what the real server would do.

    With a `status` that is said, whatever was asked, and the lines are kept only if `stores`. `refuses` are lines
    that the server can't stand: they fail the whole write (400), or are dropped from it if `partly` (422).
    After `delay_s` it answers, or hangs up having sent `sent` bytes of the answer, or hangs until released.
    """

    status: int = 0
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    stores: bool = False
    refuses: Callable[[str], bool] | None = None
    partly: bool = False
    delay_s: float = 0.0
    then: Literal["answer", "hang", "hang up"] = "answer"
    sent: int = 0


Script = Callable[[Asked], Say] | Iterable[Say]

HONEST = Say()
"""What the real server would do."""
LIE = Say(204)
"""It says that it has stored what it has not."""
TOO_LARGE = Say(413, "unable to read data: points batch is too large")
"""As InfluxDB says it where a limit is set; a proxy before it would send a page of its own."""


def refuse(status: int, message: str = "refused by the test") -> Say:
    """An error as InfluxDB words it."""
    return Say(status, message)


def busy(status: int = 503, retry_after: float | str | None = None) -> Say:
    """Not now; come again after so many seconds, or at that date."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Say(status, "too busy", headers)


def unless(refuses: Callable[[str], bool], *, partly: bool = False) -> Say:
    """It stores what it is given, unless a line of it is one of these; with `partly`, all but these."""
    return Say(refuses=refuses, partly=partly)


def hang_up(*, stores: bool = False, sent: int = 0) -> Say:
    """The connection ends before the answer is whole; with `stores`, after the lines were stored."""
    return Say(204, stores=stores, then="hang up", sent=sent)


def hang(*, stores: bool = False) -> Say:
    """No answer, and no end either, until the server is released or stopped."""
    return Say(204, stores=stores, then="hang")


def slow(seconds: float) -> Say:
    """The true answer, late."""
    return Say(delay_s=seconds)


@dataclass
class _Bucket:
    keep_s: int = 0
    points: dict[Key, dict[str, Value]] = field(default_factory=dict)
    types: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reply:
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


def _json(status: int, content: Any, headers: Mapping[str, str] | None = None) -> _Reply:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return _Reply(status, json.dumps(content).encode(), kind | dict(headers or {}))


class _RefusedError(Exception):
    """The write comes to nothing, or not to all of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def reply(self, headers: Mapping[str, str] | None = None) -> _Reply:
        code = _CODES.get(self.status, "internal error")
        said = {"code": code, "message": self.message}
        return _json(self.status, said, {"X-Platform-Error-Code": code, **(headers or {})})


class RefusingInflux(Speaks2):
    """InfluxDB 2 with one organisation, its buckets and tokens, from entering to leaving; it forgets nothing.

    `script` says what comes of the writes: a function of each, or one `Say` after the other, and the truth when
    they are used up. `asked` are all writes, `accepted` all lines that were stored, as often as they were.
    Not as in the real one: a field has one type in all of a bucket, and of points that are both too old and of
    a wrong type the real one may drop the old ones without a word.
    """

    def __init__(
        self,
        script: Script = (),
        *,
        org: str = "district",
        bucket: str = "firstbell",
        token: str = "scripted-token",
        now_ns: Callable[[], int] = _CLOCK.now_ns,
    ) -> None:
        self.org, self.bucket, self.token = org, bucket, token
        self.max_bytes: int | None = None
        """The largest body, unpacked, that it takes; 413 is said to a larger one."""
        self.reads: int | None = None
        """Hang up after so many bytes of a body, in the midst of a write."""
        self.asked: list[Asked] = []
        self.accepted: list[str] = []
        self.port = 0
        self._now_ns = now_ns
        self._lock = threading.RLock()
        self._buckets: dict[str, _Bucket] = {bucket: _Bucket()}
        self._may: dict[str, set[tuple[str, str]]] = {}
        self._names = count(1)
        self._released = threading.Event()
        self._listener: _Listener | None = None
        self.says(script)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_how: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on the port it had before if it had one."""
        handler = type("_Handler", (_Handler,), {"influx": self})
        self._released = threading.Event()
        self._listener = _Listener(("127.0.0.1", self.port), handler)
        self.port = self._listener.server_port
        threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Cut all connections, and refuse new ones; what is stored stays."""
        if self._listener:
            self._released.set()
            self._listener.shutdown()
            self._listener.cut()
            self._listener.server_close()
            self._listener = None

    def says(self, script: Script) -> None:
        """What comes of the writes from now on."""
        if callable(script):
            self._script = script
        else:
            rest = iter(script)
            self._script = lambda _asked: next(rest, HONEST)

    def release(self) -> None:
        """Whoever hangs at this moment, or is waited for, comes to an end: hanging connections are cut."""
        self._released.set()
        self._released = threading.Event()

    def points(self, bucket: str | None = None) -> dict[Key, dict[str, Value]]:
        """What is stored: fields by measurement, tags and time."""
        with self._lock:
            return {key: dict(fields) for key, fields in self._buckets[bucket or self.bucket].points.items()}

    def named(self, bucket: str) -> "_Reply":
        """The bucket of that name, whose id is its name."""
        if bucket not in self._buckets:
            return _RefusedError(404, f'bucket "{bucket}" not found').reply()
        found = {"id": bucket, "name": bucket, "orgID": self.org, "retentionRules": []}
        return _json(200, {"buckets": [found]})

    def make_bucket(self, name: str = "", keep_s: int = 0) -> str:
        """A new bucket's name, one that nobody else has if none is given; it keeps all if `keep_s` is 0."""
        name = name or f"bucket-{next(self._names)}"
        self._buckets[name] = _Bucket(keep_s)
        return name

    def delete_bucket(self, name: str) -> None:
        """Delete a bucket with all that is in it."""
        del self._buckets[name]

    def make_token(self, bucket: str | None = None, *, actions: tuple[str, ...] = ("read", "write")) -> str:
        """A token that may do no more than `actions` in one bucket."""
        token = f"token-{next(self._names)}"
        self._may[token] = {(action, bucket or self.bucket) for action in actions}
        return token

    def take(self, asked: Asked) -> tuple[Say, _Reply]:
        """What comes of a write, done as far as it is; the handler says it."""
        with self._lock:
            asked = replace(asked, number=len(self.asked) + 1)
            self.asked.append(asked)
            say = self._script(asked)
            if say.status:
                with contextlib.suppress(_RefusedError):
                    if say.stores:
                        self._write(asked, HONEST)
                return say, _scripted(say)
            try:
                self._write(asked, say)
            except _RefusedError as refused:
                return say, refused.reply(say.headers)
            return say, _Reply(204, headers=say.headers)

    def wait(self, seconds: float | None) -> None:
        """Wait, but no longer than until it is released or stopped."""
        self._released.wait(seconds)

    def answer(self, influxql: str, db: str, token: str) -> _Reply:
        """Four questions' answers: SELECT * FROM one measurement, and SHOW its names, databases or tag values."""
        if not self._knows(token):
            return _RefusedError(401, "Unauthorized").reply()
        with self._lock:
            if influxql.upper() == "SHOW DATABASES":
                return _results(_series("databases", ["name"], [[name] for name in sorted(self._buckets)]))
            if db not in self._buckets:
                return _not_found(db)
            if not self._allowed(token, "read", db):
                return _not_found(db) if influxql.upper().startswith("SELECT") else _results()
            return _look(influxql.strip(), self._buckets[db].points)

    def _knows(self, token: str) -> bool:
        return token == self.token or token in self._may

    def _allowed(self, token: str, action: str, bucket: str) -> bool:
        return token == self.token or (action, bucket) in self._may.get(token, ())

    def _write(self, asked: Asked, say: Say) -> None:
        """Store what can be stored. Raises _RefusedError."""
        if not self._knows(asked.token):
            raise _RefusedError(401, "unauthorized access")
        if asked.org != self.org:
            raise _RefusedError(404, f'organization name "{asked.org}" not found')
        if asked.bucket not in self._buckets:
            raise _RefusedError(404, f'bucket "{asked.bucket}" not found')
        if not self._allowed(asked.token, "write", asked.bucket):
            raise _RefusedError(403, "insufficient permissions for write")
        if self.max_bytes is not None and asked.unpacked > self.max_bytes:
            raise _RefusedError(413, TOO_LARGE.message)
        self._store(self._buckets[asked.bucket], self._read(asked.lines, say), say)

    def _read(self, lines: Iterable[str], say: Say) -> list[tuple[str, Point]]:
        """The lines' points. Raises _RefusedError, and then all that is wrong is named."""
        now_ns, points, wrong = self._now_ns(), [], []
        for line in lines:
            try:
                if say.refuses and not say.partly and say.refuses(line):
                    raise LineError("refused by the test")  # noqa: TRY301 - as the reader does
                points.append((line, line_protocol.read(line, now_ns)))
            except LineError as error:
                wrong.append(f"unable to parse '{line}': {error}")
        if wrong:
            raise _RefusedError(400, "\n".join(wrong))
        return points

    def _store(self, bucket: _Bucket, points: Iterable[tuple[str, Point]], say: Say) -> None:
        """Store those that can be stored. Raises _RefusedError if others can't."""
        dropped: dict[str, list[str]] = defaultdict(list)
        bound_ns = self._now_ns() - bucket.keep_s * 10**9 if bucket.keep_s else None
        for line, point in points:
            if say.refuses and say.partly and say.refuses(line):
                dropped["refused by the test"].append(line)
            elif bound_ns is not None and point.key[2] < bound_ns:
                dropped["outside retention policy"].append(line)
            elif why := _unfit(bucket, point):
                dropped[why].append(line)
            else:
                bucket.types |= {(point.key[0], name): _type(value) for name, value in point.fields.items()}
                bucket.points.setdefault(point.key, {}).update(point.fields)
                self.accepted.append(line)
        if not dropped:
            return
        old = dropped.pop("outside retention policy", [])
        if dropped:
            why, number = next(iter(dropped)), sum(map(len, dropped.values()))
            raise _RefusedError(422, f"{_PARTIAL}{why} dropped={number}")
        kept = f"dropped {len(old)} points outside retention policy of duration {bucket.keep_s}s"
        raise _RefusedError(422, f"{_PARTIAL}{kept} dropped={len(old)}")


def _scripted(say: Say) -> _Reply:
    if say.body is not None:
        return _Reply(say.status, say.body, say.headers)
    if say.status == 204:
        return _Reply(204, headers=say.headers)
    return _RefusedError(say.status, say.message).reply(say.headers)


def _look(influxql: str, points: Mapping[Key, Mapping[str, Value]]) -> _Reply:
    if influxql.upper() == "SHOW MEASUREMENTS":
        names = sorted({measurement for measurement, _, _ in points})
        return _results(_series("measurements", ["name"], [[name] for name in names]))
    if found := _SELECT_ALL.fullmatch(influxql):
        return _results(_all_of(found[1], points))
    if found := _TAG_VALUES.fullmatch(influxql):
        return _results(*_values_of(found[1], points))
    return _RefusedError(400, f"failed to parse query: the scripted server can't {influxql}").reply()


def _type(value: Value) -> str:
    names = {bool: "boolean", int: "integer", float: "float", str: "string"}
    return names[type(value)]


def _unfit(bucket: _Bucket, point: Point) -> str:
    """Why a point can't be stored; empty if it can."""
    for name, value in point.fields.items():
        place = f'input field "{name}" on measurement "{point.key[0]}"'
        if isinstance(value, str) and len(value.encode()) > LONGEST:
            return f"{place} is too long, {len(value.encode())} > {LONGEST}"
        kind = bucket.types.get((point.key[0], name), _type(value))
        if kind != _type(value):
            return f"field type conflict: {place} is type {_type(value)}, already exists as type {kind}"
    return ""


def _results(*series: dict[str, Any]) -> _Reply:
    found = {"series": list(series)} if series and series[0]["values"] else {}
    return _json(200, {"results": [{"statement_id": 0, **found}]})


def _not_found(db: str) -> _Reply:
    return _json(200, {"results": [{"statement_id": 0, "error": f"database not found: {db}"}]})


def _series(name: str, columns: list[str], values: list[list[Any]]) -> dict[str, Any]:
    return {"name": name, "columns": columns, "values": values}


def _values_of(tag: str, points: Iterable[Key]) -> list[dict[str, Any]]:
    there = {(name, value) for name, tags, _ in points for key, value in tags if key == tag}
    return [
        _series(name, ["key", "value"], [[tag, value] for of, value in sorted(there) if of == name])
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
    return _series(measurement, columns, [[row.get(name) for name in columns] for row in rows])


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, to cut it when the server ends."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """A connection has come to its end."""
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """End all connections."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has hung up is what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    influx: RefusingInflux

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_GET(self) -> None:
        path, words = self._came()
        if path == "/health":
            self._say(_json(200, _HEALTH | _VERSION))
        elif path == "/ping":
            self._say(_Reply(204))
        elif path == "/query":
            self._query(words)
        elif path == "/api/v2/buckets":
            self._say(self.influx.named(words.get("name", "")))
        elif path == "/api/v2/write":
            self._say(_RefusedError(405, "allow: OPTIONS, POST").reply())
        else:
            self._say(_RefusedError(404, "path not found").reply())

    def do_HEAD(self) -> None:
        self._say(_Reply(204))

    def do_POST(self) -> None:
        path, words = self._came()
        body = self._body()
        if body is None:
            self._hang_up()
        elif path == "/api/v2/write":
            self._write(words, body)
        elif path == "/query":
            self._query(words | dict(parse_qsl(body.decode())))
        else:
            self._say(_RefusedError(404, "path not found").reply())

    def _came(self) -> tuple[str, dict[str, str]]:
        url = urlsplit(self.path)
        return url.path, dict(parse_qsl(url.query))

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Token ")

    def _body(self) -> bytes | None:
        """All of it; None if the test wants it cut off, or the client did."""
        size = int(self.headers.get("Content-Length", 0))
        if self.influx.reads is not None and self.influx.reads < size:
            self.rfile.read(self.influx.reads)
            return None
        body = self.rfile.read(size)
        return body if len(body) == size else None

    def _query(self, words: Mapping[str, str]) -> None:
        self._say(self.influx.answer(words.get("q", ""), words.get("db", ""), self._token()))

    def _write(self, words: Mapping[str, str], body: bytes) -> None:
        gzipped = self.headers.get("Content-Encoding", "") == "gzip"
        try:
            data = gzip.decompress(body) if gzipped else body
        except (OSError, EOFError, zlib.error):
            self._say(_RefusedError(500, "An internal error has occurred - check server logs").reply())
            return
        asked = Asked(
            org=words.get("org", ""),
            bucket=words.get("bucket", ""),
            token=self._token(),
            size=len(body),
            unpacked=len(data),
            gzipped=gzipped,
            lines=tuple(line_protocol.lines_of(data.decode(errors="surrogateescape"))),
            at=_CLOCK.monotonic(),
        )
        say, reply = self.influx.take(asked)
        if say.delay_s:
            self.influx.wait(say.delay_s)
        if say.then == "answer":
            self._say(reply)
            return
        if say.then == "hang":
            self.influx.wait(None)
        self.wfile.write(reply.raw()[: say.sent])
        self._hang_up()

    def _say(self, reply: _Reply) -> None:
        self.wfile.write(reply.raw())

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
