"""What a simulated district does obeys physics, and the same seed makes the same."""

import random
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from collector.demo import build, faults, names, story
from collector.demo.measure import Watcher
from collector.demo.physics import Physics
from collector.demo.plan import Due
from collector.demo.seen import PAYLOAD
from collector.demo.town import MINUTE_NS, NS, Town
from firstbell.report import LimitedBy, Status

END_NS = int(datetime(2026, 11, 17, 14, 5, tzinfo=ZoneInfo(names.TZ)).timestamp()) * NS


def sound(seed: int, schools: int = 6) -> Town:
    """A town without any fault."""
    return build.build(seed, END_NS, schools=schools, days=6)


def moments(town: Town, count: int, seed: int = 1) -> list[int]:
    """Times at random within the town's days."""
    dice = random.Random(seed)
    return [dice.randrange(END_NS - 5 * 86_400 * NS, END_NS) for _ in range(count)]


@pytest.mark.parametrize("seed", range(4))
def test_a_test_never_shows_more_than_the_line(seed: int) -> None:
    """Whatever the hour and the box, payload stays below what each line on the way carries, and the box's port."""
    town = story.tell(sound(seed, 20))
    physics = Physics(town)
    for stay in town.stays:
        box = next(box for box in town.boxes if box.agent == stay.agent)
        most = min([line.carries_mbps for line in physics.path(stay.line)] + [box.port_mbps])
        for at_ns in moments(town, 25, seed):
            for seen in Watcher(physics, box, stay).look(Due(at_ns, heavy=True), random.Random(at_ns)):
                assert float(seen.finding.readings.get("down_mbps", 0)) <= most * PAYLOAD


@pytest.mark.parametrize("seed", range(4))
def test_what_flows_through_a_shared_line_is_what_its_schools_take_and_no_more_than_it_carries(
    seed: int,
) -> None:
    """At any moment the sum of the schools' flows is the shared line's flow, and bounded by it even if oversold."""
    town = faults.small_line(sound(seed), build.INTERNET, 0.05)
    physics = Physics(town)
    for at_ns in moments(town, 200, seed):
        schools = sum(physics.load(site.line, at_ns).down_mbps for site in town.sites)
        shared = physics.load(build.INTERNET, at_ns).down_mbps
        assert shared == pytest.approx(schools)
        assert shared <= town.line(build.INTERNET).carries_mbps * 1.000001


def test_night_is_freer_than_class() -> None:
    """At two in the morning every school's line has more left than in the middle of a class period."""
    town = sound(3)
    physics = Physics(town)
    midnight = physics.day_begins(town.days[-1])
    for site in town.sites:
        night = physics.free(site.line, midnight + 120 * MINUTE_NS).down_mbps
        lesson = physics.free(site.line, midnight + 10 * 60 * MINUTE_NS + 30 * MINUTE_NS).down_mbps
        assert night > lesson


def test_a_line_that_is_away_lets_nothing_through_and_its_box_says_so() -> None:
    """In an outage the heavy test fails, the look at a site fails, and the gateway still answers."""
    town = sound(5)
    site = town.sites[0]
    town = faults.outages(town, site.id, 1, town.days[-1:], [20.0])
    outage = town.outages[0]
    physics, box = Physics(town), town.box_of(site.id)
    stay = next(stay for stay in town.stays if stay.agent == box.agent)
    inside = outage.begin_ns + MINUTE_NS
    seen = [
        one.finding
        for due in (Due(inside, heavy=True), Due(inside, gateway=True))
        for one in Watcher(physics, box, stay).look(due, random.Random(1))
    ]
    assert [finding.status for finding in seen] == [Status.FAILED, Status.OK, Status.FAILED]
    inside_way, outside_way = (
        [one.finding for one in Watcher(physics, box, stay).look(Due(at_ns, way=True), random.Random(1))][-1]
        for at_ns in (inside, outage.end_ns + MINUTE_NS)
    )
    assert set(inside_way.readings) <= {"hop01_address", "hop01_rtt_ms"}
    assert inside_way.reason == "the target did not answer"
    assert outside_way.readings["hops"] == len(physics.path(site.line)) + 5
    assert physics.free(site.line, outage.end_ns).down_mbps > 0


def test_a_box_that_is_its_own_bottleneck_says_that_it_is() -> None:
    """What limits a test stands in its report: the box, where the box is slower than its line."""
    town = sound(6)
    site = town.sites[2]
    town = faults.own_limit(town, site.id, 0.5)
    box = town.box_of(site.id)
    stay = next(stay for stay in town.stays if stay.agent == box.agent)
    night = Physics(town).day_begins(town.days[-1]) + 120 * MINUTE_NS
    (seen,) = Watcher(Physics(town), box, stay).look(Due(night, heavy=True), random.Random(1))
    assert seen.finding.limited_by is LimitedBy.PROBE
    assert float(seen.finding.readings["down_mbps"]) <= box.most_mbps


def test_the_same_seed_makes_the_same_town_and_another_seed_another() -> None:
    """A town follows from its seed and its end."""
    assert build.build(8, END_NS) == build.build(8, END_NS)
    assert build.build(8, END_NS) != build.build(9, END_NS)
