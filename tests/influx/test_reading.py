"""The second reader tells what the journal tells, method by method, of boxes that do whatever boxes may do."""

import random
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import msgspec
import pytest

from collector.sinks.reading import InfluxEvidence
from collector.store import gateways
from collector.store.derived.looks import CHEAP
from collector.store.gateways import Try
from collector.store.port import Evidence
from collector.store.reads import Box
from firstbell.report import ClockQuality, Report, Segment, Status
from tests.collector.workbench import BOX, NOW_NS, Bench, report
from tests.support.influxdb import Influx2
from tests.support.shipping import DAY_NS, Road

NS = 10**9
HOUR_NS = 3600 * NS
OTHER = "roosevelt-2"
PROBES = ("latency", "power", "host", "internet")
ADDRESS = "192.0.2.1"
BATCHES, EACH = 12, 50
BEGIN_NS = NOW_NS - DAY_NS
END_NS = NOW_NS + (BATCHES + 1) * 5 * HOUR_NS
SPANS = ((0, END_NS), (BEGIN_NS + 7 * HOUR_NS + 1, NOW_NS + 30 * HOUR_NS + 5), (NOW_NS, NOW_NS + HOUR_NS))
BOXES: tuple[list[Box], ...] = (
    [(BOX, 0, None), (OTHER, 0, None)],
    [(OTHER, NOW_NS, NOW_NS + 20 * HOUR_NS + 7), (BOX, BEGIN_NS + 5 * HOUR_NS, None)],
    [("nobody-1", 0, None)],
)


class Sides(NamedTuple):
    """A journal, and the bucket into which it was shipped."""

    way: Road

    def journal(self) -> Evidence:
        """The first reader."""
        return self.way.reads

    def copy(self, facts_until: int) -> InfluxEvidence:
        """The second one, of what arrived by then."""
        return InfluxEvidence(self.way.door, self.way.bucket.name, self.way.shipper_name, facts_until)

    def newest(self) -> int:
        """The newest arrival."""
        return self.way.reads.facts_until()


@pytest.fixture(scope="module", params=[1, 2, 3])
def sides(
    request: pytest.FixtureRequest, influxd2: Influx2, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sides]:
    """Two boxes that measured at any time, late, a little ahead, twice at one moment, with one name and with guessed clocks."""
    bucket = influxd2.make_bucket()
    bench = Bench(tmp_path_factory.mktemp("sides"))
    dice = random.Random(request.param)
    tell(bench, dice)
    with closing(
        Road(bench, influxd2, bucket, store=influxd2._ids[bucket], timeouts_ms=(9_000, 9_000))
    ) as way:
        way.ship()
        assert way.outbox.asides() == 0
        yield Sides(way)
    bench.close()
    influxd2.delete_bucket(bucket)


def tell(bench: Bench, dice: random.Random) -> None:
    """All that the boxes and the gateway do."""
    first = {BOX: 1, OTHER: 1}
    for _ in range(BATCHES):
        agent = dice.choice((BOX, OTHER))
        now_ns = bench.clock.wall_ns
        rows = [any_look(dice, now_ns) for _ in range(EACH)]
        bench.send(first[agent], rows, agent=agent, epoch=f"{len(agent):016x}")
        first[agent] += EACH
        with bench.journal.writer() as db:
            tries = [Try(ADDRESS, now_ns + n * 60 * NS, dice.random() < 0.7) for n in range(30)]
            gateways.note(db, tries)
        bench.clock.passes(dice.randrange(HOUR_NS, 5 * HOUR_NS))
    with bench.journal.writer() as db:
        for other, since_ns, decided_ns in (("bb", NOW_NS, NOW_NS + HOUR_NS), ("cc", NOW_NS + HOUR_NS, None)):
            db.execute(
                "INSERT INTO suspensions (agent_id, epoch, other, why, since_ns, since_arrival, decided_ns) "
                "SELECT agent_id, 'aa', ?, 'state', ?, 5, ? FROM agents WHERE name = ?",
                (other, since_ns, decided_ns, BOX),
            )


def any_look(dice: random.Random, now_ns: int) -> Report:
    """A report of the last day, or of the next minutes, on one of few moments."""
    status = dice.choice((Status.OK, Status.OK, Status.FAILED, Status.TIMEOUT, Status.NOTHING))
    ahead_ns = dice.choice((0, 0, 0, 70, 290)) * dice.randrange(990, 1000) * NS // 1000
    ago_ns = 0 if ahead_ns else dice.choice((dice.randrange(5 * 60), dice.randrange(86_400))) * NS
    plain = report(
        probe=dice.choice(PROBES),
        target=dice.choice(("gateway", "one", "two")),
        at_ns=now_ns - ago_ns + ahead_ns,
        rtt_ms=dice.randrange(1, 900) / 8,
        clock=dice.choice((ClockQuality.NTP, ClockQuality.NTP, ClockQuality.COLLECTOR, ClockQuality.BOUNDED)),
    )
    return msgspec.structs.replace(
        plain,
        status=status,
        reason="" if status is Status.OK else "why",
        segment=dice.choice((Segment.INTERNET, Segment.INTERNET, Segment.SITE, None)),
        not_before_ns=0 if plain.clock is ClockQuality.BOUNDED else None,
    )


def cuts(sides: Sides) -> tuple[int, ...]:
    """All that arrived, and as it was before some of it did."""
    return sides.newest(), sides.newest() - EACH - 7, 3


def test_what_is_known_of_whom(sides: Sides) -> None:
    """The newest report, and who was heard by when."""
    copy = sides.copy(sides.newest())
    assert copy.facts_until() == sides.newest() == BATCHES * EACH
    moments = (0, NOW_NS - 1, NOW_NS, NOW_NS + 3 * HOUR_NS, END_NS)
    heard = [copy.heard(at_ns) for at_ns in moments]
    assert heard == [sides.journal().heard(at_ns) for at_ns in moments]
    assert heard[-1] == {BOX, OTHER} == copy.agents()


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("boxes", BOXES)
def test_reports(sides: Sides, boxes: list[Box], probe: str) -> None:
    """The same in the same order, within boxes' dates, since any moment, and as it was before the last came."""
    for known in cuts(sides):
        copy = sides.copy(known)
        for since_ns in (0, NOW_NS + HOUR_NS):
            ours = sides.journal().tests(boxes, probe, since_ns=since_ns, facts_until=known)
            assert copy.tests(boxes, probe, since_ns=since_ns) == ours
            ours = sides.journal().tests(boxes, probe, since_ns=since_ns, facts_until=known // 2)
            assert copy.tests(boxes, probe, since_ns=since_ns, facts_until=known // 2) == ours
    assert bool(sides.journal().tests(boxes, probe)) is (boxes is not BOXES[2])


def test_the_newest_word(sides: Sides) -> None:
    """Of each target on latency and power; a clock that runs ahead is not the newest."""
    copy = sides.copy(sides.newest())
    for agent in (None, BOX, OTHER, "nobody-1"):
        ours = [one for one in sides.journal().latest(agent) if one.report.probe in {"latency", "power"}]
        assert sorted(copy.latest(agent), key=repr) == sorted(ours, key=repr)
        assert bool(ours) is (agent != "nobody-1")


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("boxes", BOXES)
@pytest.mark.parametrize("how", ["outages", "watched", "online"])
def test_intervals(sides: Sides, how: str, boxes: list[Box], span: tuple[int, int]) -> None:
    """What was away, looked at and seen, cut to any time and to boxes' dates."""
    for known in cuts(sides):
        ours = getattr(sides.journal(), how)(boxes, *span, facts_until=known)
        assert getattr(sides.copy(known), how)(boxes, *span, facts_until=known) == ours
    assert sides.journal().watched(BOXES[0], *SPANS[0])
    assert sides.journal().outages(BOXES[0], *SPANS[0])


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("boxes", BOXES)
@pytest.mark.parametrize("probe", sorted({*PROBES} & CHEAP))
def test_hours(sides: Sides, probe: str, boxes: list[Box], span: tuple[int, int]) -> None:
    """Counts, least, most and sums of each hour that begins within that time."""
    for known in cuts(sides):
        ours = sides.journal().rollups(boxes, probe, *span, facts_until=known)
        assert sides.copy(known).rollups(boxes, probe, *span) == ours
    assert sides.journal().rollups(BOXES[0], probe, *SPANS[0])


def test_what_is_known_beside_reports(sides: Sides) -> None:
    """When the gateway answered, and when two boxes had one name; but for people's own words."""
    copy = sides.copy(sides.newest())
    for span in SPANS:
        assert copy.gateway(ADDRESS, *span) == sides.journal().gateway(ADDRESS, *span)
        assert copy.gateway("192.0.2.2", *span) == []
    assert copy.gateway(ADDRESS, *SPANS[0])
    ours = [one._replace(note=None) for one in sides.journal().suspensions()]
    assert copy.suspensions() == ours
    assert len(ours) == 2


def test_it_tells_what_it_knows_at_one_moment_alone(sides: Sides) -> None:
    """Asked for intervals of another it refuses, rather than to tell something else."""
    with pytest.raises(ValueError, match="one moment"):
        sides.copy(sides.newest()).outages(BOXES[0], *SPANS[0], facts_until=3)
