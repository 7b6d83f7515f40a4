"""What a server may answer to a write, each told apart, in words that say what to do."""

from contextlib import closing

import pytest

from collector.sinks.answers import BusyError, InfluxError, RefusedError, StoppedError, TooLargeError
from collector.sinks.influx import Address, Server
from tests.collector.workbench import Bench
from tests.support import influx_script
from tests.support.influx_script import Say
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import Road, reports


def test_a_word_on_patience_comes_through(way: Road, bench: Bench, refusing: RefusingInflux) -> None:
    """Retry-After as seconds or as a date; what can't be read asks for nothing."""
    bench.send(1, reports(1, 1))
    date = "Mon, 30 Nov 2026 10:00:00 GMT"
    for after, seconds in {
        "17": 17.0,
        "0.5": 0.5,
        "-3": 0.0,
        "soon": None,
        "Mon, 30 Nov 2026 10:02:00 GMT": 120.0,
        "Mon, 30 Nov 2026 09:00:00 GMT": 0.0,
        "Mon, 30 Nov 2026 10:02:00 -0000": 120.0,
        "Mon, 30 Nov 2026 10:02:00": 120.0,
    }.items():
        refusing.says([Say(503, "busy", {"Retry-After": after, "Date": date})])
        with pytest.raises(BusyError) as found:
            way.ship()
        assert found.value.after_s == seconds, after
    refusing.says([influx_script.busy(429)])
    with pytest.raises(BusyError) as found:
        way.ship()
    assert found.value.after_s is None


@pytest.mark.parametrize(
    ("status", "kind", "what_to_do"),
    [
        (401, StoppedError, "firstbell influx setup` makes another one"),
        (403, StoppedError, "firstbell influx setup` makes one that may"),
        (404, StoppedError, "firstbell influx setup` makes it"),
        (405, StoppedError, "answers 405"),
        (400, RefusedError, "refused by the test"),
        (422, RefusedError, "refused by the test"),
        (413, TooLargeError, "no request so large"),
        (408, BusyError, "patience"),
        (425, BusyError, "patience"),
        (429, BusyError, "patience"),
        (500, BusyError, "patience"),
        (503, BusyError, "patience"),
    ],
)
def test_every_answer_is_told_apart(
    refusing: RefusingInflux, status: int, kind: type[InfluxError], what_to_do: str
) -> None:
    """Which of them pause, and what somebody has to do then, in words with the server's own in them."""
    refusing.says([influx_script.refuse(status)])
    with closing(_door(refusing)) as door, pytest.raises(kind, match=what_to_do) as found:
        door.write(refusing.bucket, [b"m f=1 1"])
    assert type(found.value) is kind
    assert "refused by the test" in str(found.value)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_portals_page_is_no_success(refusing: RefusingInflux, status: int) -> None:
    """Only 204 says that the points are in."""
    refusing.says([Say(status, body=b"<html>Welcome to Maple Valley Guest Wi-Fi")])
    with closing(_door(refusing)) as door, pytest.raises(StoppedError, match=f"is no InfluxDB.*{status}"):
        door.write(refusing.bucket, [b"m f=1 1"])


@pytest.mark.parametrize("status", [400, 422])
def test_a_page_of_somebody_else_is_no_word_on_points(
    way: Road, bench: Bench, refusing: RefusingInflux, status: int
) -> None:
    """A proxy that can't bear a request sets nothing aside, however few reports are under way."""
    bench.send(1, reports(1, 2))
    for body in (b"<html>Bad request", b"", b"[]", b'"no"', b'{"detail": 5}'):
        refusing.says([Say(status, body=body)] * 3)
        with pytest.raises(StoppedError, match="is no InfluxDB"):
            way.ship()
    assert (way.arrival, way.outbox.asides()) == (0, 0)
    refusing.says(())
    way.ship()
    assert way.wrong() == []


def _door(refusing: RefusingInflux) -> Server:
    return Server(Address(refusing.url, refusing.org, refusing.token), (1000, 1000))
