"""The probe `path`: what it says of a way, of none, and of whom it doesn't ask."""

import sys
from pathlib import Path

import pytest

from agent.machine.hops import Hop, Way
from agent.machine.machine import Machine
from agent.machine.trouble import RefusedError
from agent.probes.base import NothingHereError
from agent.probes.path import probe
from agent.probes.settings import GATEWAY, ProbeSettings, Target
from firstbell.catalogue import PROBES
from firstbell.report import Finding, Medium, Segment, Status, finding_complaint
from tests.support.machines import FakeMachine

_ROUTE = "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n"
_SITE = Target(name="site", host="192.0.2.80")


def look(machine: Machine, *targets: Target) -> list[Finding]:
    """One run; each finding can be reported."""
    findings = list(probe(ProbeSettings(targets=targets))(machine, {}))
    for finding in findings:
        assert finding_complaint(finding) is None
        assert set(finding.readings) <= set(PROBES["path"].metrics)
    return findings


def found(folder: Path, way: Way | None) -> Finding:
    """What is said of a way."""
    machine = FakeMachine(folder)
    machine.write("/proc/net/route", _ROUTE)
    machine.write("/sys/class/net/eth0/type", "1")
    machine.network.ways.append(way)
    (finding,) = look(machine.machine, _SITE)
    assert finding.medium is Medium.WIRED
    return finding


def test_routers_are_told_by_their_place(tmp_path: Path) -> None:
    """Who keeps silent leaves its place free."""
    finding = found(tmp_path, Way((Hop(1, "10.0.0.1", 0.5), Hop(3, "192.0.2.80", 9.5)), 3))
    assert (finding.status, finding.reason, finding.segment) == (Status.OK, "", Segment.INTERNET)
    assert finding.readings == {
        "hops": 3,
        "hop01_address": "10.0.0.1",
        "hop01_rtt_ms": 0.5,
        "hop03_rtt_ms": 9.5,
    }


def test_the_longest_way_that_can_be_found_can_be_reported(tmp_path: Path) -> None:
    """Twenty routers with the longest of addresses fit into a report."""
    long = "2001:db8:1111:2222:3333:4444:5555:6666"
    finding = found(tmp_path, Way(tuple(Hop(n, long, 100.0) for n in range(1, 21)), 20))
    assert len(finding.readings) == 40


def test_a_silent_target_is_said_beside_its_routers(tmp_path: Path) -> None:
    """The way as far as it is known, and no distance."""
    finding = found(tmp_path, Way((Hop(1, "10.0.0.1", 0.5),), None))
    assert (finding.status, finding.reason) == (Status.OK, "the target did not answer")
    assert "hops" not in finding.readings


@pytest.mark.parametrize(
    ("way", "status", "reason"),
    [
        (None, Status.NOTHING, "this system tells no program which routers are on the way"),
        (Way((), None), Status.FAILED, "no router answered, and the target did not"),
        (Way((), None, "network is unreachable"), Status.FAILED, "network is unreachable"),
    ],
    ids=["system", "silence", "no way"],
)
def test_without_a_router_the_reason_is_said(
    tmp_path: Path, way: Way | None, status: Status, reason: str
) -> None:
    """A system that can't, silence, and no way out are three things."""
    finding = found(tmp_path, way)
    assert (finding.status, finding.reason, finding.readings) == (status, reason, {})


def test_a_name_that_is_not_known_is_said(tmp_path: Path) -> None:
    """Nobody is asked for a way to nowhere."""
    machine = FakeMachine(tmp_path)
    machine.network.names["hub.example"] = RefusedError("there is no such name")
    (finding,) = look(machine.machine, Target(name="hub", host="hub.example", segment=Segment.WAN))
    assert (finding.status, finding.reason) == (Status.FAILED, "name: there is no such name")
    assert machine.network.asked == []


def test_the_building_is_not_asked_for(tmp_path: Path) -> None:
    """Its gateway and its own server have no routers before them; with these alone there is nothing to do."""
    inside = Target(name="gateway", host=GATEWAY, segment=Segment.SITE)
    server = Target(name="server", host="10.0.0.9", segment=Segment.SITE)
    with pytest.raises(NothingHereError):
        look(FakeMachine(tmp_path).machine, inside, server)


def test_a_name_that_leads_to_a_neighbour_tells_no_address(tmp_path: Path) -> None:
    """Whoever answers for a name can't have a box send the address of a device in its building, nor its own."""
    machine = FakeMachine(tmp_path)
    machine.network.own.add("192.0.2.80")
    machine.network.ways.append(Way((Hop(1, "192.0.2.80", 0.1),), 1))
    (finding,) = look(machine.machine, _SITE)
    assert (finding.status, finding.segment, finding.readings) == (Status.NOTHING, Segment.SELF, {})


def test_a_way_that_was_cut_is_called_so(tmp_path: Path) -> None:
    """Nobody says of a target that it kept silent who had no time to ask it."""
    finding = found(tmp_path, Way((Hop(1, "10.0.0.1", 0.5),), None, cut=True))
    assert (finding.status, finding.reason) == (Status.OK, "there was no time to ask further")


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_this_machine_is_one_step_away(address: str) -> None:
    """Real sockets, both families."""
    way = Machine.real().network.walk(address, 5)
    assert way is not None
    assert (way.hops, [router.address for router in way.routers]) == (1, [address])
