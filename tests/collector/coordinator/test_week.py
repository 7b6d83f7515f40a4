"""Forty boxes on one line for a week in which the clocks change: the rules hold, and everybody has a share."""

import math
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random, SystemRandom

import pytest

from collector.coordinator.bells import EDGE_S, stretch_at
from firstbell.calendar import CLASS_FROM
from firstbell.district import School, class_spans
from tests.collector.coordinator.town import NS, ZONE
from tests.collector.coordinator.week import TZ, Ran, Week

BOXES = 40
SUNDAY = datetime(2026, 11, 1, tzinfo=ZONE)
"""At two in the morning clocks go back; five days of school follow."""
END = SUNDAY + timedelta(days=7)
SCHOOL = School(id="lincoln", name="Lincoln", students=1_000, tz=TZ)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
"""The first test of each week waits for the whole week, on a busy machine for minutes."""


def seeded(name: str) -> Random:
    """The same for the same box, in each run."""
    return Random(f"week-{name}")


@pytest.fixture(scope="module")
def quiet_week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    """Nothing happens but the change of the clocks."""
    week = Week(tmp_path_factory.mktemp("week"), SUNDAY, BOXES, random=seeded)
    week.run_until(END)
    return week


@pytest.fixture(scope="module")
def troubled_week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    """Ten laptops sleep at times, five clocks are set wrong, and the coordinator is killed again and again."""
    week = Week(tmp_path_factory.mktemp("troubled"), SUNDAY, BOXES, random=seeded)
    dice, begin_s = Random("trouble"), SUNDAY.timestamp()
    boxes = list(week.boxes.values())
    for box in boxes[:10]:
        for _ in range(12):
            length_s = dice.uniform(60, 12 * 3600)
            week.world.at(
                begin_s + dice.uniform(0, 7 * 86_400),
                lambda box=box, s=length_s: box.sleep(s),  # type: ignore[misc]
            )
    for box in boxes[10:15]:
        for _ in range(6):
            _set_wrong(week, box.name, begin_s + dice.uniform(0, 7 * 86_400), dice.uniform(-5, 5) * 3600)
    for day in range(7):
        week.world.at(begin_s + (day + dice.random()) * 86_400, week.restart)
    week.world.at(begin_s + 3.4 * 86_400, week.restart)
    week.run_until(END)
    return week


def _set_wrong(week: Week, name: str, at_s: float, wrong_s: float) -> None:
    def step() -> None:
        week.boxes[name].clock.wrong_s = wrong_s

    week.world.at(at_s, step)


@pytest.fixture(params=["quiet", "troubled"])
def week(request: pytest.FixtureRequest) -> Week:
    """Each of the two."""
    found: Week = request.getfixturevalue(f"{request.param}_week")
    return found


def test_no_two_tests_overlap(week: Week) -> None:
    """One heavy test at a time, all week."""
    ordered = sorted(week.tests, key=lambda test: test.begin_s)
    assert len(ordered) > 200
    for before, after in pairwise(ordered):
        assert before.end_s <= after.begin_s, (before, after)


def test_no_test_runs_at_an_edge(week: Week) -> None:
    """None in the first or the last five minutes of a period of class or of another stretch of the day."""
    for test in week.tests:
        stretch = stretch_at(SCHOOL, int(test.begin_s * NS))
        assert test.begin_s >= stretch.begin_ns / NS + EDGE_S, test
        assert test.end_s <= stretch.end_ns / NS - EDGE_S, test


def test_every_period_of_every_school_day_is_covered(week: Week) -> None:
    """At least one throughput test of the line in each of the twenty periods of class, and in each stretch."""
    for day in range(5):
        for begin, end, name in class_spans(SCHOOL, date(2026, 11, 2) + timedelta(day)):
            here = [test for test in _of(week, "throughput") if begin <= test.begin_s * NS < end]
            assert here, (day, name)
    stretches = {stretch_at(SCHOOL, int(test.begin_s * NS)).begin_ns for test in week.tests}
    assert len(stretches) == 7 * 8, "night, before school, four periods, late afternoon, evening"


def test_no_box_tests_twice_in_a_period(week: Week) -> None:
    """At most one granted test of a kind for each box and period."""
    periods = Counter(
        (test.agent, test.kind, stretch_at(SCHOOL, int(test.begin_s * NS)).begin_ns) for test in week.tests
    )
    assert set(periods.values()) == {1}


def test_capacity_is_measured_without_class(week: Week) -> None:
    """It runs, and never in the hours of class."""
    tests = _of(week, "capacity")
    assert len(tests) >= 7
    assert not any(stretch_at(SCHOOL, int(test.begin_s * NS)).lessons for test in tests)


def test_no_day_takes_more_than_its_budget(week: Week) -> None:
    """A quarter of an hour and 8 GB, as it truly was used; and most of what there is is used."""
    seconds, taken = dict[date, float](), Counter[date]()
    for test in week.tests:
        day = datetime.fromtimestamp(test.begin_s, ZONE).date()
        seconds[day] = seconds.get(day, 0.0) + test.end_s - test.begin_s
        taken[day] += test.bytes
    assert max(seconds.values()) <= 900
    assert max(taken.values()) <= 8_000_000_000
    assert taken.total() > 7 * 6_000_000_000


def test_shares_are_within_a_fifth(week: Week) -> None:
    """Seconds of the line in a week: no box that was there all the time is a fifth above or below the mean."""
    shares = dict[str, float]()
    for test in _of(week, "throughput"):
        shares[test.agent] = shares.get(test.agent, 0.0) + test.end_s - test.begin_s
    steady = [shares[name] for name in list(week.boxes)[15:]]
    mean = sum(steady) / len(steady)
    assert max(steady) <= 1.2 * mean
    assert min(steady) >= 0.8 * mean


def test_forty_cloned_cards_do_not_test_in_step(tmp_path: Path) -> None:
    """The same card in forty boxes: each draws from its own system, and their moments are spread evenly.

    By the test of Kolmogorov and Smirnov against an even spread, at one in ten thousand.
    """
    begin = datetime.combine(date(2026, 11, 3), CLASS_FROM, ZONE)
    week = Week(tmp_path, begin, BOXES, random=lambda _: SystemRandom(), kinds=["throughput"])
    first: dict[str, float] = {}
    week.run_until(begin + timedelta(hours=2))
    for name, box in week.boxes.items():
        first[name] = box.asked_s[0] - begin.timestamp()
    moments = sorted((moment - EDGE_S) / (7200 - 2 * EDGE_S) for moment in first.values())
    furthest = max(
        max(abs((n + 1) / BOXES - moment), abs(moment - n / BOXES)) for n, moment in enumerate(moments)
    )
    assert furthest < math.sqrt(-math.log(0.00005) / 2) / math.sqrt(BOXES)
    assert len(set(first.values())) == BOXES


def _of(week: Week, kind: str) -> list[Ran]:
    return [test for test in week.tests if test.kind == kind]
