"""Sessions: what a ticket opened, what it has carried, and how it ends.

A session knows the connections that named it. They carry its bytes; when it is over, they are cut.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Callable
from typing import Protocol

from agent.load import protocol
from agent.machine import tcpinfo
from agent.machine.files import Files
from agent.reference.events import Events
from agent.reference.http import RefusedError
from agent.reference.limits import (
    AFTER_S,
    ECHOES_A_SECOND,
    MOST_CONNECTIONS_A_SESSION,
    MOST_SESSIONS,
)
from agent.reference.processor import Processor
from firstbell.lease import LONGEST_S
from firstbell.ticket import Ticket

BYTES_GONE = "its bytes are used up"
TIME_OVER = "its seconds are over"
ALONE = "the connection that opened it has ended"
STOPPING = "the server is being stopped"


class Member(Protocol):
    """A connection, as its session sees it."""

    sock: socket.socket
    address: str
    gives: bool
    """Whether it carries a stream down at this moment."""

    def cut(self) -> None:
        """End it at once; what the kernel still holds for it is thrown away."""


class Session:
    """One test of one box, from one address, within its ticket. It is the `Account` of its streams.

    `first` is the connection that opened it.
    """

    def __init__(self, ticket: Ticket, first: Member, over: Callable[["Session"], None]) -> None:
        self.id = secrets.token_hex(16)
        self.ticket, self._first = ticket, first
        self.address = first.address
        self.max_seconds = min(ticket.max_seconds, LONGEST_S)
        self.began = time.monotonic()
        self.ended = ""
        self.sent = self.received = self.echoed = 0
        self.others = 0
        """The most sessions beside it since somebody asked."""
        self._left = ticket.max_bytes
        self._over = over
        self._members: set[Member] = set()
        self._givers: dict[Member, None] = {}
        """Those that ever carried bytes down."""
        self._past = _Carried()
        self._processor = Processor(Files())
        self._echoes, self._echoes_at = float(ECHOES_A_SECOND), self.began
        loop = asyncio.get_running_loop()
        self._clock = loop.call_later(self.max_seconds, self.end, TIME_OVER)

    # --- what it may, and what it did ----------------------------------------------------------------------

    def left(self) -> int:
        """How many more bytes may pass now, both ways together."""
        return 0 if self.ended else self._left

    def gave(self, amount: int) -> None:
        """So many bytes went down."""
        self.sent += amount
        self._used(amount)

    def took(self, amount: int) -> None:
        """So many bytes came up."""
        self.received += amount
        self._used(amount)

    def may_echo(self, size: int) -> bool:
        """Whether a packet of `size` bytes may come back now; if so, it is counted."""
        now = time.monotonic()
        fresh = self._echoes + (now - self._echoes_at) * ECHOES_A_SECOND
        self._echoes, self._echoes_at = min(fresh, float(ECHOES_A_SECOND)), now
        if self._echoes < 1 or self.left() < 2 * size:
            return False
        self._echoes -= 1
        self.echoed += 1
        self._used(2 * size)
        return True

    def _used(self, amount: int) -> None:
        self._left -= amount
        if self._left <= 0 and not self.ended:
            self.end(BYTES_GONE, cut=False)  # what was handed over is within the ticket, and may arrive

    # --- who carries it ------------------------------------------------------------------------------------

    def join(self, member: Member) -> None:
        """`member` named this session. Raises RefusedError."""
        if len(self._members) >= MOST_CONNECTIONS_A_SESSION:
            raise RefusedError(429, "this session has too many connections")
        self._members.add(member)

    def leave(self, member: Member) -> None:
        """`member` is about to be closed; what it carried stays counted."""
        self._members.discard(member)
        if member in self._givers:
            del self._givers[member]
            self._past.add(member.sock)

    def gives_by(self, member: Member) -> None:
        """`member` is about to carry bytes down."""
        self._givers[member] = None

    def stop(self) -> None:
        """Nothing more is sent down by the streams that do so now."""
        for member in [each for each in self._members if each.gives]:
            member.cut()

    # --- its end -------------------------------------------------------------------------------------------

    def end(self, why: str, *, cut: bool = True) -> None:
        """It is over: its streams are cut, or (until its seconds are over, too) end by themselves."""
        if not self.ended:
            self.ended = why
            self._over(self)
            asyncio.get_running_loop().call_later(AFTER_S, self._last)
        if cut:
            self._clock.cancel()
            for member in list(self._members):
                member.cut()

    def _last(self) -> None:
        """Nobody asks any more."""
        self.end(self.ended)
        self._first.cut()

    # --- what is told --------------------------------------------------------------------------------------

    def counts(self, others: int) -> protocol.Counts:
        """What was seen so far."""
        had = self._processor.look()
        most, self.others = max(self.others, others), others
        carried = _Carried(self._past)
        for member in self._givers:
            carried.add(member.sock)
        return protocol.Counts(
            now_s=had.now_s,
            received=self.received,
            sent=self.sent,
            unacked=carried.unacked,
            segments=carried.segments,
            resent=carried.resent,
            echoed=self.echoed,
            cpu_pct=had.used_pct,
            throttled_pct=had.throttled_pct,
            delayed_pct=had.delayed_pct,
            others=most,
            ended=self.ended,
        )


class _Carried:
    """What the kernel knows of some streams down, added up; None where it doesn't tell."""

    def __init__(self, other: "_Carried | None" = None) -> None:
        self.unacked: int = other.unacked if other else 0
        self.segments: int | None = other.segments if other else 0
        self.resent: int | None = other.resent if other else 0

    def add(self, sock: socket.socket) -> None:
        self.unacked += tcpinfo.unacked(sock) or 0
        info = tcpinfo.look(sock)
        if info is None or self.segments is None or self.resent is None:
            self.segments = self.resent = None
        else:
            self.segments += info.data_segs_out
            self.resent += info.retrans


class Sessions:
    """All sessions of the server: those that run, and those that may still be asked for their counts."""

    def __init__(self, events: Events, opened: Callable[[], None]) -> None:
        self._events = events
        self._opened = opened
        self._known: dict[str, Session] = {}
        self.running = 0

    def open(self, ticket: Ticket, first: Member) -> Session:
        """A session for a ticket that was found good."""
        session = Session(ticket, first, self._over)
        self.running += 1
        self._known[session.id] = session
        for each in self._known.values():
            each.others = max(each.others, self.running - 1)
        self._opened()
        self._events.tell(
            f"session for {ticket.agent}: {ticket.kind}, at most {ticket.max_bytes / 1e6:g} MB in "
            f"{session.max_seconds:g} s, {self.running - 1} others"
        )
        return session

    def room(self) -> bool:
        """Whether one more may be opened."""
        return len(self._known) < MOST_SESSIONS

    def runs_for(self, agent: str) -> bool:
        """Whether a box has a session that runs: it has one at a time, however many tickets it holds."""
        return any(each.ticket.agent == agent and not each.ended for each in self._known.values())

    def find(self, name: str, address: str) -> Session | None:
        """The session of that id, if it was opened from this address."""
        session = self._known.get(name)
        return session if session and session.address == address else None

    def others(self, session: Session) -> int:
        """How many sessions run beside this one."""
        return self.running - (not session.ended)

    def forget(self, session: Session) -> None:
        """Its first connection has ended: it is over, and nobody can ask for it any more."""
        session.end(ALONE)
        self._known.pop(session.id, None)

    def end_all(self) -> None:
        """The server stops."""
        for session in list(self._known.values()):
            session.end(STOPPING)

    def _over(self, session: Session) -> None:
        self.running -= 1
        self._events.tell(
            f"session for {session.ticket.agent} ended: {session.ended}; {session.sent} bytes down, "
            f"{session.received} up, {session.echoed} echoes, {time.monotonic() - session.began:.1f} s"
        )
