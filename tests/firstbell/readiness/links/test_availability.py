"""Was it up: whose silence is an outage, what it cost, and how many days say enough."""

import time
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.readiness.links import availability
from firstbell.readiness.links.availability import MINUTE_NS, Lesson, Outage, Uptime, Watch
from firstbell.readiness.verdict import State
from tests.firstbell.readiness.town import TARGETS

FIRST = date(2026, 10, 1)
DAY = 24 * 60
LESSONS = ((8 * 60, 9 * 60), (9 * 60, 10 * 60), (12 * 60, 13 * 60))
"""Minutes of the day at which the three lessons of every day begin and end."""


def lessons(days: int = 30) -> list[Lesson]:
    """Three lessons on each of so many days; time begins with the first day."""
    return [
        Lesson(
            FIRST + timedelta(days=n),
            (n * DAY + begin) * MINUTE_NS,
            (n * DAY + end) * MINUTE_NS,
            f"period {p}",
        )
        for n in range(days)
        for p, (begin, end) in enumerate(LESSONS, 1)
    ]


def gone(day: int, begin: int, end: int, kind: str = "down") -> Outage:
    """Something was away on a day, between two minutes of it."""
    return Outage(begin_ns=(day * DAY + begin) * MINUTE_NS, end_ns=(day * DAY + end) * MINUTE_NS, kind=kind)  # type: ignore[arg-type]


def box(*outages: Outage, days: int = 30) -> Watch:
    """A box that measured from the first day on."""
    return Watch(0, days * DAY * MINUTE_NS, outages)


def look(*boxes: Watch, unreachable: Sequence[Outage] = (), days: int = 30) -> Uptime:
    """What 1,080 students' lessons lost."""
    return availability.look(lessons(days), boxes, unreachable, 1080, TARGETS.numbers)


def test_the_designs_own_example() -> None:
    """Three minutes and nine minutes on two of thirty days: 28 days, 12 minutes, 216 student-lesson-hours."""
    uptime = look(box(gone(0, 8 * 60 + 5, 8 * 60 + 8), gone(3, 9 * 60 + 30, 9 * 60 + 39)))
    assert (uptime.days, uptime.clean, uptime.outages) == (30, 28, 2)
    assert (uptime.minutes, uptime.longest_minutes, uptime.student_hours) == (12, 9, 216)
    link = availability.judge(uptime, 1200, 2029, TARGETS.numbers)
    assert (link.have, link.need, link.need_then) == (28, 27, 27)
    assert link.measured.label == "Ready through fall 2029"
    assert link.note.startswith("12 minutes of class lost, 220 student-lesson-hours")
    assert link.counted_in == "school days without an outage in class, of 30"


def test_only_class_counts_and_an_outage_over_two_lessons_is_one() -> None:
    """From 7:30 to 9:10 an hour and ten minutes of class are lost; at night nothing is."""
    uptime = look(box(gone(1, 7 * 60 + 30, 9 * 60 + 10), gone(2, 0, 7 * 60)))
    assert (uptime.outages, uptime.minutes, uptime.longest_minutes, uptime.clean) == (1, 70, 70, 29)
    assert [(lost.period, lost.minutes) for lost in uptime.lost] == [("period 1", 60), ("period 2", 10)]


@pytest.mark.parametrize(("first", "most"), [(3, False), (4, True)])
def test_the_worst_period_is_named_only_where_it_took_more_than_half(first: int, most: bool) -> None:
    """Three minutes of each of two periods are most in neither."""
    lost = [(8 * 60, first), (9 * 60, 3)]
    uptime = look(box(*(gone(1, begin, begin + length) for begin, length in lost)))
    note = availability.judge(uptime, 1200, 2029, TARGETS.numbers).note
    assert ("most in period 1" in note) is most


def test_a_silent_box_is_no_outage_of_the_school() -> None:
    """Days that nobody watched count for nobody; with the gateway silent too it is the school."""
    quiet = [gone(day, 0, DAY, "silent") for day in range(5)]
    alone = look(box(*quiet))
    assert (alone.days, alone.clean, alone.outages) == (25, 25, 0)
    both = look(box(*quiet), unreachable=[gone(1, 8 * 60, 9 * 60, "unreachable")])
    assert (both.days, both.clean, both.minutes) == (26, 25, 60)


def test_a_gateway_that_never_answers_is_no_outage_while_a_box_reports() -> None:
    """Many gateways answer nobody: the box inside knows better."""
    assert look(box(), unreachable=[gone(0, 0, 30 * DAY, "unreachable")]).outages == 0


def test_one_box_that_still_reaches_the_internet_clears_the_school() -> None:
    """A box on a dead switch port is that box's trouble."""
    cut_off = box(gone(0, 8 * 60, 10 * 60))
    assert look(cut_off, box()).outages == 0
    assert look(cut_off, box(gone(0, 8 * 60 + 30, 9 * 60))).minutes == 30
    assert look(cut_off, box(gone(0, 0, DAY, "silent"))).minutes == 120


def test_too_few_days_are_said() -> None:
    """Nine watched days are no answer, however good; no box at all neither."""
    few = availability.judge(look(box(days=9)), 1200, 2029, TARGETS.numbers)
    assert (few.measured.state, few.have, few.assessed) == (State.NOT_MEASURED, None, False)
    assert few.note == "watched on 9 of 10 school days"
    none = availability.judge(look(), 1200, 2029, TARGETS.numbers)
    assert (none.have, none.need) == (None, 27)


@pytest.mark.parametrize(
    ("bad", "state"), [(3, State.READY_THROUGH), (4, State.JUST_SHORT), (9, State.NOT_READY)]
)
def test_the_ladder(bad: int, state: State) -> None:
    """27 clean days of 30 are enough, 26 just short, fewer than 22 not ready."""
    uptime = look(box(*(gone(day, 8 * 60, 8 * 60 + 5) for day in range(bad))))
    assert availability.judge(uptime, 1200, 2029, TARGETS.numbers).measured.state is state


def test_the_worst_period_is_named() -> None:
    """74 minutes, most of them in one lesson."""
    link = availability.judge(
        look(box(*(gone(day, 9 * 60, 9 * 60 + 7) for day in range(10)), gone(11, 8 * 60, 8 * 60 + 4))),
        1200,
        2029,
        TARGETS.numbers,
    )
    assert link.note == "74 minutes of class lost, 1,330 student-lesson-hours, most in period 2"


stretches = st.lists(
    st.tuples(st.integers(0, 4 * DAY), st.integers(1, 600), st.sampled_from(["down", "silent"])), max_size=6
)


@given(stretches, stretches, st.tuples(st.integers(0, 4 * DAY), st.integers(1, 600)))
def test_more_trouble_never_reads_better(
    one: list[tuple[int, int, str]], other: list[tuple[int, int, str]], more: tuple[int, int]
) -> None:
    """Minute by minute the same as counting by hand; and one more outage never adds a clean day."""

    def watch(found: Sequence[tuple[int, int, str]]) -> Watch:
        return box(*(gone(0, at, at + length, kind) for at, length, kind in found), days=5)

    def state(found: Sequence[tuple[int, int, str]], minute: int) -> str:
        kinds = {kind for at, length, kind in found if at <= minute < at + length}
        return "down" if "down" in kinds else "silent" if kinds else "up"

    away = [gone(0, at, at + length, "unreachable") for at, length, _ in other]
    uptime = look(watch(one), watch(other), unreachable=away, days=5)
    lost = 0
    for lesson in lessons(5):
        for minute in range(lesson.begin_ns // MINUTE_NS, lesson.end_ns // MINUTE_NS):
            both = {state(one, minute), state(other, minute)}
            unreachable = any(at <= minute < at + length for at, length, _ in other)
            lost += "up" not in both and ("down" in both or unreachable)
    assert uptime.minutes == pytest.approx(lost)
    worse = look(watch([*one, (*more, "down")]), watch([*other, (*more, "down")]), unreachable=away, days=5)
    assert worse.clean <= uptime.clean
    assert worse.minutes >= uptime.minutes


apart = st.lists(st.integers(0, 60), unique=True, max_size=24).map(
    lambda edges: [(a, b) for a, b in zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)]
)


@given(apart, apart)
def test_what_lies_in_both_and_what_in_one_alone(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    """Minute by minute the same as counting by hand, in order and apart."""

    def minutes(stretches: list[tuple[int, int]]) -> set[int]:
        return {minute for begin, end in stretches for minute in range(begin, end)}

    both, rest = availability._both(one, other), availability._without(one, other)
    assert minutes(both) == minutes(one) & minutes(other)
    assert minutes(rest) == minutes(one) - minutes(other)
    for found in (both, rest):
        edges = [edge for stretch in found for edge in stretch]
        assert edges == sorted(edges)
        assert all(begin < end for begin, end in found)


def test_a_line_that_fails_all_the_time_takes_no_time_to_judge() -> None:
    """Thirty thousand outages of a minute in 42 days, seen by two boxes: within two seconds."""
    outages = [gone(0, at, at + 1) for at in range(0, 42 * DAY, 2)]
    away = [gone(0, at, at + 1, "unreachable") for at in range(1, 42 * DAY, 2)]
    began = time.process_time()
    uptime = look(box(*outages, days=42), box(*outages, days=42), unreachable=away, days=42)
    assert time.process_time() - began < 2
    assert uptime.minutes == pytest.approx(42 * 180 / 2)
