"""The lines of a district, and through which of them a school's internet passes on a day."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

import msgspec

Kind = Literal["internet", "wan"]
Role = Literal["primary", "backup"]


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """A line that somebody pays for. Speeds are the contract's, in Mbit/s; None where nobody knows.

    `since` is the day of its last change, `until` the last day on which it was in use. `parent` is the line
    that it goes on through. `schools` names those that hang on it themselves, not those of lines behind it.
    `contract` is what whoever sells it calls it: the numbers of the contract and of the circuit.
    """

    id: str
    kind: Kind = "internet"
    role: Role = "primary"
    parent: str = ""
    down_mbps: float | None = None
    up_mbps: float | None = None
    since: date | None = None
    until: date | None = None
    schools: tuple[str, ...] = ()
    contract: str = ""

    def in_use(self, day: date) -> bool:
        """Whether the line is in use on `day`."""
        return (self.since or date.min) <= day <= (self.until or date.max)


Path = tuple[Circuit, ...]


class _State(NamedTuple):
    """How everything hangs together in a time without a change."""

    paths: dict[str, Path]
    through: dict[str, tuple[str, ...]]


class Lines:
    """All circuits of a district. Between two dates that the folder names, the answers stay the same."""

    def __init__(self, circuits: Sequence[Circuit]) -> None:
        self.by_id = {circuit.id: circuit for circuit in circuits}
        firsts = {circuit.since for circuit in circuits if circuit.since}
        after = {circuit.until + timedelta(days=1) for circuit in circuits if circuit.until}
        self._changes = sorted(firsts | after)
        self._states: dict[int, _State] = {}

    def path(self, school: str, day: date) -> Path:
        """The circuits from the school to the internet; empty if none serves it on `day`."""
        return self._state(day).paths.get(school, ())

    def through(self, circuit: str, day: date) -> tuple[str, ...]:
        """The schools whose path on `day` passes through the circuit, by id."""
        return self._state(day).through.get(circuit, ())

    def _state(self, day: date) -> _State:
        n = bisect_right(self._changes, day)
        if n not in self._states:
            self._states[n] = self._made(day)
        return self._states[n]

    def _made(self, day: date) -> _State:
        own: dict[str, list[Circuit]] = {}
        for circuit in self.by_id.values():
            if circuit.in_use(day):
                for school in circuit.schools:
                    own.setdefault(school, []).append(circuit)
        paths = {school: self._best(circuits, day) for school, circuits in own.items()}
        through: dict[str, list[str]] = {}
        for school, path in paths.items():
            for circuit in path:
                through.setdefault(circuit.id, []).append(school)
        return _State(paths, {circuit: tuple(sorted(schools)) for circuit, schools in through.items()})

    def _best(self, own: Sequence[Circuit], day: date) -> Path:
        """Of the ways that begin at the school: one that reaches the internet, no backup, the longest."""
        ways = [self._follow(circuit, day) for circuit in own]
        direct = [way for way in ways if way[0].kind == "internet"]
        # A school's line to the district that names no parent goes on through what else serves the school.
        ways += [(*way, *on) for way in ways for on in direct if way[-1].kind == "wan" and not way[-1].parent]
        return min(ways, key=lambda way: (way[-1].kind != "internet", _backups(way), -len(way)))

    def _follow(self, circuit: Circuit, day: date) -> Path:
        way = [circuit]
        while (parent := self.by_id.get(way[-1].parent)) and parent.in_use(day) and parent not in way:
            way.append(parent)
        return tuple(way)


def _backups(way: Path) -> int:
    return sum(circuit.role != "primary" for circuit in way)
