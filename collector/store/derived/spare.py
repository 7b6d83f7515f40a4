"""When the writer derives: in its spare time, and never for more than a tenth of it while others wait."""

import sqlite3

from collector.clock import Clock
from collector.store.derived.deriver import Deriver

_EVERY_S = 1.0
"""Between having caught up and looking again: reports come in small groups, and each step costs a commit."""
_BUSY_SHARE = 10
_PAUSE_S = 60.0


class Spare:
    """Decides when to take the deriver's next step. Used by the writer's thread alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deriver = Deriver()
        self._behind = True
        self._not_before = 0.0
        self._busy_not_before = 0.0

    def taken(self) -> None:
        """New reports may be there."""
        self._behind = True

    def wait_s(self) -> float | None:
        """How long to wait for reports before the next step; None: as long as it takes."""
        return max(0.0, self._not_before - self._clock.monotonic()) if self._behind else None

    def use(self, db: sqlite3.Connection, *, idle: bool) -> None:
        """Take a step if it is time for one. Raises sqlite3.Error."""
        if not self._behind:
            return
        began = self._clock.monotonic()
        if began < (self._not_before if idle else self._busy_not_before):
            return
        self._behind = self._deriver.step(db)
        ended = self._clock.monotonic()
        self._busy_not_before = ended + (_BUSY_SHARE - 1) * (ended - began)
        self._not_before = ended if self._behind else ended + _EVERY_S

    def pause(self) -> None:
        """Something went wrong: leave it alone for a while."""
        self._not_before = self._busy_not_before = self._clock.monotonic() + _PAUSE_S
