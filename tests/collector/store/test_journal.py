"""The journal's file: made, opened again, refused when it is somebody else's or newer."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from collector.store import migrations
from collector.store.decisions import keep_district
from collector.store.errors import NewerJournalError, UnreadableError
from collector.store.journal import open_journal
from tests.collector.workbench import NOW_NS, Bench, reports


def sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Say something to the file as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.execute(statement).fetchall()


def test_a_journal_keeps_its_name(tmp_path: Path) -> None:
    """Opened again it is the same journal; another one has another name."""
    first = open_journal(tmp_path / "a.db")
    assert open_journal(tmp_path / "a.db") == first
    assert open_journal(tmp_path / "b.db").id != first.id


def test_what_is_committed_survives_a_power_cut(tmp_path: Path) -> None:
    """The writer's connection syncs each commit: WAL with FULL (2), for NORMAL lost 125 to 734 rows a cut."""
    journal = open_journal(tmp_path / "a.db")
    with closing(journal.writer()) as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Questions go over connections on which a write fails."""
    with closing(open_journal(tmp_path / "a.db").reader()) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM reports")


def test_a_writer_makes_no_new_file(tmp_path: Path) -> None:
    """A journal that was moved away under the collector is not replaced by an empty one in silence."""
    journal = open_journal(tmp_path / "a.db")
    journal.path.unlink()
    with pytest.raises(sqlite3.OperationalError):
        journal.writer()


def test_a_newer_journal_that_still_fits_is_opened(tmp_path: Path) -> None:
    """A rollback works as long as the newer program said that this one may read on."""
    journal = open_journal(tmp_path / "a.db")
    sql(journal.path, "PRAGMA user_version = 99")
    assert open_journal(journal.path) == journal
    assert sql(journal.path, "PRAGMA user_version") == [(99,)]


def test_a_newer_journal_that_does_not_fit_is_refused_in_words(tmp_path: Path) -> None:
    """The sentence names both formats and says that nothing was changed."""
    journal = open_journal(tmp_path / "a.db")
    sql(journal.path, "PRAGMA user_version = 99")
    sql(journal.path, "UPDATE meta SET value = '98' WHERE key = 'readable_since'")
    with pytest.raises(NewerJournalError, match=rf"format 99; this program knows {migrations.SCHEMA}\)"):
        open_journal(journal.path)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """An SQLite file that is no journal is neither used nor touched."""
    path = tmp_path / "photos.db"
    sql(path, "CREATE TABLE photos (name)")
    before = path.read_bytes()
    with pytest.raises(UnreadableError, match="another program"):
        open_journal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to look at" * 40, b"SQLite format 3\0xx"]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever stands there is told in words, and stays."""
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(UnreadableError):
        open_journal(path)
    assert path.read_bytes() == content


def test_a_missing_folder_is_told_in_words(tmp_path: Path) -> None:
    """No traceback of SQLite's, but what can't be used."""
    with pytest.raises(UnreadableError, match="can't be used as a journal"):
        open_journal(tmp_path / "nowhere" / "journal.db")


def test_two_programs_may_open_a_new_journal_at_once(tmp_path: Path) -> None:
    """Eight at the same moment agree on one journal."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(open_journal, [tmp_path / "a.db"] * 8))
    assert len({journal.id for journal in found}) == 1


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step is one transaction together with its number; tried again, it works."""
    journal, before = open_journal(tmp_path / "a.db"), migrations.SCHEMA

    def half(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (x)")
        raise sqlite3.OperationalError("the power went")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, half))
    monkeypatch.setattr(migrations, "SCHEMA", before + 1)
    with pytest.raises(UnreadableError, match="the power went"):
        open_journal(journal.path)
    assert sql(journal.path, "PRAGMA user_version") == [(before,)]
    assert sql(journal.path, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == [(0,)]
    monkeypatch.undo()
    assert open_journal(journal.path) == journal


def test_arrival_numbers_never_come_twice(bench: Bench) -> None:
    """Not even after the newest reports are gone: an answer that names one always means the same facts."""
    bench.send(1, reports(1, 3))
    sql(bench.path, "DELETE FROM reports")
    bench.send(4, reports(4, 1))
    assert [row.arrival for row in bench.reads.tests([("lincoln-1", 0, None)], "latency")] == [4]


def test_every_district_that_was_loaded_is_kept(bench: Bench) -> None:
    """By its digest, file by file; loading it again changes nothing."""
    folder = {"district.toml": "name = 'Åre'\n", "schools.csv": "id,name\n"}
    keep_district(bench.journal, "d1", folder, NOW_NS)
    keep_district(bench.journal, "d1", {"other": ""}, NOW_NS + 1)
    assert bench.reads.district("d1") == folder
    assert bench.reads.district("d2") is None
