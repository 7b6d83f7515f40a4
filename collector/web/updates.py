"""Where boxes come for updates: the signed offer and its archives. Anybody may have them.

What is handed out is signed, and is nothing but First Bell's own wheels and public ones. So that nobody can
keep the web server busy with it, few get an archive at once, and none for longer than half an hour.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from collector.updates import FOLDER, OFFER
from collector.web.health import Parts
from firstbell.update import DIGEST

PATH_OFFER, PATH_ARCHIVE = "/updates/offer", "/updates/archive"
OPEN = frozenset({PATH_OFFER, PATH_ARCHIVE})
"""Paths at which no token of the pages' is asked for."""
MOST_AT_ONCE, MOST_FROM_ONE = 16, 4
"""Archives on their way, and those to one address (a school's boxes often share one)."""
LONGEST_S = 1800.0
LEAST_PACE, GRACE_S = 256_000.0, 20.0
"""Bytes a second. Who takes fewer, after the first seconds, makes room where there is none left."""


class _Sending:
    """An archive on its way: since when (the loop's clock, in seconds), how much of it went, and its end."""

    def __init__(self, address: str, ends: asyncio.Timeout) -> None:
        self.address, self._ends = address, ends
        self._loop = asyncio.get_running_loop()
        self._since, self._sent = self._loop.time(), 0

    def went(self, octets: int) -> None:
        """So much more was taken."""
        self._sent += octets

    @property
    def dawdles(self) -> bool:
        """Whether it has taken its time, and too little came of it."""
        lasted = self._loop.time() - self._since
        return lasted > GRACE_S and self._sent / lasted < LEAST_PACE

    def cut_off(self) -> None:
        """End it now."""
        self._ends.reschedule(self._loop.time())


class Slots:
    """Who gets an archive now. Where all slots are taken, who dawdles goes."""

    def __init__(self) -> None:
        self._sending: list[_Sending] = []

    def has_room(self, address: str) -> bool:
        """Whether there is room for one more to that address; makes some where somebody dawdles."""
        if sum(each.address == address for each in self._sending) >= MOST_FROM_ONE:
            return False
        if len(self._sending) < MOST_AT_ONCE:
            return True
        slow = [each for each in self._sending if each.dawdles]
        for each in slow:
            each.cut_off()
            self._sending.remove(each)
        return bool(slow)

    @asynccontextmanager
    async def taken(self, address: str, longest_s: float) -> AsyncIterator[_Sending]:
        """A slot until its end. Raises TimeoutError where it lasts longer, or dawdles."""
        async with asyncio.timeout(longest_s) as ends:
            one = _Sending(address, ends)
            self._sending.append(one)
            try:
                yield one
            finally:
                if one in self._sending:
                    self._sending.remove(one)


class Bounded:
    """An archive on its way: in a slot, and cut off after half an hour."""

    def __init__(self, path: Path, slots: Slots, address: str, longest_s: float = LONGEST_S) -> None:
        self._file = FileResponse(path, media_type="application/x-tar")
        self._slots, self._address, self._longest_s = slots, address, longest_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, if there is room."""
        if not self._slots.has_room(self._address):
            busy = _said(HTTPStatus.SERVICE_UNAVAILABLE, "too many boxes at once: ask again later")
            busy.headers["Retry-After"] = "600"
            await busy(scope, receive, send)
            return
        # Else the connection is closed with less than was promised, and the box asks for the rest.
        with suppress(TimeoutError):
            async with self._slots.taken(self._address, self._longest_s) as one:

                async def counted(message: Message) -> None:
                    await send(message)
                    one.went(len(message.get("body", b"")))

                await self._file(scope, receive, counted)


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
