"""The door to the system's clock on the district's side."""

import time
from typing import Protocol


class Clock(Protocol):
    """What the collector may know of time. Durations use `monotonic`, everything kept uses `now_ns`."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC, as this machine believes."""

    def monotonic(self) -> float:
        """Seconds on a clock that never steps; its zero means nothing."""


class SystemClock:
    """The clocks of the machine that this runs on."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return time.time_ns()  # noqa: TID251 - this is the door

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""
        return time.monotonic()


class StillClock:
    """A wall clock that stands still, as in a simulated district, where it never grows late."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC, always the same."""
        return self._now_ns

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""
        return time.monotonic()
