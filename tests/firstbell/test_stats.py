"""Nearest rank and order-statistic bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import stats


@pytest.mark.parametrize(
    ("q", "expected"), [(0.01, 1), (0.05, 1), (0.10, 1), (0.11, 2), (0.5, 5), (0.95, 10), (1.0, 10)]
)
def test_nearest_rank_is_influxql_percentile(q: float, expected: float) -> None:
    """With ten values p95 is the tenth and p5 the first, as InfluxQL's PERCENTILE has it: no interpolation."""
    assert stats.nearest_rank([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], q) == expected


def test_an_interpolating_rule_would_be_seen() -> None:
    """The median of two values is the lower one, where an interpolating rule says 1.5."""
    assert stats.nearest_rank([1, 2], 0.5) == 1


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1))
def test_a_quantile_is_one_of_the_values(values: list[float], q: float) -> None:
    """A quantile is never a number that nobody measured."""
    assert stats.nearest_rank(values, q) in values


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1.0], 0), ([1.0], 1.5)])
def test_nearest_rank_refuses_nonsense(values: list[float], q: float) -> None:
    """No values, or no share of them, is the caller's mistake."""
    with pytest.raises(ValueError, match="nearest_rank"):
        stats.nearest_rank(values, q)


def test_ten_tests_speak_for_the_worst_quarter_and_29_for_the_worst_tenth() -> None:
    """targets.md 7, example 21: the minimum of 10 bounds the 25.9 % quantile; the worst tenth takes 29."""
    assert stats.bounded_quantile(10) == pytest.approx(0.259, abs=0.0005)
    assert stats.bound_rank(28, 0.10) == 0
    assert stats.bound_rank(29, 0.10) == 1


@pytest.mark.parametrize(("n", "rank"), [(9, 0), (10, 1), (16, 1), (17, 2), (24, 3), (100, 19)])
def test_more_tests_bound_the_same_quantile_by_a_higher_rank(n: int, rank: int) -> None:
    """Ranks from a binomial table for q = 0.2589, 95 %: e.g. 16 tests still only allow the minimum."""
    assert stats.bound_rank(n, stats.bounded_quantile(10)) == rank


def test_jitter_is_the_mean_step() -> None:
    """1, 4, 2 has steps of 3 and 2."""
    assert stats.jitter([1, 4, 2]) == 2.5
    assert stats.jitter([7]) == 0


def test_half_width_is_the_95_percent_interval_of_a_series() -> None:
    """Worked by hand: 90 and 110 eight times each have SD 10, so 1.96 * 10 / sqrt(16 / 2) = 6.93; one value has none."""
    assert stats.half_width([90.0, 110.0] * 8) == pytest.approx(6.9296, abs=1e-3)
    assert stats.half_width([5.0]) == 0.0
    assert stats.half_width([7.0] * 9) == 0.0
