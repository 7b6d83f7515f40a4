"""The district folder while the collector runs: reloaded whole or not at all."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from collector.clock import Clock
from collector.registry.files import EMPTY, Folder, names, read
from firstbell.tables import FolderError

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""At most once in this time the files are looked at, however often somebody asks."""
SETTLED_NS = 2_000_000_000
"""A file that was written within this time may still be being written, as may the one beside it."""

WAIT_S = 3.0
"""Whoever asks waits so long for a folder that is being read; then the one before it has to do."""
_READING = "the district folder is still being read; until then reports are taken all the same"

Keep = Callable[[Folder], str]
"""Keeps a folder by its digest before it is used; gives the trouble in words, or "" if there was none."""


class _Mark(NamedTuple):
    """What a file's time and size say without reading it."""

    name: str
    changed_ns: int
    size: int
    number: int


class Registry:
    """The folder at `path` as it was loaded last, looked at again whenever it is asked for.

    Until a changed folder is right as a whole, and is kept, the last good one stays; `trouble` says why. One
    without schools stands in where there was none yet. Threads may share it.

    It is read on a thread of its own: no file can keep the collector from starting, or from answering.
    """

    def __init__(self, path: Path, clock: Clock, keep: Keep) -> None:
        self._path, self._clock, self._keep = path, clock, keep
        self._lock = threading.Lock()
        self._folder, self._trouble = EMPTY, ""
        self._seen: tuple[_Mark, ...] | None = None
        """The files as they were when they were read last."""
        self._pending: tuple[_Mark, ...] | None = None
        self._looked_at = 0.0
        self._reading: threading.Thread | None = None
        self._wait_until = 0.0
        with self._lock:
            self._look(settled=True)
        self._wait()

    def now(self) -> Folder:
        """The folder that holds now."""
        self._refresh()
        return self._folder

    def trouble(self) -> str:
        """Why what lies on the disk is not what is used; "" where it is. One line for each mistake."""
        self._refresh()
        reading = self._reading
        return _READING if reading is not None and reading.is_alive() else self._trouble

    def _refresh(self) -> None:
        with self._lock:
            idle = self._reading is None or not self._reading.is_alive()
            if idle and self._clock.monotonic() - self._looked_at >= LOOK_S:
                self._look(settled=False)
        self._wait()

    def _wait(self) -> None:
        """Wait for a folder that is being read, all askers to the same moment."""
        if (reading := self._reading) is not None:
            reading.join(max(0.0, self._wait_until - self._clock.monotonic()))

    def _look(self, *, settled: bool) -> None:
        self._looked_at = self._clock.monotonic()
        marks = _marks(self._path)
        if marks == self._seen:
            return
        newest = max((mark.changed_ns for mark in marks), default=0)
        settled = settled or marks == self._pending or abs(self._clock.now_ns() - newest) > SETTLED_NS
        self._pending = marks
        if settled:
            self._wait_until = self._clock.monotonic() + WAIT_S
            self._reading = threading.Thread(
                target=self._load_or_say, args=(marks,), name="district folder", daemon=True
            )
            self._reading.start()

    def _load_or_say(self, marks: tuple[_Mark, ...]) -> None:
        try:
            self._load(marks)
        except Exception as error:
            log.exception("the district folder could not be read")
            self._seen, self._trouble = marks, f"the district folder could not be read: {error!r}"

    def _load(self, marks: tuple[_Mark, ...]) -> None:
        if self._folder is EMPTY and not self._path.is_dir():
            self._say(f"there is no district folder at {self._path} yet")
            return
        try:
            folder = read(self._path)
        except FolderError as error:
            # A typo in a table must not keep a district's measurements waiting in its boxes.
            self._seen = marks
            self._say(str(error))
            return
        trouble = "" if folder.district.digest == self._folder.district.digest else self._keep(folder)
        if trouble:
            self._say(trouble)
            return
        if self._folder is not EMPTY and folder.district.digest != self._folder.district.digest:
            log.info("the district folder was changed and is used from now on: %s", self._path)
        elif self._trouble:
            log.info("the district folder can be used again: %s", self._path)
        self._folder, self._seen, self._trouble = folder, marks, ""

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            used = "reports are taken all the same" if self._folder is EMPTY else "the one before it is"
            first, *more = trouble.splitlines()
            rest = f" (and {len(more)} more: `firstbell district check` tells all)" if more else ""
            log.error("the district folder can't be used; %s: %s%s", used, first, rest)
        self._trouble = trouble


def _marks(path: Path) -> tuple[_Mark, ...]:
    found = []
    for name in names(path):
        try:
            stat = (path / name).stat()
        except OSError:
            continue
        found.append(_Mark(name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)
