"""Cheap probes keep their rhythm, whatever the clock does."""

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.catalogue import PROBES
from tests.agent.world import HEAVY, LATENCY, World, at, make, slot
from tests.support.uniform import chi_square


def times(ran: list[tuple[float, str]], name: str) -> list[float]:
    """When a probe ran."""
    return [wall_s for wall_s, told in ran if told == name]


@given(st.integers(0, 2**32), st.sampled_from([10.0, 60.0, 300.0]))
@settings(max_examples=30)
def test_cheap_probes_keep_their_rhythm(seed: int, every_s: float) -> None:
    """In 100 rhythms it runs 100 times, give or take one; no gap is a tenth away from the rhythm."""
    world = World()
    ran = world.live(make(world, LATENCY._replace(every_s=every_s), random=Random(seed)), 100 * every_s)
    runs = times(ran, "latency")
    assert 99 <= len(runs) <= 101
    assert runs[0] - 1_780_000_000 <= every_s
    gaps = [after - before for before, after in itertools.pairwise(runs)]
    assert 0.9 * every_s - 0.01 <= min(gaps) < max(gaps) <= 1.1 * every_s + 0.01
    assert len({round(gap, 3) for gap in gaps}) > 50


def test_a_fleet_never_beats_together() -> None:
    """Of 1,000 boxes that got power at once, runs spread evenly over the minute, at once and an hour on."""
    phases: dict[int, list[float]] = {0: [], 3600: []}
    for seed in range(1000):
        world = World()
        plan = make(world, LATENCY, random=Random(seed))
        for hour, found in phases.items():
            world.go(hour)
            runs = times(world.live(plan, 200), "latency")
            found.append((runs[-1] - 1_780_000_000) % 60 / 60)
    assert all(chi_square(found) < 27.88 for found in phases.values())


@given(st.floats(66.1, 100_000), st.integers(0, 2**32))
def test_missed_turns_come_once(late_s: float, seed: int) -> None:
    """However long nobody looked, a cheap probe is due once, and again half a rhythm later at the earliest."""
    world = World()
    plan = make(world, LATENCY, random=Random(seed))
    world.live(plan, 130)
    world.go(late_s)
    assert plan.due(world.monotonic, world.stamp()) == ["latency"]
    back = world.wall_s
    following = times(world.live(plan, 100), "latency")
    assert 30 <= following[0] - back <= 96


def test_a_step_of_the_wall_clock_does_not_touch_the_rhythm() -> None:
    """Stepped by years both ways, the latency probe still runs once a minute."""
    world = World()
    plan = make(world, LATENCY)
    ran = []
    for step in (3e7, -6e7, 3e7, -1_780_000_000):
        world.wall_s += step
        ran.append(len(world.live(plan, 600)))
    assert ran == pytest.approx([10] * 4, abs=1)


def test_first_now_runs_each_probe_once_at_once() -> None:
    """`up` sees cheap probes at once and the heavy one in ten seconds, in place of this period's test."""
    world = World(at("2026-05-05T07:30"))
    plan = make(world, LATENCY, PROBES["host"], HEAVY, first_now=True)
    assert plan.due(world.monotonic, world.stamp()) == ["latency", "host"]
    assert times(world.live(plan, 30), "internet") == [pytest.approx(at("2026-05-05T07:30:10"), abs=0.1)]
    later = times(world.live(plan, at("2026-05-05T11:30") - world.wall_s), "internet")
    assert [slot(wall_s)[1] for wall_s in later] == [3]


def test_a_nudge_makes_the_cheap_probes_due_once_a_minute() -> None:
    """A nudge is followed at once, a second one within the minute is not, and heavy probes never hear it."""
    world = World(at("2026-05-05T07:30"))
    plan = make(world, PROBES["host"], PROBES["box"], HEAVY)
    assert plan.nudge(world.monotonic)
    assert plan.wait(world.monotonic, world.stamp()) == 0
    assert plan.due(world.monotonic, world.stamp()) == ["host", "box"]
    world.go(59)
    assert not plan.nudge(world.monotonic)
    world.go(1)
    assert plan.nudge(world.monotonic)
    assert "internet" not in plan.due(world.monotonic, world.stamp())


def test_a_nudge_does_not_double_the_turn_that_follows() -> None:
    """After a nudge the next turn of the rhythm is at least half of it away."""
    world = World()
    plan = make(world, PROBES["host"])
    for _ in range(20):
        world.live(plan, 290)
        assert plan.nudge(world.monotonic)
        nudged = world.wall_s
        runs = times(world.live(plan, 200), "host")
        assert runs[0] == nudged
        assert all(after - nudged >= 150 - 1e-6 for after in runs[1:])
