"""Reports in open formats: JSON Lines (a report a line), CSV (a reading a line), and what a column means.

Counts of people's devices below the district's threshold, and readings that this version does not know, are
left out, as everywhere; `hidden` and `others` say how many.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from firstbell import district as districts
from firstbell.catalogue import METRICS, OF_PEOPLE, Reading
from firstbell.district import NS, District, Seat
from firstbell.report import Report, Stored

COLUMNS: dict[str, str] = {
    "agent": "the box's name, which the district gave it",
    "school": "where it stood then, by seats.csv: the school's id; empty: at the hub, or nobody said",
    "room": "the room there",
    "circuit": "the line behind which it stood, by circuits.csv",
    "epoch": "which start of the box's program it was, a random number",
    "seq": "the report's number within that start, from 1 on, without holes",
    "arrival": "the report's number in the journal: the order in which they came",
    "received_at": "when it came (UTC)",
    "at": "when the measurement began, by the box's clock (UTC)",
    "at_ns": "the same in nanoseconds since 1970 UTC",
    "clock": "who vouches for that clock: ntp, collector, or nobody (bounded)",
    "clock_error_ms": "by how much it may be wrong, in ms, where that is known",
    "not_before_ns": "under a bounded clock: it began no earlier than this",
    "not_after_ns": "and no later",
    "duration_s": "how long the probe took, in seconds",
    "probe": "what measured; docs/metrics.md lists all",
    "target": "the name that the box's settings give the place it looked at; empty: the box itself",
    "segment": "which part of the way lies between: site, wan, internet, self",
    "medium": "wired or wifi",
    "engine": "which program made a speed test",
    "status": "how it ended: ok, nothing, failed, timeout, skipped",
    "reason": "why, where it did not end well",
    "limited_by": "what a speed test came up against first",
    "marks": "what else speaks against counting it, as line_busy",
    "hidden": "counts of people's devices that are left out: they are below the district's threshold",
    "others": "readings that are left out: this version does not know what they are",
    "metric": "the reading's name, which ends in its unit (in JSON Lines they stand in `readings`)",
    "value": "the reading",
}
"""Every column of the CSV, in order, with its meaning. JSON Lines has the same names but for the last two."""
_OF_A_REPORT = tuple(COLUMNS)[:-2]


class Placed:
    """Reports with their places, by one district folder."""

    def __init__(self, district: District) -> None:
        self._district = district
        self._threshold = district.settings.thresholds.count

    def record(self, stored: Stored) -> dict[str, Any]:
        """A report as a line of JSON has it: `COLUMNS` without the last two, and `readings`."""
        report = stored.report
        seat = districts.place_of(self._district, stored.agent, report.at_ns) or Seat(
            agent=stored.agent, school="", circuit=""
        )
        readings, hidden, others = self._shown(report)
        return {
            "agent": stored.agent,
            "school": seat.school,
            "room": seat.room,
            "circuit": seat.circuit,
            "epoch": stored.epoch,
            "seq": stored.seq,
            "arrival": stored.arrival,
            "received_at": _utc(stored.received_ns),
            "at": _utc(report.at_ns),
            "at_ns": report.at_ns,
            "clock": report.clock.value,
            "clock_error_ms": report.clock_error_ms,
            "not_before_ns": report.not_before_ns,
            "not_after_ns": report.not_after_ns,
            "duration_s": report.duration_s,
            "probe": report.probe,
            "target": report.target,
            "segment": report.segment.value if report.segment else "",
            "medium": report.medium.value if report.medium else "",
            "engine": report.engine,
            "status": report.status.value,
            "reason": report.reason,
            "limited_by": report.limited_by.value if report.limited_by else "",
            "marks": ",".join(report.marks),
            "hidden": hidden,
            "others": others,
            "readings": readings,
        }

    def _shown(self, report: Report) -> tuple[dict[str, Reading], int, int]:
        known = {name: value for name, value in report.readings.items() if name in METRICS}
        shown = {
            name: value
            for name, value in known.items()
            if name not in OF_PEOPLE or float(value) >= self._threshold
        }
        return shown, len(known) - len(shown), len(report.readings) - len(known)


def json_lines(records: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A record a line."""
    encode = msgspec.json.Encoder().encode
    return (encode(record) + b"\n" for record in records)


def cells(record: dict[str, Any]) -> Iterator[list[object]]:
    """The lines of the CSV for a record: one a reading; one without a reading where there is none."""
    own = [record[name] for name in _OF_A_REPORT]
    readings: dict[str, Reading] = record["readings"]
    if not readings:
        yield [*own, "", ""]
    for name, value in readings.items():
        yield [*own, name, value]


def meanings() -> list[tuple[str, str, str]]:
    """What each column and each metric means: what it is, its name, its meaning."""
    columns = [("column", name, meaning) for name, meaning in COLUMNS.items()]
    metrics = [(f"metric, {each.kind}", each.name, each.meaning) for each in METRICS.values()]
    return columns + metrics


def _utc(at_ns: int) -> str:
    """As 2026-11-30T18:05:11.123456789Z; what no calendar has stands as the number that it is."""
    try:
        whole = datetime.fromtimestamp(at_ns // NS, UTC)
    except (OverflowError, ValueError, OSError):
        return str(at_ns)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at_ns % NS:09}Z"
