"""A disk that fills under the spool, and under the journal."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.chaos import storm
from tests.chaos.disks import fill, small_disk
from tests.chaos.processes import wait_until
from tests.chaos.town import Town
from tests.oracle import shelves
from tests.oracle.truth import events

pytestmark = [pytest.mark.root, pytest.mark.slow]


def told(town: Town, *, stored: bool) -> int:
    """How often a spool said that reports are stored, or that they are not."""
    return sum(event["e"] == ("stored" if stored else "unstored") for event in events(town.truth))


def confessed(town: Town) -> int:
    """Reports that could not be stored, by the boxes' own word in the journal."""
    with closing(sqlite3.connect(town.journal)) as db:
        raws = [json.loads(raw) for (raw,) in db.execute("SELECT raw FROM reports WHERE probe = 'box'")]
    return sum(raw.get("readings", {}).get("unstored_reports", 0) for raw in raws)


def health(port: int) -> dict[str, Any]:
    """What /healthz says."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            said: dict[str, Any] = json.loads(answer.read())
    except HTTPError as error:
        with error:
            said = json.loads(error.read())
    except URLError as error:
        said = {"ok": False, "disk_full": False, "why": str(error)}
    return said


def test_a_full_disk_under_a_spool_is_told_and_loses_nothing(town: Town, tmp_path: Path) -> None:
    """What was stored stays; what was not is counted and told as soon as there is space, and nothing else."""
    with small_disk(tmp_path / "card", "12m") as card:
        box = town.add_box("box-1", card)
        town.start_broker()
        box.process.start()
        wait_until(lambda: storm.measured(town.truth) >= 100, "some reports are stored")
        filler = fill(card)
        wait_until(lambda: told(town, stored=False) >= 4, "the spool says that it can't store")
        assert box.process.alive
        filler.unlink()
        stored = told(town, stored=True)
        wait_until(lambda: told(town, stored=True) > stored, "it stores again")
        town.start_collector()
        storm.drain(town)
        verdict = storm.ask_oracle(town)
    assert verdict["unstored"] >= 80
    assert confessed(town) == verdict["unstored"]
    assert storm.sound({**verdict, "unstored": 0}), storm.told(verdict)


def test_a_full_disk_under_the_journal_makes_the_boxes_wait(town: Town, tmp_path: Path) -> None:
    """The collector says so, holds nothing that it can't keep, and goes on by itself when there is space."""
    town.broker.process.start()
    with small_disk(tmp_path / "journal", "16m") as disk:
        town.data = disk
        box = town.add_box("box-1")
        port = town.start_collector()
        box.process.start()
        wait_until(lambda: storm.measured(town.truth) >= 100, "some reports are stored")
        filler = fill(disk)
        wait_until(lambda: bool(health(port)["disk_full"]), "the collector says that its disk is full")
        assert not health(port)["ok"]
        waiting = shelves.waiting(box.plan.spool)
        wait_until(lambda: shelves.waiting(box.plan.spool) > waiting + 200, "the box keeps what it measures")
        filler.unlink()
        wait_until(lambda: bool(health(port)["ok"]), "the collector goes on by itself")
        assert "--- Logging error" not in town.collector.last_words()
        storm.drain(town)
        verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)
