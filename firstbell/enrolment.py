"""How a box gets its certificate: what it asks, and what it is told.

A new box makes its key itself, and shows the token of its card with a request for a certificate (`Claim`).
Later it asks for the next one with the same key alone (`Renewal`): whoever holds a key that the district
knows needs no token. Both are answered `Granted`, `Waiting` (somebody has to say yes) or `Refused`, always
with the district's time, because a box that was just unpacked does not know it.

EnrolmentError          what came is no such message
"""

import re
from typing import TypeVar

import msgspec

from firstbell.report import REASON_CHARS

TOKEN = re.compile(r"fbe_[a-z2-7]{26}\Z")
"""A card's token: a mark, so that one that strays into a text can be found, and 128 random bits in base
32."""
REQUEST_BYTES = 4096
"""No request is longer."""
TOKEN_DAYS = 60
"""From print to first contact: a summer."""
CERTIFICATE_DAYS = 365
ASK_AGAIN_S = 60.0
"""How often a box that waits asks."""


class EnrolmentError(ValueError):
    """What came is no such message."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """I am the box of this card; `request` is a PKCS #10 request for a certificate, PEM, signed by my key."""

    v: int = 1
    token: str
    request: str


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """I hold a key that you know; `request` as in a claim."""

    v: int = 1
    request: str


class Granted(msgspec.Struct, frozen=True, kw_only=True, tag="granted", tag_field="is"):
    """Your name, your certificate, and the authorities that you shall believe (all PEM)."""

    v: int = 1
    now_ns: int
    agent: str
    certificate: str
    authorities: str


class Waiting(msgspec.Struct, frozen=True, kw_only=True, tag="waiting", tag_field="is"):
    """Somebody has to let you in; they are shown `fingerprint`. Ask again in `again_s` seconds."""

    v: int = 1
    now_ns: int
    fingerprint: str
    again_s: float = ASK_AGAIN_S


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused", tag_field="is"):
    """No, and why, in a sentence for people. `final`: asking again changes nothing."""

    v: int = 1
    now_ns: int
    reason: str
    final: bool = True


Word = Granted | Waiting | Refused
M = TypeVar("M", Claim, Renewal)


def read_claim(payload: bytes) -> Claim:
    """A claim. Raises EnrolmentError."""
    return _read(payload, Claim)


def read_renewal(payload: bytes) -> Renewal:
    """A renewal. Raises EnrolmentError."""
    return _read(payload, Renewal)


def read_word(payload: bytes) -> Word:
    """What a box was told. Raises EnrolmentError."""
    try:
        word: Word = msgspec.json.decode(payload, type=Word)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise EnrolmentError(f"this is no answer to an enrolment: {error}"[:REASON_CHARS]) from error
    return word


def encode(message: Claim | Renewal | Word) -> bytes:
    """As JSON."""
    return msgspec.json.encode(message)


def fingerprint(key_sha256: bytes) -> str:
    """A key for people to compare: the first 64 bits of its SHA-256, in four groups."""
    digits = key_sha256.hex()[:16]
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def _read(payload: bytes, kind: type[M]) -> M:
    if len(payload) > REQUEST_BYTES:
        raise EnrolmentError(f"a request has at most {REQUEST_BYTES:,} bytes")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise EnrolmentError(f"this is no request: {error}"[:REASON_CHARS]) from error
