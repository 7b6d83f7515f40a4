"""What Linux tells of power supplies (`/sys/class/power_supply/X/uevent`), to values.

The kernel counts in millionths (V, A, W, Ah, Wh), and a battery in energy or in charge, never mixed here:
charge becomes energy by the battery's nominal voltage, and shares are taken within one unit.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

_MICRO = 1e6
_MOST_HEALTH_PCT = 120.0
"""Some firmware learns a fuller battery than its label says; more than this is a firmware's error."""
ATTRIBUTES = (
    "type", "scope", "present", "online", "status", "capacity", "cycle_count", "temp", "voltage_now",
    "voltage_min_design", "power_now", "current_now", "energy_now", "energy_full", "energy_full_design",
    "charge_now", "charge_full", "charge_full_design",
)  # fmt: skip
"""The single files that say the same as `uevent`, for where that one can't be read."""


class Charging(StrEnum):
    """What a battery does."""

    CHARGING = "charging"
    DISCHARGING = "discharging"
    NOT_CHARGING = "not charging"
    FULL = "full"
    UNKNOWN = "unknown"


class Battery(NamedTuple):
    """One battery. Energies in Wh; `power_w` out of it, below zero while it charges; None is unknown."""

    status: Charging
    now_wh: float | None
    full_wh: float | None
    design_wh: float | None
    charge_pct: float | None
    health_pct: float | None
    power_w: float | None
    cycles: int | None
    temperature_c: float | None


class Supply(NamedTuple):
    """A way for power to come in; `online` says whether it does, None if it doesn't say."""

    online: bool | None


def properties(uevent: str) -> dict[str, str]:
    """`uevent`, by the names of the single files."""
    pairs = (line.partition("=") for line in uevent.splitlines())
    return {key.removeprefix("POWER_SUPPLY_").lower(): value.strip() for key, _, value in pairs}


def supply(told: Mapping[str, str]) -> Battery | Supply | None:
    """What stands there; None for a battery of a mouse or pen, for one that isn't in, and for the rest."""
    kind = told.get("type", "")
    if told.get("scope") == "Device" or told.get("present") == "0":
        return None
    if kind == "Battery":
        return _battery(told)
    if kind in {"Mains", "Wireless"} or kind.startswith("USB"):
        online = _whole(told, "online")
        return Supply(None if online is None else online > 0)
    return None


def _battery(told: Mapping[str, str]) -> Battery:
    status = _status(told.get("status", ""))
    now, full, design, volts = _amounts(told)
    capacity = _whole(told, "capacity")
    tenths = _whole(told, "temp")
    return Battery(
        status=status,
        now_wh=_times(now, volts),
        full_wh=_times(full, volts),
        design_wh=_times(design, volts),
        charge_pct=_share(now, full, 100.0) if now is not None and full else capacity,
        health_pct=_share(full, design, _MOST_HEALTH_PCT),
        power_w=_power_w(told, status),
        cycles=_whole(told, "cycle_count") or None,
        temperature_c=None if tenths is None else tenths / 10,
    )


def _amounts(told: Mapping[str, str]) -> tuple[float | None, float | None, float | None, float | None]:
    """Now, full and design in Wh with 1, or in Ah with the voltage that makes Wh of them."""
    for unit in ("energy", "charge"):
        amounts = [_micro(told, f"{unit}_{which}") for which in ("now", "full", "full_design")]
        if any(amount is not None for amount in amounts):
            volts = 1.0 if unit == "energy" else _micro(told, "voltage_min_design", "voltage_now")
            now, full, design = amounts
            return now, full or None, design or None, volts
    return None, None, None, None


def _power_w(told: Mapping[str, str], status: Charging) -> float | None:
    """Power out of the battery. Drivers disagree on signs, so the sign is the status's."""
    watts = _micro(told, "power_now")
    amperes, volts = _micro(told, "current_now"), _micro(told, "voltage_now")
    if watts is None and amperes is not None and volts is not None:
        watts = amperes * volts
    if watts is None:
        return None
    if status in (Charging.DISCHARGING, Charging.CHARGING):
        # Nothing flows at all: so says a gauge that can't measure it.
        return (abs(watts) if status is Charging.DISCHARGING else -abs(watts)) or None
    return 0.0 if watts == 0 and status is not Charging.UNKNOWN else None


def _status(text: str) -> Charging:
    try:
        return Charging(text.lower())
    except ValueError:
        return Charging.UNKNOWN


def _share(part: float | None, whole: float | None, most: float) -> float | None:
    return min(most, 100 * part / whole) if part is not None and whole else None


def _times(amount: float | None, volts: float | None) -> float | None:
    return amount * volts if amount is not None and volts else None


def _micro(told: Mapping[str, str], *names: str) -> float | None:
    """The first of the names that holds a number other than zero, or else one that holds zero."""
    numbers = [number / _MICRO for name in names if (number := _whole(told, name)) is not None]
    return next(filter(None, numbers), numbers[0] if numbers else None)


def _whole(told: Mapping[str, str], name: str) -> int | None:
    try:
        return int(told[name])
    except (KeyError, ValueError):
        return None
