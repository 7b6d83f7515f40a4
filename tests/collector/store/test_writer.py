"""The writer: nothing answered as held that is not, and nothing that ends it."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.clock import SystemClock
from collector.store.journal import open_journal
from collector.store.ledger import CLASH
from collector.store.offers import Offer, Outcome, Refusal, Row
from collector.store.reads import Reads
from collector.store.writer import Writer
from firstbell import wire
from tests.collector.workbench import (
    BOX,
    DEADLINE_S,
    EPOCH,
    NOW_NS,
    Bench,
    StillClock,
    answer_of,
    batch,
    files_no_larger_than,
    report,
    reports,
    wait_until,
)


def test_the_same_batch_twice_is_held_twice_and_kept_once(bench: Bench) -> None:
    """A repetition is answered as held and leaves no second row."""
    first, second = bench.send(1, reports(1, 5)), bench.send(1, reports(1, 5))
    assert first.held == second.held == ((1, 5),)
    assert bench.held() == [(EPOCH, n) for n in range(1, 6)]
    assert (bench.writer.figures.held, bench.writer.figures.repeated) == (5, 5)


def test_another_report_under_a_held_number_is_never_held(bench: Bench) -> None:
    """The first one stands byte for byte; the second is refused, set aside and said aloud."""
    bench.send(1, [report(1), report(2, rtt_ms=10.0)])
    answer = bench.send(2, [report(2, rtt_ms=99.0), report(3)])
    assert answer.held == ((3, 3),)
    assert answer.refused == ((2, 2, CLASH),)
    kept = bench.reads.tests([(BOX, 0, None)], "latency")
    assert [row.report.readings["rtt_p50_ms"] for row in kept] == [12.5, 10.0, 12.5]
    (aside,) = bench.reads.quarantined()
    assert (aside.first, aside.reason, aside.raw) == (2, CLASH, wire.encode_report(report(2, rtt_ms=99.0)))
    assert bench.reads.epochs(BOX)[0].missing == 0


def test_a_clash_within_one_group_is_seen_too(bench: Bench) -> None:
    """Two reports under one number that arrive together are treated like two that don't."""
    blocker = bench.journal.writer()
    blocker.execute("BEGIN IMMEDIATE")
    pending = [
        bench.intake.take(BOX, batch(1, [report(1, rtt_ms=value)])[1], NOW_NS)
        for value in (5.0, 1.0, 2.0, 1.0)
    ]
    blocker.execute("ROLLBACK")
    blocker.close()
    answers = [answer_of(each) for each in pending]
    assert [bool(answer and answer.held) for answer in answers] == [True, False, False, False]
    (kept,) = bench.reads.tests([(BOX, 0, None)], "latency")
    assert kept.report.readings == {"rtt_p50_ms": 5.0}
    assert [(row.raw, row.times) for row in bench.reads.quarantined()] == [
        (wire.encode_report(report(1, rtt_ms=2.0)), 1),
        (wire.encode_report(report(1, rtt_ms=1.0)), 2),
    ]


@given(
    deliveries=st.lists(
        st.tuples(st.sampled_from(["0" * 16, "1" * 16]), st.integers(1, 30), st.integers(1, 12)), max_size=30
    )
)
def test_any_order_and_any_repetition_ends_in_the_same_journal(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[tuple[str, int, int]]
) -> None:
    """However batches overlap, repeat and overtake each other: each number once, as it was sent."""
    bench = Bench(tmp_path_factory.mktemp("bench"))
    try:
        for epoch, first, count in deliveries:
            assert bench.send(first, reports(first, count), epoch=epoch).held == ((first, first + count - 1),)
        sent = {(epoch, n) for epoch, first, count in deliveries for n in range(first, first + count)}
        kept = bench.reads.tests([(BOX, 0, None)], "latency")
        assert sorted((row.epoch, row.seq) for row in kept) == sorted(sent)
        assert all(row.report == report(row.seq) for row in kept)
        assert sorted(row.arrival for row in kept) == list(range(1, len(sent) + 1))
    finally:
        bench.close()


def test_nothing_is_settled_before_it_is_committed(bench: Bench) -> None:
    """While the disk is busy with somebody else, no answer is given; afterwards it is held."""
    blocker = bench.journal.writer()
    blocker.execute("BEGIN IMMEDIATE")
    pending = bench.intake.take(BOX, batch(1, reports(1, 3))[1], NOW_NS)
    settled = threading.Event()
    seen: list[int] = []

    def look(_: object) -> None:
        with closing(bench.journal.reader()) as db:  # what another connection sees is committed
            seen.append(db.execute("SELECT count(*) FROM reports").fetchone()[0])
        settled.set()

    pending.then(look)
    assert not settled.wait(0.3)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert settled.wait(DEADLINE_S)
    assert seen == [3]


class Slow:
    """Offers that arrive while a commit is on its way, and what became of each."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[Outcome]] = {}

    def offer(self, name: str, rows: list[Row]) -> Offer:
        """An offer of `rows` whose outcomes are noted under `name`."""
        told = self.outcomes.setdefault(name, [])
        return Offer(BOX, EPOCH, NOW_NS, rows, (), told.append)


def row(seq: int) -> Row:
    """A good row."""
    raw = wire.encode_report(report(seq))
    return Row(seq, wire.row_digest(raw), raw, report(seq))


def test_what_arrives_during_a_commit_is_one_group(bench: Bench) -> None:
    """A busy writer fills its groups by itself: 40 offers of 20 after the first take two commits of 500 at most."""
    blocker = bench.journal.writer()
    blocker.execute("BEGIN IMMEDIATE")
    pending = [bench.intake.take(BOX, batch(1, reports(1, 1))[1], NOW_NS)]
    wait_until(lambda: bench.writer.depth == 0)  # it waits for the lock with the first one
    firsts = range(2, 802, 20)
    pending += [bench.intake.take(BOX, batch(n, reports(n, 20))[1], NOW_NS) for n in firsts]
    blocker.execute("ROLLBACK")
    blocker.close()
    assert all((answer := answer_of(each)) and answer.held for each in pending)
    assert bench.writer.figures.commits == 3


def test_poison_that_validation_let_pass_is_found_and_delays_nobody_else(bench: Bench) -> None:
    """In a group: the good are held, several with a bad one are halved, a single bad one is refused."""
    slow = Slow()
    bad = row(9)._replace(seq=1 << 70)
    blocker = bench.journal.writer()
    blocker.execute("BEGIN IMMEDIATE")
    bench.writer.put(slow.offer("first", [row(1)]))
    wait_until(lambda: bench.writer.depth == 0)
    for name, rows in {"good": [row(2)], "mixed": [row(3), bad], "bad": [bad], "last": [row(4)]}.items():
        bench.writer.put(slow.offer(name, rows))
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_until(lambda: all(slow.outcomes.values()))
    assert slow.outcomes["good"] == [Outcome([(2, 2)], [])]
    assert slow.outcomes["last"] == [Outcome([(4, 4)], [])]
    assert [bool(outcome.halve) for outcome in slow.outcomes["mixed"]] == [True]
    # Its number fits no column, so it can't even be set aside; it is refused, or it would be sent for ever.
    assert slow.outcomes["bad"] == [
        Outcome(refused=[(1 << 70, 1 << 70, "the collector can't write it: OverflowError")])
    ]
    assert bench.writer.alive
    assert not bench.writer.trouble


def test_poison_with_a_number_is_refused_and_set_aside(bench: Bench) -> None:
    """A single report that can't be written is refused, and its bytes are there to be looked at."""
    slow = Slow()
    bench.writer.put(slow.offer("bad", [row(5)._replace(report=report(5, at_ns=1 << 80))]))
    wait_until(lambda: bool(slow.outcomes["bad"]))
    assert slow.outcomes["bad"] == [Outcome([], [(5, 5, "the collector can't write it: OverflowError")])]
    assert [aside.first for aside in bench.reads.quarantined()] == [5]


def test_a_refusal_that_cannot_be_written_is_refused_without_its_bytes(bench: Bench) -> None:
    """What the quarantine can't keep is set aside by its number: the box hears it once and sends it no more."""
    slow = Slow()
    unwritable = Refusal(7, 7, "\ud800", b"bytes")
    bench.writer.put(Offer(BOX, EPOCH, NOW_NS, (), (unwritable,), slow.outcomes.setdefault("bad", []).append))
    wait_until(lambda: bool(slow.outcomes["bad"]))
    assert slow.outcomes["bad"] == [Outcome([], [(7, 7, "the collector can't write it: UnicodeEncodeError")])]
    (aside,) = bench.reads.quarantined()
    assert (aside.first, aside.raw) == (7, b"")
    assert bench.reads.epochs(BOX)[0].refused == 1


def test_a_listener_that_fails_does_not_end_the_writer(bench: Bench) -> None:
    """Its answer is lost on the way; the next offer is settled as ever."""

    def fails(_: Outcome) -> None:
        raise ValueError("the line broke")

    bench.writer.put(Offer(BOX, EPOCH, NOW_NS, [row(1)], (), fails))
    assert bench.send(2, reports(2, 1)).held == ((2, 2),)


def test_an_error_of_the_disk_is_answered_later_and_passes(bench: Bench) -> None:
    """While writes fail nothing is held and boxes keep their data; afterwards everything goes on."""
    assert bench.send(1, reports(1, 2)).held == ((1, 2),)
    with files_no_larger_than(bench.path.with_name("journal.db-wal").stat().st_size):
        answer = bench.send(3, reports(3, 200))
        assert bench.take(b"garbage") is None
        trouble = bench.writer.trouble
    assert "the collector's journal takes nothing" in answer.later
    assert (answer.held, answer.refused) == ((), ())
    assert answer.later == trouble
    assert bench.send(3, reports(3, 200)).held == ((3, 202),)
    assert bench.writer.trouble == ""
    assert [seq for _, seq in bench.held()] == list(range(1, 203))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_answered_later_and_passes_with_room(tmp_path: Path) -> None:
    """On a disk of 1 MiB: held until it is full, `later` from then on, held again when there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(300_000))
        bench = Bench(disk)
        try:
            numbers = iter(range(1, 100_000, 100))
            held = set()
            while (answer := bench.send(first := next(numbers), reports(first, 100))).held:
                held |= set(range(first, first + 100))
            assert "full" in answer.later
            wait_until(lambda: bench.writer.disk_full)
            assert {seq for _, seq in bench.held()} == held
            ballast.unlink()
            assert bench.send(first, reports(first, 100)).held == ((first, first + 99),)
            wait_until(lambda: not bench.writer.disk_full)
            assert {seq for _, seq in bench.held()} == held | set(range(first, first + 100))
        finally:
            bench.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_recovers_is_noticed_without_a_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector in trouble tries by itself, so that its health does not wait for the next box."""
    monkeypatch.setattr("collector.store.writer._RETRY_S", 0.05)
    with files_no_larger_than(0):
        assert bench.send(1, reports(1, 1)).later
        assert bench.writer.trouble
    wait_until(lambda: not bench.writer.trouble)


def test_stopping_settles_what_waits(tmp_path: Path) -> None:
    """Everything that was taken is written and settled before the writer ends."""
    bench = Bench(tmp_path)
    pending = [bench.intake.take(BOX, batch(n, reports(n, 10))[1], NOW_NS) for n in range(1, 1001, 10)]
    bench.close()
    assert all(each.settled for each in pending)
    assert len(Reads(bench.journal).tests([(BOX, 0, None)], "latency")) == 1000


_VICTIM = """
import sys
from pathlib import Path
from tests.collector.workbench import BOX, Bench, batch, reports
bench = Bench(Path(sys.argv[1]))
def told(answer):
    sys.stdout.write(f"{answer.held[0][0]} {answer.held[0][1]}\\n")
    sys.stdout.flush()
first = int(sys.argv[2])
while True:
    bench.intake.take(BOX, batch(first, reports(first, 7))[1], bench.clock.wall_ns).then(told)
    first += 7
"""


def test_everything_answered_held_is_there_after_kill_9(tmp_path: Path) -> None:
    """A collector killed ten times at random moments: no number it said it holds is missing, none changed."""
    dice = random.Random(20261123)
    answered: set[int] = set()
    first = 1
    for _ in range(10):
        victim = subprocess.Popen(
            [sys.executable, "-c", _VICTIM, str(tmp_path), str(first)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert victim.stdout is not None
        lines = [victim.stdout.readline()]
        timer = threading.Timer(dice.uniform(0.0, 0.15), victim.kill)
        timer.start()
        lines += victim.stdout.readlines()
        victim.wait()
        timer.join()
        victim.stdout.close()
        for line in lines:
            if line.endswith("\n"):
                low, high = map(int, line.split())
                answered |= set(range(low, high + 1))
        first = max(answered) + 1
    kept = Reads(open_journal(tmp_path / "journal.db")).tests([(BOX, 0, None)], "latency")
    assert answered <= {row.seq for row in kept}
    assert all(row.report == report(row.seq) for row in kept)
    assert len(answered) > 100


def test_commits_are_timed_on_the_monotonic_clock(tmp_path: Path) -> None:
    """The figures say how long commits took and when the last one was."""
    journal, clock = open_journal(tmp_path / "a.db"), StillClock()
    writer = Writer(journal, clock)
    writer.start()
    told: list[Outcome] = []
    writer.put(Offer(BOX, EPOCH, NOW_NS, [row(1)], (), told.append))
    writer.stop()
    assert writer.figures.commit_seconds == pytest.approx(0.001)
    assert writer.figures.last_commit_at is not None
    assert 0.002 <= writer.figures.last_commit_at <= clock.readings / 1000
    assert sum(writer.figures.commit_counts) == writer.figures.commits == 1


def test_the_system_clock_tells_wall_time_and_never_steps() -> None:
    """Nanoseconds since 1970, and seconds that only rise."""
    clock = SystemClock()
    assert abs(clock.now_ns() - time.time_ns()) < 10**9  # noqa: TID251 - the door against the wall
    assert clock.monotonic() <= clock.monotonic()
    assert json.dumps(clock.now_ns()).isdigit()
