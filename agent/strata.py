"""How time is cut for heavy tests: stretches (strata) of a day or an uptime, and where in one a test begins.

The district cuts the day by its own reckoning (firstbell.district.period_of); tests hold the two together.
"""

from bisect import bisect_right
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

PERIODS = (
    time(0, 0),  # night
    time(5, 0),  # before school
    time(7, 30),  # the four periods of class
    time(9, 30),
    time(11, 30),
    time(13, 30),
    time(15, 30),  # late afternoon
    time(18, 0),  # evening
)
"""The local time at which each stretch of a day begins; it lasts until the next one does."""

AROUND_SCHOOL = ((time(5, 0), time(7, 30)), (time(15, 30), time(18, 0)), (time(18, 0), None))
"""Of a day, the stretches in which a weekly test may come (None: until midnight)."""

UPTIME_STRATUM_S = 3 * 3600
EDGE_S = 300.0
"""At both ends of a stretch, in which no heavy test runs."""
ROOM_S = 90.0
"""Before the edge at its end, in which none begins: what would run into the edge the coordinator refuses."""
WALL = "wall"


class Stratum(NamedTuple):
    """A stretch of time on the clock `clock`: "wall" (seconds since 1970 UTC) or a boot's id (since boot)."""

    clock: str
    start_s: float
    end_s: float


def day_strata(wall_s: float, tz: tzinfo) -> tuple[Stratum, Stratum]:
    """The stretch of the local day that holds `wall_s`, and the one after it.

    Their bounds are instants, so that a day of 23 or 25 hours has its eight stretches like any other. A
    bound that the clocks skip is the moment of the change; one that comes twice counts at its first time.
    """
    today = datetime.fromtimestamp(wall_s, tz).date()
    edges = sorted({edge for days in (-1, 0, 1, 2) for edge in _edges(today + timedelta(days), tz)})
    here = bisect_right(edges, wall_s)
    before, after, last = edges[here - 1 : here + 2]
    return Stratum(WALL, before, after), Stratum(WALL, after, last)


def _edges(day: date, tz: tzinfo) -> list[float]:
    return [datetime.combine(day, begins, tz).timestamp() for begins in PERIODS]


def uptime_strata(boot_id: str, boottime_s: float) -> tuple[Stratum, Stratum]:
    """The three hours since the boot that hold `boottime_s`, and the three after them."""
    start = boottime_s // UPTIME_STRATUM_S * UPTIME_STRATUM_S
    middle, end = start + UPTIME_STRATUM_S, start + 2 * UPTIME_STRATUM_S
    return Stratum(boot_id, start, middle), Stratum(boot_id, middle, end)


def within(stratum: Stratum) -> tuple[float, float]:
    """The first and the last moment at which a test may begin: the middle of a stretch that is all edges."""
    middle_s = (stratum.start_s + stratum.end_s) / 2
    return min(stratum.start_s + EDGE_S, middle_s), max(stratum.end_s - EDGE_S - ROOM_S, middle_s)


def around_school(monday: date, tz: tzinfo) -> list[tuple[float, float]]:
    """Of a week, the times in which a weekly test may begin, first to last moment."""
    days = [monday + timedelta(days) for days in range(7)]
    spans = [
        (
            datetime.combine(day, begin, tz),
            datetime.combine(day if end else day + timedelta(1), end or time(), tz),
        )
        for day in days
        for begin, end in AROUND_SCHOOL
    ]
    return [within(Stratum(WALL, begin.timestamp(), end.timestamp())) for begin, end in spans]
