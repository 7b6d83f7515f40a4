"""Keeps web pages from elsewhere out of a server that asks for no token.

A browser on this machine can be made to talk to 127.0.0.1 by any page it shows. It then says so: in
`Host`, when the page's own name was pointed at 127.0.0.1, and in `Origin`.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Guard:
    """Answers 421 to a `Host` that is none of `hosts`, and 403 to a page of another origin."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = LOOPBACK) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and (refusal := self._refusal(Headers(scope=scope))):
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name("//" + hosts[0]) not in self._hosts:
            return PlainTextResponse("this server answers to loopback names only\n", 421)
        if any(_name(origin) not in self._hosts for origin in headers.getlist("origin")):
            return PlainTextResponse("a page from elsewhere may not ask\n", 403)
        return None


def _name(url: str) -> str | None:
    """The host in a URL, without its port; None if there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
