"""A mark for other programs on this machine: a test loads the line now. It goes with whoever holds it."""

import logging
import sys
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

_log = logging.getLogger(__name__)


class LineMark:
    """A file beside `spool` that is locked while a test runs. Nothing depends on it but whoever looks."""

    def __init__(self, spool: Path) -> None:
        self._path = Path(f"{spool}.testing")
        self._file: IO[bytes] | None = None

    def hold(self, held: bool) -> None:
        """Set the mark, or take it away."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not held or sys.platform == "win32":
            return
        try:
            self._file = self._path.open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # no reason not to test
            _log.warning("%s can't be marked: %s", self._path, error)

    def is_held(self) -> bool:
        """Whether a test runs: whether somebody, in any program, has set it."""
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
