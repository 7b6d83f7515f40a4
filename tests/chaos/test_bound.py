"""A spool that reaches its bound gives up the oldest, and owns up to each."""

import pytest

from tests.chaos import storm
from tests.chaos.processes import wait_until
from tests.chaos.status import boxes
from tests.chaos.town import Town


@pytest.mark.slow
def test_what_a_full_spool_gives_up_is_counted_to_the_last_report(town: Town) -> None:
    """With nobody to take it, a megabyte fills: what is gone is told by range, and all the rest arrives."""
    box = town.add_box("lincoln-1", spool_max_mb=1, every_s=0.05, findings=40, exact=False)
    town.start_broker()
    box.process.start()
    wait_until(lambda: "were given up" in box.process.last_words(), "the spool is full")
    given_up = storm.measured(town.truth)
    wait_until(lambda: storm.measured(town.truth) >= given_up + 400, "it goes on measuring")
    town.start_collector()
    storm.drain(town)
    verdict = storm.ask_oracle(town)
    assert verdict["counted_lost"] > 0
    assert storm.sound({**verdict, "counted_lost": 0}), storm.told(verdict)
    (said,) = boxes(town)
    assert (said["lost"], said["missing"]) == (verdict["counted_lost"], 0)
