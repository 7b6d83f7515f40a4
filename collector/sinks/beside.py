"""Facts of the collector's own, as points: doubts about boxes, gateways that were tried.

Judging needs them beside reports: without them no verdict could be told from InfluxDB alone. Both mappings,
and their inverses.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.store.gateways import Stretch
from collector.store.outbox import DAY_NS
from collector.store.reads import Suspension
from firstbell.catalogue import Reading
from firstbell.points import Point

DOUBT, GATEWAY = "doubt", "gateway"
MEASUREMENTS = (DOUBT, GATEWAY)
_APART = 1000


def of_doubts(doubts: Sequence[Suspension], district: str, oldest_ns: int = 0) -> list[Point]:
    """A point for each time that two boxes had one name; `doubts` have the newest first, as in `Reads`."""
    return [_of_doubt(doubt, number, district, oldest_ns) for number, doubt in enumerate(reversed(doubts))]


def _of_doubt(doubt: Suspension, number: int, district: str, oldest_ns: int) -> Point:
    fields: dict[str, Reading | None] = {
        "epoch": doubt.epoch,
        "other": doubt.other,
        "why": doubt.why,
        "since_ns": doubt.since_ns,
        "since_arrival": doubt.since_arrival,
        "decided_ns": doubt.decided_ns,
        "decided_arrival": doubt.decided_arrival,
        "begin_ns": doubt.begin_ns,
        "number": number,
    }
    # Several of one box may have come up at one moment: their places in the list tell them apart.
    begin_ns = _kept_ns(doubt.since_ns, oldest_ns)
    at_ns = begin_ns - begin_ns % _APART + number % _APART
    known = {name: value for name, value in fields.items() if value is not None}
    return Point(DOUBT, {"district": district, "agent": doubt.agent}, known, at_ns)


_KEPT_HERE = ("agent", "note")
"""The tag; and people's own words, which may name somebody, and which no verdict asks for."""


def doubts_of(rows: Sequence[Mapping[str, Any]]) -> list[Suspension]:
    """The doubts that points were made of, the newest first."""
    once = {row["number"]: row for row in sorted(rows, key=lambda row: int(row["time"]))}
    ordered = [row for _, row in sorted(once.items(), reverse=True)]
    names = [name for name in Suspension._fields if name not in _KEPT_HERE]
    return [
        Suspension(agent=row["agent"], note=None, **{name: row.get(name) for name in names})  # type: ignore[arg-type]
        for row in ordered
    ]


def _kept_ns(begin_ns: int, oldest_ns: int) -> int:
    """Where a fact stands that began before the bucket keeps anything: at the first day that it keeps.

    So it stands there once more each day, and whoever reads takes it once.
    """
    return begin_ns if begin_ns >= oldest_ns else -(-oldest_ns // DAY_NS) * DAY_NS


def of_stretches(stretches: Sequence[Stretch], district: str, oldest_ns: int = 0) -> list[Point]:
    """A point for each stretch in which a gateway did as it did; `subject` is the address that was tried."""
    return [
        Point(
            GATEWAY,
            {"district": district, "subject": stretch.address},
            {
                "begin_ns": stretch.begin_ns,
                "last_ns": stretch.last_ns,
                "answers": bool(stretch.answers),
                "tries": stretch.tries,
            },
            _kept_ns(stretch.begin_ns, oldest_ns),
        )
        for stretch in stretches
    ]


def stretches_of(rows: Sequence[Mapping[str, Any]]) -> list[Stretch]:
    """The stretches that points were made of, in order."""
    found = [
        Stretch(row["subject"], row["begin_ns"], row["last_ns"], int(row["answers"]), row["tries"])
        for row in rows
    ]
    once = {(one.address, one.begin_ns): one for one in sorted(found, key=lambda one: one.last_ns)}
    return sorted(once.values(), key=lambda one: one.begin_ns)
