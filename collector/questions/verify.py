"""Does InfluxDB hold what the journal holds? Point by point, count by count, and verdict by verdict.

Each report within the store's retention is turned into its point once more, and compared with what stands
there; then every school's answer in every way of teaching is worked out from InfluxDB alone. Nothing may
differ.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from collector.questions import ask
from collector.registry import Folder
from collector.sinks.reading import InfluxEvidence
from collector.store.outbox import DAY_NS, Days, Outbox, Shipped
from collector.store.port import Evidence
from firstbell.points import MEASUREMENTS, Names, Placer, Point, of_report
from firstbell.readiness import chain
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.models import Targets

MOST_NAMED = 30
"""So many differences of each kind are named; all are counted."""
_AT_ONCE = 20_000
"""So many points of one box, and the days to the next one's end, are compared at once."""
Progress = Callable[[int, int], None]
Key = tuple[str, frozenset[tuple[str, str]], int]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something in which InfluxDB and the journal differ.

    `kind` is missing, doubled, strange (of no report), changed, count or verdict; `where` says of which box
    and day, or school and way of teaching; `what` is a sentence.
    """

    kind: str
    where: str
    what: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and what differs: `differing` in all, the first of them named.

    `without_verdicts` says why no verdict was compared; "" where they were.
    """

    facts_until: int
    boxes: int
    days: int
    points: int
    verdicts: int
    without_verdicts: str
    differing: int
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differing


class Bounds(NamedTuple):
    """The days that are compared, both included (numbers since 1970 UTC)."""

    first: int
    last: int


class _Found:
    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self.named: list[Difference] = []

    @property
    def count(self) -> int:
        return self._kinds.total()

    def add(self, kind: str, where: str, what: str) -> None:
        self._kinds[kind] += 1
        if self._kinds[kind] <= MOST_NAMED:
            self.named.append(Difference(kind=kind, where=where, what=what))


def verify(
    outbox: Outbox,
    state: Shipped,
    journal: Evidence,
    copy: InfluxEvidence,
    placer: Placer,
    folder: Folder,
    targets: Targets,
    bounds: Bounds,
    as_of_ns: int,
    progress: Progress = lambda _done, _of: None,
    *,
    without_verdicts: str = "",
) -> Verified:
    """Compare all within those days, and every verdict at that moment unless something speaks against it.

    Raises StoreError, InfluxError.
    """
    found = _Found()
    agents = outbox.agents()
    for agent in sorted(copy.agents() - set(agents)):
        found.add("strange", agent, "InfluxDB has points of this box, and the journal knows no such box.")
    counts = _counts(outbox, state, copy, bounds, found)
    known = _Known(Names(outbox.names(), most=0), frozenset(one.arrival for one in outbox.aside(-1)))
    points = days = 0
    for number, agent in enumerate(agents):
        progress(number, len(agents))
        for part in _parts(agent, counts):
            seen = _compare(outbox, state, copy, placer, part, known, found)
            points += seen.points
            days += seen.days
    progress(len(agents), len(agents))
    verdicts = 0
    if not without_verdicts:
        verdicts = _verdicts(journal, copy, folder, targets, state, as_of_ns, found)
    return Verified(
        facts_until=state.arrival,
        boxes=len(agents),
        days=days,
        points=points,
        verdicts=verdicts,
        without_verdicts=without_verdicts,
        differing=found.count,
        differences=tuple(found.named),
    )


class _Known(NamedTuple):
    """What shipping has noted: the names that boxes brought up, and what was set aside."""

    names: Names
    aside: frozenset[int]


class _Seen(NamedTuple):
    points: int
    days: int


def _compare(
    outbox: Outbox,
    state: Shipped,
    copy: InfluxEvidence,
    placer: Placer,
    part: Days,
    known: _Known,
    found: _Found,
) -> _Seen:
    """A box's days, point by point."""
    ours = _expected(outbox, state, placer, part, known.names, known.aside)
    begin, end = part.first * DAY_NS, (part.last + 1) * DAY_NS
    theirs = {
        _key(point): point
        for measurement in MEASUREMENTS
        for point in copy.points(measurement, part.agent, begin, end)
        if int(point.fields.get("arrival", 0)) <= state.arrival
    }
    numbers = {(point.fields["epoch"], point.fields["seq"]) for point in ours.values()}
    for key in ours.keys() - theirs.keys():
        found.add("missing", _where(ours[key]), f"{_named(ours[key])} is not in InfluxDB.")
    for key in theirs.keys() - ours.keys():
        point = theirs[key]
        again = (point.fields.get("epoch"), point.fields.get("seq")) in numbers
        kind, what = (
            ("doubled", "stands in InfluxDB once more, in another place or time")
            if again
            else ("strange", "is in InfluxDB, and the journal has no such report")
        )
        found.add(kind, _where(point), f"{_named(point)} {what}.")
    for key in ours.keys() & theirs.keys():
        for what in _changed(ours[key].fields, theirs[key].fields):
            found.add("changed", _where(ours[key]), f"{_named(ours[key])}: {what}.")
    return _Seen(len(ours), len({point.at_ns // DAY_NS for point in ours.values()}))


def _parts(agent: str, counts: Mapping[tuple[str, int], int]) -> Iterator[Days]:
    """A box's days that have reports, in stretches that hold no more than can be looked at."""
    days = sorted(day for name, day in counts if name == agent)
    begin, held = 0, 0
    for n, day in enumerate(days):
        held += counts[agent, day]
        if held >= _AT_ONCE or n + 1 == len(days):
            yield Days(agent, days[begin], day)
            begin, held = n + 1, 0


def _counts(
    outbox: Outbox, state: Shipped, copy: InfluxEvidence, bounds: Bounds, found: _Found
) -> dict[tuple[str, int], int]:
    """Compare how many reports of each box and day there are; the larger number of both sides."""
    ours = outbox.counts(bounds.first, bounds.last, state.arrival)
    theirs = copy.counts(bounds.first, bounds.last)
    for agent, day in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get((agent, day), 0), theirs.get((agent, day), 0)
        if one != other:
            what = f"InfluxDB has {other:,} reports of that day, and the journal {one:,}."
            found.add("count", f"{agent}, {_date(day)}", what)
    return {key: max(ours.get(key, 0), theirs.get(key, 0)) for key in ours.keys() | theirs.keys()}


def _expected(
    outbox: Outbox, state: Shipped, placer: Placer, part: Days, names: Names, aside: frozenset[int]
) -> dict[Key, Point]:
    rows = (row for row in outbox.within(part, state.arrival) if row.stored.arrival not in aside)
    made = (of_report(row, placer, names) for row in rows)
    return {_key(point): point for point in made if isinstance(point, Point)}


def _key(point: Point) -> Key:
    """What makes a point the same as another one, to InfluxDB."""
    return point.measurement, frozenset(point.tags.items()), point.at_ns


def _where(point: Point) -> str:
    return f"{point.tags.get('agent', '')}, {_date(point.at_ns // DAY_NS)}"


def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _named(point: Point) -> str:
    return f"{point.measurement} report {point.fields.get('seq')} of start {point.fields.get('epoch')}"


def _changed(ours: Mapping[str, object], theirs: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"{name} is {theirs.get(name)!r} and not {ours.get(name)!r}"


def _verdicts(
    journal: Evidence,
    copy: Evidence,
    folder: Folder,
    targets: Targets,
    state: Shipped,
    as_of_ns: int,
    found: _Found,
) -> int:
    """Every school's answer in every way of teaching, both ways; how many were compared."""
    compared = 0
    for school in folder.district.schools:
        sides = [
            ask.weigh(side, folder, targets, school, as_of_ns, state.arrival) for side in (journal, copy)
        ]
        for model in targets.models:
            ours, theirs = (chain.judge(model, targets, side) for side in sides)
            compared += 1
            for what in _differing(ours, theirs):
                found.add("verdict", f"{school.name}, {ours.model}", what)
    return compared


def _differing(ours: SchoolAnswer, theirs: SchoolAnswer) -> Iterator[str]:
    if ours == theirs:
        return
    if ours.sentence != theirs.sentence:
        yield f"from InfluxDB alone the answer is {theirs.sentence!r} and not {ours.sentence!r}"
        return
    names = [name for name in ours.__struct_fields__ if getattr(ours, name) != getattr(theirs, name)]
    yield f"the answer is the same, and differs in {', '.join(names)}"
