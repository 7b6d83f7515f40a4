"""A journal on a disk that something else has filled to its last byte."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector import registry
from collector.cli import main
from collector.store.decisions import keep_district
from collector.store.errors import UnreadableError
from collector.store.journal import Journal, open_journal
from collector.store.reads import Reads
from tests.chaos.disks import fill, small_disk
from tests.collector.workbench import BOX, NOW_NS, Bench, reports, wait_until

pytestmark = pytest.mark.root


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk with a journal of five reports on it, whose collector ended cleanly."""
    with small_disk(tmp_path / "disk", "3m") as folder:
        registry.write_example(folder / "district", "Lincoln High", 900, 1000, None, BOX, tz="UTC")
        bench = Bench(folder)
        bench.send(1, reports(1, 5))
        kept = registry.read(folder / "district")
        keep_district(bench.journal, kept.district.digest, kept.contents, NOW_NS)
        bench.close()
        yield folder


def test_a_collector_starts_on_a_full_disk_and_goes_on_by_itself(disk: Path) -> None:
    """It answers questions and says why it takes nothing, and takes reports again once there is space."""
    filler = fill(disk)
    bench = Bench(disk)
    wait_until(lambda: bench.writer.disk_full, "the writer says that the disk is full")
    assert bench.writer.trouble.startswith("the collector's journal takes nothing: ")
    assert len(bench.held()) == 5
    assert bench.send(6, reports(6, 1)).later
    filler.unlink()
    wait_until(lambda: not bench.writer.trouble, "the writer goes on by itself")
    assert bench.send(6, reports(6, 1)).held == ((6, 6),)
    assert len(bench.held()) == 6
    bench.close()


def test_questions_are_answered_from_a_full_disk(disk: Path) -> None:
    """`ask` and `status` need to write nothing."""
    fill(disk)
    before = {file.name for file in disk.iterdir()}
    for question in (("ask", "lincoln"), ("status",), ("schools",)):
        answered = CliRunner().invoke(main, ["--data", str(disk), *question])
        assert answered.exit_code == 0, answered.output
    assert "Lincoln High" in CliRunner().invoke(main, ["--data", str(disk), "ask", "lincoln"]).output
    assert {file.name for file in disk.iterdir()} - before <= {"journal.db-wal", "journal.db-shm"}


def test_a_log_that_can_not_be_read_is_not_passed_over(disk: Path) -> None:
    """What waits in the log belongs to the answer: without it there is none, rather than an older one."""
    journal = Journal(disk / "journal.db", "0123456789abcdef")
    for left in disk.glob("journal.db-*"):
        left.unlink()
    (disk / "journal.db-wal").write_bytes(b"x" * 4096)
    fill(disk)
    with pytest.raises(UnreadableError):
        Reads(journal).facts_until()


def test_no_journal_on_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    """Where none can be made the reason is said, and not that a rollback failed."""
    with small_disk(tmp_path / "disk", "64k") as disk:
        fill(disk)
        with pytest.raises(UnreadableError, match=r"full|I/O"):
            open_journal(disk / "journal.db")
