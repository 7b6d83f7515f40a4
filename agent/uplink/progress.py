"""What has moved lately, for a watchdog that is fed by progress and not by a timer."""

import threading
from typing import Literal

from agent.machine.clock import Clock

Step = Literal["stored", "answered", "attempted"]


class Progress:
    """Remembers when a report was last stored, an answer last taken, a connection last tried. Any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._start = clock.monotonic()
        self._last: dict[Step, float] = {}

    def note(self, step: Step) -> None:
        """This has just happened."""
        with self._lock:
            self._last[step] = self._clock.monotonic()

    def ages(self) -> dict[Step, float]:
        """Seconds since each kind of progress was last made; since the start if never."""
        with self._lock:
            now = self._clock.monotonic()
            steps: tuple[Step, ...] = ("stored", "answered", "attempted")
            return {step: now - self._last.get(step, self._start) for step in steps}

    def idle_s(self) -> float:
        """Seconds since there was any progress at all."""
        return min(self.ages().values())
