"""When probes run, on a simulated machine whose clocks can be stepped, put to sleep and doubted."""

import functools
import itertools
import math
from collections import Counter
from random import Random, SystemRandom
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from agent import strata
from agent.strata import day_strata
from firstbell.catalogue import PROBES
from firstbell.district import edges
from tests.agent.world import CHICAGO, DAY, HEAVY, LATENCY, LINCOLN, World, at, make, slot
from tests.support.uniform import chi_square, ks_distance


@functools.cache
def year() -> tuple[float, ...]:
    """When the heavy tests of 2026 in Chicago ran."""
    world = World(at("2026-01-01"))
    plan = make(world, HEAVY, random=Random(2026))
    return tuple(wall_s for wall_s, _ in world.live(plan, at("2027-01-01") - at("2026-01-01")))


def places() -> list[tuple[int, float]]:
    """Slot of the day, and where in it, its edges left away (0 to 1), for each test of the year."""
    spans = [(wall_s, day_strata(wall_s, CHICAGO)[0]) for wall_s in year()]
    return [
        (slot(wall_s)[1], (wall_s - s.start_s - 300) / (s.end_s - s.start_s - 690)) for wall_s, s in spans
    ]


# --- the day ---


def test_box_and_district_cut_the_day_alike() -> None:
    """A box's stretches are the periods by which the district reads its tests."""
    assert edges(LINCOLN) == strata.PERIODS


@pytest.mark.parametrize(
    ("begins", "hours"), [("2026-03-07", 5), ("2026-03-08", 4), ("2026-10-31", 5), ("2026-11-01", 6)]
)
def test_night_of_the_change_is_an_hour_shorter_or_longer(begins: str, hours: int) -> None:
    """On 8 March and 1 November 2026 Chicago's night has 4 and 6 hours; the days before have 5."""
    night, before_school = day_strata(at(begins) + 60, CHICAGO)
    assert (night.start_s, night.end_s - night.start_s) == (at(begins), hours * 3600)
    assert before_school.end_s - before_school.start_s == 2.5 * 3600


ZONES = [
    "America/New_York",
    "America/Santiago",  # changes at midnight
    "America/St_Johns",  # once changed at 00:01
    "Australia/Lord_Howe",  # by half an hour
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Pacific/Apia",  # left out a day in 2011
    "UTC",
]


@given(st.sampled_from(ZONES), st.floats(at("2006-01-01"), at("2032-01-01")))
def test_stretches_follow_each_other_without_gap_or_overlap(zone: str, wall_s: float) -> None:
    """Wherever and whenever: the stretch holds the moment, and its neighbours begin and end where it does."""
    here, following = day_strata(wall_s, ZoneInfo(zone))
    assert here.start_s <= wall_s < here.end_s == following.start_s < following.end_s
    assert day_strata(here.end_s, ZoneInfo(zone))[0] == following
    assert day_strata(here.start_s - 1, ZoneInfo(zone))[1] == here
    assert here.end_s - here.start_s <= 7 * 3600


# --- heavy tests ---


@pytest.mark.slow
def test_every_day_of_a_year_has_one_test_in_each_period() -> None:
    """365 days of 8 periods, days of 23 and 25 hours among them: 2,920 tests, none missing, none double."""
    tests = Counter(slot(wall_s) for wall_s in year())
    assert len(tests) == 2920
    assert set(tests.values()) == {1}


def test_moments_are_uniform_in_their_period() -> None:
    """No minute but the first five and the last six and a half is favoured or left out, over all periods and in each of the eight."""
    found = places()
    assert all(-1e-4 <= share <= 1 + 1e-4 for _, share in found)
    assert chi_square([share for _, share in found]) < 27.88
    for eighth in range(8):
        assert ks_distance([share for of, share in found if of == eighth]) < 1.95


def test_a_moment_says_nothing_of_the_next() -> None:
    """The correlation of neighbours is within 4 / sqrt(2919) = 0.074 of none."""
    shares = [share - 0.5 for _, share in places()]
    products = [one * other for one, other in itertools.pairwise(shares)]
    assert abs(sum(products) / sum(share * share for share in shares)) < 0.074


def test_a_start_in_mid_period_does_not_favour_its_rest() -> None:
    """Boxes that start late in a period test in the rest as often as it is long without its edge, evenly."""
    rest = []
    for seed in range(2000):
        world = World(at("2026-05-05T09:00"))
        ran = world.live(make(world, HEAVY, random=Random(seed)), 1799)
        assert len(ran) <= 1
        rest += [(wall_s - at("2026-05-05T09:00")) / 1500 for wall_s, _ in ran]
    assert len(rest) / 2000 == pytest.approx(1410 / 6510, abs=0.04)
    assert ks_distance(rest) < 1.95


def test_clones_of_one_card_differ() -> None:
    """Two boxes that start at the same instant with the same settings test at other moments."""
    ran = []
    for _ in range(2):
        world = World(at("2026-05-05"))
        ran.append(world.live(make(world, HEAVY, LATENCY, random=SystemRandom()), DAY))
    for name in ("internet", "latency"):
        one, other = ({wall_s for wall_s, told in box if told == name} for box in ran)
        assert one.isdisjoint(other)


def test_heavy_probes_have_moments_of_their_own() -> None:
    """Two kinds of heavy tests each have their eight a day, not at the same time."""
    world = World(at("2026-05-05"))
    ran = world.live(make(world, HEAVY, PROBES["throughput"]), DAY)
    assert Counter(name for _, name in ran) == {"internet": 8, "throughput": 8}
    assert len({wall_s for wall_s, _ in ran}) == 16


@pytest.mark.parametrize("wall_s", [0.0, 1_780_000_000.0])
def test_an_unknown_clock_tests_every_three_hours_of_uptime(wall_s: float) -> None:
    """At 1970, or at any time that nobody vouches for, the stretches are three hours since the boot."""
    world = World(wall_s, synchronised=False)
    world.boot_s = 0.0
    ran = world.live(make(world, HEAVY), 2 * DAY)
    assert [int((when - wall_s) // 10_800) for when, _ in ran] == list(range(16))


def test_a_clock_of_1970_is_not_believed_though_somebody_vouches() -> None:
    """After a false word of the time the stretches are those of the uptime."""
    world = World(3_000.0, synchronised=True)
    world.boot_s = 0.0
    ran = world.live(make(world, HEAVY), DAY)
    assert [int((when - 3_000) // 10_800) for when, _ in ran] == list(range(8))


def test_a_time_server_that_comes_and_goes_adds_no_tests() -> None:
    """Synchronised or not, each period of the day has one test once the time was known."""
    world = World(at("2026-05-05"))
    plan = make(world, HEAVY)
    ran = []
    for hour in range(24):
        world.synchronised = hour % 2 == 0
        ran += world.live(plan, 3600)
    assert [slot(wall_s)[1] for wall_s, _ in ran] == list(range(8))


def test_first_sync_changes_to_the_day() -> None:
    """A Pi that woke at 1970 and learns the time at noon keeps the day's periods from then on."""
    world = World(0.0, synchronised=False)
    plan = make(world, HEAVY)
    world.live(plan, 600)
    world.wall_s, world.synchronised = at("2026-05-05T11:30"), True
    ran = world.live(plan, at("2026-05-06") - world.wall_s)
    assert [slot(wall_s)[1] for wall_s, _ in ran] == [4, 5, 6, 7]


def test_a_day_slept_through_is_not_made_up_for() -> None:
    """After a day under a closed lid nothing but the cheap probes' next turn is due."""
    world = World(at("2026-05-05T05:00"))
    plan = make(world, HEAVY, LATENCY)
    world.live(plan, 600)
    world.sleep(DAY)
    assert [name for _, name in world.live(plan, 61)].count("internet") == 0
    later = world.live(plan, at("2026-05-06T07:30") - world.wall_s)
    assert [name for _, name in later].count("internet") <= 1


@pytest.mark.parametrize(("nap_s", "tests"), [(121, 0), (119, 8)])
def test_a_moment_that_was_slept_through_is_no_test(nap_s: float, tests: int) -> None:
    """A box that dozes two minutes at a time tests never at a random wake-up; a busy one is late by less."""
    world = World(at("2026-05-05T00:00"))
    plan = make(world, HEAVY)
    ran = list(plan.due(world.monotonic, world.stamp()))
    while world.wall_s < at("2026-05-06T00:00"):
        world.sleep(nap_s)
        ran += plan.due(world.monotonic, world.stamp())
    assert len(ran) == tests


def test_a_test_is_not_repeated_when_the_clock_steps_back() -> None:
    """Stepped back by a day after each period, the box does not live that period's test twice."""
    world = World(at("2026-05-05"))
    plan = make(world, HEAVY)
    first = world.live(plan, DAY)
    world.wall_s -= DAY
    again = world.live(plan, DAY)
    assert (len(first), len(again)) == (8, 0)


def test_a_period_that_was_stepped_over_is_lived_when_the_clock_steps_back() -> None:
    """A false time for a moment costs no tests: the box goes on as if it had not been."""
    world = World(at("2026-05-05"))
    plan = make(world, HEAVY)
    ran = world.live(plan, 3600)
    world.wall_s += DAY / 2
    assert plan.due(world.monotonic, world.stamp()) == []
    world.wall_s -= DAY / 2
    ran += world.live(plan, at("2026-05-06") - world.wall_s)
    assert [slot(wall_s)[1] for wall_s, _ in ran] == list(range(8))


def test_a_step_during_a_wait_is_noticed_within_a_minute() -> None:
    """No wait is longer than a minute, however far the next moment is."""
    world = World(at("2026-05-05"))
    plan = make(world, HEAVY)
    assert 0 < plan.wait(world.monotonic, world.stamp()) <= 60


class LastMoment(Random):
    """Draws moments at the very end of each stretch: 0.7 to 2.5 s before it is over."""

    def random(self) -> float:
        """A number in [0, 1), as the base's."""
        return 0.9999


def test_a_busy_box_is_late_but_misses_nothing() -> None:
    """Looking up to 50 s late each time, the box still has each test, though its period is over by then."""
    world = World(at("2026-05-05"))
    plan = make(world, HEAVY, random=LastMoment())
    ran = []
    for turn in range(24 * 60):
        if plan.due(world.monotonic, world.stamp()):
            ran.append(slot(world.wall_s - 50)[1])
        world.go(plan.wait(world.monotonic, world.stamp()) + turn % 50)
    assert ran[:8] == list(range(8))


def test_what_came_due_in_between_is_not_waited_for() -> None:
    """A moment that passes between looking and waiting makes the wait 0."""
    world = World(at("2026-05-05"))
    plan = make(world, HEAVY, random=LastMoment())
    world.go(5 * 3600 - 390 - 10)
    assert plan.due(world.monotonic, world.stamp()) == []
    world.go(20)
    assert plan.wait(world.monotonic, world.stamp()) == 0
    assert plan.due(world.monotonic, world.stamp()) == ["internet"]


# --- all of it together ---


class Life(RuleBasedStateMachine):
    """A box lives through sleep, steps both ways and doubt; what ran is held against a simple book."""

    @initialize(seed=st.integers(0, 2**32), known=st.booleans(), start=st.floats(0, 365 * DAY))
    def begin(self, seed: int, known: bool, start: float) -> None:
        """A box gets power at some time of the year."""
        self.world = World(at("2026-01-01") + start, synchronised=known)
        self.plan = make(self.world, HEAVY, LATENCY, random=Random(seed))
        self.known = False
        self.tested: Counter[tuple[object, ...]] = Counter()
        self.latency = -math.inf
        self.look()

    def key(self) -> tuple[object, ...]:
        """The stretch of now, by the district's own reckoning."""
        if self.known and self.world.wall_s >= at("2025-01-01T00:00", ZoneInfo("UTC")):
            return slot(self.world.wall_s)
        return ("uptime", self.world.boot_s // 10_800)

    @rule(seconds=st.floats(1, 5 * 3600))
    def stay_awake(self, seconds: float) -> None:
        """Time passes; each stretch that is lived from end to end has had its test, now or before."""
        entered = self.look()
        lived: list[tuple[object, ...]] = []
        while seconds > 0:
            step = min(max(self.plan.wait(self.world.monotonic, self.world.stamp()), 1e-3), seconds)
            self.world.go(step)
            seconds -= step
            key = self.look()
            if key != entered:
                lived.append(entered)
                entered = key
        assert all(self.tested[key] == 1 for key in lived[1:])

    @rule(seconds=st.floats(1, 3 * DAY))
    def close_the_lid(self, seconds: float) -> None:
        """The machine sleeps; what it missed does not come at once."""
        self.world.sleep(seconds)
        self.look()

    @rule(seconds=st.floats(-10 * DAY, 10 * DAY))
    def step(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.world.wall_s += seconds
        self.look()

    @rule()
    def forget(self) -> None:
        """The clock falls back to 1970."""
        self.world.wall_s, self.world.synchronised = 60.0, False
        self.look()

    @rule(known=st.booleans(), start=st.floats(0, 365 * DAY))
    def hear_of_time(self, known: bool, start: float) -> None:
        """A time server says the time, or falls silent."""
        if known:
            self.world.wall_s = at("2026-01-01") + start
        self.world.synchronised = known
        self.look()

    def look(self) -> tuple[object, ...]:
        """One turn of the box's loop; the stretch in which it was."""
        self.known = self.known or self.world.synchronised
        key = self.key()
        ran = self.plan.due(self.world.monotonic, self.world.stamp())
        assert len(ran) == len(set(ran))
        if "latency" in ran:
            assert self.world.monotonic - self.latency >= 30 - 1e-6
            self.latency = self.world.monotonic
        if "internet" in ran:
            self.tested[key] += 1
            assert self.tested[key] == 1
        return key


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase
