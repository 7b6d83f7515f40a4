"""The door to the files that tell of this machine (/proc, /sys). A fake machine is a folder."""

import shutil
from pathlib import Path

_MOST_BYTES = 1 << 20


class Files:
    """Reads files below `root`; the machine's own by default.

    What isn't there, and what the kernel refuses to tell at the moment (a sysfs file can fail with EIO or
    ENODEV), is None or empty: to a probe both mean that this machine doesn't say.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def text(self, path: str) -> str | None:
        """The file's text without the white space around it, of at most 1 MiB; None if it can't be read."""
        try:
            with self._at(path).open("rb") as file:
                return file.read(_MOST_BYTES).decode("utf-8", "replace").strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """The whole number that the file holds; None if it holds none or can't be read."""
        try:
            return int(self.text(path) or "")
        except ValueError:
            return None

    def names(self, path: str) -> tuple[str, ...]:
        """What lies in the folder, sorted; empty if there is no such folder."""
        try:
            return tuple(sorted(entry.name for entry in self._at(path).iterdir()))
        except OSError:
            return ()

    def free_bytes(self, path: str) -> int | None:
        """What this program may still write to the disk that holds `path`; None if there is no such path."""
        try:
            return shutil.disk_usage(self._at(path)).free
        except OSError:
            return None

    def _at(self, path: str) -> Path:
        # A leading slash would lead out of the root.
        return self._root / path.lstrip("/")
