"""A private server that speaks speedtest.net's protocol, as well or as badly as a test wants.

It answers as a proxy too: with `environment()` in a process's environment, speedtest-cli finds its
configuration and its list of servers here, and nothing is patched. It plants a public address wherever
the real service would tell one.
"""

import re
import socket
import socketserver
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

PUBLIC_ADDRESS = "203.0.113.77"
PUBLIC_ADDRESS_V6 = "2001:db8:77::beef"
_BLOCK = bytes(range(256)) * 256
_SMALL_BUFFER = 1 << 13
_PICTURE = re.compile(r".*/random(\d+)x\d+\.jpg")

_PORTAL = "<html><head><title>Welcome</title></head><body><p>Please sign in<br></body></html>"
_XHTML_PORTAL = '<?xml version="1.0"?><html><body><p>Please sign in</p></body></html>'


@dataclass(frozen=True)
class Behaviour:
    """How the server behaves. Rates are in bytes of payload a second, for all connections together.

    `dies_after` is how many bytes of pictures it sends before it is gone for good. `rounds` is how often
    it wants each size uploaded.
    """

    forbidden: bool = False
    portal: bool = False
    xhtml_portal: bool = False
    servers: int = 1
    deaf: bool = False
    seconds: float = 1
    threads: int = 2
    rounds: int = 17
    down_rate: float | None = None
    up_rate: float | None = None
    dies_after: int | None = None
    stalls_after: int | None = None
    pictures_are_pages: bool = False
    short_pictures: int = 0
    """How many of the pictures end before their length."""
    upload_status: int = 200
    name: str = f"Springfield, seen from {PUBLIC_ADDRESS} and {PUBLIC_ADDRESS_V6}"


class SpeedtestServer:
    """Listens on a port that the kernel chose, of loopback or another address, from entering to leaving."""

    def __init__(self, behaviour: Behaviour, host: str = "127.0.0.1") -> None:
        self.behaviour = behaviour
        self.host = host
        self.sent = 0
        """Bytes of pictures that were handed to the kernel."""
        self.received = 0
        """Bytes of uploads that were read."""
        self.paths: list[str] = []
        self._lock = threading.Lock()
        self._short_ones = 0
        self._down, self._up = _Pace(behaviour.down_rate), _Pace(behaviour.up_rate)
        self._server = _Listener(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._leaving = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def environment(self) -> dict[str, str]:
        """What makes speedtest-cli come here, over plain HTTP."""
        return {"http_proxy": f"http://{self.host}:{self.port}", "no_proxy": self.host}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join(5)

    def note(self, path: str) -> None:
        """A request has come."""
        with self._lock:
            self.paths.append(path)

    def is_to_be_short(self) -> bool:
        """Whether this picture is one that ends early."""
        with self._lock:
            self._short_ones += 1
            return self._short_ones <= self.behaviour.short_pictures

    def has_sent(self, count: int) -> bool:
        """Count bytes of a picture, slowly if the line is slow; false when the server is dead."""
        self._down.take(count)
        with self._lock:
            self.sent += count
        if self.behaviour.stalls_after is not None and self.sent >= self.behaviour.stalls_after:
            self._leaving.wait(60)
        if self.behaviour.dies_after is None or self.sent < self.behaviour.dies_after:
            return True
        self._server.socket.close()
        self._server.hang_up()
        return False

    def has_received(self, count: int) -> None:
        """Count bytes of an upload, slowly if the line is slow."""
        self._up.take(count)
        with self._lock:
            self.received += count


class _Pace:
    """Lets `rate` bytes a second pass, all threads together."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, count: int) -> None:
        if self._rate is None:
            return
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + count / self._rate
            wait_s = self._free_at - time.monotonic()
        time.sleep(max(0.0, wait_s))


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: SpeedtestServer) -> None:
        self.owner = owner
        self._live: set[socket.socket] = set()
        super().__init__((owner.host, 0), _Handler, bind_and_activate=False)
        if owner.behaviour.up_rate is not None:
            # Else the kernel would take in megabytes beyond what the slow line has carried.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        if owner.behaviour.down_rate is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SMALL_BUFFER)
        self.server_bind()
        self.server_activate()

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._live.add(request)
        try:
            super().finish_request(request, client_address)
        except OSError:
            pass  # the client cut the transfer, which is what a ceiling does
        finally:
            self._live.discard(request)

    def hang_up(self) -> None:
        for request in list(self._live):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was gone already


class _Handler(BaseHTTPRequestHandler):
    server: _Listener

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_GET(self) -> None:
        owner, path = self.server.owner, urlsplit(self.path).path
        behaviour = owner.behaviour
        owner.note(path)
        if behaviour.forbidden:
            self._answer("Forbidden", status=403)
        elif behaviour.portal or behaviour.xhtml_portal:
            self._answer(_PORTAL if behaviour.portal else _XHTML_PORTAL)
        elif path.endswith("speedtest-config.php"):
            self._answer(_config(behaviour), "text/xml")
        elif "speedtest-servers" in path:
            self._answer(_servers(behaviour, f"{owner.host}:{owner.port}"), "text/xml")
        elif path.endswith("latency.txt"):
            self._answer("not found", status=404) if behaviour.deaf else self._answer(
                "test=test\n", "text/plain"
            )
        else:
            self._picture(path)

    def do_POST(self) -> None:
        owner = self.server.owner
        owner.note(urlsplit(self.path).path)
        left = length = int(self.headers["Content-Length"])
        if owner.behaviour.upload_status != 200:
            self._answer("no", status=owner.behaviour.upload_status)
            return
        while left:
            data = self.rfile.read(min(left, 8192))
            if not data:
                return
            owner.has_received(len(data))
            left -= len(data)
        self._answer(f"size={length}")

    def _picture(self, path: str) -> None:
        match = _PICTURE.match(path)
        if match is None or self.server.owner.behaviour.pictures_are_pages:
            self._answer(_PORTAL, status=200 if match else 404)
            return
        left = 2 * int(match[1]) ** 2
        self._head(200, "image/jpeg", left)
        if self.server.owner.is_to_be_short():
            left //= 2
        while left and self.server.owner.has_sent(min(left, len(_BLOCK))):
            self.wfile.write(_BLOCK[:left])
            left -= min(left, len(_BLOCK))

    def _answer(self, text: str, kind: str = "text/html", *, status: int = 200) -> None:
        body = text.encode()
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def _head(self, status: int, kind: str, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Client-IP", PUBLIC_ADDRESS)
        self.end_headers()


def _config(behaviour: Behaviour) -> str:
    return (
        f'<?xml version="1.0"?><settings><client ip="{PUBLIC_ADDRESS}" lat="41.8" lon="-87.6" isp="Planted"/>'
        f'<server-config threadcount="{behaviour.threads}" ignoreids=""/>'
        f'<download testlength="{behaviour.seconds}" threadsperurl="4"/>'
        f'<upload testlength="{behaviour.seconds}" ratio="5" threads="2" maxchunkcount="{behaviour.rounds * 3}"/>'
        "</settings>"
    )


def _servers(behaviour: Behaviour, place: str) -> str:
    entries = "".join(
        f'<server url="http://{place}/speedtest/upload.php" lat="41.8" lon="-87.6" '
        f'name="{behaviour.name}" country="Nowhere" cc="XX" sponsor="Private {number}" id="{number}"/>'
        for number in range(1, behaviour.servers + 1)
    )
    return f'<?xml version="1.0"?><settings><servers>{entries}</servers></settings>'
