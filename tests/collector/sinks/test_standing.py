"""A server that was started anew: what it may have lost goes out again, so much of it, and not without end."""

from collections.abc import Callable

import pytest

from collector.sinks import standing
from tests.support.shipping import Road, reports

HOUR_NS = 3600 * 10**9
COUNT = 10


@pytest.fixture
def started(way: Road, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Ten reports are out; then, of the server's run by its own word: how many go out when one ships."""
    now = ["run-0"]
    monkeypatch.setattr(way.door, "run", lambda: now[0])
    way.bench.send(1, reports(1, COUNT))
    way.ship()

    def ship(run: str) -> int:
        now[0] = run
        state = way.outbox.state()
        return way.ship().shipped - (state.shipped if state else 0)

    return ship


def test_each_new_run_gets_again_what_the_one_before_took(started: Callable[[str], int], way: Road) -> None:
    """Once, and of a run that goes on nothing."""
    assert [started(run) for run in ("run-0", "run-1", "run-1", "run-2", "run-2")] == [0, COUNT, 0, COUNT, 0]
    assert way.wrong() == []


def test_no_more_goes_out_again_than_a_server_can_have_lost(
    started: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a bucket of years only the last reports: so many at most."""
    monkeypatch.setattr(standing, "AGAIN_AFTER_RESTART", 3)
    assert started("run-1") == 3


def test_one_that_says_nothing_of_its_runs_is_left_alone(started: Callable[[str], int]) -> None:
    """A proxy that hides it, for a while or for ever: neither its silence nor its return is a start."""
    assert [started(run) for run in ("", "run-0", "", "run-0")] == [0, 0, 0, 0]


def test_two_behind_one_address_take_turns_for_nothing(started: Callable[[str], int]) -> None:
    """Each of them is new once."""
    assert [started(run) for run in ("run-1", *["run-0", "run-1"] * 4)] == [COUNT, *[0, 0] * 4]


def test_one_that_starts_again_and_again_is_sent_to_some_times_an_hour(
    started: Callable[[str], int], way: Road
) -> None:
    """Six times; the runs after that wait, and what they took goes out when the hour is over."""
    assert [started(f"run-{number}") for number in range(1, 10)] == [COUNT] * 6 + [0] * 3
    way.bench.send(COUNT + 1, reports(COUNT + 1, 5))
    assert started("run-10") == 5
    way.bench.clock.passes(HOUR_NS)
    assert [started("run-10"), started("run-10")] == [COUNT + 5, 0]
    assert way.wrong() == []
