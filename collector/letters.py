"""What boxes bring by HTTPS, letter by letter, and what waits to be said to them there.

A box that comes this way has no topic to be reached at: what is said to it waits here until its next
letter, and is said on its topics as well, because nobody knows by which way it comes next. Hearing twice does
no harm.
Nothing here says that such a box is connected: it is heard by what it brings.

StaleError              a letter that came before, or is too old
"""

import logging
import secrets
import threading
from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from collector.clock import Clock
from collector.identity.signing import Callers, Voice
from collector.intake import Pending
from firstbell import letter, wire
from firstbell.letter import Letter, Message, Moment, Said
from firstbell.wire import Answer

RECENT_S = 180.0
"""A box that brought nothing for so long comes by another way now, or not at all."""
GOOD_MS, AHEAD_MS = 120_000, 5_000
"""How old a letter may be, and how far a box's idea of our clock may be ahead."""
_MOST_BOXES = 20_000
_MOST_WAITING = 16
_MOST_NONCES = 200_000
_NONCE_CHARS = 64

log = logging.getLogger(__name__)


class StaleError(RuntimeError):
    """A letter that came before, or is too old to tell whether it did; its text says so."""


class Taker(Protocol):
    """Whoever takes reports: the intake."""

    def take(self, agent: str, payload: bytes, now_ns: int) -> Pending:
        """Take a message of `agent`, waiting if there is no room."""


class Hearer(Protocol):
    """Whoever hears what boxes say of leases: the coordinator."""

    def hear(self, agent: str, payload: bytes, /) -> None:
        """Take a word of a box, without waiting."""


class Topics(Protocol):
    """The way over the broker."""

    def tell(self, agent: str, payload: bytes) -> bool:
        """Say something about a lease to a box; whether it could be said."""

    def nudge(self, agent: str) -> bool:
        """Ask a box to run its cheap checks now; whether it could be said."""


class Broker(NamedTuple):
    """Where bytes of a box's own TLS with the broker go."""

    host: str
    port: int


@dataclass
class _Box:
    """What waits for a box, when it was here last (monotonic), and who waits for something to say."""

    seen_s: float
    waiting: deque[Message] = field(default_factory=lambda: deque(maxlen=_MOST_WAITING))
    awaited: Future[None] | None = None


class Letters:
    """Answers letters. Any thread; `broker` is the only place where a WebSocket may lead, None: nowhere."""

    def __init__(
        self,
        taker: Taker,
        hearer: Hearer,
        topics: Topics,
        clock: Clock,
        journal_id: str,
        callers: Callers,
        voice: Voice,
        broker: Broker | None,
    ) -> None:
        self.broker = broker
        self.taken = self.refused = 0
        self._taker, self._hearer, self._topics = taker, hearer, topics
        self._clock, self._journal_id = clock, journal_id
        self._callers, self._voice = callers, voice
        self._lock = threading.Lock()
        self._boxes: OrderedDict[str, _Box] = OrderedDict()
        self._run, self._since_ms = secrets.token_hex(8), 0
        self._nonces: OrderedDict[tuple[str, str], int] = OrderedDict()
        """What came, and when: the oldest first."""

    def caller(self, came: Letter) -> str:
        """Whose letter it is. Raises CallerError, StoreError."""
        head = came.head
        signed = letter.to_sign(head.verb, head.nonce, came.payload, head.moment)
        return self._callers.name(head.certificate, head.signature, signed)

    def moment(self) -> Moment:
        """Now, by the clock that letters go by. It begins anew with each start: older letters are void."""
        return Moment(run=self._run, at_ms=int(self._clock.monotonic() * 1000))

    def fresh(self, agent: str, came: Letter) -> None:
        """See that this letter comes for the first time, and remember it. Raises StaleError."""
        now_ms, said, key = self.moment().at_ms, came.head.moment, (agent, came.head.nonce)
        if said.run != self._run or not -AHEAD_MS <= now_ms - said.at_ms <= GOOD_MS:
            raise StaleError(
                "this letter is not of now by the collector's clock: the box asks for that again"
            )
        with self._lock:
            if said.at_ms < self._since_ms or key in self._nonces:
                raise StaleError("this letter came before")
            self._nonces[key] = now_ms
            self._forget(now_ms)

    def _forget(self, now_ms: int) -> None:
        """Forget what would be too old anyway; where there is no room for the rest, that is too old, too."""
        while self._nonces:
            key, came_ms = next(iter(self._nonces.items()))
            if len(self._nonces) > _MOST_NONCES:
                self._since_ms = max(self._since_ms, came_ms + AHEAD_MS + 1)
            elif now_ms - came_ms <= GOOD_MS + AHEAD_MS:
                return
            del self._nonces[key]

    # --- what a letter says ---------------------------------------------------------------------------------

    def report(self, agent: str, came: Letter) -> Pending:
        """Take a batch; its answer comes once it is kept. Waits while the writer has no room."""
        self._saw(agent)
        return self._taker.take(agent, came.payload, self._clock.now_ns())

    def state(self, agent: str, came: Letter) -> Answer | None:
        """The time, for a box that asks for it. Raises WireError."""
        self._saw(agent)
        nonce = wire.read_state(came.payload).nonce
        if not nonce or len(nonce) > _NONCE_CHARS:
            return None
        return Answer(journal=self._journal_id, now_ns=self._clock.now_ns(), nonce=nonce)

    def ask(self, agent: str, came: Letter) -> Future[None]:
        """Pass on a word about a lease; done once there is something to say to the box."""
        box = self._saw(agent)
        with self._lock:
            awaited = box.awaited = Future()
        self._hearer.hear(agent, came.payload)
        return awaited

    def greet(self, agent: str, came: Letter) -> bytes:
        """A signed reply with nothing but the moment: what waits is for whoever shows that it is here now."""
        return self._signed(agent, came, [])

    def reply(self, agent: str, came: Letter, answer: Answer | None) -> bytes:
        """A reply to that letter, signed for that box, with the answer, and with what waits for the box."""
        with self._lock:
            box = self._boxes.get(agent)
            messages = list(box.waiting) if box else []
            if box:
                box.waiting.clear()
        if answer:
            messages.insert(0, Message(verb="answer", payload=wire.encode(answer)))
        return self._signed(agent, came, messages)

    def _signed(self, agent: str, came: Letter, messages: list[Message]) -> bytes:
        body = letter.write_said(Said(moment=self.moment(), messages=messages))
        certificate, signature = self._voice.sign(letter.to_sign_in_reply(agent, came.digest, body))
        return letter.write(letter.ReplyHead(certificate=certificate, signature=signature), body)

    # --- what is said to boxes, whichever way they come -------------------------------------------------

    def tell(self, agent: str, payload: bytes) -> bool:
        """Say something about a lease to a box; whether it could be said."""
        told = self._topics.tell(agent, payload)
        return self._put(agent, Message(verb="lease", payload=payload)) or told

    def nudge(self, agent: str) -> bool:
        """Ask a box to run its cheap checks now; whether it could be said."""
        told = self._topics.nudge(agent)
        return self._put(agent, Message(verb="nudge", payload=b"")) or told

    def here(self) -> int:
        """How many boxes came this way lately."""
        since_s = self._clock.monotonic() - RECENT_S
        with self._lock:
            return sum(box.seen_s >= since_s for box in self._boxes.values())

    def _put(self, agent: str, message: Message) -> bool:
        with self._lock:
            box = self._boxes.get(agent)
            if box is None or self._clock.monotonic() > box.seen_s + RECENT_S:
                return False
            box.waiting.append(message)
            awaited, box.awaited = box.awaited, None
        _wake(awaited)
        return True

    def _saw(self, agent: str) -> _Box:
        now_s = self._clock.monotonic()
        with self._lock:
            box = self._boxes.pop(agent, None) or _Box(now_s)
            if now_s > box.seen_s + RECENT_S:
                box.waiting.clear()  # it would come too late to be of use
            box.seen_s = now_s
            self._boxes[agent] = box  # the last seen last
            if len(self._boxes) > _MOST_BOXES:
                self._boxes.popitem(last=False)
            return box


def _wake(awaited: "Future[None] | None") -> None:
    if awaited is not None and awaited.set_running_or_notify_cancel():
        awaited.set_result(None)
