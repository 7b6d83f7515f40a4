"""The engine `librespeed`: throughput to a LibreSpeed server, by plain requests to its own paths.

Rates are goodput like everybody's: LibreSpeed's own pages multiply by 1.06 to show about the line's rate
(facts: measurement.md 1.2). The way up is what the server's side has acknowledged: it counts nothing itself.
"""

import http.client
import os
import socket
import ssl
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from agent.load.bulk import Stream
from agent.load.engines.base import Request, Result
from agent.load.foreign import Foreign, Server, Way
from agent.machine.machine import Machine
from agent.machine.trouble import NetworkError, RefusedError, told
from firstbell.catalogue import TEXT_CHARS

MOST_STREAMS = 16
MOST_S = 12.0
"""Of a direction: LibreSpeed's own pages take 15 s."""
CHUNK_MB = 100
UPLOAD_BYTES = 20_000_000
STEP_S = 5.0
NAME_S = 5.0
ECHOES = 10
_READ_BYTES = 1 << 18
_BLOCK = 1 << 18
_PLACES = ("", "backend/")
"""Where its files may lie below the address that was named."""


class _Place(NamedTuple):
    """The server: the parts of its address, and the path of its files."""

    parts: SplitResult
    address: str
    port: int
    path: str
    tls: ssl.SSLContext | None


def run(request: Request, machine: Machine) -> Result:
    """One whole test: an answer in any case, and within the request's ceilings."""
    return _Test(request, machine).result()


class _Test:
    """One test against one server."""

    def __init__(self, request: Request, machine: Machine) -> None:
        self._request, self._machine = request, machine
        self._place: _Place | None = None
        self._block = memoryview(os.urandom(_BLOCK))

    def result(self) -> Result:
        """Run it, and tell what came of it."""
        test = Foreign(self._request, self._machine, MOST_STREAMS, MOST_S)
        return test.result(self._find, {"down": Way(self._download), "up": Way(self._upload)})

    # --- the server ----------------------------------------------------------------------------------------

    def _find(self) -> Server:
        peer = self._request.server
        if peer is None or not peer.url:
            raise RefusedError("no server is named")
        parts = urlsplit(peer.url)
        host = parts.hostname or ""
        address = self._machine.network.resolve(host, NAME_S).addresses[0]
        trips: list[float] = []
        trouble: NetworkError = RefusedError("the server has none of LibreSpeed's files there")
        for below in _PLACES:
            try:
                self._place = self._placed(parts, address, below)
                trips = self._echoes()
                break
            except NetworkError as error:
                trouble = error
        if not trips:
            raise trouble
        return Server(host[:TEXT_CHARS], self._machine.network.is_own(address), trips)

    def _placed(self, parts: SplitResult, address: str, below: str) -> _Place:
        folder = parts.path if parts.path.endswith("/") else f"{parts.path}/"
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        return _Place(parts, address, parts.port or (443 if tls else 80), urljoin(folder, below), tls)

    def _connected(self) -> http.client.HTTPConnection:
        """A connection, opened. Raises OSError."""
        assert self._place is not None
        place = self._place
        connection = http.client.HTTPConnection(place.parts.hostname or "", place.port, timeout=STEP_S)
        sock: socket.socket = socket.create_connection((place.address, place.port), STEP_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if place.tls:
            try:
                sock = place.tls.wrap_socket(sock, server_hostname=place.parts.hostname)
            except BaseException:
                sock.close()
                raise
        connection.sock = sock
        return connection

    def _echoes(self) -> list[float]:
        """Round trips of empty answers on one warm connection, in ms. Raises NetworkError."""
        assert self._place is not None
        now, trips = self._machine.clock.monotonic, list[float]()
        try:
            connection = self._connected()
            try:
                for number in range(ECHOES + 1):
                    began_s = now()
                    connection.request("GET", f"{self._place.path}empty.php")
                    with connection.getresponse() as answer:
                        _see(answer)
                        answer.read(_READ_BYTES)
                    if number:  # the first one opens what the others use
                        trips.append((now() - began_s) * 1000)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise told(error) from error
        return trips

    # --- one connection each way ---------------------------------------------------------------------------

    def _download(self, stream: Stream) -> None:
        assert self._place is not None
        buffer = bytearray(_READ_BYTES)
        try:
            connection = self._connected()
            try:
                stream.use(connection.sock)
                while not stream.over.is_set():
                    connection.request("GET", f"{self._place.path}garbage.php?ckSize={CHUNK_MB}")
                    with connection.getresponse() as answer:
                        _see(answer)
                        while not stream.over.is_set() and (count := answer.readinto(buffer)):
                            stream.count(received=count)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            raise told(error) from error

    def _upload(self, stream: Stream) -> None:
        assert self._place is not None
        try:
            connection = self._connected()
            try:
                stream.use(connection.sock)
                while not stream.over.is_set():
                    connection.putrequest("POST", f"{self._place.path}empty.php")
                    connection.putheader("Content-Type", "application/octet-stream")
                    connection.putheader("Content-Length", str(UPLOAD_BYTES))
                    connection.endheaders()
                    self._fill(connection, stream)
                    if stream.over.is_set():
                        return
                    with connection.getresponse() as answer:
                        _see(answer)
                        answer.read(_READ_BYTES)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            raise told(error) from error

    def _fill(self, connection: http.client.HTTPConnection, stream: Stream) -> None:
        left = UPLOAD_BYTES
        while left and not stream.over.is_set():
            sent = connection.sock.send(self._block[: min(left, _BLOCK)])
            left -= sent
            stream.count(sent=sent)


def _see(answer: http.client.HTTPResponse) -> None:
    """See that it is an answer of LibreSpeed's. Raises RefusedError."""
    if answer.status != http.client.OK:
        raise RefusedError(f"the test server answered with status {answer.status}")
    if "html" in (answer.getheader("Content-Type") or "") and (answer.length or 0) > 0:
        raise RefusedError("the test server answered with a page, not a file (a sign-in page, a filter?)")
