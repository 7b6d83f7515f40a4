"""Which capacity tests speak for a school: classes of students that its boxes played over its line.

The rules are those of any heavy test (`evidence`). A test to a server at the district passes the school's own
lines alone, one to the internet all lines on the way.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from firstbell import district as districts
from firstbell.district import Circuit, District, School
from firstbell.readiness.evidence import reason_of_itself, reason_of_time
from firstbell.readiness.models import Numbers
from firstbell.readiness.reasons import Reason
from firstbell.report import LimitedBy, Mark, Report, Segment, Status, Stored


class Trial(NamedTuple):
    """One test that counts.

    `ok` students were carried, `low` to `high` is how sure that is (`high` None: nothing gave). With
    `at_least` something else than the line ended it, and `limit` says what.
    """

    at_ns: int
    day: date
    segment: Segment
    ok: int
    low: int
    high: int | None
    at_least: bool
    limit: str
    gave: str
    student_mbps: float


class Played(NamedTuple):
    """The tests that count, in order of time, and why how many others don't."""

    trials: tuple[Trial, ...] = ()
    left_out: tuple[tuple[Reason, int], ...] = ()


class Place(NamedTuple):
    """Whose classes are looked for: a school's, by the lines on its way (its own first), at a moment."""

    district: District
    school: School
    path: Sequence[Circuit]
    numbers: Numbers
    as_of_ns: int


def weigh(tests: Iterable[Stored], place: Place) -> Played:
    """Sort the reports of the probe `capacity` of all boxes that ever stood in the school."""
    today = districts.local(place.school, place.as_of_ns).date()
    days = int(place.numbers.window_school_days.value)
    first_day = districts.window_begins(place.school, today, days)
    trials: list[Trial] = []
    left_out: Counter[Reason] = Counter()
    for stored in tests:
        if stored.report.at_ns > place.as_of_ns:
            continue
        found = _weigh_one(stored, place, first_day)
        if isinstance(found, Trial):
            trials.append(found)
        else:
            left_out[found] += 1
    trials.sort(key=lambda trial: trial.at_ns)
    return Played(tuple(trials), tuple(left_out.most_common()))


def _weigh_one(stored: Stored, place: Place, first_day: date) -> Trial | Reason:
    report = stored.report
    reason = reason_of_itself(report) or _reason_of_way(report, place) or reason_of_time(stored)
    if reason is None and report.status is not Status.OK:
        reason = Reason.NO_READING
    reason = reason or _reason_of_place(stored, place, first_day)
    return reason or _trial(report, place) or Reason.NO_READING


def _reason_of_way(report: Report, place: Place) -> Reason | None:
    within = report.segment is Segment.WAN and bool(place.path) and place.path[0].kind == "wan"
    # A test that failed before it had a server can't say where that would have been.
    unsaid = report.segment is None and report.status is not Status.OK
    return None if report.segment is Segment.INTERNET or within or unsaid else Reason.OTHER_PART


def _reason_of_place(stored: Stored, place: Place, first_day: date) -> Reason | None:
    stays = districts.stays(place.district, stored.agent)
    seat = districts.seat_at(stays, stored.report.at_ns)
    if seat is None or not place.path or seat.circuit != place.path[0].id:
        return Reason.OTHER_LINE
    day = districts.local(place.school, stored.report.at_ns).date()
    passed = [line for line in place.path if stored.report.segment is Segment.INTERNET or line.kind == "wan"]
    # The hour of a change is not known, and one test of the old line would speak for the new.
    if any(line.since and day < line.since + timedelta(days=1) for line in passed):
        return Reason.OLD_LINE
    return Reason.TOO_OLD if day < first_day else None


def _trial(report: Report, place: Place) -> Trial | None:
    ok, low, high = (_count(report, f"students_ok{edge}") for edge in ("", "_low", "_high"))
    each = report.readings.get("student_mbps")
    if ok is None or not isinstance(each, int | float):
        return None
    limit = "line_busy" if Mark.LINE_BUSY in report.marks else str(report.limited_by or "unknown")
    return Trial(
        at_ns=report.at_ns,
        day=districts.local(place.school, report.at_ns).date(),
        segment=report.segment or Segment.INTERNET,
        ok=ok,
        low=ok if low is None else min(low, ok),
        high=high,
        at_least=bool(report.readings.get("students_at_least", True)) or limit != LimitedBy.LINE,
        limit=limit,
        gave=str(report.readings.get("gave_first", "")),
        student_mbps=float(each),
    )


def _count(report: Report, name: str) -> int | None:
    value = report.readings.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
