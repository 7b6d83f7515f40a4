"""A week of many boxes on one line, in seconds: real schedules, real gates, a real desk, and a simulated clock.

A box is what `agent.box` puts together, without its threads: it looks at its schedule, asks its gate, tests for
a while, renews its lease, settles. Between it and the coordinator nothing is lost (test_never_two does that).
"""

import heapq
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

from agent.gate import Ceilings, Gate
from agent.schedule import Schedule
from collector.coordinator.desk import Desk
from collector.store.journal import open_journal
from collector.store.leases import Leases
from firstbell import catalogue
from firstbell.district import Budget, Circuit, District, School, Seat, Settings
from firstbell.lease import RENEW_S, Ask, Grant, Lease, Refusal, Renew, Revoke, Settle
from firstbell.report import Stamp
from tests.collector.coordinator.town import ZONE, NoSigner

NS = 10**9
TZ = "America/Chicago"
KINDS = ("throughput", "capacity")
TARGETS = {"hub": "internet"}
LOOK_S = 10.0
MB = 10**6
TAKES_S = {"throughput": (9.0, 14.0), "capacity": (60.0, 120.0)}
TAKES_BYTES = {"throughput": (60 * MB, 300 * MB), "capacity": (300 * MB, 900 * MB)}


class Ran(NamedTuple):
    """One heavy test that ran, in true time: seconds since 1970."""

    agent: str
    kind: str
    begin_s: float
    end_s: float
    bytes: int


def one_line(boxes: int, budget: Budget | None = None) -> District:
    """A school with so many boxes on its one line to the internet."""
    school = School(id="lincoln", name="Lincoln", students=1_000, tz=TZ)
    line = Circuit(id="line", schools=("lincoln",))
    seats = tuple(Seat(agent=name, school="lincoln", circuit="line") for name in names(boxes))
    settings = Settings(tz=TZ, budget=budget or Budget())
    return District(settings=settings, schools=(school,), circuits=(line,), seats=seats)


def names(boxes: int) -> list[str]:
    """What the boxes are called."""
    return [f"box-{n:02}" for n in range(boxes)]


class World:
    """True time, and what is to happen when."""

    def __init__(self, begin: datetime) -> None:
        self.now_s = begin.timestamp()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when_s: float, do: Callable[[], None]) -> None:
        """Do something then."""
        self._count += 1
        heapq.heappush(self._events, (max(when_s, self.now_s), self._count, do))

    def run_until(self, end_s: float) -> None:
        """Let everything happen that happens until then."""
        while self._events and self._events[0][0] < end_s:
            self.now_s, _, do = heapq.heappop(self._events)
            do()
        self.now_s = end_s


class CollectorClock:
    """The collector's clocks; the wall clock may be wrong."""

    def __init__(self, world: World) -> None:
        self._world, self.wrong_s = world, 0.0

    def now_ns(self) -> int:
        """What the wall clock says."""
        return int((self._world.now_s + self.wrong_s) * NS)

    def monotonic(self) -> float:
        """Seconds that only rise."""
        return self._world.now_s


class BoxClock:
    """A box's clocks: its wall clock may be wrong, and while it sleeps its monotonic one stands."""

    def __init__(self, world: World) -> None:
        self._world, self._booted_s = world, world.now_s - 3_600
        self.wrong_s, self.slept_s, self.synchronised = 0.0, 0.0, True

    def monotonic(self) -> float:
        """Seconds awake."""
        return self._world.now_s - self._booted_s - self.slept_s

    def stamp(self) -> Stamp:
        """All clocks at once."""
        return Stamp(
            boot_id="boot",
            boottime_ns=int((self._world.now_s - self._booted_s) * NS),
            wall_ns=int((self._world.now_s + self.wrong_s) * NS),
            synchronised=self.synchronised,
            error_ms=1.0,
        )


class Ledger:
    """Bytes by day, in memory."""

    def __init__(self) -> None:
        self._days: dict[str, int] = {}

    def used_bytes(self, day: str) -> int:
        """Bytes charged to the day."""
        return self._days.get(day, 0)

    def add_used(self, day: str, amount: int) -> None:
        """Charge bytes, or give them back."""
        self._days[day] = self._days.get(day, 0) + amount


class Direct:
    """The coordinator as a gate sees it, without a line between them."""

    def __init__(self, agent: str, week: "Week") -> None:
        self._agent, self._week = agent, week
        self._over: dict[str, threading.Event] = {}
        self._questions = 0
        self.refusals: dict[str, int] = {}

    def ask(self, wanted: Lease, targets: dict[str, str]) -> Lease | Refusal:
        """Leave, or why not."""
        self._questions += 1
        ask = Ask(
            nonce=f"{self._agent}-{self._questions}",
            kind=wanted.kind,
            targets=tuple(targets),
            segments=dict(targets),
            max_bytes=wanted.max_bytes,
            max_seconds=wanted.max_seconds,
            medium="wired",
        )
        answer = self._week.desk.hear(self._agent, ask)
        if isinstance(answer, Grant):
            self._over[answer.lease] = threading.Event()
            return Lease(
                kind=wanted.kind,
                id=answer.lease,
                max_bytes=answer.max_bytes,
                max_seconds=answer.max_seconds,
                targets=wanted.targets,
            )
        reason = getattr(answer, "reason", "")
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
        return Refusal(reason, getattr(answer, "again_s", None))

    def stop(self, lease: Lease) -> threading.Event:
        """Set when the lease is over before its time."""
        return self._over[lease.id]

    def renew(self, lease: Lease) -> None:
        """Still in use."""
        if isinstance(self._week.desk.hear(self._agent, Renew(lease=lease.id)), Revoke):
            self._over[lease.id].set()

    def settle(self, lease: Lease, bytes_used: int | None, seconds: float) -> None:
        """Done."""
        self._week.desk.hear(self._agent, Settle(lease=lease.id, bytes=bytes_used, seconds=seconds))


class Box:
    """One box, awake or asleep."""

    def __init__(self, name: str, week: "Week", random: Random, kinds: Sequence[str]) -> None:
        self.name, self._week, self._random = name, week, random
        self.clock = BoxClock(week.world)
        self.coordinator = Direct(name, week)
        self.gate = Gate(
            Ceilings(),
            Ledger(),
            ZONE,
            fill=lambda: 0.0,
            metered=lambda: False,
            targets=dict.fromkeys(kinds, TARGETS),
            coordinator=self.coordinator,  # type: ignore[arg-type]  # a dict is what it is given
        )
        specs = [catalogue.PROBES[kind] for kind in kinds]
        self.schedule = Schedule(specs, random, ZONE, self.clock.monotonic())
        self.asked_s: list[float] = []
        self._waiting: list[str] = []
        self._testing = self._asleep = False

    def look(self) -> None:
        """What the main loop does at each turn."""
        if self._asleep:
            return
        self._waiting += self.schedule.due(self.clock.monotonic(), self.clock.stamp())
        self._next()
        wait_s = self.schedule.wait(self.clock.monotonic(), self.clock.stamp())
        self._week.world.at(self._week.world.now_s + max(wait_s, 0.01), self.look)

    def sleep(self, seconds: float) -> None:
        """The lid is closed for a while; what runs is killed, and its lease is not settled."""
        self._asleep, self._testing = True, False
        self._week.world.at(self._week.world.now_s + seconds, lambda: self._wake(seconds))

    def _wake(self, seconds: float) -> None:
        self._asleep, self.clock.slept_s = False, self.clock.slept_s + seconds
        self.look()

    def _next(self) -> None:
        """What the heavy worker does: one test after the other."""
        while self._waiting and not self._testing:
            kind = self._waiting.pop(0)
            self.asked_s.append(self._week.world.now_s)
            answer = self.gate.ask(kind, self.clock.stamp())
            if isinstance(answer, Lease):
                self._begin(answer)
            elif answer.again_s is not None:
                self.schedule.put_off(kind, answer.again_s, self.clock.stamp())

    def _begin(self, lease: Lease) -> None:
        self._testing = True
        world = self._week.world
        begin_s, ends_s = world.now_s, world.now_s + self._random.uniform(*TAKES_S[lease.kind])

        def go_on() -> None:
            asleep = not self._testing
            if asleep or world.now_s >= ends_s or self.coordinator.stop(lease).is_set():
                self._end(lease, begin_s, killed=asleep)
                return
            self.coordinator.renew(lease)
            world.at(min(ends_s, world.now_s + RENEW_S), go_on)

        world.at(min(ends_s, begin_s + RENEW_S), go_on)

    def _end(self, lease: Lease, begin_s: float, *, killed: bool) -> None:
        now_s = self._week.world.now_s
        used = self._random.randrange(*TAKES_BYTES[lease.kind])
        self._week.tests.append(Ran(self.name, lease.kind, begin_s, now_s, used))
        self.gate.settle(lease, None if killed else used, now_s - begin_s)
        self._testing = False
        if not self._asleep:
            self._next()


class Week:
    """Boxes, their coordinator, and what they did."""

    def __init__(
        self,
        folder: Path,
        begin: datetime,
        boxes: int,
        *,
        random: Callable[[str], Random],
        budget: Budget | None = None,
        kinds: Sequence[str] = KINDS,
    ) -> None:
        self.world = World(begin)
        self.clock = CollectorClock(self.world)
        self.district = one_line(boxes, budget)
        self._store = Leases(open_journal(folder / "journal.db"))
        self.desk = self._opened()
        self.tests: list[Ran] = []
        self.boxes = {name: Box(name, self, random(name), kinds) for name in names(boxes)}
        for box in self.boxes.values():
            self.world.at(self.world.now_s, box.look)
        self.world.at(self.world.now_s, self._look)

    def restart(self) -> None:
        """The coordinator is killed and comes back."""
        self._store.close()
        self.desk = self._opened()

    def run_until(self, end: datetime) -> None:
        """Let it all happen; then close the journal."""
        self.world.run_until(end.timestamp())
        self._store.close()

    def _opened(self) -> Desk:
        return Desk(self._store, lambda: self.district, self.clock, NoSigner())

    def _look(self) -> None:
        self.desk.look()
        self.world.at(self.world.now_s + LOOK_S, self._look)
