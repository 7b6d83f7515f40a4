"""Where boxes come for updates: the signed offer and its archives. Anybody may have them.

What is handed out is signed, and is nothing but First Bell's own wheels and public ones. So that nobody can
keep the web server busy with it, few get an archive at once, and none for longer than half an hour.
"""

import asyncio
from collections import Counter
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from collector.updates import FOLDER, OFFER
from collector.web.health import Parts
from firstbell.update import DIGEST

PATH_OFFER, PATH_ARCHIVE = "/updates/offer", "/updates/archive"
OPEN = frozenset({PATH_OFFER, PATH_ARCHIVE})
"""Paths at which no token of the pages' is asked for."""
MOST_AT_ONCE, MOST_FROM_ONE = 16, 4
"""Archives on their way, and those to one address (a school's boxes often share one)."""
LONGEST_S = 1800.0


class Slots:
    """Who gets an archive now."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Whether there is room for one more to that address; it is taken then."""
        if self._taken.total() >= MOST_AT_ONCE or self._taken[address] >= MOST_FROM_ONE:
            return False
        self._taken[address] += 1
        return True

    def free(self, address: str) -> None:
        """That one has ended."""
        self._taken[address] -= 1
        if not self._taken[address]:
            del self._taken[address]


class Bounded:
    """An archive on its way: in a slot, and cut off after half an hour."""

    def __init__(self, path: Path, slots: Slots, address: str, longest_s: float = LONGEST_S) -> None:
        self._file = FileResponse(path, media_type="application/x-tar")
        self._slots, self._address, self._longest_s = slots, address, longest_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, if there is room."""
        if not self._slots.take(self._address):
            busy = _said(HTTPStatus.SERVICE_UNAVAILABLE, "too many boxes at once: ask again later")
            busy.headers["Retry-After"] = "600"
            await busy(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._longest_s):
                await self._file(scope, receive, send)
        except TimeoutError:
            return  # the connection is closed with less than was promised, and the box asks for the rest
        finally:
            self._slots.free(self._address)


def machines(parts: Parts) -> list[BaseRoute]:
    """The two paths for boxes."""
    folder, slots = parts.folder / FOLDER, Slots()

    async def offer(_request: Request) -> Response:
        try:
            return PlainTextResponse((folder / OFFER).read_bytes())
        except OSError:
            return _said(HTTPStatus.NOT_FOUND, "nothing is offered")

    async def archive(request: Request) -> Response | Bounded:
        digest = request.query_params.get("sha256", "")
        path = folder / f"{digest}.tar"
        if not DIGEST.match(digest) or not path.is_file():
            return _said(HTTPStatus.NOT_FOUND, "there is no such archive")
        return Bounded(path, slots, request.client.host if request.client else "")

    return [
        Route(PATH_OFFER, offer, methods=["GET"], include_in_schema=False),
        Route(PATH_ARCHIVE, archive, methods=["GET"], include_in_schema=False),
    ]


def _said(status: HTTPStatus, words: str) -> Response:
    return PlainTextResponse(f"{words}\n", status)
