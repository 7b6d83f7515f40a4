"""An opener for urllib whose connections are counted by a meter, for engines that are made of urllib.

It goes by the proxy of the environment and checks certificates, as urllib does by itself.
"""

import array
import contextlib
import http.client
import socket
import ssl
import struct
import sys
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, cast

from agent.load.meter import Meter, Phase

if sys.platform != "win32":
    import fcntl
    import termios

_THROW_AWAY = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing discards what was not sent, instead of sending it behind our back."""


class BadPageError(http.client.HTTPException):
    """The server answered with an error, or with a page where a file was asked for."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def metered_opener(
    meter: Meter, timeout_s: float, seen: Callable[[str], None]
) -> urllib.request.OpenerDirector:
    """An opener for http and https alone, which follows no redirect: what a server says sends a box nowhere.

    `timeout_s` bounds each step of a socket; `seen` is told the address of each peer.
    """
    shared = _Shared(meter, timeout_s, seen)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(shared),
        _Https(shared),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _Shared(NamedTuple):
    """What all connections of an opener have in common."""

    meter: Meter
    step_s: float
    seen: Callable[[str], None]


class _Http(urllib.request.HTTPHandler):
    def __init__(self, shared: _Shared) -> None:
        super().__init__()
        self._connection = partial(_Metered, shared=shared)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, shared: _Shared) -> None:
        super().__init__()
        # One context for all: each one of its own would read the system's certificates again.
        self._connection = partial(_MeteredTls, shared=shared, context=ssl.create_default_context())

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req)


class _Response(http.client.HTTPResponse):
    """Counts what is read, and notices when less comes than was promised."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
        *,
        meter: Meter,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self._meter, self._line = meter, sock
        self._phase = meter.enter(self)

    def read(self, amt: int | None = None) -> bytes:
        try:
            data = super().read(amt)
        except (OSError, http.client.HTTPException) as trouble:
            self._meter.broke(trouble)
            raise
        self._meter.count(received=len(data))
        if amt and not data and self.length:
            # http.client says nothing when a connection ends before its time.
            self._meter.broke(ConnectionResetError())
        return data

    def close(self) -> None:
        if self.fp is not None:
            self._meter.count(unread=_held(self._line, "FIONREAD"))
        self._meter.leave(self, self._phase)
        super().close()

    def cut(self) -> int:
        """Wake whoever waits for more of it."""
        _shut(self._line)
        return 0


class _Metered(http.client.HTTPConnection):
    """What both kinds of connection do beside http.client's work."""

    def __init__(self, host: str, *, shared: _Shared, timeout: float | None = None) -> None:
        del timeout  # urllib's, which knows of none
        super().__init__(host, timeout=shared.step_s)
        self._share(shared)

    def _share(self, shared: _Shared) -> None:
        self._meter, self._seen = shared.meter, shared.seen
        self.response_class = partial(_Response, meter=shared.meter)  # type: ignore[assignment]
        self._phase: Phase | None = None
        self._is_get = False

    def putrequest(
        self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False
    ) -> None:
        self._is_get = method == "GET"
        super().putrequest(method, url, skip_host, skip_accept_encoding)

    def connect(self) -> None:
        self._meter.began()
        with self._telling():
            super().connect()
        self._seen(self.sock.getpeername()[0])
        self._phase = self._meter.enter(self)

    def send(self, data: Any) -> None:  # noqa: ANN401 - as http.client has it; bytes are what comes
        if self.sock is None:
            self.connect()
        with self._telling():
            super().send(data)
        self._meter.count(sent=len(data))

    def getresponse(self) -> _Response:
        with self._telling():
            response = cast(_Response, super().getresponse())
        # From here on the response alone is under way; urllib forgets the connection without closing it.
        self._leave()
        page = response.status == http.client.OK and response.headers.get_content_type() == "text/html"
        if response.status >= http.client.BAD_REQUEST or (page and self._is_get):
            self._meter.broke(BadPageError(response.status))
        return response

    def close(self) -> None:
        if self._leave() and self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _THROW_AWAY)
        super().close()

    def cut(self) -> int:
        """Wake whoever waits to send more by it."""
        held = _held(self.sock, "TIOCOUTQ")
        _shut(self.sock)
        return held

    def _leave(self) -> int:
        """This is no longer under way; how much it leaves in the kernel's hands."""
        phase, self._phase = self._phase, None
        held = _held(self.sock, "TIOCOUTQ")
        if phase and self._meter.leave(self, phase):
            self._meter.count(unsent=held)
        return held

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as trouble:
            self._meter.broke(trouble)
            raise


class _MeteredTls(_Metered, http.client.HTTPSConnection):
    """The same over TLS; the order of the bases makes this count what the wrapped socket carries."""

    def __init__(
        self, host: str, *, shared: _Shared, context: ssl.SSLContext, timeout: float | None = None
    ) -> None:
        del timeout
        http.client.HTTPSConnection.__init__(self, host, timeout=shared.step_s, context=context)
        self._share(shared)


def _shut(sock: socket.socket | None) -> None:
    if sock is not None:
        # The plain socket's method: an SSLSocket's would take the keys away from a thread that reads.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _held(sock: socket.socket | None, request: str) -> int:
    """Bytes that the kernel holds for `sock`: FIONREAD unread, TIOCOUTQ unacknowledged; 0 if untold."""
    if sys.platform == "win32" or sock is None:
        return 0
    count = array.array("i", [0])
    with contextlib.suppress(OSError, ValueError):
        fcntl.ioctl(sock, getattr(termios, request), count)
    return count[0]
