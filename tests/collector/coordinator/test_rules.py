"""Each rule by which a heavy test is refused, with its sentence and when it is worth asking again."""

import msgspec
import pytest

from collector.coordinator.book import OVER_S
from firstbell.district import Budget, District, QuietTime, Seat
from tests.collector.coordinator.town import MB, NS, WIDE, House, at, town

MINUTE_S = 60.0
OF_EIGHT = 8 * 30 * 4 // 3
"""Seconds a day of which eight tests of 30 s have their three quarters, one in each stretch of the day."""


def again(seconds: float) -> object:
    """About so many seconds."""
    return pytest.approx(seconds, abs=1)


# --- the bells ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "again_s"),
    [
        ("2026-12-07T07:34:59", 1),  # the first period has just begun
        ("2026-12-07T09:24:31", 629),  # a test of thirty seconds would run into its last five minutes
        ("2026-12-07T09:31:00", 240),
        ("2026-12-07T05:04:00", 60),  # before school
        ("2026-12-07T23:58:00", 420),  # the evening ends at midnight
        ("2026-12-12T09:31:00", 240),  # a Saturday has the same stretches
    ],
)
def test_no_test_runs_at_the_edges_of_a_period(house: House, clock: str, again_s: float) -> None:
    """Neither begun in the first five minutes of any stretch of the day nor running in the last five."""
    house.clock.to(at(clock))
    assert house.refused().again_s == again(again_s)


@pytest.mark.parametrize("clock", ["2026-12-07T07:35:00", "2026-12-07T09:24:29", "2026-12-12T09:00:00"])
def test_between_the_edges_it_does(house: House, clock: str) -> None:
    """From the sixth minute on, as long as all of it ends before the last five."""
    house.clock.to(at(clock))
    house.granted()


def test_a_box_has_one_test_of_a_kind_in_a_period(house: House) -> None:
    """A second one is refused for this period; another kind and the next period are not."""
    house.settle(house.granted().lease)
    refusal = house.refused()
    assert (refusal.reason, refusal.again_s) == ("this box has had its test in this period", None)
    house.settle(house.granted(kind="internet").lease)
    house.clock.to(at("2026-12-07T09:40"))
    house.granted()


def test_a_grant_that_came_too_late_was_no_test(house: House) -> None:
    """A box that gives its lease back unused may ask again in the same period, and is charged with nothing."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_seconds=OF_EIGHT))
    house.clock.to(at("2026-12-07T00:10"))
    house.settle(house.granted().lease, used=0, seconds=0.0)
    house.granted()


@pytest.mark.parametrize("restarts", [False, True])
def test_no_box_gives_back_one_lease_after_the_other(house: House, restarts: bool) -> None:
    """Its tickets are still good: the second one unused in a period was its test, and is charged in full."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_seconds=OF_EIGHT))
    house.clock.to(at("2026-12-07T00:10"))
    for _ in range(2):
        house.settle(house.granted().lease, used=0, seconds=0.0)
    if restarts:
        house.restart()
        house.clock.passes(OVER_S)
    assert house.refused().reason == "this box has had its test in this period"
    assert house.refused("lincoln-2").reason == "the period's budget of this place does not cover the test"
    house.clock.to(at("2026-12-07T06:45"))
    house.settle(house.granted().lease, used=0, seconds=0.0)
    house.granted()


def test_a_wall_clock_that_steps_back_brings_no_second_test(house: House) -> None:
    """The period that comes again is the one that has had its test."""
    house.settle(house.granted().lease)
    house.clock.to(at("2026-12-07T09:40"))
    house.settle(house.granted().lease)
    house.clock.wall_ns = at("2026-12-07T08:10")
    assert house.refused().again_s is None


def test_a_weekly_test_waits_until_class_is_over(house: House) -> None:
    """In class it is refused until the last bell and five minutes, whatever its segment; then it is granted."""
    house.refused(kind="capacity", segment="self", seconds=180, max_bytes=1000 * MB)
    refusal = house.refused(kind="capacity", seconds=180, max_bytes=1000 * MB)
    assert "there is class at" in refusal.reason
    assert refusal.again_s == again((at("2026-12-07T15:35") - house.clock.wall_ns) / NS)
    house.clock.to(at("2026-12-07T15:36"))
    house.granted(kind="capacity", seconds=180, max_bytes=1000 * MB)


def test_a_weekly_test_waits_for_every_school_on_its_lines(house: House) -> None:
    """A box at the hub waits for class at the schools behind it; on a day off it need not."""
    assert "there is class at" in house.refused("hub-1", "capacity", seconds=180).reason
    house.clock.to(at("2026-12-12T09:00"))
    house.granted("hub-1", "capacity", seconds=180)


def test_a_weekly_test_waits_for_the_school_that_ends_last(house: House) -> None:
    """Lincoln's last bell rings an hour before Roosevelt's: a box at the hub waits for that one, too."""
    made = town()
    east = msgspec.structs.replace(made.schools[0], tz="America/New_York")
    house.district = msgspec.structs.replace(made, schools=(east, *made.schools[1:]))
    house.clock.to(at("2026-12-07T15:00"))
    refusal = house.refused("hub-1", "capacity", seconds=180)
    assert refusal.reason == "there is class at Roosevelt; this test waits until it ends"
    assert refusal.again_s == again(35 * MINUTE_S)
    house.granted("lincoln-1", "capacity", segment="site", seconds=180)


def test_only_heavy_tests_are_granted(house: House) -> None:
    """What the catalogue calls no heavy test has no lease to ask for."""
    for kind in ("latency", "mining"):
        assert house.refused(kind=kind).reason == "the district knows no heavy test of that kind"


# --- quiet times ----------------------------------------------------------------------------------------


def quiet(*schools: str) -> QuietTime:
    """State tests on Monday morning."""
    since, until = "2026-12-07T07:00:00", "2026-12-07T12:00:00"
    return msgspec.convert(
        {"since": since, "until": until, "why": "state tests", "schools": schools}, QuietTime
    )


@pytest.mark.parametrize(
    ("schools", "agent", "segment", "granted"),
    [
        ((), "lincoln-1", "internet", False),
        ((), "stray", "internet", False),
        (("lincoln",), "lincoln-1", "internet", False),
        (("lincoln",), "lincoln-1", "site", False),
        (("lincoln",), "lincoln-1", "self", False),
        (("lincoln",), "roosevelt-1", "internet", False),  # by the line at the hub that they share
        (("lincoln",), "roosevelt-1", "wan", True),
        (("lincoln",), "hub-1", "internet", False),
        (("lincoln",), "alone-1", "internet", True),
        (("lincoln",), "stray", "internet", False),
    ],
)
def test_a_quiet_time_keeps_every_line_of_its_schools_free(
    house: House, schools: tuple[str, ...], agent: str, segment: str, granted: bool
) -> None:
    """Whoever would load a line that a quiet school uses is refused; a box without a place by any school's."""
    house.district = town(quiet=(quiet(*schools),))
    if granted:
        house.granted(agent, segment=segment)
        return
    refusal = house.refused(agent, segment=segment)
    assert refusal.reason.startswith("it is a quiet time at ")
    assert refusal.reason.endswith("until Monday 7 December, 12:00 (state tests)")
    assert refusal.again_s == again(4 * 3600)


# --- budgets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("none", ["day_seconds", "day_bytes", "month_seconds", "month_bytes"])
def test_a_budget_of_nothing_means_no_heavy_tests(house: House, none: str) -> None:
    """A 0 in any of the four numbers."""
    house.district = town(budget=msgspec.structs.replace(WIDE, **{none: 0}))
    assert house.refused().reason == "the district has no heavy tests"


def granted_until(house: House, clock: str, budget: Budget, **wanted: float) -> int:
    """How many boxes of Lincoln are granted a test between now and then, one after the other."""
    names = [f"box-{n}" for n in range(40)]
    house.district = town(budget=budget, boxes=names)
    count = 0
    while house.clock.wall_ns < at(clock):
        for name in names:
            answer = house.ask(name, **wanted)  # type: ignore[arg-type]
            if hasattr(answer, "lease"):
                count += 1
                house.clock.passes(1)
                house.settle(answer.lease, name, used=int(wanted.get("max_bytes", 0)), seconds=30)
        house.clock.passes(30 * MINUTE_S)
    return count


def test_the_morning_cannot_eat_what_is_the_afternoons(house: House) -> None:
    """Of eight tests a day one more is to be had in each of eight stretches, however many ask."""
    budget = msgspec.structs.replace(WIDE, day_seconds=OF_EIGHT)
    house.clock.to(at("2026-12-07T00:10"))
    assert granted_until(house, "2026-12-07T05:00", budget) == 1
    assert granted_until(house, "2026-12-07T13:20", budget) == 4
    assert granted_until(house, "2026-12-07T23:50", budget) == 3


def test_what_the_morning_left_is_there_in_the_afternoon(house: House) -> None:
    """Nobody asked until late afternoon, the seventh stretch: seven tests are to be had."""
    budget = msgspec.structs.replace(WIDE, day_seconds=OF_EIGHT)
    house.clock.to(at("2026-12-07T15:40"))
    assert granted_until(house, "2026-12-07T17:50", budget) == 7


def test_bytes_are_a_budget_as_seconds_are(house: House) -> None:
    """Four gigabytes a day are four tests of one each."""
    budget = msgspec.structs.replace(WIDE, day_bytes=4001 * MB * 4 // 3)
    house.clock.to(at("2026-12-07T00:10"))
    assert granted_until(house, "2026-12-07T23:50", budget, max_bytes=1000 * MB) == 4


def test_a_month_is_spread_over_its_days(house: House) -> None:
    """Thirty-one tests a month are one a day, and what the first week did not use is there on the seventh."""
    budget = msgspec.structs.replace(WIDE, month_seconds=31 * 30 * 4 // 3)
    assert granted_until(house, "2026-12-07T09:20", budget) == 6, "six days and three of eight stretches"
    house.clock.to(at("2026-12-07T09:40"))
    assert granted_until(house, "2026-12-07T23:50", budget) == 1
    house.clock.to(at("2026-12-08T00:10"))
    assert granted_until(house, "2026-12-08T23:50", budget) == 1


@pytest.mark.parametrize(("used_s", "granted"), [(2, True), (30, False), (None, False)])
def test_a_test_is_charged_with_what_it_used_and_in_full_if_nobody_says(
    house: House, used_s: float | None, granted: bool
) -> None:
    """Room for one test of 30 s in a stretch: if it took 2 s there is room for another, else there is none."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_seconds=OF_EIGHT + 40))
    house.clock.to(at("2026-12-07T00:10"))
    grant = house.granted("lincoln-1")
    assert house.refused("lincoln-2").reason == "another test is loading the line", (
        "what it uses is not known"
    )
    if used_s is None:
        house.clock.passes(OVER_S)
        house.desk.look()
    else:
        house.settle(grant.lease, "lincoln-1", seconds=used_s)
    if granted:
        house.granted("lincoln-2")
    else:
        refusal = house.refused("lincoln-2")
        assert refusal.reason == "the period's budget of this place does not cover the test"
        assert refusal.again_s is None


def test_weekly_tests_have_a_quarter_of_their_own(house: House) -> None:
    """They take it at any time of a day without class, and neither they nor the others what is the others'."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_seconds=720))
    house.clock.to(at("2026-12-12T00:10"))
    house.settle(house.granted(kind="capacity", seconds=180).lease, seconds=180)
    house.refused("lincoln-2", "capacity", seconds=180)
    house.settle(house.granted("lincoln-1", seconds=67).lease, "lincoln-1", seconds=67)
    house.refused("lincoln-2", seconds=1)
    house.clock.to(at("2026-12-13T00:10"))
    house.granted("lincoln-2", "capacity", seconds=180)


def test_one_school_does_not_pay_for_another(house: House) -> None:
    """Budgets are a school's own, and those of the hub the hub's."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_seconds=OF_EIGHT))
    house.clock.to(at("2026-12-07T00:10"))
    house.settle(house.granted("lincoln-1").lease, "lincoln-1", seconds=30)
    house.refused("lincoln-2")
    house.settle(house.granted("roosevelt-1").lease, "roosevelt-1", seconds=30)
    house.granted("hub-1")


def test_every_target_is_charged(house: House) -> None:
    """Both bounds are for each of the targets alone: three of 30 s do not fit into 89."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_seconds=8 * 89 * 4 // 3))
    house.clock.to(at("2026-12-07T00:10"))
    house.refused(targets=3)
    house.granted(targets=2)


# --- turns ----------------------------------------------------------------------------------------------


def scarce() -> District:
    """A budget of one test in each stretch, and two boxes."""
    return town(budget=msgspec.structs.replace(WIDE, day_seconds=OF_EIGHT), boxes=["b0", "b1"])


def test_who_had_least_goes_first(house: House) -> None:
    """A box that had its test waits two thirds of the next period for one that asked in the last and had none."""
    house.district = scarce()
    house.clock.to(at("2026-12-07T00:10"))
    house.settle(house.granted("b0").lease, "b0", seconds=30)
    house.refused("b1")
    house.clock.to(at("2026-12-07T05:10"))
    refusal = house.refused("b0")
    assert refusal.reason == "others here have had less of the line this week"
    assert refusal.again_s == again((at("2026-12-07T06:40") - house.clock.wall_ns) / NS)
    house.granted("b1")


def test_who_does_not_ask_keeps_nobody_waiting(house: House) -> None:
    """After two thirds of the period the other one is granted; and after a whole one at once."""
    house.district = scarce()
    house.clock.to(at("2026-12-07T00:10"))
    house.settle(house.granted("b0").lease, "b0", seconds=30)
    house.refused("b1")
    house.clock.to(at("2026-12-07T06:41"))
    house.settle(house.granted("b0").lease, "b0", seconds=30)
    house.clock.to(at("2026-12-07T07:40"))
    house.granted("b0")


def test_where_there_is_enough_for_all_nobody_waits(house: House) -> None:
    """Whoever had more is refused only for what others may need."""
    house.district = town(boxes=["b0", "b1"])
    house.settle(house.granted("b0").lease, "b0", seconds=30)
    house.clock.to(at("2026-12-07T09:40"))
    house.granted("b0")


# --- who stands nowhere ---------------------------------------------------------------------------------


def test_boxes_without_a_place_test_one_at_a_time(house: House) -> None:
    """They may share a line; once somebody says where they stand, they are that school's."""
    house.granted("stray-1")
    assert house.refused("stray-2").reason == "another test is loading the line"
    house.district = town(seats=(Seat(agent="stray-2", school="alone", circuit="alone-line"),))
    house.granted("stray-2")
