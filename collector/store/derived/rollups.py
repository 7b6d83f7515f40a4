"""An hour of a box's cheap reports in sums: how they ended, and what their numbers were. Pure."""

from collections.abc import Iterable

import msgspec

from collector.store.derived.looks import CHEAP, Told


class Sums(msgspec.Struct, frozen=True, array_like=True):
    """One metric over an hour. A mean can be told from it; a quantile can't, for that needs the rows."""

    count: int
    least: float
    most: float
    total: float

    @property
    def mean(self) -> float:
        """The mean of the hour."""
        return self.total / self.count


class Rollup(msgspec.Struct, frozen=True, kw_only=True):
    """One box, probe and target over the hour that begins at `hour_ns` (since 1970 UTC).

    `statuses` counts how its reports ended; `metrics` holds every numeric reading, booleans as 0 and 1.
    """

    agent: str
    probe: str
    target: str
    hour_ns: int
    statuses: dict[str, int]
    metrics: dict[str, Sums]


class Totals(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a roll-up beside its key."""

    statuses: dict[str, int]
    metrics: dict[str, Sums]


Key = tuple[str, str]
"""Probe and target."""


def totals_of(rows: Iterable[Told]) -> dict[Key, Totals]:
    """The roll-ups of an hour, from all of its reports in any order."""
    groups: dict[Key, list[Told]] = {}
    for row in rows:
        if row.probe in CHEAP:
            groups.setdefault((row.probe, row.target), []).append(row)
    return {key: totals(group) for key, group in sorted(groups.items())}


def totals(rows: Iterable[Told]) -> Totals:
    """The sums of reports of one probe and target, in any order."""
    statuses: dict[str, int] = {}
    values: dict[str, list[float]] = {}
    for row in rows:
        statuses[row.status.value] = statuses.get(row.status.value, 0) + 1
        for name, value in row.readings.items():
            if not isinstance(value, str):
                values.setdefault(name, []).append(float(value))
    # Sorted: a sum of floats depends on the order, and the order in which reports arrive must not show.
    return Totals(
        dict(sorted(statuses.items())),
        {name: _sums(sorted(found)) for name, found in sorted(values.items())},
    )


def _sums(values: list[float]) -> Sums:
    return Sums(len(values), values[0], values[-1], sum(values))
