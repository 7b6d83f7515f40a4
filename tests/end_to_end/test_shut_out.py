"""A box is shut out while the broker knows nothing of it, and let back, by the commands alone."""

from pathlib import Path

import pytest

from tests.support.deployed import BOX, Deployed
from tests.support.mosquitto import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_mistake_costs_nothing(tmp_path: Path) -> None:
    """Its session open, the broker never told: nothing of it is taken within seconds, and all of it afterwards."""
    district = Deployed(tmp_path)
    district.sign()
    with district.running():
        box = district.machine("box", "--automatic")
        box.enrol()
        box.first_now()
        with box.measuring():
            district.wait_for_more()
            district.say("box", "shut-out", BOX)
            wait_until(lambda: f"{BOX} is shut out" in district.log(), "the collector knows")
            held = district.reports()
            assert district.say("status")["shut_out"] == [BOX]
        with box.measuring():  # the broker still lets it in
            wait_until(lambda: "shut this box out" in box.log(), "the box says why")
            assert district.reports() == held
            waiting = box.spool()["waiting"]
            assert waiting > 0
            district.say("box", "let-back", BOX)
            wait_until(lambda: district.reports() >= held + waiting, "what waited is taken")
        state = district.state()
        assert (state.missing, state.lost, state.refused) == (0, 0, 0)
    assert "is not shut out" in district.say("box", "let-back", BOX, code=1)
