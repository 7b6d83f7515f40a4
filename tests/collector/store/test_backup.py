"""Backup and restore: consistent under load, sound, never over something that is used or missed."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from collector.store.backup import backup, restore
from collector.store.errors import BackupError, InUseError, NewerJournalError, NotEmptyError, SimulatedError
from collector.store.journal import Journal, open_journal
from collector.store.reads import Reads
from tests.collector.workbench import BOX, NOW_NS, Bench, batch, report, reports


def held(journal: Journal) -> list[int]:
    """The numbers that a journal holds of the box, in order."""
    reads = Reads(journal)
    found = [row.seq for row in reads.tests([(BOX, 0, None)], "latency")]
    reads.close()
    return found


def test_a_backup_under_load_is_one_moment_of_the_journal(bench: Bench, tmp_path: Path) -> None:
    """While batches of 20 go on arriving, the copy holds whole batches up to the arrival that it names."""
    bench.send(1, reports(1, 20))
    done = threading.Event()

    def load() -> None:
        first = 21
        while not done.is_set():
            bench.intake.take(BOX, batch(first, reports(first, 20))[1], NOW_NS)
            first += 20

    loader = threading.Thread(target=load)
    loader.start()
    copies = [backup(bench.journal, tmp_path / f"copy-{number}") for number in range(2)]
    while bench.reads.facts_until() == 20:
        time.sleep(0.01)
    copies.append(backup(bench.journal, tmp_path / "copy-2"))
    done.set()
    loader.join()
    for copy in copies:
        journal = open_journal(copy.path)
        assert journal.id == copy.journal == bench.journal.id
        assert held(journal) == list(range(1, copy.facts_until + 1))
        assert copy.facts_until % 20 == 0
    assert copies[-1].facts_until > 20


def test_a_backup_is_one_file(bench: Bench, tmp_path: Path) -> None:
    """Nothing beside it is needed, and nothing unfinished is left."""
    bench.send(1, reports(1, 3))
    folder = tmp_path / "usb"
    folder.mkdir()
    copy = backup(bench.journal, folder / "copy.db")
    assert [path.name for path in folder.iterdir()] == ["copy.db"]
    assert copy.size == (folder / "copy.db").stat().st_size


def test_a_backup_overwrites_nothing(bench: Bench, tmp_path: Path) -> None:
    """A file that is there stays as it is."""
    target = tmp_path / "copy.db"
    target.write_bytes(b"dear")
    with pytest.raises(NotEmptyError):
        backup(bench.journal, target)
    assert target.read_bytes() == b"dear"


def test_a_damaged_journal_gives_no_backup(bench: Bench, tmp_path: Path) -> None:
    """A copy that is not sound is not left lying about as if it were."""
    bench.send(1, reports(1, 100))
    bench.close()
    with closing(sqlite3.connect(bench.path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'reports_key'").fetchone()[0]
    raw = bytearray(bench.path.read_bytes())
    raw[page * 4096 - 1] ^= 1  # one bit of an index: every page still looks like one
    bench.path.write_bytes(raw)
    with pytest.raises(BackupError, match=r"not a sound journal: .*index"):
        backup(bench.journal, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy.db*"))


def test_boxes_offer_again_what_an_old_backup_lacks(bench: Bench, tmp_path: Path) -> None:
    """Restored from before the last reports: a new name, and what is sent again falls into its place."""
    bench.send(1, reports(1, 5))
    copy = backup(bench.journal, tmp_path / "copy.db")
    bench.send(6, reports(6, 5))
    bench.close()
    journal = restore(copy.path, bench.path, overwrite=True)
    assert journal.id != bench.journal.id
    assert open_journal(bench.path) == journal
    assert held(journal) == [1, 2, 3, 4, 5]
    again = Bench(bench.path.parent)
    try:
        answer = again.send(1, reports(1, 10))
        assert (answer.held, answer.journal) == (((1, 10),), journal.id)
        assert held(journal) == list(range(1, 11))
        assert again.reads.epochs(BOX)[0].missing == 0
        assert again.reads.facts_until() == 10
    finally:
        again.close()


def test_nothing_of_the_old_log_leaks_into_a_restored_journal(bench: Bench, tmp_path: Path) -> None:
    """A collector that was killed leaves a log beside its journal; it is not applied to the restored one."""
    copy = backup(bench.journal, tmp_path / "copy.db")
    bench.send(1, reports(1, 50))
    old = tmp_path / "old"
    old.mkdir()
    for suffix in ("", "-wal"):  # as a kill leaves it: rows in the log alone
        (old / f"journal.db{suffix}").write_bytes((tmp_path / f"journal.db{suffix}").read_bytes())
    journal = restore(copy.path, old / "journal.db", overwrite=True)
    assert held(journal) == []


def test_a_journal_in_use_is_not_replaced(bench: Bench, tmp_path: Path) -> None:
    """Not even when asked to overwrite; neither a writer's nor a reader's."""
    copy = backup(bench.journal, tmp_path / "copy.db")
    bench.send(1, reports(1, 2))
    with pytest.raises(InUseError, match="stop the collector first"):
        restore(copy.path, bench.path, overwrite=True)
    bench.writer.stop()
    assert len(bench.held()) == 2  # the reader's connection is idle and open
    with pytest.raises(InUseError):
        restore(copy.path, bench.path, overwrite=True)
    bench.reads.close()
    restore(copy.path, bench.path, overwrite=True)


def test_a_journal_with_reports_is_not_replaced_by_accident(bench: Bench, tmp_path: Path) -> None:
    """Without the word that it may be overwritten it stays; an empty one may go."""
    copy = backup(bench.journal, tmp_path / "copy.db")
    bench.send(1, reports(1, 2))
    bench.close()
    with pytest.raises(NotEmptyError, match="--overwrite"):
        restore(copy.path, bench.path)
    assert held(bench.journal) == [1, 2]
    empty = open_journal(tmp_path / "empty.db")
    assert restore(copy.path, empty.path).id != empty.id
    assert restore(copy.path, tmp_path / "new.db").id != copy.journal


def test_a_demo_s_backup_does_not_become_a_real_journal(bench: Bench, tmp_path: Path) -> None:
    """The mark is in every copy; only where a demo is may it be put back."""
    bench.journal.mark_simulated()
    copy = backup(bench.journal, tmp_path / "copy.db")
    with pytest.raises(SimulatedError, match="nothing in it was measured"):
        restore(copy.path, tmp_path / "new.db")
    assert not list(tmp_path.glob("new.db*"))
    assert restore(copy.path, tmp_path / "new.db", demo=True).simulated()


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    """Any other file is refused in words, and the place stays free."""
    path = tmp_path / "copy.db"
    path.write_bytes(content)
    with pytest.raises(BackupError):
        restore(path, tmp_path / "journal.db")
    assert [found.name for found in tmp_path.iterdir()] == ["copy.db"]


def test_a_backup_of_a_newer_program_is_refused(bench: Bench, tmp_path: Path) -> None:
    """In the same words as a newer journal."""
    copy = backup(bench.journal, tmp_path / "copy.db")
    with closing(sqlite3.connect(copy.path, isolation_level=None)) as db:
        db.execute("PRAGMA user_version = 9")
        db.execute("UPDATE meta SET value = '9' WHERE key = 'readable_since'")
    with pytest.raises(NewerJournalError):
        restore(copy.path, tmp_path / "new.db")


def test_a_broken_journal_can_be_replaced_if_asked(bench: Bench, tmp_path: Path) -> None:
    """That is what backups are for; but not without the word."""
    bench.send(1, [report(1)])
    copy = backup(bench.journal, tmp_path / "copy.db")
    bench.close()
    bench.path.write_bytes(b"bits that rotted" * 1000)
    with pytest.raises(BackupError):
        restore(copy.path, bench.path)
    assert held(restore(copy.path, bench.path, overwrite=True)) == [1]
