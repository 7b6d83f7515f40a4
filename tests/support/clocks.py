"""A box's clocks in a test's hand, beside the time as it truly is."""

from datetime import UTC, datetime

from firstbell.report import Stamp

NOON_NS = 1_790_000_000_000_000_000
"""21 September 2026."""
S = 10**9


class HandClock:
    """The clocks of one machine through boots, syncs and steps; `true_ns` is what only the test knows.

    `wrong_ns` is how far the wall clock is off, `synchronised` what the kernel says of it.
    """

    def __init__(self, true_ns: int = NOON_NS) -> None:
        self.true_ns = true_ns
        self.wrong_ns = 0
        self.synchronised = True
        self.error_ms = 2.0
        self.boot = 1
        self._booted_ns = true_ns - 3600 * S
        self._began_ns = self._booted_ns

    def monotonic(self) -> float:
        """Seconds since the machine was first on."""
        return (self.true_ns - self._began_ns) / S

    def stamp(self) -> Stamp:
        """All clocks at once."""
        return Stamp(
            boot_id=f"boot-{self.boot}",
            boottime_ns=self.true_ns - self._booted_ns,
            wall_ns=self.true_ns + self.wrong_ns,
            synchronised=self.synchronised,
            error_ms=self.error_ms if self.synchronised else 16_000.0,
        )

    def advance(self, seconds: float) -> None:
        """Time goes by."""
        self.true_ns += round(seconds * S)

    def reboot(self, off_s: float = 30.0, *, wall_ns: int | None = None, synchronised: bool = False) -> None:
        """The power goes and comes back after `off_s`; the wall clock then says `wall_ns`, or the truth."""
        self.advance(off_s)
        self.boot += 1
        self._booted_ns = self.true_ns
        self.wrong_ns = 0 if wall_ns is None else wall_ns - self.true_ns
        self.synchronised = synchronised
        self.advance(5)

    def sync(self, wrong_s: float = 0.0) -> None:
        """NTP vouches for the wall clock, which is `wrong_s` off if its server is."""
        self.wrong_ns = round(wrong_s * S)
        self.synchronised = True


def evening() -> str:
    """A time zone in which it is evening, so that no bell keeps a test from running."""
    ahead = (20 - datetime.now(UTC).hour + 12) % 24 - 12  # noqa: TID251 - the test's own clock
    return f"Etc/GMT{-ahead:+d}"
