"""Each start has a name of its own, knows the one before, and tells its times once they are known."""

from pathlib import Path

import pytest

from agent.spool import Spool, schema
from firstbell import __version__
from firstbell.report import ClockQuality, Opening, Status
from tests.support.clocks import NOON_NS, HandClock, S
from tests.support.spools import (
    crash,
    draft,
    drain,
    numbers,
    spool_at,
    timeline,
    waiting,
)


def opening_of(spool: Spool, clock: HandClock) -> Opening:
    """What the present epoch's first report says of the one before."""
    opening = waiting(spool, clock)[spool.epoch, 1].opening
    assert opening is not None
    return opening


# --- epochs ---


def test_the_first_epoch_has_no_predecessor(path: Path, clock: HandClock) -> None:
    """A new file begins with report 1 of the box, which names its program and nobody before."""
    with spool_at(path, clock) as spool:
        report = waiting(spool, clock)[spool.epoch, 1]
        assert report.opening == Opening(predecessor=None, ended="first")
        assert (report.probe, report.status) == ("box", Status.OK)
        assert report.readings == {"agent_version": __version__}


def test_every_start_draws_an_epoch_and_names_the_one_before(path: Path, clock: HandClock) -> None:
    """After a clean end the next epoch has another name, and says where the one before ended, and how."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock), draft(clock)])
    before = spool.epoch
    with spool_at(path, clock) as spool:
        assert spool.epoch != before
        assert opening_of(spool, clock) == Opening(predecessor=before, last_seq=3, ended="clean")


def test_a_kill_and_a_power_cut_are_told_apart(path: Path, clock: HandClock, tmp_path: Path) -> None:
    """Without a clean mark the boot says how an epoch ended: the same boot means killed, another means power."""
    with spool_at(path, clock) as spool:
        killed, cut = crash(path, tmp_path / "killed"), crash(path, tmp_path / "cut")
    with spool_at(killed, clock) as after:
        assert opening_of(after, clock) == Opening(predecessor=spool.epoch, last_seq=1, ended="killed")
    clock.reboot(synchronised=True)
    with spool_at(cut, clock) as after:
        assert opening_of(after, clock) == Opening(predecessor=spool.epoch, last_seq=1, ended="power")


def test_two_spools_from_one_file_both_name_the_same_predecessor(
    path: Path, clock: HandClock, tmp_path: Path
) -> None:
    """A copied card is told by two epochs that follow the same one."""
    with spool_at(path, clock) as spool:
        copy = crash(path, tmp_path / "copy")
    with spool_at(path, clock) as one, spool_at(copy, clock) as other:
        assert one.epoch != other.epoch
        assert opening_of(one, clock).predecessor == opening_of(other, clock).predecessor == spool.epoch


def test_a_clock_that_steps_back_opens_an_epoch(path: Path, clock: HandClock) -> None:
    """Under NTP, more than a second back relative to boottime begins anew; the rest of the put goes there."""
    with spool_at(path, clock) as spool:
        before = spool.epoch
        spool.put([draft(clock, 1)])
        clock.advance(10)
        clock.wrong_ns = -1_100_000_000
        spool.put([draft(clock, 2), draft(clock, 3)])
        assert opening_of(spool, clock) == Opening(predecessor=before, last_seq=2, ended="clock")
        assert [seq for epoch, seq in waiting(spool, clock) if epoch == spool.epoch] == [1, 2, 3]
        assert spool.waiting() == 5


@pytest.mark.parametrize("wrong_s", [-0.9, 5.0, 86_400.0])
def test_other_steps_open_none(path: Path, clock: HandClock, wrong_s: float) -> None:
    """Less than a second back, or any step forward, stays in the epoch."""
    with spool_at(path, clock) as spool:
        before = spool.epoch
        spool.put([draft(clock)])
        clock.wrong_ns = round(wrong_s * S)
        spool.put([draft(clock)])
        assert spool.epoch == before


def test_the_first_sync_is_no_step(path: Path, clock: HandClock) -> None:
    """From 1970 to the present, and from a wrong clock back to the present at first sync, is one epoch."""
    clock.reboot(wall_ns=NOON_NS + 10**18)
    with spool_at(path, clock) as spool:
        before = spool.epoch
        spool.put([draft(clock)])
        clock.sync()
        spool.put([draft(clock)])
        assert spool.epoch == before


def test_a_thousand_starts_do_not_fill_the_disk(path: Path, clock: HandClock) -> None:
    """Old starts of which nothing waits are forgotten; numbers of epochs are not given twice."""
    names = [(n, f"{n:016x}") for n in range(2, 1500)]
    with spool_at(path, clock) as spool, spool._file.write() as db:
        db.executemany(
            "INSERT INTO epochs (n, epoch, crc, boot, last_seq, last_boottime_ns) VALUES (?, ?, ?, 1, 1, 1)",
            [(n, name, schema.checksum(n, 0, name.encode())) for n, name in names],
        )
    with spool_at(path, clock) as spool:
        drain(spool, clock)
    with spool_at(path, clock) as spool, spool._file.read() as db:
        assert db.execute("SELECT count(*), max(n) FROM epochs").fetchone() == (1001, 1501)
        assert opening_of(spool, clock).ended == "clean"


# --- time ---


def test_a_boot_in_1970_is_sent_with_its_true_times_after_the_first_sync(
    path: Path, clock: HandClock
) -> None:
    """Reports put before NTP came are frozen by the offset that NTP showed, quality ntp."""
    clock.reboot(wall_ns=0)
    with spool_at(path, clock) as spool:
        truths = []
        for number in range(3):
            clock.advance(60)
            spool.put([draft(clock, number)])
            truths.append(clock.true_ns)
        assert timeline(spool, clock).now is None
        clock.sync()
        spool.put([draft(clock, 3)])
        found = list(waiting(spool, clock).values())[1:4]
        assert [report.at_ns for report in found] == truths
        assert {report.clock for report in found} == {ClockQuality.NTP}


def test_a_boot_that_never_knew_is_bounded_by_its_neighbours(path: Path, clock: HandClock) -> None:
    """Three boots, the middle one without any time: its reports lie between, with bounds that hold."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
    clock.reboot(off_s=120, wall_ns=0)
    with spool_at(path, clock) as spool:
        clock.advance(60)
        spool.put([draft(clock, 2)])
        truth = clock.true_ns
    clock.reboot(off_s=120)
    clock.sync()
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 3)])
        found = {
            numbers([report])[0]: report for report in waiting(spool, clock).values() if numbers([report])
        }
        middle = found[2]
        assert middle.clock is ClockQuality.BOUNDED
        assert middle.not_before_ns is not None
        assert middle.not_after_ns is not None
        assert middle.not_before_ns <= truth <= middle.not_after_ns
        assert middle.not_after_ns - middle.not_before_ns == pytest.approx(240 * S, abs=S // 10)
        assert found[1].clock is found[3].clock is ClockQuality.NTP
