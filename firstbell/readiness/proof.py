"""What the checks that count prove of a line: an order statistic that takes "at least" for what it says.

A check either saw the line's limit (an exact value) or something else's (at least so much). For any speed x
the checks that speak about x are the exact ones and those that saw at least x; one that saw "at least" less
than x knows nothing of x and is left aside. x is proved for the q quantile if, among those that speak, fewer
lie below x than `stats.bound_rank` allows for their number. This is the usual order statistic wherever all
checks are exact, and an "at least" can only raise it: it enters where it proves something, and is nowhere
counted as low. (Leaving it aside is cautious: a limit cuts off the best moments of a line, never the worst.)
The higher x, the fewer speak and the more lie below, so what is proved ends at one value: the bound.
"""

from collections.abc import Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

import msgspec

from firstbell import district as districts
from firstbell import stats
from firstbell.district import School
from firstbell.readiness.evidence import Check
from firstbell.readiness.models import Numbers
from firstbell.readiness.sizing import Direction

_LOOK_AHEAD_DAYS = 100


class Point(NamedTuple):
    """One check in one direction, as line rate in Mbit/s."""

    mbps: float
    check: Check
    at_least: bool


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What a line carries, but for the share `share` of the time, at 95 % confidence; line rate in Mbit/s.

    Of the `checks` checks that speak about it `below` lay lower, which is fewer than `rank`. With
    `at_least` nothing counts against more than that: something else than the line was the limit.
    """

    mbps: float
    at_least: bool
    share: float
    rank: int
    checks: int
    below: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the checks are on the way to an answer about one speed.

    `checks` counts those that speak about it, `limited` those whose own limit lay below it. `answer_on` is
    the day on which the last missing check can come; None if none is missing, or more of the same kind
    would not help: from boxes that are the limit themselves, or over Wi-Fi in one place.
    """

    checks: int
    checks_wanted: int
    days: int
    days_wanted: int
    times: int
    times_wanted: int
    limited: int
    place_missing: bool
    enough: bool
    answer_on: date | None = None


def points(checks: Sequence[Check], direction: Direction, numbers: Numbers) -> list[Point]:
    """The checks in one direction, raised from payload to line rate, as targets and contracts count."""
    return [
        Point(value * numbers.framing, check, check.capped(direction))
        for check in checks
        if (value := check.speed(direction)) is not None
    ]


def usual_share(numbers: Numbers) -> float:
    """The quantile that the lowest of just enough checks bounds: about 26 % for ten."""
    return stats.bounded_quantile(int(numbers.checks.value))


def bound(seen: Sequence[Point], share: float, numbers: Numbers) -> Bound | None:
    """The highest speed that the checks prove for all but `share` of the time; None if they prove none."""
    speeds = sorted({point.mbps for point in seen})
    proved, refuted = 0, len(speeds)  # how many of the speeds are proved: found by halving
    while proved < refuted:
        middle = (proved + refuted + 1) // 2
        if _proves(_speaking(seen, speeds[middle - 1]), speeds[middle - 1], share, numbers):
            proved = middle
        else:
            refuted = middle - 1
    if not proved:
        return None
    mbps = speeds[proved - 1]
    above = _speaking(seen, speeds[proved] if proved < len(speeds) else float("inf"))
    counted_out = _enough(above, numbers) and _fails(seen, share)
    said = _speaking(seen, mbps)
    return Bound(
        mbps=mbps,
        at_least=not counted_out,
        share=share,
        rank=stats.bound_rank(len(said), share),
        checks=len(said),
        below=_below(said, mbps),
    )


def _fails(seen: Sequence[Point], share: float) -> bool:
    """Whether the line itself was the limit often enough to be called short, whatever else would have come.

    Each check that something else limited gets the benefit of the doubt: a few low ones among many such may
    be the worst of the line's moments, or somebody else's.
    """
    exact = sum(not point.at_least for point in seen)
    return exact >= stats.bound_rank(len(seen), share) > 0


def _speaking(seen: Sequence[Point], mbps: float) -> list[Point]:
    return [point for point in seen if not point.at_least or point.mbps >= mbps]


def _proves(said: Sequence[Point], mbps: float, share: float, numbers: Numbers) -> bool:
    return _enough(said, numbers) and _below(said, mbps) < stats.bound_rank(len(said), share)


def _below(said: Sequence[Point], mbps: float) -> int:
    return sum(point.mbps < mbps for point in said)


def _enough(said: Sequence[Point], numbers: Numbers) -> bool:
    """Whether these are enough for an answer: by a box on a cable, or from two places."""
    return _many(said, numbers) and (
        _places(said) >= numbers.places_on_wifi.value
        or _many([point for point in said if point.check.wired], numbers)
    )


def _many(said: Sequence[Point], numbers: Numbers) -> bool:
    return (
        len(said) >= numbers.checks.value
        and len({point.check.day for point in said}) >= numbers.days.value
        and len({point.check.slot for point in said}) >= numbers.times.value
    )


def _places(said: Sequence[Point]) -> int:
    return len({point.check.place for point in said})


def progress(seen: Sequence[Point], mbps: float, numbers: Numbers, school: School, as_of_ns: int) -> Progress:
    """How far the quiet checks `seen` are on the way to an answer about `mbps`."""
    said = _speaking(seen, mbps)
    limited = len(seen) - len(said)
    enough = _enough(said, numbers)
    on_wifi = bool(said) and not any(point.check.wired for point in said)
    lone = not enough and _places(said) < numbers.places_on_wifi.value and (on_wifi or _many(said, numbers))
    hopeless = enough or lone or limited > len(said)
    answer_on = None if hopeless else _answer_on(said, numbers, school, as_of_ns)
    return Progress(
        checks=len(said),
        checks_wanted=int(numbers.checks.value),
        days=len({point.check.day for point in said}),
        days_wanted=int(numbers.days.value),
        times=len({point.check.slot for point in said}),
        times_wanted=int(numbers.times.value),
        limited=limited,
        place_missing=lone,
        enough=enough,
        answer_on=answer_on,
    )


def none_yet(numbers: Numbers) -> Progress:
    """How far one is without any check, and without any to come."""
    return Progress(
        checks=0,
        checks_wanted=int(numbers.checks.value),
        days=0,
        days_wanted=int(numbers.days.value),
        times=0,
        times_wanted=int(numbers.times.value),
        limited=0,
        place_missing=False,
        enough=False,
    )


def _answer_on(said: Sequence[Point], numbers: Numbers, school: School, as_of_ns: int) -> date | None:
    """The day on which there will be enough, at one check in each quiet period of a school day to come.

    The period that has begun is not counted on: its random moment may have passed.
    """
    count = len(said)
    days = {point.check.day for point in said}
    times = {point.check.slot for point in said}
    today = districts.local(school, as_of_ns).date()
    for day in islice(districts.school_days(school, today), _LOOK_AHEAD_DAYS):
        for begins_ns in districts.quiet_begins(school, day):
            if begins_ns > as_of_ns:
                count += 1
                days.add(day)
                times.add(districts.period_of(school, begins_ns).slot)
            if (
                count >= numbers.checks.value
                and len(days) >= numbers.days.value
                and len(times) >= numbers.times.value
            ):
                return day
    return None
