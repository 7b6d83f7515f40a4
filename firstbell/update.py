"""What a district offers its boxes: a new version of their program, signed, and when whose turn it is.

    offer on its way = base64url(payload) "." base64url(signature)

The payload is JSON; the signature is Ed25519 (RFC 8032) over `MARK` and the payload's exact bytes. Whoever
holds the district's key for updates makes it; a box with the public half checks it before it reads a byte.

OfferError              what came is no offer that can be used; its text says why
"""

import base64
import binascii
import re
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec

from firstbell.report import AGENT_NAME, PLAUSIBLE_NS

MARK = b"firstbell update 1\n"
"""Stands before what is signed: a signature made for anything else is none for an update."""
OFFER_CHARS = 64 * 1024
"""No offer is longer on its way."""
MOST_BYTES = 500_000_000
"""No archive is larger: a box's program and its libraries take about a twentieth of it."""
RELEASE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!]{0,40}-[0-9a-f]{12}\Z")
"""A version, and how the SHA-256 of its list begins: what the Ansible role `program` calls it."""
IN_ARCHIVE = re.compile(r"(?:requirements\.txt|VERSION|wheels/[0-9A-Za-z][0-9A-Za-z._+-]{0,200}\.whl)\Z")
"""What may lie in an archive, and nothing else."""
DIGEST = re.compile(r"[0-9a-f]{64}\Z")
SIGNATURE_BYTES = 64
KEY_BYTES = 32
_DAY_MINUTES = 24 * 60
_MOST = 10_000
_LAST_S = 4_102_444_800
"""2100 begins."""


class OfferError(ValueError):
    """What came is no offer that can be used; its text says why."""


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One archive: for which machines, what it becomes there, and what it must be to the byte.

    `machine` as `uname -m` says it, `python` as `3.11`; `listed` is the SHA-256 of the list of hashes in it.
    """

    machine: str
    python: str
    release: str
    sha256: str
    size: int
    listed: str

    def __post_init__(self) -> None:
        """See that each value can be."""
        if not RELEASE.match(self.release) or self.release[-12:] != self.listed[:12]:
            raise ValueError("release: a version, a dash, and how the SHA-256 of its list begins")
        if not DIGEST.match(self.sha256) or not DIGEST.match(self.listed):
            raise ValueError("sha256, listed: 64 hex digits")
        if not 0 < self.size <= MOST_BYTES:
            raise ValueError(f"size: from 1 to {MOST_BYTES} bytes")


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """From so many hours after the offer's beginning on, this share of the boxes (in percent) may take it."""

    after_h: float
    share_pct: float

    def __post_init__(self) -> None:
        """See that each value can be."""
        if not 0 <= self.after_h <= _MOST or not 0 < self.share_pct <= 100:  # noqa: PLR2004 - a percentage
            raise ValueError("stages: hours from 0 on, and a share above 0 and up to 100 %")


STAGES = (
    Stage(after_h=24, share_pct=10),
    Stage(after_h=72, share_pct=50),
    Stage(after_h=120, share_pct=100),
)
"""Pilots at once, a tenth a day later, half on the third day, all on the fifth."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One offer. `serial` only grows: a box never takes one with a lower serial than it has seen.

    Good from `begins_s` until `ends_s` (seconds since 1970 UTC). `pilots` may take it at once, the others as
    `stages` say. `from_minute` and `until_minute` are the hours for it, in the box's own time of day (over
    midnight, where the first is the later one; the same twice: always). Without `parcels` nothing is offered.
    """

    v: int = 1
    serial: int
    begins_s: int
    ends_s: int
    parcels: tuple[Parcel, ...] = ()
    pilots: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = STAGES
    from_minute: int = 17 * 60
    until_minute: int = 5 * 60

    def __post_init__(self) -> None:
        """See that each value can be."""
        if not 0 < self.serial < 1 << 53:
            raise ValueError("serial: a whole number from 1 on")
        if not 0 <= self.begins_s < self.ends_s <= _LAST_S:
            raise ValueError("begins_s, ends_s: the first is the earlier one")
        if not all(0 <= minute < _DAY_MINUTES for minute in (self.from_minute, self.until_minute)):
            raise ValueError("from_minute, until_minute: minutes of a day")
        if not all(AGENT_NAME.match(name) for name in self.pilots):
            raise ValueError("pilots: names of boxes")
        kinds = [(parcel.machine, parcel.python) for parcel in self.parcels]
        if len(set(kinds)) < len(kinds):
            raise ValueError("parcels: one for each kind of machine")


class Here(NamedTuple):
    """What a box knows of itself: `release` is what it runs, `local` its time of day, `now_s` since 1970.

    `seen` is the highest serial that it ever saw, `done` the last that it settled: took, or found bad.
    """

    agent: str
    machine: str
    python: str
    release: str
    seen: int
    done: int
    now_s: float
    local: datetime


Why = Literal[
    "take", "nothing", "old", "ended", "early", "clock", "machine", "here", "settled", "stage", "hours"
]  # fmt: skip


class Word(NamedTuple):
    """What an offer means to a box: `why` in one word, `says` in a sentence, and the parcel that is its."""

    why: Why
    says: str
    parcel: Parcel | None = None


# --- there and back -----------------------------------------------------------------------------------


def encode(offer: Offer) -> bytes:
    """The payload."""
    return msgspec.json.encode(offer)


def signed_bytes(payload: bytes) -> bytes:
    """What the signature covers."""
    return MARK + payload


def join(payload: bytes, signature: bytes) -> str:
    """The offer as it travels."""
    return f"{_text(payload)}.{_text(signature)}"


def split(text: str) -> tuple[bytes, bytes]:
    """Payload and signature, neither of them checked. Raises OfferError."""
    if len(text) > OFFER_CHARS:
        raise OfferError("the offer is longer than any")
    head, _, tail = text.strip().partition(".")
    try:
        payload, signature = (base64.b64decode(part, altchars=b"-_", validate=True) for part in (head, tail))
    except (binascii.Error, ValueError) as error:
        raise OfferError("this is no offer") from error
    if len(signature) != SIGNATURE_BYTES:
        raise OfferError("the offer bears no signature")
    return payload, signature


def read(payload: bytes) -> Offer:
    """The offer in a payload whose signature was found good. Raises OfferError."""
    try:
        version = msgspec.json.decode(payload, type=_Version).v
        if version != 1:
            raise OfferError(
                f"the offer is of form {version}, and this program reads form 1: update this box by Ansible"
            )
        return msgspec.json.decode(payload, type=Offer)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise OfferError(f"the offer can't be read: {error}") from error


def keys_of(text: str) -> tuple[bytes, ...]:
    """The public keys in a text: 64 hex digits each, the one in use and maybe a spare. Raises OfferError."""
    try:
        keys = tuple(bytes.fromhex(word) for word in text.split())
    except ValueError:
        keys = ()
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise OfferError("a key is 64 hex digits, as `firstbell update key` prints it")
    return keys


def release_of(version: str, listed: bytes) -> str:
    """What a bundle of that version, whose list of hashes is `listed`, is called on a box."""
    return f"{version.strip()}-{sha256(listed).hexdigest()[:12]}"


# --- whose turn it is ---------------------------------------------------------------------------------


def share_of(agent: str, serial: int) -> float:
    """Where a box stands in the row of this offer, from 0 to below 100: another place with each offer."""
    digest = sha256(f"{serial} {agent}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48) * 100


def begins_for(offer: Offer, agent: str) -> float | None:
    """From when on it is this box's turn, in seconds since 1970; None if never."""
    if agent in offer.pilots:
        return offer.begins_s
    place = share_of(agent, offer.serial)
    hours = [stage.after_h for stage in offer.stages if place < stage.share_pct]
    return offer.begins_s + min(hours) * 3600 if hours else None


def in_hours(offer: Offer, local: datetime) -> bool:
    """Whether it is one of the hours for updates there."""
    minute, first, last = local.hour * 60 + local.minute, offer.from_minute, offer.until_minute
    if first == last:
        return True
    return first <= minute < last if first < last else minute >= first or minute < last


def judge(offer: Offer, here: Here) -> Word:
    """Whether a box shall take the offer now, and if not, why. Its signature was found good before."""
    kind = (here.machine, here.python)
    parcel = next((p for p in offer.parcels if (p.machine, p.python) == kind), None)
    rules: tuple[tuple[bool, Why, str], ...] = (
        (offer.serial < here.seen, "old", f"offer {offer.serial} is older than {here.seen}, which was seen"),
        (here.now_s * 10**9 < PLAUSIBLE_NS, "clock", "this box does not know the time yet"),
        (here.now_s >= offer.ends_s, "ended", f"offer {offer.serial} has ended"),
        (not offer.parcels, "nothing", "nothing is offered"),
        (parcel is None, "machine", f"nothing is offered for {kind[0]} with Python {kind[1]}"),
    )
    if broken := next(((why, says) for holds, why, says in rules if holds), None):
        return Word(*broken)
    assert parcel is not None
    return _turn(offer, here, parcel)


def _turn(offer: Offer, here: Here, parcel: Parcel) -> Word:
    """Whether it is this box's turn for the parcel that is its."""
    release, turn_s = parcel.release, begins_for(offer, here.agent)
    starts = _clock(offer.from_minute)
    rules: tuple[tuple[bool, Why, str], ...] = (
        (release == here.release, "here", f"{release} is in use"),
        (
            offer.serial <= here.done,
            "settled",
            f"{release} was tried here, and is not tried again",
        ),
        (turn_s is None, "stage", f"{release} is not meant for this box"),
        (here.now_s < offer.begins_s, "early", f"{release} is not offered yet"),
        (here.now_s < (turn_s or 0), "stage", f"{release}: it is not yet this box's turn"),
        (
            not in_hours(offer, here.local),
            "hours",
            f"{release} waits for the end of school, {starts}",
        ),
    )
    broken = next(((why, says) for holds, why, says in rules if holds), None)
    return Word(*broken) if broken else Word("take", f"{release} is to be taken", parcel)


class _Version(msgspec.Struct, frozen=True):
    v: int = 0


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii")
