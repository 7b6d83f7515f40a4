"""All that goes to InfluxDB, in its order: reports first, then copies for boards, then hours and days."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from collector.clock import Clock
from collector.sinks.answers import InfluxError, PartlyError
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
    """Everything at once, each at its own rhythm. For one thread.

    `alone` keeps others from shipping meanwhile; `close` closes what it was made with.
    """

    def __init__(
        self,
        parts: Parts,
        clock: Clock,
        alone: Callable[[], AbstractContextManager[None]] = nullcontext,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.close, self._alone = close, alone
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
        with self._alone():
            state = self._shipper.catch_up(progress)
            troubles = [trouble for turn in self._turns if (trouble := _taken(turn))]
        if troubles:
            raise PartlyError(f"reports go out, and what boards show beside them does not: {troubles[0]}")
        return state


def _taken(turn: _Turn) -> Exception | None:
    """What went wrong: one that can't go on keeps no other back."""
    try:
        turn.take()
    except (InfluxError, StoreError) as error:
        return error
    return None
