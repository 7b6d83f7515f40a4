"""Which way is open, and when it is left: with lines in the test's hand, on one clock."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.uplink.ladder import RUNGS, Ladder, Rung, RungLine, remembered
from firstbell import wire
from tests.support.clocks import HandClock

ANSWER = wire.encode(wire.Answer(journal="j", now_ns=1, digest="d"))


@dataclass
class Way:
    """One way: whether it is there, whether it lets the box in, whether it carries."""

    there: bool = True
    lets_in: bool = True
    carries: bool = True
    felt: int = 0
    lines: "list[HandLine]" = field(default_factory=list)


class HandLine:
    """A line that is as its way is."""

    def __init__(self, way: Way) -> None:
        self.way, self.closed = way, False
        self.last_word = b""
        self.receive: Callable[[str, bytes], None] | None = None
        way.lines.append(self)

    def open(
        self, receive: Callable[[str, bytes], None], wake: Callable[[], None], attempted: Callable[[], None]
    ) -> None:
        """Keep what it is told."""
        self.receive = receive
        attempted()
        wake()

    def connected(self) -> int:
        """Whether there is a way."""
        return int(self.way.there and self.way.lets_in and self.receive is not None and not self.closed)

    def publish(self, verb: str, payload: bytes, *, retain: bool = False) -> bool:
        """Answered at once where it carries."""
        if not self.connected() or retain:
            return False
        if self.way.carries and self.receive and (verb, payload) == ("report", b"x"):
            self.receive("answer", ANSWER)
        return True

    def tend(self, now: float) -> None:
        """Nothing to do."""

    def close(self, last_word: bytes) -> None:
        """Note it."""
        self.closed, self.last_word = True, last_word

    def feel(self) -> str:
        """Whether it seems to be there."""
        self.way.felt += 1
        return "" if self.way.there else "nobody answers"

    def try_out(self, seconds: float) -> str:  # noqa: ARG002 - as a line has it
        """The same."""
        return self.feel()


class World:
    """A ladder of three ways, and a sender that reports each minute."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.clock = HandClock()
        self.ways = {name: Way() for name in RUNGS}
        makes: dict[Rung, Callable[[], RungLine]] = {
            name: lambda way=way: HandLine(way)  # type: ignore[misc]
            for name, way in self.ways.items()
        }
        self.kept = folder / "uplink.json"
        self.ladder = Ladder(makes, self.clock, random.Random(seed), self.kept)
        self.heard: list[str] = []
        # Without the thread: the test looks when it wants to.
        self.ladder._take, self.ladder._wake, self.ladder._attempted = self._hear, lambda: None, lambda: None
        self.ladder._line.open(self.ladder._receive, lambda: None, lambda: None)
        self.changes: list[tuple[float, Rung]] = []

    def _hear(self, verb: str, _payload: bytes) -> None:
        self.heard.append(verb)

    def run(self, seconds: float) -> None:
        """Let time go by, a second at a time."""
        for _ in range(round(seconds)):
            self.clock.advance(1)
            now, before = self.clock.monotonic(), self.ladder.rung
            self.ladder._look(now)
            self.ladder.tend(now)
            if round(now) % 60 == 0 and self.ladder.connected():
                self.ladder.publish("report", b"x")
            if self.ladder.rung != before:
                self.changes.append((now, self.ladder.rung))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A box that was heard over MQTT before."""
    made = World(tmp_path)
    made.run(120)
    assert remembered(made.kept) == "mqtt"
    return made


def test_a_short_silence_moves_nobody(world: World) -> None:
    """Two minutes without a broker, again and again: nothing is even felt for."""
    for _ in range(10):
        world.ways["mqtt"].there = False
        world.run(120)
        world.ways["mqtt"].there = True
        world.run(120)
    assert world.changes == []
    assert [way.felt for way in world.ways.values()] == [0, 0, 0]


def test_ten_thousand_boxes_do_not_move_as_one(tmp_path: Path) -> None:
    """The broker is away for good: they look for another way over two minutes, nowhere more than a tenth in ten seconds."""
    moments = []
    (tmp_path / "uplink.json").write_text('{"rung": "mqtt"}', encoding="ascii")
    for seed in range(1000):
        made = World(tmp_path, seed)
        moments.append(made.ladder._good_at + made.ladder._bears_s - made.clock.monotonic())
    assert 180 <= min(moments) < 185
    assert 295 < max(moments) <= 300
    fullest = max(sum(low <= moment < low + 10 for moment in moments) for low in range(180, 300))
    assert fullest < 120


def test_where_nothing_is_there_it_stays(world: World) -> None:
    """The collector's machine is off for an hour: the box stays on its way and is there when it comes back."""
    for way in world.ways.values():
        way.there = False
    world.run(3600)
    assert world.changes == []
    assert 10 <= world.ways["https"].felt <= 20
    world.ways["mqtt"].there = True
    world.run(60)
    assert world.ladder.connected()
    assert world.ladder.rung == "mqtt"


def test_the_next_way_is_taken_and_the_first_comes_back(world: World) -> None:
    """8883 is closed for a day: minutes later the WebSocket carries; once it is open, MQTT within an hour or so."""
    world.ways["mqtt"].there = False
    world.run(400)
    assert [rung for _, rung in world.changes] == ["websocket"]
    assert remembered(world.kept) == "websocket"
    assert world.ways["mqtt"].lines[0].closed
    world.run(86_400)
    assert [rung for _, rung in world.changes] == ["websocket"]
    assert 15 < world.ways["mqtt"].felt < 35
    world.ways["mqtt"].there = True
    world.run(1.3 * 3600)
    assert [rung for _, rung in world.changes] == ["websocket", "mqtt"]


def test_a_way_that_feels_good_and_carries_nothing_is_shunned(world: World) -> None:
    """Two let the box in and carry nothing: it ends on the third and stays, trying the others ever more rarely."""
    world.ways["mqtt"].carries = world.ways["websocket"].carries = False
    world.run(2400)
    assert [rung for _, rung in world.changes] == ["websocket", "https"]
    world.changes.clear()
    world.run(86_400)
    days_first = len(world.changes)
    world.changes.clear()
    world.run(86_400)
    assert len(world.changes) < days_first < 24
    assert world.ladder.rung == "https"


def test_a_way_that_felt_good_and_lets_nobody_in_is_left_again(world: World) -> None:
    """The broker shakes hands and refuses: by requests after two changes, and nothing was lost on the way."""
    world.ways["mqtt"].lets_in = world.ways["websocket"].lets_in = False
    world.run(2400)
    assert world.ladder.rung == "https"


def test_what_comes_back_in_time_is_not_left(world: World) -> None:
    """Another way was found, but the old one carries again before the change is made."""
    world.ways["mqtt"].there = False
    while world.ladder._wanted is None:
        world.clock.advance(1)
        world.ladder._look(world.clock.monotonic())
        if world.ladder._wanted is None:
            world.ladder.tend(world.clock.monotonic())
    world.ways["mqtt"].there = True
    world.ladder.tend(world.clock.monotonic())
    assert world.ladder.rung == "mqtt"


def test_a_box_that_was_never_heard_is_quick(tmp_path: Path) -> None:
    """Behind a filter from its first minute: on its way within a minute, not within five."""
    made = World(tmp_path)
    made.ways["mqtt"].there = made.ways["websocket"].there = False
    made.run(60)
    assert made.ladder.rung == "https"


def test_a_connection_is_a_new_one_on_each_way(world: World) -> None:
    """So that what was under way on the old one is sent again; a late answer on the old one is heard all the same."""
    before = world.ladder.connected()
    left = world.ways["mqtt"].lines[0]
    world.ways["mqtt"].there = False
    world.run(400)
    assert world.ladder.connected() == before + 1
    world.heard.clear()
    assert left.receive is not None
    left.receive("answer", ANSWER)
    assert world.heard == ["answer"]
    assert wire.read_state(left.last_word).alive is False


@pytest.mark.parametrize(
    "said", [b"", b"{", b"[]", b'{"rung": 7}', b'{"rung": "pigeon"}', b'{"rung": ["https"]}']
)
def test_a_damaged_memory_is_none(tmp_path: Path, said: bytes) -> None:
    """Whatever lies in the file, the box begins with the best way."""
    (tmp_path / "uplink.json").write_bytes(said)
    assert remembered(tmp_path / "uplink.json") is None
    assert World(tmp_path).ladder.rung == "mqtt"


def test_a_full_disk_costs_the_memory_alone(world: World, tmp_path: Path) -> None:
    """What can't be remembered is said, and the way is taken all the same."""
    world.ladder._kept = tmp_path / "nowhere" / "uplink.json"
    world.ways["mqtt"].there = False
    world.run(400)
    assert world.ladder.rung == "websocket"
