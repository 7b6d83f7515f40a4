"""Does this box know the time well enough to send? It asks the collector at each connection."""

import logging
import math
from random import Random

from agent.freeze import BELIEF_NS, Timeline
from agent.machine.clock import Clock
from agent.spool import Spool
from firstbell.report import MAX_AT_NS, ClockQuality, Stamp
from firstbell.wire import Answer

PATIENCE_S = 10.0
"""How long sending waits for the collector's time; after that a synchronised box goes on with NTP's."""
AGAIN_S = 60.0
"""Between two questions when the first was not answered, or an answer raised a doubt."""

_log = logging.getLogger(__name__)


class TimeCheck:
    """The questions of one box for the collector's time, and what follows from the answers. One thread.

    Until the box is `ask_time_after_s` old (seconds since its boot), it waits for NTP rather than use the
    collector's time.
    """

    def __init__(self, spool: Spool, clock: Clock, random: Random, ask_time_after_s: float) -> None:
        self._spool, self._clock, self._random = spool, clock, random
        self._ask_time_after_s = ask_time_after_s
        self._asked: Stamp | None = None
        self._nonce = ""
        self._asked_at = -math.inf
        self._next_ask = self._patient_until = math.inf
        self._offset_ns: int | None = None
        self._disagrees = False

    def connected(self) -> None:
        """A new connection: what the collector says on it has yet to be heard."""
        self._nonce = ""
        self._next_ask = self._clock.monotonic()
        self._patient_until = math.inf

    def question(self) -> str | None:
        """A nonce to send now, with which the answer will come; None if there is nothing to ask."""
        now = self._clock.monotonic()
        if now < self._next_ask:
            return None
        self._next_ask = now + (PATIENCE_S if self._patient_until == math.inf else AGAIN_S)
        self._patient_until = min(self._patient_until, now + PATIENCE_S)
        self._nonce = f"{self._random.getrandbits(64):016x}"
        self._asked, self._asked_at = self._clock.stamp(), now
        return self._nonce

    def hear(self, answer: Answer) -> bool:
        """Take the collector's time if this answers the question. Raises SpoolWriteError."""
        asked, stamp = self._asked, self._clock.stamp()
        if (
            asked is None
            or not self._nonce
            or answer.nonce != self._nonce
            or not 0 < answer.now_ns <= MAX_AT_NS
        ):
            return False
        half_ns = (stamp.boottime_ns - asked.boottime_ns) // 2
        self._spool.learn(
            Stamp(
                boot_id=stamp.boot_id,
                boottime_ns=asked.boottime_ns + half_ns,
                wall_ns=answer.now_ns,
                synchronised=True,
                error_ms=half_ns / 1e6,
            )
        )
        self._nonce = ""
        self._patient_until = -math.inf
        # A quartz alone goes wrong with time; NTP does not.
        self._next_ask = math.inf
        if not stamp.synchronised:
            self._next_ask = self._clock.monotonic() + max(self._ask_time_after_s, AGAIN_S)
        self._compare_ntp(stamp, answer.now_ns)
        return True

    def compare(self, now_ns: int, age_s: float) -> None:
        """Ask again if the collector's word in an answer to something `age_s` seconds old can't be right.

        Nothing is sent until that is settled; a question a minute is enough.
        """
        if self._offset_ns is None:
            return
        away_ns = now_ns - self._offset_ns - self._clock.stamp().boottime_ns
        if abs(away_ns) > BELIEF_NS + age_s * 1e9:
            _log.warning("the collector's time is %.0f s away from this box's", away_ns / 1e9)
            self._next_ask = max(self._clock.monotonic(), self._asked_at + AGAIN_S)
            self._patient_until = math.inf
            self._offset_ns = None

    def timeline(self) -> Timeline | None:
        """What to freeze times by; None while nothing may be sent."""
        if self._clock.monotonic() < self._patient_until:
            return None
        stamp = self._clock.stamp()
        timeline = Timeline(self._spool.boots(), stamp)
        now = timeline.now
        if now is None:
            return None
        young = stamp.boottime_ns < self._ask_time_after_s * 1e9
        if young and now.clock is ClockQuality.COLLECTOR and not stamp.synchronised:
            return None
        self._offset_ns = now.at_ns - stamp.boottime_ns
        return timeline

    def _compare_ntp(self, stamp: Stamp, now_ns: int) -> None:
        disagrees = stamp.synchronised and abs(stamp.wall_ns - now_ns) > BELIEF_NS
        if disagrees != self._disagrees:
            self._disagrees = disagrees
            said = "disagrees with the collector's time and is not believed" if disagrees else "agrees again"
            _log.warning("NTP's time %s", said)
