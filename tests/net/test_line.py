"""Does a line do what was asked of it, and nothing else?"""

import os
import socket
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.net.cross import Cross, transfer_mbps
from tests.net.echo import echoes
from tests.net.net import Net
from tests.net.shape import Shape, Way

pytestmark = pytest.mark.root


@pytest.mark.parametrize("rtt_ms", [0, 5, 30, 150])
def test_the_round_trip_is_what_was_set(net: Net, rtt_ms: float) -> None:
    """Of thirty echoes the quickest is no quicker, and no more than 2 ms slower; none is lost or overtaken."""
    with net.line(down_mbps=100, up_mbps=100, rtt_ms=rtt_ms) as line:
        seen = echoes(line.client, line.server)
    assert seen.lost == seen.overtaken == 0
    assert rtt_ms <= seen.ms[0] < rtt_ms + 2


@pytest.mark.parametrize(
    ("way", "mbps", "rtt_ms", "streams", "warm_up_s"),
    [("down", 20, 30, 4, 1.0), ("up", 100, 80, 6, 1.2), ("down", 400, 150, 8, 2.6), ("up", 100, 0, 4, 0.6)],
)
def test_tcp_fills_the_line(
    net: Net, way: Way, mbps: float, rtt_ms: float, streams: int, warm_up_s: float
) -> None:
    """With enough streams, to within 2 % of what the medium's framing leaves.

    The queue is a deep one: what TCP loses in a shallow one, and then delivers in a heap, is not the line's.
    """
    with net.line(down_mbps=mbps, up_mbps=mbps, rtt_ms=rtt_ms, queue_ms=400) as line:
        ends = (line.server, line.client) if way == "down" else (line.client, line.server)
        got = transfer_mbps(*ends, streams=streams, seconds=warm_up_s + 1.2, warm_up_s=warm_up_s)
        assert got == pytest.approx(line.goodput_mbps(way), rel=0.02)


def test_each_way_has_its_own_rate(net: Net) -> None:
    """Both at once, each nearly full, and neither loses a packet to the other."""
    with net.line(down_mbps=60, up_mbps=15, rtt_ms=20) as line:
        down = Cross(line.server, line.client, "udp", 55, seconds=1.2)
        up = Cross(line.client, line.server, "udp", 13.5, seconds=1.2)
        down.wait()
        up.wait()
        stats = line.stats()
    assert down.mbps(0.3) == pytest.approx(55, rel=0.03)
    assert up.mbps(0.3) == pytest.approx(13.5, rel=0.03)
    assert stats["down"]["dropped"] == stats["up"]["dropped"] == 0


def test_no_more_gets_through_than_was_set(net: Net) -> None:
    """A sender of twice the rate gets the rate."""
    with net.line(down_mbps=10, up_mbps=10, rtt_ms=10) as line:
        flood = Cross(line.client, line.server, "udp", 20, seconds=1.1)
        flood.wait()
        assert line.stats()["up"]["dropped"] > 300
    assert flood.mbps(0.3) == pytest.approx(10 * 1400 / 1428, rel=0.02)


def test_loss_is_what_was_set(net: Net) -> None:
    """Of 2,000 packets there and back, 5 % each way: within three standard deviations."""
    with net.line(rtt_ms=4, loss=0.05) as line:
        seen = echoes(line.client, line.server, count=2000, every_s=0.0003)
    expected = 2000 * (1 - 0.95**2)
    assert abs(seen.lost - expected) < 3 * (2000 * 0.0975 * 0.9025) ** 0.5
    assert seen.overtaken == 0


def test_jitter_moves_packets_and_keeps_their_order(net: Net) -> None:
    """10 ms each way around a round trip of 60 ms: it shows, it stays in bounds, and nobody overtakes."""
    with net.line(rtt_ms=60, jitter_ms=10) as line:
        seen = echoes(line.client, line.server, count=100)
    assert seen.lost == seen.overtaken == 0
    assert seen.ms[0] >= 40
    assert seen.ms[10] < 57
    assert seen.ms[90] > 65


def test_packets_overtake_where_asked(net: Net) -> None:
    """Jitter of 10 ms each way on packets 2 ms apart, with `reorder`."""
    with net.line(rtt_ms=60, jitter_ms=10, reorder=True) as line:
        seen = echoes(line.client, line.server, count=100, every_s=0.002)
    assert seen.lost == 0
    assert seen.overtaken > 10


@pytest.mark.parametrize(("plain", "rtt_ms"), [(True, 0), (False, 20)])
def test_a_deep_queue_shows_under_load(net: Net, plain: bool, rtt_ms: float) -> None:
    """300 ms of queue: behind a flood an echo takes as much longer, within a tenth of it."""
    with net.line(down_mbps=20, up_mbps=20, rtt_ms=rtt_ms, queue_ms=300, plain=plain) as line:
        load = Cross(line.client, line.server, "udp", 40, 10)
        time.sleep(0.6)
        seen = echoes(line.client, line.server, count=60)
        load.stop()
    assert seen.came
    assert seen.median_ms == pytest.approx(rtt_ms + 300, abs=30)


def test_a_line_changes_while_it_is_used(net: Net) -> None:
    """Of 40 Mbit/s 10 are left, and the round trip is a longer one."""
    with net.line(down_mbps=40, up_mbps=40, rtt_ms=10) as line:
        flood = Cross(line.server, line.client, "udp", 30, seconds=2)
        time.sleep(0.8)
        line.change(down_mbps=10, rtt_ms=40)
        flood.wait()
        assert echoes(line.client, line.server).ms[0] == pytest.approx(40, abs=2)
    told = flood.stop()
    rates = [(b - a) * 8e-6 / (t - s) for (s, a), (t, b) in pairwise(told)]
    assert statistics.median(rates[1:6]) == pytest.approx(30, rel=0.1)
    assert statistics.median(rates[-6:]) == pytest.approx(10, rel=0.1)


def test_a_neighbour_takes_his_share(net: Net) -> None:
    """What a neighbour's 20 Mbit/s leave of 50 is what TCP gets."""
    with net.line(down_mbps=50, up_mbps=50, rtt_ms=10) as line, line.cross(20, "down") as cross:
        time.sleep(0.2)
        got = transfer_mbps(line.server, line.client, streams=4, seconds=1.6, warm_up_s=0.7)
    assert cross.mbps() == pytest.approx(20, rel=0.1)
    assert got == pytest.approx((50 - 20 * 1428 / 1400) * 1448 / 1500, rel=0.08)


def test_a_path_has_two_lines(net: Net) -> None:
    """The district is reached over the site line alone, the internet over both; each shows what is its own."""
    site = Shape(down_mbps=50, up_mbps=50, rtt_ms=6, queue_ms=400)
    wan = Shape(down_mbps=20, up_mbps=10, rtt_ms=24, queue_ms=400)
    with net.path(site, wan) as path:
        assert echoes(path.box, path.district).ms[0] == pytest.approx(6, abs=2)
        assert echoes(path.box, path.internet).ms[0] == pytest.approx(30, abs=2)
        near = transfer_mbps(path.district, path.box, streams=4, seconds=1.1, warm_up_s=0.5)
        far = transfer_mbps(path.box, path.internet, streams=4, seconds=1.6, warm_up_s=0.7)
        assert near == pytest.approx(path.goodput_mbps("down", 1), rel=0.02)
        assert far == pytest.approx(path.goodput_mbps("up"), rel=0.02)


def test_a_program_stands_in_its_host(net: Net, tmp_path: Path) -> None:
    """It sees its host's devices alone, in the caller's folder, and its TCP is what schools' machines have."""
    look = "import os; print(os.getcwd(), *sorted(os.listdir('/sys/class/net')))"
    with net.line(rtt_ms=2) as line:
        shown = line.client.run([sys.executable, "-c", look], cwd=tmp_path).stdout.split()
        with line.server.inside():
            listener = socket.create_server(("", 0))
        with line.client.inside():
            asking = socket.create_connection((line.server.address, listener.getsockname()[1]), 5)
        with listener, asking, listener.accept()[0] as answering:
            kinds = [
                end.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16) for end in (asking, answering)
            ]
    assert shown == [os.fspath(tmp_path), "eth0", "lo"]
    assert [kind.rstrip(b"\0") for kind in kinds] == [b"cubic"] * 2
