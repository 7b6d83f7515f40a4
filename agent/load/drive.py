"""Loads a line one way with streams of a session, as a flow decides, and watches both ends meanwhile.

Each end counts on its own clock. What one end has counted by a moment the other one has a little later or
earlier: the offset of the clocks and half of the idle round trip lie between, and are taken out before the
two are compared.
"""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

from agent.load.flow import BIN_S, Figures, Flow, Step, Why
from agent.load.loop import Loop
from agent.load.meter import Phase
from agent.load.protocol import Counts
from agent.load.series import Series
from agent.load.session import Session
from agent.load.strain import Strain, Stretch
from agent.load.streams import Stream
from agent.load.surroundings import Surroundings, Way
from agent.load.talk import said
from agent.load.trips import Probes
from agent.machine.trouble import NetworkError, RefusedError, SilentError
from firstbell.stats import nearest_rank

TICK_S = 0.05
MOST_POLLS = 8
"""Under way at once: on a line with seconds of buffer they are only in each other's way."""
STALL_S = 5.0
"""A load of which nothing comes through for so long is over."""
COMPARED_S = 1.0
"""Over less time than this the two ends are not compared."""
SLIGHT = 0.01
MOST_LOOKS = 10
"""For a receiver to have read what its system took, but for this share."""


class Loaded(NamedTuple):
    """What came of one direction. `segments` and `resent` are the sender's; None where its system is silent.

    `server` is how hard that had it, over the whole direction.
    """

    figures: Figures | None
    stopped_by: Why | None
    streams: int
    faltered: bool
    probes: Probes
    segments: int | None
    resent: int | None
    ends_differ_pct: float | None
    server: Strain
    capped: bool


class Drive(ABC):
    """One direction, to be run once. What it has carried stands in `carried` however that ends."""

    way: Way
    poll_s: float
    """How often the server is asked what it has counted."""

    def __init__(self, loop: Loop, session: Session, flow: Flow, around: Surroundings, rtt_s: float) -> None:
        self._loop, self._session, self._flow, self._around = loop, session, flow, around
        self._lag_s = rtt_s / 2
        self.carried = 0
        """Payload that used the line, in bytes."""
        self.acked = 0
        """Payload that arrived for certain, as this end knows it."""
        self._streams: list[Stream] = []
        self._probes = Probes(session, loop)
        self._sender = Series()
        """What the sender knows to have arrived, on its own clock."""
        self._base = Counts(now_s=0.0)
        self._offset_s = 0.0
        """Our clock less the server's."""
        self._server = Stretch()
        self._over = self._faltered = False
        self._stuck: NetworkError | None = None
        self._began_s = self._moved_s = loop.now()

    def run(self) -> Loaded:
        """Load the line until the flow says that it is done. Raises NetworkError."""
        self._ask_base()
        self._probes.begin()
        self._began_s = self._moved_s = self._loop.now()
        self._around.begin()
        try:
            self._noted(self._base)
            self._open()
            self._tick()
            self._poll()
            self._session.wait(lambda: bool(self._flow.stopped_by or self._stuck), math.inf)
            if (stuck := self._stuck) and not self._flow.stopped_by:
                # The connection that opened the session may know better what happened.
                self._session.wait(lambda: False, 2 * self._lag_s + TICK_S)
                raise stuck
        finally:
            self._note()
            self._over = True
            self._faltered = any(stream.trouble for stream in self._streams)
            self._around.end(self.way, self._phase())
            self._probes.close()
            self._end()
        return self._summed_up()

    # --- what differs between the directions ---------------------------------------------------------------

    @abstractmethod
    def _stream(self) -> Stream:
        """One more stream."""

    @abstractmethod
    def _note(self) -> None:
        """Look at what this end has counted."""

    @abstractmethod
    def _noted(self, counts: Counts) -> None:
        """The server has said what it has counted."""

    @abstractmethod
    def _ahead(self) -> float:
        """Bytes that would still come if it were stopped now."""

    @abstractmethod
    def _end(self) -> None:
        """Take the load off the line."""

    @abstractmethod
    def _phase(self) -> Phase:
        """What was carried, for whoever compares it with the port."""

    @abstractmethod
    def _repeats(self, last: Counts) -> tuple[int | None, int | None]:
        """Segments with payload, and how many of them were repeats."""

    @abstractmethod
    def _totals(self, last: Counts) -> tuple[float, float]:
        """What the sender knows to have arrived in all, and what the receiver has had."""

    @abstractmethod
    def _differ(self) -> float | None:
        """By how many percent the two ends' rates differ over the time measured."""

    # --- what both do --------------------------------------------------------------------------------------

    def _open(self) -> None:
        while len(self._streams) < self._flow.streams:
            self._streams.append(self._stream())

    def _tick(self) -> None:
        if self._over:
            return
        self._loop.later(TICK_S, self._tick)
        before = self.acked
        self._note()
        if self.acked > before:
            self._moved_s = self._loop.now()
        self._stuck = self._trouble()
        if trips := self._probes.trips:
            self._flow.trip(nearest_rank(trips, 0.5) / 1000)
        self._spend()

    def _spend(self) -> None:
        self._flow.spend(self._loop.now() - self._began_s, self.carried, self._ahead())

    def _look(self, at_s: float, received: float) -> None:
        if self._flow.look(at_s, received) is Step.ADD:
            self._open()

    def _poll(self) -> None:
        if self._over:
            return
        self._loop.later(self.poll_s, self._poll)
        if self._session.unanswered < MOST_POLLS:
            self._session.counts(self._polled)

    def _polled(self, counts: Counts, _sent_s: float, _came_s: float) -> None:
        if counts.ended:
            self._session.broken = RefusedError(f"the server ended the test: {said(counts.ended)}")
        self._server.hear(counts)
        if not self._over:
            self._noted(counts)

    def _trouble(self) -> NetworkError | None:
        """What keeps everything from moving, if anything does."""
        broken = [stream.trouble for stream in self._streams if stream.trouble]
        if broken and len(broken) == len(self._streams):
            return broken[0]
        if self._loop.now() - self._moved_s > STALL_S:
            return SilentError(f"nothing came through for {STALL_S:g} s")
        return None

    def _ask_base(self) -> None:
        asked_s = self._loop.now()
        self._base = self._session.final_counts()
        self._server.hear(self._base)
        self._offset_s = (asked_s + self._loop.now()) / 2 - self._base.now_s

    def _summed_up(self) -> Loaded:
        last = self._settled(self._session.final_counts())
        differ_pct = self._apart_pct(last)
        self._polled(last, 0.0, 0.0)
        if self._flow.received.last_s - self._flow.received.first_s < BIN_S:
            self._noted(last)
        segments, resent = self._repeats(last)
        return Loaded(
            figures=self._flow.figures(),
            stopped_by=self._flow.stopped_by,
            streams=len(self._streams),
            faltered=self._faltered,
            probes=self._probes,
            segments=segments,
            resent=resent,
            ends_differ_pct=differ_pct,
            server=self._server.strain,
            capped=self._flow.capped,
        )

    def _apart_pct(self, last: Counts) -> float | None:
        """By how much the two ends differ: in their rates, if what they counted in all bears that out.

        A receiver without a processor for a moment reads later what its system took in time: for that moment
        the rates differ, and the totals do not.
        """
        rates_pct = self._differ()
        acked, received = self._totals(last)
        if rates_pct is None:  # over too soon; and what was on its way at the end came, but nobody said so
            return apart_pct(acked, min(acked, received))
        return min(rates_pct, apart_pct(acked, received) or 0.0)

    def _settled(self, last: Counts) -> Counts:
        """The counts once the receiver's program has read what its system took; or after a while."""
        for _ in range(MOST_LOOKS):
            acked, received = self._totals(last)
            if received >= (1 - SLIGHT) * acked:
                break
            self._server.hear(last)  # each tells of the time since those before: none may be lost
            self._session.wait(lambda: False, TICK_S)
            last = self._session.final_counts()
        return last

    def _differs(self, since_s: float, until_s: float, shift_s: float) -> float | None:
        """The same, when the sender counts a byte at `shift_s` more on its clock than the receiver on its."""
        first_s, last_s = self._sender.first_s - shift_s, self._sender.last_s - shift_s
        since_s, until_s = max(since_s, first_s), min(until_s, last_s)
        if until_s - since_s < COMPARED_S:  # answers came late: then over all that both have seen
            since_s, until_s = (
                max(self._flow.received.first_s, first_s),
                min(self._flow.received.last_s, last_s),
            )
        if until_s - since_s < COMPARED_S:
            return None
        received = self._flow.received.rate(since_s, until_s)
        sent = self._sender.rate(since_s + shift_s, until_s + shift_s)
        return (
            100 * min(1.0, abs(sent - received) / max(sent, received)) if received > 0 and sent > 0 else None
        )


def apart_pct(sent: float, received: float) -> float | None:
    """By how many percent of the larger one two counts differ; None if either saw nothing."""
    if sent <= 0 or received <= 0:
        return None
    return 100 * abs(sent - received) / max(sent, received)
