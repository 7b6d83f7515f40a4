"""What the coordinator knows of leases: those that are out, and what was used by site, box and day.

In memory, so that a decision costs no question to the disk; the journal holds the same (store/leases.py),
and `Book.recall` makes it again from there.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from firstbell.catalogue import PROBES
from firstbell.lease import TTL_S

LATE_S = 15.0
"""How late a word of ours may reach a box, which counts from when it heard."""
OVER_S = TTL_S + LATE_S
"""Without a word of the box a lease is over after so long."""
SHARE_DAYS = 7
KEPT_DAYS = 32
_MOST_DONE = 100_000
_MOST_ASKERS = 1_000


def is_weekly(kind: str) -> bool:
    """Whether a box makes such a test once a week, and not once in each period."""
    probe = PROBES.get(kind)
    return probe is not None and probe.once_in == "week"


class Charge(NamedTuple):
    """Of a line: so many seconds and so many bytes."""

    seconds: float = 0.0
    bytes: int = 0

    def plus(self, other: "Charge") -> "Charge":
        """Both together."""
        return Charge(self.seconds + other.seconds, self.bytes + other.bytes)

    def times(self, share: float) -> "Charge":
        """So many times as much."""
        return Charge(self.seconds * share, int(self.bytes * share))

    def covers(self, other: "Charge") -> bool:
        """Whether `other` fits in it."""
        return other.seconds <= self.seconds and other.bytes <= self.bytes

    @property
    def nothing(self) -> bool:
        """Whether one of the two is used up."""
        return self.seconds <= 0 or self.bytes <= 0


class Out(NamedTuple):
    """A lease that was granted; `charge` is all that it may use. `stretch_ns`: when its period began."""

    lease: str
    agent: str
    nonce: str
    kind: str
    site: str
    day: str
    stretch_ns: int
    loads: frozenset[str]
    charge: Charge
    granted_ns: int


class Asked(NamedTuple):
    """When a box asked last: in which period, for what, and whether it was told to come again in it."""

    stretch_ns: int
    kind: str
    charge: Charge
    waiting: bool


_Test = tuple[str, str, int]
"""A box's test of a kind in a period."""


class Book:
    """Leases and sums. One thread owns it."""

    def __init__(self) -> None:
        self.out: dict[str, Out] = {}
        """The leases that may load a line now, by name."""
        self._sites: dict[tuple[tuple[str, bool], str], Charge] = {}
        """By site and whether its tests are weekly ones, and day."""
        self._boxes: dict[tuple[tuple[str, str], str], float] = {}
        """Seconds by box and kind of test, and day."""
        self._done: dict[_Test, None] = {}
        self._unused: dict[_Test, None] = {}
        self._asked: dict[str, dict[tuple[str, str], Asked]] = {}

    def recall(self, lease: Out, used: Charge | None) -> None:
        """Take in what the journal holds of an older lease: what it used, None while it is out."""
        charge = lease.charge if used is None else self._believed(lease, used)
        self._add(lease, charge)
        if charge != Charge():
            _note(self._done, lease)
        if used is None:
            self.out[lease.lease] = lease

    def open(self, lease: Out) -> None:
        """A lease goes out: it is charged in full."""
        self.recall(lease, None)

    def free(self, lease: Out) -> None:
        """It loads nothing any more."""
        self.out.pop(lease.lease, None)

    def correct(self, lease: Out, counted: Charge, used: Charge) -> Charge:
        """Count what was used where `counted` stood; what is counted now. What was not used was no test."""
        charge = self._believed(lease, used)
        if charge == Charge():
            self._done.pop(_test(lease), None)
        self._add(lease, Charge(charge.seconds - counted.seconds, charge.bytes - counted.bytes))
        return charge

    def holder(self, loads: frozenset[str]) -> Out | None:
        """A lease that is out and loads one of these."""
        return next((lease for lease in self.out.values() if lease.loads & loads), None)

    def has_done(self, agent: str, kind: str, stretch_ns: int) -> bool:
        """Whether the box had its test of that kind in that period."""
        return (agent, kind, stretch_ns) in self._done

    def used(self, site: str, day: str, *, weekly: bool) -> Charge:
        """What weekly tests, or all others, used at a site on a day; in full of what is out."""
        return self._sites.get(((site, weekly), day), Charge())

    def used_in_month(self, site: str, day: str, *, weekly: bool) -> Charge:
        """The same from the first of the month to that day, both included."""
        last = date.fromisoformat(day)
        total = Charge()
        for n in range(last.day):
            total = total.plus(self.used(site, last.replace(day=n + 1).isoformat(), weekly=weekly))
        return total

    def share(self, agent: str, kind: str, day: str) -> float:
        """Seconds that a box has had of the line for tests of that kind in the seven days up to that one."""
        last = date.fromisoformat(day)
        days = ((last - timedelta(days=n)).isoformat() for n in range(SHARE_DAYS))
        return sum(self._boxes.get(((agent, kind), day), 0.0) for day in days)

    def ask(self, site: str, agent: str, asked: Asked) -> None:
        """Note that a box asked."""
        at_site = self._asked.setdefault(site, {})
        at_site[agent, asked.kind] = asked
        while len(at_site) > _MOST_ASKERS:
            del at_site[next(iter(at_site))]

    def askers(self, site: str, kind: str) -> Iterator[tuple[str, Asked]]:
        """Who asked at a site lately for a test of that kind."""
        for (agent, of), asked in self._asked.get(site, {}).items():
            if of == kind:
                yield agent, asked

    def forget_before(self, day: str) -> None:
        """Drop the sums of days before that one."""
        self._sites = {key: used for key, used in self._sites.items() if key[1] >= day}
        self._boxes = {key: used for key, used in self._boxes.items() if key[1] >= day}

    def _add(self, lease: Out, charge: Charge) -> None:
        site, box = ((lease.site, is_weekly(lease.kind)), lease.day), ((lease.agent, lease.kind), lease.day)
        self._sites[site] = self._sites.get(site, Charge()).plus(charge)
        self._boxes[box] = self._boxes.get(box, 0.0) + charge.seconds

    def _believed(self, lease: Out, used: Charge) -> Charge:
        """What a lease is charged with, if its box used so much.

        A lease that came too late for its box is given back unused: that is believed once a period. Its
        tickets are still good, and whoever says so again may be testing with them.
        """
        if used != Charge():
            return used
        if _test(lease) in self._unused:
            return lease.charge
        _note(self._unused, lease)
        return used


def _test(lease: Out) -> _Test:
    return lease.agent, lease.kind, lease.stretch_ns


def _note(tests: dict[_Test, None], lease: Out) -> None:
    tests[_test(lease)] = None
    while len(tests) > _MOST_DONE:
        del tests[next(iter(tests))]
