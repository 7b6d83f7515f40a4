"""The door of the web server: how many may stand in it, and for how long without a word.

The collector's journal lives in the same process. Whoever opens connections and says nothing must not take
the descriptors that it needs.
"""

import asyncio
import errno
import logging
import socket
import time
from collections import Counter
from functools import partial
from ipaddress import IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from collector.web.renewed import Shown

log = logging.getLogger(__name__)

MOST, MOST_OF_ONE = 200, 40
"""Connections at once: in all, and from one address (`crowd`) that is not of this machine (a proxy's is)."""
SPARE = 40
"""The last so many places are for addresses of which nobody is inside yet."""
WORD_S = 10.0
"""So long may a handshake take, and so long a request to its last byte."""
TAKE_S = 30.0
"""So long may what was written wait to be taken."""
MOST_MESSAGE = 1 << 16
"""No message on a WebSocket is longer."""
STOP_S = 5
"""So long may the answers that are under way take when the server stops."""
LOOK_S = 60.0
"""How often it is seen whether there is another certificate to show."""
_OF_ONE_BITS = 64
_TICK_S = 0.1
"""uvicorn's."""
_PAUSE_S = 0.5
_SAID_EVERY_S = 60.0
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Door(socket.socket):
    """A listening socket that closes at once what is too many."""

    most, most_of_one, spare = MOST, MOST_OF_ONE, SPARE

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(fileno=listening.detach())
        self._inside: list[tuple[socket.socket, str]] = []
        self._full_at = self._said_at = float("-inf")

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises ConnectionAbortedError for one too many, which asyncio passes over."""
        made, address = self._accepted()
        self._inside = [each for each in self._inside if each[0].fileno() >= 0]
        ours = Counter(host for _, host in self._inside)
        host = crowd(str(address[0]))
        if len(self._inside) >= self._places(host, ours[host]):
            made.close()
            self._say(
                f"{len(self._inside)} connections are open, {ours[host]} of {host}: one more was closed"
            )
            raise ConnectionAbortedError
        self._inside.append((made, host))
        return made, address

    def _places(self, host: str, has: int) -> int:
        """How many may be inside before one more of an address that `has` so many already."""
        if has == 0 or _is_own(host):
            return self.most
        return self.most - self.spare if has < self.most_of_one else 0

    def _accepted(self) -> tuple[socket.socket, Any]:
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _FULL:
                raise
            # asyncio rests for a second, and says so, but tries on as often as the backlog is long before.
            now = time.monotonic()
            if now - self._full_at < _PAUSE_S:
                raise BlockingIOError from error
            self._full_at = now
            raise

    def _say(self, what: str) -> None:
        if time.monotonic() - self._said_at >= _SAID_EVERY_S:
            self._said_at = time.monotonic()
            log.warning("%s", what)


def crowd(host: str) -> str:
    """What an address counts as: of IPv6 its /64, because one machine may have all of that."""
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(found, IPv6Address) or found.is_loopback:
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((found, _OF_ONE_BITS), strict=False))


def _is_own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Patient(H11Protocol):
    """HTTP with an end to its patience, both ways, or the connection ends.

    A request is all there in ten seconds, and what is written is taken in thirty, also once it is closed.
    """

    word_s, take_s = WORD_S, TAKE_S
    _deadline: asyncio.TimerHandle | None = None
    _untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        # So it is paused as long as anything is untaken, be it little, be the connection closing. (Of 0
        # asyncio's TLS makes a pause without an end. To its closing it has an end of its own, 30 s, too.)
        transport.set_write_buffer_limits(high=1)
        self._await_word()

    def data_received(self, data: bytes) -> None:
        """Wait on while a request is not all there; between two of them uvicorn waits by itself."""
        super().data_received(data)
        # Of a request that becomes a WebSocket uvicorn reads no end: that one has its own patience.
        if self.transport.get_protocol() is self and self.conn.their_state in {h11.IDLE, h11.SEND_BODY}:
            self._await_word()
        else:
            self._stop_waiting()

    def pause_writing(self) -> None:
        """Something is not taken yet."""
        super().pause_writing()
        self._untaken = self.loop.call_later(self.take_s, self.transport.abort)

    def resume_writing(self) -> None:
        """All is taken."""
        self._stop_offering()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self._stop_waiting()
        self._stop_offering()
        super().connection_lost(exc)

    def _await_word(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.word_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_offering(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None


class PatientSocket(WebSocketsSansIOProtocol):
    """A WebSocket with the same end to its patience: what is written is taken in thirty seconds.

    Until it is taken nothing more is read: whoever sends pings gets no pongs piled up here.
    """

    take_s = TAKE_S
    _untaken: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Something is not taken yet."""
        super().pause_writing()
        self._untaken = self.loop.call_later(self.take_s, self.transport.abort)
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """All is taken."""
        self._stop_offering()
        super().resume_writing()
        if not self.read_paused:  # by uvicorn, until the application has taken what came
            self.transport.resume_reading()

    async def receive(self) -> ASGIReceiveEvent:
        """What came, for the application; uvicorn goes on to read after it."""
        came = await super().receive()
        if self._untaken is not None:
            self.transport.pause_reading()
        return came

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self._stop_offering()
        super().connection_lost(exc)

    def _stop_offering(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None


def settings(app: Any, cert_file: Path | None = None, key_file: Path | None = None) -> uvicorn.Config:  # noqa: ANN401 - uvicorn's own type
    """How uvicorn serves here."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Patient,
        ws=PatientSocket,
        ws_max_size=MOST_MESSAGE,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=cert_file,
        ssl_keyfile=key_file,
    )


class Server(uvicorn.Server):
    """A uvicorn that waits for a handshake as long as for a request, and for nobody when it stops.

    A certificate that took the place of the one it began with is shown to whoever comes after that.
    """

    look_s = LOOK_S

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._turned_at = time.monotonic()
        self._shown: Shown | None = None

    def still_s(self) -> float:
        """How long ago its loop turned last, in seconds; it does ten times a second."""
        return time.monotonic() - self._turned_at

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        self._turned_at = time.monotonic()
        if self._shown and counter % max(1, round(self.look_s / _TICK_S)) == 0:
            self._shown.look()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        if self.config.is_ssl:
            loop = asyncio.get_running_loop()
            # uvicorn passes no such bound on, and asyncio's own is a minute.
            patient = partial(loop.create_server, ssl_handshake_timeout=WORD_S)
            loop.create_server = patient  # type: ignore[method-assign]
            self._shown = _shown(self.config)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: who has not taken the answer in time is left."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _shown(config: uvicorn.Config) -> Shown | None:
    cert, key = config.ssl_certfile, config.ssl_keyfile
    return Shown(config.ssl, Path(cert), Path(key)) if config.ssl and cert and key else None


class Rarely(logging.Filter):
    """Lets asyncio say once a minute that the system has no more descriptors, not thousands of times."""

    _said_at = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it may be said."""
        if not str(record.msg).startswith("socket.accept() out of system resource"):
            return True
        now = time.monotonic()
        if now - self._said_at < _SAID_EVERY_S:
            return False
        self._said_at = now
        return True


class NoWebSockets(logging.Filter):
    """Keeps uvicorn from saying of each WebSocket whence it comes, and that it ends."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it may be said."""
        words = str(record.msg)
        return "WebSocket" not in words and not words.startswith("connection ")


def quieten() -> None:
    """Let asyncio's own log say no thing too often, and uvicorn's nothing of boxes that come and go."""
    uvicorns = logging.getLogger("uvicorn.error")
    if not any(isinstance(each, NoWebSockets) for each in uvicorns.filters):
        uvicorns.addFilter(NoWebSockets())
    asyncios = logging.getLogger("asyncio")
    if not any(isinstance(each, Rarely) for each in asyncios.filters):
        asyncios.addFilter(Rarely())
