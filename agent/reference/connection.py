"""One connection: its requests one after the other, each within its time."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from agent.load import protocol
from agent.reference import bulk, guests, http
from agent.reference.events import Events
from agent.reference.guests import Guests
from agent.reference.http import RefusedError, Request
from agent.reference.limits import (
    FAREWELL_S,
    FAREWELL_STRANGER_S,
    GUEST_S,
    HEAD_S,
)
from agent.reference.line import Line
from agent.reference.sessions import Session, Sessions
from agent.reference.tickets import Tickets
from firstbell.ticket import Ticket, TicketError

_METHODS = {
    protocol.SESSION: "POST",
    protocol.ECHO: "GET",
    protocol.COUNTS: "GET",
    protocol.STOP: "POST",
    protocol.DOWN: "GET",
    protocol.UP: "POST",
    protocol.TAKE: "GET",
    protocol.GIVE: "POST",
}


class Shop(Protocol):
    """What all connections share."""

    name: str
    tickets: Tickets
    sessions: Sessions
    guests: Guests
    events: Events

    def known(self, connection: "Connection") -> None:
        """It is no stranger any more, or is busy as a guest."""

    def strange(self, connection: "Connection") -> None:
        """It is a stranger (again)."""

    def closed(self, connection: "Connection") -> None:
        """It is gone."""


class Connection:
    """What comes over one socket, and what is answered."""

    def __init__(self, sock: socket.socket, address: str, shop: Shop) -> None:
        self.sock, self.address = sock, address
        self.gives = False
        self._shop = shop
        self._line = Line(sock)
        self._session: Session | None = None
        self._opened = False
        self._task = asyncio.get_running_loop().create_task(self._serve())
        self._task.add_done_callback(self._close)  # not `finally`: it may be cut before it has begun

    def cut(self) -> None:
        """End it at once; what the kernel still holds for it is thrown away."""
        self._line.torn = True
        self._task.cancel()

    async def _serve(self) -> None:
        try:
            while await self._one():
                pass
        except RefusedError as error:
            with contextlib.suppress(OSError):
                await self._line.say(http.refusal(error))
                await self._line.farewell(FAREWELL_STRANGER_S)
        except OSError:  # it is gone, or too slow (TimeoutError)
            self._line.torn = True

    def _close(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._line.torn = True
            self._shop.events.tell_sparingly("failure", f"a connection failed: {error!r}")
        if self._session and self._opened:
            self._shop.sessions.forget(self._session)
        if self._session:
            self._session.leave(self)
        self._shop.closed(self)
        self._line.close()

    # --- one request ---------------------------------------------------------------------------------------

    async def _one(self) -> bool:
        """Answer one request; whether there may be another."""
        request, reader = await self._line.head(None if self._session else HEAD_S)
        if request is None:
            return False
        if not request.path.startswith("/firstbell/"):
            return await self._guest(request, reader)
        if request.path not in _METHODS:
            raise RefusedError(404, "there is nothing here")
        if request.method != _METHODS[request.path]:
            raise RefusedError(405, "this can't be done here")
        if request.path == protocol.SESSION:
            return await self._open(request)
        return await self._within(self._named(request), request)

    # --- sessions ------------------------------------------------------------------------------------------

    async def _open(self, request: Request) -> bool:
        if self._session:
            raise RefusedError(400, "this connection has a session already")
        if not self._shop.sessions.room():
            raise RefusedError(503, "this server has too many sessions: try again in a minute")
        await self._line.small_body(request)
        session = self._session = self._shop.sessions.open(self._admitted(request.ticket), self)
        self._opened = True
        self._shop.known(self)
        opened = protocol.Opened(
            session=session.id,
            max_bytes=session.ticket.max_bytes,
            max_seconds=session.max_seconds,
            server=self._shop.name,
            others=self._shop.sessions.others(session),
        )
        await self._line.say(http.answer(200, msgspec.json.encode(opened)))
        return True

    def _admitted(self, token: str) -> Ticket:
        """The ticket, which is used by this; one that has to wait for its box's other session is not."""
        try:
            ticket = self._shop.tickets.read(token)
        except TicketError as error:
            self._shop.events.tell_sparingly("ticket", f"a ticket was refused: {error}")
            raise RefusedError(401, str(error)) from error
        if self._shop.sessions.runs_for(ticket.agent):
            self._shop.events.tell_sparingly("twice", f"a second session for {ticket.agent} was refused")
            raise RefusedError(409, "this box has a session here already")
        self._shop.tickets.use(ticket)
        return ticket

    def _named(self, request: Request) -> Session:
        """The session that a request names, and whose this connection now is. Raises RefusedError."""
        session = self._shop.sessions.find(request.session, self.address)
        if session is None or (self._session and self._session is not session):
            raise RefusedError(401, "there is no such session for this address")
        if self._session is None:
            session.join(self)
            self._session = session
            self._shop.known(self)
        return session

    async def _within(self, session: Session, request: Request) -> bool:
        if request.path == protocol.COUNTS:
            await self._line.small_body(request)
            counts = session.counts(self._shop.sessions.others(session))
            await self._line.say(http.answer(200, msgspec.json.encode(counts)))
            return True
        if session.ended:
            raise RefusedError(410, f"the session is over: {session.ended}")
        if request.path in {protocol.UP, protocol.GIVE}:
            return await self._up(session, request)
        await self._line.small_body(request)
        if request.path in {protocol.DOWN, protocol.TAKE}:
            return await self._down(session, request)
        if request.path == protocol.STOP:
            session.stop()
        await self._line.say(http.answer(204))
        return True

    async def _down(self, session: Session, request: Request) -> bool:
        """A stream down, or some bytes of it."""
        amount = request.number("bytes")
        if request.path == protocol.DOWN:
            amount = None
        elif amount is None:
            raise RefusedError(400, "how many bytes?")
        await self._line.say(http.answer(200, length=amount, kind="application/octet-stream"))
        session.gives_by(self)
        self.gives = True
        sent = await bulk.give(self.sock, session, bulk.FOREVER if amount is None else amount)
        self.gives = False
        if sent == amount:
            return True
        await self._line.farewell(FAREWELL_S)
        return False

    async def _up(self, session: Session, request: Request) -> bool:
        """A stream up, or some bytes."""
        if request.chunked or (request.length is None and request.path == protocol.GIVE):
            raise RefusedError(411, "the length of the body is wanted")
        if request.waits:
            await self._line.say(http.CONTINUE)
        if not await self._line.body(session, request.length):
            return False
        await self._line.say(http.answer(204))
        return True

    # --- guests --------------------------------------------------------------------------------------------

    async def _guest(self, request: Request, reader: http.Reader) -> bool:
        """What LibreSpeed asks."""
        shop = self._shop
        shop.guests.check(request, self.address, leased=shop.sessions.running > 0)
        if request.method == "POST":
            async with self._as_guest("up"):
                await self._guest_body(request, reader)
        else:
            await self._line.small_body(request)
        answer = guests.answer(request, self.address)
        if request.path != guests.GARBAGE or request.method != "GET":
            await self._line.say(answer)
            return request.keeps
        async with self._as_guest("down"):
            await self._line.say(answer)
            amount = guests.amount_of(request)
            return await bulk.give(self.sock, shop.guests, amount) == amount and request.keeps

    @asynccontextmanager
    async def _as_guest(self, way: str) -> AsyncIterator[None]:
        """A stream of a guest: few at once, and not for long."""
        shop = self._shop
        shop.guests.enter(self, leased=shop.sessions.running > 0)
        shop.known(self)
        shop.events.tell_sparingly("guest", f"a guest's stream {way}")
        try:
            async with asyncio.timeout(GUEST_S):
                yield
        finally:
            shop.guests.leave(self)
        shop.strange(self)

    async def _guest_body(self, request: Request, reader: http.Reader) -> None:
        if request.waits:
            await self._line.say(http.CONTINUE)
        account = self._shop.guests
        if request.chunked:
            await self._line.chunks(account, reader)
        elif not await self._line.body(account, request.length or 0):
            raise ConnectionResetError
