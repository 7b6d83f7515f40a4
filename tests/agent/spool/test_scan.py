"""Rows are found on a file's pages without SQLite, and they are what SQLite says."""

import random
import sqlite3
from pathlib import Path

import pytest

from agent.spool import scan
from agent.spool.migrations import PAGE
from tests.support.clocks import HandClock
from tests.support.spools import crash, draft, spool_at


def by_sqlite(path: Path, table: str) -> list[tuple[object, ...]]:
    """The rows of a table, by SQLite; its file and log are folded by this."""
    db = sqlite3.connect(path)
    rows = db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    db.close()
    return rows


def scanned(path: Path, width: int) -> list[tuple[object, ...]]:
    """The rows with that many columns and a key of their own, by the scan."""
    found = [
        (key, *values[1:]) for key, values in scan.cells(path) if len(values) == width and values[0] is None
    ]
    return sorted(found, key=lambda row: int(str(row[0])))


def test_the_scan_sees_what_sqlite_sees_log_included(tmp_path: Path, clock: HandClock) -> None:
    """Reports, boots and epochs of a killed box, most of them only in the log yet, to the last byte."""
    path = tmp_path / "spool.db"
    with spool_at(path, clock) as spool:
        for number in range(200):
            spool.put([draft(clock, number)])
        left = crash(path, tmp_path / "killed")
    log = left.with_name("spool.db-wal").stat().st_size
    assert log > left.stat().st_size
    found = {width: scanned(left, width) for width in (4, 5, 7)}
    assert found[5] == by_sqlite(left, "waiting")
    assert found[4] == by_sqlite(left, "boots")
    assert found[7] == sorted(by_sqlite(left, "epochs") * 2)  # the rows of `twins` are the same


def test_what_was_not_committed_is_not_seen(tmp_path: Path, clock: HandClock) -> None:
    """Pages that a transaction wrote and did not commit are no rows."""
    path = tmp_path / "spool.db"
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        with spool._file.read() as db:
            db.execute("PRAGMA cache_size = 1")
            db.execute("BEGIN")
            db.executemany(
                "INSERT INTO refused (epoch, seq, reason, body) VALUES ('e', 1, 'r', ?)",
                [(bytes(2000),)] * 300,
            )
            left = crash(path, tmp_path / "killed")
            db.execute("ROLLBACK")
    assert left.with_name("spool.db-wal").stat().st_size > 300 * 2000
    assert len(scanned(left, 5)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_noise_is_survived(tmp_path: Path, seed: int) -> None:
    """Random bytes, and random bytes that claim to be table pages, end in no exception."""
    chance = random.Random(seed)
    noise = bytearray(chance.randbytes(20 * PAGE))
    for at in range(0, len(noise), PAGE):
        noise[at] = 0x0D
    path = tmp_path / "noise.db"
    path.write_bytes(noise)
    path.with_name("noise.db-wal").write_bytes(chance.randbytes(3 * PAGE))
    assert len(list(scan.cells(path))) < 2000
