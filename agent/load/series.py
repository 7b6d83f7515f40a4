"""What one end of a transfer has counted by when, and how fast that was between any two moments."""

import bisect
from collections.abc import Sequence

Look = tuple[float, float]
"""A moment in seconds, and the count at it."""


class Series:
    """Counts that only grow, at moments (seconds) that only grow; between two looks the growth is even."""

    def __init__(self) -> None:
        self._moments: list[float] = []
        self._counts: list[float] = []

    def add(self, at_s: float, count: float) -> None:
        """`count` so far, at `at_s`. What is not later than the last look adds nothing."""
        if not self._moments or at_s > self._moments[-1]:
            self._moments.append(at_s)
            self._counts.append(count)

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def first_s(self) -> float:
        """When the first look was; 0 before it."""
        return self._moments[0] if self._moments else 0.0

    @property
    def last_s(self) -> float:
        """When the last look was; 0 before the first."""
        return self._moments[-1] if self._moments else 0.0

    def at(self, moment_s: float) -> float:
        """The count at any moment; before the first look and after the last one, what it was then."""
        right = bisect.bisect_left(self._moments, moment_s)
        if right == len(self._moments):
            return self._counts[-1] if self._counts else 0.0
        if right == 0:
            return self._counts[0]
        before, after = self._moments[right - 1], self._moments[right]
        share = (moment_s - before) / (after - before)
        return self._counts[right - 1] + share * (self._counts[right] - self._counts[right - 1])

    def rate(self, since_s: float, until_s: float) -> float:
        """Growth a second from one moment to a later one; 0 when there is no time between them."""
        return (self.at(until_s) - self.at(since_s)) / (until_s - since_s) if until_s > since_s else 0.0

    def looks(self, since_s: float, until_s: float) -> Sequence[Look]:
        """The looks between two moments, both included."""
        left = bisect.bisect_left(self._moments, since_s)
        right = bisect.bisect_right(self._moments, until_s)
        return list(zip(self._moments[left:right], self._counts[left:right], strict=True))


def bins(looks: Sequence[Look], least_s: float) -> list[tuple[float, float]]:
    """(Growth, seconds) from look to look.

    A bin ends with the first look that is at least `least_s` after its beginning; what comes after the last
    whole one is left out.
    """
    found: list[tuple[float, float]] = []
    start_s, start = looks[0] if looks else (0.0, 0.0)
    for at_s, count in looks[1:]:
        if at_s - start_s >= least_s - 1e-9:
            found.append((count - start, at_s - start_s))
            start_s, start = at_s, count
    return found
