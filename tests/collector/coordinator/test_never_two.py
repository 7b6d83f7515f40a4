"""Whatever is lost, late, restarted or set wrong: no two tests load one line, and no budget is exceeded.

Boxes are modelled by what `agent.uplink.leases` promises: an answer counts for eight seconds, a lease that is
not renewed in time ends, one that is called back ends at once.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import Phase, event, given, settings

from collector.coordinator import places
from collector.coordinator.bells import stretch_at
from collector.store import quiets
from collector.store.quiets import Ordered
from collector.store.reads import Reads
from firstbell.district import District
from firstbell.lease import RENEW_S, Ask, FromBox, Grant, Renew, Renewed, Revoke, Settle, ToBox
from tests.collector.coordinator.town import MB, NS, WIDE, House, at, town

ANSWER_S = 8.0
"""As agent.uplink.leases has it."""
STEP_S = 5.0
DAY_S = 900
OTHERS_SHARE = 3 / 4
"""Of a budget, what is for tests that are not weekly ones."""
BOXES = ("lincoln-1", "lincoln-2", "roosevelt-1", "hub-1", "wifi-1", "stray-1", "stray-2")
KINDS = ("throughput", "internet")


@dataclass
class Box:
    """One box's side: what it asked last, and the lease that it uses."""

    name: str
    asked: Ask | None = None
    asked_s: float = 0.0
    grant: Grant | None = None
    until_s: float = 0.0
    ends_s: float = 0.0
    renewed_s: float = 0.0
    using: frozenset[str] = frozenset()


@dataclass
class World:
    """Boxes, a coordinator, and a line between them that delays and loses."""

    house: House
    boxes: dict[str, Box] = field(default_factory=lambda: {name: Box(name) for name in BOXES})
    late: list[tuple[float, str, FromBox | ToBox]] = field(default_factory=list)
    lost_s: dict[str, float] = field(default_factory=dict)
    delay_s: float = 0.0
    questions: int = 0
    tests: int = 0

    @property
    def now_s(self) -> float:
        """True time."""
        return self.house.clock.passed_s

    def send(self, agent: str, message: FromBox | ToBox | None) -> None:
        """Put a message on its way, unless it is lost."""
        if message is not None and self.now_s >= self.lost_s.get(agent, 0.0):
            self.late.append((self.now_s + self.delay_s, agent, message))

    def ask(self, name: str, kind: str, segment: str, seconds: float) -> None:
        """A box that tests nothing asks."""
        box = self.boxes[name]
        if box.grant:
            return
        self.questions += 1
        box.asked = Ask(
            nonce=f"q{self.questions}",
            kind=kind,
            targets=("s",),
            segments={"s": segment},
            max_bytes=100 * MB,
            max_seconds=seconds,
        )
        box.asked_s = self.now_s
        self.send(name, box.asked)

    def passes(self, seconds: float) -> None:
        """Time goes by, and everybody does what is due."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.house.clock.passes(min(STEP_S, until_s - self.now_s))
            for agent, message in self.house.desk.look():
                self.send(agent, message)
            self._deliver()
            for box in self.boxes.values():
                self._live(box)
            self._deliver()
            self.check()

    def _deliver(self) -> None:
        due = [each for each in self.late if each[0] <= self.now_s]
        self.late = [each for each in self.late if each[0] > self.now_s]
        for _, agent, message in due:
            if isinstance(message, Ask | Renew | Settle):
                self.send(agent, self.house.desk.hear(agent, message))
            else:
                self._hear(self.boxes[agent], message)

    def _hear(self, box: Box, message: ToBox) -> None:
        if isinstance(message, Grant):
            if box.asked and message.nonce == box.asked.nonce and self.now_s <= box.asked_s + ANSWER_S:
                self._begin(box, message)
            elif not (box.grant and box.grant.lease == message.lease):
                self.send(box.name, Settle(lease=message.lease, bytes=0))
        elif box.grant and isinstance(message, Renewed | Revoke) and message.lease == box.grant.lease:
            if isinstance(message, Revoke):
                self._end(box)
            else:
                box.until_s = self.now_s + message.ttl_s

    def _begin(self, box: Box, grant: Grant) -> None:
        assert box.asked
        self.tests += 1
        where = places.place(
            self.house.district, box.name, box.asked.segments, box.asked.targets, "", self.house.clock.wall_ns
        )
        box.grant, box.using = grant, where.loads
        box.until_s, box.renewed_s = self.now_s + grant.ttl_s, self.now_s
        box.ends_s = self.now_s + grant.max_seconds
        box.asked = None

    def _live(self, box: Box) -> None:
        if box.grant is None:
            return
        if self.now_s >= min(box.until_s, box.ends_s):
            self._end(box)
        elif self.now_s >= box.renewed_s + RENEW_S:
            box.renewed_s = self.now_s
            self.send(box.name, Renew(lease=box.grant.lease))

    def _end(self, box: Box) -> None:
        assert box.grant
        seconds = box.grant.max_seconds - max(0.0, box.ends_s - self.now_s)
        self.send(box.name, Settle(lease=box.grant.lease, bytes=50 * MB, seconds=seconds))
        box.grant, box.using = None, frozenset()

    def check(self) -> None:
        """No two tests load the same."""
        busy = [box for box in self.boxes.values() if box.grant]
        for n, box in enumerate(busy):
            for other in busy[n + 1 :]:
                assert not box.using & other.using, (box, other)

    def check_budgets(self) -> None:
        """No site had more than there was for it, each lease counted as its box told or in full.

        That is, until the latest stretch of the day in which it had any, that stretch's part of the day's budget.
        """
        used: dict[tuple[str, str], float] = {}
        part: dict[tuple[str, str], float] = {}
        for lease in Reads(self.house.journal).leases(0, 1 << 62):
            key = lease.site, lease.day
            used[key] = used.get(key, 0.0) + (lease.max_seconds if lease.seconds is None else lease.seconds)
            stretch = stretch_at(self.house.district.schools[0], lease.stretch_ns)
            part[key] = max(part.get(key, 0.0), stretch.turn / stretch.turns)
        assert all(seconds <= DAY_S * OTHERS_SHARE * part[key] for key, seconds in used.items()), used


Action = tuple[object, ...]


def day(random: Random) -> list[Action]:
    """What happens: mostly questions, and in between what makes trouble."""
    kinds: list[Callable[[], Action]] = [
        lambda: ("passes", random.choice([7.0, 20.0, 30.0, 40.0, 61.0, 300.0])),
        lambda: ("lose", random.choice(BOXES), random.choice([10.0, 60.0, 90.0])),
        lambda: ("delay", random.choice([0.0, 0.0, 1.0, 3.5])),
        lambda: random.choice(
            [
                ("restart",),
                ("step", random.choice([-7200, 1800, 7200])),
                ("quiet", random.choice(["", "lincoln"])),
            ]
        ),
    ]
    actions: list[Action] = []
    for _ in range(40):
        for name in random.sample(BOXES, 3):
            segment = random.choice(["internet", "wan", "site"])
            actions.append(("ask", name, random.choice(KINDS), segment, random.choice([60.0, 120.0])))
        if random.random() < 0.6:
            actions.append(random.choice(kinds)())
    return actions


def scarce_town() -> District:
    """The town with the budget of a quarter of an hour a day."""
    return town(budget=msgspec.structs.replace(WIDE, day_seconds=DAY_S))


@pytest.mark.slow
@settings(max_examples=60, deadline=None, phases=[Phase.reuse, Phase.generate])
@given(st.randoms(use_true_random=False))
def test_no_two_tests_ever_load_one_line(random: Random) -> None:
    """Under lost and late messages, restarts, steps of the clock and quiet times; budgets hold as well."""
    folder = Path(tempfile.mkdtemp(prefix="never-two-"))
    house = House(folder, scarce_town())
    house.clock.to(at("2026-12-07T07:40"))
    world = World(house)
    try:
        for action, *how in day(random):
            _do(world, str(action), how)
        world.passes(200)
        world.check_budgets()
        event(f"tests from {min(world.tests, 20) // 4 * 4}")
    finally:
        house.close()
        shutil.rmtree(folder)


def _do(world: World, action: str, how: Sequence[object]) -> None:
    house = world.house
    match action, how:
        case "ask", [str(name), str(kind), str(segment), float(seconds)]:
            world.ask(name, kind, segment, seconds)
            world.passes(1)
        case "passes", [float(seconds)]:
            world.passes(seconds)
        case "restart", _:
            house.restart()
        case "lose", [str(name), float(seconds)]:
            world.lost_s[name] = world.now_s + seconds
        case "delay", [float(seconds)]:
            world.delay_s = seconds
        case "step", [int(seconds)]:
            house.clock.wall_ns += seconds * NS
        case "quiet", [str(school)]:
            now_s = house.clock.wall_ns // NS
            quiets.order(house.journal, Ordered(now_s, now_s + 60, school=school), house.clock.wall_ns)
        case _:
            raise AssertionError(action)
