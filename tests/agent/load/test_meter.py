"""The watch over bytes, with a clock that stands still."""

import pytest

from agent.load.meter import Meter, Phase
from tests.support.machines import FakeClock


class Stuck:
    """A transfer that waits for the network with `held` bytes in the kernel's hands."""

    def __init__(self, held: int) -> None:
        self.held, self.cuts = held, 0

    def cut(self) -> int:
        """Note it."""
        self.cuts += 1
        return self.held


@pytest.fixture
def clock() -> FakeClock:
    """Stands still."""
    return FakeClock()


@pytest.fixture
def meter(clock: FakeClock) -> Meter:
    """With a phase of 10 s and 1,514,000 bytes of the port: 1,448,000 of payload."""
    meter = Meter(clock.monotonic)
    meter.begin(max_bytes=1_514_000, seconds=10, started=lambda: None)
    return meter


def test_a_phase_ends_at_its_bytes_both_ways_together(meter: Meter) -> None:
    """1,447,999 bytes of payload are not yet the ceiling, one more is."""
    meter.began()
    meter.count(received=1_000_000, sent=447_000)
    assert not meter.isSet()
    meter.count(sent=1000)
    assert meter.isSet()
    assert meter.phase.full


def test_the_seconds_begin_with_the_first_transfer(meter: Meter, clock: FakeClock) -> None:
    """What an engine prepares is not the line's time."""
    clock.seconds += 100
    assert not meter.over()
    meter.began()
    clock.seconds += 9.9
    meter.began()
    assert not meter.over()
    clock.seconds += 0.1
    assert meter.over()


def test_a_new_phase_starts_from_what_all_have_used(meter: Meter) -> None:
    """The second direction has what the first has left of the ceiling."""
    meter.began()
    meter.count(received=1_448_000)
    meter.begin(max_bytes=3_028_000, seconds=10, started=lambda: None)
    meter.began()
    assert not meter.over()
    meter.count(sent=1_448_000)
    assert meter.over()
    assert (meter.port_received, meter.port_sent) == (1_514_000, 1_514_000)


def test_started_is_called_once_when_the_first_transfer_begins(clock: FakeClock) -> None:
    """Whoever measures around the test begins with it."""
    calls = []
    meter = Meter(clock.monotonic)
    meter.begin(max_bytes=1, seconds=1, started=lambda: calls.append(1))
    assert calls == []
    meter.began()
    meter.began()
    assert calls == [1]


def test_unread_bytes_are_the_ports_and_unacknowledged_ones_are_not(meter: Meter) -> None:
    """1448 read and 1448 unread came in by the port; of 2896 handed over 1448 have left."""
    meter.count(received=1448, unread=1448, sent=2896, unsent=1448)
    assert (meter.port_received, meter.port_sent, meter.phase.delivered) == (3028, 1514, 1448)


def test_at_the_end_what_is_stuck_is_cut_once(meter: Meter, clock: FakeClock) -> None:
    """A transfer that is under way is cut when time is up, not before, and what it held has not left."""
    stuck, done = Stuck(held=500), Stuck(held=0)
    meter.began()
    phase = meter.enter(stuck)
    assert meter.leave(done, meter.enter(done))
    meter.count(sent=2000)
    meter.look()
    assert stuck.cuts == 0
    clock.seconds += 12
    meter.look()
    meter.look()
    assert (stuck.cuts, done.cuts) == (1, 0)
    assert phase.delivered == 1500
    assert phase.end_s == clock.seconds
    assert not meter.leave(stuck, phase)


def test_what_breaks_at_the_end_is_nobodys_fault(meter: Meter) -> None:
    """A transfer that breaks counts, unless all have to stop anyway."""
    meter.began()
    meter.broke(ConnectionResetError())
    meter.stop()
    meter.broke(BrokenPipeError())
    assert meter.phase.broken == 1
    assert isinstance(meter.phase.first_trouble, ConnectionResetError)


def test_a_stop_is_for_every_phase(meter: Meter) -> None:
    """Once stopped, a new direction is over before it begins."""
    meter.stop()
    phase: Phase = meter.begin(max_bytes=10**9, seconds=10, started=lambda: None)
    assert meter.over()
    assert phase.begin_s is None
