"""Two ways in for boxes whose network lets nothing out but HTTPS.

`/uplink/mqtt` is a WebSocket that passes bytes to the district's broker and back, and nowhere else; a box
speaks its own TLS with the broker inside, so that its certificate counts as it always does. `/uplink/letter`
takes one signed message a request. Boxes have no token of the pages': what is signed, or what the broker
checks, says who they are.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from collector.identity.signing import CallerError
from collector.letters import Broker, Letters, StaleError
from collector.store.errors import StoreError
from collector.web.access import Slowness
from collector.web.door import crowd
from collector.web.health import Parts
from collector.web.troubles import Trouble
from firstbell import letter
from firstbell.letter import Letter, LetterError
from firstbell.wire import Answer, WireError

OPEN = frozenset({letter.PATH})
"""Paths at which no token of the pages' is asked for."""
MOST_RELAYS, MOST_RELAYS_OF_ONE = 100, 25
"""WebSockets at once, in all and from one address: fewer than the door's places, so that pages and letters
have some. A box that finds no place brings letters."""
MOST_LETTERS, MOST_LETTERS_OF_ONE = 64, 4
"""Letters under way, in all and of one box, which brings two at a time."""
IDLE_S = 90.0
"""A box asks the broker each 20 s whether it is there."""
FIRST_S = 15.0
"""A broker answers a handshake within this: whoever opens none is no box."""
CONNECT_S, TAKE_S = 10.0, 30.0
ANSWER_S = 15.0
"""So long may keeping a batch take; then the box comes again with it."""
ASK_S = 2.0
"""So long a question about a lease waits for its answer."""
AGAIN_S = 30
_BUFFER = 1 << 14

log = logging.getLogger(__name__)


def machines(parts: Parts, slowness: Slowness) -> list[BaseRoute]:
    """The two ways; nothing where the district has no authority of its own."""
    letters = parts.letters
    if letters is None:
        return []
    desk = _Desk(letters, slowness)
    routes: list[BaseRoute] = [Route(letter.PATH, desk.take, methods=["POST"], include_in_schema=False)]
    if letters.broker:
        routes.append(WebSocketRoute(letter.TUNNEL, Relays(letters.broker).relay))
    return routes


# --- letters ----------------------------------------------------------------------------------------------


class _Desk:
    """Takes letters, in threads of its own, so many at a time."""

    def __init__(self, letters: Letters, slowness: Slowness) -> None:
        self._letters, self._slowness = letters, slowness
        self._pool = ThreadPoolExecutor(8, "letters")
        self._under_way = 0
        self._of_box: Counter[str] = Counter()

    async def take(self, request: Request) -> Response:
        """One letter and its reply, or what is wrong with it."""
        try:
            came = letter.read_letter(await _body(request))
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except _TooLongError:
            return _no(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "this is too long for a letter")
        except LetterError as error:
            return _no(HTTPStatus.BAD_REQUEST, str(error))
        if self._under_way >= MOST_LETTERS:
            return _busy("too many boxes bring something at this moment")
        self._under_way += 1
        try:
            return await self._taken(came, _address(request))
        finally:
            self._under_way -= 1

    async def _taken(self, came: Letter, address: str) -> Response:
        try:
            agent = await self._apart(self._letters.caller, came)
        except StoreError as error:
            return _busy(f"the journal can't be read: {error}")
        except CallerError as error:
            self._letters.refused += 1
            await self._slowness.wrong(address)
            return _no(HTTPStatus.FORBIDDEN, str(error))
        if came.head.verb == "state" and not came.head.moment.run:
            return _reply(await self._apart(self._letters.greet, agent, came))
        try:
            self._letters.fresh(agent, came)
        except StaleError as error:
            return _no(HTTPStatus.CONFLICT, str(error))
        if self._of_box[agent] >= MOST_LETTERS_OF_ONE:
            return _busy("this box brings too much at this moment")
        self._of_box[agent] += 1
        try:
            return await self._answered(agent, came)
        finally:
            self._of_box[agent] -= 1
            self._of_box += Counter()  # without those that have none

    async def _answered(self, agent: str, came: Letter) -> Response:
        try:
            answer = await self._said(agent, came)
        except WireError as error:
            return _no(HTTPStatus.BAD_REQUEST, str(error))
        except TimeoutError:
            return _busy("the journal takes too long to keep it")
        self._letters.taken += 1
        body = await self._apart(self._letters.reply, agent, came, answer)
        return _reply(body)

    async def _said(self, agent: str, came: Letter) -> Answer | None:
        if came.head.verb == "state":
            return self._letters.state(agent, came)
        if came.head.verb == "lease/ask":
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(self._letters.ask(agent, came)), ASK_S)
            return None
        settled: Future[Answer | None] = Future()
        async with asyncio.timeout(ANSWER_S):
            pending = await self._apart(self._letters.report, agent, came)
            pending.then(lambda answer: _settle(settled, answer))
            answer = await asyncio.wrap_future(settled)
        if answer is None:
            raise WireError("this is no batch of this box's: it was set aside")
        return answer

    async def _apart(self, work: Any, *told: Any) -> Any:  # noqa: ANN401 - whatever is done there
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *told)


def _settle(settled: "Future[Answer | None]", answer: Answer | None) -> None:
    """Whoever waited may be gone."""
    if settled.set_running_or_notify_cancel():
        settled.set_result(answer)


def _address(asks: HTTPConnection) -> str:
    """Whence it comes, as it is counted."""
    return crowd(asks.client.host) if asks.client else ""


class _TooLongError(Exception):
    """Longer than any letter."""


async def _body(request: Request) -> bytes:
    """The request's body. Raises _TooLongError before more than a letter is in memory."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > letter.LETTER_BYTES:
            raise _TooLongError
    return body


def _no(status: HTTPStatus, why: str, headers: dict[str, str] | None = None) -> Response:
    """A box shows it to whoever looks after it."""
    what = "The box keeps its reports, and tries again. `firstbell-agent check` on it says how it stands."
    body = msgspec.json.encode(Trouble(error=why, what_to_do=what))
    return Response(body, status, headers, media_type="application/json")


def _reply(body: bytes) -> Response:
    return Response(body, media_type="application/octet-stream")


def _busy(why: str) -> Response:
    return _no(HTTPStatus.SERVICE_UNAVAILABLE, why, {"Retry-After": str(AGAIN_S)})


# --- WebSockets -------------------------------------------------------------------------------------------


class Relays:
    """Passes bytes between WebSockets and the broker. At most a few kilobytes of each are under way."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._open: Counter[str] = Counter()

    async def relay(self, line: WebSocket) -> None:
        """One box's bytes, until either side ends, or nothing comes for long."""
        if line.headers.getlist("origin"):
            await _denied(line, HTTPStatus.FORBIDDEN, "no page may ask")
            return
        async with self._place(_address(line)) as found:
            if not found:
                await _denied(line, HTTPStatus.SERVICE_UNAVAILABLE, "no place for one more")
                return
            try:
                opened = asyncio.open_connection(self._broker.host, self._broker.port, limit=_BUFFER)
                reader, writer = await asyncio.wait_for(opened, CONNECT_S)
            except OSError:  # TimeoutError is one
                await _denied(line, HTTPStatus.BAD_GATEWAY, "the broker can't be reached")
                return
            try:
                await line.accept()
                await _first(_up(line, writer), _down(line, reader))
            finally:
                writer.transport.abort()
                with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                    await asyncio.wait_for(line.close(), CONNECT_S)

    @asynccontextmanager
    async def _place(self, address: str) -> AsyncIterator[bool]:
        if self._open.total() >= MOST_RELAYS or self._open[address] >= MOST_RELAYS_OF_ONE:
            yield False
            return
        self._open[address] += 1
        try:
            yield True
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


async def _up(line: WebSocket, writer: asyncio.StreamWriter) -> None:
    while True:
        data = await asyncio.wait_for(line.receive_bytes(), IDLE_S)
        writer.write(data)
        await asyncio.wait_for(writer.drain(), TAKE_S)


async def _down(line: WebSocket, reader: asyncio.StreamReader) -> None:
    within_s: float | None = FIRST_S
    while data := await asyncio.wait_for(reader.read(_BUFFER), within_s):
        within_s = None
        await asyncio.wait_for(line.send_bytes(data), TAKE_S)


async def _first(*ways: Awaitable[None]) -> None:
    """Until one of them ends; then the other is ended."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception) and not isinstance(ended, _ENDS):
                log.error("a relay ended in a way that nobody thought of", exc_info=ended)


_ENDS = (WebSocketDisconnect, OSError, KeyError, RuntimeError)
"""The box's end, the broker's, too long a silence, and text where bytes belong (Starlette's KeyError)."""


async def _denied(line: WebSocket, status: HTTPStatus, why: str) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):
        await line.send_denial_response(_no(status, why))
