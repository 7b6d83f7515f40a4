"""A disk that takes no more, or refuses."""

import resource
import signal
from pathlib import Path

import pytest

from agent.spool import Spool
from agent.spool.schema import (
    DiskFullError,
    SpoolWriteError,
)
from firstbell import wire
from firstbell.report import Report
from tests.support.clocks import HandClock
from tests.support.spools import (
    draft,
    numbers,
    spool_at,
    waiting,
)


def test_a_full_disk_loses_nothing_that_was_stored_and_is_told(path: Path, clock: HandClock) -> None:
    """Puts on a full disk raise, count, and are told by number in the first report that gets through."""
    with spool_at(path, clock) as spool:
        with spool._file.read() as db:
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 4}")
        stored = failed = 0
        while failed < 3:
            try:
                spool.put([draft(clock, stored), draft(clock, stored)])
                stored += 2
            except DiskFullError:
                failed += 1
        assert numbers(list(waiting_rows(spool, clock))) == sorted(
            n for n in range(0, stored, 2) for _ in "ab"
        )
        with spool._file.read() as db:
            db.execute("PRAGMA max_page_count = 100000")
        spool.put([draft(clock, stored)])
        told = [report for report in waiting(spool, clock).values() if "unstored_reports" in report.readings]
        assert [report.readings["unstored_reports"] for report in told] == [6]


def waiting_rows(spool: Spool, clock: HandClock) -> list[Report]:
    """What waits, as it is, without freezing it: for a disk that takes nothing."""
    with spool._file.read() as db:
        rows = db.execute("SELECT body FROM waiting ORDER BY place").fetchall()
    frozen_at = b'"at_ns":1,"clock":"ntp",'
    return [wire.read_report(b"{" + frozen_at + without_stamp(row[0])[1:]) for row in rows]


def without_stamp(body: bytes) -> bytes:
    """A draft's JSON without its clocks."""
    start = body.index(b'"stamp":')
    return body[:start] + body[body.index(b"}", start) + 2 :]


def test_a_disk_that_refuses_is_told_too(path: Path, clock: HandClock) -> None:
    """When the kernel refuses to let the file grow, put raises and what was stored before is whole."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("spool.db-wal").stat().st_size, before[1]))
        try:
            with pytest.raises(SpoolWriteError):
                spool.put([draft(clock, 2)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        spool.put([draft(clock, 3)])
        assert numbers(list(waiting(spool, clock).values())) == [1, 3]
