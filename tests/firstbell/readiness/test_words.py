"""Numbers and dates as planners read them; expected texts from design/README.md and its pages."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.readiness import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1032.75, "1,030"),
        (2017.09, "2,020"),
        (910.4, "910"),
        (914, "910"),
        (915, "920"),
        (996, "1,000"),
        (1004, "1,000"),
        (1005, "1,010"),
        (9996, "10,000"),
        (10_400, "10,000"),
        (23_870, "24,000"),
        (82.5, "83"),
        (5.0, "5"),
        (5.04, "5"),
        (0.27, "0.27"),
        (0.1, "0.1"),
        (0, "0"),
    ],
)
def test_two_figures_to_a_thousand_then_the_nearest_ten(value: float, text: str) -> None:
    """Two significant figures up to 1,000; the nearest ten up to 10,000; two figures above."""
    assert words.number(value) == text


def test_what_is_compared_never_prints_alike() -> None:
    """1,030 needed and 1,033 carried would read alike: both get one more figure. Equal numbers may."""
    assert words.apart(1030, 1032.75) == ("1,030", "1,033")
    assert words.apart(910, 914) == ("910", "914")
    assert words.apart(1000, 1032.75) == ("1,000", "1,030")
    assert words.apart(500, 500) == ("500", "500")


@given(st.floats(0.001, 1e6), st.floats(0.001, 1e6))
def test_print_keeps_the_order(one: float, other: float) -> None:
    """The larger of two numbers never prints as the smaller one."""
    low, high = (float(text.replace(",", "")) for text in words.apart(min(one, other), max(one, other)))
    assert low <= high


def test_units_dates_and_lists() -> None:
    """A no-break space before the unit; day before month; an "and" before the last."""
    assert words.mbit("1,030") == "1,030\u00a0Mbit/s"
    assert words.day(date(2026, 12, 15)) == "15 December"
    assert words.fall(2029) == "fall 2029"
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.count(1, "check") == "1 check"
    assert words.count(1200, "person", "people") == "1,200 people"


def test_odds_are_said_as_times() -> None:
    """What ten checks bound is "three times out of four", what 29 bound "nine times out of ten"."""
    assert words.odds(0.2589) == "three times out of four"
    assert words.odds(0.1) == "nine times out of ten"


def test_a_lower_bound_is_rounded_down() -> None:
    """955.5 carried is at least 950, never at least 960; beside a need that prints alike it gets one more figure."""
    assert words.number(955.5144, at_least=True) == "950"
    assert words.number(1039.0, at_least=True) == "1,030"
    assert words.apart(1032.75, bound=1031.9) == ("1,033", "1,031")


@pytest.mark.parametrize(
    ("value", "text"),
    [(19420.8638, "19,420"), (3075.3061, "3,075"), (38.5333, "38.53"), (0.00012, "0.0001"), (870, "870")],
)
def test_what_a_working_comes_to_is_no_truer_than_its_parts(value: float, text: str) -> None:
    """Four figures, not nine, of what judgements make."""
    assert words.worked(value) == text
