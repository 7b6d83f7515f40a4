"""A death at each named point of our own code, one after the other."""

import pytest

from tests.chaos import storm
from tests.chaos.points import ONCE, POINTS
from tests.chaos.processes import wait_until
from tests.chaos.town import Town


def goes_on(town: Town) -> None:
    """Wait until some more is measured."""
    before = storm.measured(town.truth)
    wait_until(lambda: storm.measured(town.truth) >= before + 40, "it goes on")


@pytest.mark.slow
def test_a_death_at_each_named_point_loses_nothing(town: Town) -> None:
    """Between each two deaths box and collector go on: 0 lost, 0 invented, 0 changed, one start after the other."""
    box = town.add_box("lincoln-1", every_s=0.1)
    town.start()
    for name, point in POINTS.items():
        process = box.process if point.program == "box" else town.collector
        process.stop()
        process.start(f"{name}:{1 if name in ONCE else 3}")
        wait_until(process.dead, f"it dies at {name}")
        process.start()
        goes_on(town)
    storm.drain(town)
    verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)
    assert verdict["measured"] >= 40 * len(POINTS)
