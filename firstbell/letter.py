"""A message of a box as the body of an HTTPS request, and what the collector says to it.

Each is one line of JSON, the head, and what follows it as it is: of a letter the very bytes that would go
over MQTT, of a reply a list of messages. Both are signed, so that neither needs to trust who carries them: a
letter by the box's key, a reply by the collector's. What is signed of a reply holds the box's name and the
letter's hash: it answers that very letter and no other, of that box and of no other. Each letter is
good once and for two minutes, by the collector's own clock, which each reply tells: one without a `Moment` of
it gets that, and nothing else.

LetterError             what came is no letter, or no reply
"""

from hashlib import sha256
from typing import NamedTuple

import msgspec

from firstbell import wire

PATH, TUNNEL = "/uplink/letter", "/uplink/mqtt"
"""Where the collector's web server takes letters, and where it passes bytes to the broker and back."""
COLLECTOR = "firstbell_collector"
"""The name in the certificate with which replies are signed. No box can have it."""
HEAD_BYTES = 4096
LETTER_BYTES = HEAD_BYTES + wire.WIRE_BYTES
"""No letter is longer."""
REPLY_BYTES = 512 * 1024
VERBS = ("report", "state", "lease/ask")
"""What a box may say, as in topics."""
NONCE_CHARS = 32
_SHOWN = 20


class LetterError(ValueError):
    """What came is no letter, or no reply; its text is the reason."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of the collector's own clock: milliseconds, not of the day, and of which run of its clock.

    A box need not know the date for it, and no step of a clock changes it.
    """

    run: str = ""
    at_ms: int = 0


UNKNOWN = Moment()
"""What a box writes that was told none yet."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a letter. `certificate` (DER) and `signature` (DER, ECDSA over SHA-256) in base64."""

    v: int = 1
    verb: str
    nonce: str
    moment: Moment = UNKNOWN
    certificate: bytes
    signature: bytes


class Letter(NamedTuple):
    """A letter as it came, and its `digest`."""

    head: Head
    payload: bytes
    digest: str


class ReplyHead(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a reply."""

    v: int = 1
    certificate: bytes
    signature: bytes


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is said to the box: `payload` is what would come on the topic of that verb."""

    verb: str
    payload: bytes


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a reply: the moment at which it was written, and what is said to the box."""

    moment: Moment
    messages: list[Message]


class Reply(NamedTuple):
    """A reply as it came; `body` is to be read once the signature was seen to be right."""

    head: ReplyHead
    body: bytes


def to_sign(verb: str, nonce: str, payload: bytes, moment: Moment = UNKNOWN) -> bytes:
    """What a box signs: for what, where to, when, and what. Neither host nor date: it may know neither."""
    when = f"{moment.run} {moment.at_ms}"
    return f"firstbell letter 1\nPOST {PATH}\n{verb}\n{nonce}\n{when}\n".encode() + payload


def to_sign_in_reply(agent: str, answered: str, body: bytes) -> bytes:
    """What the collector signs: to whom, to which letter (its `digest`), and what.

    All of the letter counts, not its nonce alone: another box may send one with the same nonce.
    """
    return f"firstbell reply 1\n{agent}\n{answered}\n".encode() + body


def digest(raw: bytes) -> str:
    """Which letter it is: the SHA-256 of its bytes on the wire, in hexadecimal."""
    return sha256(raw).hexdigest()


def write(head: Head | ReplyHead, body: bytes) -> bytes:
    """The bytes on the wire."""
    return msgspec.json.encode(head) + b"\n" + body


def write_said(said: Said) -> bytes:
    """The body of a reply."""
    return msgspec.json.encode(said)


def read_letter(raw: bytes) -> Letter:
    """A letter. Raises LetterError."""
    line, payload = _parted(raw)
    try:
        head = msgspec.json.decode(line, type=Head)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise LetterError(f"the first line is no head of a letter: {error}") from error
    if head.v != 1:
        raise LetterError(f"a letter of version {head.v}; this program reads version 1")
    if head.verb not in VERBS:
        raise LetterError(f"{head.verb[:_SHOWN]!r} is nothing that a box says: {', '.join(VERBS)}")
    if not _is_plain(head.nonce) or (head.moment.run and not _is_plain(head.moment.run)):
        raise LetterError(f"the nonce is not 1 to {NONCE_CHARS} letters and digits")
    if len(payload) > wire.WIRE_BYTES:
        raise LetterError(f"{len(payload)} bytes are more than a message may have")
    return Letter(head, payload, digest(raw))


def read_reply(raw: bytes) -> Reply:
    """A reply. Raises LetterError."""
    line, body = _parted(raw)
    try:
        head = msgspec.json.decode(line, type=ReplyHead)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise LetterError("this is no reply of the collector's") from error
    if head.v != 1:
        raise LetterError(f"a reply of version {head.v}; this program reads version 1")
    return Reply(head, body)


def read_said(body: bytes) -> Said:
    """What a reply's body says. Raises LetterError."""
    try:
        return msgspec.json.decode(body, type=Said)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise LetterError("the reply can't be read") from error


def _is_plain(word: str) -> bool:
    return word.isascii() and word.isalnum() and len(word) <= NONCE_CHARS


def _parted(raw: bytes) -> tuple[bytes, bytes]:
    line, end, rest = raw[: HEAD_BYTES + 1].partition(b"\n")
    if not end:
        raise LetterError("there is no first line")
    return line, rest + raw[HEAD_BYTES + 1 :]
