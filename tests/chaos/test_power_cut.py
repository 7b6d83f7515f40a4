"""The power goes: what a spool or a journal said is on the disk must be on it.

An ext4 disk in a file; its writer is frozen, the file is copied at that moment (so that only what reached
the device is in it), mounted again and looked at, as after a real cut.
"""

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collector.store import backup
from collector.store.reads import Reads
from tests.chaos import storm
from tests.chaos.disks import disk_with_power
from tests.chaos.processes import wait_until
from tests.chaos.town import Town
from tests.collector.workbench import Bench, reports
from tests.oracle import shelves

pytestmark = [pytest.mark.root, pytest.mark.slow]


def test_a_spool_keeps_what_it_took_through_power_cuts(town: Town, tmp_path: Path) -> None:
    """After each of three cuts every report of which `put` had returned is in the spool, and arrives."""
    with disk_with_power(tmp_path / "card", tmp_path / "card.img") as card:
        box = town.add_box("box-1", card.folder, every_s=0.05)
        town.start_collector()
        town.collector.stop()
        for cut in range(1, 4):
            box.process.start()
            reaches(cut * 600, lambda: storm.measured(town.truth), "reports are stored")
            box.process.signal(signal.SIGSTOP)
            card.photograph()
            box.process.kill()
            card.come_back()
            verdict = storm.ask_oracle(town)
            assert storm.sound({**verdict, "waiting": 0}), (cut, storm.told(verdict))
            assert verdict["waiting"] >= verdict["measured"] >= cut * 600
            box.reboot()
        town.start_broker()
        storm.drain(town)
        verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)


def test_a_journal_keeps_what_it_said_it_holds_through_power_cuts(town: Town, tmp_path: Path) -> None:
    """After each of three cuts every report that a box was told is held is in the journal."""
    with disk_with_power(tmp_path / "disk", tmp_path / "disk.img") as disk:
        town.data = disk.folder
        box = town.add_box("box-1", every_s=0.1)
        town.start_broker()
        box.process.start()
        for cut in range(1, 4):
            town.start_collector()
            reaches(cut * 600, lambda: kept(box.plan.spool), "reports are held")
            town.collector.signal(signal.SIGSTOP)
            disk.photograph()
            town.collector.kill()
            disk.come_back()
            box.process.signal(signal.SIGSTOP)
            verdict = storm.ask_oracle(town)
            box.process.signal(signal.SIGCONT)
            assert storm.sound({**verdict, "waiting": 0}), (cut, storm.told(verdict))
            assert verdict["stored"] >= cut * 600
        storm.drain(town)
        verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)


def reaches(number: int, count: Callable[[], int], what: str) -> None:
    """Wait until there are so many."""
    wait_until(lambda: count() >= number, what)


def kept(spool: Path) -> int:
    """Reports that a box keeps after it was told that they are held."""
    with closing(sqlite3.connect(spool, timeout=10)) as db:
        return int(db.execute("SELECT count(*) FROM kept").fetchone()[0])


def test_a_backup_that_was_reported_is_there_after_a_power_cut(tmp_path: Path) -> None:
    """When the command has said that the reports are safe, the copy is on the disk, under its name and whole."""
    bench = Bench(tmp_path)
    bench.send(1, reports(1, 500))
    with disk_with_power(tmp_path / "disk", tmp_path / "disk.img") as disk:
        copy = backup.backup(bench.journal, disk.folder / "copy.db")
        disk.photograph()
        disk.come_back()
        again = backup.restore(copy.path, tmp_path / "again.db")
    bench.close()
    reads = Reads(again)
    assert reads.counts().reports == 500
    reads.close()


def test_the_camera_sees_what_is_not_on_the_disk(tmp_path: Path) -> None:
    """A committed row of a database that does not wait for its disk is gone: the cut is a cut."""
    with disk_with_power(tmp_path / "card", tmp_path / "card.img") as card:
        path = card.folder / "lazy.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("CREATE TABLE waiting (place INTEGER)")
            db.execute("INSERT INTO waiting VALUES (1)")
            card.photograph()
        card.come_back()
        with pytest.raises((sqlite3.OperationalError, AssertionError)):
            assert shelves.waiting(path)
