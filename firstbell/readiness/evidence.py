"""Which tests count for or against a line, and which are left out and why.

A test speaks against a line only if the line was the limit. Where something else was (the box, its port,
the server, a ceiling), the line carried at least that much, and the test says no more than this. A test
whose time, place or way is not known says nothing. What the tests that count prove stands in `proof`.

Most tests go to the internet and pass every line on the way there. One to a server at the district (segment
`wan`) passes the school's own lines alone: for those it is the better witness, and for others it is none.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from firstbell import district as districts
from firstbell.district import NS, Circuit, District, School, Seat, Span
from firstbell.readiness.models import Numbers
from firstbell.readiness.outage import Cheap
from firstbell.readiness.reasons import Reason
from firstbell.readiness.sizing import Direction
from firstbell.report import AHEAD_NS, ClockQuality, LimitedBy, Mark, Medium, Report, Segment, Status, Stored

HOUR_NS = 3600 * NS


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A test that counts. Speeds are payload rates as measured, in Mbit/s; 0 for an outage.

    With `at_least` (`up_at_least` for the other direction) the line was not the limit: it carried this much
    and may carry more; `limit` says what was. `day` and `slot` are the school's.
    """

    agent: str
    epoch: str
    seq: int
    at_ns: int
    day: date
    slot: int
    period: str
    in_class: bool
    place: str
    wired: bool
    at_least: bool
    limit: str
    down_mbps: float
    up_mbps: float | None = None
    up_at_least: bool = False
    segment: Segment = Segment.INTERNET

    def speed(self, direction: Direction) -> float | None:
        """What it saw in one direction."""
        return self.down_mbps if direction == "down" else self.up_mbps

    def capped(self, direction: Direction) -> bool:
        """Whether something else than the line was the limit in that direction."""
        return self.at_least if direction == "down" else self.up_at_least


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A test that does not count, and why."""

    agent: str
    epoch: str
    seq: int
    at_ns: int
    reason: Reason


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """All tests of a line, sorted into those that count and those that don't, each in order of time."""

    checks: tuple[Check, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def reasons(self) -> list[tuple[Reason, int]]:
        """How many tests were left out for which reason, most first."""
        return Counter(test.reason for test in self.left_out).most_common()


class Line(NamedTuple):
    """What tests are weighed for: one circuit, seen from one school, at one moment.

    `within`: also those that went no further than the district.
    """

    district: District
    school: School
    circuit: Circuit
    numbers: Numbers
    as_of_ns: int
    suspended: frozenset[int] = frozenset()
    """Arrivals of what came while two boxes had one name: nobody can say whose it is."""
    within: bool = False

    @property
    def today(self) -> date:
        """The school's day at `as_of_ns`."""
        return districts.local(self.school, self.as_of_ns).date()

    @property
    def first_day(self) -> date:
        """The first day whose tests are young enough."""
        days = int(self.numbers.window_school_days.value)
        return districts.window_begins(self.school, self.today, days)


def weigh(tests: Iterable[Stored], latency: Iterable[Stored], line: Line) -> Weighed:
    """Sort `tests` of a heavy probe, with the cheap `latency` reports of the same boxes and times.

    Tests from after `line.as_of_ns` are not looked at. One test a place and hour counts, in class and
    outside apart: the first that the line limited, else the one that proves most.
    """
    tests = list(tests)
    scale = _Scale(line, Cheap(latency, _worked(tests, Segment.INTERNET), _worked(tests, Segment.WAN)))
    checks: list[Check] = []
    left_out: list[LeftOut] = []
    for stored in sorted(tests, key=lambda s: (s.report.at_ns, s.agent, s.epoch, s.seq)):
        if stored.report.at_ns > line.as_of_ns:
            continue
        found = scale.weigh(stored)
        if isinstance(found, Check):
            checks.append(found)
        else:
            left_out.append(_left_out(stored, found))
    kept, spare = _thin(checks)
    left_out += [_left_out(check, Reason.SAME_HOUR) for check in spare]
    return Weighed(checks=tuple(kept), left_out=tuple(sorted(left_out, key=lambda test: test.at_ns)))


def _left_out(test: Stored | Check, reason: Reason) -> LeftOut:
    at_ns = test.at_ns if isinstance(test, Check) else test.report.at_ns
    return LeftOut(agent=test.agent, epoch=test.epoch, seq=test.seq, at_ns=at_ns, reason=reason)


def _worked(tests: Iterable[Stored], segment: Segment) -> frozenset[str]:
    """Boxes with a test of that segment that worked."""
    return frozenset(
        test.agent for test in tests if test.report.status is Status.OK and test.report.segment is segment
    )


class _Scale:
    """What every test of one line is held against."""

    def __init__(self, line: Line, cheap: Cheap) -> None:
        self._line, self._cheap = line, cheap
        self._first_day = line.first_day
        self._stays: dict[str, list[tuple[Seat, Span]]] = {}

    def weigh(self, stored: Stored) -> Check | Reason:
        """The test as it counts, or why it does not."""
        seat = self._seat(stored)
        reason = (
            reason_of_itself(stored.report)
            or self._reason_of_way(stored.report)
            or reason_of_time(stored)
            or self._reason(stored, seat)
        )
        if reason is None and stored.report.status is not Status.OK:
            reason = self._cheap.excuse(stored)
        elif reason is None and _reading(stored.report, "down_mbps") is None:
            reason = Reason.NO_READING
        if reason is not None or seat is None:
            return reason or Reason.OTHER_LINE
        return _check(stored, seat, self._line.school)

    def _seat(self, stored: Stored) -> Seat | None:
        stays = self._stays.get(stored.agent)
        if stays is None:
            stays = self._stays[stored.agent] = districts.stays(self._line.district, stored.agent)
        return districts.seat_at(stays, stored.report.at_ns)

    def _reason_of_way(self, report: Report) -> Reason | None:
        """Why the test went another way than through this line."""
        # A test that failed before it had a server can't say where that would have been.
        unsaid = report.segment is None and report.status is not Status.OK
        passes = report.segment is Segment.INTERNET or (self._line.within and report.segment is Segment.WAN)
        return None if passes or unsaid else Reason.OTHER_PART

    def _reason(self, stored: Stored, seat: Seat | None) -> Reason | None:
        """Why the box, its place or the day rule the test out."""
        circuit = self._line.circuit
        if stored.arrival in self._line.suspended:
            return Reason.TWO_BOXES
        if seat is None or seat.circuit != circuit.id:
            return Reason.OTHER_LINE
        day = districts.local(self._line.school, stored.report.at_ns).date()
        # The hour of the change is not known, and one test of the old line would speak for the new.
        if circuit.since and day < circuit.since + timedelta(days=1):
            return Reason.OLD_LINE
        return Reason.TOO_OLD if day < self._first_day else None


def reason_of_itself(report: Report) -> Reason | None:
    """Why a heavy test says nothing of any line, by what it says of itself."""
    if report.status in {Status.SKIPPED, Status.NOTHING}:
        return Reason.NOT_RUN
    if report.segment is Segment.SELF:
        return Reason.SELF
    return Reason.UNLEASED if Mark.UNLEASED in report.marks else None


def reason_of_time(stored: Stored) -> Reason | None:
    """Why nobody can say when it was."""
    if stored.report.clock is ClockQuality.BOUNDED:
        return Reason.CLOCK_UNKNOWN
    return Reason.CLOCK_AHEAD if stored.report.at_ns > stored.received_ns + AHEAD_NS else None


def _reading(report: Report, name: str) -> float | None:
    value = report.readings.get(name)
    return float(value) if isinstance(value, int | float) else None


def _check(stored: Stored, seat: Seat, school: School) -> Check:
    report = stored.report
    period = districts.period_of(school, report.at_ns)
    failed = report.status is not Status.OK
    down, up = _limit(report, "down"), _limit(report, "up")
    return Check(
        agent=stored.agent,
        epoch=stored.epoch,
        seq=stored.seq,
        at_ns=report.at_ns,
        day=period.day,
        slot=period.slot,
        period=period.name,
        in_class=period.in_class,
        place=seat.place,
        wired=(report.medium or seat.medium) is Medium.WIRED,
        at_least=not failed and down != LimitedBy.LINE,
        up_at_least=not failed and up != LimitedBy.LINE,
        limit="outage" if failed else down if down != LimitedBy.LINE else up,
        down_mbps=0.0 if failed else _reading(report, "down_mbps") or 0.0,
        up_mbps=0.0 if failed else _reading(report, "up_mbps"),
        segment=report.segment or Segment.INTERNET,
    )


def _limit(report: Report, direction: Direction) -> str:
    """What limited one direction: its own reading, where a box tells the two apart, else the label's word."""
    if Mark.LINE_BUSY in report.marks:
        return "line_busy"
    return str(report.readings.get(f"{direction}_limited_by") or report.limited_by or "unknown")


def _thin(checks: Sequence[Check]) -> tuple[list[Check], list[Check]]:
    """One check a place and hour, and the rest: tests taken together know the same thing."""
    best: dict[tuple[str, int, bool], Check] = {}
    for check in checks:
        key = check.place, check.at_ns // HOUR_NS, check.in_class
        if key not in best or _rank(check) > _rank(best[key]):
            best[key] = check
    kept = sorted(best.values(), key=lambda check: check.at_ns)
    chosen = {id(check) for check in kept}
    return kept, [check for check in checks if id(check) not in chosen]


def _rank(check: Check) -> tuple[bool, bool, float]:
    # Among those that the line limited the first one wins, whatever it says: choosing would bend the result.
    # One that went no further than the district comes first: nothing behind can have been its limit.
    exact = not check.at_least
    return (exact, check.segment is Segment.WAN, 0.0 if exact else check.down_mbps)
