"""What stands once for all reports of a start (its name, its last number) stands twice on the disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.spool import look
from agent.spool.migrations import PAGE
from firstbell.report import ClockQuality, Opening, Report
from tests.support.clocks import HandClock
from tests.support.spools import draft, drain, numbers, spool_at, waiting

NAME = "epoch = CASE substr(epoch, 1, 1) WHEN '0' THEN '1' ELSE '0' END || substr(epoch, 2)"
LAST = "last_seq = last_seq & ~16"
COPIES = pytest.mark.parametrize("copy", ["epochs", "twins"])


def tamper(db: sqlite3.Connection, *changes: str) -> None:
    """Change a copy as a bad disk does: no trigger hears of it."""
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    for change in changes:
        db.execute(f"UPDATE {change}")
    for _, sql in triggers:
        db.execute(sql)


def tamper_at_rest(path: Path, *changes: str) -> None:
    """The same while nobody has the file open."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        tamper(db, *changes)


@COPIES
def test_a_start_whose_name_is_damaged_keeps_its_reports(path: Path, clock: HandClock, copy: str) -> None:
    """Either copy of the name gives all of them back at the next start, under the number they had."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(20)])
        before = spool.epoch
    tamper_at_rest(path, f"{copy} SET {NAME}")
    with spool_at(path, clock) as spool:
        found = waiting(spool, clock)
        assert [seq for epoch, seq in found if epoch == before] == list(range(1, 22))
        assert spool.summary()["lost"] == 0


@COPIES
def test_a_name_that_is_damaged_in_a_running_box_costs_nothing(
    path: Path, clock: HandClock, copy: str
) -> None:
    """Found when it is next needed: the file is replaced, and everything waits in the new one."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(20)])
        with spool._file.read() as db:
            tamper(db, f"{copy} SET {NAME}")
        spool.put([draft(clock, 20)])
        assert numbers(list(waiting(spool, clock).values())) == list(range(21))
        assert spool.summary()["lost"] == 0


@COPIES
def test_no_number_is_given_twice(path: Path, clock: HandClock, copy: str) -> None:
    """A bit of the last number falls over after all was delivered: the next report has a number of its own."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(20)])
        sent = set(waiting(spool, clock))
        drain(spool, clock)
        with spool._file.read() as db:
            tamper(db, f"{copy} SET {LAST}")
        spool.put([draft(clock, number) for number in range(20, 40)])
        found = waiting(spool, clock)
        assert numbers(list(found.values())) == list(range(20, 40))
        assert not sent & set(found)
        assert opening_of(found).last_seq == 21


@COPIES
def test_the_last_number_of_a_start_is_told_as_it_was(path: Path, clock: HandClock, copy: str) -> None:
    """A bit of it falls over at rest: by what the next start says of it the collector knows what is missing."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(20)])
        before = spool.epoch
        drain(spool, clock)
    tamper_at_rest(path, f"{copy} SET {LAST}")
    with spool_at(path, clock) as spool:
        opening = opening_of(waiting(spool, clock))
        assert (opening.predecessor, opening.last_seq) == (before, 21)


def opening_of(found: dict[tuple[str, int], Report]) -> Opening:
    """What the newest start says of the one before."""
    return [report.opening for report in found.values() if report.opening][-1]


def test_what_a_collector_holds_leaves_in_spite_of_a_damaged_number(path: Path, clock: HandClock) -> None:
    """The last number of an older start is no bound for what may be acknowledged."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(20)])
        waiting(spool, clock)
        with spool._file.read() as db:
            tamper(db, "epochs SET last_seq = 1", "twins SET last_seq = 1")
        assert drain(spool, clock) == 21


def test_of_a_start_that_nobody_can_name_the_reports_are_counted(path: Path, clock: HandClock) -> None:
    """Both copies of the name are gone: its reports are given up, and the box says so by number and reason."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(20)])
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 20)])
    tamper_at_rest(path, f"epochs SET {NAME} WHERE n = 1", f"twins SET {NAME} WHERE n = 1")
    with spool_at(path, clock) as spool:
        found = waiting(spool, clock)
        assert numbers(list(found.values())) == [20]
        (word,) = (report.reason for report in found.values() if "damaged" in report.reason)
        assert "3 reports carried over, 21 lost; 21 of them were of a start whose name" in word
        summary = look.read(path)
        assert summary["lost"] == 21
        (loss,) = summary["last_losses"]
        assert (loss["first"], loss["last"]) == (1, 21)
        assert "name can't be read" in str(loss["reason"])


@COPIES
@pytest.mark.parametrize("change", ["boot = 0", "boot = boot | 4", "last_boottime_ns = 1 << 60"])
def test_a_damaged_boot_costs_no_report_its_time(
    path: Path, clock: HandClock, copy: str, change: str
) -> None:
    """Which boot a start was of is told by the other copy: what NTP said in it is not forgotten."""
    at_ns = told_by_boot_alone(path, clock)
    tamper_at_rest(path, f"{copy} SET {change}")
    clock.reboot(60)
    clock.sync()
    with spool_at(path, clock) as spool:
        assert_told_by_ntp(waiting(spool, clock), at_ns)


def assert_told_by_ntp(held: dict[tuple[str, int], Report], at_ns: int) -> None:
    """All five reports of `told_by_boot_alone` are there, with the time that NTP told after them."""
    told = [report for report in held.values() if report.probe != "box"]
    assert len(told) == 5
    assert {report.clock for report in told} == {ClockQuality.NTP}
    assert all(abs(report.at_ns - at_ns) < 100 for report in told)


def told_by_boot_alone(path: Path, clock: HandClock) -> int:
    """Reports that knew no time themselves, in a boot that learned it after them; when they were."""
    clock.synchronised, clock.wrong_ns = False, -(1 << 60)
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(5)])
        at_ns = clock.true_ns
        clock.advance(60)
        clock.sync()
        spool.put([draft(clock, probe="box")])
    return at_ns


@COPIES
def test_a_damaged_boot_of_an_older_start_costs_no_report_its_time(
    path: Path, clock: HandClock, copy: str
) -> None:
    """No statement touches an older start again: its copies are compared when the file is opened."""
    at_ns = told_by_boot_alone(path, clock)
    clock.reboot()
    with spool_at(path, clock):
        pass
    tamper_at_rest(path, f"{copy} SET boot = boot | 4 WHERE n = 1")
    clock.sync()
    with spool_at(path, clock) as spool:
        assert_told_by_ntp(waiting(spool, clock), at_ns)


@COPIES
def test_a_damaged_end_of_a_boot_makes_no_time_narrower(path: Path, clock: HandClock, copy: str) -> None:
    """It says that a boot ran on for minutes: a report of the next one, without NTP, keeps a true earliest time."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
    clock.reboot()
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 2)])
        true_ns = clock.true_ns
    clock.reboot(3600)
    clock.sync()
    tamper_at_rest(path, f"{copy} SET last_boottime_ns = last_boottime_ns + (1 << 39) WHERE n = 1")
    with spool_at(path, clock) as spool:
        (told,) = (r for r in waiting(spool, clock).values() if r.readings.get("bytes_sent") == 2)
        assert told.not_before_ns is not None
        assert told.not_after_ns is not None
        assert told.not_before_ns <= true_ns <= told.not_after_ns


def test_an_older_program_keeps_the_copies_too(path: Path, clock: HandClock) -> None:
    """It knows nothing of them: triggers in the file write them, so that going back and forth is no damage."""
    with spool_at(path, clock):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE epochs SET last_seq = last_seq + 1")
        db.execute("INSERT INTO epochs VALUES (9, 'x', 0, 1, 0, 0, NULL)")
        db.execute("DELETE FROM epochs WHERE n = 9")
        db.commit()
    with spool_at(path, clock) as spool:
        assert list(path.parent.glob("*damaged*")) == []
        assert spool.waiting() == 2


def test_no_single_bit_of_a_start_costs_a_report_in_silence(tmp_path: Path, clock: HandClock) -> None:
    """Each byte of both copies is damaged once: what was measured is sent under its number, or counted."""
    made = tmp_path / "made.db"
    with spool_at(made, clock) as spool:
        spool.put([draft(clock, number) for number in range(20)])
        before = spool.epoch
    content = made.read_bytes()
    for at in _around(content, before.encode()):
        path = tmp_path / "spool.db"
        path.write_bytes(content[:at] + bytes([content[at] ^ 0b10]) + content[at + 1 :])
        with spool_at(path, clock) as spool:
            found = {seq for epoch, seq in waiting(spool, clock) if epoch == before}
            assert len(found) + spool.summary()["lost"] == 21, f"byte {at}"
        for file in tmp_path.glob("spool.db*"):
            file.unlink()


def _around(content: bytes, name: bytes) -> Iterator[int]:
    """The bytes of each row that has this name in it; it stands in the index of the names, too."""
    at = content.find(name)
    while at >= 0:
        yield from range(at - 11, min(at + len(name) + 16, at - at % PAGE + PAGE))
        at = content.find(name, at + 1)
