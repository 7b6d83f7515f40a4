"""The versions of the program that lie side by side, as the Ansible role `program` lays them.

    FOLDER/releases/NAME        a virtual environment; whole once it holds the file `whole`
    FOLDER/current              a link to the one in use
    FOLDER/before               a link to the one to go back to
    FOLDER/updater              a link to the one that was proved last: what updates runs from there

MakingError             a version can't be put there
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from agent.machine.commands import CommandError, Commands
from agent.update import archive
from agent.update.state import settle
from firstbell.update import RELEASE, Parcel

CURRENT, BEFORE, UPDATER = "current", "before", "updater"
WHOLE = "whole"
PROGRAM = "bin/firstbell-agent"
PIP_OPTIONS = ("--no-index", "--only-binary=:all:", "--require-hashes")
"""From the archive and from nowhere else, nothing is built, and everything is as listed."""
_ENV = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
_MAKE_S = 1800.0
_TIMES_SIZE = 8
"""What a version takes while it is made, in sizes of its archive: the copy, the wheels, the files."""
_SPARE_BYTES = 100_000_000
"""And what an environment takes by itself, and what the box wants to go on measuring."""


class MakingError(RuntimeError):
    """A version can't be put there."""


class Releases:
    """The versions in `folder`, made with `python` by `commands`.

    `free` tells how many bytes a folder's disk has left, `sync` sees that files are on it.
    """

    def __init__(
        self,
        folder: Path,
        commands: Commands,
        python: str = "",
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        sync: Callable[[], None] = os.sync,
    ) -> None:
        self.folder, self._commands, self._free, self._sync = folder, commands, free, sync
        self._python = python or str(Path(sys.base_prefix) / "bin" / "python3")

    def linked(self, link: str) -> str:
        """The version behind a link; "" where there is none."""
        try:
            return (self.folder / link).readlink().name
        except OSError:
            return ""

    def program(self, link: str) -> str:
        """The box's program behind a link."""
        return str(self.folder / link / PROGRAM)

    def program_of(self, release: str) -> str:
        """The box's program of a version, whatever is in use."""
        return str(self._at(release) / PROGRAM)

    def whole(self, release: str) -> bool:
        """Whether that version is there."""
        return (self._at(release) / WHOLE).exists()

    def point(self, link: str, release: str) -> None:
        """Let a link name that version, or nothing (""): at one stroke, and on the disk. Raises OSError."""
        path, beside = self.folder / link, self.folder / f".{link}-new"
        beside.unlink(missing_ok=True)
        if release:
            beside.symlink_to(self._at(release))
            beside.replace(path)
        else:
            path.unlink(missing_ok=True)
        settle(self.folder)

    def make(self, parcel: Parcel, got: Path) -> None:
        """Put the parcel's version beside the others from the archive `got`.

        Raises MakingError, ArchiveError, OSError; what was begun is taken away by `forget`.
        """
        self.forget(parcel.release)
        needed = parcel.size * _TIMES_SIZE + _SPARE_BYTES
        if (free := self._free(self.folder)) < needed:
            raise MakingError(f"it needs {needed / 1e6:.0f} MB of the disk, and {free / 1e6:.0f} MB are free")
        release = self._at(parcel.release)
        release.parent.mkdir(exist_ok=True)
        tar, bundle = self._beside(parcel.release)
        archive.take(got, parcel, tar)
        archive.unpack(tar, parcel, bundle)
        tar.unlink()
        self._run([self._python, "-m", "venv", "--clear", str(release)])
        self._run(
            [
                *(str(release / "bin" / "python"), "-m", "pip", "install", "--quiet", *PIP_OPTIONS),
                f"--find-links={bundle / 'wheels'}",
                f"--requirement={bundle / archive.LIST}",
            ]
        )
        shutil.rmtree(bundle)
        self._sync()  # all of it is on the disk before it is called whole
        with (release / WHOLE).open("w", encoding="ascii") as file:
            file.write(f"{parcel.release}\n")
            file.flush()
            os.fsync(file.fileno())
        settle(release)

    def forget(self, release: str) -> None:
        """Take a version away, whole or not, and what it was made from. Raises OSError."""
        if not RELEASE.match(release):
            return
        tar, bundle = self._beside(release)
        with suppress(FileNotFoundError):
            (self._at(release) / WHOLE).unlink()  # first: half of it must never be taken for all
        tar.unlink(missing_ok=True)
        for folder in (bundle, self._at(release)):
            if folder.exists():
                shutil.rmtree(folder)

    def prune(self, keep: Sequence[str] = ()) -> None:
        """Take away the whole versions that no link names and `keep` does not either. Raises OSError."""
        used = {*keep, *(self.linked(link) for link in (CURRENT, BEFORE, UPDATER))}
        for path in (self.folder / "releases").iterdir():
            if path.name not in used and (path / WHOLE).exists():
                self.forget(path.name)

    def _run(self, argv: Sequence[str]) -> None:
        try:
            ended = self._commands.run(argv, deadline_s=_MAKE_S, env=_ENV)
        except CommandError as error:
            raise MakingError(f"{argv[0]} is not installed") from error
        if ended.code:
            last = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            what = "has not ended" if ended.timed_out else f"ended with {ended.code}"
            raise MakingError(f"{' '.join(argv[1:4])} {what}: {''.join(last)[:200]}")

    def _at(self, release: str) -> Path:
        return self.folder / "releases" / release

    def _beside(self, release: str) -> tuple[Path, Path]:
        at = self._at(release)
        return at.with_name(f"{release}.tar"), at.with_name(f"{release}.bundle")
