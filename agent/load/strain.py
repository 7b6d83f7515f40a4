"""How hard a reference server had it while it was tested against, by its own counts.

A server may be too slow and yet hardly use its processor: a quota stops it, or other programs of its machine
are served first. It knows both, and tells; only what it does not tell is no reason to suspect it.
"""

from typing import NamedTuple

from agent.load.limits import THROTTLED_PCT
from agent.load.protocol import Counts

BUSY_PCT = 85.0
"""Of one core, in use or waited for: the server is one thread, and with no more rest it may be the limit."""
DELAYED_PCT = 25.0
"""Of the time: whoever waits for a processor for so long lets a fast line run dry in between."""


class Strain(NamedTuple):
    """Shares of the time, in percent; None where the server's system does not tell. `others`: sessions."""

    cpu_pct: float = 0.0
    throttled_pct: float | None = None
    delayed_pct: float | None = None
    others: int = 0

    @property
    def is_busy(self) -> bool:
        """Whether its processor or its line may have been the limit."""
        delayed_pct = self.delayed_pct or 0.0
        return (
            self.cpu_pct + delayed_pct > BUSY_PCT
            or delayed_pct > DELAYED_PCT
            or (self.throttled_pct or 0.0) > THROTTLED_PCT
            or self.others > 0
        )


class Stretch:
    """From the first counts that are heard to the last ones: each tells of the time since those before."""

    def __init__(self) -> None:
        self._last_s = 0.0
        self.heard = 0
        """How many counts there were."""
        self._others = 0
        self._cpu, self._throttled, self._delayed = _Mean(), _Mean(), _Mean()

    def hear(self, counts: Counts) -> None:
        """The server has told; what its first counts tell was before."""
        self.heard += 1
        if self.heard > 1:
            seconds = max(0.0, counts.now_s - self._last_s)
            self._others = max(self._others, counts.others)
            self._cpu.add(counts.cpu_pct, seconds)
            self._throttled.add(counts.throttled_pct, seconds)
            self._delayed.add(counts.delayed_pct, seconds)
        self._last_s = counts.now_s

    @property
    def strain(self) -> Strain:
        """Over all of it."""
        return Strain(self._cpu.value or 0.0, self._throttled.value, self._delayed.value, self._others)


class _Mean:
    """Of what was told, by the seconds that it was told of."""

    def __init__(self) -> None:
        self._sum = self._seconds = 0.0

    def add(self, value: float | None, seconds: float) -> None:
        if value is not None:
            self._sum += value * seconds
            self._seconds += seconds

    @property
    def value(self) -> float | None:
        return self._sum / self._seconds if self._seconds > 0 else None
