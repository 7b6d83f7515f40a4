"""The batches that were sent and not yet answered, and when each is due again."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

MOST = 100
CAP_S = 60.0
"""The longest wait before a batch is sent again."""
FIRST_S = 5.0
PART_S = 1.0
"""The shortest wait, for a batch and for a part of one that was halved: the rest was answered meanwhile."""
SLACK = 3.0
"""How many usual answer times a batch may take before its silence means something."""


@dataclass(eq=False)
class Flight:
    """One batch under way. `round` is that of its last sending; 0 if it was never sent.

    `passed` counts how often it came to nothing while something sent with it or later was taken.
    """

    place: int
    epoch: str
    first: int
    count: int
    digest: str
    payload: bytes
    part: bool = False
    tries: int = 0
    passed: int = 0
    reason: str = "never answered"
    due: float = 0.0
    sent_at: float = 0.0
    round: int = 0

    @property
    def last_place(self) -> int:
        """The place of its last report."""
        return self.place + self.count - 1


class Window:
    """The batches under way, by digest, with the clockwork of their resends. One thread."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._flights: dict[str, Flight] = {}
        self._round = self._taken_round = 0
        self._usual_s = 0.0

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[Flight]:
        """In the order of their places."""
        return iter(sorted(self._flights.values(), key=lambda flight: flight.place))

    def add(self, flight: Flight) -> None:
        """A new batch, due at once."""
        self._flights[flight.digest] = flight

    def get(self, digest: str) -> Flight | None:
        """The batch under way that has this digest."""
        return self._flights.get(digest)

    def remove(self, flight: Flight) -> None:
        """It is answered, or will be sent otherwise."""
        self._flights.pop(flight.digest, None)

    def gaps(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The stretches from place `first` to `last` of which nothing is under way."""
        for flight in self:
            if flight.last_place < first:
                continue
            if flight.place > last:
                break
            if first < flight.place:
                yield first, flight.place - 1
            first = flight.last_place + 1
        if first <= last:
            yield first, last

    def begin_round(self) -> None:
        """What is sent from here on is newer than what was sent before."""
        self._round += 1

    def sent(self, flight: Flight, now: float) -> None:
        """It went out just now."""
        flight.round, flight.sent_at = self._round, now
        if flight.part and not flight.tries:
            flight.due = now + self._floor(PART_S)
        else:
            flight.due = now + self.wait(PART_S if flight.part else FIRST_S, flight.tries)
        flight.tries += 1

    def answered(self, flight: Flight, now: float, *, taken: bool) -> None:
        """An answer to it came just now, and took some of it; from its time the next waits follow."""
        if taken:
            self._taken_round = max(self._taken_round, flight.round)
        if flight.tries == 1:
            took_s = now - flight.sent_at
            self._usual_s = took_s if not self._usual_s else 0.875 * self._usual_s + 0.125 * took_s

    def passed_over(self, flight: Flight) -> bool:
        """Whether something that was sent with it or after it has been taken."""
        return 0 < flight.round <= self._taken_round

    def due(self, now: float) -> list[Flight]:
        """The batches to send now, the oldest first."""
        return [flight for flight in self if flight.due <= now]

    def spread(self, now: float, over_s: float) -> None:
        """A new connection or the end of a silence: all are due again, at random moments."""
        for flight in self._flights.values():
            flight.tries = 0
            flight.due = now + self._random.uniform(0, over_s)

    def next_due(self) -> float:
        """The moment at which the first is due; infinity if there is none."""
        return min((flight.due for flight in self._flights.values()), default=math.inf)

    def wait(self, floor_s: float, tries: int) -> float:
        """Seconds to wait: exponential back-off with full jitter above a floor, at most `CAP_S`."""
        floor_s = self._floor(floor_s)
        return min(CAP_S, floor_s + self._random.uniform(0, min(CAP_S, floor_s * 2.0 ** min(tries, 10))))

    def _floor(self, floor_s: float) -> float:
        return min(CAP_S, max(floor_s, SLACK * self._usual_s))
