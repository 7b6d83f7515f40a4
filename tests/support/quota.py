"""A control group with a quota on processor time, for programs that shall be slow; needs root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
_PERIOD_US = 100_000


@contextmanager
def quota(cores: float) -> Iterator[list[str]]:
    """The words to put before a program's own, so that it gets no more than this share of a core."""
    folder = (_V1 if _V1.is_dir() else _V2) / f"first-bell-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"needs root for a control group: {error.strerror}")
    try:
        most_us = round(cores * _PERIOD_US)
        try:
            if _V1.is_dir():
                (folder / "cpu.cfs_period_us").write_text(f"{_PERIOD_US}")
                (folder / "cpu.cfs_quota_us").write_text(f"{most_us}")
            else:
                (folder / "cpu.max").write_text(f"{most_us} {_PERIOD_US}")
        except OSError as error:
            pytest.skip(f"needs root for a quota on processor time: {error.strerror}")
        yield ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(folder / "cgroup.procs")]
    finally:
        with suppress(OSError):
            folder.rmdir()
