"""How hard a server had it, from what its counts tell."""

import pytest

from agent.load.protocol import Counts
from agent.load.strain import Strain, Stretch


@pytest.mark.parametrize(
    ("strain", "busy"),
    [
        (Strain(), False),
        (Strain(cpu_pct=84.0), False),
        (Strain(cpu_pct=86.0), True),
        (Strain(cpu_pct=3.0, throttled_pct=4.0), False),
        (Strain(cpu_pct=3.0, throttled_pct=6.0), True),
        (Strain(cpu_pct=3.0, delayed_pct=24.0), False),
        (Strain(cpu_pct=3.0, delayed_pct=26.0), True),
        (Strain(cpu_pct=65.0, delayed_pct=21.0), True),
        (Strain(others=1), True),
    ],
)
def test_what_makes_a_server_the_limit(strain: Strain, busy: bool) -> None:
    """Its own use, a quota, waiting for a processor, both together, and a second test: each alone is enough."""
    assert strain.is_busy is busy


def test_each_counts_weigh_as_long_as_they_tell_of() -> None:
    """Three seconds at 10 % and one at 90 are 30; what the first counts tell was before, and counts for nothing."""
    stretch = Stretch()
    stretch.hear(Counts(now_s=5.0, cpu_pct=99.0, throttled_pct=99.0, others=7))
    stretch.hear(Counts(now_s=8.0, cpu_pct=10.0, throttled_pct=10.0, delayed_pct=4.0, others=2))
    stretch.hear(Counts(now_s=9.0, cpu_pct=90.0, throttled_pct=90.0))
    assert stretch.strain == pytest.approx(Strain(30.0, 30.0, 4.0, 2))
    # A clock that goes back has told of no time.
    stretch.hear(Counts(now_s=8.0, cpu_pct=100.0, throttled_pct=100.0, delayed_pct=100.0))
    assert stretch.strain == pytest.approx(Strain(30.0, 30.0, 4.0, 2))


def test_a_server_that_tells_nothing_of_it_is_not_said_to_be_free_of_it() -> None:
    """An older one, or one of another system: None, which is no nought."""
    stretch = Stretch()
    for now_s in (1.0, 2.0):
        stretch.hear(Counts(now_s=now_s, cpu_pct=10.0))
    assert (stretch.heard, stretch.strain) == (2, Strain(cpu_pct=10.0))
