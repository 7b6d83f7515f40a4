"""Two boxes booted from one copied card."""

import shutil

import pytest

from tests.chaos import storm
from tests.chaos.processes import wait_until
from tests.chaos.status import boxes, status
from tests.chaos.town import Town

NAME = "lincoln-1"


@pytest.mark.slow
def test_two_boxes_from_one_card_lose_nothing_and_are_told(town: Town) -> None:
    """What both had and what each measured is kept once; they are said to be two boxes with one name."""
    town.start_broker()
    first = town.add_box(NAME)
    first.process.start()
    wait_until(lambda: storm.measured(town.truth) >= 200, "some reports wait on the card")
    first.process.kill()
    before = storm.measured(town.truth)
    second = town.add_box(NAME)
    shutil.copytree(first.plan.folder, second.plan.folder, dirs_exist_ok=True)
    town.start_collector()
    for box in (first, second):
        box.process.start()
    wait_until(lambda: any(box["two_boxes"] for box in boxes(town)), "two boxes are seen")
    wait_until(lambda: storm.measured(town.truth) >= before + 400, "both measure on")
    storm.drain(town)
    (said,) = boxes(town)
    assert "both say that they follow" in said["two_boxes"]
    assert f"TWO BOXES CALL THEMSELVES {NAME}" in status(town)
    assert (said["missing"], said["lost"], said["refused"]) == (0, 0, 0)
    verdict = storm.ask_oracle(town)
    assert verdict["forks"] == 1, verdict
    assert storm.sound({**verdict, "forks": 0}), storm.told(verdict)
    assert verdict["measured"] >= before + 400
