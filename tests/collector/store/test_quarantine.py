"""The quarantine: listed, bounded, honest about what had to go."""

import pytest

from collector.store import quarantine
from tests.collector.workbench import BOX, NOW_NS, Bench


def test_what_is_set_aside_is_listed_newest_first(bench: Bench) -> None:
    """With the box on whose topic it came, the reason, the time and its first bytes."""
    bench.take(b"first")
    bench.clock.wall_ns += 7
    bench.take(b"x" * 5000, "roosevelt-2")
    newest, oldest = bench.reads.quarantined()
    assert (newest.agent, newest.size, newest.raw, newest.received_ns) == (
        "roosevelt-2",
        5000,
        b"x" * 4096,
        NOW_NS + 7,
    )
    assert (oldest.agent, oldest.raw, oldest.times) == (BOX, b"first", 1)
    assert "no envelope" in oldest.reason


def test_the_same_again_is_counted_and_not_kept_again(bench: Bench) -> None:
    """A box that sends one bad report a thousand times fills nothing."""
    for _ in range(5):
        bench.send(4, [b"bad"])
    (row,) = bench.reads.quarantined()
    assert (row.times, bench.reads.counts().quarantine.rows) == (5, 1)


@pytest.mark.parametrize(("rows", "size"), [(10, 1 << 20), (1000, 10 * 50)])
def test_it_is_bounded_in_rows_and_bytes_and_counts_what_goes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, rows: int, size: int
) -> None:
    """Of 60 things of 50 bytes the newest ten stay, and 50 are said to have gone."""
    monkeypatch.setattr(quarantine, "MOST_ROWS", rows)
    monkeypatch.setattr(quarantine, "MOST_BYTES", size)
    for number in range(60):
        bench.take(f"{number:050}".encode())
    assert bench.reads.counts().quarantine == (10, 500, 50)
    assert [row.raw for row in bench.reads.quarantined()] == [
        f"{number:050}".encode() for number in range(59, 49, -1)
    ]


def test_numbers_outlive_the_bytes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused stays refused in the count of its epoch after the quarantine had to let it go."""
    monkeypatch.setattr(quarantine, "MOST_ROWS", 1)
    bench.send(1, [f"bad {number}".encode() for number in range(4)])
    assert bench.reads.counts().quarantine.rows == 1
    assert (bench.reads.epochs(BOX)[0].refused, bench.reads.counts().missing) == (4, 0)
