"""What a Raspberry Pi's firmware says of its supply (`vcgencmd get_throttled`), to values."""

import re
from typing import NamedTuple

_UNDERVOLTAGE, _CAPPED, _THROTTLED, _HOT = (1 << bit for bit in range(4))
_SINCE_BOOT = 16
"""The same four bits, this much higher, say that it has happened since the start."""


class Throttled(NamedTuple):
    """Whether the supply is below 4.63 V, and what the firmware does about that or about heat."""

    undervoltage: bool
    capped: bool
    throttled: bool
    hot: bool
    undervoltage_since_boot: bool
    throttled_since_boot: bool


def throttled(stdout: bytes) -> Throttled | None:
    """`throttled=0x50005`; None for anything else."""
    match = re.fullmatch(rb"throttled=0x([0-9a-fA-F]{1,8})", stdout.strip())
    if not match:
        return None
    now = int(match[1], 16)
    before = now >> _SINCE_BOOT
    return Throttled(
        undervoltage=bool(now & _UNDERVOLTAGE),
        capped=bool(now & _CAPPED),
        throttled=bool(now & _THROTTLED),
        hot=bool(now & _HOT),
        undervoltage_since_boot=bool((before | now) & _UNDERVOLTAGE),
        throttled_since_boot=bool((before | now) & _THROTTLED),
    )
