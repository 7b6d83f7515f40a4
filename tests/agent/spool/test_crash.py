"""A real process is killed in the middle of its puts: what a put had returned for is there."""

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.support.clocks import HandClock
from tests.support.spools import spool_at, stored

CHILD = """
import random, sys
from agent.machine.clock import SystemClock
from agent.spool import Spool
from firstbell.report import Draft, Status

clock = SystemClock()
spool = Spool.open(sys.argv[1], max_bytes=1 << 24, clock=clock, random=random.SystemRandom())
number = int(sys.argv[2])
while True:
    pair = [number, number + 1]
    spool.put([
        Draft(probe="latency", status=Status.OK, readings={"bytes_sent": n}, stamp=clock.stamp(), duration_s=0.1)
        for n in pair
    ])
    print(number, flush=True)
    number += 2
"""
ROUNDS = 6


def test_every_put_that_returned_survives_kill_9(tmp_path: Path, clock: HandClock) -> None:
    """After each of several kills at random moments no stored number is missing, doubled or out of order."""
    path, chance = tmp_path / "spool.db", random.Random(20260921)
    done: set[int] = set()
    for number in range(ROUNDS):
        done |= killed_after(path, number * 1_000_000, chance.uniform(0.02, 0.3))
    with spool_at(path, clock) as spool:
        found = stored(spool)
    epochs: dict[str, list[int]] = {}
    for epoch, seq in found:
        epochs.setdefault(epoch, []).append(seq)
    assert len(epochs) == ROUNDS + 1
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in epochs.values())
    kept = [number for number in found.values() if number is not None]
    assert done <= set(kept)
    assert len(done) >= 4 * ROUNDS
    assert kept == sorted(set(kept))
    # A put is all or nothing: the pairs are whole, and at most the last of a round was not reported.
    assert {number // 2 for number in kept if kept.count(number ^ 1) != 1} == set()
    assert len(set(kept) - done) <= 2 * ROUNDS


def killed_after(path: Path, number: int, seconds: float) -> set[int]:
    """The numbers for which `put` had returned when the process was killed, `seconds` after its first."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(number)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline(), child.stdout.readline()]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            lines.append(child.stdout.readline())
        child.kill()
        lines += child.stdout.read().splitlines()
    return {number + step for line in lines for number in [int(line)] for step in (0, 1)}
