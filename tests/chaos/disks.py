"""Disks of a test's own: small ones that fill, and ones whose power is cut."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _run(*argv: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        argv, check=False, capture_output=True, env={**os.environ, "PATH": _PATH}, timeout=60
    )


@cache
def _trouble(*options: str) -> str:
    """Why nothing of this kind can be mounted here; empty if it can."""
    done = _run("unshare", "--mount", "mount", *options, "none", "/mnt")
    return done.stderr.decode().strip() if done.returncode else ""


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of `size` (as tmpfs has it) at `folder`. Skips the test where none can be mounted."""
    trouble = _trouble("-t", "tmpfs")
    if trouble:
        pytest.skip(f"needs root to mount a small disk: {trouble}")
    folder.mkdir(parents=True)
    done = _run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    assert done.returncode == 0, done.stderr
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


def fill(folder: Path) -> Path:
    """Fill the disk under `folder` to its last block, with one file that can be deleted again."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1 << 9):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return path


class Disk:
    """An ext4 disk in a file, at `folder`, whose power can be cut."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder, self._image = folder, image

    def mount(self) -> None:
        """Mount it; ext4 replays its journal, as after a real cut."""
        done = _run("mount", "-o", "loop", str(self._image), str(self.folder))
        assert done.returncode == 0, done.stderr

    def unmount(self) -> None:
        """Let go of it."""
        _run("umount", str(self.folder))

    def photograph(self) -> None:
        """Keep what has reached the device by now, and nothing that only the system knows."""
        shutil.copyfile(self._image, self._image.with_suffix(".cut"))

    def come_back(self) -> None:
        """Mount what was on the device at the moment of the cut in place of what is there now."""
        self.unmount()
        self._image.with_suffix(".cut").replace(self._image)
        self.mount()


@contextmanager
def disk_with_power(folder: Path, image: Path, size_mb: int = 96) -> Iterator[Disk]:
    """Such a disk, empty. Skips the test where none can be mounted."""
    if os.geteuid() or not shutil.which("mkfs.ext4", path=_PATH):
        pytest.skip("needs root and mkfs.ext4 to mount a disk whose power can be cut")
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    made = _run("mkfs.ext4", "-q", "-F", str(image))
    assert made.returncode == 0, made.stderr
    folder.mkdir(parents=True)
    disk = Disk(folder, image)
    if trouble := _loop_trouble(disk):
        pytest.skip(f"needs a loop device: {trouble}")
    try:
        yield disk
    finally:
        _run("umount", "-l", str(folder))


def _loop_trouble(disk: Disk) -> str:
    try:
        disk.mount()
    except AssertionError as error:
        return str(error)
    return ""
