"""Brings what waits in the spool to the collector, over any line, and takes its answers.

A batch is under way until the collector has answered by its digest; what the line itself says of delivery
counts for nothing. What is silent is sent again; what stays silent while others are taken is sent in
halves, so that one bad report delays no other by more than one resend.
"""

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Protocol

import firstbell
from agent.freeze import Timeline
from agent.machine.clock import Clock
from agent.spool import Spool
from agent.spool.schema import SpoolError
from agent.uplink.outbox import Counters, Outbox
from agent.uplink.progress import Progress
from agent.uplink.timecheck import TimeCheck
from agent.uplink.window import Flight
from firstbell import wire
from firstbell.report import REASON_CHARS
from firstbell.wire import Answer, Range, State

TICK_S = 1.0
NUDGE_S = 60.0
MEET_S = 600.0
"""How long a change of the journal stands before another is believed: two collectors that take turns must
not keep a box sending the same week for ever."""
SILENT_S = 300.0
"""Connected, and nothing was answered for so long: this is said, because the broker says nothing of it."""
INBOX = 1000
JOURNAL_CHARS = 64

_log = logging.getLogger(__name__)


class Line(Protocol):
    """A way to the collector. Its messages are bytes under the verbs of `firstbell.wire.topic`."""

    def open(
        self,
        receive: Callable[[str, bytes], None],
        wake: Callable[[], None],
        attempted: Callable[[], None],
    ) -> None:
        """Begin to connect, and to reconnect for ever.

        The callables may be called from any thread: `receive` with each message, `wake` whenever the
        connection comes or goes, `attempted` at each attempt to connect.
        """

    def connected(self) -> int:
        """The number of the present connection, counted from 1; 0 while there is none."""

    def publish(self, verb: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send now or not at all: False if there is no connection or no room."""

    def tend(self, now: float) -> None:
        """Called about once a second, with the monotonic clock: a line that died is built anew here."""

    @property
    def trouble(self) -> str:
        """Why there is no connection, as far as it is known; "" while there is one."""

    def close(self, last_word: bytes) -> None:
        """Publish `last_word` as the state if there is a connection, and end."""


class Sender:
    """One thread between a spool and a line. `start` and `stop` it from outside, once each.

    `on_nudge` is called in the sender's thread when the collector asks for cheap measurements now, at
    most once a minute, `on_lease` with what the coordinator says, at once and in any thread. Until the
    machine is `ask_time_after_s` old, in seconds since its boot, it waits for NTP rather than take the
    collector's time.
    """

    def __init__(
        self,
        agent: str,
        spool: Spool,
        line: Line,
        clock: Clock,
        random: Random,
        progress: Progress,
        on_nudge: Callable[[], None],
        on_lease: Callable[[bytes], None] = lambda _: None,
        *,
        ask_time_after_s: float = 600.0,
    ) -> None:
        self.counters = Counters()
        self._spool, self._line, self._clock, self._progress = spool, line, clock, progress
        self._on_nudge, self._on_lease = on_nudge, on_lease
        self._time = TimeCheck(spool, clock, random, ask_time_after_s)
        self._outbox = Outbox(agent, spool, random, self.counters, self._publish)
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._bell = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._connection = 0
        self._timeline: Timeline | None = None
        self._journal = ""
        self._met_at = self._nudged_at = -math.inf
        self._rest_until = -math.inf
        self._trouble = self._later = ""
        self._agent = agent
        self._heard_at, self._silent = math.inf, False

    # --- the thread -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the line and begin to send."""
        self._line.open(self.receive, self.wake, lambda: self._progress.note("attempted"))
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread and the line. What is under way stays in the spool."""
        self._stopping = True
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._line.close(wire.encode(State(alive=False, epoch=self._spool.epoch)))

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def receive(self, verb: str, payload: bytes) -> None:
        """Take a message from the line; any thread."""
        if verb == "lease":  # somebody waits for it, and the sender may be busy with the spool
            self._on_lease(payload)
            return
        if len(self._inbox) >= INBOX:
            self.counters.dropped += 1
            return
        self._inbox.append((verb, payload))
        self._bell.set()

    def wake(self) -> None:
        """Look now, rather than within a second, whether there is something to send; any thread."""
        self._bell.set()

    def _run(self) -> None:
        while not self._stopping:
            until_due_s = self._outbox.next_due() - self._clock.monotonic() if self._connection else TICK_S
            # What is overdue even after a round waits for something else than time: look again in a while.
            self._bell.wait(min(TICK_S, until_due_s) if until_due_s > 0 else TICK_S)
            self._bell.clear()
            self.step()

    def step(self) -> None:
        """One round: take what came, send what is due. Trouble with the spool is logged and tried again."""
        self._line.tend(self._clock.monotonic())
        try:
            while self._inbox:
                self._take(*self._inbox.popleft())
            self._send(self._clock.monotonic())
            self._trouble = ""
        except SpoolError as error:
            self._rest_until = self._clock.monotonic() + TICK_S
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.error("the sender can't go on: %s", error)
        self._progress.note("stepped")

    # --- out ------------------------------------------------------------------------------------------

    def _send(self, now: float) -> None:
        connection = self._line.connected()
        if connection and connection != self._connection:
            self._time.connected()
            self._outbox.connected(now)
            self._heard_at = now
        self._connection = connection
        if not connection:
            return
        self._mind_silence(now)
        nonce = self._time.question()
        if nonce:
            self._line.publish("state", wire.encode(self._state(nonce)), retain=True)
        timeline = self._time.timeline()
        if timeline is None or now < self._rest_until:
            return
        self._timeline = timeline
        if self._journal:
            self._spool.meet(self._journal)
        self._outbox.send(now, timeline)

    def _mind_silence(self, now: float) -> None:
        """Say it once when nobody answers; there is always a question, or a report that waits."""
        if now >= self._heard_at + SILENT_S and not self._silent:
            self._silent = True
            _log.warning(
                "connected, but no answer for %.0f min: does the collector run, and does the broker's list "
                "of topics (ACL) allow the name %s?",
                SILENT_S / 60,
                self._agent,
            )

    def _publish(self, payload: bytes) -> bool:
        return self._line.publish("report", payload)

    def _state(self, nonce: str) -> State:
        now = self._timeline.now if self._timeline else None
        return State(
            alive=True,
            epoch=self._spool.epoch,
            agent_version=firstbell.__version__,
            spool_reports=self._spool.waiting(),
            clock=now.clock if now else "unknown",
            nonce=nonce,
        )

    # --- in -------------------------------------------------------------------------------------------

    def _take(self, verb: str, payload: bytes) -> None:
        now = self._clock.monotonic()
        if verb == "nudge":
            if now >= self._nudged_at + NUDGE_S:
                self._nudged_at = now
                self._on_nudge()
            return
        try:
            answer = wire.read_answer(payload)
        except wire.WireError as error:
            _log.debug("not an answer: %s", error)
            self.counters.unreadable += 1
            return
        if answer.v not in wire.READABLE:
            self.counters.unreadable += 1
            return
        self._take_answer(answer, now)

    def _take_answer(self, answer: Answer, now: float) -> None:
        """Believe an answer to something that this box asked: the time, or a batch under way."""
        flight = self._outbox.get(answer.digest)
        if answer.digest and self._outbox.stranger(answer.digest):
            self.counters.strangers += 1
            return
        if not self._time.hear(answer) and not flight:
            return
        self._progress.note("answered")
        self._heard_at = now
        if self._silent:
            self._silent = False
            _log.info("the collector answers")
        self._outbox.heard(now)
        self._note_journal(answer.journal[:JOURNAL_CHARS], now)
        if flight:
            self._time.compare(answer.now_ns, now - flight.sent_at)
            self._settle(flight, answer, now)

    def _note_journal(self, journal: str, now: float) -> None:
        if journal == self._journal or now < self._met_at + MEET_S:
            return
        if self._journal:
            self._met_at = now
            self._outbox.begin_anew()
            _log.warning("the collector has another journal now: what it held is offered again")
        self._journal = journal

    def _mind_later(self, reason: str) -> None:
        """Say once why the collector takes nothing: whoever stands before the box has no other word of it."""
        if reason and reason != self._later:
            _log.warning("the collector takes nothing now, and what is here is kept: %s", reason)
        elif self._later and not reason:
            _log.info("the collector takes reports again")
        self._later = reason

    def _settle(self, flight: Flight, answer: Answer, now: float) -> None:
        """Take out of the spool what is held or refused of a batch; only then is it no longer under way."""
        self._mind_later(_printable(answer.later))
        held = _within(flight, answer.held)
        refused = [
            (first, last, _printable(reason))
            for low, high, reason in answer.refused
            for first, last in _within(flight, [(low, high)])
        ]
        if held:
            self._spool.held(flight.epoch, held, answer.journal[:JOURNAL_CHARS])
        if refused:
            self._spool.refuse(flight.epoch, refused)
        taken = _numbers([*held, *((first, last) for first, last, _ in refused)])
        if answer.halve and not taken and self._timeline:
            self._outbox.unreadable(flight, now, self._timeline, _printable(answer.halve))
            return
        self._outbox.settle(flight, now, taken=taken)
        if taken < flight.count:
            self._outbox.slow_down(now)


def _within(flight: Flight, ranges: Iterable[Range]) -> list[Range]:
    """The parts of `ranges` that lie in the batch: an answer speaks of nothing else."""
    last = flight.first + flight.count - 1
    clipped = [(max(low, flight.first), min(high, last)) for low, high in ranges]
    return [(low, high) for low, high in clipped if low <= high]


def _numbers(ranges: Iterable[Range]) -> int:
    """How many numbers stand in ranges that may overlap."""
    return len({number for low, high in ranges for number in range(low, high + 1)})


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:REASON_CHARS])
