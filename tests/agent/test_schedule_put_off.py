"""Heavy tests that were put off come again, and those of once a week have their hours."""

import itertools
from datetime import datetime
from random import Random, SystemRandom

import pytest

from agent.strata import day_strata
from firstbell.catalogue import PROBES
from tests.agent.world import CHICAGO, DAY, HEAVY, LATENCY, World, at, make, slot

# --- put off ---


def test_a_test_that_may_not_run_comes_again_in_the_same_period() -> None:
    """Sent away for ten minutes each time, it comes again later in its period, never at its edges, then ends."""
    for seed in range(40):
        world = World(at("2026-05-05T09:30"))
        plan = make(world, HEAVY, random=Random(seed))
        came = []
        while world.wall_s < at("2026-05-05T11:30"):
            came += [when for when, _ in world.live(plan, 60)]
            if came and len(came) > len([w for w in came if w < world.wall_s - 60]):
                told = plan.put_off("internet", 600, world.stamp())
                assert told == (world.wall_s + 600 <= at("2026-05-05T11:23:30"))
        assert all(at("2026-05-05T09:35") <= when <= at("2026-05-05T11:23:30") for when in came)
        assert all(later - sooner >= 600 - 60 for sooner, later in itertools.pairwise(came))


def test_boxes_that_were_sent_away_together_do_not_come_back_together() -> None:
    """Forty clones that were sent away at one moment come back at forty moments, spread over the rest."""
    back = []
    for _ in range(40):
        world = World(at("2026-05-05T09:36"))
        plan = make(world, HEAVY, random=SystemRandom())
        plan.due(world.monotonic, world.stamp())
        assert plan.put_off("internet", 60, world.stamp())
        back += [wall_s for wall_s, _ in world.live(plan, at("2026-05-05T11:30") - world.wall_s)]
    assert len(back) == len(set(back)) == 40
    assert max(back) - min(back) > 3600


def test_only_heavy_probes_are_put_off() -> None:
    """A cheap probe, or one that the box does not have, has no moment to put off."""
    world = World(at("2026-05-05T09:36"))
    plan = make(world, HEAVY, LATENCY)
    plan.due(world.monotonic, world.stamp())
    assert not plan.put_off("latency", 60, world.stamp())
    assert not plan.put_off("capacity", 60, world.stamp())


# --- once a week ---


def weekly(seed: int, begin: str, end: str) -> list[float]:
    """When the weekly test of a box ran between two days."""
    world = World(at(begin))
    ran = world.live(make(world, PROBES["capacity"], random=Random(seed)), at(end) - at(begin))
    return [wall_s for wall_s, _ in ran]


@pytest.mark.slow
def test_a_weekly_test_runs_once_in_each_week_around_school() -> None:
    """Through both changes of the clocks: one in each of 52 weeks, none in class, at night or at an edge."""
    ran = weekly(3, "2026-01-05", "2027-01-04")
    weeks = [datetime.fromtimestamp(when, CHICAGO).isocalendar()[:2] for when in ran]
    assert len(ran) == len(set(weeks)) == 52
    assert {slot(when)[1] for when in ran} == {1, 6, 7}
    margins = [min(when - s.start_s, s.end_s - when) for when in ran for s in day_strata(when, CHICAGO)[:1]]
    assert min(margins) >= 300 - 1


@pytest.mark.slow
def test_a_weekly_test_that_was_put_off_comes_later_in_the_week() -> None:
    """With no room left in its stretch it takes another one of the same week, also the very next."""
    for seed in range(30):
        world = World(at("2026-05-04"))
        plan = make(world, PROBES["capacity"], random=Random(seed))
        (first,) = (when for when, _ in world.live(plan, at("2026-05-11") - world.wall_s))
        world = World(at("2026-05-04"))
        plan = make(world, PROBES["capacity"], random=Random(seed))
        world.live(plan, first - world.wall_s + 1)
        if plan.put_off("capacity", 4 * 3600, world.stamp()):
            (again,) = (when for when, _ in world.live(plan, at("2026-05-11") - world.wall_s))
            assert again - first >= 4 * 3600 - 1
            assert slot(again)[1] in {1, 6, 7}
        else:
            assert first > at("2026-05-10T19:50")


def test_nobody_knows_the_week_while_the_clock_is_doubted() -> None:
    """Without a vouched clock no weekly test runs: nobody could say that school is out."""
    world = World(synchronised=False)
    assert world.live(make(world, PROBES["capacity"]), 14 * DAY) == []
