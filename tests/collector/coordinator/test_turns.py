"""Who is waited for when there is not enough for all, and when it is worth coming again."""

import msgspec
import pytest

from collector.coordinator.book import OVER_S
from tests.collector.coordinator.town import WIDE, House, at, town

OTHERS_FIRST = "others here have had less of the line this week"


@pytest.fixture
def scarce(house: House) -> House:
    """Thirty seconds in each of eight stretches, for two boxes; `b0` had its share in the night."""
    house.district = town(
        budget=msgspec.structs.replace(WIDE, day_seconds=8 * 30 * 4 // 3), boxes=["b0", "b1"]
    )
    house.clock.to(at("2026-12-07T00:10"))
    house.settle(house.granted("b0").lease, "b0", seconds=30)
    return house


def test_who_had_its_test_in_this_period_keeps_nobody_waiting(scarce: House) -> None:
    """A restart forgets who asked and takes all for waiting; not those that have had their test."""
    scarce.clock.to(at("2026-12-07T05:10"))
    scarce.settle(scarce.granted("b1", seconds=10).lease, "b1", seconds=5)
    scarce.restart()
    scarce.clock.passes(OVER_S)
    scarce.granted("b0", seconds=20)


@pytest.mark.parametrize(("clock", "again_s"), [("2026-12-07T07:23:00", 60), ("2026-12-07T07:24:00", None)])
def test_who_waits_too_late_is_not_told_to_come_again(
    scarce: House, clock: str, again_s: float | None
) -> None:
    """A minute later, as long as the test then still ends before the last five minutes of the period."""
    scarce.clock.to(at("2026-12-07T05:02"))
    assert scarce.refused("b1").reason == "before school has just begun"
    scarce.clock.to(at(clock))
    refusal = scarce.refused("b0")
    assert (refusal.reason, refusal.again_s) == (OTHERS_FIRST, again_s)


def test_who_is_told_to_come_in_the_next_period_is_not_waited_for_in_this(scarce: House) -> None:
    """A shorter test that still fits is granted to a box that had more."""
    scarce.clock.to(at("2026-12-07T07:24:40"))
    assert scarce.refused("b1").reason == "before school is about to end"
    scarce.granted("b0", seconds=10)


@pytest.mark.parametrize(("step_s", "again_s"), [(10, 20), (29, 15), (50, 15), (-3000, 30)])
def test_a_taken_line_is_asked_for_again_within_bounds(house: House, step_s: float, again_s: float) -> None:
    """When the other test ends: never in less than 15 s, nor, whatever the clock does, after more than all of it."""
    house.granted("lincoln-1", seconds=30)
    house.clock.wall_ns += round(step_s * 10**9)
    refusal = house.refused("lincoln-2")
    assert (refusal.reason, refusal.again_s) == ("another test is loading the line", again_s)


@pytest.mark.parametrize(("days", "waits"), [(1, True), (6, True), (7, False)])
def test_a_share_is_counted_over_seven_days(scarce: House, days: int, waits: bool) -> None:
    """What `b0` had on Monday keeps it waiting for one that had nothing, until Monday comes again."""
    scarce.clock.passes((days * 24 * 60 - 8) * 60.0)
    assert scarce.refused("b1").reason == "night has just begun"
    scarce.clock.passes(5 * 60.0)
    if waits:
        assert scarce.refused("b0").reason == OTHERS_FIRST
        scarce.granted("b1")
    else:
        scarce.granted("b0")
