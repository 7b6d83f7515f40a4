"""The machine as a parameter: whatever a probe may know of the world outside it."""

import random
from dataclasses import dataclass
from typing import Self

from agent.machine.clock import Clock, SystemClock
from agent.machine.commands import Commands, SystemCommands
from agent.machine.counters import Counters, SystemCounters
from agent.machine.files import Files
from agent.machine.network import Network, SystemNetwork


@dataclass(frozen=True)
class Machine:
    """All doors together. In tests a folder and a few small classes are a machine."""

    files: Files
    commands: Commands
    clock: Clock
    network: Network
    counters: Counters
    random: random.Random

    @classmethod
    def real(cls) -> Self:
        """The machine that this runs on; its random numbers come from the system, so that clones differ."""
        clock = SystemClock()
        return cls(
            files=Files(),
            commands=SystemCommands(),
            clock=clock,
            network=SystemNetwork(clock),
            counters=SystemCounters(),
            random=random.SystemRandom(),
        )
