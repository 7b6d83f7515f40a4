"""Machines for tests: a folder for the files, small classes for what can't be had here."""

# ruff: noqa: ARG002 - a fake takes what its door takes

import random
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.machine.commands import Ended
from agent.machine.counters import Memory, Port, Processor
from agent.machine.echoes import Echoes, Train
from agent.machine.files import Files
from agent.machine.hops import Way
from agent.machine.machine import Machine
from agent.machine.network import Resolved
from agent.machine.page import Page
from agent.machine.trouble import NetworkError, RefusedError
from firstbell.report import Stamp


class FakeClock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.seconds

    def stamp(self) -> Stamp:
        """A machine that started `seconds` ago, without NTP."""
        return Stamp(boot_id="b", boottime_ns=int(self.seconds * 1e9), wall_ns=0, synchronised=False)


class FakeCounters:
    """Counters that a test sets."""

    def __init__(self) -> None:
        self.busy = Processor(0.0, 0.0)
        self.mine_s = 0.0
        self.ram = Memory(1000 << 20, 250 << 20)
        self.ports: dict[str, Port] = {}
        self.speeds: dict[str, int] = {}

    def processor(self) -> Processor:
        """As set."""
        return self.busy

    def own_processor_s(self) -> float:
        """As set."""
        return self.mine_s

    def memory(self) -> Memory:
        """As set."""
        return self.ram

    def port(self, interface: str) -> Port | None:
        """As set."""
        return self.ports.get(interface)

    def port_speed_mbps(self, interface: str) -> int | None:
        """As set."""
        return self.speeds.get(interface)


class FakeNetwork:
    """A network whose answers a test sets; what is not set refuses."""

    def __init__(self) -> None:
        self.names: dict[str, Resolved | NetworkError] = {}
        self.own: set[str] = set()
        self.pings: list[Echoes | None] = []
        """Answers to one ping after the other; None for a user who may not send any."""
        self.knocks: list[Echoes] = []
        self.ways: list[Way | None] = []
        self.pages: dict[str, Page | NetworkError] = {}
        self.asked: list[str] = []

    def resolve(self, host: str, deadline_s: float) -> Resolved:
        """As set; an address is its own answer."""
        answer = self.names.get(host, Resolved((host,), None))
        if isinstance(answer, NetworkError):
            raise answer
        return answer

    def is_own(self, address: str) -> bool:
        """As set."""
        return address in self.own

    def ping(self, address: str, train: Train) -> Echoes | None:
        """The next one."""
        self.asked.append(f"ping {address}")
        return self.pings.pop(0)

    def knock(self, address: str, port: int, train: Train) -> Echoes:
        """The next one."""
        self.asked.append(f"knock {address} {port}")
        return self.knocks.pop(0)

    def walk(self, address: str, limit_s: float) -> Way | None:
        """The next one."""
        self.asked.append(f"walk {address}")
        return self.ways.pop(0)

    def page(self, url: str, address: str, deadline_s: float) -> Page:
        """As set."""
        self.asked.append(f"page {address}")
        answer = self.pages.get(url, RefusedError("nothing is set"))
        if isinstance(answer, NetworkError):
            raise answer
        return answer


class FakeCommands:
    """One command that ends as a test says."""

    def __init__(self, ended: Ended) -> None:
        self.ended = ended
        self.input = b""
        self.deadline_s = 0.0
        self.memory_limit: int | None = None

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002 - the door's name for it
        lifeline: bool = False,
        deadline_s: float,
        output_limit: int = 1 << 20,
        memory_limit: int | None = None,
        env: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> Ended:
        """Say it."""
        self.input, self.deadline_s, self.memory_limit = input, deadline_s, memory_limit
        return self.ended


class FakeMachine:
    """All fakes together, each at hand; `machine` is what the product takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock, self.counters, self.network = FakeClock(), FakeCounters(), FakeNetwork()
        self.commands = FakeCommands(Ended(0, b"", b""))

    def write(self, path: str, text: str) -> None:
        """Put a file into the machine's folder."""
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    @property
    def machine(self) -> Machine:
        """It, as a probe sees it."""
        return Machine(
            files=Files(self.folder),
            commands=self.commands,
            clock=self.clock,
            network=self.network,
            counters=self.counters,
            random=random.Random(1),
        )
