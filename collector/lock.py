"""One at a time: a hold on a file or a folder that ends with whoever has it, however that dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold what lies at `path` against other processes and threads that would do the same.

    Raises OSError: BlockingIOError where another one has it and this one won't `wait`.
    """
    try:
        import fcntl  # noqa: PLC0415 - Unix only
    except ImportError:
        yield
        return
    number = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)
