"""What root makes in a data folder belongs to whoever the folder belongs to, who must go on with it."""

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from collector.config import Home


def give(home: Home, paths: Iterable[Path]) -> None:
    """Give these, with all that lies in them, to the folder's owner; only root can. Raises OSError."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not home.folder.exists():
        return
    owner = home.folder.stat()
    for path in paths:
        for each in chain([path], path.rglob("*")) if path.exists() else ():
            os.chown(each, owner.st_uid, owner.st_gid, follow_symlinks=False)
