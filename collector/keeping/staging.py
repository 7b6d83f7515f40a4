"""Where what is being backed up, or brought back, lies until that is whole; and who does that, alone."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector import holding
from collector.config import Home
from collector.keeping import owned
from collector.keeping.restic import KeepError

LOCK = "backup.lock"
BACKUP, RESTORE = ".backup", ".restore"
REPLACED = "replaced-*"
"""What a restore put aside."""


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Let nobody else make a backup of this folder, or put one in its place. Raises KeepError."""
    try:
        with holding.held(home.folder / LOCK):
            try:
                yield
            finally:
                owned.give(home, (home.folder / LOCK, home.folder / ".restic"))
    except holding.HeldError as error:
        raise KeepError(
            f"a backup is being made, or brought back, just now, by {error}: wait for it"
        ) from None


def clear(home: Home) -> None:
    """Remove what those that were killed left, journals and all, while one is `alone`. Raises OSError."""
    for name in (BACKUP, RESTORE):
        if (home.folder / name).exists():
            shutil.rmtree(home.folder / name)
    for path in home.folder.glob(f"{home.journal.name}.part*"):
        path.unlink()


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """An empty folder for its owner alone; gone in the end, and so is what a kill left before."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
