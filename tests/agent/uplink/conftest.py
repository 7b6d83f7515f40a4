"""A sender between a real spool and a line in the test's hand."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.spool import Spool
from agent.uplink.progress import Progress
from agent.uplink.sender import Sender
from firstbell import wire
from firstbell.wire import Answer
from tests.support.clocks import HandClock
from tests.support.lines import AGENT, HandCollector, HandLine
from tests.support.spools import draft, open_spool

ASK_AFTER_S = 600.0
STEP_S = 0.25


@dataclass
class Uplink:
    """Everything between a measurement and the collector, on one clock."""

    clock: HandClock
    spool: Spool
    line: HandLine
    collector: HandCollector
    sender: Sender
    progress: Progress
    nudges: list[float] = field(default_factory=list)

    def run(
        self, seconds: float, *, until: Callable[[], bool] = lambda: False, step_s: float = STEP_S
    ) -> float:
        """Let time go by, `step_s` at a time; how much of it went before `until` held."""
        end = self.clock.monotonic() + seconds
        began = self.clock.monotonic()
        while self.clock.monotonic() < end and not until():
            self.sender.step()
            self.collector.work()
            self.clock.advance(step_s)
        return self.clock.monotonic() - began

    def put(self, count: int, first: int = 0, gap_s: float = 0.001) -> None:
        """Measure something, `count` times."""
        for number in range(first, first + count):
            self.clock.advance(gap_s)
            self.spool.put([draft(self.clock, number)])

    def hears(self, **fields: object) -> None:
        """Say something to the box at once, in the collector's name."""
        made = Answer(**{"journal": "journal-1", "now_ns": self.clock.true_ns, **fields})  # type: ignore[arg-type]
        self.line.receive("answer", wire.encode(made))

    def drained(self) -> bool:
        """Whether the spool is empty."""
        return not self.spool.waiting()


@pytest.fixture
def uplink(tmp_path: Path, clock: HandClock) -> Iterator[Uplink]:
    """A box under NTP, connected, with a collector that does its work."""
    spool = open_spool(tmp_path / "spool.db", clock, 64 << 20)
    made = join(clock, spool)
    made.line.up()
    yield made
    spool.close()


@pytest.fixture
def joined() -> Callable[[HandClock, Spool], Uplink]:
    """Joins a spool that the test opened itself to a line and a collector."""
    return join


def join(clock: HandClock, spool: Spool) -> Uplink:
    """A sender on `spool`, a line that is down, and a collector."""
    line = HandLine(clock)
    progress = Progress(clock)
    nudges: list[float] = []
    sender = Sender(
        AGENT,
        spool,
        line,
        clock,
        random.Random(7),
        progress,
        lambda: nudges.append(clock.monotonic()),
        ask_time_after_s=ASK_AFTER_S,
    )
    line.open(sender.receive, sender.wake, lambda: progress.note("attempted"))
    return Uplink(clock, spool, line, HandCollector(line, clock), sender, progress, nudges)
