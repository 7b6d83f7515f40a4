"""What First Bell itself took of the lines: each box's heavy tests of a day, in seconds and bytes.

Its reports say it, and its leases do: of each kind of test whichever says more counts, because a test that
was killed reports nothing, and one that ran without a lease has none.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from collector.store.leases import Kept
from collector.store.reads import Box, Reads
from firstbell import district as districts
from firstbell.catalogue import PROBES
from firstbell.district import School
from firstbell.report import Report, Status

HEAVY = tuple(probe.name for probe in PROBES.values() if probe.heavy)


class Taken(NamedTuple):
    """What heavy tests took: how many there were, their seconds of the line, and bytes both ways."""

    tests: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def plus(self, other: "Taken") -> "Taken":
        """Both together."""
        return Taken(self.tests + other.tests, self.seconds + other.seconds, self.bytes + other.bytes)

    def at_least(self, other: "Taken") -> "Taken":
        """The larger of each."""
        return Taken(
            max(self.tests, other.tests), max(self.seconds, other.seconds), max(self.bytes, other.bytes)
        )


def by_box(reads: Reads, boxes: Sequence[Box], since_ns: int, until_ns: int) -> dict[str, Taken]:
    """What each of these boxes, within its own dates, took in that time; those that took nothing left out."""
    reported: dict[tuple[str, str], Taken] = {}
    for kind in HEAVY:
        for stored in reads.tests([_cut(box, since_ns, until_ns) for box in boxes], kind):
            key = stored.agent, kind
            reported[key] = reported.get(key, Taken()).plus(of_report(stored.report))
    leased = _leased(reads.leases(since_ns, until_ns), boxes)
    found: dict[str, Taken] = {}
    for key in reported.keys() | leased.keys():
        most = reported.get(key, Taken()).at_least(leased.get(key, Taken()))
        found[key[0]] = found.get(key[0], Taken()).plus(most)
    return found


def total(taken: Mapping[str, Taken]) -> Taken:
    """All of them together."""
    found = Taken()
    for each in taken.values():
        found = found.plus(each)
    return found


def yesterday(school: School, as_of_ns: int) -> tuple[str, int, int]:
    """The school's day before: its name, and when it began and ended."""
    day = districts.local(school, as_of_ns).date() - timedelta(days=1)
    begin, end = (districts.midnight_ns(school, day + timedelta(days=n)) for n in (0, 1))
    return day.isoformat(), begin, end


def yesterday_in(tz: str, as_of_ns: int) -> tuple[int, int]:
    """When the day before began and ended in that time zone."""
    plain = School(id="", name="", students=0, tz=tz or districts.DEFAULT_TZ)
    return yesterday(plain, as_of_ns)[1:]


def of_report(report: Report) -> Taken:
    """What one report says that its test took; one that was skipped loaded nothing."""
    numbers = {
        name: value
        for name, value in report.readings.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    seconds = numbers.get("loaded_s", report.duration_s if report.status is not Status.SKIPPED else 0.0)
    taken = int(sum(numbers.get(name, 0) for name in ("bytes_received", "bytes_sent")))
    return Taken(int(report.status is not Status.SKIPPED), seconds, taken)


def _cut(box: Box, since_ns: int, until_ns: int) -> Box:
    agent, begin, end = box
    return agent, max(begin, since_ns), until_ns if end is None else min(end, until_ns)


def _leased(leases: Iterable[Kept], boxes: Sequence[Box]) -> dict[tuple[str, str], Taken]:
    """What leases say: as their boxes told, and nothing of those that did not."""
    spans: dict[str, list[Box]] = {}
    for box in boxes:
        spans.setdefault(box[0], []).append(box)
    found: dict[tuple[str, str], Taken] = {}
    for lease in leases:
        if not any(_holds(box, lease.granted_ns) for box in spans.get(lease.agent, ())):
            continue
        if lease.seconds or lease.bytes:
            key = lease.agent, lease.kind
            taken = Taken(1, lease.seconds or 0.0, lease.bytes or 0)
            found[key] = found.get(key, Taken()).plus(taken)
    return found


def _holds(box: Box, at_ns: int) -> bool:
    _, begin, end = box
    return begin <= at_ns and (end is None or at_ns < end)
