"""When to add a stream, when the line is warm, and when its rate is known: decisions alone, no sockets.

Whoever drives it tells what the receiver has counted so far (`look`, about twenty times a second, on the
receiver's own clock) and what the test has used (`spend`), and does what the answer says:

    Step.ADD        open streams until there are `streams` of them
    Step.WARMING    go on
    Step.MEASURING  go on: from here on it counts
    Step.DONE       stop; `stopped_by` says why

Streams are doubled at every pace (four round trips, at least 0.1 s) up to `FIRST_STREAMS`, and then there are
as many as it takes for none of them to have more than `FAT_BYTES` under way: where the line holds more than
the window of a socket, one alone can't fill it. If all are thin when the rate grows no more (a line that
loses packets keeps each of them small), they are doubled for as long as that brings more.

The warm-up ends when the rate has grown by less than a tenth over the last 8 round trips (at least 0.5 s).
The rate is that of the whole time measured, 8 * bytes / seconds (facts: measurement.md 1.4); its half-width
is 1.96 * SD / sqrt(n / 2), for neighbouring quarter seconds are not independent.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from agent.load.series import Look, Series, bins
from firstbell.stats import half_width, nearest_rank

BIN_S = 0.25
FIRST_STREAMS = 4
MOST_STREAMS = 32
GROWTH = 1.1
"""Less than this is no growth."""
WARM_RTTS = 8
WARM_LEAST_S = 0.5
PACE_RTTS = 4
PACE_LEAST_S = 0.1
FAT_BYTES = 1 << 19
"""Under way in one stream: with more, the window of its sockets may be what holds it back."""
THIN_BYTES = 1 << 16
"""Under way in each stream: with less, more of them may carry more together."""
LEAST_BYTES = 8 * 1448
"""Under way in each stream: with less, one loss costs it a timeout."""
BROUGHT = 1.15
"""A doubling that brought less than this was the last one."""
EDGE_RTTS = 6
LOADED_EDGE_RTTS = 3
EDGE_MOST_S = 1.0
"""Within so long a measurement may begin and end: a gap lasts some round trips, longer under load."""
SLIGHT = 0.002
"""Of all that was measured: so little held back is no gap."""
EVEN = 0.2
"""Quarter seconds that are no further than this from their mean are even."""
PATIENCE = 2
"""How many windows to wait for an even one, once the rate no longer grows."""
MEASURED_S = 1.5
"""No rate is known in less time."""
KNOWN = ((2.0, 0.02), (2.5, 0.03), (3.0, 0.05))
"""Up to so many seconds measured, a half-width of at most this share of the rate is known well enough."""
LONG_S = 3.5
LONG_RTTS = 24
"""After so long the rate is as well known as a line that swings lets it be: the half-width says how well."""
_MBIT = 8e-6


class Step(StrEnum):
    """What to do now."""

    ADD = "add"
    WARMING = "warming"
    MEASURING = "measuring"
    DONE = "done"


class Why(StrEnum):
    """What ended a direction."""

    KNOWN = "known well enough"
    BYTES = "bytes"
    SECONDS = "seconds"
    STOP = "a stop"


class Bounds(NamedTuple):
    """What one direction may use of the line, at most."""

    max_bytes: float
    max_seconds: float


class Figures(NamedTuple):
    """What came of it, in Mbit/s. The quantiles are those of quarter seconds, by nearest rank."""

    mbps: float
    p50_mbps: float
    p10_mbps: float
    p90_mbps: float
    half_width_mbps: float
    measured_s: float


class Flow:
    """One direction. `rtt_s` is the round trip of the idle line."""

    def __init__(self, rtt_s: float, bounds: Bounds, most_streams: int = MOST_STREAMS) -> None:
        self.bounds = bounds
        self._window_s = max(WARM_RTTS * rtt_s, WARM_LEAST_S)
        self._pace_s = max(PACE_RTTS * rtt_s, PACE_LEAST_S)
        self._edge_s = max(min(EDGE_RTTS * rtt_s, EDGE_MOST_S), BIN_S)
        self._rtt_s = rtt_s
        self._most = most_streams
        self.received = Series()
        """What the receiver counted, on its own clock."""
        self.streams = first_streams(rtt_s)
        self.stopped_by: Why | None = None
        self._next_look_s = 0.0
        """When streams may be added again; the first look decides."""
        self._tried_rate = 0.0
        """When more streams were tried for the last time."""
        self._not_before_s = -math.inf
        self._steady_s: float | None = None
        """When the rate did not grow for the first time."""
        self._since_s: float | None = None

    # --- what is told --------------------------------------------------------------------------------------

    def look(self, at_s: float, received: float) -> Step:
        """The receiver has `received` bytes at `at_s` of its clock: what to do now?"""
        if not len(self.received):
            self._next_look_s = at_s + self._pace_s
        self.received.add(at_s, received)
        if self.stopped_by:
            return Step.DONE
        if self._since_s is None:
            return self._warming(self.received.last_s)
        return self._measuring()

    def trip(self, rtt_s: float) -> None:
        """So long a round trip takes under load."""
        self._edge_s = max(self._edge_s, min(LOADED_EDGE_RTTS * rtt_s, EDGE_MOST_S))

    def spend(self, seconds: float, used: float, ahead: float = 0.0) -> bool:
        """The direction has lasted so long and used so many bytes: is it over?

        `ahead` are bytes that will still come when it is stopped now.
        """
        if self.stopped_by is None:
            if used + ahead >= self.bounds.max_bytes:
                self.stopped_by = Why.BYTES
            elif seconds >= self.bounds.max_seconds:
                self.stopped_by = Why.SECONDS
        return self.stopped_by is not None

    def stop(self) -> None:
        """Somebody ends it."""
        self.stopped_by = self.stopped_by or Why.STOP

    # --- what it comes to ----------------------------------------------------------------------------------

    @property
    def capped(self) -> bool:
        """Whether a ceiling ended it before the rate was known: it is at least what was measured."""
        return self.stopped_by is not None and self.stopped_by is not Why.KNOWN

    @property
    def measured(self) -> tuple[float, float]:
        """From when to when it counts, on the receiver's clock; the end of it all if it was never warm."""
        until_s = self.received.last_s
        if self._since_s is not None and until_s - self._since_s >= BIN_S:
            return self._between_gaps(self._since_s, until_s)
        return max(self.received.first_s, until_s - self._window_s), until_s

    @property
    def mbps_now(self) -> float:
        """About what is coming in at the moment."""
        last_s = self.received.last_s
        return _MBIT * self.received.rate(max(self.received.first_s, last_s - BIN_S), last_s)

    def _between_gaps(self, since_s: float, until_s: float) -> tuple[float, float]:
        """About the same stretch, between two moments at which no gap holds anything back.

        A lost segment holds back what came after it, until it has come again, and then all comes at once: a
        stretch that begins in such a stall, or ends in one, has too much or too little in it. Least is held
        back when the count is furthest ahead of its average. The other end may not have been heard for longer
        than an edge lasts; then there is nothing to choose from, and the stretch stays as it is.
        """
        rate, edge_s = self.received.rate(since_s, until_s), min(self._edge_s, (until_s - since_s) / 3)
        slight = SLIGHT * rate * (until_s - since_s)

        def clear(looks: Sequence[Look]) -> list[float]:
            ahead = [count - rate * at_s for at_s, count in looks]
            return [at_s for (at_s, _), by in zip(looks, ahead, strict=True) if by >= max(ahead) - slight]

        first = clear(self.received.looks(since_s, since_s + edge_s)) or [since_s]
        last = clear(self.received.looks(until_s - edge_s, until_s)) or [until_s]
        return first[0], last[-1]

    def figures(self) -> Figures | None:
        """The rate and how even it was; None if not one byte came in a time worth the name."""
        since_s, until_s = self.measured
        mbps = _MBIT * self.received.rate(since_s, until_s)
        if mbps <= 0:
            return None
        quarters = self._bins(since_s, until_s) or [mbps]
        return Figures(
            mbps=mbps,
            p50_mbps=nearest_rank(quarters, 0.5),
            p10_mbps=nearest_rank(quarters, 0.1),
            p90_mbps=nearest_rank(quarters, 0.9),
            half_width_mbps=half_width(quarters),
            measured_s=until_s - since_s,
        )

    def _bins(self, since_s: float, until_s: float) -> list[float]:
        looks = self.received.looks(since_s, until_s)
        return [_MBIT * grown / seconds for grown, seconds in bins(looks, BIN_S)]

    # --- decisions -----------------------------------------------------------------------------------------

    def _warming(self, now_s: float) -> Step:
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + self._pace_s
            if self._add(self._ramped(self.received.rate(now_s - self._pace_s / 2, now_s))):
                return Step.ADD
        if not self._is_warm(now_s):
            return Step.WARMING
        if self._add(self._tried(now_s)):
            return Step.ADD
        self._since_s = now_s
        return Step.MEASURING

    def _add(self, wanted: int) -> bool:
        more = wanted > self.streams
        self.streams = max(self.streams, wanted)
        return more

    def _ramped(self, rate: float) -> int:
        """How many streams there should be while the rate grows."""
        if self.streams < FIRST_STREAMS:
            return min(2 * self.streams, FIRST_STREAMS, self._most)
        return min(math.ceil(rate * self._rtt_s / FAT_BYTES), self._most)

    def _tried(self, now_s: float) -> int:
        """How many there should be now that it doesn't."""
        rate = self.received.rate(now_s - self._window_s, now_s)
        under_way = rate * self._rtt_s
        if under_way >= THIN_BYTES * self.streams or rate < BROUGHT * self._tried_rate:
            return self.streams
        self._tried_rate, self._not_before_s, self._steady_s = rate, now_s + self._window_s, None
        return min(2 * self.streams, int(under_way / LEAST_BYTES), self._most)

    def _is_warm(self, now_s: float) -> bool:
        begin_s, middle_s = now_s - self._window_s, now_s - self._window_s / 2
        if begin_s < self.received.first_s or now_s < self._not_before_s:
            return False
        before, after = self.received.rate(begin_s, middle_s), self.received.rate(middle_s, now_s)
        if not 0 < after < GROWTH * before:
            return False
        self._steady_s = self._steady_s or now_s
        return self._is_even(begin_s, now_s) or now_s - self._steady_s >= PATIENCE * self._window_s

    def _is_even(self, since_s: float, until_s: float) -> bool:
        rates = self._bins(since_s, until_s)
        mean = sum(rates) / max(1, len(rates))
        return all(abs(rate - mean) <= EVEN * mean for rate in rates)

    def _measuring(self) -> Step:
        assert self._since_s is not None
        since_s, until_s = self.measured
        if until_s - since_s < MEASURED_S - 1e-9:
            return Step.MEASURING
        long = until_s - since_s >= max(LONG_S, LONG_RTTS * self._rtt_s)
        middle_s = (since_s + until_s) / 2
        before, after = self.received.rate(since_s, middle_s), self.received.rate(middle_s, until_s)
        if after > GROWTH * before and not long:
            self._since_s = middle_s  # it was not warm after all
        elif long or is_known(self._bins(since_s, until_s), until_s - since_s):
            self.stopped_by = Why.KNOWN
            return Step.DONE
        return Step.MEASURING


def first_streams(rtt_s: float) -> int:
    """How many to begin with: the longer the way, the longer it takes to see that one more helps."""
    return max(1, min(FIRST_STREAMS, math.ceil(rtt_s / 0.03)))


def is_known(rates: Sequence[float], measured_s: float) -> bool:
    """Whether their mean is known well enough after so long."""
    share = next((share for up_to_s, share in KNOWN if measured_s <= up_to_s), KNOWN[-1][1])
    return len(rates) > 1 and half_width(rates) <= share * math.fsum(rates) / len(rates)
