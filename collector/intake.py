"""Where a message becomes reports: read, checked, handed to the writer, answered. Knows no transport.

What is wrong with a message decides its answer:

    no envelope, or another box's     set aside; there is nobody to answer by name
    an unknown version                later: the box keeps it, until this program is upgraded
    a body that can't be read         halve: the bad one is found in a few steps; a single one is refused
    one report that can't be read     refused, and the others of its batch are held

A box that was shut out is answered `later`, whatever it sends, and nothing of it is kept, not even set aside.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Container, Sequence
from typing import Protocol

from collector.clock import Clock
from collector.store.offers import Offer, Outcome, Refusal, Row
from firstbell import wire
from firstbell.wire import Answer, Batch, Envelope

log = logging.getLogger(__name__)

STOPPING = "the collector is stopping"
SHUT_OUT = "the district has shut this box out: nothing of it is taken"
_LONG_REASONS = 100
_SHORT_REASON_CHARS = 60

Listener = Callable[[Answer | None], None]


class Keeper(Protocol):
    """Whoever keeps offers: the writer."""

    def put(self, offer: Offer) -> bool:
        """Take an offer, to be settled later; False if nothing is taken any more."""


class Pending:
    """An answer on its way: settled exactly once, with None if there is nobody to answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = False
        self._answer: Answer | None = None
        self._listener: Listener | None = None

    @property
    def settled(self) -> bool:
        """Whether the answer is known."""
        return self._settled

    @property
    def answer(self) -> Answer | None:
        """The answer, once it is settled."""
        return self._answer

    def settle(self, answer: Answer | None) -> None:
        """Say the answer, and tell the listener on this thread. Raises RuntimeError the second time."""
        with self._lock:
            if self._settled:
                raise RuntimeError("this answer is settled already")
            self._settled = True
            self._answer = answer
            listener = self._listener
        if listener:
            listener(answer)

    def then(self, listener: Listener) -> None:
        """Call `listener` with the answer as soon as it is settled, or now if it is."""
        with self._lock:
            if not self._settled:
                self._listener = listener
                return
        listener(self._answer)


class Intake:
    """Takes messages, but none of whoever is `shut_out`. `journal_id` is the name that answers carry."""

    def __init__(
        self,
        keeper: Keeper,
        clock: Clock,
        journal_id: str,
        shut_out: Callable[[], Container[str]] = frozenset,
    ) -> None:
        self._shut_out = shut_out
        self._keeper = keeper
        self._clock = clock
        self._journal_id = journal_id
        self._lock = threading.Lock()
        self._messages: Counter[str] = Counter()
        self._strangers: dict[str, str] = {}

    @property
    def messages(self) -> dict[str, int]:
        """Messages so far, by what was wrong with them: `good` if nothing, `shut_out` if nobody looked."""
        with self._lock:
            return dict(self._messages)

    @property
    def unknown_versions(self) -> dict[str, str]:
        """Boxes whose last message had a version that this program does not speak, and which."""
        with self._lock:
            return dict(self._strangers)

    def take(self, agent: str, payload: bytes, now_ns: int) -> Pending:
        """Take the message that came on the topic of `agent` at `now_ns`; never raises for what is in it.

        Waits while the writer's queue is full. `agent` is empty if the topic was no well-named box's.
        """
        pending = Pending()
        if agent in self._shut_out():
            self._turn_away(pending, agent, payload)
            return pending
        try:
            batch = wire.open_batch(agent, payload)
        except wire.UnknownVersionError as error:
            self._later(pending, agent, error)
        except Exception as error:  # noqa: BLE001 - the intake loop: no message may end it
            self._aside(pending, agent, payload, now_ns, error)
        else:
            self._take_batch(pending, batch, now_ns)
        return pending

    def _turn_away(self, pending: Pending, agent: str, payload: bytes) -> None:
        """Keep nothing, and say so: if it was a mistake, nothing is lost once that is taken back."""
        with self._lock:
            self._messages["shut_out"] += 1
        try:
            digest = wire.open_batch(agent, payload).envelope.digest
        except wire.UnknownVersionError as error:
            digest = error.digest
        except Exception:  # noqa: BLE001 - the intake loop: no message may end it
            pending.settle(None)
            return
        pending.settle(self._answer(digest, Outcome(later=SHUT_OUT)))

    def _later(self, pending: Pending, agent: str, error: wire.UnknownVersionError) -> None:
        self._count(error)
        with self._lock:
            new = self._strangers.get(agent) != str(error)
            self._strangers[agent] = str(error)
        if new:
            log.warning("%s: %s; its reports wait until this collector is upgraded", agent, error)
        pending.settle(self._answer(error.digest, Outcome(later=str(error))))

    def _aside(self, pending: Pending, agent: str, payload: bytes, now_ns: int, error: Exception) -> None:
        self._count(error)
        refusal = Refusal(0, 0, _words(error), payload)
        self._offer(Offer(agent, "", now_ns, (), (refusal,), lambda _: pending.settle(None)))

    def _take_batch(self, pending: Pending, batch: Batch, now_ns: int) -> None:
        envelope = batch.envelope
        with self._lock:
            self._strangers.pop(envelope.agent, None)
        try:
            raws = wire.rows_of(batch)
        except Exception as error:  # noqa: BLE001 - the intake loop: no message may end it
            self._count(error)
            self._unreadable(pending, batch, now_ns, _words(error))
            return
        rows, refusals, first_error = _read(envelope, raws)
        self._count(first_error)
        self._hand_over(pending, envelope, now_ns, rows, refusals)

    def _unreadable(self, pending: Pending, batch: Batch, now_ns: int, reason: str) -> None:
        envelope, body = batch
        if envelope.count > 1:
            pending.settle(self._answer(envelope.digest, Outcome(halve=reason)))
        else:
            refusal = Refusal(envelope.first, envelope.first, reason, body)
            self._hand_over(pending, envelope, now_ns, (), (refusal,))

    def _hand_over(
        self,
        pending: Pending,
        envelope: Envelope,
        now_ns: int,
        rows: Sequence[Row],
        refusals: Sequence[Refusal],
    ) -> None:
        def settle(outcome: Outcome) -> None:
            pending.settle(self._answer(envelope.digest, outcome))

        self._offer(Offer(envelope.agent, envelope.epoch, now_ns, rows, refusals, settle))

    def _offer(self, offer: Offer) -> None:
        if not self._keeper.put(offer):
            offer.settle(Outcome(later=STOPPING))

    def _answer(self, digest: str, outcome: Outcome) -> Answer:
        return Answer(
            journal=self._journal_id,
            now_ns=self._clock.now_ns(),
            digest=digest,
            held=tuple(outcome.held),
            refused=_within_the_wire(outcome.refused),
            later=outcome.later,
            halve=outcome.halve,
        )

    def _count(self, error: Exception | None) -> None:
        kind = "good" if error is None else type(error).__name__
        with self._lock:
            self._messages[kind] += 1


def _read(envelope: Envelope, raws: Sequence[bytes]) -> tuple[list[Row], list[Refusal], Exception | None]:
    """The rows that can be read, the refusals of the others, and what was wrong with the first of those."""
    rows: list[Row] = []
    refusals: list[Refusal] = []
    first_error: Exception | None = None
    for seq, raw in enumerate(raws, envelope.first):
        try:
            rows.append(Row(seq, wire.row_digest(raw), raw, wire.read_report(raw)))
        except Exception as error:  # noqa: BLE001 - the intake loop: one report spoils no other
            first_error = first_error or error
            refusals.append(Refusal(seq, seq, _words(error), raw))
    return rows, refusals, first_error


def _words(error: Exception) -> str:
    """The reason that goes to the box: a WireError's own words; anything else is this program's mistake."""
    if isinstance(error, wire.WireError):
        return "".join(c if c.isprintable() else "?" for c in str(error))[:200]
    log.error("reading a message failed in a way that nobody thought of", exc_info=error)
    return f"the collector can't read it: {type(error).__name__}"


def _within_the_wire(refused: Sequence[tuple[int, int, str]]) -> tuple[tuple[int, int, str], ...]:
    """Many refusals with their reasons cut short, so that 500 of them still fit one answer."""
    if len(refused) <= _LONG_REASONS:
        return tuple(refused)
    return tuple((first, last, reason[:_SHORT_REASON_CHARS]) for first, last, reason in refused)
