"""The door to the system's clocks, on Linux and (without NTP's word) elsewhere."""

import ctypes
import time
from pathlib import Path
from typing import Protocol

from firstbell.report import Stamp

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class Clock(Protocol):
    """What the agent may know of time. Schedules and durations use `monotonic`, reports use `stamp`."""

    def monotonic(self) -> float:
        """Seconds on a clock that never steps; its zero means nothing."""

    def stamp(self) -> Stamp:
        """One look at all clocks at once."""


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), as far as `esterror` and `status`; the rest is room for the kernel."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 512),
    ]


class SystemClock:
    """The clocks of the machine that this runs on."""

    def __init__(self) -> None:
        # None is this very process, which has the C library in it; asking for its name would start a program.
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._boot_id = _boot_id()

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""
        return time.monotonic()

    def stamp(self) -> Stamp:
        """One look at all clocks; the two readings are taken without anything between them."""
        boottime_ns, wall_ns = _boottime_ns(), time.time_ns()
        synchronised, error_ms = self._ntp()
        return Stamp(
            boot_id=self._boot_id,
            boottime_ns=boottime_ns,
            wall_ns=wall_ns,
            synchronised=synchronised,
            error_ms=error_ms,
        )

    def _ntp(self) -> tuple[bool, float]:
        """Whether the kernel holds its clock for synchronised, and the greatest error it admits, in ms."""
        adjtimex = getattr(self._libc, "adjtimex", None)
        if adjtimex is None:
            return False, 0.0
        timex = _Timex()
        state = adjtimex(ctypes.byref(timex))
        synchronised = 0 <= state < _TIME_ERROR and not timex.status & _STA_UNSYNC
        return synchronised, timex.maxerror / 1000


def _boottime_ns() -> int:
    # CLOCK_BOOTTIME counts a laptop's sleep too; where it is missing (macOS), the monotonic clock does.
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        # No kernel id: the moment of the boot, to the minute, tells boots apart well enough.
        return f"boot-{(time.time_ns() - _boottime_ns()) // 60_000_000_000}"
