"""The proxy through which a school's HTTPS leaves, and single requests that go through it."""

import http.client
import socket
import ssl
import time
import urllib.request
from base64 import b64encode
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from agent.machine.page import Deadline, TimedLine

_HTTP = 80


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that is asked to CONNECT."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What it is shown."""
        if not self.user:
            return {}
        both = b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {both}"}

    @property
    def place(self) -> str:
        """Host and port, as in an address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def proxy_at(url: str) -> Proxy:
    """The proxy of an address such as http://user:password@proxy.example.org:3128. Raises ValueError."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("a proxy's address begins with http:// and names a host")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(parts.hostname, parts.port or _HTTP, user, password)


def proxy_of_environment(host: str) -> Proxy | None:
    """What HTTPS_PROXY (on a laptop: the system) says, unless NO_PROXY names `host`. Raises ValueError."""
    named = getproxies().get("https")
    return proxy_at(named) if named and not proxy_bypass(host) else None


class Requests:
    """Opens single HTTPS requests at servers that `tls` believes, through `proxy` if there is one.

    No redirect is followed: what is sent goes where the card says, and nowhere else. With `within_s` that is
    the bound in seconds for all that is asked here, however slowly it comes; `close` hangs up then.
    """

    def __init__(self, tls: ssl.SSLContext, proxy: Proxy | None = None, within_s: float = 0.0) -> None:
        self._proxy = proxy
        self._bounded = _Bounded(tls, within_s) if within_s else None
        lines = self._bounded or urllib.request.HTTPSHandler(context=tls)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), lines, _Straight)

    def close(self) -> None:
        """Hang up."""
        if self._bounded:
            self._bounded.close()

    def open(self, asked: urllib.request.Request, timeout: float) -> HTTPResponse:
        """The answer, each step of it within `timeout` seconds. Raises OSError, http.client.HTTPException."""
        if self._proxy:
            for name, value in self._proxy.headers.items():
                asked.add_header(name, value)  # the library tells it to the proxy alone
            asked.set_proxy(self._proxy.place, "http")
        return cast("HTTPResponse", self._opener.open(asked, timeout=timeout))


class _Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        """Stay."""


class _Bounded(urllib.request.HTTPSHandler):
    """One bound for all of an answer: whoever answers in the district's place may let a page drip."""

    def __init__(self, tls: ssl.SSLContext, within_s: float) -> None:
        super().__init__(context=tls)
        self._tls, self._deadline = tls, Deadline(time.monotonic, within_s)
        self._opened: list[socket.socket] = []

    def https_open(self, asked: urllib.request.Request) -> http.client.HTTPResponse:
        """Ask."""
        return self.do_open(self._made, asked, context=self._tls)  # type: ignore[arg-type]  # urllib passes these two

    def _made(self, host: str, *, timeout: float, context: ssl.SSLContext) -> "_Connection":
        made = _Connection(host, timeout=timeout, context=context)
        made.deadline, made.opened = self._deadline, self._opened
        return made

    def close(self) -> None:
        """Hang up."""
        for each in self._opened:
            each.close()


class _Connection(http.client.HTTPSConnection):
    """A connection on which every step has what is left of the bound."""

    deadline: Deadline
    opened: list[socket.socket]

    def connect(self) -> None:
        """Connect, TLS done."""
        super().connect()
        self.opened.append(self.sock)
        self.sock = TimedLine(self.sock, self.deadline)
