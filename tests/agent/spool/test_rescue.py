"""A damaged spool never keeps the box from starting, and gives back what can still be read."""

import random
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.spool import rescue
from agent.spool.schema import DamagedError, DiskError
from firstbell.report import Loss, Report, Status
from tests.support.clocks import HandClock
from tests.support.spools import crash, draft, numbers, open_spool, spool_at, waiting

PAGE = 4096


def a_weeks_work(folder: Path, clock: HandClock, reports: int = 600) -> Path:
    """A spool of three starts with things of all kinds in it, as a kill leaves it."""
    path = folder / "spool.db"
    for start in range(3):
        with spool_at(path, clock) as spool:
            for number in range(start * reports // 3, (start + 1) * reports // 3):
                clock.advance(1)
                spool.put([draft(clock, number)])
            spool.add_used("2026-09-21", 100)
            left = crash(path, folder / f"killed-{start}")
    return left


def flip(path: Path, at: int, bits: int) -> None:
    """Flip bits of one byte of a file."""
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= bits
    path.write_bytes(content)


def fold(path: Path, clock: HandClock) -> None:
    """Bring everything from the log into the file itself."""
    with spool_at(path, clock):
        pass


def told_of_damage(found: dict[tuple[str, int], Report]) -> list[Report]:
    """What the box says about a damaged spool."""
    return [
        r for r in found.values() if r.probe == "box" and r.status is Status.FAILED and "damaged" in r.reason
    ]


def test_a_file_that_is_no_database_is_set_aside_and_said_aloud(tmp_path: Path, clock: HandClock) -> None:
    """Garbage instead of a spool: the box starts, names the old file by its time, and says so in a report."""
    path = tmp_path / "spool.db"
    path.write_bytes(random.Random(1).randbytes(100_000))
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, 1)])
        found = waiting(spool, clock)
        opening = found[spool.epoch, 1].opening
        assert opening is not None
        assert (opening.predecessor, opening.ended) == (None, "aside")
        [told] = told_of_damage(found)
        assert "spool.db.damaged-20260921T" in told.reason
        assert "0 reports carried over" in told.reason
        assert numbers(list(found.values())) == [1]
    [aside] = tmp_path.glob("spool.db.damaged-*")
    assert aside.stat().st_size == 100_000


def test_one_bad_page_costs_no_more_than_itself(tmp_path: Path, clock: HandClock) -> None:
    """With a page of rows destroyed, all other reports, the epochs and the ledger are carried over."""
    path = a_weeks_work(tmp_path, clock)
    fold(path, clock)
    content = bytearray(path.read_bytes())
    pages = [
        at
        for at in range(0, len(content), PAGE)
        if content[at] == 0x0D and b'"bytes_sent":30' in content[at : at + PAGE]
    ]
    content[pages[0] : pages[0] + 8] = b"\xff" * 8
    path.write_bytes(content)
    with spool_at(path, clock) as spool:
        found = waiting(spool, clock)
        opening = found[spool.epoch, 1].opening
        assert opening is not None
        assert opening.ended == "aside"
        assert opening.predecessor is not None
        assert 600 - PAGE // 200 <= len(numbers(list(found.values()))) < 600
        assert "some pages can't be read" in told_of_damage(found)[0].reason
        assert spool.used_bytes("2026-09-21") == 300


def test_a_bad_root_costs_nothing_but_itself(tmp_path: Path, clock: HandClock) -> None:
    """When SQLite can't get to the queue any more, its rows are read from their pages: all are there."""
    path = a_weeks_work(tmp_path, clock)
    with spool_at(path, clock) as spool, spool._file.read() as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'waiting'").fetchone()
        before = spool.epoch
    flip(path, (root - 1) * PAGE, 0xFF)
    with spool_at(path, clock) as spool:
        found = waiting(spool, clock)
        opening = found[spool.epoch, 1].opening
        assert opening is not None
        assert (opening.predecessor, opening.ended) == (before, "aside")
        assert numbers(list(found.values())) == list(range(600))


def test_a_lost_first_page_costs_nothing_but_itself(tmp_path: Path, clock: HandClock) -> None:
    """Without the page that tells SQLite what the file is, reports and epochs are still found, log included."""
    path = a_weeks_work(tmp_path, clock)
    assert path.with_name("spool.db-wal").stat().st_size > 0
    content = path.read_bytes()
    path.write_bytes(bytes(PAGE) + content[PAGE:])
    with spool_at(path, clock) as spool:
        assert numbers(list(waiting(spool, clock).values())) == list(range(600))


def test_long_reports_are_found_page_by_page(tmp_path: Path, clock: HandClock) -> None:
    """A row that goes on over several pages is put together again."""
    path = tmp_path / "spool.db"
    told = tuple(Loss(epoch=f"{n:016x}", first=1, last=n, reason="r" * 150) for n in range(1, 100))
    with spool_at(path, clock) as spool:
        spool.put([msgspec.structs.replace(draft(clock, 0, probe="box"), losses=told)])
        epoch = spool.epoch
    content = path.read_bytes()
    path.write_bytes(bytes(PAGE) + content[PAGE:])
    with spool_at(path, clock) as spool:
        assert waiting(spool, clock)[epoch, 2].losses == told


def test_of_a_thousand_reports_all_but_the_damaged_are_carried_over(
    tmp_path_factory: pytest.TempPathFactory, clock: HandClock
) -> None:
    """Over many files with a few flipped bits each, 99 % of the intact reports come back."""
    chance = random.Random(20260921)
    back = intact = 0
    for _ in range(40):
        path = made_once(tmp_path_factory, HandClock())
        damage = chance.randint(1, 4)
        for _ in range(damage):
            flip(path, chance.randrange(path.stat().st_size), 1 << chance.randrange(8))
        intact += 300 - damage
        clock.advance(10_000)
        with spool_at(path, clock) as spool:
            back += len(numbers(list(waiting(spool, clock).values())))
        shutil.rmtree(path.parent)
    assert back >= 0.99 * intact


def test_damage_that_shows_while_running_is_mended_on_the_way(tmp_path: Path, clock: HandClock) -> None:
    """A put that meets a damaged page sets the file aside by itself, keeps its draft, and begins an epoch."""
    path = tmp_path / "spool.db"
    with spool_at(path, clock) as spool:
        before = spool.epoch
        for number in range(300):
            spool.put([draft(clock, number)])
        with spool._file.read() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'epochs'").fetchone()
            db.execute("PRAGMA cache_size = 0")
            db.execute("PRAGMA shrink_memory")
        flip(path, (root - 1) * PAGE, 0xFF)
        spool.put([draft(clock, 300)])
        assert spool.epoch != before
        found = waiting(spool, clock)
        assert numbers(list(found.values()))[-1] == 300
        assert len(told_of_damage(found)) == 1
        assert len(found) == spool.waiting()


def test_other_calls_that_meet_damage_say_so(tmp_path: Path, clock: HandClock) -> None:
    """A call that can't be repeated raises DamagedError once; the next finds a whole file."""
    path = tmp_path / "spool.db"
    with spool_at(path, clock) as spool:
        with spool._file.write() as db:
            db.execute("DROP TABLE ledger")
        with pytest.raises(DamagedError):
            spool.add_used("2026-09-21", 1)
        spool.add_used("2026-09-21", 1)
        assert spool.used_bytes("2026-09-21") == 1


def test_a_recovery_that_was_cut_off_is_ended_at_the_next_start(tmp_path: Path, clock: HandClock) -> None:
    """Whether the power went before or after the names were changed, the next start has the reports."""
    path = a_weeks_work(tmp_path, clock)
    fold(path, clock)
    fresh = path.with_name("spool.db.new")
    fresh.write_bytes(b"half of a file")
    with spool_at(path, clock) as spool:
        assert len(numbers(list(waiting(spool, clock).values()))) == 600
    assert not fresh.exists()
    path.rename(fresh)
    with spool_at(path, clock) as spool:
        assert len(numbers(list(waiting(spool, clock).values()))) == 600


def test_a_recovery_that_fails_half_way_is_tried_again(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the new file can't take its place, the call fails, the next one finds everything."""
    path = tmp_path / "spool.db"
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(5)])
        with spool._file.write() as db:
            db.execute("DROP TABLE ledger")

        def refuse(_fresh: Path, _to: Path) -> None:
            raise PermissionError("no renaming now")

        with monkeypatch.context() as broken:
            broken.setattr(rescue, "_take_place", refuse)
            with pytest.raises(DiskError):
                spool.used_bytes("2026-09-21")
        assert not path.exists()
        assert numbers(list(waiting(spool, clock).values())) == [0, 1, 2, 3, 4]


def test_damaged_files_do_not_pile_up(tmp_path: Path, clock: HandClock) -> None:
    """Only the last few are kept, even when the clock stands still."""
    path = tmp_path / "spool.db"
    for _ in range(6):
        path.write_bytes(b"not a database at all" * 100)
        with spool_at(path, clock):
            pass
    assert len(list(tmp_path.glob("spool.db.damaged-*"))) == rescue.MOST_ASIDE


def test_a_row_changed_on_the_disk_is_counted_when_a_file_is_rescued(
    tmp_path: Path, clock: HandClock
) -> None:
    """In a rescue, too, a report that is not what was written is a loss with its number, never a report."""
    path = tmp_path / "spool.db"
    with spool_at(path, clock) as spool:
        spool.put([draft(clock, number) for number in range(3)])
        with spool._file.write() as db:
            db.execute("UPDATE waiting SET crc = crc + 1 WHERE place = (SELECT max(place) - 1 FROM waiting)")
            db.execute("DROP TABLE ledger")
        before = spool.epoch
    with spool_at(path, clock) as spool:
        with pytest.raises(DamagedError):
            spool.used_bytes("2026-09-21")
        found = waiting(spool, clock)
        assert numbers(list(found.values())) == [0, 2]
        assert spool.refused() == []
        assert [(loss.epoch, loss.first, loss.last) for loss in spool.losses()] == [(before, 3, 3)]


@settings(max_examples=60)
@example([(20347, 1)])  # in the mark that says how a start ended
@example([(60, 128)])  # in the sign of the number of the file's form
@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(1, 255)), min_size=1, max_size=12))
def test_bits_that_flip_anywhere_invent_nothing(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]
) -> None:
    """However a spool was damaged, the box starts, takes reports, and offers none that was not measured."""
    clock = HandClock()
    path = made_once(tmp_path_factory, clock)
    for at, bits in flips:
        flip(path, at, bits)
    clock.advance(10_000)
    spool = open_spool(path, clock)
    clock.advance(1)
    spool.put([draft(clock, 999)])
    found = numbers(list(waiting(spool, clock).values()))
    spool.close()
    assert found[-1] == 999
    assert set(found) <= {*range(300), 999}
    assert len(found) == len(set(found))
    shutil.rmtree(path.parent)


@settings(max_examples=25)
@given(st.floats(0, 1))
def test_a_file_cut_off_anywhere_gives_back_its_beginning(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    """A truncated spool starts, and what it offers was measured."""
    clock = HandClock()
    path = made_once(tmp_path_factory, clock)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    clock.advance(10_000)
    with spool_at(path, clock) as spool:
        assert set(numbers(list(waiting(spool, clock).values()))) <= set(range(300))
    shutil.rmtree(path.parent)


_MADE: list[bytes] = []


def made_once(factory: pytest.TempPathFactory, clock: HandClock) -> Path:
    """The same spool of 300 reports in a folder of its own; made only once, because it takes a while."""
    folder = factory.mktemp("damaged")
    if not _MADE:
        made = a_weeks_work(folder, clock, 300)
        fold(made, clock)
        _MADE.append(made.read_bytes())
    path = folder / "damaged.db"
    path.write_bytes(_MADE[0])
    return path
