"""What has moved lately, for a watchdog that is fed by progress and not by a timer."""

import threading
from typing import Literal, get_args

from agent.machine.clock import Clock

Step = Literal["stored", "answered", "attempted", "stepped"]


class Progress:
    """Remembers when each kind of progress was last made. Any thread.

    A report was `stored`, or refused for want of space; an answer was taken (`answered`), a connection tried
    (`attempted`); the sender ended a round (`stepped`), whether there was anything to do or not.
    """

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
            return {step: now - self._last.get(step, self._start) for step in get_args(Step)}

    def answered_s(self) -> float | None:
        """Seconds since an answer was last taken; None if none ever was."""
        with self._lock:
            last = self._last.get("answered")
            return None if last is None else self._clock.monotonic() - last

    def running_s(self) -> float:
        """Seconds since the start."""
        return self._clock.monotonic() - self._start

    def idle_s(self) -> float:
        """Seconds since anything moved, or since the sender's last round if that is longer.

        While a box measures it stores, and that alone would hide a sender that hangs.
        """
        ages = self.ages()
        stepped = ages.pop("stepped")
        return max(stepped, min(ages.values()))
