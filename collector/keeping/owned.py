"""What root makes in a data folder belongs to whoever the folder belongs to, who must go on with it."""

import os
from collections.abc import Iterable
from pathlib import Path

from collector.config import Home


def give(home: Home, paths: Iterable[Path]) -> None:
    """Give these, with all that lies in them, to the folder's owner; only root can. Raises OSError."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not home.folder.exists():
        return
    owner = home.folder.stat()
    for path in paths:
        if not os.path.lexists(path):
            continue
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        # By the folder that is open, never by its path: the owner may put a link in the place of either.
        for _, folders, files, place in os.fwalk(path):
            for name in (*folders, *files):
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=place, follow_symlinks=False)
