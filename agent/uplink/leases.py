"""Asks the coordinator for leave to load the line, and gives up the leave when nobody renews it.

Every message may be lost: an answer that does not come is a no; a lease that is not renewed within its time
is over, and its test is stopped; one that was granted too late is given back at once.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random

import msgspec

from agent.machine.clock import Clock
from firstbell import lease as words
from firstbell.lease import Grant, Lease, Refusal, Refuse, Renewed, Revoke
from firstbell.wire import WireError

ANSWER_S = 8.0
"""How long an answer may take."""
UNHEARD_S = 600.0
"""After silence it is worth asking again in so long."""
_LOOK_S = 0.5

_log = logging.getLogger(__name__)


class Leases:
    """The coordinator, as the gate of one box sees it. Any thread may call it.

    `agent` is the box's name. `publish` sends a message now or not at all; `medium` says what the box hangs
    on, as in a report.
    """

    def __init__(
        self,
        agent: str,
        publish: Callable[[str, bytes], bool],
        clock: Clock,
        random: Random,
        medium: Callable[[], str] = lambda: "",
    ) -> None:
        self._agent = agent
        self._publish, self._clock, self._random, self._medium = publish, clock, random, medium
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}
        self._held: dict[str, _Held] = {}
        self.unheard = 0
        """Questions that nobody answered."""

    def ask(self, wanted: Lease, targets: Mapping[str, str]) -> Lease | Refusal:
        """Leave for what is wanted, or for less of it, or why not; waits for the answer."""
        nonce = f"{self._random.getrandbits(64):016x}"
        question = words.Ask(
            nonce=nonce,
            kind=wanted.kind,
            targets=tuple(targets),
            segments={name: segment for name, segment in targets.items() if segment},
            max_bytes=wanted.max_bytes,
            max_seconds=wanted.max_seconds,
            medium=self._medium(),
        )
        answer = _Answer(self._clock.monotonic())
        with self._lock:
            self._answers[nonce] = answer
        try:
            if not self._say(question):
                return Refusal("there is no connection to the collector, which says when to test", UNHEARD_S)
            answer.came.wait(ANSWER_S)
        finally:
            with self._lock:
                del self._answers[nonce]
        return self._understood(answer.said, wanted)

    def stop(self, lease: Lease) -> threading.Event:
        """Set once the lease is over before its time: called back, or not renewed."""
        with self._lock:
            held = self._held.get(lease.id)
        if held is None:
            over = threading.Event()
            over.set()
            return over
        return held.over

    def settle(self, lease: Lease, bytes_used: int | None, seconds: float) -> None:
        """The test has ended."""
        with self._lock:
            held = self._held.pop(lease.id, None)
        if held is not None:
            held.done.set()
        self._say(words.Settle(lease=lease.id, bytes=bytes_used, seconds=max(0.0, seconds)))

    def hear(self, payload: bytes) -> None:
        """Take a message of the coordinator's."""
        try:
            message = words.read_to_box(payload)
        except WireError as error:
            _log.debug("not a word about leases: %s", error)
            return
        if isinstance(message, Grant) and self._is_anothers(message):
            _log.warning("a grant with another box's ticket came here: it counts for nothing")
        elif isinstance(message, Grant | Refuse):
            self._answered(message)
        else:
            self._told(message)

    def _is_anothers(self, grant: Grant) -> bool:
        """Whether a ticket names another box. One that can't be read is the reference server's to refuse."""
        from firstbell import ticket  # noqa: PLC0415 - once a day, if that
        from firstbell.ticket import TicketError  # noqa: PLC0415

        for token in grant.tickets.values():
            with suppress(TicketError):
                if ticket.read(ticket.split(token)[0]).agent != self._agent:
                    return True
        return False

    def _answered(self, message: Grant | Refuse) -> None:
        with self._lock:
            answer = self._answers.get(message.nonce)
            if answer and not answer.came.is_set():
                answer.said = message
                if isinstance(message, Grant):
                    self._held[message.lease] = self._begin(message, answer.asked_s)
                answer.came.set()
                return
            in_use = isinstance(message, Grant) and message.lease in self._held
        if isinstance(message, Grant) and not in_use:
            # Nobody waits for it any more. Whoever else wants the line need not wait for its end.
            self._say(words.Settle(lease=message.lease, bytes=0))

    def _told(self, message: Renewed | Revoke) -> None:
        with self._lock:
            held = self._held.get(message.lease)
        if held is None:
            return
        if isinstance(message, Renewed):
            # From the question on: a late answer must not outlive what the coordinator counts by.
            held.until_s = held.asked_s + min(message.ttl_s, words.TTL_S)
        else:
            _log.info("the test is called back: %s", message.reason)
            held.over.set()

    def _understood(self, message: Grant | Refuse | None, wanted: Lease) -> Lease | Refusal:
        if message is None:
            self.unheard += 1
            return Refusal("the collector did not say when to test", UNHEARD_S)
        if isinstance(message, Refuse):
            return Refusal(message.reason or "the collector says no", message.again_s)
        return msgspec.structs.replace(
            wanted,
            id=message.lease,
            max_bytes=message.max_bytes,
            max_seconds=message.max_seconds,
            tickets=message.tickets,
        )

    def _begin(self, grant: Grant, asked_s: float) -> "_Held":
        held = _Held(grant.lease, asked_s, asked_s + min(grant.ttl_s, words.TTL_S))
        threading.Thread(target=self._renew, args=(held,), name="lease", daemon=True).start()
        return held

    def _renew(self, held: "_Held") -> None:
        """Renew the lease as long as its test runs; end the test when nobody answers."""
        while not held.done.wait(_LOOK_S) and not held.over.is_set():
            now = self._clock.monotonic()
            if now >= held.until_s:
                _log.warning("nobody renewed the lease of a test: it is stopped")
                held.over.set()
            elif now >= held.asked_s + words.RENEW_S:
                held.asked_s = now
                self._say(words.Renew(lease=held.lease))

    def _say(self, message: words.FromBox) -> bool:
        return self._publish("lease/ask", words.encode(message))


class _Answer:
    """What came back of a question that was asked at a moment of the monotonic clock."""

    def __init__(self, asked_s: float) -> None:
        self.asked_s = asked_s
        self.came = threading.Event()
        self.said: Grant | Refuse | None = None


class _Held:
    """A lease in use: when it was last asked for, and until when it holds, on the monotonic clock."""

    def __init__(self, lease: str, asked_s: float, until_s: float) -> None:
        self.lease, self.asked_s, self.until_s = lease, asked_s, until_s
        self.over, self.done = threading.Event(), threading.Event()
