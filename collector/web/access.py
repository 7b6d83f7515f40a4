"""Who may do what. On loopback everybody may everything; elsewhere a token says who asks.

A token comes as `Authorization: Bearer`, or after the login form as a cookie that no script can read and
that no other site's page can make a browser send. It is never in an address and never in a log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.tokens import Role, Token, TokenError, Tokens
from collector.web import forms, pages
from collector.web.guard import READING
from collector.web.troubles import API, Trouble

COOKIE = "__Host-firstbell"
"""The prefix makes browsers refuse it unless it is Secure, of this very host and of all its paths."""
LOGIN, LOGOUT = "/login", "/logout"
_STATIC = "/static/"
COOKIE_S = 12 * 3600
_MOST_WAITING = 32

Pause = Callable[[float], Awaitable[None]]


class Slowness:
    """What a wrong token costs: from one address half a second, then twice as much each time, up to 8 s.

    At most 32 wait; more than that are refused at once, so that waiting itself can't be used against us.
    """

    def __init__(self, pause: Pause = asyncio.sleep) -> None:
        self._pause = pause
        self._failed: dict[str, int] = {}
        self._waiting = 0

    async def wrong(self, address: str) -> bool:
        """Let a wrong try wait; False if too many wait already."""
        if len(self._failed) > 10 * _MOST_WAITING:
            self._failed.clear()
        count = self._failed[address] = self._failed.get(address, 0) + 1
        if self._waiting >= _MOST_WAITING:
            return False
        self._waiting += 1
        try:
            await self._pause(min(8.0, 0.25 * 2 ** min(count, 5)))
        finally:
            self._waiting -= 1
        return True

    def right(self, address: str) -> None:
        """A right token ends it."""
        self._failed.pop(address, None)


class Access:
    """Lets a request pass with `scope["state"]["role"]`, or refuses it: 401, 403, or the login form.

    At the paths in `free`, and below those in `free_under`, nobody is asked who they are.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Tokens | None,
        slowness: Slowness,
        free: frozenset[str] = frozenset(),
        free_under: tuple[str, ...] = (),
    ) -> None:
        self._app = app
        self._free = {LOGIN, LOGOUT, *free}
        self._free_under = (_STATIC, *free_under)
        self._tokens = tokens
        self._slowness = slowness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refusal = None
        if scope["type"] == "http":
            refusal = await self._refusal(scope)
        if refusal:
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        state, path = scope.setdefault("state", {}), str(scope["path"])
        state["role"], state["signed_in"] = None, False
        if self._tokens is None:
            state["role"] = "operator"
            return None
        if path in self._free or path.startswith(self._free_under):
            return None
        request = Request(scope)
        try:
            role = await self._role(request)
        except TokenError:
            return _damaged()
        if role is None:
            return _unknown(request)
        state["role"], state["signed_in"] = role, True
        return None if may(role, request.method) else _may_not()

    async def _role(self, request: Request) -> Role | None:
        sent = token_of(request.headers, request.cookies)
        if sent is None or self._tokens is None:
            return None
        address = request.client.host if request.client else ""
        if (found := self._tokens.find(sent)) is None:
            await self._slowness.wrong(address)
            return None
        self._slowness.right(address)
        return found.role


def may(role: Role, method: str) -> bool:
    """Whether that role may do that: everybody with a token reads, operators act."""
    return role == "operator" or method in READING


def token_of(headers: Headers, cookies: dict[str, str]) -> str | None:
    """The token that was sent; a header goes before a cookie. None if there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else cookies.get(COOKIE)


def _unknown(request: Request) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(API)
    if wants_page and request.method in READING:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{LOGIN}?next={quote(target, safe='')}", HTTPStatus.SEE_OTHER)
    what = "Send a token as `Authorization: Bearer ...`; `firstbell token add NAME` gives one."
    return _refused(401, "This wants a token.", what, {"WWW-Authenticate": "Bearer"})


def _may_not() -> Response:
    what = "Ask for a token with the role operator: `firstbell token add NAME --role operator`."
    return _refused(403, "This token may read, and not act.", what)


def _damaged() -> Response:
    return _refused(503, "The tokens can't be read.", "The file tokens.json is damaged.")


def _refused(status: int, error: str, what_to_do: str, headers: dict[str, str] | None = None) -> Response:
    trouble = Trouble(error=error, what_to_do=what_to_do)
    return Response(msgspec.json.encode(trouble), status, headers, media_type="application/json")


# --- the login form -----------------------------------------------------------------------------------


def routes(tokens: Tokens | None, slowness: Slowness) -> list[BaseRoute]:
    """The login form and its end; nothing where no token is asked for."""
    if tokens is None:
        return []

    async def login(request: Request) -> Response:
        if request.method != "POST":
            return _form(_local(request.query_params.get("next", "/")))
        fields = await forms.fields_of(request)
        target = _local(fields.get("next", "/"))
        token, address = fields.get("token", "").strip(), request.client.host if request.client else ""
        try:
            found: Token | None = tokens.find(token)
        except TokenError:
            return _damaged()
        if found is None:
            waited = await slowness.wrong(address)
            return _form(target, 401 if waited else 429, wrong=True)
        slowness.right(address)
        answer = RedirectResponse(target, HTTPStatus.SEE_OTHER)
        answer.set_cookie(COOKIE, token, COOKIE_S, secure=True, httponly=True, samesite="strict")
        return answer

    async def logout(_request: Request) -> Response:
        answer = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="strict")
        return answer

    return [
        Route(LOGIN, login, methods=["GET", "POST"], include_in_schema=False),
        Route(LOGOUT, logout, methods=["POST"], include_in_schema=False),
    ]


def _form(target: str, status: int = 200, *, wrong: bool = False) -> Response:
    template = pages.ENVIRONMENT.get_template("login.html")
    return HTMLResponse(template.render(next=target, wrong=wrong), status)


def _local(target: str) -> str:
    """Where to go after the login: a path of ours, else the first page."""
    if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return quote(target, safe="/?&=%-._~+,:")
    return "/"
