"""What a box and a reference server say to each other: HTTP/1.1, plain, on one port.

    POST /firstbell/session     Authorization: Ticket TOKEN         opens a session: `Opened`, or an error
    GET  /firstbell/echo        204, nothing else                   a round trip
    GET  /firstbell/counts      `Counts`                            what the server has seen so far
    POST /firstbell/stop        204; streams down are cut           the end of the way down
    GET  /firstbell/down        bytes without end, then close       one stream down
    POST /firstbell/up          a body of any length, discarded     one stream up
    GET  /firstbell/take        ?bytes=N                            N bytes, and the connection stays
    POST /firstbell/give        a body with its length              204 once it is all there

The connection that opened a session is its lifeline: counts and stop are asked on it, and when it ends, the
session does, with all its streams. All but the first name the session as `Session: ID`, and must come
from the address that opened it. A session ends at its ticket's bytes (payload, both ways together) or
seconds, whichever comes first; one ticket opens one session, once. At the end of its bytes the streams down
end in good order, so that all that was counted arrives; at any other end, and at a stop, they are cut: what
the kernel still held is thrown away, and `unacked` keeps it. A session that is over can be asked for its
counts, on its first connection, for another ten seconds.

Small UDP packets to the same port (`SESSION` in 32 hex digits, then any 8 bytes) come back as they are, up
to 250 a second; they count as 80 bytes of the ticket each, and in `echoed`.

Nothing on this port is secret: the data is random, and a session that somebody overhears can be used from
the same address until it ends, and no further. Errors are 4xx with `Trouble`.
"""

from urllib.parse import urlencode

import msgspec

PORT = 8831
SESSION = "/firstbell/session"
ECHO = "/firstbell/echo"
COUNTS = "/firstbell/counts"
STOP = "/firstbell/stop"
DOWN = "/firstbell/down"
UP = "/firstbell/up"
TAKE = "/firstbell/take"
GIVE = "/firstbell/give"
TICKET_SCHEME = "Ticket"
SESSION_HEADER = "Session"
UDP_NUMBER_BYTES = 8
ENDLESS = 1 << 50
"""The length that a stream up announces: more than any session may carry."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A session: its id (32 hex digits), its bounds as the ticket has them, and how the server calls itself.

    `others` are the sessions that were open already: the server's own line is shared with them.
    """

    session: str
    max_bytes: int
    max_seconds: float
    server: str
    others: int = 0


class Counts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server has seen of a session until `now_s` (its own monotonic clock, seconds).

    `received` is payload that came up, `sent` payload handed to the kernel on the way down, of which
    `unacked` had not been acknowledged. `segments` and `resent` are TCP's, of the streams down (None where
    the system doesn't tell). `echoed` are UDP packets that came and were sent back, and are in no other
    count. Since the last counts: `cpu_pct` is what this server used, of one core; `throttled_pct` and
    `delayed_pct` are shares of the time in which a quota stopped it, and in which it was ready and waited for
    a processor (None where the system doesn't tell); `others` as in `Opened`, at the most. `ended` says why
    the session is over, and is empty while it lasts.
    """

    now_s: float
    received: int = 0
    sent: int = 0
    unacked: int = 0
    segments: int | None = None
    resent: int | None = None
    echoed: int = 0
    cpu_pct: float = 0.0
    throttled_pct: float | None = None
    delayed_pct: float | None = None
    others: int = 0
    ended: str = ""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why not, in a sentence that may stand in a report."""

    error: str


def take(amount: int) -> str:
    """The address for `amount` bytes."""
    return f"{TAKE}?{urlencode({'bytes': amount})}"
