"""What was counted by when, and how fast that was."""

import pytest

from agent.load.series import Series, bins


def series(*looks: tuple[float, float]) -> Series:
    """Those looks, one after the other."""
    made = Series()
    for at_s, count in looks:
        made.add(at_s, count)
    return made


def test_between_two_looks_the_growth_is_even() -> None:
    """Half way between 0 and 100 there are 50; before the first look and after the last, what it was then."""
    counted = series((10, 0), (12, 100), (13, 400))
    assert [counted.at(moment) for moment in (9, 10, 11, 12, 12.5, 13, 99)] == [0, 0, 50, 100, 250, 400, 400]
    assert counted.rate(11, 12.5) == pytest.approx(200 / 1.5)
    assert (counted.first_s, counted.last_s) == (10, 13)


def test_what_is_not_later_adds_nothing() -> None:
    """A clock that stands still, or goes back, can't make a count twice."""
    counted = series((1, 10), (1, 20), (0.5, 30), (2, 40))
    assert list(counted.looks(0, 9)) == [(1, 10), (2, 40)]


def test_the_looks_between_two_moments_are_those_at_them_too() -> None:
    """From 2 to 3 of looks at 1, 2, 3 and 4: both."""
    counted = series((1, 10), (2, 20), (3, 30), (4, 40))
    assert list(counted.looks(2, 3)) == [(2, 20), (3, 30)]
    assert list(counted.looks(2.1, 2.9)) == []


def test_nothing_counted_is_nothing() -> None:
    """Without a look there is no count, and no rate; nor is there a rate in no time."""
    assert (Series().at(3), Series().rate(1, 2), Series().first_s, Series().last_s) == (0, 0, 0, 0)
    assert series((1, 5), (2, 6)).rate(2, 2) == 0
    assert bins([], 0.25) == []


def test_a_bin_ends_with_the_first_look_that_is_late_enough() -> None:
    """Looks every tenth make bins of 0.3 s when 0.25 are wanted; what is left at the end is left out."""
    looks = [(tenth / 10, float(tenth)) for tenth in range(9)]
    (first, first_s), (second, second_s) = bins(looks, 0.25)
    assert (first, second) == (3, 3)
    assert (first_s, second_s) == pytest.approx((0.3, 0.3))
    # 1.2 - 0.9 is a little less than 0.3 to a computer: late enough all the same.
    assert [grown for grown, _ in bins([(tenth / 10, float(tenth)) for tenth in range(13)], 0.3)] == [3] * 4
