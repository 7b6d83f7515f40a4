"""What round trips come to."""

import pytest

from agent.load.trips import bloat, responsiveness, trimmed_mean


def test_the_mean_is_of_the_best_95_percent() -> None:
    """Of 20 values the worst is left out, of a hundred the worst five and no more; of one, none."""
    assert trimmed_mean([10.0] * 19 + [5000.0]) == 10
    assert trimmed_mean([10.0] * 94 + [105.0] + [5000.0] * 5) == 11
    assert trimmed_mean([7.0]) == 7


def test_responsiveness_is_round_trips_a_minute() -> None:
    """60000 / ((100 + 300) / 2) = 300 (draft-ietf-ippm-responsiveness, TCP alone); nothing back, no figure."""
    assert responsiveness([100.0] * 5, [300.0] * 5) == pytest.approx(300)
    assert responsiveness([], [1.0]) is None
    assert responsiveness([1.0], []) is None


def test_bloat_is_the_loaded_95th_percentile_less_the_idle_median() -> None:
    """300 ms under load, 20 at rest: 280; never below zero; nothing back, no figure."""
    assert bloat([30.0] * 94 + [300.0] + [5000.0] * 5, [10.0, 20.0, 90.0]) == 280
    assert bloat([5.0], [20.0]) == 0
    assert bloat([], [20.0]) is None
    assert bloat([1.0], []) is None
