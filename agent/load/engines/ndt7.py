"""The engine `ndt7`: throughput over one connection to a server of M-Lab's kind, public or the district's.

One flow each way, ten seconds at most, over a WebSocket (m-lab/ndt-server, spec/ndt7-protocol.md 0.11). Down
is counted here, up by the server, which says what it has received. The public platform publishes what it
measures, the school's address with it: the box's settings must consent, and no box asks it more than 40 times
a day.
"""

import http.client
import json
import os
import socket
import ssl
import threading
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import websockets.exceptions
from websockets.sync.client import ClientConnection, connect
from websockets.sync.connection import Connection
from websockets.typing import Subprotocol

from agent.load.bulk import Stream
from agent.load.engines.base import Request, Result
from agent.load.foreign import Foreign, Server, Way
from agent.machine.echoes import Train
from agent.machine.machine import Machine
from agent.machine.trouble import NetworkError, RefusedError, told
from firstbell.catalogue import TEXT_CHARS

LOCATE = "https://locate.measurementlab.net/v2/nearest/ndt/ndt7?client_name=firstbell"
PROTOCOL = Subprotocol("net.measurementlab.ndt.v7")
DOWNLOAD, UPLOAD = "/ndt/v7/download", "/ndt/v7/upload"
MOST_S = 10.0
STEP_S = 7.0
NAME_S = 5.0
MOST_MESSAGE = 1 << 24
"""The longest that the protocol knows."""
FIRST_MESSAGE, SHARE = 1 << 13, 16
"""A message up grows to twice its size once what was sent is this many times that (as the protocol asks)."""
MOST_SENT_MESSAGE = 1 << 16
"""Longer ones would come to be counted in leaps: a megabyte is a fifth of a second at 40 Mbit/s."""
_LOCATE_BYTES = 1 << 16
_TRAIN = Train(echoes=5, gap_s=0.05, limit_s=2.0)
_FAULTS = (OSError, EOFError, ValueError, websockets.exceptions.WebSocketException)


class _Ways(NamedTuple):
    """The two addresses of a server, with its leave to test in them where the platform gave one."""

    down: str
    up: str


def run(request: Request, machine: Machine) -> Result:
    """One whole test: an answer in any case, and within the request's ceilings."""
    return _Test(request, machine).result()


class _Test:
    """One test against one server."""

    def __init__(self, request: Request, machine: Machine) -> None:
        self._request, self._machine = request, machine
        self._ways = _Ways("", "")
        self._address = ""
        self._counted = (0.0, 0.0)
        """What the server has received, on its own clock."""

    def result(self) -> Result:
        """Run it, and tell what came of it."""
        test = Foreign(self._request, self._machine, 1, MOST_S)
        ways = {"down": Way(self._download), "up": Way(self._upload, lambda: self._counted)}
        return test.result(self._find, {"down": ways["down"], "up": ways["up"]})

    # --- the server ----------------------------------------------------------------------------------------

    def _find(self) -> Server:
        peer = self._request.server
        if peer is not None and peer.host:
            origin = f"{'wss' if self._request.secure else 'ws'}://{peer.host}" + f":{peer.port}" * bool(
                peer.port
            )
            self._ways = _Ways(origin + DOWNLOAD, origin + UPLOAD)
        else:
            self._ways = self._located(peer.url if peer and peer.url else LOCATE)
        parts = urlsplit(self._ways.down)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
        self._address = self._machine.network.resolve(host, NAME_S).addresses[0]
        echoes = self._machine.network.knock(self._address, port, _TRAIN)
        if not echoes.round_trips_ms:
            raise RefusedError(echoes.trouble or "no answer in time")
        return Server(host[:TEXT_CHARS], self._machine.network.is_own(self._address), echoes.round_trips_ms)

    def _located(self, url: str) -> _Ways:
        """Where the platform wants this test to go. Raises NetworkError."""
        parts = urlsplit(url)
        address = self._machine.network.resolve(parts.hostname or "", NAME_S).addresses[0]
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=STEP_S)
        connection._create_connection = _to(address)  # type: ignore[attr-defined]  # noqa: SLF001
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            with connection.getresponse() as answer:
                if answer.status == http.client.TOO_MANY_REQUESTS:
                    raise RefusedError("the platform wants fewer tests from here")
                if answer.status != http.client.OK:
                    raise RefusedError(f"the platform answered with status {answer.status}")
                return _named(json.loads(answer.read(_LOCATE_BYTES)))
        except (OSError, http.client.HTTPException) as error:
            raise told(error) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise RefusedError("the platform's answer was not its own (a sign-in page, a filter?)") from error
        finally:
            connection.close()

    def _connected(self, url: str) -> ClientConnection:
        parts = urlsplit(url)
        tls = ssl.create_default_context() if parts.scheme == "wss" else None
        sock = socket.create_connection((self._address, parts.port or (443 if tls else 80)), STEP_S)
        return connect(
            url,
            sock=sock,
            ssl=tls,
            server_hostname=parts.hostname if tls else None,
            subprotocols=[PROTOCOL],
            compression=None,
            max_size=MOST_MESSAGE,
            open_timeout=STEP_S,
            close_timeout=0.2,
            ping_interval=None,
            proxy=None,
        )

    # --- one connection each way ---------------------------------------------------------------------------

    def _download(self, stream: Stream) -> None:
        try:
            with self._connected(self._ways.down) as line:
                stream.use(line.socket)
                while not stream.over.is_set():
                    message = line.recv(STEP_S)
                    if isinstance(message, bytes):
                        stream.count(received=len(message))
        except websockets.exceptions.ConnectionClosed:
            if not stream.received:
                raise RefusedError("the server ended the test before it began") from None
        except _FAULTS as error:
            raise _told(error) from error

    def _upload(self, stream: Stream) -> None:
        try:
            with self._connected(self._ways.up) as line:
                stream.use(line.socket)
                hearing = threading.Thread(target=self._hear, args=(line,), daemon=True)
                hearing.start()
                self._fill(line, stream)
        except websockets.exceptions.ConnectionClosed:
            if not stream.sent:
                raise RefusedError("the server ended the test before it began") from None
        except _FAULTS as error:
            raise _told(error) from error

    def _fill(self, line: Connection, stream: Stream) -> None:
        block = os.urandom(MOST_SENT_MESSAGE)
        size = FIRST_MESSAGE
        while not stream.over.is_set():
            line.send(block[:size])
            stream.count(sent=size)
            if size < MOST_SENT_MESSAGE and stream.sent >= SHARE * size:
                size *= 2

    def _hear(self, line: Connection) -> None:
        """Note what the server says that it has received."""
        try:
            for message in line:
                if isinstance(message, str) and (counted := _counted(message)):
                    self._counted = max(self._counted, counted)
        except _FAULTS:
            return


def _to(address: str) -> Any:  # noqa: ANN401 - what http.client wants
    """Connections that go to the address that was resolved, whatever the name now says."""

    def create(place: tuple[str, int], *more: Any) -> socket.socket:  # noqa: ANN401
        return socket.create_connection((address, place[1]), *more)

    return create


def _named(answer: dict[str, Any]) -> _Ways:
    """The addresses in the platform's answer, the safe ones. Raises LookupError and its kin."""
    urls = answer["results"][0]["urls"]
    for scheme in ("wss", "ws"):
        if f"{scheme}://{DOWNLOAD}" in urls:
            return _Ways(str(urls[f"{scheme}://{DOWNLOAD}"]), str(urls[f"{scheme}://{UPLOAD}"]))
    raise LookupError("no address")


def _counted(message: str) -> tuple[float, float] | None:
    """Seconds and bytes in a server's measurement; None in anything else."""
    try:
        app = json.loads(message)["AppInfo"]
        return float(app["ElapsedTime"]) / 1e6, float(app["NumBytes"])
    except (ValueError, LookupError, TypeError):
        return None


def _told(fault: Exception) -> NetworkError:
    if isinstance(fault, NetworkError):
        return fault
    if isinstance(fault, websockets.exceptions.InvalidStatus):
        return RefusedError(f"the test server answered with status {fault.response.status_code}")
    if isinstance(fault, websockets.exceptions.WebSocketException | EOFError):
        return RefusedError("the server's answer was not that of a test server (a sign-in page, a filter?)")
    return told(fault)
