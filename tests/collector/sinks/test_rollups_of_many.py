"""Sums of many boxes: each hour and day is made once a turn, and not in every step of it."""

from collections import Counter
from collections.abc import Iterable

import pytest

from benchmarks import looks
from collector.sinks import rollups, way
from collector.sinks.rollups import Roller
from collector.store.outbox import Outbox
from firstbell.points import Point
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import Road, reports

BOXES = [f"box-{number}" for number in range(6)]


@pytest.fixture
def many(way: Road) -> Road:
    """Six boxes that brought twenty reports in turn, three at a time, all of one hour or two."""
    for first in range(1, 20, 3):
        for number, name in enumerate(BOXES):
            way.bench.send(first, reports(first, 3), agent=name, epoch=f"{number:016x}")
    return way


def summed(road: Road) -> list[str]:
    """What a roller writes from the beginning on: measurement, tags and time of each point, in order."""
    outbox = Outbox(road.bench.journal, "sums")
    outbox.forget()
    roller = Roller(road.source()._replace(outbox=outbox), road.door, road.bucket)
    assert isinstance(road.server, RefusingInflux)
    before = len(road.server.accepted)
    roller.catch_up()
    outbox.close()
    return list(road.server.accepted)[before:]


def test_each_hour_and_day_is_made_once(many: Road) -> None:
    """However many boxes brought something of it, and however mixed it came."""
    written = Counter(line.split(" ", 1)[0] + " " + line.rsplit(" ", 1)[1] for line in summed(many))
    assert len(written) >= 2 * len(BOXES)
    assert set(written.values()) == {1}


def test_however_few_boxes_are_in_memory_at_once_the_sums_are_the_same(
    many: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boxes are independent of each other."""
    at_once = summed(many)
    monkeypatch.setattr(rollups, "BOXES_AT_ONCE", 1)
    assert sorted(summed(many)) == sorted(at_once)


def test_what_comes_meanwhile_waits_for_the_next_turn(many: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else ten thousand boxes, of which something comes all the time, would never let anything else be sent."""
    passes = 0
    write = Roller._write

    def one_more(roller: Roller, points: Iterable[Point]) -> int:
        nonlocal passes
        passes += 1
        if passes < 20:
            many.bench.send(100 + passes, reports(100 + passes, 1), agent=BOXES[0], epoch=f"{0:016x}")
        return write(roller, points)

    monkeypatch.setattr(Roller, "_write", one_more)
    summed(many)
    assert passes == 1


def test_a_turn_of_ten_thousand_boxes_is_one_step() -> None:
    """Else all of their hours would be made again in every step of it."""
    a_second = 10_000 * sum(looks.a_day().values()) / looks.DAY_S
    assert a_second * way.HOURS_S < rollups.WINDOW
