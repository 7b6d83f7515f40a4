"""A day of a box (in UTC) as runs of looks: a quiet day is one run. Pure, times in milliseconds."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from collector.store.derived.looks import Hour, Line, Saw

DAY_MS = 86_400_000
PATIENCE = 3.5
"""How many looks' time may pass: silence is when three in a row did not come, and none came a little late."""
_SHORTEST_MS = 60_000
_LONGEST_MS = 1_800_000


class Run(NamedTuple):
    """Looks in a row that saw the same (`saw` is 0 where it is about being heard), none too late."""

    first_ms: int
    last_ms: int
    looks: int
    saw: int


class Day(NamedTuple):
    """A day of one box.

    The rhythms are the lower median of the gaps between its looks, from a minute to half an hour; a
    minute where there are no gaps. `online_ms` is the first look that saw the internet; None without one.
    """

    begin_ms: int
    arrival: int
    gateway: bool
    online_ms: int | None
    heard_rhythm_ms: int
    line_rhythm_ms: int
    heard: tuple[Run, ...]
    line: tuple[Run, ...]


def day_of(begin_ms: int, hours: Iterable[Hour]) -> Day:
    """The day that begins at `begin_ms`, from its hours in order."""
    known = list(hours)
    heard = [Line(at_ms, Saw(1)) for hour in known for at_ms in hour.heard]
    line = [look for hour in known for look in hour.line]
    heard_rhythm, line_rhythm = rhythm_ms(heard), rhythm_ms(line)
    return Day(
        begin_ms=begin_ms,
        arrival=max((hour.arrival for hour in known), default=0),
        gateway=any(hour.gateway for hour in known),
        online_ms=next((look.at_ms for look in line if look.saw is Saw.ONLINE), None),
        heard_rhythm_ms=heard_rhythm,
        line_rhythm_ms=line_rhythm,
        heard=tuple(run._replace(saw=0) for run in _runs(heard, heard_rhythm)),
        line=tuple(_runs(line, line_rhythm)),
    )


def rhythm_ms(looks: Sequence[Line]) -> int:
    """How often the box looks, told by what it did."""
    gaps = sorted(after.at_ms - before.at_ms for before, after in pairwise(looks))
    return min(max(gaps[(len(gaps) - 1) // 2], _SHORTEST_MS), _LONGEST_MS) if gaps else _SHORTEST_MS


def _runs(looks: Sequence[Line], rhythm: int) -> list[Run]:
    runs: list[Run] = []
    for at_ms, saw in looks:
        last = runs[-1] if runs else None
        if last and last.saw == saw and at_ms - last.last_ms <= PATIENCE * rhythm:
            runs[-1] = Run(last.first_ms, at_ms, last.looks + 1, saw)
        else:
            runs.append(Run(at_ms, at_ms, 1, saw))
    return runs
