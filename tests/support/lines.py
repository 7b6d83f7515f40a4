"""A line in a test's hand, and a collector at its other end that does as it is told."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from firstbell import wire
from firstbell.report import Report
from firstbell.wire import Answer
from tests.support.clocks import HandClock

AGENT = "lincoln-1"


@dataclass
class Sent:
    """One message that went out, when, and when it is there."""

    at: float
    arrives: float
    verb: str
    payload: bytes
    retain: bool


class HandLine:
    """A line without a network: `connection` is 0 while it is down, `room` whether it takes messages.

    `bytes_a_second` is how fast it carries what it took; a message arrives when its last byte does.
    """

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.connection = 0
        self.connections = 0
        self.room = True
        self.bytes_a_second = math.inf
        self._free_at = 0.0
        self.sent: list[Sent] = []
        self.offline: list[Sent] = []
        self.last_word = b""
        self.tended = 0
        self.trouble = ""
        self.receive: Callable[[str, bytes], None] = lambda _verb, _payload: None

    def open(
        self, receive: Callable[[str, bytes], None], wake: Callable[[], None], attempted: Callable[[], None]
    ) -> None:
        """Keep the callables."""
        self.receive, self.wake, self.attempted = receive, wake, attempted

    def connected(self) -> int:
        """As set."""
        return self.connection

    def publish(self, verb: str, payload: bytes, *, retain: bool = False) -> bool:
        """Note it."""
        now = self.clock.monotonic()
        self._free_at = max(self._free_at, now) + len(payload) / self.bytes_a_second
        message = Sent(now, self._free_at, verb, payload, retain)
        if not self.connection:
            self.offline.append(message)
            return False
        if self.room:
            self.sent.append(message)
        return self.room

    def tend(self, now: float) -> None:
        """Count."""
        assert now == self.clock.monotonic()
        self.tended += 1

    def close(self, last_word: bytes) -> None:
        """Keep the last word."""
        self.last_word, self.connection = last_word, 0

    def up(self) -> None:
        """Connect anew."""
        self.connections += 1
        self.connection = self.connections

    def down(self) -> None:
        """Lose the connection."""
        self.connection = 0


@dataclass
class HandCollector:
    """A collector that holds what it reads, unless told otherwise; its answers take `delay_s`."""

    line: HandLine
    clock: HandClock
    journal: str = "journal-1"
    delay_s: float = 0.3
    wrong_s: float = 0.0
    deaf: bool = False
    tells_time: bool = True
    judge: Callable[[wire.Envelope, list[Report]], Answer | None] | None = None
    """What to say to a batch instead of holding it; its digest, journal and time are filled in."""
    stored: dict[tuple[str, int], bytes] = field(default_factory=dict)
    arrived: dict[tuple[str, int], float] = field(default_factory=dict)
    batches: list[tuple[float, wire.Envelope]] = field(default_factory=list)
    doubled: int = 0
    _seen: int = 0
    _due: list[tuple[float, bytes]] = field(default_factory=list)

    def work(self) -> None:
        """Take what has come, say what is due."""
        now = self.clock.monotonic()
        while self._seen < len(self.line.sent) and self.line.sent[self._seen].arrives <= now:
            self._take(self.line.sent[self._seen])
            self._seen += 1
        due = [answer for at, answer in self._due if at <= now]
        self._due = [(at, answer) for at, answer in self._due if at > now]
        for answer in due:
            if self.line.connection:
                self.line.receive("answer", answer)

    def reports(self) -> dict[tuple[str, int], Report]:
        """What it holds."""
        return {identity: wire.read_report(row) for identity, row in self.stored.items()}

    def now_ns(self) -> int:
        """Its clock."""
        return self.clock.true_ns + round(self.wrong_s * 1e9)

    def say(self, answer: Answer) -> None:
        """Send an answer at its time."""
        self._due.append((self.clock.monotonic() + self.delay_s, wire.encode(answer)))

    def _take(self, message: Sent) -> None:
        if message.verb == "state":
            nonce = wire.read_state(message.payload).nonce
            if nonce and self.tells_time and not self.deaf:
                self.say(Answer(journal=self.journal, now_ns=self.now_ns(), nonce=nonce))
            return
        batch = wire.open_batch(AGENT, message.payload)
        self.batches.append((message.at, batch.envelope))
        if self.deaf:
            return
        rows = wire.rows_of(batch)
        answer = Answer(journal=self.journal, now_ns=self.now_ns(), held=(batch.envelope.range,))
        if self.judge:
            judged = self.judge(batch.envelope, [wire.read_report(row) for row in rows])
            if judged is None:
                return
            answer = judged
        for low, high in answer.held:
            self._hold(batch.envelope, rows, low, high, message.arrives)
        fields = {"journal": self.journal, "now_ns": self.now_ns(), "digest": batch.envelope.digest}
        self.say(
            Answer(**{**{f: getattr(answer, f) for f in ("held", "refused", "later", "halve")}, **fields})
        )

    def _hold(self, envelope: wire.Envelope, rows: list[bytes], low: int, high: int, at: float) -> None:
        first, last = envelope.range
        for seq in range(max(low, first), min(high, last) + 1):
            identity, row = (envelope.epoch, seq), rows[seq - first]
            if identity in self.stored:
                self.doubled += 1
                assert self.stored[identity] == row, "a report changed between two sendings"
            self.stored[identity] = row
            self.arrived.setdefault(identity, at)
