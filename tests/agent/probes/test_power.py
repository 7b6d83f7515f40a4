"""Batteries and supplies that change between two looks, and machines that tell only a part."""

from pathlib import Path
from typing import Any

import pytest

from agent.machine.commands import Ended
from agent.probes.base import NothingHereError, ProbeFailedError
from agent.probes.power import probe
from agent.probes.settings import ProbeSettings
from firstbell.report import Finding, finding_complaint
from tests.support.whole_machines import WholeMachine

_BAT0 = "root/sys/class/power_supply/BAT0"


def look(whole: WholeMachine, memory: dict[str, Any] | None = None) -> Finding:
    """One look; its finding can be reported."""
    (finding,) = probe(ProbeSettings())(whole.machine, {} if memory is None else memory)
    assert finding_complaint(finding) is None
    return finding


@pytest.fixture
def laptop(tmp_path: Path) -> WholeMachine:
    """A laptop that charges a worn battery."""
    return WholeMachine("laptop-worn-battery", tmp_path / "machine")


@pytest.fixture
def pi(tmp_path: Path) -> WholeMachine:
    """A Raspberry Pi whose supply is too weak."""
    return WholeMachine("pi4-undervolting", tmp_path / "machine")


def test_a_battery_that_vanishes_is_missed(laptop: WholeMachine) -> None:
    """It was there at the look before: that is a failure, as long as it lasts, and no machine without one."""
    memory: dict[str, Any] = {}
    look(laptop, memory)
    laptop.remove(_BAT0)
    for _ in range(2):
        with pytest.raises(ProbeFailedError, match="doesn't answer"):
            look(laptop, memory)
    with pytest.raises(NothingHereError):
        look(laptop, {})


def test_single_files_speak_where_uevent_does_not(laptop: WholeMachine) -> None:
    """Some firmware fails at one property, and the kernel then tells none of them together."""
    laptop.remove(f"{_BAT0}/uevent")
    for name, said in (("status", "Discharging"), ("energy_now", "14500000"), ("energy_full", "29000000")):
        (laptop.folder / _BAT0 / name).write_text(f"{said}\n")
    readings = look(laptop).readings
    assert (readings["battery_status"], readings["battery_pct"], readings["battery_wh"]) == (
        "discharging",
        50.0,
        14.5,
    )


@pytest.mark.parametrize(
    ("status", "mains", "plugged_in"),
    [
        ("Discharging", "0", False),
        ("Discharging", "1", True),
        ("Charging", "0", True),
        ("Full", "1", True),
        ("Not charging", "0", False),
        ("Not charging", "", True),
        ("Unknown", "", None),
    ],
)
def test_whether_power_comes_in(
    laptop: WholeMachine, status: str, mains: str, plugged_in: bool | None
) -> None:
    """By the ways in, and where they say nothing by what the battery does; a weak charger is plugged in too."""
    laptop.change(f"{_BAT0}/uevent", "STATUS=Charging", f"STATUS={status}")
    laptop.remove("root/sys/class/power_supply/ucsi-source-psy-USBC000:001")
    laptop.change("root/sys/class/power_supply/AC/uevent", "ONLINE=1", f"ONLINE={mains}")
    assert look(laptop).readings.get("plugged_in") is plugged_in


def test_two_batteries_with_one_unknown_have_no_sum(tmp_path: Path) -> None:
    """An energy that one doesn't tell is not zero; the charge is then the mean of both."""
    whole = WholeMachine("laptop-wifi-7", tmp_path / "machine")
    whole.change(f"{_BAT0}/uevent", "ENERGY_NOW=19584000", "ENERGY_NOW=")
    readings = look(whole).readings
    assert "battery_wh" not in readings
    assert readings["battery_pct"] == pytest.approx((80 + 16) / 2)
    assert readings["battery_full_wh"] == pytest.approx(46.08)


def test_an_impossible_number_does_not_cost_the_rest(laptop: WholeMachine) -> None:
    """A sentinel of 65,535 W is left out, and the other readings stand."""
    laptop.change(f"{_BAT0}/uevent", "POWER_NOW=18400000", "POWER_NOW=65535000000")
    readings = look(laptop).readings
    assert "power_w" not in readings
    assert readings["health_pct"] == 58.0


def test_the_kernels_sensor_is_enough(pi: WholeMachine) -> None:
    """Without vcgencmd the alarm alone tells, the reason says what to install, and a dip is remembered."""
    pi.remove("commands/vcgencmd get_throttled")
    memory: dict[str, Any] = {}
    finding = look(pi, memory)
    assert finding.readings == {"undervoltage_now": True, "undervoltage_since_boot": True}
    assert "sudo apt install" in finding.reason
    pi.change("root/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1", "0")
    assert look(pi, memory).readings == {"undervoltage_now": False, "undervoltage_since_boot": True}
    assert look(pi, {}).readings == {"undervoltage_now": False}


def test_a_pi_that_tells_nothing_says_why(pi: WholeMachine) -> None:
    """Neither sensor nor command; and a command that may not open the firmware's device."""
    pi.remove("root/sys/class/hwmon/hwmon1")
    pi.commands.endings["vcgencmd get_throttled"] = Ended(255, b"VCHI initialization failed\n", b"")
    with pytest.raises(ProbeFailedError, match="group video"):
        look(pi)
    pi.commands.endings.clear()
    pi.remove("commands/vcgencmd get_throttled")
    with pytest.raises(ProbeFailedError, match="not installed"):
        look(pi)


def test_the_firmware_is_asked_on_a_pi_alone(laptop: WholeMachine) -> None:
    """No other machine is asked for a command that it can't have."""
    look(laptop)
    assert laptop.commands.asked == []
