"""Room on the disk that the spool holds for itself, to give away when there is no other left.

What waits can be delivered only by writing: a report's time is frozen on the disk before it is sent, and an
answer takes it out of the file. On a disk that somebody filled to its last byte neither could be done.
"""

import logging
import shutil
from contextlib import suppress
from pathlib import Path

from agent.machine.clock import Clock

BYTES = 512 << 10
"""Enough for SQLite's index of its log, a new epoch, and some batches frozen, held and taken out."""
_AGAIN_S = 10.0

_log = logging.getLogger(__name__)


class Reserve:
    """A file of nothing beside the spool."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path.with_name(f"{path.name}.reserve"), clock
        self._held, self._next_look = False, clock.monotonic()

    def keep(self) -> bool:
        """See that the room is held, looking every ten seconds; half of what is free is left to others."""
        now = self._clock.monotonic()
        if now >= self._next_look:
            self._next_look = now + _AGAIN_S
            self._held = self._take()
        return self._held

    def _take(self) -> bool:
        try:
            if self._path.exists() and self._path.stat().st_size == BYTES:
                return True
            if shutil.disk_usage(self._path.parent).free < 2 * BYTES:
                return False
            self._path.write_bytes(bytes(BYTES))
        except OSError:  # others were quicker; half a reserve would only be in the way
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True

    def give(self) -> None:
        """Let the room go, if it is held."""
        try:
            self._path.unlink()
        except OSError:
            return
        self._held, self._next_look = False, self._clock.monotonic() + _AGAIN_S
        _log.warning("the disk is full: %d kB that the spool had put by are used now", BYTES >> 10)
