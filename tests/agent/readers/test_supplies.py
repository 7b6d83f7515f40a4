"""What the kernel and a Pi's firmware say of power, to values: units, signs, and what is unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.readers import sysfs, vcgencmd
from agent.readers.sysfs import Battery, Charging, Supply
from agent.readers.vcgencmd import Throttled

_ENERGY = {"energy_now": "20000000", "energy_full": "40000000", "energy_full_design": "50000000"}
_CHARGE = {"charge_now": "2000000", "charge_full": "4000000", "charge_full_design": "5000000"}


def battery(status: str = "Discharging", **told: str) -> Battery:
    """A battery that says this."""
    read = sysfs.supply({"type": "Battery", "status": status, **told})
    assert isinstance(read, Battery)
    return read


def test_energy_and_charge_come_to_the_same() -> None:
    """40 Wh in energy, and 4 Ah at 10 V: half full, four fifths of new."""
    by_energy = battery(**_ENERGY)
    by_charge = battery(**_CHARGE, voltage_min_design="10000000", voltage_now="12000000")
    assert by_energy == by_charge
    assert (by_energy.now_wh, by_energy.full_wh, by_energy.design_wh) == (20.0, 40.0, 50.0)
    assert (by_energy.charge_pct, by_energy.health_pct) == (50.0, 80.0)


def test_units_are_never_mixed() -> None:
    """A battery that tells its energy now and its charge when full has no share of them."""
    read = battery(energy_now="20000000", charge_full="4000000", capacity="63")
    assert (read.now_wh, read.full_wh, read.health_pct, read.charge_pct) == (20.0, None, None, 63)


def test_charge_without_a_voltage_has_shares_and_no_energy() -> None:
    """Shares need no voltage; energies do."""
    read = battery(**_CHARGE)
    assert (read.now_wh, read.charge_pct, read.health_pct) == (None, 50.0, 80.0)


@pytest.mark.parametrize(
    ("status", "told", "watts"),
    [
        ("Discharging", {"power_now": "5000000"}, 5.0),
        ("Discharging", {"power_now": "-5000000"}, 5.0),
        ("Discharging", {"current_now": "-500000", "voltage_now": "12000000"}, 6.0),
        ("Charging", {"power_now": "5000000"}, -5.0),
        ("Charging", {"current_now": "500000", "voltage_now": "12000000"}, -6.0),
        ("Discharging", {"power_now": "0"}, None),
        ("Discharging", {"current_now": "500000"}, None),
        ("Discharging", {"power_now": ""}, None),
        ("Full", {"power_now": "0"}, 0.0),
        ("Full", {"power_now": "11100"}, None),
        ("Not charging", {"power_now": "0"}, 0.0),
        ("Unknown", {"power_now": "0"}, None),
        ("Unknown", {"power_now": "5000000"}, None),
        ("Discharging", {}, None),
    ],
)
def test_the_sign_of_power_is_the_status(status: str, told: dict[str, str], watts: float | None) -> None:
    """Drivers disagree on signs; a gauge that says nothing flows while it discharges doesn't know."""
    assert battery(status, **told).power_w == watts


@pytest.mark.parametrize(
    ("told", "health", "cycles"),
    [
        ({**_ENERGY, "energy_full_design": "0", "cycle_count": "0"}, None, None),
        ({**_ENERGY, "energy_full": "0"}, None, None),
        ({**_ENERGY, "energy_full": "90000000", "cycle_count": "7"}, 120.0, 7),
        ({"cycle_count": "-1x"}, None, None),
    ],
)
def test_what_the_firmware_does_not_know_is_none(
    told: dict[str, str], health: float | None, cycles: int | None
) -> None:
    """No design, no capacity, no cycles: unknown; a battery far above its label is the firmware's error."""
    read = battery(**told)
    assert (read.health_pct, read.cycles) == (health, cycles)


@pytest.mark.parametrize(
    ("told", "supply"),
    [
        ({"type": "Mains", "online": "1"}, Supply(True)),
        ({"type": "USB", "online": "0"}, Supply(False)),
        ({"type": "USB_PD", "online": "2"}, Supply(True)),
        ({"type": "Wireless"}, Supply(None)),
        ({"type": "Battery", "scope": "Device", "capacity": "90"}, None),
        ({"type": "Battery", "present": "0"}, None),
        ({"type": "UPS", "online": "1"}, None),
        ({}, None),
    ],
)
def test_only_this_machines_supplies_count(told: dict[str, str], supply: Supply | None) -> None:
    """A mouse's battery is the mouse's, and an empty bay holds none."""
    assert sysfs.supply(told) == supply


def test_an_unheard_of_status_is_unknown() -> None:
    """As is one that is missing."""
    assert battery("Meditating").status is battery("").status is Charging.UNKNOWN


def test_uevent_says_what_the_files_say() -> None:
    """Names without their prefix, values with whatever they hold."""
    told = sysfs.properties(
        "DEVTYPE=power_supply\nPOWER_SUPPLY_STATUS=Not charging\nPOWER_SUPPLY_MODEL_NAME=A=B\n"
    )
    assert told == {"devtype": "power_supply", "status": "Not charging", "model_name": "A=B"}


@pytest.mark.parametrize(
    ("stdout", "throttled"),
    [
        (b"throttled=0x0\n", Throttled(*[False] * 6)),
        (b"throttled=0x50005\n", Throttled(True, False, True, False, True, True)),
        (b"throttled=0x50000\n", Throttled(False, False, False, False, True, True)),
        (b"throttled=0x1", Throttled(True, False, False, False, True, False)),
        (b"throttled=0xE0008\r\n", Throttled(False, False, False, True, False, True)),
        (b"throttled=0xa0002", Throttled(False, True, False, False, False, False)),
        (b"VCHI initialization failed\n", None),
        (b"throttled=", None),
        (b"", None),
    ],
)
def test_the_firmwares_bits(stdout: bytes, throttled: Throttled | None) -> None:
    """Bits 0 to 3 are now, 16 to 19 since the start; what is true now has happened since the start."""
    assert vcgencmd.throttled(stdout) == throttled


@given(st.text(max_size=200), st.binary(max_size=50))
def test_nothing_makes_a_reader_fall(uevent: str, stdout: bytes) -> None:
    """Any text is read as something or as nothing."""
    sysfs.supply(sysfs.properties(f"POWER_SUPPLY_TYPE=Battery\n{uevent}"))
    vcgencmd.throttled(stdout)
