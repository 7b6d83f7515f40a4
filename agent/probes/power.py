"""Batteries of a laptop, and a Raspberry Pi's supply: one finding, as this machine has but one power."""

from collections.abc import Iterable, Sequence
from typing import Any

from agent.machine.commands import NotInstalledError
from agent.machine.files import Files
from agent.machine.machine import Machine
from agent.probes.base import Measure, NothingHereError, ProbeFailedError, credible
from agent.probes.settings import ProbeSettings
from agent.readers import sysfs, vcgencmd
from agent.readers.sysfs import Battery, Charging, Supply
from firstbell.catalogue import Reading
from firstbell.report import Finding, Status

_SUPPLIES = "/sys/class/power_supply"
_SENSORS = "/sys/class/hwmon"
_MODEL = "/proc/device-tree/model"
_DEADLINE_S = 5.0


def probe(_settings: ProbeSettings) -> Measure:
    """The probe `power`: one finding, with no target. Raises NothingHereError and ProbeFailedError."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        supplies = _supplies(machine.files)
        batteries = [supply for supply in supplies if isinstance(supply, Battery)]
        if not batteries and memory.get("batteries"):
            raise ProbeFailedError("the battery that was here doesn't answer any more")
        memory["batteries"] = len(batteries)
        is_pi = (machine.files.text(_MODEL) or "").startswith("Raspberry Pi")
        if not batteries and not is_pi:
            raise NothingHereError("this machine has no battery, and tells nothing of its supply")
        readings = _of_batteries(batteries, supplies) if batteries else {}
        pi, trouble = _of_pi(machine, memory) if is_pi else ({}, "")
        readings |= pi
        if not readings:
            raise ProbeFailedError(trouble)
        return [Finding(status=Status.OK, reason=trouble, readings=readings)]

    return measure


def _supplies(files: Files) -> list[Battery | Supply]:
    """Everything that Linux knows as a supply of this machine, in the order of names."""
    found = (sysfs.supply(_told(files, f"{_SUPPLIES}/{name}")) for name in files.names(_SUPPLIES))
    return [supply for supply in found if supply is not None]


def _told(files: Files, folder: str) -> dict[str, str]:
    """One look at all properties together, and file by file what that leaves out."""
    told = sysfs.properties(files.text(f"{folder}/uevent") or "")
    names = ("type", "scope") if "status" in told or "online" in told else sysfs.ATTRIBUTES
    single = {name: files.text(f"{folder}/{name}") for name in names if name not in told}
    return told | {name: text for name, text in single.items() if text is not None}


def _of_batteries(batteries: Sequence[Battery], supplies: Sequence[Battery | Supply]) -> dict[str, Reading]:
    """All batteries as one."""
    now, full, design = (
        _sum(getattr(battery, name) for battery in batteries) for name in ("now_wh", "full_wh", "design_wh")
    )
    known = [pct for battery in batteries if (pct := battery.charge_pct) is not None]
    # By their energies where all tell them: a small second battery weighs little.
    charge = 100 * now / full if now is not None and full else sum(known) / len(known) if known else None
    one = batteries[0].health_pct if len(batteries) == 1 else None
    status = _status(batteries)
    return credible(
        {
            "plugged_in": _plugged_in(status, [supply for supply in supplies if isinstance(supply, Supply)]),
            "batteries": len(batteries),
            "battery_status": status.value,
            "battery_pct": min(100.0, charge) if charge is not None else None,
            "health_pct": min(120.0, 100 * full / design) if full and design else one,
            "battery_wh": now,
            "battery_full_wh": full,
            "battery_design_wh": design,
            "power_w": _power_w(batteries),
            "cycles": max((battery.cycles or 0 for battery in batteries), default=0) or None,
            "battery_c": max(
                (b.temperature_c for b in batteries if b.temperature_c is not None), default=None
            ),
        }
    )


def _status(batteries: Sequence[Battery]) -> Charging:
    """One word for all: a battery that works comes before one that waits."""
    seen = {battery.status for battery in batteries}
    order = (Charging.DISCHARGING, Charging.CHARGING, Charging.UNKNOWN, Charging.NOT_CHARGING)
    return next((status for status in order if status in seen), Charging.FULL)


def _plugged_in(status: Charging, ways_in: Sequence[Supply]) -> bool | None:
    """Whether power comes in: by what comes in, else by what the batteries do."""
    if status is Charging.CHARGING or any(way.online for way in ways_in):
        return True
    if status is Charging.DISCHARGING or any(way.online is False for way in ways_in):
        return False
    return None if status is Charging.UNKNOWN else True


def _power_w(batteries: Sequence[Battery]) -> float | None:
    """The sum, if each battery at work tells its own."""
    at_work = [b for b in batteries if b.status in (Charging.DISCHARGING, Charging.CHARGING)]
    return _sum(battery.power_w for battery in at_work or batteries)


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = list(amounts)
    return sum(amount or 0.0 for amount in known) if None not in known else None


def _of_pi(machine: Machine, memory: dict[str, Any]) -> tuple[dict[str, Reading], str]:
    """What the firmware and the kernel's sensor say, and what keeps either from it.

    The kernel's driver asks every two seconds, and is said to clear the firmware's memory by that; so this
    one remembers for itself too.
    """
    alarm = _alarm(machine.files)
    told, trouble = _firmware(machine)
    if alarm is None and told is None:
        return {}, trouble
    low = bool(alarm) or bool(told and told.undervoltage)
    memory["low"] = memory.get("low", False) or low
    readings: dict[str, Reading | None] = {"undervoltage_now": low}
    if memory["low"] or told:
        readings["undervoltage_since_boot"] = memory["low"] or bool(told and told.undervoltage_since_boot)
    if told:
        readings["capped_now"] = told.capped
        readings["throttled_now"] = told.throttled
        readings["throttled_since_boot"] = told.throttled_since_boot
        readings["hot_now"] = told.hot
    return credible(readings), trouble


def _alarm(files: Files) -> bool | None:
    """The kernel's own sensor (rpi_volt), wherever it stands today; None if there is none."""
    for sensor in files.names(_SENSORS):
        if files.text(f"{_SENSORS}/{sensor}/name") == "rpi_volt":
            number = files.number(f"{_SENSORS}/{sensor}/in0_lcrit_alarm")
            return None if number is None else number != 0
    return None


def _firmware(machine: Machine) -> tuple[vcgencmd.Throttled | None, str]:
    try:
        ended = machine.commands.run(["vcgencmd", "get_throttled"], deadline_s=_DEADLINE_S)
    except NotInstalledError:
        return None, "vcgencmd is not installed on this Raspberry Pi: sudo apt install raspi-utils"
    told = vcgencmd.throttled(ended.stdout)
    # Without the group the firmware's device can't be opened; the command says so in words of its own.
    return told, "" if told else "the firmware didn't answer: is this user in the group video?"
