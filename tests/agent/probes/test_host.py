"""The probe `host` on machines that are folders and a few numbers."""

from typing import Any

import pytest

from agent.machine.counters import Memory, Port, Processor
from agent.machine.machine import Machine
from agent.probes.host import probe
from agent.probes.settings import ProbeSettings
from firstbell.catalogue import PROBES, Reading
from firstbell.report import Finding, Medium, Status, finding_complaint
from tests.support.machines import FakeMachine

_ROUTE = "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n"


def look(fake: FakeMachine, memory: dict[str, Any], **settings: str) -> Finding:
    """One run of the probe; its one finding can be reported."""
    (finding,) = probe(ProbeSettings(**settings))(fake.machine, memory)  # type: ignore[arg-type]
    assert finding_complaint(finding) is None
    assert set(finding.readings) <= set(PROBES["host"].metrics)
    return finding


@pytest.fixture
def school_box(fake: FakeMachine) -> FakeMachine:
    """A Pi on a cable of 1000 Mbit/s, an hour after its start."""
    fake.write("/proc/net/route", _ROUTE)
    fake.write("/sys/class/net/eth0/type", "1")
    fake.write("/sys/class/thermal/thermal_zone0/type", "cpu-thermal")
    fake.write("/sys/class/thermal/thermal_zone0/temp", "48312")
    fake.counters.ports["eth0"] = Port(1_000_000, 500_000)
    fake.counters.speeds["eth0"] = 1000
    fake.clock.seconds = 3600.0
    return fake


def test_the_first_look_tells_what_stands(school_box: FakeMachine) -> None:
    """Memory 750 of 1000 MiB, 48.3 degrees, an hour up, a port of 1000; no shares or rates out of thin air."""
    finding = look(school_box, {})
    free = finding.readings.pop("disk_free_mib")
    assert isinstance(free, float)
    assert free > 0
    assert finding.readings == {
        "memory_used_pct": 75.0,
        "memory_total_mib": 1000.0,
        "uptime_s": 3600.0,
        "temperature_c": 48.312,
        "port_speed_mbps": 1000,
    }
    assert (finding.status, finding.medium, finding.target) == (Status.OK, Medium.WIRED, "")


def test_the_second_look_tells_shares_and_rates(school_box: FakeMachine) -> None:
    """In 10 s 25 MB came in (20 Mbit/s), 2.5 MB left (2 Mbit/s), 3 of 40 core seconds were busy (7.5 %)."""
    memory: dict[str, Any] = {}
    look(school_box, memory)
    school_box.clock.seconds += 10
    school_box.counters.busy = Processor(3.0, 40.0)
    school_box.counters.ports["eth0"] = Port(26_000_000, 3_000_000)
    readings = look(school_box, memory).readings
    expected = {"port_down_mbps": 20.0, "port_up_mbps": 2.0, "cpu_busy_pct": 7.5}
    assert {name: readings[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("after", [Port(10, 3_000_000), None])
def test_counters_that_began_anew_make_no_rate(school_box: FakeMachine, after: Port | None) -> None:
    """A port that was gone or counts from zero again has carried an unknown amount."""
    memory: dict[str, Any] = {}
    look(school_box, memory)
    school_box.clock.seconds += 10
    school_box.counters.ports = {} if after is None else {"eth0": after}
    assert "port_down_mbps" not in look(school_box, memory).readings


def test_another_port_makes_no_rate(school_box: FakeMachine) -> None:
    """A box that went from the cable to Wi-Fi does not take one port's bytes from the other's."""
    memory: dict[str, Any] = {}
    look(school_box, memory)
    school_box.write("/proc/net/route", _ROUTE.replace("eth0", "wlan0"))
    school_box.write("/sys/class/net/wlan0/phy80211/name", "phy0")
    school_box.counters.ports["wlan0"] = Port(90_000_000, 90_000_000)
    school_box.clock.seconds += 10
    finding = look(school_box, memory)
    assert "port_down_mbps" not in finding.readings
    assert "port_speed_mbps" not in finding.readings
    assert finding.medium is Medium.WIFI


def test_a_busy_share_stays_a_share(school_box: FakeMachine) -> None:
    """Kernel counters that step back a little make 0 %, not less."""
    memory: dict[str, Any] = {}
    school_box.counters.busy = Processor(5.0, 100.0)
    look(school_box, memory)
    school_box.counters.busy = Processor(4.9, 104.0)
    assert look(school_box, memory).readings["cpu_busy_pct"] == 0.0


def test_the_port_of_the_settings_comes_before_the_route(school_box: FakeMachine) -> None:
    """Who names an interface gets that one's numbers."""
    school_box.counters.speeds["eth7"] = 100
    assert look(school_box, {}, interface="eth7").readings["port_speed_mbps"] == 100


@pytest.mark.parametrize(
    ("kind", "temp", "expected"),
    [
        ("x86_pkg_temp", "51000", 51.0),
        ("acpitz", "27800", None),
        ("cpu-thermal", "-274000", None),
        ("cpu-thermal", "", None),
    ],
)
def test_temperatures_that_are_not_the_processors_are_left_out(
    fake: FakeMachine, kind: str, temp: str, expected: Reading | None
) -> None:
    """The board's own zone says little, and a sleeping sensor's sentinel is no temperature."""
    fake.write("/sys/class/thermal/thermal_zone0/type", kind)
    fake.write("/sys/class/thermal/thermal_zone0/temp", temp)
    assert look(fake, {}).readings.get("temperature_c") == expected


def test_a_machine_that_tells_nothing_is_still_reported(fake: FakeMachine) -> None:
    """No route, no sensors, no disk: what is known is told, and the finding is ok."""
    fake.counters.ram = Memory(512 << 20, 512 << 20)
    finding = look(fake, {})
    assert finding.status is Status.OK
    assert finding.medium is None
    assert finding.readings == {"memory_used_pct": 0.0, "memory_total_mib": 512.0, "uptime_s": 1000.0}


def test_no_name_of_an_interface_goes_into_a_finding(school_box: FakeMachine) -> None:
    """Neither the port's name nor the gateway's address is anybody else's business."""
    text = repr(look(school_box, {}))
    assert "eth0" not in text
    assert "192.168" not in text


def test_the_real_machine_answers() -> None:
    """On whatever this runs on the probe has something to say, the second time a share too."""
    machine, memory = Machine.real(), dict[str, Any]()
    measure = probe(ProbeSettings(interface="lo"))
    measure(machine, memory)
    until_s = machine.counters.processor().total_s + 0.02
    while machine.counters.processor().total_s < until_s:
        pass
    (finding,) = measure(machine, memory)
    assert finding_complaint(finding) is None
    assert {"cpu_busy_pct", "memory_used_pct", "port_down_mbps", "disk_free_mib"} <= set(finding.readings)
