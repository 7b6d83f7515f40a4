"""The head of a web page, and how long its first byte took: http.client over a socket with one deadline.

A socket's own timeout starts anew with every byte, so that a server which drips would hold a probe for
ever; here each step gets what is left.
"""

import http.client
import io
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from agent.machine.trouble import RefusedError, SilentError, told

_PORTS = {"http": 80, "https": 443}


class Page(NamedTuple):
    """`first_byte_ms` counts from the first packet of the connection; `status` is HTTP's."""

    first_byte_ms: float
    status: int


class Head(NamedTuple):
    """The head of an answer: its status, and its headers by their names in small letters."""

    status: int
    headers: dict[str, str]


class Deadline:
    """A moment on the monotonic clock `now`, in seconds."""

    def __init__(self, now: Callable[[], float], seconds: float) -> None:
        self._now, self.begin = now, now()
        self._end = self.begin + seconds

    def left_s(self) -> float:
        """Seconds until then. Raises TimeoutError when there are none."""
        left = self._end - self._now()
        if left <= 0:
            raise TimeoutError
        return left

    def since_begin_ms(self) -> float:
        """Milliseconds since it was set."""
        return (self._now() - self.begin) * 1000


def fetch_head(url: str, address: str, deadline: Deadline, tls: Callable[[], ssl.SSLContext]) -> Page:
    """GET `url` from the server at `address`, certificate checked, no redirects followed, body left unread.

    Raises RefusedError and SilentError.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise RefusedError("the page has no http or https address")
    try:
        with _connected(parts, address, deadline, tls) as sock:
            return _head(parts, TimedLine(sock, deadline))
    except TimeoutError:
        raise SilentError("the page did not begin in time") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise told(error) from error


def head_over(
    sock: socket.socket, host: str, path: str, deadline: Deadline, headers: dict[str, str] | None = None
) -> Head:
    """GET `path` on a connection that stands. Raises RefusedError and SilentError."""
    try:
        connection = http.client.HTTPConnection(host)
        connection.sock = TimedLine(sock, deadline)
        connection.request("GET", path, headers={"User-Agent": "firstbell", **(headers or {})})
        with connection.getresponse() as response:
            return Head(response.status, {name.lower(): value for name, value in response.getheaders()})
    except TimeoutError:
        raise SilentError("no answer in time") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise told(error) from error


def _connected(
    parts: SplitResult, address: str, deadline: Deadline, tls: Callable[[], ssl.SSLContext]
) -> socket.socket:
    port = parts.port or _PORTS[parts.scheme]
    sock = socket.create_connection((address, port), deadline.left_s())
    if parts.scheme == "http":
        return sock
    try:
        sock.settimeout(deadline.left_s())
        return tls().wrap_socket(sock, server_hostname=parts.hostname)
    except BaseException:
        sock.close()
        raise


def _head(parts: SplitResult, line: "TimedLine") -> Page:
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
    connection.sock = line
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", path, headers={"User-Agent": "firstbell", "Connection": "close"})
    with connection.getresponse() as response:
        return Page(line.reader.first_byte_ms, response.status)


class TimedLine:
    """As much of a socket as http.client uses; every step of it under the one deadline.

    Whoever made the socket closes it.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline
        self.reader = _Reader(sock, deadline)

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises TimeoutError, OSError."""
        self._sock.settimeout(self._deadline.left_s())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What comes in."""
        return io.BufferedReader(self.reader)

    def close(self) -> None:
        """Not yet: http.client hangs up before it has read, when the server says that it will."""


class _Reader(io.RawIOBase):
    """What comes in, and when the first of it came."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline
        self.first_byte_ms = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._sock.settimeout(self._deadline.left_s())
        count = self._sock.recv_into(buffer)
        self.first_byte_ms = self.first_byte_ms or self._deadline.since_begin_ms()
        return count
