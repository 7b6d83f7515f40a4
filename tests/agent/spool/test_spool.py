"""The spool keeps what was put, under one program's hand and for every version."""

import sqlite3
from pathlib import Path

import pytest

from agent.spool import look, migrations, schema
from agent.spool.schema import (
    DiskError,
    NewerSpoolError,
    SpoolInUseError,
    SpoolOpenError,
)
from tests.support.clocks import HandClock
from tests.support.spools import (
    crash,
    draft,
    hold,
    numbers,
    open_spool,
    pages,
    spool_at,
    waiting,
)

# --- durability ---


def test_every_commit_reaches_the_disk(path: Path, clock: HandClock) -> None:
    """The file is in WAL mode and synchronous is FULL: NORMAL loses committed rows in a power cut."""
    with spool_at(path, clock) as spool, spool._file.read() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_what_was_put_survives_a_kill(path: Path, clock: HandClock, tmp_path: Path) -> None:
    """All drafts of puts that returned are there after a kill, with their numbers and in their order."""
    with spool_at(path, clock) as spool:
        for number in range(50):
            clock.advance(1)
            spool.put([draft(clock, 2 * number), draft(clock, 2 * number + 1)])
        left = crash(path, tmp_path / "killed")
    with spool_at(left, clock) as after:
        found = waiting(after, clock)
        assert numbers(list(found.values())) == list(range(100))
        assert [seq for epoch, seq in found if epoch == spool.epoch] == list(range(1, 102))


def test_nothing_to_put_is_no_report(path: Path, clock: HandClock) -> None:
    """An empty put changes nothing."""
    with spool_at(path, clock) as spool:
        spool.put([])
        assert spool.waiting() == 1


def test_no_other_process_gets_the_file(path: Path, clock: HandClock) -> None:
    """A second spool on the same file is refused in plain words, and may have it after the first ends."""
    with spool_at(path, clock), pytest.raises(SpoolInUseError, match="another firstbell-agent"):
        open_spool(path, clock)
    with spool_at(path, clock):
        pass


def test_a_closed_spool_takes_nothing_and_is_left_alone(path: Path, clock: HandClock) -> None:
    """A put that comes too late is told so, and the file stays what it is."""
    with spool_at(path, clock) as spool:
        pass
    with pytest.raises(DiskError, match="closed"):
        spool.put([draft(clock, 1)])
    left = sorted(file.name for file in path.parent.iterdir())
    assert left == ["spool.db", "spool.db.lock", "spool.db.reserve"]


def test_a_spool_that_cannot_be_is_told(tmp_path: Path, clock: HandClock) -> None:
    """A folder that is not there is trouble with the disk, in words."""
    with pytest.raises(DiskError, match="spool"):
        open_spool(tmp_path / "nowhere" / "spool.db", clock)


# --- budgets, figures, versions ---


def test_the_days_ledger_is_durable_and_bounded(path: Path, clock: HandClock, tmp_path: Path) -> None:
    """Bytes charged to a day are there after a kill, can be given back, and old days are forgotten."""
    with spool_at(path, clock) as spool:
        spool.add_used("2026-09-21", 500)
        spool.add_used("2026-09-21", -100)
        left = crash(path, tmp_path / "killed")
    with spool_at(left, clock) as after:
        assert (after.used_bytes("2026-09-21"), after.used_bytes("2026-09-22")) == (400, 0)
        for day in range(200):
            after.add_used(f"day-{day}", 1)
        with after._file.read() as db:
            assert schema.count(db, "ledger") == 60


def test_the_summary_can_be_read_beside_a_running_box(path: Path, clock: HandClock) -> None:
    """Another process sees what waits, and neither disturbs the other."""
    with pytest.raises(SpoolOpenError, match="no spool"):
        look.read(path)
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        seen = look.read(path)
        assert seen == spool.summary()
        assert (seen["waiting"], seen["kept"], seen["epoch"]) == (2, 0, spool.epoch)
        spool.put([draft(clock, 2)])
    assert look.read(path)["waiting"] == 3


def test_a_newer_file_is_refused_in_plain_words(path: Path, clock: HandClock) -> None:
    """A form that says it can't be read by this program is left alone; one that can, is used."""
    with spool_at(path, clock):
        pass
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 7")
    db.commit()
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
    db.execute("UPDATE meta SET value = 6 WHERE key = 'readable_since'")
    db.commit()
    db.close()
    with pytest.raises(NewerSpoolError, match="newer firstbell-agent wrote this spool"):
        open_spool(path, clock)
    left = sorted(file.name for file in path.parent.iterdir())
    assert left == ["spool.db", "spool.db.lock", "spool.db.reserve"]


def test_a_migration_happens_whole_or_not_at_all(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails half way leaves the file in the form before, and the next start tries again."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])

    def half(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE extra (n INTEGER PRIMARY KEY) STRICT")
        raise KeyboardInterrupt

    def whole(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE extra (n INTEGER PRIMARY KEY) STRICT")

    first = migrations.MIGRATIONS
    monkeypatch.setattr(migrations, "MIGRATIONS", (*first, half))
    with pytest.raises(KeyboardInterrupt):
        open_spool(path, clock)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*first, whole))
    with spool_at(path, clock) as spool:
        assert numbers(list(waiting(spool, clock).values())) == [1]
        with spool._file.read() as db:
            assert db.execute("PRAGMA user_version").fetchone() == (len(first) + 1,)


def test_a_held_batch_is_held_once(path: Path, clock: HandClock) -> None:
    """The same answer twice moves nothing the second time, and the count stays right."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        [page] = pages(spool, clock)
        assert (hold(spool, page), hold(spool, page), spool.waiting()) == (2, 0, 0)
