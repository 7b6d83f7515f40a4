"""The writer derives in its spare time: all of it while nobody waits, a tenth while somebody does."""

import sqlite3
from contextlib import closing

import pytest

from collector.store.derived.deriver import Deriver
from collector.store.derived.spare import Spare


class HandClock:
    """Moves as the test says."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now_ns(self) -> int:
        """Nobody asks."""
        return 0

    def monotonic(self) -> float:
        """Where the test put it."""
        return self.seconds


class Steps:
    """Steps that take 0.2 seconds each and never end, until they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.taken, self.more = HandClock(), 0, True
        monkeypatch.setattr(Deriver, "step", lambda _deriver, _db: self._step())
        self.spare = Spare(self.clock)

    def _step(self) -> bool:
        self.taken += 1
        self.clock.seconds += 0.2
        return self.more

    def use(self, *, idle: bool) -> None:
        """What the writer does after each group."""
        with closing(sqlite3.connect(":memory:")) as db:
            self.spare.use(db, idle=idle)


def test_while_others_wait_it_takes_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty seconds of groups that take 10 ms each: ten steps of 0.2 seconds."""
    steps = Steps(monkeypatch)
    while steps.clock.seconds < 120:
        steps.clock.seconds += 0.01
        steps.use(idle=False)
    assert steps.taken == 10


def test_while_nobody_waits_it_goes_on_until_it_has_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step after step; then it looks again only when new reports came, and a second has gone by."""
    steps = Steps(monkeypatch)
    for _ in range(5):
        assert steps.spare.wait_s() == 0
        steps.use(idle=True)
    assert steps.taken == 5
    steps.more = False
    steps.use(idle=True)
    assert steps.spare.wait_s() is None
    steps.spare.taken()
    assert steps.spare.wait_s() == pytest.approx(1.0)
    steps.use(idle=True)
    assert steps.taken == 6
    steps.clock.seconds += 1.0
    steps.use(idle=True)
    assert steps.taken == 7


def test_after_a_failure_it_leaves_it_alone_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether anybody waits or not."""
    steps = Steps(monkeypatch)
    steps.spare.pause()
    steps.clock.seconds += 59
    steps.use(idle=True)
    steps.use(idle=False)
    assert steps.taken == 0
    steps.clock.seconds += 2
    steps.use(idle=True)
    assert steps.taken == 1
