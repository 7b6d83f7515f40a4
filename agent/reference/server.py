"""The reference server: one port, TCP for sessions and guests, UDP for echoes; one thread, one loop."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from agent.machine.clock import SystemClock
from agent.reference.connection import Connection
from agent.reference.echo import Echo, plain
from agent.reference.events import Events
from agent.reference.guests import Guests, IPNetwork
from agent.reference.limits import (
    ACCEPTED_AT_ONCE,
    BACKLOG,
    MOST_CONNECTIONS,
    MOST_STRANGERS,
    MOST_STRANGERS_AN_ADDRESS,
    SILENT_MS,
    UNSENT_BYTES,
)
from agent.reference.sessions import Sessions
from agent.reference.tickets import Tickets, key_in
from firstbell.settings import SettingsError

if sys.platform != "win32":
    import resource

_SPARE_FILES = 64
_TRIES = 20
_PAUSE_S = 0.5
_KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
_NOTSENT_LOWAT = 25
"""linux/tcp.h; the standard library's name for it came later than ours."""


class Settings(NamedTuple):
    """How it is started. `name` is what tickets call this server; `host` empty: all addresses."""

    name: str
    key: Path
    host: str
    port: int
    networks: Sequence[IPNetwork] = ()


class Server:
    """What all connections share, and the book of them. Made inside a running loop."""

    def __init__(self, settings: Settings, listener: socket.socket, echo: socket.socket) -> None:
        clock = SystemClock()
        self.name = settings.name
        self.events = Events(time.monotonic)
        self.tickets = Tickets(
            key_in(settings.key),
            settings.name,
            lambda: clock.stamp().wall_ns,
            lambda: clock.stamp().boottime_ns,
        )
        self.guests = Guests(settings.networks, time.monotonic)
        self.sessions = Sessions(self.events, self.guests.cut)
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._most = _allowed_connections()
        self._all: set[Connection] = set()
        self._strangers: dict[Connection, None] = {}
        """In the order in which they came."""
        self._of: Counter[str] = Counter()
        self._loop.set_exception_handler(self._failed)
        self._loop.add_reader(listener, self._accept)
        self._loop.add_reader(echo, Echo(echo, self.sessions).ready)

    # --- the book ------------------------------------------------------------------------------------------

    def known(self, connection: Connection) -> None:
        """It is no stranger any more, or is busy as a guest."""
        if connection in self._strangers:
            del self._strangers[connection]
            self._of[connection.address] -= 1
            if not self._of[connection.address]:
                del self._of[connection.address]

    def strange(self, connection: Connection) -> None:
        """It is a stranger (again): if there are too many of them, the oldest has to go."""
        address = connection.address
        self._strangers[connection] = None
        self._of[address] += 1
        if self._of[address] > MOST_STRANGERS_AN_ADDRESS:
            self._evict(next(each for each in self._strangers if each.address == address))
        elif len(self._strangers) > MOST_STRANGERS:
            self._evict(next(iter(self._strangers)))

    def closed(self, connection: Connection) -> None:
        """It is gone."""
        self.known(connection)
        self._all.discard(connection)

    def _evict(self, connection: Connection) -> None:
        self.known(connection)
        connection.cut()
        self.events.tell_sparingly("crowd", "too many connections that say nothing: the oldest are cut")

    def _failed(self, _loop: asyncio.AbstractEventLoop, trouble: dict[str, Any]) -> None:
        """Something in the loop itself went wrong: a line, and on it goes."""
        self.events.tell_sparingly("loop", f"the loop failed: {trouble.get('exception')!r}")

    # --- what comes ----------------------------------------------------------------------------------------

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, sender = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no files, no memory: rest a little
                self.events.tell_sparingly("accept", f"no connection can be taken: {error.strerror}")
                self._loop.remove_reader(self._listener)
                self._loop.call_later(_PAUSE_S, self._loop.add_reader, self._listener, self._accept)
                return
            self._take(sock, plain(sender[0]))

    def _take(self, sock: socket.socket, address: str) -> None:
        if len(self._all) >= self._most:
            self.events.tell_sparingly("full", "too many connections: one was closed at once")
            sock.close()
            return
        sock.setblocking(False)
        connection = Connection(sock, address, self)
        self._all.add(connection)
        self.strange(connection)

    def close(self) -> None:
        """End everything that is open."""
        self.sessions.end_all()
        for connection in list(self._all):
            connection.cut()


async def serve(settings: Settings, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `ready` is told the port. Raises SettingsError."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        else:
            loop.add_signal_handler(number, stop.set)
    with contextlib.ExitStack() as stack:
        try:
            listener, echo = stack.enter_context(listening(settings.host, settings.port))
        except socket.gaierror as error:
            raise SettingsError(f"host {settings.host}", ["there is no such name or address"]) from error
        except OSError as error:
            raise SettingsError(f"port {settings.port}", [_why(error)]) from error
        server = Server(settings, listener, echo)
        ready(listener.getsockname()[1])
        await stop.wait()
        loop.remove_reader(listener)
        loop.remove_reader(echo)
        server.close()
        await asyncio.sleep(0.1)  # for the connections to be closed


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program uses it: name another one with --port, or end that one"
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


def run(settings: Settings, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises SettingsError."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(serve(settings, ready))


# --- sockets ----------------------------------------------------------------------------------------------


@contextmanager
def listening(host: str, port: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP and a UDP socket on the same port; 0 is any that is free for both. Raises OSError."""
    for last in range(_TRIES - 1, -1, -1):
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(_listener(host, port))
            try:
                echo = stack.enter_context(_echo(listener))
            except OSError:
                if port or not last:
                    raise
                continue
            yield listener, echo
            return


def _listener(host: str, port: int) -> socket.socket:
    family, address = _place(host, port)
    both = family == socket.AF_INET6 and not host
    sock = socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    sock.setblocking(False)
    # Each connection begins with what its listener had.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_MS)
        sock.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT_BYTES)
    return sock


def _place(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    if not host:
        return (socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET), ("", port)
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, (str(address[0]), port)


def _echo(listener: socket.socket) -> socket.socket:
    sock = socket.socket(listener.family, socket.SOCK_DGRAM)
    try:
        if listener.family == socket.AF_INET6:
            only = listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        sock.bind(listener.getsockname())
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _allowed_connections() -> int:
    """As many connections as this process may have files for, and we want to have."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + _SPARE_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MOST_CONNECTIONS, soft - _SPARE_FILES)
