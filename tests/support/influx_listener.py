"""The HTTP of the scripted InfluxDB: it reads requests, and says what it is told to, or breaks off."""

import contextlib
import gzip
import socket
import zlib
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from collector.clock import SystemClock
from tests.support import line_protocol
from tests.support.influx_replies import RefusedError, Reply, json_of
from tests.support.influx_script import Asked, Say

_HEALTH = {"name": "influxdb", "message": "ready for queries and writes", "status": "pass", "checks": []}
_VERSION = {"version": "v2.9.1", "commit": "none"}
_CLOCK = SystemClock()


class Spoken(Protocol):
    """Who decides what is said. `reads`: hang up after so many bytes of a body."""

    reads: int | None

    def named(self, bucket: str) -> Reply:
        """A bucket by its name."""

    def answer(self, influxql: str, db: str, token: str) -> Reply:
        """A question's answer."""

    def take(self, asked: Asked) -> tuple[Say, Reply]:
        """What comes of a write."""

    def wait(self, seconds: float | None) -> None:
        """Wait, but no longer than until all is to end."""


class Listener(ThreadingHTTPServer):
    """A thread a connection, all of which can be cut."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], influx: Spoken) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, type("_Handler", (_Handler,), {"influx": influx}))

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
    influx: Spoken

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_GET(self) -> None:
        path, words = self._came()
        if path == "/health":
            self._say(json_of(200, _HEALTH | _VERSION))
        elif path == "/ping":
            self._say(Reply(204))
        elif path == "/query":
            self._query(words)
        elif path == "/api/v2/buckets":
            self._say(self.influx.named(words.get("name", "")))
        elif path == "/api/v2/write":
            self._say(RefusedError(405, "allow: OPTIONS, POST").reply())
        else:
            self._say(RefusedError(404, "path not found").reply())

    def do_HEAD(self) -> None:
        self._say(Reply(204))

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
            self._say(RefusedError(404, "path not found").reply())

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
            self._say(RefusedError(500, "An internal error has occurred - check server logs").reply())
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

    def _say(self, reply: Reply) -> None:
        self.wfile.write(reply.raw())

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
