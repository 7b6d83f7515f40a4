"""Private servers that speak LibreSpeed's and ndt7's protocols, as well or as badly as a test wants."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

NDT7 = Subprotocol("net.measurementlab.ndt.v7")
PUBLIC_ADDRESS = "203.0.113.77"
HOST, PORT = "127.0.0.1", 0
"""Where servers listen: loopback at a port of the kernel's; a program in a namespace sets its own."""
_BLOCK = bytes(range(256)) * 256
_PORTAL = b"<html><body><p>Please sign in</p></body></html>"


@dataclass
class Behaviour:
    """How a server behaves. Rates are in bytes of payload a second for each connection; None: as fast as it can.

    `below` is the folder of LibreSpeed's files. `dies_after` is how many bytes it sends before it hangs up for
    good. `silent`: it says nothing of what it has received (ndt7).
    """

    status: int = 200
    portal: bool = False
    below: str = "/backend/"
    rate: float | None = None
    dies_after: int | None = None
    stalls_after: int | None = None
    silent: bool = False
    seconds: float = 10.0
    locate_status: int = 200


class Counts:
    """What a server has sent and received, and which paths were asked for."""

    def __init__(self) -> None:
        self.sent = self.received = 0
        self.paths: list[str] = []
        self.lock = threading.Lock()


class _LibreSpeed(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour
    counts: Counts
    over: threading.Event

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_GET(self) -> None:
        path = self._came()
        if path.endswith("garbage.php"):
            self._garbage()
        else:
            self._answer(b"")

    def do_POST(self) -> None:
        self._came()
        left = int(self.headers.get("Content-Length", 0))
        while left:
            data = self.rfile.read(min(left, len(_BLOCK)))
            if not data:
                return
            left -= len(data)
            self.counts.received += len(data)
            self._wait(len(data))
        self._answer(b"")

    def _came(self) -> str:
        path = urlsplit(self.path).path
        with self.counts.lock:
            self.counts.paths.append(path)
        return path

    def _answer(self, body: bytes) -> None:
        path = urlsplit(self.path).path
        status, kind = self.behaviour.status, "text/plain"
        if self.behaviour.portal:
            body, kind = _PORTAL, "text/html; charset=utf-8"
        elif not path.startswith(self.behaviour.below):
            status = 404
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _garbage(self) -> None:
        size = 1_000_000 * 100
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        behaviour, left = self.behaviour, size
        while left and not self.over.is_set():
            if behaviour.dies_after is not None and self.counts.sent >= behaviour.dies_after:
                self.close_connection = True
                return
            if behaviour.stalls_after is not None and self.counts.sent >= behaviour.stalls_after:
                self.over.wait(60)
            data = _BLOCK[:left]
            self.wfile.write(data)
            with self.counts.lock:
                self.counts.sent += len(data)
            left -= len(data)
            self._wait(len(data))

    def _wait(self, count: int) -> None:
        if self.behaviour.rate:
            time.sleep(count / self.behaviour.rate)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has hung up is what a ceiling does."""


@contextmanager
def librespeed(behaviour: Behaviour | None = None) -> Iterator[tuple[str, Counts]]:
    """A LibreSpeed server on loopback: its address, and what it counts."""
    counts, over = Counts(), threading.Event()
    kind = type(
        "_Kind", (_LibreSpeed,), {"behaviour": behaviour or Behaviour(), "counts": counts, "over": over}
    )
    with _Listener((HOST, PORT), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", counts
        finally:
            over.set()
            server.shutdown()
            thread.join(5)


@contextmanager
def ndt7(behaviour: Behaviour | None = None) -> Iterator[tuple[int, Counts]]:
    """A server of M-Lab's kind on loopback, without TLS: its port, and what it counts."""
    behaviour, counts = behaviour or Behaviour(), Counts()

    def handle(line: ServerConnection) -> None:
        assert line.request is not None
        counts.paths.append(line.request.path)
        try:
            if "/download" in line.request.path:
                _send(line, behaviour, counts)
            else:
                _receive(line, behaviour, counts)
        except ConnectionClosed:
            pass

    with serve(handle, HOST, PORT, subprotocols=[NDT7], compression=None, max_size=1 << 24) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield _port(server), counts
        finally:
            server.shutdown()
            thread.join(5)


def _port(server: Server) -> int:
    return int(server.socket.getsockname()[1])


def _send(line: ServerConnection, behaviour: Behaviour, counts: Counts) -> None:
    end = time.monotonic() + behaviour.seconds
    while time.monotonic() < end:
        if behaviour.dies_after is not None and counts.sent >= behaviour.dies_after:
            return
        line.send(_BLOCK)
        counts.sent += len(_BLOCK)
        if behaviour.rate:
            time.sleep(len(_BLOCK) / behaviour.rate)
        if counts.sent % (1 << 24) == 0:
            line.send(_measured("download", 1.0, counts.sent))


def _receive(line: ServerConnection, behaviour: Behaviour, counts: Counts) -> None:
    began, told = time.monotonic(), 0.0
    while (elapsed := time.monotonic() - began) < behaviour.seconds:
        message = line.recv(5)
        counts.received += len(message)
        if behaviour.rate:
            time.sleep(len(message) / behaviour.rate)
        if not behaviour.silent and elapsed > told + 0.1:
            told = elapsed
            line.send(_measured("upload", elapsed, counts.received))


def _measured(test: str, seconds: float, count: int) -> str:
    return json.dumps(
        {
            "AppInfo": {"ElapsedTime": round(seconds * 1e6), "NumBytes": count},
            "ConnectionInfo": {"Client": f"{PUBLIC_ADDRESS}:5000", "Server": "198.51.100.1:443"},
            "Origin": "server",
            "Test": test,
        }
    )


@contextmanager
def locate(port: int, behaviour: Behaviour | None = None) -> Iterator[str]:
    """The platform's word on which server is near: the one at `port`."""
    told = behaviour or Behaviour()
    leave = f"//127.0.0.1:{port}"

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

        def do_GET(self) -> None:
            urls = {
                f"ws:///ndt/v7/{way}": f"ws:{leave}/ndt/v7/{way}?access_token=leave"
                for way in ("download", "upload")
            }
            body = _PORTAL if told.portal else json.dumps({"results": [{"urls": urls}]}).encode()
            self.send_response(told.locate_status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with _Listener(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v2/nearest/ndt/ndt7?client_name=firstbell"
        finally:
            server.shutdown()
            thread.join(5)
