"""The own engine over real lines: does it see what the line gives, and say why it was not more?

The box's machine plays the whole network here, next to other tests: how busy its processors are as a whole is
set aside before the limit is judged. What the test itself takes, and what a quota takes from it, is not.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.load.engines.base import Peer, Request, Result
from agent.load.limits import PROBE_BUSY_PCT, limited_by
from firstbell.report import LimitedBy, Medium, Status
from tests.net.net import Line, Net
from tests.net.shape import Way
from tests.support.apart import result_of
from tests.support.quota import quota
from tests.support.reference import TARGET, District, Reference

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.alone]

CHILD = [sys.executable, "-m", "agent.child", "throughput"]


@pytest.fixture
def district(tmp_path: Path) -> District:
    """Whoever signs the tickets."""
    return District(tmp_path)


def asked(district: District, host: str, port: int, *, max_bytes: int, interface: str) -> Request:
    """One test, with a ticket that is good now."""
    return Request(
        max_bytes=max_bytes,
        max_seconds=30.0,
        interface=interface,
        server=Peer(name=TARGET, host=host, port=port),
        ticket=district.token(max_bytes=max_bytes),
    )


class Test:
    """Tests from a line's client to a reference server at its other end."""

    __test__ = False

    def __init__(self, line: Line, district: District) -> None:
        """It takes the server's start."""
        self.line, self._district = line, district
        words: list[str | Path] = ["serve", "--name", TARGET, "--key", district.key_file, "--json"]
        argv: list[str | Path] = [sys.executable, "-m", "agent.cli", *words]
        self._server = line.server.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._server.stdout is not None
        self._port = json.loads(self._server.stdout.readline())["port"]

    def run(self, max_bytes: int = 500_000_000) -> Result:
        """One test."""
        request = asked(
            self._district, self.line.server.address, self._port, max_bytes=max_bytes, interface="eth0"
        )
        child = self.line.client.popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return result_of(child, request)

    def share(self, result: Result, way: Way) -> float:
        """Of what a perfect test would have seen."""
        mbps = result.down_mbps if way == "down" else result.up_mbps
        assert mbps is not None, result
        return mbps / self.line.goodput_mbps(way)


@contextmanager
def across(net: Net, district: District, **shape: Any) -> Iterator[Test]:
    """A line of that shape, and a server behind it."""
    with net.line(**shape) as line:
        yield Test(line, district)


def judged(result: Result) -> LimitedBy:
    """What limited it, on a cable of 10 Gbit/s, with nothing else to do for the machine.

    Where other programs fill it, the server waits for a processor too, and rightly says so.
    """
    full = (result.cpu_busy_pct or 0.0) > PROBE_BUSY_PCT
    alone = msgspec.structs.replace(result, cpu_busy_pct=None, server_busy=result.server_busy and not full)
    return limited_by(alone, port_speed_mbps=10_000, medium=Medium.WIRED)


@pytest.mark.parametrize(("mbps", "rtt_ms"), [(5, 80), (20, 30), (100, 0), (100, 150), (400, 30)])
def test_what_the_line_gives_is_what_is_seen(
    net: Net, district: District, mbps: float, rtt_ms: float
) -> None:
    """Within 2 % of the line's goodput, both ways; the line is said to be the limit; both ends agree.

    The idle round trip is the line's. (The whole table is in benchmarks/throughput.py.)
    """
    with across(net, district, down_mbps=mbps, up_mbps=mbps, rtt_ms=rtt_ms) as test:
        result = test.run()
        shares = test.share(result, "down"), test.share(result, "up")
    assert shares == pytest.approx((1, 1), abs=0.02)
    assert (result.status, result.reason, result.capped, judged(result)) == (
        Status.OK,
        "",
        (),
        LimitedBy.LINE,
    )
    assert float(result.more["ends_differ_pct"]) < 5
    assert float(result.more["rtt_p50_ms"]) == pytest.approx(rtt_ms, abs=5)
    assert (result.cross_traffic_pct or 0) < 5


def test_the_two_ways_are_told_apart(net: Net, district: District) -> None:
    """100 down and 10 up, as a school's cable is."""
    with across(net, district, down_mbps=100, up_mbps=10, rtt_ms=20) as test:
        result = test.run()
        assert test.share(result, "down") == pytest.approx(1, abs=0.02)
        assert test.share(result, "up") == pytest.approx(1, abs=0.02)


def test_losses_and_jitter_are_survived(net: Net, district: District) -> None:
    """1 % of the packets lost each way and the delay moving by 10 ms: it ends, with what TCP makes of such a line.

    That is less than the line, never more; the losses are told, by TCP's repeats and by small packets.
    """
    with across(net, district, down_mbps=20, up_mbps=20, rtt_ms=30, loss=0.01, jitter_ms=10) as test:
        result = test.run()
        assert 0.5 < test.share(result, "down") < 1.02
        assert 0.5 < test.share(result, "up") < 1.02
    assert (result.status, judged(result)) == (Status.OK, LimitedBy.LINE)
    assert 0.5 < float(result.more["down_retransmit_pct"]) < 10
    assert 0.5 < float(result.more["up_retransmit_pct"]) < 10
    assert 0 <= float(result.more["udp_loss_pct"]) < 15
    assert float(result.more["jitter_ms"]) > 1


def test_a_deep_buffer_shows_as_bloat(net: Net, district: District) -> None:
    """300 ms of buffer before 10 Mbit/s: most of it is seen, and responsiveness is poor; it isn't without.

    The load lasts a few seconds: a buffer that TCP takes longer to fill is deeper than it seems.
    """
    with across(net, district, down_mbps=10, up_mbps=10, rtt_ms=30, queue_ms=300) as test:
        deep = test.run().more
    with across(net, district, down_mbps=100, up_mbps=100, rtt_ms=30, queue_ms=30) as test:
        shallow = test.run().more
    assert 150 < float(deep["bufferbloat_ms"]) < 330
    assert float(deep["rpm_short"]) < 500 < float(shallow["rpm_short"])


def test_what_this_machine_loads_beside_it_is_cross_traffic(net: Net, district: District) -> None:
    """20 Mbit/s to another program of the box, of a line of 100: seen on its port, and said."""
    with across(net, district, down_mbps=100, up_mbps=100, rtt_ms=20) as test:
        line = test.line
        with line.cross(20, "down", kind="udp", seconds=40, inner=line.client):
            result = test.run()
    assert judged(result) is LimitedBy.CROSS_TRAFFIC
    assert 10 < (result.cross_traffic_pct or 0) < 35


def test_a_neighbour_that_the_box_can_not_see_leaves_less(net: Net, district: District) -> None:
    """20 Mbit/s to another machine behind the same line: what is left over is measured.

    The line is said to be the limit, for nothing on this box's port speaks of the neighbour: a test in a quiet
    period says what the line carries, one in class what is left over.
    """
    with across(net, district, down_mbps=100, up_mbps=100, rtt_ms=20) as test:
        with test.line.cross(20, "down", kind="udp", seconds=40):
            result = test.run()
        assert 0.70 < test.share(result, "down") < 0.86
        assert test.share(result, "up") == pytest.approx(1, abs=0.03)
    assert judged(result) is LimitedBy.LINE


def test_a_ceiling_is_said_to_be_one(net: Net, district: District) -> None:
    """10 MB for both ways of 100 Mbit/s: at least so much, and not more used."""
    with across(net, district, down_mbps=100, up_mbps=100, rtt_ms=20) as test:
        before = test.line.stats()
        result = test.run(max_bytes=10_000_000)
        after = test.line.stats()
        assert 0.5 < test.share(result, "down") < 1.02
    assert judged(result) is LimitedBy.CAP
    used = sum(after[way]["bytes"] - before[way]["bytes"] for way in ("down", "up"))
    assert used < 11_000_000


def test_a_quota_of_a_tenth_of_a_processor_says_probe(tmp_path: Path, district: District) -> None:
    """On loopback, which no line holds back: the test takes a tenth of a processor, for it gets no more.

    By its own use nobody would see that it was the limit; the kernel's counters of the quota say so.
    """
    with Reference(tmp_path, district.key_file) as server, quota(0.1) as words:
        request = asked(district, "127.0.0.1", server.port, max_bytes=20_000_000_000, interface="lo")
        child = subprocess.Popen([*words, *CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        result = result_of(child, request, 90)
    assert result.status is Status.OK, result
    assert result.own_processor_pct < 30
    assert (result.throttled_pct or 0) > 40
    assert judged(result) is LimitedBy.PROBE
