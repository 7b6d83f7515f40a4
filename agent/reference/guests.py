"""The paths of a LibreSpeed server, for a district that opens them to networks of its own.

What LibreSpeed's page or command finds here is no report. Guests never load the line of a leased test:
while a session runs they are turned away, and those that were there already are cut.
"""

import ipaddress
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import msgspec

from agent.reference import http
from agent.reference.http import RefusedError, Request
from agent.reference.limits import (
    DAY_S,
    GUEST_CHUNK_BYTES,
    GUEST_CHUNKS,
    GUEST_DAY_BYTES,
    MOST_GUEST_CHUNKS,
    MOST_GUEST_STREAMS,
    MOST_GUEST_STREAMS_AN_ADDRESS,
)

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
GARBAGE = "/backend/garbage.php"
EMPTY = "/backend/empty.php"
WHO = "/backend/getIP.php"
_METHODS = {
    GARBAGE: {"GET", "OPTIONS"},
    EMPTY: {"GET", "POST", "OPTIONS"},
    WHO: {"GET", "OPTIONS"},
}


class Guest(Protocol):
    """A connection with a stream, as this room sees it."""

    address: str

    def cut(self) -> None:
        """End it at once."""


class Guests:
    """Who may come, and what they may have together. It is the `Account` of all of their streams."""

    def __init__(self, networks: Sequence[IPNetwork]) -> None:
        self._networks = tuple(networks)
        self._inside: dict[Guest, None] = {}
        self._of: Counter[str] = Counter()
        self._day_began = time.monotonic()
        self._left = GUEST_DAY_BYTES

    def check(self, request: Request, address: str, *, leased: bool) -> None:
        """See whether this request is answered at all. Raises RefusedError."""
        if request.path not in _METHODS or not self._may_come(address):
            raise RefusedError(404, "there is nothing here")
        if request.method not in _METHODS[request.path]:
            raise RefusedError(405, "this can't be done here")
        self._check_quiet(leased=leased)

    def _check_quiet(self, *, leased: bool) -> None:
        if leased:
            raise RefusedError(503, "a test of the district is running: try again in a minute")

    def _may_come(self, address: str) -> bool:
        came = ipaddress.ip_address(address)
        return any(came in network for network in self._networks)

    # --- their streams -------------------------------------------------------------------------------------

    def enter(self, guest: Guest, *, leased: bool) -> None:
        """A stream begins. Raises RefusedError."""
        self._check_quiet(leased=leased)
        if self.left() <= 0:
            raise RefusedError(503, "no more for today")
        if len(self._inside) >= MOST_GUEST_STREAMS:
            raise RefusedError(503, "too many are testing: try again in a minute")
        if self._of[guest.address] >= MOST_GUEST_STREAMS_AN_ADDRESS:
            raise RefusedError(429, "too many streams")
        self._inside[guest] = None
        self._of[guest.address] += 1

    def leave(self, guest: Guest) -> None:
        """A stream has ended."""
        del self._inside[guest]
        self._of[guest.address] -= 1
        if not self._of[guest.address]:
            del self._of[guest.address]

    def cut(self) -> None:
        """A leased test begins."""
        for guest in list(self._inside):
            guest.cut()

    def left(self) -> int:
        """How many bytes they may still have today, both ways together."""
        now = time.monotonic()
        if now - self._day_began >= DAY_S:
            self._day_began, self._left = now, GUEST_DAY_BYTES
        return self._left

    def gave(self, amount: int) -> None:
        """So many went down."""
        self._left -= amount

    def took(self, amount: int) -> None:
        """So many came up."""
        self._left -= amount


def amount_of(request: Request) -> int:
    """How many bytes of garbage are wanted; more than we give are as many as we give."""
    return min(request.number("ckSize") or GUEST_CHUNKS, MOST_GUEST_CHUNKS) * GUEST_CHUNK_BYTES


def answer(request: Request, address: str) -> bytes:
    """What is said to a request; for garbage, its head."""
    more = _for_other_pages(request)
    if request.path == GARBAGE and request.method == "GET":
        length = amount_of(request)
        return http.answer(
            200, length=length, kind="application/octet-stream", keeps=request.keeps, more=more
        )
    if request.path == WHO and request.method == "GET":
        body = msgspec.json.encode({"processedString": address, "rawIspInfo": ""})
        return http.answer(200, body, keeps=request.keeps, more=more)
    return http.answer(200, kind="text/plain", keeps=request.keeps, more=more)


def _for_other_pages(request: Request) -> tuple[str, ...]:
    """What lets LibreSpeed's page, served from somewhere else, read our answers: it asks with `cors`."""
    if "cors" not in request.query:
        return ()
    return (
        "Access-Control-Allow-Origin: *",
        "Access-Control-Allow-Methods: GET, POST",
        "Access-Control-Allow-Headers: Content-Encoding, Content-Type",
    )
