"""Facts of the collector's own, as points: doubts about boxes, gateways that were tried.

Judging needs them beside reports: without them no verdict could be told from InfluxDB alone. Both mappings,
and their inverses.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.store.gateways import Stretch
from collector.store.reads import Suspension
from firstbell.catalogue import Reading
from firstbell.points import Point

DOUBT, GATEWAY = "doubt", "gateway"
MEASUREMENTS = (DOUBT, GATEWAY)
_APART = 1000


def of_doubts(doubts: Sequence[Suspension], district: str) -> list[Point]:
    """A point for each time that two boxes had one name; `doubts` have the newest first, as in `Reads`."""
    return [_of_doubt(doubt, number, district) for number, doubt in enumerate(reversed(doubts))]


def _of_doubt(doubt: Suspension, number: int, district: str) -> Point:
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
    at_ns = doubt.since_ns - doubt.since_ns % _APART + number % _APART
    known = {name: value for name, value in fields.items() if value is not None}
    return Point(DOUBT, {"district": district, "agent": doubt.agent}, known, at_ns)


_KEPT_HERE = ("agent", "note")
"""The tag; and people's own words, which may name somebody, and which no verdict asks for."""


def doubts_of(rows: Sequence[Mapping[str, Any]]) -> list[Suspension]:
    """The doubts that points were made of, the newest first."""
    ordered = sorted(rows, key=lambda row: -int(row["number"]))
    names = [name for name in Suspension._fields if name not in _KEPT_HERE]
    return [
        Suspension(agent=row["agent"], note=None, **{name: row.get(name) for name in names})  # type: ignore[arg-type]
        for row in ordered
    ]


def of_stretches(stretches: Sequence[Stretch], district: str) -> list[Point]:
    """A point for each stretch in which a gateway did as it did; `subject` is the address that was tried."""
    return [
        Point(
            GATEWAY,
            {"district": district, "subject": stretch.address},
            {"last_ns": stretch.last_ns, "answers": bool(stretch.answers), "tries": stretch.tries},
            stretch.begin_ns,
        )
        for stretch in stretches
    ]


def stretches_of(rows: Sequence[Mapping[str, Any]]) -> list[Stretch]:
    """The stretches that points were made of, in order."""
    found = [
        Stretch(row["subject"], row["time"], row["last_ns"], int(row["answers"]), row["tries"])
        for row in rows
    ]
    return sorted(found, key=lambda stretch: stretch.begin_ns)
