"""What travels between a box and the collector, as bytes.

A batch is lines of JSON: the envelope, then one line a report; the lines after the first are deflated
together above 1 kB. The envelope stands outside, so that even a batch whose body can't be read is
answered by name; a line of its own for each report, so that a bad one spoils no other. Reports are
numbered by their place: `first`, `first + 1`, and so on, without holes.

    WireError                 nothing below is ever the sender's silence: each is answered or set aside
    ├── EnvelopeError         the first line is no envelope
    ├── WrongAgentError       the envelope names another box than the topic did
    ├── UnknownVersionError   a version this program does not speak: keep it, ask again later
    └── BodyError             the body can't be read: send it in halves
        ├── TooLargeError       too many bytes on the wire
        ├── InflatedError       too many bytes when inflated, or no deflate stream
        ├── TooManyError        more reports than a batch may hold, or another number than it says
        └── DigestError         not the bytes that were sent
    RowError                  one report of a batch: refused, with its reason
    ├── TooDeepError            nested deeper than a report is
    ├── NotAReportError         no JSON, or not the shape of a report (NaN is no JSON)
    └── ImpossibleError         the right shape with a value that can't be true
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from firstbell import report as reports
from firstbell.report import AGENT_NAME, EPOCH_NAME, MAX_SEQ, Report

T = TypeVar("T")

VERSION = 1
READABLE = (1,)
"""Versions that this program can read: its own and, once there is one, the one before."""

WIRE_BYTES = 64 * 1024
INFLATED_BYTES = 256 * 1024
ENVELOPE_BYTES = 1024
BATCH_REPORTS = 500
DEPTH = 3
DEFLATE_ABOVE = 1024

Range = tuple[int, int]
"""First and last seq, both included."""


class WireError(ValueError):
    """The base of everything that bytes from outside can be guilty of; its text is the reason."""


class EnvelopeError(WireError):
    """The first line is no envelope."""


class WrongAgentError(WireError):
    """The envelope names another box than the topic did."""


class UnknownVersionError(WireError):
    """A version that this program does not speak. `digest` is the batch's, so that it can be answered."""

    def __init__(self, reason: str, digest: str) -> None:
        super().__init__(reason)
        self.digest = digest


class BodyError(WireError):
    """The body can't be read as a whole."""


class TooLargeError(BodyError):
    """Too many bytes on the wire."""


class InflatedError(BodyError):
    """Too many bytes when inflated, or no deflate stream at all."""


class TooManyError(BodyError):
    """More reports than a batch may hold, or another number than the envelope says."""


class DigestError(BodyError):
    """Not the bytes that were sent."""


class RowError(WireError):
    """One report that can't be kept as good."""


class TooDeepError(RowError):
    """Nested deeper than a report is."""


class NotAReportError(RowError):
    """No JSON, or not the shape of a report."""


class ImpossibleError(RowError):
    """The right shape with a value that can't be true."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who sends which reports. `digest` covers the identity and the body's bytes before deflating."""

    v: int
    agent: str
    epoch: str
    first: int
    count: int
    digest: str
    deflated: bool = False

    @property
    def range(self) -> Range:
        """First and last seq of the batch, both included."""
        return self.first, self.first + self.count - 1


class Batch(NamedTuple):
    """An envelope and the bytes behind it, as they came."""

    envelope: Envelope
    body: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the collector says to a box.

    `held`: these I have on my disk. `refused`: these I shall never take, and why; they are set aside on
    both sides. `later`: keep all of it and slow down. `halve`: I can't read it as a whole, send it in two.
    `journal` names the journal that holds them: a box that meets another one offers what it still keeps.
    `nonce` repeats the box's question for the time, which is `now_ns`.
    """

    v: int = 1  # what a message without `v` speaks, for ever
    journal: str
    now_ns: int
    digest: str = ""
    held: tuple[Range, ...] = ()
    refused: tuple[tuple[int, int, str], ...] = ()
    later: str = ""
    halve: str = ""
    nonce: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A box's retained word about itself: a hint, never a fact. `nonce` asks for the collector's time."""

    v: int = 1  # what a message without `v` speaks, for ever
    alive: bool
    epoch: str = ""
    agent_version: str = ""
    spool_reports: int = 0
    clock: str = ""
    nonce: str = ""


# --- topics -----------------------------------------------------------------------------------------

REPORTS_OF_ALL = "firstbell/v1/+/report"
STATES_OF_ALL = "firstbell/v1/+/state"
ASKS_OF_ALL = "firstbell/v1/+/lease/ask"
_TOPIC = re.compile(r"firstbell/v1/([^/]{1,40})/([a-z/]{1,20})\Z")


def topic(agent: str, verb: str) -> str:
    """The topic of `verb` (report, state, answer, nudge, lease, lease/ask) for the box `agent`."""
    return f"firstbell/v1/{agent}/{verb}"


def agent_of(topic_name: str) -> str | None:
    """The box that a topic belongs to; None if it is no topic of a well-named box."""
    match = _TOPIC.match(topic_name)
    return match[1] if match and AGENT_NAME.match(match[1]) else None


# --- batches ----------------------------------------------------------------------------------------


def row_digest(row: bytes) -> bytes:
    """16 bytes that stand for the exact bytes of a report, kept beside its key for ever."""
    return hashlib.blake2b(row, digest_size=16).digest()


def batch_digest(agent: str, epoch: str, first: int, count: int, body: bytes) -> str:
    """32 hex digits over the identity and the body, so that neither can change on the way unnoticed."""
    identity = f"{agent}\n{epoch}\n{first}\n{count}\n".encode()
    return hashlib.blake2b(body, digest_size=16, key=hashlib.sha256(identity).digest()).hexdigest()


def encode_report(report: Report) -> bytes:
    """The bytes of a report, frozen from here on."""
    return msgspec.json.encode(report)


def encode_batch(agent: str, epoch: str, first: int, rows: Sequence[bytes]) -> tuple[str, bytes]:
    """The digest and the payload of a batch of encoded reports, numbered from `first`.

    Raises TooManyError above 500 reports and InflatedError or TooLargeError above the limits in bytes:
    the sender fits its batches by `fit`.
    """
    if not 1 <= len(rows) <= BATCH_REPORTS:
        raise TooManyError(f"{len(rows)} reports in a batch; 1 to {BATCH_REPORTS} are allowed")
    body = b"\n".join(rows)
    if len(body) > INFLATED_BYTES:
        raise InflatedError(f"{len(body)} bytes; {INFLATED_BYTES} are allowed")
    digest = batch_digest(agent, epoch, first, len(rows), body)
    deflated = len(body) > DEFLATE_ABOVE
    envelope = Envelope(
        v=VERSION, agent=agent, epoch=epoch, first=first, count=len(rows), digest=digest, deflated=deflated
    )
    payload = msgspec.json.encode(envelope) + b"\n" + (zlib.compress(body) if deflated else body)
    if len(payload) > WIRE_BYTES:
        raise TooLargeError(f"{len(payload)} bytes on the wire; {WIRE_BYTES} are allowed")
    return digest, payload


def fit(rows: Iterable[bytes], most: int = BATCH_REPORTS) -> int:
    """How many of the first `rows` fit one batch even if nothing deflates; at least 1."""
    room = WIRE_BYTES - ENVELOPE_BYTES
    count = 0
    for row in rows:
        room -= len(row) + 1
        if count and (room < 0 or count == most):
            break
        count += 1
    return count


def open_batch(agent: str, payload: bytes) -> Batch:
    """The envelope of a payload that came on the topic of `agent`, and its body unread.

    Raises EnvelopeError, WrongAgentError, or UnknownVersionError.
    """
    line, _, body = payload.partition(b"\n")
    try:
        if len(line) > ENVELOPE_BYTES:
            raise EnvelopeError(f"its first line is longer than {ENVELOPE_BYTES} bytes")
        envelope = _ENVELOPES.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise EnvelopeError(f"its first line is no envelope: {error}") from error
    if not EPOCH_NAME.match(envelope.epoch) or not (
        1 <= envelope.first <= MAX_SEQ and 1 <= envelope.count <= MAX_SEQ and len(envelope.digest) <= 64  # noqa: PLR2004
    ):
        raise EnvelopeError("its envelope has no epoch, or no range of reports")
    if envelope.agent != agent:
        raise WrongAgentError(f"it came on the topic of {agent} and names another box")
    if envelope.v not in READABLE:
        raise UnknownVersionError(
            f"version {envelope.v} is not spoken here; known: {READABLE}", envelope.digest
        )
    return Batch(envelope, body)


def rows_of(batch: Batch) -> list[bytes]:
    """The exact bytes of each report in a batch. Raises BodyError in one of its forms."""
    envelope, body = batch
    if len(body) > WIRE_BYTES:
        raise TooLargeError(f"{len(body)} bytes on the wire; {WIRE_BYTES} are allowed")
    if envelope.count > BATCH_REPORTS:
        raise TooManyError(f"{envelope.count} reports in a batch; {BATCH_REPORTS} are allowed")
    if envelope.deflated:
        body = _inflate(body)
    if batch_digest(envelope.agent, envelope.epoch, envelope.first, envelope.count, body) != envelope.digest:
        raise DigestError("its digest is not that of its bytes")
    rows = body.split(b"\n")
    if len(rows) != envelope.count:
        raise TooManyError(f"it holds {len(rows)} reports and says {envelope.count}")
    return rows


def read_report(row: bytes) -> Report:
    """The report in `row`. Raises RowError in one of its forms, with the reason."""
    if _depth(row) > DEPTH:
        raise TooDeepError(f"nested deeper than {DEPTH} levels")
    try:
        report = _REPORTS.decode(row)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise NotAReportError(_printable(str(error))) from error
    trouble = reports.complaint(report)
    if trouble:
        raise ImpossibleError(_printable(trouble))
    return report


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(data, INFLATED_BYTES + 1)
    except zlib.error as error:
        raise InflatedError(f"no deflate stream: {error}") from error
    if len(body) > INFLATED_BYTES:
        raise InflatedError(f"more than {INFLATED_BYTES} bytes when inflated")
    if not stream.eof or stream.unused_data:
        raise InflatedError("the deflate stream is cut off or followed by something else")
    return body


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or what is left of the row if it never ends: each byte is looked at once, whatever was sent."""


def _depth(row: bytes) -> int:
    """How deep `row` nests: an upper bound where that is small enough, else exactly."""
    bound = row.count(b"{") + row.count(b"[")
    if bound <= DEPTH:
        return bound
    depth = deepest = 0
    for byte in _STRING.sub(b"", row):
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


# --- small messages ---------------------------------------------------------------------------------


def encode(message: Answer | State) -> bytes:
    """The bytes of an answer or a state."""
    return msgspec.json.encode(message)


def read_answer(payload: bytes) -> Answer:
    """The answer in `payload`. Raises WireError."""
    return read_small(_ANSWERS, payload)


def read_state(payload: bytes) -> State:
    """The state in `payload`. Raises WireError."""
    return read_small(_STATES, payload)


def read_small(decoder: "msgspec.json.Decoder[T]", payload: bytes) -> T:
    """A message of one JSON object, within the limit of bytes. Raises WireError."""
    if len(payload) > WIRE_BYTES:
        raise TooLargeError(f"{len(payload)} bytes; {WIRE_BYTES} are allowed")
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise WireError(_printable(str(error))) from error


_ENVELOPES = msgspec.json.Decoder(Envelope)
_REPORTS = msgspec.json.Decoder(Report)
_ANSWERS = msgspec.json.Decoder(Answer)
_STATES = msgspec.json.Decoder(State)
