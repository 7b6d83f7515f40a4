"""A spool on a disk that something else has filled to its last byte."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.spool import Spool, look
from agent.spool import file as spool_file
from agent.spool.schema import DiskFullError
from tests.chaos.disks import fill, small_disk
from tests.support.clocks import HandClock
from tests.support.spools import draft, hold, numbers, spool_at, timeline, waiting

pytestmark = pytest.mark.root

REPORTS = 900


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    with small_disk(tmp_path / "card", "4m") as folder:
        yield folder


def backlog(path: Path, clock: HandClock) -> None:
    """A spool that ended cleanly while reports waited that were never sent."""
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(REPORTS)])


def drained(spool: Spool, clock: HandClock) -> int:
    """Send everything as the sender does: what the disk refuses at first is tried again; how many."""
    gone = 0
    for _ in range(20):
        with suppress(DiskFullError):
            while page := spool.offer(timeline(spool, clock)):
                gone += hold(spool, page)
    return gone


def test_what_waits_is_delivered_from_a_full_disk(card: Path, clock: HandClock) -> None:
    """A box that starts on a full disk sends all of its backlog, and its file has room again by that."""
    path = card / "spool.db"
    backlog(path, clock)
    fill(card)
    clock.advance(60)
    with spool_at(path, clock) as spool:
        assert drained(spool, clock) >= REPORTS
        assert spool.waiting() == 0
        spool.put([draft(clock, 1)])
        assert spool.waiting() == 1
    assert look.read(path)["waiting"] == 1


def test_a_running_box_goes_on_delivering_when_its_disk_fills(card: Path, clock: HandClock) -> None:
    """What waited when the disk was filled is taken out of the file as the collector holds it."""
    with spool_at(card / "spool.db", clock) as spool:
        spool.put([draft(clock, number) for number in range(REPORTS)])
        fill(card)
        assert drained(spool, clock) >= REPORTS


def test_without_any_space_it_waits_for_some(card: Path, clock: HandClock) -> None:
    """Opened where nothing can be written it refuses and counts, then begins by itself with nothing lost."""
    path = card / "spool.db"
    backlog(path, clock)
    (card / "spool.db.reserve").unlink()
    filler = fill(card)
    with spool_at(path, clock) as spool:
        for _ in range(2):
            with pytest.raises(DiskFullError):
                spool.put([draft(clock, 1)])
        filler.unlink()
        with pytest.raises(DiskFullError):  # the next try has its time
            spool.fill()
        clock.advance(spool_file.AGAIN_S)
        spool.put([draft(clock, REPORTS)])
        found = waiting(spool, clock)
        assert numbers(list(found.values())) == list(range(REPORTS + 1))
        assert [
            r.readings["unstored_reports"] for r in found.values() if "unstored_reports" in r.readings
        ] == [2]
        opening = found[spool.epoch, 1].opening
        assert opening is not None
        assert (opening.ended, opening.last_seq) == ("clean", REPORTS + 1)


def stored_again(spool: Spool, clock: HandClock) -> int:
    """How many seconds of a try each until something that needs new room is stored."""
    for second in range(100):
        clock.advance(1)
        with suppress(DiskFullError):
            spool.put([draft(clock, number) for number in range(REPORTS)])
            return second
    return 100


def test_room_is_put_by_again(card: Path, clock: HandClock) -> None:
    """What was given away is held again when the disk has room, and never while there is little."""
    reserve = card / "spool.db.reserve"
    with spool_at(card / "spool.db", clock) as spool:
        filler = fill(card)
        with suppress(DiskFullError):
            while True:
                spool.put([draft(clock, 1)])
        assert not reserve.exists()
        clock.advance(120)
        drained(spool, clock)
        assert not reserve.exists()
        filler.unlink()
        assert stored_again(spool, clock) < 15
        assert reserve.exists()
