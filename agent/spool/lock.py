"""One process a spool."""

import sys
from pathlib import Path
from typing import IO

from agent.spool.schema import DiskError, SpoolInUseError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Lock:
    """Holds a spool for one process. It goes with the process, however that dies, on every system.

    It writes nothing: a disk without space is no reason to keep off.
    """

    def __init__(self, path: Path) -> None:
        """Raises SpoolInUseError if another process holds it, DiskError if it can't be made."""
        try:
            self._file = Path(f"{path}.lock").open("ab")  # noqa: SIM115 - until `release`
        except OSError as error:
            raise DiskError(f"the spool {path} can't be locked: {error.strerror or error}") from error
        try:
            _take(self._file)
        except OSError as error:
            self._file.close()
            raise SpoolInUseError(f"another firstbell-agent uses the spool {path}") from error

    def release(self) -> None:
        """Let another process have it."""
        self._file.close()


def _take(file: IO[bytes]) -> None:
    """Lock an open file against other processes, or raise OSError at once."""
    if sys.platform == "win32":
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
