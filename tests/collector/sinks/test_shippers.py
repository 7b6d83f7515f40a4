"""Several who ship, one after the other or at once: nothing is lost, nothing doubled, nobody is overruled."""

import threading
from contextlib import closing

import pytest

from collector.sinks.answers import BusyError, InfluxError
from tests.collector.workbench import Bench, wait_until
from tests.support import influx_script
from tests.support.influx_script import Asked, Say
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import Road, reports


def test_a_program_that_dies_within_a_batch_loses_nothing(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """Nothing is noted before the server's word: whoever comes next sends it again."""
    bench.send(1, reports(1, 10))
    refusing.says([influx_script.hang(stores=True)])
    dying = threading.Thread(target=_swallow, args=(way,), daemon=True)
    dying.start()
    wait_until(lambda: len(refusing.points()) == 10)
    with closing(Road(bench, refusing, refusing.bucket)) as after:
        assert after.arrival == 0
        after.ship()
        assert after.wrong() == []
    refusing.release()
    dying.join()


def _swallow(way: Road) -> None:
    with pytest.raises(InfluxError):
        way.ship()


def test_a_second_shipper_that_steps_back_is_not_overruled(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """A server that lost what it took: who noticed it ships it again, whoever else is under way meanwhile."""
    bench.send(1, reports(1, 30))

    def script(asked: Asked) -> Say:
        if asked.number == 2:
            refusing._buckets[refusing.bucket].points.clear()
            with closing(Road(bench, refusing, refusing.bucket)) as other:
                digest, name = other.folder.district.digest, other.folder.district.settings.name
                other.outbox.begin(refusing.bucket, digest, name)
        return Say()

    refusing.says(script)
    with pytest.raises(BusyError, match="begun anew"):
        way.ship()
    way.ship()
    assert way.wrong() == []


def test_two_shippers_at_once_lose_and_double_nothing(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """A collector that runs, and somebody who types `firstbell influx ship` meanwhile."""
    bench.send(1, reports(1, 300))
    with closing(Road(bench, refusing, refusing.bucket, batch=7)) as other:
        threads = [threading.Thread(target=each.ship) for each in (way, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert way.arrival == 300
        assert way.wrong() == []


def test_a_bucket_that_bears_the_name_no_more_is_left_alone(
    way: Road, bench: Bench, refusing: RefusingInflux
) -> None:
    """After somebody's rebuild another bucket has the name: whoever still writes to the one before stops."""
    bench.send(1, reports(1, 10))
    way.ship()
    with closing(Road(bench, refusing, refusing.make_bucket(), store="before")) as late:
        late.bucket = late.bucket._replace(name=refusing.bucket)
        late.shipper = late.made()
        with pytest.raises(BusyError, match="another one by now"):
            late.ship()
    assert way.outbox.state() is not None
    assert way.arrival == 10
