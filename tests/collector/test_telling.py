"""What the collector says of its own troubles without being asked."""

import logging
from pathlib import Path

import pytest

from collector.telling import Telling
from tests.collector.test_registry_watch import CIRCUITS, SCHOOLS, Town
from tests.collector.workbench import wait_until


def test_a_broker_that_was_never_there_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """With its address, once; where one took the collector in, nothing."""
    for connected, lines in ((False, 1), (True, 0)):
        caplog.clear()
        looked: list[str] = []
        telling = Telling(
            "127.0.0.1:1883",
            lambda there=connected: there,  # type: ignore[misc]
            lambda found=looked: found.append("") or "",  # type: ignore[misc]
            look_s=0.01,
            patience_s=0.01,
        )
        telling.start()
        wait_until(lambda found=looked: len(found) > 2)  # type: ignore[misc]
        telling.stop()
        said = [record.getMessage() for record in caplog.records if "127.0.0.1:1883" in record.getMessage()]
        assert len(said) == lines


def test_a_broken_folder_and_its_mending_are_a_line_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However many mistakes are in it, and however often it is looked at."""
    caplog.set_level(logging.INFO)
    town = Town(tmp_path / "d")
    town.write("schools.csv", SCHOOLS)
    town.write("circuits.csv", CIRCUITS)
    registry = town.registry()
    for seats in ("agent,school\nB,nowhere\nC,nowhere\n", ""):
        caplog.clear()
        town.write("seats.csv", seats) if seats else (town.path / "seats.csv").unlink()
        for _ in range(3):
            town.clock.at_s += 5
            registry.trouble()
        assert len(caplog.records) == 1
        assert "\n" not in caplog.records[0].getMessage()
    assert "can be used again" in caplog.records[0].getMessage()
