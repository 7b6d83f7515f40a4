"""What a reference server wants to see before it sends a byte: a lease's ticket, signed by the district.

    token = base64url(payload) "." base64url(signature)

The payload is JSON; the signature is Ed25519 over its exact bytes (RFC 8032), made by whoever holds the
district's key and checked by whoever holds its public half; neither lives here.
"""

import base64
import binascii
import re

import msgspec

from firstbell.report import AGENT_NAME

TOKEN_CHARS = 1024
SIGNATURE_BYTES = 64
LONGEST_NS = 900 * 10**9
"""No ticket is good for longer than this, from its issue to its expiry."""
AHEAD_NS = 30 * 10**9
"""How far the clock of whoever issued it may be ahead of the server's."""
_ID = re.compile(r"[0-9a-f]{32}\Z")


class TicketError(ValueError):
    """No good ticket; its text says why, and is fit for whoever brought it."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Leave for one box (`agent`) to use one server (`target`) once, within these bounds, until it expires.

    Times are nanoseconds since 1970 UTC. `id` is random and never comes twice: 32 hex digits. `max_bytes`
    counts payload both ways together.
    """

    v: int = 1
    id: str
    agent: str
    target: str
    kind: str
    max_bytes: int
    max_seconds: float
    issued_ns: int
    expires_ns: int


def payload_of(ticket: Ticket) -> bytes:
    """The bytes to sign."""
    return msgspec.json.encode(ticket)


def token_of(payload: bytes, signature: bytes) -> str:
    """The ticket as it travels."""
    return f"{_text(payload)}.{_text(signature)}"


def split(token: str) -> tuple[bytes, bytes]:
    """The payload and the signature of a token, neither of them checked. Raises TicketError."""
    if len(token) > TOKEN_CHARS:
        raise TicketError("the ticket is longer than any")
    head, _, tail = token.partition(".")
    try:
        payload, signature = (base64.b64decode(part, altchars=b"-_", validate=True) for part in (head, tail))
    except (binascii.Error, ValueError) as error:
        raise TicketError("this is no ticket") from error
    if len(signature) != SIGNATURE_BYTES:
        raise TicketError("the ticket has no signature")
    return payload, signature


def read(payload: bytes) -> Ticket:
    """The ticket in a payload whose signature was found good. Raises TicketError."""
    try:
        ticket = msgspec.json.decode(payload, type=Ticket)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise TicketError("this is no ticket") from error
    if ticket.v != 1:
        raise TicketError(f"a ticket of version {ticket.v} is not understood here")
    return ticket


def complaint(ticket: Ticket, target: str, now_ns: int, started_ns: int) -> str | None:
    """Why `ticket` is not good for the server `target` now; None if it is, once.

    Whether it was used before only the server can tell, and only since it started: so what was issued
    before `started_ns` is refused.
    """
    rules = (
        (bool(_ID.match(ticket.id)) and bool(AGENT_NAME.match(ticket.agent)), "the ticket names no box"),
        (ticket.target == target, "the ticket is for another server"),
        (ticket.max_bytes > 0 and ticket.max_seconds > 0, "the ticket allows nothing"),
        (ticket.expires_ns - ticket.issued_ns <= LONGEST_NS, "the ticket is good for too long"),
        (ticket.issued_ns <= now_ns + AHEAD_NS, "the ticket is from the future: a clock is wrong"),
        (now_ns < ticket.expires_ns, "the ticket has expired"),
        (
            ticket.issued_ns >= started_ns,
            "the ticket is older than this server's last start: ask for another",
        ),
    )
    return next((words for holds, words in rules if not holds), None)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii")
