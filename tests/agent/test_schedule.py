"""When probes run, on a simulated machine whose clocks can be stepped, put to sleep and doubted."""

import functools
import itertools
import math
from collections import Counter
from datetime import date, datetime, tzinfo
from random import Random, SystemRandom
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from agent import schedule
from agent.schedule import Schedule, day_strata
from firstbell.catalogue import PROBES, ProbeSpec
from firstbell.district import School, edges, period_of
from firstbell.report import Stamp

CHICAGO = ZoneInfo("America/Chicago")
LINCOLN = School(id="lincoln", name="Lincoln High", students=900, tz="America/Chicago")
HEAVY = PROBES["internet"]
LATENCY = PROBES["latency"]
DAY = 86_400.0


class World:
    """A machine's clocks, in seconds. Starts in the middle of 2026 unless told otherwise."""

    def __init__(self, wall_s: float = 1_780_000_000.0, *, synchronised: bool = True) -> None:
        self.wall_s, self.synchronised = wall_s, synchronised
        self.monotonic, self.boot_s = 5_000.0, 5_000.0

    def stamp(self) -> Stamp:
        """All clocks at once."""
        return Stamp(
            boot_id="b00t",
            boottime_ns=int(self.boot_s * 1e9),
            wall_ns=int(self.wall_s * 1e9),
            synchronised=self.synchronised,
        )

    def go(self, seconds: float) -> None:
        """Time passes while the machine is awake."""
        self.wall_s += seconds
        self.monotonic += seconds
        self.boot_s += seconds

    def sleep(self, seconds: float) -> None:
        """The lid is closed: the monotonic clock stands still."""
        self.wall_s += seconds
        self.boot_s += seconds

    def live(self, plan: Schedule, seconds: float) -> list[tuple[float, str]]:
        """The box's loop for a while: what ran, and when on the wall clock."""
        ran, left = [], seconds
        while left > 0:
            ran += [(self.wall_s, name) for name in plan.due(self.monotonic, self.stamp())]
            step = min(max(plan.wait(self.monotonic, self.stamp()), 1e-3), left)
            self.go(step)
            left -= step
        return ran


def make(
    world: World,
    *probes: ProbeSpec,
    random: Random | None = None,
    tz: tzinfo = CHICAGO,
    first_now: bool = False,
) -> Schedule:
    """A schedule that starts now."""
    return Schedule(probes, random or Random(1), tz, world.monotonic, first_now=first_now)


def at(text: str, tz: tzinfo = CHICAGO) -> float:
    """Seconds since 1970 of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=tz).timestamp()


def slot(wall_s: float) -> tuple[date, int]:
    """Day and slot of a moment by the district's own reckoning, which shares no code with the box's."""
    found = period_of(LINCOLN, int(wall_s * 1e9))
    return found.day, found.slot


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


# --- the day ------------------------------------------------------------------------------------------


def test_box_and_district_cut_the_day_alike() -> None:
    """A box's stretches are the periods by which the district reads its tests."""
    assert edges(LINCOLN) == schedule.PERIODS


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


# --- heavy tests --------------------------------------------------------------------------------------


def test_every_day_of_a_year_has_one_test_in_each_period() -> None:
    """365 days of 8 periods, days of 23 and 25 hours among them: 2,920 tests, none missing, none double."""
    tests = Counter(slot(wall_s) for wall_s in year())
    assert len(tests) == 2920
    assert set(tests.values()) == {1}


def chi_square(shares: list[float]) -> float:
    """Against evenness over ten bins: above 27.88 once in a thousand times (9 degrees of freedom)."""
    counts = Counter(int(share * 10) for share in shares)
    expected = len(shares) / 10
    return sum((counts[n] - expected) ** 2 / expected for n in range(10))


def ks_distance(shares: list[float]) -> float:
    """The greatest distance to the uniform distribution, times the root of n: above 1.95 in 0.1 %."""
    n = len(shares)
    steps = [max((k + 1) / n - share, share - k / n) for k, share in enumerate(sorted(shares))]
    return max(steps) * math.sqrt(n)


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


# --- put off ------------------------------------------------------------------------------------------


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


# --- once a week --------------------------------------------------------------------------------------


def weekly(seed: int, begin: str, end: str) -> list[float]:
    """When the weekly test of a box ran between two days."""
    world = World(at(begin))
    ran = world.live(make(world, PROBES["capacity"], random=Random(seed)), at(end) - at(begin))
    return [wall_s for wall_s, _ in ran]


def test_a_weekly_test_runs_once_in_each_week_around_school() -> None:
    """Through both changes of the clocks: one in each of 52 weeks, none in class, at night or at an edge."""
    ran = weekly(3, "2026-01-05", "2027-01-04")
    weeks = [datetime.fromtimestamp(when, CHICAGO).isocalendar()[:2] for when in ran]
    assert len(ran) == len(set(weeks)) == 52
    assert {slot(when)[1] for when in ran} == {1, 6, 7}
    margins = [min(when - s.start_s, s.end_s - when) for when in ran for s in day_strata(when, CHICAGO)[:1]]
    assert min(margins) >= 300 - 1


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


# --- cheap probes -------------------------------------------------------------------------------------


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


# --- all of it together -------------------------------------------------------------------------------


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
