"""What checks prove: the order statistic, and "at least" in it."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import stats
from firstbell.readiness import proof
from firstbell.readiness.evidence import Check
from firstbell.readiness.proof import Bound, Point
from tests.firstbell.readiness.town import NOW, TARGETS, at, day, town

NUMBERS = TARGETS.numbers
USUAL = proof.usual_share(NUMBERS)
SLOTS = (0, 1, 6, 7)


def point(
    mbps: float,
    n: int,
    *,
    at_least: bool = False,
    wired: bool = True,
    place: str = "closet",
    on: date | None = None,
    slot: int | None = None,
) -> Point:
    """The `n`th check: four a day, one in each quiet period."""
    check = Check(
        agent="box",
        epoch="0" * 16,
        seq=n + 1,
        at_ns=n,
        day=on or date(2026, 12, 1) + timedelta(days=n // 4),
        slot=SLOTS[n % 4] if slot is None else slot,
        period="",
        in_class=False,
        place=place,
        wired=wired,
        at_least=at_least,
        limit="cap" if at_least else "line",
        down_mbps=mbps,
    )
    return Point(mbps, check, at_least)


def points(exact: Sequence[float], at_least: Sequence[float] = ()) -> list[Point]:
    """Checks that saw the line's limit, then some that saw at least so much."""
    first = [point(mbps, n) for n, mbps in enumerate(exact)]
    return first + [point(mbps, n, at_least=True) for n, mbps in enumerate(at_least, len(first))]


def bound(exact: Sequence[float], at_least: Sequence[float] = ()) -> Bound | None:
    """The usual bound of these checks."""
    return proof.bound(points(exact, at_least), USUAL, NUMBERS)


def value(found: Bound | None) -> float:
    """Its speed; -1 for none, which is less than any."""
    return found.mbps if found else -1


def test_the_lowest_of_ten_is_the_bound() -> None:
    """Nine checks prove nothing; ten prove their lowest (targets.md 3.4)."""
    assert bound([100] * 9) is None
    found = bound([100, 90, 110, 120, 95, 105, 130, 140, 150, 160])
    assert found is not None
    assert (found.mbps, found.at_least, found.checks, found.rank, found.below) == (90, False, 10, 1, 0)


def test_the_third_lowest_of_24_is_the_bound() -> None:
    """The design's page: with 24 checks the third-lowest."""
    found = bound([500 + n for n in range(24)])
    assert found is not None
    assert (found.mbps, found.below, found.rank) == (502, 2, 3)


def test_the_worst_tenth_needs_29() -> None:
    """28 checks say nothing of the worst tenth, and nothing counts against it either; 29 prove their lowest."""
    worst = NUMBERS.worst_share.value
    assert proof.bound(points([100] * 28), worst, NUMBERS) is None
    found = proof.bound(points([100] * 29), worst, NUMBERS)
    assert found is not None
    assert (found.mbps, found.at_least) == (100, False)


def test_an_at_least_never_lowers_a_bound() -> None:
    """Ten checks at 500 and one "at least 20": taken as 20 it would be the lowest and the bound."""
    assert value(bound([500] * 10 + [20])) == 20
    assert value(bound([500] * 10, [20])) == 500


def test_an_at_least_supports_what_it_proves_and_no_more() -> None:
    """Ten times "at least 90" prove 90, not 91, and say that more may be there."""
    found = bound([], [90] * 10)
    assert found is not None
    assert (found.mbps, found.at_least) == (90, True)
    assert bound([], [90] * 9) is None


def test_an_at_least_completes_the_ten() -> None:
    """Nine checks at 500 and one "at least 400": 400 is proved; above it only nine speak."""
    found = bound([500] * 9, [400])
    assert found is not None
    assert (found.mbps, found.at_least) == (400, True)


def test_a_few_low_checks_beside_many_that_something_else_limited_call_no_line_short() -> None:
    """Two low ones and ninety at least 600: more may be there, and the bound says so; thirty low ones end it."""
    few = bound([31, 56], [600 + n / 10 for n in range(90)])
    many = bound([50 + n for n in range(30)], [600 + n / 10 for n in range(90)])
    assert few is not None
    assert few.at_least
    assert many is not None
    assert not many.at_least


def test_exact_checks_refute_what_an_at_least_leaves_open() -> None:
    """Ten at 80, and ten "at least 90": above 80 the ten low ones speak against it, so 80 is the limit."""
    found = bound([80] * 10, [90] * 10)
    assert found is not None
    assert (found.mbps, found.at_least) == (80, False)


def test_one_low_check_among_ten_ends_what_is_proved() -> None:
    """Ten checks allow no low one (rank 1): one exact 50 beside nine "at least 90" says 50, and not "at least"."""
    found = bound([50], [90] * 9)
    assert found is not None
    assert (found.mbps, found.at_least, found.rank) == (50, False, 1)


def test_many_at_least_carry_one_low_check() -> None:
    """One exact 50 among 17: at 17 checks one may lie lower (rank 2), so 90 is proved."""
    found = bound([50], [90] * 16)
    assert found is not None
    assert (found.mbps, found.below, found.rank) == (90, 1, 2)
    assert value(bound([50], [90] * 15)) == 50


speeds = st.integers(0, 30).map(float)


@given(st.lists(speeds, max_size=40))
def test_exact_checks_give_the_usual_order_statistic(exact: list[float]) -> None:
    """With no "at least" it is the one of `firstbell.stats`, once there are enough days and times."""
    rank = stats.bound_rank(len(exact), USUAL)
    assert value(bound(exact)) == (sorted(exact)[rank - 1] if rank else -1)


@given(st.lists(speeds, max_size=25), st.lists(speeds, max_size=25), speeds)
def test_one_more_at_least_never_lowers(exact: list[float], at_least: list[float], more: float) -> None:
    """Whatever was seen before, a check that was not limited by the line can only raise the bound."""
    assert value(bound(exact, [*at_least, more])) >= value(bound(exact, at_least))


@given(st.lists(speeds, max_size=25), st.lists(speeds, max_size=25), st.data())
def test_more_bandwidth_never_lowers(exact: list[float], at_least: list[float], data: st.DataObject) -> None:
    """Raising what any checks saw never lowers what they prove."""
    lifts = data.draw(
        st.lists(speeds, min_size=len(exact) + len(at_least), max_size=len(exact) + len(at_least))
    )
    more = [mbps + lift for mbps, lift in zip([*exact, *at_least], lifts, strict=True)]
    assert value(bound(more[: len(exact)], more[len(exact) :])) >= value(bound(exact, at_least))


@given(st.lists(speeds, max_size=25), st.lists(speeds, max_size=25))
def test_an_at_least_is_worth_no_more_than_the_same_exact_check_elsewhere(
    exact: list[float], at_least: list[float]
) -> None:
    """The bound never exceeds what it would be if every "at least" had reached the sky."""
    sky = 1000.0
    assert value(bound(exact, at_least)) <= value(bound([*exact, *[sky] * len(at_least)]))


@given(st.lists(speeds, min_size=1, max_size=25), st.lists(speeds, max_size=25))
def test_nothing_is_proved_that_no_check_saw(exact: list[float], at_least: list[float]) -> None:
    """A bound is one of the values, and never above all of them."""
    found = bound(exact, at_least)
    assert found is None or found.mbps in [*exact, *at_least]


def test_ten_checks_in_two_days_or_at_two_times_are_not_enough() -> None:
    """Ten or more tests on three days at three times of day."""
    two_days = [point(100, n, on=date(2026, 12, 1 + n % 2)) for n in range(12)]
    two_times = [point(100, n, slot=n % 2) for n in range(12)]
    assert proof.bound(two_days, USUAL, NUMBERS) is None
    assert proof.bound(two_times, USUAL, NUMBERS) is None
    assert value(proof.bound([point(100, n) for n in range(12)], USUAL, NUMBERS)) == 100


def test_wifi_needs_two_places_and_a_cable_one() -> None:
    """Ten checks over Wi-Fi in one place prove nothing; in two they do; by cable one place is enough."""
    one = [point(100, n, wired=False) for n in range(12)]
    two = [point(100, n, wired=False, place=f"room {n % 2}") for n in range(12)]
    assert proof.bound(one, USUAL, NUMBERS) is None
    assert value(proof.bound(two, USUAL, NUMBERS)) == 100
    told = proof.progress(one, 50, NUMBERS, town().schools[0], at(NOW))
    assert told.place_missing
    assert told.answer_on is None
    assert not proof.progress(two, 50, NUMBERS, town().schools[0], at(NOW)).place_missing


def test_a_thousand_checks_and_more_are_judged() -> None:
    """Many boxes on one line: more checks than a binomial coefficient fits a float; one halving a speed."""
    many = [point(500.0 + n % 200, n) for n in range(3000)]
    found = proof.bound(many, USUAL, NUMBERS)
    assert found is not None
    assert 545 < found.mbps < 552


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        ("2026-12-01 01:00", "2026-12-03"),
        ("2026-12-01 09:00", "2026-12-03"),
        ("2026-12-01 23:00", "2026-12-04"),
        ("2026-12-04 09:00", "2026-12-08"),
        ("2026-12-05 12:00", "2026-12-09"),
    ],
)
def test_the_date_of_the_answer_from_nothing(now: str, answer: str) -> None:
    """Four checks a school day: worked by hand. Friday 9:00 has 2 to come, Monday 4, Tuesday the last 4."""
    told = proof.progress([], 100, NUMBERS, town().schools[0], at(now))
    assert (told.checks, told.enough) == (0, False)
    assert told.answer_on == day(answer)


def test_the_date_of_the_answer_counts_what_is_there() -> None:
    """Six checks by Wednesday noon: Wednesday's last two come, then Thursday's first two."""
    seen = [point(100, n) for n in range(6)]
    told = proof.progress(seen, 50, NUMBERS, town().schools[0], at("2026-12-02 12:00"))
    assert told.checks == 6
    assert told.answer_on == day("2026-12-03")


def test_ten_checks_of_two_days_wait_for_a_third() -> None:
    """Twelve checks within two days: the answer comes with the third day's first."""
    seen = [point(100, n, on=date(2026, 12, 1 + n % 2)) for n in range(12)]
    told = proof.progress(seen, 50, NUMBERS, town().schools[0], at("2026-12-02 20:00"))
    assert (told.checks, told.days, told.answer_on) == (12, 2, day("2026-12-03"))


def test_no_date_where_more_of_the_same_would_not_help() -> None:
    """A box that is the limit itself will say the same next week."""
    seen = points([], [94] * 8)
    told = proof.progress(seen, 500, NUMBERS, town().schools[0], at(NOW))
    assert (told.checks, told.limited, told.answer_on) == (0, 8, None)
    assert proof.progress(seen, 90, NUMBERS, town().schools[0], at(NOW)).answer_on is not None
