"""A broker that forgets what it said it had."""

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.chaos import storm
from tests.chaos.disks import small_disk
from tests.chaos.processes import wait_until
from tests.chaos.town import Mosquitto, Town, standing


@pytest.mark.slow
def test_a_broker_wiped_in_mid_run_loses_nothing(tmp_path: Path) -> None:
    """What it acknowledged while the collector was away, and then forgot, arrives all the same."""
    store = tmp_path / "store"
    store.mkdir()
    with standing(Town(tmp_path, Mosquitto(tmp_path, store))) as town:
        for name in ("box-1", "box-2"):
            town.add_box(name)
        town.start()
        wait_until(lambda: storm.measured(town.truth) >= 200, "some reports went through")
        town.collector.kill()
        size = _stored(store)
        wait_until(lambda: _stored(store) > size + 50_000, "the broker has taken reports for the collector")
        town.broker.process.kill()
        shutil.rmtree(store)
        store.mkdir()
        town.start_broker()
        town.start_collector()
        storm.drain(town)
    verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)
    assert verdict["measured"] >= 200


@pytest.mark.root
@pytest.mark.slow
def test_a_broker_whose_disk_is_full_loses_nothing(tmp_path: Path) -> None:
    """It goes on acknowledging what it can't keep; after its death everything arrives all the same."""
    with small_disk(tmp_path / "store", "64k") as store:
        with standing(Town(tmp_path, Mosquitto(tmp_path, store))) as town:
            for name in ("box-1", "box-2"):
                town.add_box(name)
            town.start()
            wait_until(lambda: storm.measured(town.truth) >= 100, "some reports went through")
            town.collector.kill()
            wait_until(lambda: "No space left" in town.broker.process.last_words(), "its disk is full")
            town.broker.process.kill()
            # What it wrote last may be cut off, and then it does not start: its keeper clears it away.
            for file in store.iterdir():
                file.unlink()
            town.start_broker()
            town.start_collector()
            storm.drain(town)
        verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)


def _stored(store: Path) -> int:
    """Bytes that the broker keeps."""
    total = 0
    for path in store.iterdir():
        # It saves to a new file that it then renames: one that is listed may be gone when it is looked at.
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
