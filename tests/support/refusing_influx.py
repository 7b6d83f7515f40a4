"""A server that speaks as much of InfluxDB 2 as a writer needs, and refuses in all the ways a test asks for.

Left alone it does what InfluxDB 2.9.1 does (tests/influx/test_servers.py asks both the same); a script of `Say`
changes that, one write at a time.
"""

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Self

from collector.clock import SystemClock
from tests.support import line_protocol
from tests.support.influx_listener import Listener
from tests.support.influx_replies import RefusedError, Reply, json_of, look, not_found, results, series
from tests.support.influx_script import HONEST, TOO_LARGE, Asked, Say, Script
from tests.support.influxdb import Speaks2
from tests.support.line_protocol import Key, LineError, Point, Value

LONGEST = 1 << 20
"""The longest string that a field may hold."""
_PARTIAL = "failure writing points to database: partial write: "
_CLOCK = SystemClock()


@dataclass
class _Bucket:
    keep_s: int = 0
    points: dict[Key, dict[str, Value]] = field(default_factory=dict)
    types: dict[tuple[str, str], str] = field(default_factory=dict)


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
        self._listener: Listener | None = None
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
        self._released = threading.Event()
        self._listener = Listener(("127.0.0.1", self.port), self)
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

    @property
    def sizes(self) -> list[int]:
        """How many lines each write had."""
        return [len(asked.lines) for asked in self.asked]

    def points(self, bucket: str | None = None) -> dict[Key, dict[str, Value]]:
        """What is stored: fields by measurement, tags and time."""
        with self._lock:
            return {key: dict(fields) for key, fields in self._buckets[bucket or self.bucket].points.items()}

    def named(self, bucket: str) -> Reply:
        """The bucket of that name, whose id is its name."""
        if bucket not in self._buckets:
            return RefusedError(404, f'bucket "{bucket}" not found').reply()
        found = {"id": bucket, "name": bucket, "orgID": self.org, "retentionRules": []}
        return json_of(200, {"buckets": [found]})

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

    def take(self, asked: Asked) -> tuple[Say, Reply]:
        """What comes of a write, done as far as it is; the handler says it."""
        with self._lock:
            asked = replace(asked, number=len(self.asked) + 1)
            self.asked.append(asked)
            say = self._script(asked)
            if say.status:
                with contextlib.suppress(RefusedError):
                    if say.stores:
                        self._write(asked, HONEST)
                return say, _scripted(say)
            try:
                self._write(asked, say)
            except RefusedError as refused:
                return say, refused.reply(say.headers)
            return say, Reply(204, headers=say.headers)

    def wait(self, seconds: float | None) -> None:
        """Wait, but no longer than until it is released or stopped."""
        self._released.wait(seconds)

    def answer(self, influxql: str, db: str, token: str) -> Reply:
        """Four questions' answers: SELECT * FROM one measurement, and SHOW its names, databases or tag values."""
        if not self._knows(token):
            return RefusedError(401, "Unauthorized").reply()
        with self._lock:
            if influxql.upper() == "SHOW DATABASES":
                return results(series("databases", ["name"], [[name] for name in sorted(self._buckets)]))
            if db not in self._buckets:
                return not_found(db)
            if not self._allowed(token, "read", db):
                return not_found(db) if influxql.upper().startswith("SELECT") else results()
            return look(influxql.strip(), self._buckets[db].points)

    def _knows(self, token: str) -> bool:
        return token == self.token or token in self._may

    def _allowed(self, token: str, action: str, bucket: str) -> bool:
        return token == self.token or (action, bucket) in self._may.get(token, ())

    def _write(self, asked: Asked, say: Say) -> None:
        """Store what can be stored. Raises RefusedError."""
        if not self._knows(asked.token):
            raise RefusedError(401, "unauthorized access")
        if asked.org != self.org:
            raise RefusedError(404, f'organization name "{asked.org}" not found')
        if asked.bucket not in self._buckets:
            raise RefusedError(404, f'bucket "{asked.bucket}" not found')
        if not self._allowed(asked.token, "write", asked.bucket):
            raise RefusedError(403, "insufficient permissions for write")
        if self.max_bytes is not None and asked.unpacked > self.max_bytes:
            raise RefusedError(413, TOO_LARGE.message)
        self._store(self._buckets[asked.bucket], self._read(asked.lines, say), say)

    def _read(self, lines: Iterable[str], say: Say) -> list[tuple[str, Point]]:
        """The lines' points. Raises RefusedError, and then all that is wrong is named."""
        now_ns, points, wrong = self._now_ns(), [], []
        for line in lines:
            try:
                if say.refuses and not say.partly and say.refuses(line):
                    raise LineError("refused by the test")  # noqa: TRY301 - as the reader does
                points.append((line, line_protocol.read(line, now_ns)))
            except LineError as error:
                wrong.append(f"unable to parse '{line}': {error}")
        if wrong:
            raise RefusedError(400, "\n".join(wrong))
        return points

    def _store(self, bucket: _Bucket, points: Iterable[tuple[str, Point]], say: Say) -> None:
        """Store those that can be stored. Raises RefusedError if others can't."""
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
            raise RefusedError(422, f"{_PARTIAL}{why} dropped={number}")
        kept = f"dropped {len(old)} points outside retention policy of duration {bucket.keep_s}s"
        raise RefusedError(422, f"{_PARTIAL}{kept} dropped={len(old)}")


def _scripted(say: Say) -> Reply:
    if say.body is not None:
        return Reply(say.status, say.body, say.headers)
    if say.status == 204:
        return Reply(204, headers=say.headers)
    return RefusedError(say.status, say.message).reply(say.headers)


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
