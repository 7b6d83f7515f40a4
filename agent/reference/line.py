"""One connection as bytes come and go: heads, small answers, bodies, the last words. Each within its time."""

import asyncio
import contextlib
import socket
import struct

from agent.machine import tcpinfo
from agent.reference import bulk, http
from agent.reference.bulk import Account
from agent.reference.http import RefusedError, Request
from agent.reference.limits import (
    ANSWER_S,
    FAREWELL_BYTES,
    HEAD_S,
    SMALL_BODY_BYTES,
)

_PIECE = 4096
_BIG_PIECE = 1 << 16
_AT_ONCE = struct.pack("ii", 1, 0)


class Line:
    """The bytes of one connection. Where a time is over, TimeoutError is raised, which is an OSError."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.torn = False
        """Whether what the kernel still holds is to be thrown away at the end."""
        self._loop = asyncio.get_running_loop()
        self._early = b""
        """What came with the last head, and was not part of it."""

    async def head(self, silent_s: float | None) -> tuple[Request | None, http.Reader]:
        """The next head, which may begin after `silent_s` seconds; None if the other side has said its last.

        Raises RefusedError and OSError.
        """
        reader = http.Reader()
        data = self._early or await self._first(silent_s)
        async with asyncio.timeout(HEAD_S):
            while data:
                request = reader.head(data)
                if request:
                    self._early = reader.rest
                    return request, reader
                data = await self._loop.sock_recv(self.sock, _PIECE)
        return None, reader

    async def _first(self, silent_s: float | None) -> bytes:
        async with asyncio.timeout(silent_s):
            return await self._loop.sock_recv(self.sock, _PIECE)

    async def say(self, data: bytes) -> None:
        """Send a little. Raises OSError."""
        async with asyncio.timeout(ANSWER_S):
            await self._loop.sock_sendall(self.sock, data)

    async def body(self, account: Account, length: int | None) -> bool:
        """Read and forget a body (None: as much as comes); whether all of it came. Raises OSError."""
        amount = bulk.FOREVER if length is None else length
        early = min(len(self._early), amount, account.left())
        self._early = self._early[early:]
        account.took(early)
        return early + await bulk.take(self.sock, account, amount - early) == amount

    async def small_body(self, request: Request) -> None:
        """Read and forget what nobody wants, if it is little. Raises RefusedError and OSError."""
        if request.chunked or (request.length or 0) > SMALL_BODY_BYTES:
            raise RefusedError(413, "no body is wanted here")
        async with asyncio.timeout(HEAD_S):
            await self.body(_Nobody(), request.length or 0)

    async def chunks(self, account: Account, reader: http.Reader) -> None:
        """Read and forget a body in chunks, for as long as the account has some left. Raises OSError."""
        data, over = b"", False
        while not over and account.left() > 0:
            count, over = reader.chunks(data)
            account.took(count)
            if not over:
                data = await self._loop.sock_recv(self.sock, _BIG_PIECE)
                if not data:
                    raise ConnectionResetError
        self._early = reader.rest

    async def farewell(self, seconds: float) -> None:
        """Let what was said arrive, and throw away what still comes in, for a while. Raises OSError."""
        self.sock.shutdown(socket.SHUT_WR)
        self.torn = True
        left = FAREWELL_BYTES
        async with asyncio.timeout(seconds):
            while left > 0 and (data := await self._loop.sock_recv(self.sock, _PIECE)):
                left -= len(data)
        self.torn = bool(tcpinfo.unacked(self.sock))

    def close(self) -> None:
        """It is over; if it is torn, at once."""
        if self.torn:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.sock.close()


class _Nobody:
    """The account of bytes that nobody wanted."""

    def left(self) -> int:
        return SMALL_BODY_BYTES

    def gave(self, amount: int) -> None:
        pass

    def took(self, amount: int) -> None:
        pass
