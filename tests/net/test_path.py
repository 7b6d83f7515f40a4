"""Who stands on the way, asked of real routers: a box, its building, the district, the internet."""

import json
import sys
from collections.abc import Iterator

import pytest

from tests.net.host import Host
from tests.net.net import Net, Path
from tests.net.shape import Shape

_WALK = """
import json
from agent.machine.clock import SystemClock
from agent.machine.network import SystemNetwork
print(json.dumps(SystemNetwork(SystemClock()).walk({address!r}, 10)))
"""
_NO_PINGS = "echo '1 0' > /proc/sys/net/ipv4/ping_group_range"
_SITE = Shape(down_mbps=50, up_mbps=50, rtt_ms=6, queue_ms=400)
_WAN = Shape(down_mbps=20, up_mbps=10, rtt_ms=24, queue_ms=400)

pytestmark = pytest.mark.root


@pytest.fixture
def path(net: Net) -> Iterator[Path]:
    """6 ms to the district, 24 more to the internet."""
    with net.path(_SITE, _WAN) as made:
        yield made


def walk(host: Host, address: str, before: str = "") -> tuple[list[tuple[int, str, float]], int | None, str]:
    """What the box finds."""
    routers, hops, trouble, _cut = json.loads(
        host.run([sys.executable, "-c", before + _WALK.format(address=address)]).stdout
    )
    return [tuple(router) for router in routers], hops, trouble


@pytest.mark.parametrize("pings", [True, False], ids=["icmp", "udp"])
def test_every_router_is_told_with_its_round_trip(path: Path, pings: bool) -> None:
    """The building's at once, the district's after 6 ms, the target after 30: by echoes, and where these may not be."""
    if not pings:
        path.box.run(["sh", "-c", _NO_PINGS])
    routers, hops, trouble = walk(path.box, path.internet.address)
    assert [(number, address) for number, address, _ in routers] == [
        (1, path.building.address),
        (2, path.district.address),
        (3, path.internet.address),
    ]
    assert (hops, trouble) == (3, "")
    near, middle, far = (rtt_ms for *_, rtt_ms in routers)
    assert near < 3
    assert middle == pytest.approx(6, abs=2)
    assert far == pytest.approx(30, abs=2)


def test_a_target_that_is_silent_is_not_made_up(path: Path) -> None:
    """Where packets vanish the way ends; the routers before it are told, and no distance."""
    path.internet.ip("route add blackhole 198.51.100.77")
    path.district.ip(f"route add 198.51.100.77 via {path.internet.address}")
    routers, hops, _ = walk(path.box, "198.51.100.77")
    assert [address for _, address, _ in routers] == [path.building.address, path.district.address]
    assert hops is None


def test_a_router_that_leads_nowhere_ends_the_way(path: Path) -> None:
    """It says so itself, and nobody behind it is asked: it is told once, and is not the target."""
    path.district.ip("route add unreachable 198.51.100.99")
    routers, hops, _ = walk(path.box, "198.51.100.99")
    assert [address for _, address, _ in routers] == [path.building.address, path.district.address]
    assert hops is None


def test_a_gateway_that_is_gone_is_no_router(path: Path) -> None:
    """This machine's own word, in the midst of it, that nobody answers does not stand on the way."""
    path.building.ip("link set lan down")
    asked_before = (
        "import socket, time\n"
        f"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{path.internet.address}', 9))\n"
        "time.sleep(2)\n"
    )
    routers, hops, _ = walk(path.box, path.internet.address, asked_before)
    assert (routers, hops) == ([], None)


def test_a_loop_is_followed_to_the_last_router_that_can_be_told(path: Path) -> None:
    """Two routers that send a packet to and fro: each is asked in turn, and the way has no end."""
    for router in (path.district, path.internet):
        router.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit"])
    path.district.ip(f"route add 198.51.100.50 via {path.internet.address}")
    path.internet.ip("route add 198.51.100.50 via 198.51.100.9")
    routers, hops, _ = walk(path.box, "198.51.100.50")
    assert [number for number, *_ in routers] == list(range(1, 21))
    assert routers[-1][1] != routers[-2][1]
    assert hops is None
