"""The spool keeps what was put, in its order, under names that are never given twice."""

import random
import resource
import signal
import sqlite3
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from agent.spool import Spool, look, migrations, schema
from agent.spool.schema import (
    DiskError,
    DiskFullError,
    NewerSpoolError,
    SpoolFullError,
    SpoolInUseError,
    SpoolOpenError,
    SpoolWriteError,
)
from firstbell import __version__, wire
from firstbell.report import ClockQuality, Opening, Report, Status
from tests.support.clocks import NOON_NS, HandClock, S
from tests.support.spools import (
    crash,
    draft,
    drain,
    hold,
    numbers,
    open_spool,
    pages,
    spool_at,
    timeline,
    waiting,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the spool is."""
    return tmp_path / "spool.db"


def opening_of(spool: Spool, clock: HandClock) -> Opening:
    """What the present epoch's first report says of the one before."""
    opening = waiting(spool, clock)[spool.epoch, 1].opening
    assert opening is not None
    return opening


# --- durability -------------------------------------------------------------------------------------


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


# --- epochs -----------------------------------------------------------------------------------------


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


# --- the queue --------------------------------------------------------------------------------------


def test_batches_are_neighbours_of_one_epoch_oldest_first(path: Path, clock: HandClock) -> None:
    """Each batch is contiguous, of one epoch, fits the wire, and together they are everything."""
    with spool_at(path, clock) as spool:
        for number in range(700):
            clock.advance(1)
            spool.put([draft(clock, number)])
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 700)])
        found = pages(spool, clock)
        for page in found:
            _, payload = wire.encode_batch("box-1", page.epoch, page.first, page.rows)
            assert len(payload) <= wire.WIRE_BYTES
        assert [len(page.rows) for page in found][-1] == 2
        assert sum(len(page.rows) for page in found) == 703 == spool.waiting()
        assert numbers([wire.read_report(row) for page in found for row in page.rows]) == list(range(701))


def test_a_hole_ends_a_batch(path: Path, clock: HandClock) -> None:
    """What is gone from the middle is not numbered over."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(5)])
        waiting(spool, clock)
        spool.held(spool.epoch, [(3, 3)], "journal-1")
        assert [(page.first, len(page.rows)) for page in pages(spool, clock)] == [(1, 2), (4, 3)]


def test_every_resend_is_byte_identical(path: Path, clock: HandClock, tmp_path: Path) -> None:
    """Once offered, a report's bytes stay what they are: later, after a kill, and after better clock words."""
    clock.reboot(wall_ns=0)
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        spool.learn(
            clock.stamp().__class__(
                boot_id="boot-2",
                boottime_ns=clock.stamp().boottime_ns,
                wall_ns=NOON_NS,
                synchronised=True,
                error_ms=9.0,
            )
        )
        first = pages(spool, clock)
        clock.sync()
        spool.put([draft(clock, 2)])
        assert pages(spool, clock)[0].rows == first[0].rows
        left = crash(path, tmp_path / "killed")
    clock.reboot()
    clock.sync()
    with spool_at(left, clock) as after:
        assert pages(after, clock)[0].rows[:2] == first[0].rows


def test_new_reports_can_be_frozen_before_old_ones(path: Path, clock: HandClock) -> None:
    """Whatever the order in which stretches are frozen, the times of an epoch rise with its numbers."""
    with spool_at(path, clock) as spool:
        for number in range(100):
            clock.advance(0.3)
            clock.wrong_ns = random.Random(number).randint(-300_000_000, 300_000_000)
            spool.put([draft(clock, number)])
        clock.wrong_ns = 0
        clock.advance(2)
        start = pages_start(spool, clock)
        for first, last in ((60, 69), (90, 100), (20, 29), (1, 101)):
            pages(spool, clock, start + first - 1, start + last - 1)
        times = [report.at_ns for _, report in sorted(waiting(spool, clock).items())]
        assert all(earlier < later for earlier, later in pairwise(times))


def pages_start(spool: Spool, clock: HandClock) -> int:
    """The place of the first report; freezes nothing but it."""
    page = spool.offer(timeline(spool, clock), 1, spool.newest() - 100)
    assert page is not None
    return page.place


def test_only_what_was_sent_can_be_held(path: Path, clock: HandClock) -> None:
    """An answer that claims to hold what was never frozen, or another epoch, moves nothing."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        assert spool.held(spool.epoch, [(1, 2)], "journal-1") == 0
        waiting(spool, clock)
        assert spool.held("00000000000000ff", [(1, 2)], "journal-1") == 0
        assert spool.held(spool.epoch, [(-5, 1 << 60)], "journal-1") == 2
        assert spool.waiting() == 0
        assert spool.offer(timeline(spool, clock)) is None


def test_another_journal_gets_back_what_the_first_held(path: Path, clock: HandClock) -> None:
    """Held rows wait again, byte by byte the same, when the collector names another journal, and only then."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(1200)])
        sent = [row for page in pages(spool, clock) for row in page.rows]
        drain(spool, clock)
        assert (spool.meet("journal-1"), spool.waiting()) == (0, 0)
        moved = 0
        while step := spool.meet("journal-2"):
            moved += step
        assert moved == spool.waiting() == 1201
        assert [row for page in pages(spool, clock) for row in page.rows] == sent
        drain(spool, clock, "journal-2")
        assert (spool.meet("journal-2"), spool.waiting()) == (0, 0)


def test_what_is_held_is_kept_for_a_week(path: Path, clock: HandClock) -> None:
    """After seven days a held row is gone and no journal gets it back."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        drain(spool, clock)
        clock.advance(6 * 86_400)
        spool.put([draft(clock, 2)])
        drain(spool, clock)
        assert spool.summary()["kept"] == 3
        clock.advance(2 * 86_400)
        spool.put([draft(clock, 3)])
        drain(spool, clock)
        assert spool.summary()["kept"] == 2
        assert spool.meet("journal-2") == 2


def test_refused_reports_are_visible_and_gone_from_the_queue(path: Path, clock: HandClock) -> None:
    """What the collector refuses stands in the list with its reason, and is not sent again."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(4)])
        waiting(spool, clock)
        assert spool.refuse(spool.epoch, [(2, 2, "not a report"), (4, 5, "out of bounds")]) == 3
        assert [(row.seq, row.reason) for row in spool.refused()] == [
            (5, "out of bounds"),
            (4, "out of bounds"),
            (2, "not a report"),
        ]
        assert [seq for _, seq in waiting(spool, clock)] == [1, 3]


def test_the_list_of_refused_reports_is_bounded(path: Path, clock: HandClock) -> None:
    """A thousand are kept to look at; the count goes on."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(1300)])
        waiting(spool, clock)
        spool.refuse(spool.epoch, [(1, 1301, "no")])
        assert len(spool.refused()) == 1000
        assert spool.summary()["refused"] == 1301


def test_what_the_box_gives_up_is_told_to_the_collector(path: Path, clock: HandClock) -> None:
    """A report set aside by the box itself is a loss with its number, in a report of the box."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        waiting(spool, clock)
        spool.give_up(spool.epoch, 2, "never answered")
        told = waiting(spool, clock)[spool.epoch, 3]
        assert [(loss.epoch, loss.first, loss.last, loss.reason) for loss in told.losses] == [
            (spool.epoch, 2, 2, "never answered")
        ]
        assert (told.probe, told.status) == ("box", Status.FAILED)
        assert spool.refused()[0].seq == 2
        assert spool.waiting() == 2


def test_a_row_that_is_not_what_was_written_is_never_sent(path: Path, clock: HandClock) -> None:
    """A bit that flips in a stored report is noticed, and its number counted as lost."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(3)])
        with spool._file.write() as db:
            (body,) = db.execute("SELECT body FROM waiting ORDER BY place LIMIT 1 OFFSET 2").fetchone()
            flipped = body.replace(b'"bytes_sent":1', b'"bytes_sent":3')
            db.execute("UPDATE waiting SET body = ? WHERE body = ?", (flipped, body))
        found = waiting(spool, clock)
        assert numbers(list(found.values())) == [0, 2]
        assert [(loss.first, loss.last) for loss in spool.losses()] == [(3, 3)]
        assert spool.summary()["lost"] == 1


def test_boots_are_read_again_only_when_something_was_written(path: Path, clock: HandClock) -> None:
    """The sender asks each second, after years of boots; what is learned is in the next answer all the same."""
    with spool_at(path, clock) as spool:
        asked: list[str] = []
        with spool._file.read() as db:
            db.set_trace_callback(lambda statement: asked.append(statement) if "boots" in statement else None)
        assert spool.boots() == spool.boots() == spool.boots()
        assert len(asked) == 1
        clock.advance(100)
        spool.put([draft(clock, 1)])
        (boot,) = spool.boots()
        assert boot.last_boottime_ns == clock.stamp().boottime_ns
        spool.learn(msgspec.structs.replace(clock.stamp(), error_ms=3.0))
        assert spool.boots()[0].collector is not None


# --- the bound --------------------------------------------------------------------------------------


def fill_up(spool: Spool, clock: HandClock, bound: int, rounds: int) -> None:
    """Put `rounds` reports, one a second, and a word of the box each tenth."""
    for number in range(rounds):
        clock.advance(1)
        spool.put([draft(clock, number)])
        if number % 10 == 0:
            spool.put([draft(clock, number, probe="box")])
        assert spool.fill() * bound <= bound * 1.02 + 8 * 4096


def test_at_the_bound_the_oldest_go_and_are_counted_by_range(path: Path, clock: HandClock) -> None:
    """Every number is either waiting or in exactly one told range; what the box says of itself stays."""
    bound = 1 << 20
    with spool_at(path, clock, bound) as spool:
        fill_up(spool, clock, bound, 4000)
        found = waiting(spool, clock)
        lost = [
            (loss.epoch, seq)
            for report in found.values()
            for loss in report.losses
            for seq in range(loss.first, loss.last + 1)
        ]
        highest = max(seq for _, seq in found)
        assert sorted([*found, *lost]) == [(spool.epoch, seq) for seq in range(1, highest + 1)]
        assert len(found) == spool.waiting()
        assert sum(report.probe == "box" and not report.losses for report in found.values()) == 401
        kept = numbers(list(found.values()))
        assert kept == list(range(4000 - len(kept), 4000))
        assert 2000 < len(kept) < 4000
        assert spool.summary()["lost"] == len(lost)


def test_losing_is_rare(path: Path, clock: HandClock) -> None:
    """Room is made in steps of about 2 %, so that each report of losses stands for many."""
    with spool_at(path, clock, 1 << 20) as spool:
        for number in range(5000):
            spool.put([draft(clock, number)])
        losses = [report for report in waiting(spool, clock).values() if report.losses]
        assert spool.summary()["lost"] / len(losses) > 30


def test_what_the_collector_has_goes_before_what_it_has_not(path: Path, clock: HandClock) -> None:
    """Rows kept after they were held make room first: nothing is lost while there are any."""
    bound = 1 << 20
    with spool_at(path, clock, bound) as spool:
        for number in range(1000):
            spool.put([draft(clock, number)])
        drain(spool, clock)
        kept = spool.summary()["kept"]
        assert kept > 900
        for number in range(2000):
            spool.put([draft(clock, number)])
        assert spool.summary()["lost"] == 0
        assert spool.summary()["kept"] < kept
        assert spool.waiting() == 2000


def test_what_is_kept_leaves_room_for_heavy_tests(path: Path, clock: HandClock) -> None:
    """A drained spool is at most half full, however much the collector holds of it."""
    bound = 1 << 20
    with spool_at(path, clock, bound) as spool:
        for number in range(3200):
            spool.put([draft(clock, number)])
        assert spool.fill() > 0.8
        drain(spool, clock)
        spool.put([draft(clock, 1)])
        assert 0.3 < spool.fill() < 0.55


def test_a_bound_that_was_lowered_costs_what_the_collector_has_first(path: Path, clock: HandClock) -> None:
    """When the settings allow less than there is, kept rows make the room, and no report is lost."""
    with spool_at(path, clock, 4 << 20) as spool:
        spool.put([draft(clock, number) for number in range(6000)])
        drain(spool, clock)
        spool.put([draft(clock, number) for number in range(2000)])
        assert spool.fill() * 4 > 1.2
    with spool_at(path, clock, 1 << 20) as spool:
        spool.put([draft(clock, 1)])
        assert spool.fill() <= 1
        assert spool.summary()["lost"] == 0


def test_when_nothing_may_go_only_the_box_may_speak(path: Path, clock: HandClock) -> None:
    """A spool whose bound is its own form's takes no measurement, says so, and takes the box's next word."""
    with spool_at(path, clock, 40_000) as spool:
        with pytest.raises(SpoolFullError):
            spool.put([draft(clock, 2)])
        lost = spool.summary()["lost"]
        spool.put([draft(clock, 1, probe="box")])
        told = list(waiting(spool, clock).values())[-1]
        assert told.readings == {"unstored_reports": 1}
        assert spool.summary()["lost"] == lost


def test_the_boxs_own_words_make_room_too(path: Path, clock: HandClock) -> None:
    """A spool full of them takes a measurement: the oldest words go, each of them counted as lost."""
    with spool_at(path, clock, 200_000) as spool:
        for _ in range(2000):
            spool.put([draft(clock, 0, probe="box")])
            assert spool.fill() < 1.2
        spool.put([draft(clock, 2)])
        found = waiting(spool, clock)
        assert numbers(list(found.values())) == [2]
        assert found[spool.epoch, 1].opening is not None
        lost = lost_in(found)
        assert {*found, *lost} == {(spool.epoch, seq) for seq in range(1, max(s for _, s in found) + 1)}
        assert len(lost) == len(set(lost)) == spool.summary()["lost"] > 1000


def test_a_box_that_starts_again_and_again_keeps_to_its_bound_and_measures(
    path: Path, clock: HandClock
) -> None:
    """Offline for 500 starts in a small spool: each one's measurement is stored, the newest are there still."""
    given = 0
    for number in range(500):
        clock.advance(30)
        with spool_at(path, clock, 300_000) as spool:
            spool.put([draft(clock, number)])
            given += schema.unplace(spool.newest())[1]
            assert spool.fill() < 1.2
    with spool_at(path, clock, 300_000) as spool:
        found = waiting(spool, clock)
        kept = numbers(list(found.values()))
        assert kept == list(range(500 - len(kept), 500))
        assert len(kept) > 10
        given += schema.unplace(spool.newest())[1]
        assert spool.summary()["lost"] + len(found) == given
        assert len(lost_in(found)) > 200


def lost_in(found: dict[tuple[str, int], Report]) -> list[tuple[str, int]]:
    """Every number of which these reports say that it was given up."""
    return [
        (loss.epoch, seq)
        for report in found.values()
        for loss in report.losses
        for seq in range(loss.first, loss.last + 1)
    ]


# --- the disk ---------------------------------------------------------------------------------------


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


# --- time -------------------------------------------------------------------------------------------


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


# --- budgets, figures, versions ---------------------------------------------------------------------


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
