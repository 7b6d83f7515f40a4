"""Requests to a reference server over one connection of a loop: asked one by one, answered in their order."""

import contextlib
import os
import re
import socket
import struct
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import msgspec

from agent.load.loop import Loop
from agent.load.protocol import Trouble
from agent.machine.trouble import RefusedError

MOST_HEAD_BYTES = 16_384
MOST_BODY_BYTES = 65_536
NOT_ITS_OWN = "the answer was not a reference server's (a sign-in page, a filter, another program?)"
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f]*:[0-9a-f:]*", re.IGNORECASE)
_WORDS_CHARS = 120
_THROW_AWAY = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing discards what was not sent, and keeps nothing waiting."""
_PIECE = 65_536


class Place(NamedTuple):
    """Where the server is."""

    address: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """Of its address."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET


class Head(NamedTuple):
    """The head of an answer. `length` is its body's; None if that ends with the connection."""

    status: int
    length: int | None


Heard = Callable[[Head, bytes], None]
Failed = Callable[[Exception], None]


class Link:
    """A connection that is being opened, and then calls `opened`; or `failed`, once, with what went wrong."""

    def __init__(self, loop: Loop, place: Place, opened: Callable[[], None], failed: Failed) -> None:
        self._loop, self._opened, self._failed = loop, opened, failed
        self.sock = socket.socket(place.family, socket.SOCK_STREAM)
        self.is_open = True
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.sock.connect((place.address, place.port))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            loop.later(0, partial(self.fail, error))
            return
        loop.writes(self.sock, self._connected)

    def fail(self, error: Exception) -> None:
        """It is over, because of this."""
        if self.is_open:
            self.close()
            self._failed(error)

    def close(self) -> None:
        """End it at once; nobody is told."""
        if self.is_open:
            self.is_open = False
            self._loop.forget(self.sock)
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _THROW_AWAY)
            self.sock.close()

    def _connected(self) -> None:
        if code := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.fail(OSError(code, os.strerror(code)))
            return
        self._loop.forget(self.sock)
        self._opened()


class Talk:
    """A connection on which one asks. `opened` may ask at once; what fails is told once."""

    def __init__(self, loop: Loop, place: Place, opened: Callable[[], None], failed: Failed) -> None:
        self._loop = loop
        self._waiting: deque[Heard] = deque()
        self._opened = opened
        self._came = b""
        self.link = Link(loop, place, self._begin, failed)

    def ask(self, method: str, path: str, heard: Heard, *lines: str) -> None:
        """Send a request without a body; `heard` is called with its answer. Raises OSError."""
        self._waiting.append(heard)
        # A request is a few hundred bytes, and few are under way at once: the kernel has room for it.
        self.link.sock.send(request(method, path, *lines))

    @property
    def unanswered(self) -> int:
        """How many requests wait for their answers."""
        return len(self._waiting)

    def close(self) -> None:
        """End it; nobody hears anything any more."""
        self._waiting.clear()
        self.link.close()

    def _begin(self) -> None:
        self._loop.reads(self.link.sock, self._ready)
        self._opened()

    def _ready(self) -> None:
        try:
            data = self.link.sock.recv(_PIECE)
            if not data:
                raise ConnectionResetError
            self._came += data
            self._answer()
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, RefusedError) as error:
            self.link.fail(error)

    def _answer(self) -> None:
        while self._waiting and (found := head_of(self._came)):
            head, rest = found
            if head.length is None or head.length > MOST_BODY_BYTES:
                raise RefusedError(NOT_ITS_OWN)
            if len(rest) < head.length:
                return
            body, self._came = rest[: head.length], rest[head.length :]
            self._waiting.popleft()(head, body)


def request(method: str, path: str, *lines: str) -> bytes:
    """A request's head; a POST says that it has no body, unless a line says otherwise."""
    if method == "POST" and not any(line.startswith("Content-Length") for line in lines):
        lines = (*lines, "Content-Length: 0")
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: firstbell", *lines, "", "")).encode("latin-1")


def head_of(data: bytes) -> tuple[Head, bytes] | None:
    """The head at the beginning of `data` and what comes after it; None if it is not all there yet.

    Raises RefusedError for what no reference server says.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        if len(data) > MOST_HEAD_BYTES or (len(data) >= 9 and not _STATUS.match(data[:13].ljust(13))):  # noqa: PLR2004
            raise RefusedError(NOT_ITS_OWN)
        return None
    status = _STATUS.match(head)
    if not status:
        raise RefusedError(NOT_ITS_OWN)
    fields = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
    lengths = [value.strip() for name, _, value in fields if name == b"content-length"]
    if lengths and not lengths[0].isdigit():
        raise RefusedError(NOT_ITS_OWN)
    code = int(status[1])
    return Head(code, int(lengths[0]) if lengths else 0 if code == 204 else None), rest  # noqa: PLR2004


def refused(head: Head, body: bytes) -> RefusedError:
    """What the server said instead of what was asked, in words that may stand in a report."""
    try:
        words = msgspec.json.decode(body, type=Trouble).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return RefusedError(NOT_ITS_OWN)
    if head.status < 400:  # noqa: PLR2004 - an error would be from there on
        return RefusedError(NOT_ITS_OWN)
    return RefusedError(f"the server said no: {said(words)}")


def said(words: str) -> str:
    """Words of a stranger: one short printable line, without addresses."""
    line = "".join(char if char.isprintable() else " " for char in _ADDRESS.sub("", words))
    return " ".join(line.split())[:_WORDS_CHARS]
