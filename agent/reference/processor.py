"""What this server got of its processor, from one look to the next."""

import time
from typing import NamedTuple

from agent.load.quota import delayed_s, throttled_s
from agent.machine.files import Files


class Had(NamedTuple):
    """Until `now_s`: processor time used, of one core; shares of the time stopped by a quota, and waited.

    None where the system doesn't tell.
    """

    now_s: float
    used_pct: float
    throttled_pct: float | None
    delayed_pct: float | None


class _Look(NamedTuple):
    now_s: float
    used_s: float
    throttled_s: float | None
    delayed_s: float | None


class Processor:
    """The first look is at its making."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._last = self._seen()

    def look(self) -> Had:
        """What there was since the last look."""
        then, now = self._last, self._seen()
        self._last = now
        seconds = max(now.now_s - then.now_s, 1e-6)
        return Had(
            now.now_s,
            100 * (now.used_s - then.used_s) / seconds,
            _share_pct(then.throttled_s, now.throttled_s, seconds),
            _share_pct(then.delayed_s, now.delayed_s, seconds),
        )

    def _seen(self) -> _Look:
        return _Look(time.monotonic(), time.process_time(), throttled_s(self._files), delayed_s(self._files))


def _share_pct(before_s: float | None, after_s: float | None, seconds: float) -> float | None:
    """A quota of several processors counts for each of them: never more than all the time."""
    if before_s is None or after_s is None:
        return None
    return 100 * min(1.0, max(0.0, after_s - before_s) / seconds)
