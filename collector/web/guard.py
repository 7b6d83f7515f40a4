"""Keeps web pages from elsewhere out, and out of a server that asks for no token, other names too.

A browser can be made to talk to any address by any page it shows. It then says so: in `Host`, when the
page's own name was pointed here (DNS rebinding), in `Origin`, and in `Sec-Fetch-Site`.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.web.troubles import API, Trouble

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
READING = frozenset({"GET", "HEAD"})
_OURS = frozenset({"same-origin", "none"})
"""`none`: somebody typed the address."""


class Guard:
    """Answers 421 to a `Host` that is none of `hosts`, and 403 to a page of another origin.

    `hosts` is None where tokens guard the server: then any name may be its own.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None = LOOPBACK) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and (refusal := self._refusal(scope, Headers(scope=scope))):
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._known(hosts[0]):
            return _refuse(scope, 421, "this server answers to loopback names only")
        own = f"{scope['scheme']}://{hosts[0]}".lower()
        if any(origin.lower() != own for origin in headers.getlist("origin")) or _from_elsewhere(
            scope, headers
        ):
            return _refuse(scope, 403, "a page from elsewhere may not ask")
        return None

    def _known(self, host: str) -> bool:
        name = _name("//" + host)
        return bool(name) if self._hosts is None else name in self._hosts


def _refuse(scope: Scope, status: int, why: str) -> Response:
    """The refusal, to a program as the API's document promises it."""
    if not scope["path"].startswith(API):
        return PlainTextResponse(f"{why}\n", status)
    trouble = Trouble(error=why, what_to_do="Ask from this machine, by its own name, and from no other page.")
    return Response(msgspec.json.encode(trouble), status, media_type="application/json")


def _from_elsewhere(scope: Scope, headers: Headers) -> bool:
    """Whether a page of another site asks, for anything but to be left for ours by a link."""
    if headers.get("sec-fetch-site", "none") in _OURS:
        return False
    follows_a_link = (
        headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )
    return not (follows_a_link and scope["method"] in READING)


def _name(url: str) -> str | None:
    """The host in a URL, without its port; None if there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
