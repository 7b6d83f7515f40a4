"""Which lines each school's internet passes through on one day, and which schools share each of them."""

from datetime import date
from functools import cached_property

from firstbell import district as districts
from firstbell.district import Circuit, District

MOST_WITNESSES = 40
"""Where no box stands at a shared line, so many of the lines that lead into it speak for it."""


class Network:
    """The paths of one district on one day, worked out once and asked often."""

    def __init__(self, district: District, day: date) -> None:
        self.district, self.day = district, day
        self._paths: dict[str, tuple[Circuit, ...]] = {}

    def path(self, school_id: str) -> tuple[Circuit, ...]:
        """The lines that the school's internet passes through, its own first; none if none is entered."""
        if school_id not in self._paths:
            self._paths[school_id] = _path(self.district, school_id, self.day)
        return self._paths[school_id]

    def through(self, circuit_id: str) -> tuple[str, ...]:
        """The schools whose internet passes through the line, in the folder's order."""
        return self._through.get(circuit_id, ())

    def route(self, circuit_id: str) -> tuple[str, ...]:
        """The line and those behind it, on the way to the internet."""
        return self._routes.get(circuit_id, (circuit_id,))

    def circuit(self, circuit_id: str) -> Circuit:
        """The line in use on that day. Raises LookupError if no school's internet passes through it."""
        for school_id in self.through(circuit_id)[:1]:
            return next(circuit for circuit in self.path(school_id) if circuit.id == circuit_id)
        raise LookupError(f"no school's internet passes through a line {circuit_id!r}")

    def shared(self) -> tuple[str, ...]:
        """Every line that more than one school passes through, in the order of the paths."""
        return tuple(line for line, schools in self._through.items() if len(schools) > 1)

    def entries(self, circuit_id: str) -> tuple[str, ...]:
        """The lines whose boxes speak for this one: itself, or those that lead into it if no box is there."""
        seated = self._seated
        if circuit_id in seated:
            return (circuit_id,)
        below = [
            line.id
            for school_id in self.through(circuit_id)
            for line in self.path(school_id)[:1]
            if line.id in seated
        ]
        return tuple(dict.fromkeys(below))[:MOST_WITNESSES]

    def witnesses(self, circuit_id: str) -> frozenset[str]:
        """Every line whose boxes' tests an answer about this line may have to look at."""
        own = (circuit_id, *self.entries(circuit_id))
        behind = (entry for line in self.route(circuit_id)[1:] for entry in self.entries(line))
        return frozenset([*own, *behind])

    @cached_property
    def _seated(self) -> frozenset[str]:
        return frozenset(seat.circuit for seat in self.district.seats)

    @cached_property
    def _through(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for school in self.district.schools:
            for circuit in self.path(school.id):
                found.setdefault(circuit.id, []).append(school.id)
        return {circuit_id: tuple(schools) for circuit_id, schools in found.items()}

    @cached_property
    def _routes(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for school in self.district.schools:
            ids = tuple(circuit.id for circuit in self.path(school.id))
            for n, circuit_id in enumerate(ids):
                found.setdefault(circuit_id, ids[n:])
        return found


def _path(district: District, school_id: str, day: date) -> tuple[Circuit, ...]:
    """Follow the parents from the school's own line."""
    in_use = [
        circuit
        for circuit in district.circuits
        if (circuit.since is None or circuit.since <= day) and (circuit.until is None or day <= circuit.until)
    ]
    mine = [circuit for circuit in in_use if school_id in circuit.schools]
    own = min(mine, key=lambda c: (c.role != "primary", c.kind == "internet", len(c.schools)), default=None)
    found: list[Circuit] = []
    while own and own not in found:
        found.append(own)
        parent = own.parent
        own = next((circuit for circuit in in_use if circuit.id == parent), None)
    if found and found[-1].kind != "internet":
        line = districts.internet_of(district, school_id, day)
        found += [line] if line else []
    return tuple(found)
