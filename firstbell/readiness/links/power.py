"""Batteries, in their first form: devices whose battery lasts from the first bell to the last.

A day on battery takes hours * share online * power / usable share (facts: targets.md 5). Where a device does
not tell what its battery holds, one that holds four fifths of what it held when new counts. A Raspberry Pi's
weak supply is its box's trouble and no school's.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from firstbell.readiness import words
from firstbell.readiness.links.answer import LinkAnswer, counted, sourced
from firstbell.readiness.models import Model, Numbers

NAME = "Batteries"


class Battery(NamedTuple):
    """One device's battery: what it holds when full, in Wh, and of what it held when new, in per cent."""

    full_wh: float | None
    health_pct: float | None


def judge(batteries: Sequence[Battery], model: Model, people: int, fall: int, numbers: Numbers) -> LinkAnswer:
    """The link's answer for one way of teaching; `fall` is the last that was asked for."""
    wanted = int(numbers.batteries.value)
    good = sum(lasts(battery, model, numbers) for battery in batteries)
    count = len(batteries)
    enough = count >= wanted
    return counted(
        link="power",
        name=NAME,
        counted_in=f"devices that last to the last bell, of {max(count, wanted)}",
        people=people,
        have=good if enough else None,
        need=math.ceil(numbers.batteries_share.value * max(count, wanted) - 1e-9),
        fall=fall,
        just_short=numbers.just_short.value,
        sentence=f"{good} of {words.count(count, 'battery', 'batteries')} last to the last bell",
        note="" if enough else f"too few devices tell of their batteries: at least {wanted} must",
        working=_working(model, numbers),
    )


def day_wh(model: Model, numbers: Numbers) -> float:
    """What a school day takes from a battery, in Wh."""
    hours = numbers.school_day_h.value * model.online_share.value
    return hours * numbers.device_w.value / numbers.battery_usable.value


def lasts(battery: Battery, model: Model, numbers: Numbers) -> bool:
    """Whether the battery lasts for the day."""
    if battery.full_wh is not None:
        return battery.full_wh >= day_wh(model, numbers)
    return (battery.health_pct or 0.0) >= 100 * numbers.battery_health.value


def _working(model: Model, numbers: Numbers) -> tuple[str, ...]:
    hours, power, usable = numbers.school_day_h, numbers.device_w, numbers.battery_usable
    health, share = numbers.battery_health, numbers.batteries_share
    day = (
        f"A day takes {hours.value:g} h {words.TIMES} {model.online_share.value:g} online {words.TIMES} "
        f"{power.value:g} W / {usable.value:g} usable = {words.worked(day_wh(model, numbers))} Wh: "
        f"{sourced(hours)}; {sourced(power)}."
    )
    return (
        day,
        f"Where that is not told, {health.value:g} of what it held when new: {sourced(health)}.",
        f"Ready if {share.value:g} of them last: {sourced(share)}.",
    )
