"""The proxy through which a school's HTTPS leaves, and single requests that go through it."""

import ssl
import urllib.request
from base64 import b64encode
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

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

    No redirect is followed: what is sent goes where the card says, and nowhere else.
    """

    def __init__(self, tls: ssl.SSLContext, proxy: Proxy | None = None) -> None:
        self._proxy = proxy
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls), _Straight
        )

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
