"""Leave to load a line: what a heavy test may use of it, and what box and coordinator say about it.

A box asks on `/lease/ask` (`Ask`, later `Renew` and `Settle`), the coordinator answers on `/lease`
(`Grant` or `Refuse`, later `Renewed` or `Revoke`). What is granted never exceeds what the box's own file
allows: the box sees to that itself. A message that is lost costs a test, never a rule: a grant that is not
renewed in time ends by itself on both sides.
"""

import msgspec

from firstbell import wire
from firstbell.report import REASON_CHARS

TTL_S = 45.0
"""A lease that is not renewed for so long is over, for the box and for the coordinator: so that a quiet time
is kept within a minute even if nobody hears of it."""
RENEW_S = 15.0
"""How often a box renews the lease that it uses."""
LONGEST_S = 600.0
"""The longest that any lease lasts, renewals included: no box's file allows more (agent.gate)."""
MOST_BYTES = 1 << 53
"""No test used more: far beyond any, and a number that every reader of JSON and every table can hold."""
NAME_CHARS = 64
MOST_TARGETS = 8


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one `kind` (its probe's name), which ends at whichever of the two bounds comes first.

    `max_bytes` counts both directions together; both bounds are for each of the targets alone. `id` is the
    coordinator's, empty for a lease that the box granted itself. `targets` are what is tested; `tickets` are
    what reference servers want to see, by target.
    """

    kind: str
    max_bytes: int
    max_seconds: float
    id: str = ""
    targets: tuple[str, ...] = ()
    tickets: dict[str, str] = {}


class Refusal(msgspec.Struct, frozen=True):
    """The test may not run now; `reason` is a sentence for people.

    `again_s`: it may be asked for again after so many seconds; None: not in this stretch of the day.
    """

    reason: str
    again_s: float | None = None


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask", tag_field="do", omit_defaults=True):
    """May I test? `nonce` comes back in the answer. Both bounds are for each of the `targets` alone.

    `medium` is what the box hangs on, as in a report: over Wi-Fi it shares an access point with others.
    `segments` are those of the targets, by name.
    """

    v: int = 1
    nonce: str
    kind: str
    targets: tuple[str, ...]
    segments: dict[str, str] = {}
    max_bytes: int
    max_seconds: float
    medium: str = ""


class Renew(msgspec.Struct, frozen=True, kw_only=True, tag="renew", tag_field="do", omit_defaults=True):
    """I still use the lease."""

    v: int = 1
    lease: str


class Settle(msgspec.Struct, frozen=True, kw_only=True, tag="settle", tag_field="do", omit_defaults=True):
    """I am done with the lease. What I used of the line: `bytes` both ways (None: unknown), and `seconds`."""

    v: int = 1
    lease: str
    bytes: int | None = None
    seconds: float = 0.0


class Grant(msgspec.Struct, frozen=True, kw_only=True, tag="grant", tag_field="say", omit_defaults=True):
    """You may, from now on, within these bounds for each target. Renew it before `ttl_s` are over."""

    v: int = 1
    nonce: str
    lease: str
    max_bytes: int
    max_seconds: float
    ttl_s: float = TTL_S
    tickets: dict[str, str] = {}


class Refuse(msgspec.Struct, frozen=True, kw_only=True, tag="refuse", tag_field="say", omit_defaults=True):
    """You may not, for this reason. `again_s` as in `Refusal`."""

    v: int = 1
    nonce: str
    reason: str
    again_s: float | None = None


class Renewed(msgspec.Struct, frozen=True, kw_only=True, tag="renewed", tag_field="say", omit_defaults=True):
    """Go on, for another `ttl_s`."""

    v: int = 1
    lease: str
    ttl_s: float = TTL_S


class Revoke(msgspec.Struct, frozen=True, kw_only=True, tag="revoke", tag_field="say", omit_defaults=True):
    """Stop now, for this reason."""

    v: int = 1
    lease: str
    reason: str


FromBox = Ask | Renew | Settle
ToBox = Grant | Refuse | Renewed | Revoke

_FROM_BOX: msgspec.json.Decoder[FromBox] = msgspec.json.Decoder(FromBox)
_TO_BOX: msgspec.json.Decoder[ToBox] = msgspec.json.Decoder(ToBox)


def encode(message: FromBox | ToBox) -> bytes:
    """The bytes of a message."""
    return msgspec.json.encode(message)


def read_from_box(payload: bytes) -> FromBox:
    """What a box says. Raises WireError."""
    message = wire.read_small(_FROM_BOX, payload)
    if isinstance(message, Ask):
        _checked(
            0 < len(message.targets) <= MOST_TARGETS
            and all(0 < len(name) <= NAME_CHARS for name in (message.nonce, message.kind, *message.targets))
            and set(message.segments) <= set(message.targets)
            and 0 < message.max_bytes <= MOST_BYTES
            and 0 < message.max_seconds <= LONGEST_S
        )
    else:
        _checked(0 < len(message.lease) <= NAME_CHARS)
    if isinstance(message, Settle):
        _checked(0 <= (message.bytes or 0) <= MOST_BYTES and 0 <= message.seconds <= 86_400)  # noqa: PLR2004 - a day
    return message


def read_to_box(payload: bytes) -> ToBox:
    """What the coordinator says. Raises WireError."""
    message = wire.read_small(_TO_BOX, payload)
    if isinstance(message, Grant):
        _checked(message.max_bytes > 0 and 0 < message.max_seconds <= LONGEST_S and message.ttl_s > 0)
        _checked(len(message.tickets) <= MOST_TARGETS and 0 < len(message.lease) <= NAME_CHARS)
    elif isinstance(message, Refuse | Revoke):
        _checked(len(message.reason) <= REASON_CHARS and message.reason.isprintable())
    return message


def _checked(possible: bool) -> None:
    if not possible:
        raise wire.WireError("a message about a lease with a value that can't be true")
