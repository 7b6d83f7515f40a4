"""A machine whose clocks can be stepped, put to sleep and doubted, and a schedule on it."""

from datetime import date, datetime, tzinfo
from random import Random
from zoneinfo import ZoneInfo

from agent.schedule import Schedule
from firstbell.catalogue import PROBES, ProbeSpec
from firstbell.district import School, period_of
from firstbell.report import Stamp

CHICAGO = ZoneInfo("America/Chicago")
LINCOLN = School(id="lincoln", name="Lincoln High", students=900, tz="America/Chicago")
HEAVY = PROBES["internet"]
LATENCY = PROBES["latency"]
DAY = 86_400.0


class World:
    """A machine's clocks, in seconds. Starts in the middle of 2026 unless told otherwise."""

    def __init__(self, wall_s: float = 1_780_000_000.0, *, synchronised: bool = True) -> None:
        self.wall_s, self.synchronised = wall_s, synchronised
        self.monotonic, self.boot_s = 5_000.0, 5_000.0

    def stamp(self) -> Stamp:
        """All clocks at once."""
        return Stamp(
            boot_id="b00t",
            boottime_ns=int(self.boot_s * 1e9),
            wall_ns=int(self.wall_s * 1e9),
            synchronised=self.synchronised,
        )

    def go(self, seconds: float) -> None:
        """Time passes while the machine is awake."""
        self.wall_s += seconds
        self.monotonic += seconds
        self.boot_s += seconds

    def sleep(self, seconds: float) -> None:
        """The lid is closed: the monotonic clock stands still."""
        self.wall_s += seconds
        self.boot_s += seconds

    def live(self, plan: Schedule, seconds: float) -> list[tuple[float, str]]:
        """The box's loop for a while: what ran, and when on the wall clock."""
        ran, left = [], seconds
        while left > 0:
            ran += [(self.wall_s, name) for name in plan.due(self.monotonic, self.stamp())]
            step = min(max(plan.wait(self.monotonic, self.stamp()), 1e-3), left)
            self.go(step)
            left -= step
        return ran


def make(
    world: World,
    *probes: ProbeSpec,
    random: Random | None = None,
    tz: tzinfo = CHICAGO,
    first_now: bool = False,
) -> Schedule:
    """A schedule that starts now."""
    return Schedule(probes, random or Random(1), tz, world.monotonic, first_now=first_now)


def at(text: str, tz: tzinfo = CHICAGO) -> float:
    """Seconds since 1970 of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=tz).timestamp()


def slot(wall_s: float) -> tuple[date, int]:
    """Day and slot of a moment by the district's own reckoning, which shares no code with the box's."""
    found = period_of(LINCOLN, int(wall_s * 1e9))
    return found.day, found.slot
