"""How many students to try next, and what the tries come to: decisions alone, no sockets and no clock.

From a first guess the number gallops up or down until one group was good and a larger one was not, then the
gap is halved until it is one student, or a twentieth; both edges are tried again, and the better two of three
decide. (facts: measurement.md 5)
"""

import math
from typing import NamedTuple

FIRST_SHARE = 0.7
"""Of what the line carried when it was last tested: below the knee, and not far."""
GENTLE = 2
"""Where nobody knows the line the first group is so small, and doubles."""
GALLOP = 1.3
CLOSE = 0.05
"""Edges so near to each other, as a share of the upper one, are near enough."""
TRIES = 3
MOST_REPEATS = 6
"""Groups that were tried before: if the edges are not sure after so many, the line won't hold still."""


class Found(NamedTuple):
    """What the tries came to.

    `ok` is the most that were good by majority; `low` the most of which every try was good, `high` the fewest
    of which some try was not (None: all were good), so that `low` < `high`.
    """

    ok: int
    low: int
    high: int | None
    tries: int

    @property
    def at_least(self) -> bool:
        """Whether nothing gave, so that more may well be carried."""
        return self.high is None


class Search:
    """`first` students are tried first, `most` at most; `known` says that `first` is a good guess."""

    def __init__(self, first: int, most: int, *, known: bool) -> None:
        if not 1 <= first <= most:
            raise ValueError(f"a first group of {first} is not among 1 to {most}")
        self._most, self._gallop = most, GALLOP if known else float(GENTLE)
        self._tries: dict[int, list[bool]] = {}
        self._next: int | None = first

    @property
    def next(self) -> int | None:
        """How many students to try now; None when it is known."""
        return self._next

    def tried(self, good: bool) -> None:
        """The group of `next` was tried."""
        if self._next is None:
            raise ValueError("nothing was to be tried")
        self._tries.setdefault(self._next, []).append(good)
        self._next = self._choose()

    def found(self) -> Found:
        """What is known so far."""
        some_bad = [n for n, tries in self._tries.items() if not all(tries)]
        high = min(some_bad, default=None)
        all_good = [n for n, tries in self._tries.items() if all(tries) and (high is None or n < high)]
        return Found(self._lower(), max(all_good, default=0), high, sum(map(len, self._tries.values())))

    # --- decisions -----------------------------------------------------------------------------------------

    def _choose(self) -> int | None:
        if sum(map(len, self._tries.values())) - len(self._tries) >= MOST_REPEATS:
            return None
        if (undecided := self._undecided()) is not None:
            return undecided
        lower, upper = self._lower(), self._upper()
        if upper is None:
            # Once is enough: a line that nothing breaks is not loaded thrice to hear it again.
            if lower == self._most:
                return None
            return min(self._most, max(lower + 1, math.ceil(lower * self._gallop)))
        if upper - lower > max(1, math.floor(CLOSE * upper)):
            return self._between(lower, upper)
        return self._again(lower, upper)

    @staticmethod
    def _between(lower: int, upper: int) -> int:
        return (lower + upper) // 2 if lower else max(1, math.floor(upper / GALLOP))

    def _again(self, lower: int, upper: int) -> int | None:
        """The edge that has been tried least, until each was tried often enough to know."""
        open_edges = [edge for edge in (lower, upper) if edge and not self._is_sure(edge)]
        return min(open_edges, key=lambda edge: len(self._tries[edge]), default=None)

    def _is_sure(self, students: int) -> bool:
        tries = self._tries[students]
        return abs(2 * sum(tries) - len(tries)) > TRIES - len(tries)

    # --- where the edges are -------------------------------------------------------------------------------

    def _undecided(self) -> int | None:
        """A group that was as often good as not."""
        return next((n for n, tries in self._tries.items() if 2 * sum(tries) == len(tries)), None)

    def _good(self, students: int) -> bool:
        tries = self._tries[students]
        return 2 * sum(tries) > len(tries)

    def _bad(self, students: int) -> bool:
        tries = self._tries[students]
        return 2 * sum(tries) < len(tries)

    def _lower(self) -> int:
        """The most that were good, below the fewest that were not."""
        upper = self._upper()
        return max((n for n in self._tries if self._good(n) and (upper is None or n < upper)), default=0)

    def _upper(self) -> int | None:
        """The fewest that were not good: nobody who fails at 20 is believed at 25."""
        return min((n for n in self._tries if self._bad(n)), default=None)


def first_group(known_mbps: float, student_mbps: float, most: int) -> int:
    """With how many to begin; `known_mbps` is 0 where nobody knows the line."""
    if known_mbps <= 0:
        return min(GENTLE, most)
    return max(1, min(most, math.floor(FIRST_SHARE * known_mbps / student_mbps)))
