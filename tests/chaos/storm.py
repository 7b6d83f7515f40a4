"""A storm: boxes measure, everything is killed again and again, and then the oracle looks at what is left."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.chaos.points import ONCE, POINTS
from tests.chaos.processes import ROOT, Process, wait_until
from tests.chaos.town import Box, Embedded, Mosquitto, Town, standing
from tests.oracle import shelves
from tests.oracle.truth import events

CALM_S = 90.0
"""Within this everything that was measured in the storm must have left its spool, once nobody dies any more:
a batch whose answer died with the collector is sent again after a minute at the latest."""
DRAIN_S = 60.0
"""Within this the spools must be empty once nobody measures any more."""
_PATIENCE_S = 4.0
"""So long a process may take to come to its named point; then it is killed wherever it is."""
_WEIGHTS = {"box": 1.0, "collector": 2.0, "broker": 1.5}


@dataclass(frozen=True)
class Storm:
    """What a storm is to be. It ends when at least `reports` are measured and `kills` made.

    `broker` is mosquitto (which keeps nothing on disk) or embedded; `most_s` bounds it in any case.
    """

    seed: int
    broker: str
    reports: int
    kills: int
    most_s: float
    boxes: int = 4
    findings: int = 25
    every_s: float = 0.2
    calm_s: tuple[float, float] = (0.3, 1.6)
    down_s: tuple[float, float] = (0.0, 1.2)


@dataclass
class Result:
    """What a storm did, and what the oracle says of it."""

    seed: int
    broker: str
    kills: Counter[str] = field(default_factory=Counter)
    storm_s: float = 0.0
    calm_s: float = 0.0
    verdict: dict[str, Any] = field(default_factory=dict)

    @property
    def killed(self) -> int:
        """Kills of any kind."""
        return self.kills.total()

    def killed_of(self, program: str) -> int:
        """Kills of a program, at random moments and at named points."""
        return sum(number for name, number in self.kills.items() if name.split(" ")[0] == program)

    def at_points(self) -> int:
        """Kills at named points."""
        return sum(number for name, number in self.kills.items() if name.split(" ", 1)[1] in POINTS)


def sound(verdict: dict[str, Any]) -> bool:
    """Whether nothing at all is wrong: not even a report that was refused, or owned up to as lost."""
    wrong = ("lost", "invented", "changed", "doubled", "torn", "holes", "forks", "counted_lost", "refused")
    return not any(verdict[kind] for kind in (*wrong, "unstored", "waiting"))


def told(verdict: dict[str, Any]) -> str:
    """A verdict for reading, a line a figure and a line a trouble."""
    figures = [f"{name} {figure}" for name, figure in verdict.items() if name != "troubles"]
    return "\n".join(["", *figures, *verdict["troubles"]])


class _Victim:
    """One process that is killed at random, or at a named point, and started again."""

    def __init__(
        self, program: str, process: Process, points: Iterable[str], before: Callable[[], None]
    ) -> None:
        self.program, self.process = program, process
        self.points, self.before = list(points), before
        self.point = ""
        self.started_at = 0.0
        self.again_at: float | None = None

    def start(self, random: Random, now: float) -> None:
        """Start it, two times out of three with a point to die at."""
        self.before()
        self.point = ""
        if self.points and random.random() < 2 / 3:
            self.point = self.points.pop(0)
            self.points.append(self.point)
        # A collector's first answers are often to what it held before it died.
        nth = 1 if self.point in ONCE else random.randint(1, 5 if self.program == "box" else 25)
        self.process.start(f"{self.point}:{nth}" if self.point else "-")
        self.started_at, self.again_at = now, None


class _Weather:
    """Who dies when."""

    def __init__(self, storm: Storm, town: Town, random: Random, result: Result) -> None:
        self._storm, self._random, self._result = storm, random, result
        self._victims = [
            *(self._victim("box", box.process, self._maybe_reboot(box)) for box in town.boxes),
            self._victim("collector", town.collector),
            self._victim("broker", town.broker.process),
        ]
        self._next_kill = 0.0

    def _victim(self, program: str, process: Process, before: Callable[[], None] = lambda: None) -> _Victim:
        points = [name for name, point in POINTS.items() if point.program == program]
        self._random.shuffle(points)
        return _Victim(program, process, points, before)

    def _maybe_reboot(self, box: Box) -> Callable[[], None]:
        def before() -> None:
            if self._random.random() < 0.2:
                box.reboot()

        return before

    def begin(self) -> None:
        """Start what does not run."""
        now = time.monotonic()
        for victim in self._victims:
            victim.start(self._random, now)

    def blow(self) -> None:
        """Look who died by himself, start again what is due, kill somebody if it is time."""
        now = time.monotonic()
        for victim in self._victims:
            if victim.again_at is not None:
                if now >= victim.again_at:
                    victim.start(self._random, now)
            elif not victim.process.alive:
                self._count(victim, victim.point or "by itself", now)
            elif victim.point and now > victim.started_at + _PATIENCE_S:
                self._kill(victim, now)
        if now >= self._next_kill:
            self._next_kill = now + self._random.uniform(*self._storm.calm_s)
            alive = [victim for victim in self._victims if victim.process.alive and not victim.point]
            if alive:
                weights = [_WEIGHTS[victim.program] for victim in alive]
                self._kill(self._random.choices(alive, weights)[0], now)

    def end(self) -> None:
        """Whoever is dead, or still has a point to die at, is started without one; the others run on."""
        for victim in self._victims:
            if victim.point or not victim.process.alive:
                victim.process.kill()
                victim.process.start()

    def _kill(self, victim: _Victim, now: float) -> None:
        if victim.process.alive:
            victim.process.kill()
            self._count(victim, "at random", now)

    def _count(self, victim: _Victim, where: str, now: float) -> None:
        self._result.kills[f"{victim.program} {where}"] += 1
        victim.again_at = now + self._random.uniform(*self._storm.down_s)


def measured(truth: Path, logs: str = "*") -> int:
    """Reports that some spool has said to be on its disk, so far; of the processes whose logs match."""
    counts: dict[tuple[str, int], int] = {}
    total = 0
    for event in events(truth, logs):
        if event["e"] == "intent":
            counts[event["token"], event["put"]] = event["count"]
        elif event["e"] == "stored":
            total += counts[event["token"], event["put"]]
    return total


def rage(storm: Storm, folder: Path) -> Result:
    """Raise a storm in `folder` and look at what it left. Raises AssertionError if it does not end in time."""
    random = Random(storm.seed)
    names = [f"box-{number + 1}" for number in range(storm.boxes)]
    broker = Embedded(folder / "broker", names) if storm.broker == "embedded" else Mosquitto(folder)
    town = Town(folder, broker)
    for name in names:
        town.add_box(name, findings=storm.findings, every_s=storm.every_s)
    # One of them never hears of NTP: it asks the collector for the time.
    town.boxes[-1].turn(msgspec.structs.replace(town.boxes[-1].hands, synchronised=False))
    result = Result(storm.seed, storm.broker)
    with standing(town):
        weather = _Weather(storm, town, random, result)
        result.storm_s = _storm(storm, town, weather, result)
        result.calm_s = _calm(town, weather)
        drain(town)
    result.verdict = ask_oracle(town)
    return result


def _storm(storm: Storm, town: Town, weather: _Weather, result: Result) -> float:
    weather.begin()
    began = counted_at = time.monotonic()
    while True:
        weather.blow()
        time.sleep(0.02)
        now = time.monotonic()
        if now > counted_at + 2:
            counted_at = now
            if result.killed >= storm.kills and measured(town.truth) >= storm.reports:
                return now - began
        assert now < began + storm.most_s, f"no end in {storm.most_s:g} s: {result}"


def _calm(town: Town, weather: _Weather) -> float:
    """How long it takes, with nobody dying any more, until all that waits now has left its spool."""
    weather.end()
    spools = [box.plan.spool for box in town.boxes]
    newest = [shelves.places(path)[1] for path in spools]
    return wait_until(
        lambda: all(shelves.places(path)[0] > last for path, last in zip(spools, newest, strict=True)),
        "what was measured in the storm has left the spools",
        CALM_S,
    )


def drain(town: Town, most_s: float = DRAIN_S) -> float:
    """Let every box send what it has and measure no more, then stop all; how many seconds it took."""
    for box in town.boxes:
        box.process.stop()
        box.plan = msgspec.structs.replace(box.plan, measures=False)
    if not town.broker.process.alive:
        town.start_broker()
    if not town.collector.alive:
        town.start_collector()
    for box in town.boxes:
        box.process.start()
        box.process.ready()
    spools = [box.plan.spool for box in town.boxes]
    took_s = wait_until(lambda: not any(map(shelves.waiting, spools)), "all spools are empty", most_s)
    for process in town.processes:
        process.stop()
    return took_s


def ask_oracle(town: Town) -> dict[str, Any]:
    """The verdict, from a process of its own."""
    spools = [f"{box.plan.name}={box.plan.spool}" for box in town.boxes]
    argv = [sys.executable, "-m", "tests.oracle.judge", str(town.journal), str(town.truth), *spools]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300)
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def main() -> None:
    """Raise one storm, as JSON on the command line says, and print what it did."""
    words, folder = sys.argv[1:]
    result = rage(msgspec.json.decode(words, type=Storm), Path(folder))
    sys.stdout.write(json.dumps(vars(result)) + "\n")


if __name__ == "__main__":
    main()
