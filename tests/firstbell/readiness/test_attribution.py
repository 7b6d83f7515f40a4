"""Whose limit was it: which tests beside the one in question can tell, and how many of them must."""

from datetime import date

import pytest

from firstbell.readiness.attribution import Witnesses
from firstbell.readiness.evidence import HOUR_NS, Check

DAY = 24.0


def seen(hours: float, mbps: float, agent: str = "box-hub") -> Check:
    """A test so many hours after the first one could be, by a box at the line behind."""
    return Check(
        agent=agent,
        epoch="0" * 16,
        seq=1,
        at_ns=round((1000 + hours) * HOUR_NS),
        day=date(2026, 12, 1),
        slot=round(hours % DAY) // 6,
        period="",
        in_class=False,
        place="",
        wired=True,
        at_least=False,
        limit="line",
        down_mbps=mbps,
    )


def clears(*others: Check) -> bool:
    """Whether these clear the line behind of a test of 90 Mbit/s, two hours into the sixth day."""
    behind = Witnesses("main", [(("main",), other) for other in others], "down")
    return behind.carried_more(seen(5 * DAY + 2, 90), 90, "wan-adams", 0.1)


@pytest.mark.parametrize(("hours", "cleared"), [(5.9, True), (6.1, False), (60.0, False)])
def test_only_what_was_seen_within_six_hours_was_seen_beside_it(hours: float, cleared: bool) -> None:
    """One good test before and one after clear the line, but not of what was half a day away."""
    at = 5 * DAY + 2
    assert clears(seen(at - hours, 900), seen(at + 1, 900)) is cleared
    assert clears(seen(at - 1, 900), seen(at + hours, 900)) is cleared


@pytest.mark.parametrize(
    ("speeds", "cleared"),
    [((900, 900, 900), True), ((900, 900), False), ((900, 900, 80), False), ((900, 80, 900), False)],
)
def test_without_a_test_beside_it_the_three_nearest_of_that_time_of_day_must_have_seen_more(
    speeds: tuple[float, ...], cleared: bool
) -> None:
    """One or two good nights are not enough, and neither is a bad one among three."""
    nights = [seen((4 - n) * DAY + 2, mbps) for n, mbps in enumerate(speeds)]
    assert clears(*nights) is cleared
