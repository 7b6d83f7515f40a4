"""A server that is away, hangs, is slow, breaks off or lies: whatever a write comes to, all arrives once."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.sinks.answers import AwayError, InfluxError
from tests.collector.workbench import Bench
from tests.support import influx_script
from tests.support.influx_script import LIE, Say
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import Road, reports

ENDS = (
    influx_script.hang_up(),
    influx_script.hang_up(stores=True),
    influx_script.hang_up(stores=True, sent=9),
    influx_script.busy(503, 1),
    influx_script.busy(429),
    influx_script.refuse(500),
    Say(500, "timeout", stores=True),
    influx_script.refuse(401),
    influx_script.refuse(403),
    influx_script.refuse(404),
    Say(200, body=b"<html>Please sign in"),
    Say(302, headers={"Location": "/login"}),
    Say(400, body=b"<html>Bad request"),
    Say(502, body=b"<html>Bad gateway"),
)
"""Whatever a write may come to, short of success and of a word on single points."""


@pytest.mark.parametrize("end", ENDS, ids=lambda say: f"{say.then}-{say.status}-{say.stores}-{say.sent}")
@pytest.mark.parametrize("at", [1, 2, 3])
def test_whatever_a_write_comes_to_all_arrives_once(
    way: Road, bench: Bench, refusing: RefusingInflux, end: Say, at: int
) -> None:
    """The cursor stands where the last success left it; the next try brings the rest, and doubles nothing."""
    bench.send(1, reports(1, 25))
    refusing.says(lambda asked: end if asked.number == at else Say())
    with pytest.raises(InfluxError):
        way.ship()
    assert way.arrival == 10 * (at - 1)
    assert way.outbox.asides() == 0
    assert way.ship().arrival == 25
    assert way.wrong() == []
    assert way.outbox.asides() == 0


@settings(max_examples=40)
@given(st.lists(st.sampled_from([Say(), Say(), *ENDS]), max_size=12), st.integers(1, 12))
def test_any_row_of_troubles_ends_well(script: list[Say], batch: int) -> None:
    """Tried again and again, by a program that is started anew each time: all is there once."""
    with _fresh(batch) as way:
        way.bench.send(1, reports(1, 15))
        assert isinstance(way.server, RefusingInflux)
        way.server.says(script)
        for _ in range(len(script) + 1):
            before = way.arrival
            try:
                way.ship()
            except InfluxError:
                assert before <= way.arrival < 15
            way.shipper = way.made()
        assert way.arrival == 15
        assert way.wrong() == []


@contextmanager
def _fresh(batch: int) -> Iterator[Road]:
    """An empty journal and a server, for one example."""
    with tempfile.TemporaryDirectory() as folder, RefusingInflux() as server:
        bench = Bench(Path(folder))
        way = Road(bench, server, server.bucket, batch=batch)
        try:
            yield way
        finally:
            way.close()
            bench.close()


def test_a_connection_that_breaks_within_the_body_loses_nothing(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """Cut before all was said: nothing was stored, and it is said again."""
    bench.send(1, reports(1, 10))
    refusing.reads = 50
    with pytest.raises(AwayError, match="can't be reached"):
        way.ship()
    assert (way.arrival, refusing.points()) == (0, {})
    refusing.reads = None
    way.ship()
    assert way.wrong() == []


@pytest.mark.parametrize("stores", [False, True])
def test_who_hangs_is_given_up_and_asked_again(bench: Bench, refusing: RefusingInflux, stores: bool) -> None:
    """After the time to wait for an answer; nothing is doubled if it was stored after all."""
    with closing(Road(bench, refusing, refusing.bucket, timeouts_ms=(300, 300))) as way:
        bench.send(1, reports(1, 10))
        refusing.says([influx_script.hang(stores=stores)])
        began = time.monotonic()
        with pytest.raises(AwayError):
            way.ship()
        assert 0.25 <= time.monotonic() - began < 5
        assert way.arrival == 0
        way.ship()
        assert way.wrong() == []
        refusing.release()


def test_slow_is_not_away(bench: Bench, refusing: RefusingInflux) -> None:
    """An answer that comes within the time is one."""
    with closing(Road(bench, refusing, refusing.bucket, batch=5)) as way:
        bench.send(1, reports(1, 10))
        refusing.says(lambda _asked: influx_script.slow(0.2))
        way.ship()
        assert way.wrong() == []


def test_nobody_there(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """Refused connections lose nothing; back at its address, it gets everything."""
    bench.send(1, reports(1, 10))
    refusing.stop()
    with pytest.raises(AwayError, match="can't be reached: "):
        way.ship()
    assert way.arrival == 0
    refusing.start()
    way.ship()
    assert way.wrong() == []


def test_a_lie_cannot_be_seen_but_can_be_mended(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """204 for what was not stored: the oracle sees it, and shipping anew heals it."""
    bench.send(1, reports(1, 20))
    refusing.says([LIE])
    way.ship()
    assert len(way.wrong()) == 10
    way.outbox.step_back("one", 0)
    way.outbox.begin(way.bucket.store, way.folder.district.digest, way.folder.district.settings.name)
    way.ship()
    assert way.wrong() == []
