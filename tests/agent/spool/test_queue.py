"""What waits goes out in its order, the same bytes each time, and leaves when it is held."""

import random
from itertools import pairwise
from pathlib import Path

import msgspec

from agent.spool import Spool
from firstbell import wire
from firstbell.report import Status
from tests.support.clocks import NOON_NS, HandClock
from tests.support.spools import (
    crash,
    draft,
    drain,
    numbers,
    pages,
    spool_at,
    timeline,
    waiting,
)


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
