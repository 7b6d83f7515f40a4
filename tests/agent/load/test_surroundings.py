"""What went on around a test, from counters that a test sets."""

import pytest

from agent.load.meter import Phase
from agent.load.surroundings import Surroundings
from agent.machine.counters import Port, Processor
from tests.support.machines import FakeMachine


def run(
    fake: FakeMachine, *, port: Port, own: int, mine_s: float = 1.0, interface: str = "eth0"
) -> Surroundings:
    """Ten seconds down in which the test received `own` bytes of payload and the port stood at `port` after."""
    fake.counters.ports["eth0"] = Port(0, 0)
    around = Surroundings(fake.machine, interface)
    around.begin()
    fake.clock.seconds += 10
    fake.counters.busy, fake.counters.mine_s = Processor(8.0, 40.0), mine_s
    fake.counters.ports["eth0"] = port
    phase = Phase()
    phase.received = own
    around.end("download", phase)
    return around


def test_the_tests_own_bytes_are_no_cross_traffic(fake: FakeMachine) -> None:
    """1448 bytes of payload for each 1514 of the port: nobody else was there."""
    assert run(fake, port=Port(1_514_000, 9_999_999), own=1_448_000).cross_traffic_pct == pytest.approx(0.0)


def test_a_neighbours_bytes_are(fake: FakeMachine) -> None:
    """Half of what came in was not the test's."""
    assert run(fake, port=Port(3_028_000, 0), own=1_448_000).cross_traffic_pct == pytest.approx(50.0)


def test_the_busier_direction_counts(fake: FakeMachine) -> None:
    """Half of what came in was somebody else's, and nothing of what went out: 50 %, not 25."""
    around = run(fake, port=Port(3_028_000, 0), own=1_448_000)
    around.begin()
    fake.counters.ports["eth0"] = Port(3_028_000, 3_028_000)
    phase = Phase()
    phase.sent = 2_896_000
    around.end("upload", phase)
    assert around.cross_traffic_pct == pytest.approx(50.0)


def test_less_on_the_port_than_in_the_test_is_no_cross_traffic(fake: FakeMachine) -> None:
    """A test that went by another port leaves nothing to say but 0."""
    assert run(fake, port=Port(1000, 0), own=1_448_000).cross_traffic_pct == 0.0


def test_without_a_port_nothing_is_said(fake: FakeMachine) -> None:
    """No interface, and an interface that carried nothing, have no share."""
    assert run(fake, port=Port(5000, 0), own=1, interface="").cross_traffic_pct is None
    assert run(fake, port=Port(0, 0), own=0).cross_traffic_pct is None


def test_processor_time_is_of_all_cores_and_of_one(fake: FakeMachine) -> None:
    """8 of 40 core seconds are 20 %; 9 s of ours in 10 s are 90 % of a core."""
    around = run(fake, port=Port(0, 0), own=0, mine_s=9.0)
    assert around.cpu_busy_pct == pytest.approx(20.0)
    assert around.own_processor_pct == pytest.approx(90.0)


def test_a_direction_that_never_began_says_nothing(fake: FakeMachine) -> None:
    """An end without a beginning leaves everything unknown."""
    around = Surroundings(fake.machine, "eth0")
    around.end("upload", Phase())
    assert (around.cpu_busy_pct, around.cross_traffic_pct, around.own_processor_pct) == (None, None, 0.0)
