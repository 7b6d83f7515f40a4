"""Streams of bulk bytes down from a reference server, and up to it, over a loop.

All read into one buffer that nobody looks at, and all write from one block of random bytes.
"""

import os
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable

from agent.load import protocol
from agent.load.loop import Loop
from agent.load.session import Session
from agent.load.talk import Head, Link, head_of, refused, request
from agent.machine import tcpinfo
from agent.machine.trouble import NetworkError, RefusedError, told

CHUNK_BYTES = 1 << 18
_BLOCK_BYTES = 1 << 20
UNSENT_BYTES = 1 << 17
"""The kernel asks for more when it holds less than this that was never on the line: what it has taken, and is
thrown away at the end, stays little."""
_NOTSENT_LOWAT = 25
"""linux/tcp.h; the standard library's name for it came later than ours."""
SEGMENT_BYTES = 1448


class Stream(ABC):
    """One connection. What breaks it is kept in `trouble`."""

    def __init__(self, loop: Loop, session: Session) -> None:
        self._loop, self._session = loop, session
        self.trouble: NetworkError | None = None
        self.link = Link(loop, session.place, self._begin, self._fail)

    def close(self) -> None:
        """End it at once."""
        self.link.close()

    @abstractmethod
    def _begin(self) -> None:
        """The connection has opened: ask for the stream."""

    def _fail(self, error: Exception) -> None:
        self.trouble = told(error)


class Down(Stream):
    """Counts what it reads."""

    def __init__(self, loop: Loop, session: Session, room: memoryview, came: Callable[[int], None]) -> None:
        self._room, self._came = room, came
        self._head = b""
        super().__init__(loop, session)

    def _begin(self) -> None:
        self.link.sock.send(request("GET", protocol.DOWN, self._session.line))
        self._loop.reads(self.link.sock, self._answered)

    def _answered(self) -> None:
        try:
            data = self.link.sock.recv(CHUNK_BYTES)
            if not data:
                raise ConnectionResetError
            self._head += data
            found = head_of(self._head)
            if found is None:
                return
            head, body = found
            _check(head, body)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, RefusedError) as error:
            self.link.fail(error)
            return
        self._came(len(body))
        self._loop.reads(self.link.sock, self._bulk)

    def _bulk(self) -> None:
        try:
            size = self.link.sock.recv_into(self._room)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.link.fail(error)
            return
        if size:
            self._came(size)
        else:
            self.link.fail(ConnectionResetError())


class Up(Stream):
    """Counts what it hands to the kernel, what of that was acknowledged, and what went on the line."""

    def __init__(self, loop: Loop, session: Session, block: memoryview, gave: Callable[[int], bool]) -> None:
        """`gave` is told how many bytes the kernel has taken, and says whether it may have more."""
        self._block, self._at, self._gave = block, 0, gave
        self.sent = 0
        self._last = (0, 0, 0, 0)
        super().__init__(loop, session)

    def look(self) -> tuple[int, int, int, int]:
        """Bytes acknowledged, bytes that went on the line, segments, repeats; when it is over, the last."""
        if self.link.is_open:
            acked = self.sent - (tcpinfo.unacked(self.link.sock) or 0)
            info = tcpinfo.look(self.link.sock)
            if info is None:
                self._last = (acked, acked, 0, 0)
            else:
                size = _segment_bytes(self.link.sock)
                # Not every segment is full, and no more went out than was handed over, and the repeats.
                most = self.sent + info.retrans * size
                on_line = max(acked, min(most, info.data_segs_out * size))
                self._last = (acked, on_line, info.data_segs_out, info.retrans)
        return self._last

    def close(self) -> None:
        """End it at once; what it counted stays."""
        self.look()
        super().close()

    def _begin(self) -> None:
        length = f"Content-Length: {protocol.ENDLESS}"
        self.link.sock.send(request("POST", protocol.UP, self._session.line, length))
        if sys.platform == "linux":
            self.link.sock.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT_BYTES)
        self._loop.writes(self.link.sock, self._bulk)

    def _bulk(self) -> None:
        try:
            size = self.link.sock.send(self._block[self._at : self._at + CHUNK_BYTES])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.link.fail(error)
            return
        self.sent += size
        self._at = (self._at + size) % _BLOCK_BYTES
        if not self._gave(size):
            self._loop.forget(self.link.sock)


def room() -> memoryview:
    """What streams down read into."""
    return memoryview(bytearray(CHUNK_BYTES))


def block() -> memoryview:
    """What streams up send: no filter on the way can make it smaller."""
    return memoryview(os.urandom(_BLOCK_BYTES + CHUNK_BYTES))


def _segment_bytes(sock: socket.socket) -> int:
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    except OSError:
        return SEGMENT_BYTES


def _check(head: Head, body: bytes) -> None:
    """Raises RefusedError unless the head is that of a stream."""
    if head.status != 200 or head.length is not None:  # noqa: PLR2004
        raise refused(head, body)
