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
        self._through: dict[str, tuple[str, ...]] = {}

    def path(self, school_id: str) -> tuple[Circuit, ...]:
        """The lines that the school's internet passes through, its own first; none if none is entered."""
        if school_id not in self._paths:
            self._paths[school_id] = districts.path_of(self.district, school_id, self.day)
        return self._paths[school_id]

    def through(self, circuit_id: str) -> tuple[str, ...]:
        """The schools whose internet passes through the line, in the folder's order."""
        if circuit_id not in self._through:
            self._through[circuit_id] = districts.schools_through(self.district, circuit_id, self.day)
        return self._through[circuit_id]

    def route(self, circuit_id: str) -> tuple[str, ...]:
        """The line and those behind it, on the way to the internet."""
        for school_id in self.through(circuit_id)[:1]:
            ids = tuple(circuit.id for circuit in self.path(school_id))
            return ids[ids.index(circuit_id) :]
        return (circuit_id,)

    def circuit(self, circuit_id: str) -> Circuit:
        """The line in use on that day. Raises LookupError if no school's internet passes through it."""
        for school_id in self.through(circuit_id)[:1]:
            return next(circuit for circuit in self.path(school_id) if circuit.id == circuit_id)
        raise LookupError(f"no school's internet passes through a line {circuit_id!r}")

    def shared(self) -> tuple[str, ...]:
        """Every line that more than one school passes through, in the order of the paths."""
        lines = {circuit.id: None for school in self.district.schools for circuit in self.path(school.id)}
        return tuple(line for line in lines if len(self.through(line)) > 1)

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
