"""A group of students learns over a line for a few seconds; line and machine are watched meanwhile."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from agent.load.loop import Loop
from agent.load.quota import throttled_s
from agent.load.session import ANSWER_S, Session
from agent.load.strain import Strain, Stretch
from agent.load.student import Student
from agent.load.tube import Hub
from agent.load.verdict import Deed, Quality, Watched, hard_sign, judge
from agent.machine.machine import Machine
from agent.machine.trouble import SilentError
from firstbell.readiness.students import Student as Kind
from firstbell.stats import nearest_rank

TICK_S = 0.05
TRIP_S = 0.1
MOST_TRIPS = 20
"""Under way at once: beyond it they would only be load."""
CALM = 1.5
"""A line is drained when its round trips take no longer than so many times the idle ones, and a little."""
CALM_MS = 5.0
LATE_MS = 50.0
"""Timers that are so late 5 times of 100 say that this machine can't play so many students."""
OWN_PCT = 85.0
"""Of one core (agent.load.limits)."""
HELD_SHARE = 0.05
"""Of the time, in which a quota held this program back."""


HARD = 2.0
"""How bad a hard sign is, at least."""


class Pace(NamedTuple):
    """How long a group settles, is watched, and may take to drain, in seconds; how many there are at most.

    A small group is watched for longer, up to `longest_s`, until about so many `pages` were asked for: of
    fewer nobody can say how fast they are.
    """

    settle_s: float = 2.0
    watch_s: float = 4.0
    longest_s: float = 8.0
    pages: int = 10
    drain_s: float = 3.0
    most: int = 1000

    def lesson_s(self, group: int, kind: Kind) -> float:
        """From a group's first request on."""
        pages_s = self.pages * kind.page_s.value / group
        return self.settle_s + max(self.watch_s, min(self.longest_s, pages_s))


class Tried(NamedTuple):
    """What came of one group. `cut` says that something else than the line ended it: bytes or seconds.

    `limited`: this machine could not play it. `down_mbps` is what came in. `server` is how hard that had it
    meanwhile.
    """

    quality: Quality
    limited: bool
    cut: str
    own_cpu_pct: float
    held_pct: float | None
    down_mbps: float
    server: Strain = Strain()

    @property
    def good(self) -> bool:
        """Whether the line was good enough for the group."""
        return self.quality.good


class Lessons:
    """The lessons of one session. `over` says why nothing more may be loaded; "" while it may."""

    def __init__(
        self,
        machine: Machine,
        loop: Loop,
        session: Session,
        hub: Hub,
        kind: Kind,
        pace: Pace,
        idle_ms: float,
        over: Callable[[], str],
    ) -> None:
        self._machine, self._loop, self._session, self._hub = machine, loop, session, hub
        self._kind, self._pace, self._idle_ms, self._over = kind, pace, idle_ms, over
        self._students: list[Student] = []
        self._deeds: list[Deed] = []
        self._owed: list[tuple[float, int]] = []
        self._lates_ms: list[float] = []
        self._trips: list[tuple[float, float]] = []
        """When each was asked for, and how long it took, in ms."""
        self._asked: dict[int, float] = {}
        self._number = 0
        self._running = True
        self._broken_before = 0
        self._tick(loop.now())
        self._ask_trip()

    def hold(self, students: int) -> Tried:
        """Have so many learn for a while, then wait until the line is calm again. Raises NetworkError."""
        while len(self._students) < students:
            self._students.append(Student(len(self._students), self._kind, self._hub))
        group = self._students[:students]
        began_s, cpu_s, held_s = self._loop.now(), self._cpu_s(), self._held_s()
        self._clear()
        server = self._ask_server(Stretch())
        received = self._hub.tally.received
        shift = self._machine.random.random()
        for student in group:
            student.begin(shift, self._deeds)
        lesson_s = self._pace.lesson_s(students, self._kind)
        watch = partial(self._watched, students, began_s + self._pace.settle_s)
        self._session.wait(lambda: bool(self._over() or hard_sign(watch())), lesson_s)
        tried = self._tried(watch(), began_s, cpu_s, held_s, received)
        # Asked before the line is calm, so that the server's rest afterwards is not counted in.
        self._ask_server(server)
        self._drain(group)
        if not self._session.wait(lambda: server.heard > 1, ANSWER_S):
            raise SilentError("no answer in time")
        return tried._replace(server=server.strain)

    def close(self) -> None:
        """All students go home."""
        self._running = False
        for student in self._students:
            student.close()

    # --- what is seen --------------------------------------------------------------------------------------

    def _clear(self) -> None:
        self._deeds, self._owed, self._lates_ms = [], [], []
        self._trips.clear()
        self._broken_before = self._hub.tally.broken

    def _watched(self, students: int, since_s: float) -> Watched:
        now_s = self._loop.now()
        trips = sorted([*self._trips, *((at_s, 1000 * (now_s - at_s)) for at_s in self._asked.values())])
        return Watched(
            students=students,
            since_s=since_s,
            until_s=now_s,
            deeds=self._deeds,
            owed=self._owed,
            trips_ms=[took_ms for at_s, took_ms in trips if at_s >= since_s],
            idle_ms=self._idle_ms,
            broken=self._hub.tally.broken - self._broken_before,
        )

    def _tried(
        self, seen: Watched, began_s: float, cpu_s: float, held_s: float | None, received: int
    ) -> Tried:
        took_s = max(1e-3, seen.until_s - began_s)
        own_pct = 100 * (self._cpu_s() - cpu_s) / took_s
        now_held_s = self._held_s()
        held = None if held_s is None or now_held_s is None else min(1.0, (now_held_s - held_s) / took_s)
        late_ms = nearest_rank(self._lates_ms, 0.95) if self._lates_ms else 0.0
        quality, over = judge(seen, self._kind), self._over()
        if sign := hard_sign(seen):
            quality = quality._replace(gave=sign, worst=max(quality.worst, HARD))
        return Tried(
            quality=quality,
            limited=own_pct > OWN_PCT or (held or 0.0) > HELD_SHARE or late_ms > LATE_MS,
            cut="" if sign else over,
            own_cpu_pct=own_pct,
            held_pct=None if held is None else 100 * held,
            down_mbps=(self._hub.tally.received - received) * 8e-6 / took_s,
        )

    def _drain(self, group: list[Student]) -> None:
        for student in group:
            student.rest()
        self._session.wait(lambda: self._is_calm(group), self._pace.drain_s)
        for student in group:
            student.drop()

    def _is_calm(self, group: list[Student]) -> bool:
        newest_ms = self._trips[-1][1] if self._trips else 0.0
        return newest_ms <= CALM * self._idle_ms + CALM_MS and not any(student.busy for student in group)

    def _cpu_s(self) -> float:
        return self._machine.counters.own_processor_s()

    def _held_s(self) -> float | None:
        return throttled_s(self._machine.files)

    def _ask_server(self, stretch: Stretch) -> Stretch:
        self._session.counts(lambda counts, _sent_s, _came_s: stretch.hear(counts))
        return stretch

    # --- beside the students -------------------------------------------------------------------------------

    def _tick(self, planned_s: float) -> None:
        """Look at what is owed, and at how late this look is."""
        if not self._running:
            return
        now_s = self._loop.now()
        self._lates_ms.append(1000 * (now_s - planned_s))
        self._owed.append((now_s, self._hub.tally.owed))
        self._loop.later(TICK_S, partial(self._tick, now_s + TICK_S))

    def _ask_trip(self) -> None:
        if not self._running:
            return
        self._loop.later(TRIP_S, self._ask_trip)
        if len(self._asked) >= MOST_TRIPS:
            return
        number = self._number = self._number + 1
        self._asked[number] = self._loop.now()
        self._session.echo(partial(self._trip_came, number))

    def _trip_came(self, number: int, seconds: float) -> None:
        self._trips.append((self._asked.pop(number), 1000 * seconds))
