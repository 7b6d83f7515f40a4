"""The default way out and the medium, from kernel tables in a folder."""

import pytest

from agent.machine.files import Files
from agent.machine.routes import Route, default_route, medium
from firstbell.report import Medium
from tests.support.machines import FakeMachine

_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
_TWO_WAYS = (
    _HEAD
    + "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
    + "eth0\t00000000\tFE01A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    + "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
)
_ZERO = "0" * 32
_V6_ROW = "{} 00 {} 00 {} {} 00000001 00000000 {}     eth0\n"


def test_the_default_route_with_the_lowest_metric_counts(fake: FakeMachine) -> None:
    """192.168.1.254 by the cable (metric 100) comes before 192.168.1.1 by Wi-Fi (metric 600)."""
    fake.write("/proc/net/route", _TWO_WAYS)
    assert default_route(fake.machine.files) == Route("eth0", "192.168.1.254")


def test_a_route_that_is_not_the_default_is_no_way_out(fake: FakeMachine) -> None:
    """A machine that knows its own subnet alone has no gateway."""
    fake.write("/proc/net/route", _HEAD + "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n")
    assert default_route(fake.machine.files) is None


def test_an_empty_machine_has_no_way_out(fake: FakeMachine) -> None:
    """No table, no route."""
    assert default_route(fake.machine.files) is None


def test_ipv6_counts_where_there_is_no_ipv4(fake: FakeMachine) -> None:
    """A link-local gateway carries its interface as scope; unreachable defaults (flags 00200200) don't count."""
    gateway = "fe80" + "0" * 25 + "001"
    unreachable = _V6_ROW.format(_ZERO, _ZERO, _ZERO, "ffffffff", "00200200")
    fake.write(
        "/proc/net/ipv6_route", unreachable + _V6_ROW.format(_ZERO, _ZERO, gateway, "00000400", "00000003")
    )
    assert default_route(fake.machine.files) == Route("eth0", "fe80::1%eth0")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"type": "1", "wireless/link": "0"}, Medium.WIFI),
        ({"type": "1", "phy80211/name": "phy0"}, Medium.WIFI),
        ({"type": "1", "speed": "1000"}, Medium.WIRED),
        ({"type": "772"}, None),
    ],
)
def test_the_medium_is_read_from_sysfs(
    fake: FakeMachine, files: dict[str, str], expected: Medium | None
) -> None:
    """Wi-Fi has a wireless or phy80211 entry, Ethernet is type 1, loopback (772) is neither."""
    for name, text in files.items():
        fake.write(f"/sys/class/net/x0/{name}", text)
    assert medium(fake.machine.files, "x0") is expected


def test_without_sysfs_only_a_name_that_says_it_is_wifi(fake: FakeMachine) -> None:
    """Windows names its ports; a name that says nothing is no medium."""
    files: Files = fake.machine.files
    assert medium(files, "Wi-Fi") is Medium.WIFI
    assert medium(files, "Ethernet") is None
    assert medium(files, "") is None
