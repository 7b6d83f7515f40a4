"""When to load a line: ours beside Murakami's exponential trigger and cron at minute 0, on the same week.

First each box alone on its line, then all of them on one. A test takes 9 to 14 s, however it was begun. The
week is the one in which clocks go back, with five days of school from 7:30 to 15:30 in four periods.
"""

import random
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from benchmarks import bench
from benchmarks.bench import Figure
from collector.coordinator.bells import EDGE_S, stretch_at
from firstbell.district import NS, School, class_spans
from tests.collector.coordinator.town import ZONE
from tests.collector.coordinator.week import TAKES_S, TZ, Ran, Week

BEGIN = datetime(2026, 11, 1, tzinfo=ZONE)
DAYS = 7
SCHOOL_DAYS = [date(2026, 11, 2) + timedelta(n) for n in range(5)]
SCHOOL = School(id="lincoln", name="Lincoln", students=1_000, tz=TZ)
MEAN_S = 6 * 3600
"""Murakami's default is four tests a day; it draws each wait anew, exponentially."""
CRON_HOURS = (0, 6, 12, 18)
"""As many tests a day, as a line of a crontab has them: `0 */6 * * *`."""

Plan = Callable[[int, random.Random], list[Ran]]
"""The tests of so many boxes on one line in the week."""


class Counted(NamedTuple):
    """What a week of a line's tests comes to."""

    tests: int
    days_without: int
    periods_without: int
    together: int
    class_minutes: float
    at_edges: int


def ours(boxes: int, dice: random.Random) -> list[Ran]:
    """Schedule, gate and coordinator, with the district's default budget."""
    seed = dice.random()
    with tempfile.TemporaryDirectory(prefix="firstbell-bench-") as folder:
        week = Week(
            Path(folder),
            BEGIN,
            boxes,
            random=lambda name: random.Random(f"{seed}-{name}"),
            kinds=["throughput"],
        )
        week.run_until(BEGIN + timedelta(DAYS))
    return week.tests


def murakami(boxes: int, dice: random.Random) -> list[Ran]:
    """Each box waits for an exponentially drawn time, tests, and waits again."""
    found = []
    for box in range(boxes):
        at_s = BEGIN.timestamp() + dice.expovariate(1 / MEAN_S)
        while at_s < _end_s():
            found.append(_test(box, at_s, dice))
            at_s = found[-1].end_s + dice.expovariate(1 / MEAN_S)
    return found


def cron(boxes: int, dice: random.Random) -> list[Ran]:
    """Every box at minute 0 of the same four hours, within a second."""
    hours = [
        (datetime.combine(BEGIN.date() + timedelta(day), BEGIN.time()), hour)
        for day in range(DAYS)
        for hour in CRON_HOURS
    ]
    moments = [day.replace(hour=hour, tzinfo=ZONE).timestamp() for day, hour in hours]
    return [_test(box, at_s + dice.random(), dice) for box in range(boxes) for at_s in moments]


def _test(box: int, at_s: float, dice: random.Random) -> Ran:
    return Ran(f"box-{box:02}", "throughput", at_s, at_s + dice.uniform(*TAKES_S["throughput"]), 0)


def _end_s() -> float:
    return (BEGIN + timedelta(DAYS)).timestamp()


def count(tests: Sequence[Ran]) -> Counted:
    """What one line's week comes to."""
    classes = [[(begin / NS, end / NS) for begin, end, _ in class_spans(SCHOOL, day)] for day in SCHOOL_DAYS]
    met = [[any(begin <= test.begin_s < end for test in tests) for begin, end in day] for day in classes]
    ordered = sorted(tests, key=lambda test: test.begin_s)
    busy = list(_joined(ordered))
    in_class = sum(
        max(0.0, min(end, until) - max(begin, since))
        for day in classes
        for begin, end in day
        for since, until in busy
    )
    return Counted(
        tests=len(tests),
        days_without=sum(not any(day) for day in met),
        periods_without=sum(not period for day in met for period in day),
        together=_together(ordered),
        class_minutes=in_class / 60,
        at_edges=sum(_at_edge(test) for test in tests),
    )


def _joined(ordered: Iterable[Ran]) -> Iterable[tuple[float, float]]:
    """When the line was loaded by anybody."""
    since = until = 0.0
    for test in ordered:
        if test.begin_s > until:
            yield since, until
            since = test.begin_s
        until = max(until, test.end_s)
    yield since, until


def _together(ordered: Sequence[Ran]) -> int:
    """Tests that ran while another one did."""
    met = set[int]()
    latest = 0
    for n, (before, after) in enumerate(pairwise(ordered)):
        latest = n if before.end_s >= ordered[latest].end_s else latest
        if ordered[latest].end_s > after.begin_s:
            met |= {latest, n + 1}
    return len(met)


def _at_edge(test: Ran) -> bool:
    """Whether it ran in the first or the last five minutes of a period of class."""
    stretch = stretch_at(SCHOOL, int(test.begin_s * NS))
    begin_s, end_s = stretch.begin_ns / NS + EDGE_S, stretch.end_ns / NS - EDGE_S
    return stretch.lessons and not (begin_s <= test.begin_s and test.end_s <= end_s)


def measure(boxes: int) -> list[Figure]:
    """The three ways on the same week: each box on a line of its own, and all on one."""
    figures = []
    for name, plan in (("ours", ours), ("Murakami", murakami), ("cron", cron)):
        dice = random.Random(20_261_101)
        apart = [count(plan(1, dice)) for _ in range(boxes)]
        figures += _apart(name, apart)
        figures += _shared(name, count(plan(boxes, dice)))
    return figures


def _apart(name: str, lines: Sequence[Counted]) -> list[Figure]:
    days, periods = 5 * len(lines), 20 * len(lines)
    none = name == "ours"
    return [
        Figure(f"{name}, one box a line: tests", sum(each.tests for each in lines), "tests"),
        Figure(
            f"{name}, one box a line: school days without a test in class",
            100 * sum(each.days_without for each in lines) / days,
            "%",
            "0" if none else "",
        ),
        Figure(
            f"{name}, one box a line: periods of class without a test",
            100 * sum(each.periods_without for each in lines) / periods,
            "%",
            "0" if none else "",
        ),
    ]


def _shared(name: str, week: Counted) -> list[Figure]:
    none = "0" if name == "ours" else ""
    return [
        Figure(f"{name}, all on one line: tests", week.tests, "tests"),
        Figure(f"{name}, all on one line: tests that met another", week.together, "tests", none),
        Figure(
            f"{name}, all on one line: periods of class without a test", 5 * week.periods_without, "%", none
        ),
        Figure(
            f"{name}, all on one line: minutes of class with the line loaded", week.class_minutes, "minutes"
        ),
        Figure(
            f"{name}, all on one line: tests at the edge of a period of class", week.at_edges, "tests", none
        ),
    ]


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--boxes", type=int, default=40, help="how many (default 40)")
    told = parser.parse_args()
    bench.show("schedule", measure(told.boxes), told)


if __name__ == "__main__":
    main()
