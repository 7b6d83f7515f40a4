"""What school networks have on the way: something that listens at the district's address in its place.

It passes on, drops, holds, opens TLS and signs it again, asks to sign in, connects like a proxy. Its listening
sockets stand in another namespace, behind the box's cable; its connections to the district's servers do not.
"""

import asyncio
import contextlib
import ctypes
import re
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Self

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Serve = Callable[[Reader, Writer], Awaitable[None]]
Rewrite = Callable[[bytes], bytes]
_PIECE = 1 << 16
_HEAD = b"\r\n\r\n"
_SO_ATTACH_FILTER = 26
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)


def drops(listener: socket.socket) -> None:
    """Let the kernel throw away what comes to this socket, as a packet filter does: nobody is told."""
    program = ctypes.create_string_buffer(_RETURN_NOTHING)
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))


class Middlebox:
    """Serves any number of listeners in one thread, until it is left."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_how: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def serve(self, listener: socket.socket, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        """Treat each connection to `listener` so, behind TLS where there is a context."""

        async def start() -> None:
            self._servers.append(await asyncio.start_server(_quietly(serve), sock=listener, ssl=tls))

        asyncio.run_coroutine_threadsafe(start(), self._loop).result(20)


def _quietly(serve: Serve) -> Serve:
    async def served(reader: Reader, writer: Writer) -> None:
        try:
            with contextlib.suppress(OSError, EOFError, ValueError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    return served


def passes(port: int) -> Serve:
    """On to this port of the machine's loopback."""

    async def serve(reader: Reader, writer: Writer) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await _both(reader, writer, far_reader, far_writer)

    return serve


def opens(
    port: int, believed: ssl.SSLContext, name: str, up: Rewrite = bytes, down: Rewrite = bytes
) -> Serve:
    """On to this port over TLS anew, the heads of the first request and answer rewritten."""

    async def serve(reader: Reader, writer: Writer) -> None:
        far_reader, far_writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=believed, server_hostname=name
        )
        await _both(reader, writer, far_reader, far_writer, up, down)

    return serve


async def _both(
    reader: Reader,
    writer: Writer,
    far_reader: Reader,
    far_writer: Writer,
    up: Rewrite = bytes,
    down: Rewrite = bytes,
) -> None:
    """Until one way has ended."""
    ways = [
        asyncio.ensure_future(_pump(reader, far_writer, up)),
        asyncio.ensure_future(_pump(far_reader, writer, down)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        far_writer.transport.abort()


async def _pump(reader: Reader, writer: Writer, rewrite: Rewrite = bytes) -> None:
    if rewrite is not bytes:  # what is no HTTP has no head
        writer.write(rewrite(await reader.readuntil(_HEAD)))
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()


async def holds(reader: Reader, _writer: Writer) -> None:
    """Takes everything, and nothing comes back."""
    while await reader.read(_PIECE):
        pass


def signs_in(where: str) -> Serve:
    """A portal: leads every request on to its own page."""

    async def serve(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(_HEAD)
        writer.write(
            f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        await reader.read()

    return serve


def connects(host: str, ports: dict[int, int]) -> Serve:
    """A proxy that connects to `host` at these ports alone; each is a port of this machine's loopback."""

    async def serve(reader: Reader, writer: Writer) -> None:
        words = (await reader.readuntil(_HEAD)).split()
        asked, _, port = words[1].decode("ascii").rpartition(":")
        far = ports.get(int(port)) if words[0] == b"CONNECT" and asked == host else None
        if far is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await passes(far)(reader, writer)

    return serve


def without_upgrade(head: bytes) -> bytes:
    """A request as an old reverse proxy passes it on: headers that are for one hop only are left out."""
    return re.sub(rb"(?im)^(?:upgrade|connection):[^\r]*\r\n", b"", head)


def later_by(years: int) -> Rewrite:
    """An answer's head, dated so many years later."""

    def rewrite(head: bytes) -> bytes:
        def later(found: re.Match[bytes]) -> bytes:
            at = parsedate_to_datetime(found[1].decode("ascii")) + timedelta(days=365 * years)
            return b"date: " + format_datetime(at.astimezone(UTC), usegmt=True).encode() + b"\r\n"

        return re.sub(rb"(?im)^date: ([^\r]*)\r\n", later, head)

    return rewrite


def now_and(years: int) -> datetime:
    """That many years from now."""
    return datetime.now(UTC) + timedelta(days=365 * years)  # noqa: TID251 - the box's clock is the machine's
