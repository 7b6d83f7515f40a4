"""All that goes to InfluxDB, in its order: reports first, then copies for boards, then hours and days."""

from collections.abc import Callable
from typing import NamedTuple

from collector.clock import Clock
from collector.sinks.answers import InfluxError
from collector.sinks.copying import Copier
from collector.sinks.rollups import Roller
from collector.sinks.shipping import Progress, Shipper
from collector.store.errors import StoreError
from collector.store.outbox import Shipped

COPIES_S = 300.0
HOURS_S = 600.0
"""So often copies are written, and hours are summed up anew in which something arrived."""


class _Turn:
    """Something that is done every so often, and at once at the first time."""

    def __init__(self, clock: Clock, every_s: float, work: Callable[[], object]) -> None:
        self._clock, self._every_s, self.work = clock, every_s, work
        self._next: float | None = None

    def take(self) -> None:
        now = self._clock.monotonic()
        if self._next is None or now >= self._next:
            self.work()
            self._next = now + self._every_s


class Parts(NamedTuple):
    """What brings both buckets up to date."""

    shipper: Shipper
    copier: Copier
    roller: Roller


class Way:
    """Everything at once, each at its own rhythm. For one thread."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        self._shipper = parts.shipper
        self._turns = (
            _Turn(clock, COPIES_S, parts.copier.write),
            _Turn(clock, HOURS_S, parts.roller.catch_up),
        )

    def works(self) -> tuple[Callable[[], object], ...]:
        """Each part of the work by itself, in its order."""
        return self._shipper.catch_up, *(turn.work for turn in self._turns)

    def catch_up(self, progress: Progress = lambda _at, _goal: None) -> Shipped:
        """Ship until nothing is left; write what else is due. Raises InfluxError, StoreError."""
        state = self._shipper.catch_up(progress)
        troubles: list[Exception] = []
        for turn in self._turns:
            try:
                turn.take()
            except (InfluxError, StoreError) as error:  # one that can't go on keeps no other back
                troubles.append(error)
        if troubles:
            raise troubles[0]
        return state
