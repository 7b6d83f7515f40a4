"""How often a box looks is told by what it did."""

import pytest

from collector.store.derived.days import rhythm_ms
from collector.store.derived.looks import Line, Saw

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("minutes", "rhythm"),
    [
        ([], 1),
        ([0], 1),
        ([0, 2, 12], 2),  # of two gaps the shorter one: a silence makes no rhythm slower
        ([0, 2, 5, 15, 35], 3),
        ([0, 0.1, 0.2], 1),
        ([0, 50, 100], 30),
    ],
)
def test_a_rhythm_is_the_lower_median_of_the_gaps(minutes: list[float], rhythm: int) -> None:
    """From a minute to half an hour."""
    looks = [Line(round(minute * MINUTE_MS), Saw.ONLINE) for minute in minutes]
    assert rhythm_ms(looks) == rhythm * MINUTE_MS
