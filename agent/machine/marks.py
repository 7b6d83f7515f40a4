"""Marks for other programs on this machine, as files that are locked: each goes with whoever holds it."""

import logging
import sys
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

_log = logging.getLogger(__name__)


class Mark:
    """A file that is locked as long as something is so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def hold(self, held: bool) -> bool:
        """Set the mark, or take it away; whether that is so now. False where another program has it."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not held or sys.platform == "win32":
            return True
        try:
            file = self._path.open("ab")
        except OSError as error:
            _log.warning("%s can't be marked: %s", self._path, error)
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def is_held(self) -> bool:
        """Whether somebody, in any program, has set it."""
        if sys.platform == "win32":
            return False
        try:
            with self._path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def testing(spool: Path) -> Mark:
    """The mark that a test loads the line of the box whose spool that is."""
    return Mark(Path(f"{spool}.testing"))
