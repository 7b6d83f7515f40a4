"""One collector to a data folder: the file that it holds, and that says which process it is."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from collector import lock


class HeldError(RuntimeError):
    """Another process holds the file; the text is "process 1234", or where it doesn't say, "a process"."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the file at `path`, made if need be. Raises HeldError."""
    path.touch()
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.held(path, wait=False))
        except BlockingIOError:
            number = path.read_text(encoding="ascii", errors="replace").strip()[:20]
            raise HeldError(f"process {number}" if number.isdecimal() else "a process") from None
        with suppress(OSError):  # a full disk has no room for the number; it is held all the same
            path.write_text(f"{os.getpid()}\n", encoding="ascii")
        yield
