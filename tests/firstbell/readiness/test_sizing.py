"""What a line must carry: every worked example of targets.md 7 that concerns sizing, and the steps of growth."""

from datetime import date

import pytest

from firstbell.readiness import sizing
from firstbell.readiness.models import Model, Number
from firstbell.readiness.published import need_of
from firstbell.readiness.sizing import Need
from tests.firstbell.readiness.town import TARGETS

FALL = date(2026, 12, 1)


def need(model: str, people: int, *, day: date = FALL, years: int = 3) -> Need:
    """The need down, by the packaged targets."""
    return sizing.need_of(TARGETS.models[model], TARGETS, people, day, years, "down")


def test_example_1_hundred_online_need_25_mbit() -> None:
    """Example 1, Guide L2963: 100 concurrent users -> 25 Mbit/s."""
    target = TARGETS.published["guide_online"]
    assert need_of("guide_online", target, 100, 100).mbps == 25
    assert sizing.required(100, 0.25) == 25


def test_example_2_thousand_students_need_100_now_and_1000_in_five_years() -> None:
    """Example 2, Guide L2959-2962: 1,000 students -> 100 Mbit/s now, 1,000 in 5 years."""
    published = TARGETS.published
    assert need_of("guide_now", published["guide_now"], 1000, 1000).mbps == 100
    assert need_of("guide_five_years", published["guide_five_years"], 1000, 1000).mbps == 1000


def test_example_4_kbit_for_each_person() -> None:
    """Example 4, SETDA 2012 via opi.mt.gov: Mbps x 1000 / (students + staff); 50 Mbit/s for 500 are 100 kbit/s."""
    assert sizing.required(500, 0.1) == 50


@pytest.mark.parametrize(
    ("testers", "low", "high", "startup"), [(1, 5, 15, 8), (50, 250, 750, 400), (100, 500, 1500, 800)]
)
def test_example_5_testers(testers: int, low: float, high: float, startup: float) -> None:
    """Example 5, College Board 2018-19: 1 / 50 / 100 testers -> 5-15 / 250-750 / 500-1,500 kbit/s, startup 8 / 400 / 800."""
    found = [1000 * sizing.required(testers, rate) for rate in (0.005, 0.015, 0.008)]
    assert found == pytest.approx([low, high, startup])


def test_example_6_thirty_testers_need_two_mbit() -> None:
    """Example 6, NWEA via WAB: 30 testers -> 2 Mbit/s, 66.7 kbit/s each."""
    assert sizing.required(30, 0.0667) == pytest.approx(2, abs=0.002)


def test_example_8_ten_mbit_carry_twenty_videos() -> None:
    """Example 8, appliansys.com: 10 Mbit/s at 0.5 per video -> 20 users fill it."""
    assert sizing.people_carried(10, 0.5) == 20


def test_example_9_doubling_for_five_years() -> None:
    """Example 9, readkong 1601707: 1 Gbit/s at +100 % a year for 5 years -> 32 Gbit/s."""
    assert sizing.grown(1, 1.0, 5) == 32


def test_example_10_devices_of_a_library() -> None:
    """Example 10, colibrarystandards.org: 1.5 Mbit/s x devices x 1.3; 20 devices -> 39."""
    assert sizing.required(20, 1.5, headroom=0.3) == pytest.approx(39)


def test_example_16_half_a_class_online_at_once() -> None:
    """Example 16, KIPP Empower: 15 computers for 28-29 students, 0.52-0.54: the fullest hour of station rotation."""
    model = TARGETS.models["station_rotation"]
    assert 15 / 29 <= model.fullest_share.value == pytest.approx(15 / 28, abs=0.005)
    assert sizing.required(28, 1.0, online=model.fullest_share.value) == pytest.approx(15, abs=0.2)


@pytest.mark.parametrize(
    ("mbps", "computers", "kbps"),
    [(1.5, 750, 2.0), (3, 410, 7.3), (10, 750, 13.3), (11.5, 850, 13.5), (6, 500, 12.0)],
)
def test_example_18_the_happy_schools_of_2006_are_not_ready_today(
    mbps: float, computers: int, kbps: float
) -> None:
    """Example 18, schoolcomputing.wikia.com (field observations): kbit/s a computer; all far below today's floor."""
    assert sizing.required(computers, kbps / 1000) == pytest.approx(mbps, abs=0.05 / 1000 * computers)
    assert mbps < need("station_rotation", computers).floor_mbps < need("station_rotation", computers).today


def test_example_20_lincoln_high() -> None:
    """Example 20, section 3.3: 1,200 people, flex 255.0 / 1,032.8 / 2,017.1; station rotation 99.0 / 401.0 / 783.1."""
    for model, guide, today, later in (
        ("flex", 255.0, 1032.8, 2017.1),
        ("station_rotation", 99.0, 401.0, 783.1),
    ):
        share = TARGETS.models[model].online_share.value
        assert sizing.required(1200, 0.25, online=share) == pytest.approx(guide, abs=0.05)
        assert need(model, 1200).today == pytest.approx(today, abs=0.05)
        assert need(model, 1200).horizon == pytest.approx(later, abs=0.05)


@pytest.mark.parametrize(
    ("model", "guide", "today", "design"),
    [
        ("station_rotation", 82.5, 334.1, 652.6),
        ("lab_rotation", 82.5, 334.1, 652.6),
        ("flipped", 50.0, 202.5, 395.5),
        ("individual_rotation", 125.0, 506.3, 988.8),
        ("flex", 212.5, 860.6, 1680.9),
        ("a_la_carte", 50.0, 202.5, 395.5),
        ("enriched_virtual", 112.5, 455.6, 889.9),
    ],
)
def test_the_table_of_defaults(model: str, guide: float, today: float, design: float) -> None:
    """targets.md 3.3: Mbit/s per 1,000 people, in the Guide's time, today, and at the design year."""
    way = TARGETS.models[model]
    era = sizing.required(1000, 0.25, onsite=way.onsite_share.value, online=way.online_share.value)
    assert era == pytest.approx(guide, abs=0.05)
    assert need(model, 1000).today == pytest.approx(today, abs=0.06)
    assert need(model, 1000).horizon == pytest.approx(design, abs=0.06)


def test_growth_steps_each_first_of_september() -> None:
    """On 31 August the school year is the old one; a day later it is the next."""
    assert [sizing.fall_of(date(2027, 8, 31)), sizing.fall_of(date(2027, 9, 1))] == [2026, 2027]
    assert sizing.fall_of(date(2027, 1, 15)) == 2026
    spring, autumn = need("flex", 100, day=date(2027, 8, 31)), need("flex", 100, day=date(2027, 9, 1))
    assert (spring.first_fall, spring.last_fall) == (2026, 2029)
    assert (autumn.first_fall, autumn.last_fall) == (2027, 2030)
    assert spring.today == autumn.today
    assert need("flex", 100, years=0).mbps == (spring.today,)


def test_the_floor_holds_where_the_formula_is_below_it() -> None:
    """A seed-era rotation (82.5 per 1,000) is under SETDA's floor of 100; the floor does not grow, the formula does."""
    numbers = TARGETS.numbers
    rate = Number(value=0.25 / 1.35, source="Guide era", year=2014, confidence="high", judgement=False)
    model = TARGETS.models["station_rotation"]
    slow = Model(
        **{f: getattr(model, f) for f in model.__struct_fields__ if f != "rate_mbps"}, rate_mbps=rate
    )
    found = sizing.need_of(slow, TARGETS, 1000, FALL, 3, "down")
    assert numbers.floor_mbps.value * 1000 == 100
    assert found.bound_by == "floor"
    assert found.today == 100
    assert found.mbps[1:] == pytest.approx((103.125, 128.9, 161.1), abs=0.1)
    assert "the floor" in found.working


def test_the_working_is_data_and_one_line() -> None:
    """Factors carry name, value, source and whether they are judgements; the line comes to the need, to four figures."""
    found = need("flex", 1200)
    assert found.working == (
        "1,200 people × 1 on site × 0.85 online at once × 0.75 Mbit/s each × 1.35 headroom = 1,033 Mbit/s"  # noqa: RUF001
    )
    factors = {factor.name: factor for factor in found.factors}
    assert factors["growth"].judgement
    assert (factors["growth"].low, factors["growth"].high) == (0.15, 0.5)
    assert not factors["headroom"].judgement
    assert all(factor.source for factor in found.factors)


def test_only_a_source_gives_an_upload() -> None:
    """A test day asks 0.2 Mbit/s up of each (Bluebook), with headroom 270 per 1,000; flex asks nothing up."""
    up = sizing.need_of(TARGETS.models["test_day"], TARGETS, 1000, FALL, 0, "up")
    assert up.today == pytest.approx(270)
    with pytest.raises(ValueError, match="no source gives an upload"):
        sizing.need_of(TARGETS.models["flex"], TARGETS, 1000, FALL, 0, "up")


@pytest.mark.parametrize(
    ("students", "people", "mbps"),
    [(90, 100, 300), (900, 999, 2797.2), (1000, 1000, 2000), (3000, 3300, 6600), (10_001, 11_000, 15_400)],
)
def test_setda_2019_goes_by_the_districts_size(students: int, people: int, mbps: float) -> None:
    """targets.md 1.1: below 1,000 students 2.8 a user and at least 300; medium 2.0; above 10,000 1.4."""
    found = need_of("setda_2019", TARGETS.published["setda_2019"], people, students)
    assert found.mbps == pytest.approx(mbps)
