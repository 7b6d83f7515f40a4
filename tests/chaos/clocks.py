"""A box's clocks in a file, so that a test turns them while the box runs."""

import time
from pathlib import Path

import msgspec

from collector.clock import SystemClock
from firstbell.report import Stamp


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """How a machine's clocks stand: `booted_ns` is when it truly started, `wrong_ns` how far off it believes.

    `synchronised` is what its kernel says, whoever is right.
    """

    boot: str
    booted_ns: int
    wrong_ns: int = 0
    synchronised: bool = True
    error_ms: float = 1.0

    def write(self, path: Path) -> None:
        """Set the clocks in `path`, at one moment."""
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self))
        fresh.replace(path)


class FileClock:
    """The clocks that stand in a file, beside true time."""

    def __init__(self, path: Path) -> None:
        self._path, self._true = path, SystemClock()

    def monotonic(self) -> float:
        """Seconds; nobody turns this one."""
        return time.monotonic()

    def stamp(self) -> Stamp:
        """All clocks at once."""
        hands = self._hands()
        true_ns = self._true.now_ns()
        return Stamp(
            boot_id=hands.boot,
            boottime_ns=true_ns - hands.booted_ns,
            wall_ns=true_ns + hands.wrong_ns,
            synchronised=hands.synchronised,
            error_ms=hands.error_ms if hands.synchronised else 16_000.0,
        )

    def truth(self, stamp: Stamp) -> tuple[int, bool]:
        """When `stamp` truly was, and whether the clocks were right and vouched for."""
        true_ns = self._hands().booted_ns + stamp.boottime_ns
        return true_ns, stamp.synchronised and stamp.wall_ns == true_ns

    def _hands(self) -> Hands:
        return msgspec.json.decode(self._path.read_bytes(), type=Hands)
