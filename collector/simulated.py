"""Whether what is in a data folder was made up: the demo's mark beside it says so, or the journal's own.

A line of district.toml may say so, too (`simulated`); taking that line away takes nothing else away.
"""

from collections.abc import Callable

import msgspec

from collector.config import Home
from collector.registry import Folder
from collector.store.journal import open_journal


def here(home: Home) -> bool:
    """Whether the journal of this data folder is a simulated one. Raises StoreError."""
    return home.demo_file.exists() or (home.journal.exists() and open_journal(home.journal).simulated())


def marked(home: Home, folder: Folder) -> Folder:
    """The folder, which says that it is simulated wherever the journal is. Raises StoreError."""
    return _said(folder) if here(home) else folder


def watched(home: Home, now: Callable[[], Folder]) -> Callable[[], Folder]:
    """What `now` gives, marked in the same way; the same folder comes back as the same. Raises StoreError."""
    if not here(home):
        return now
    last = (now(), _said(now()))

    def said() -> Folder:
        nonlocal last
        plain, known = last
        folder = now()
        if folder is not plain:
            known = _said(folder)
            last = (folder, known)
        return known

    return said


def _said(folder: Folder) -> Folder:
    if folder.district.settings.simulated:
        return folder
    settings = msgspec.structs.replace(folder.district.settings, simulated=True)
    return folder._replace(district=msgspec.structs.replace(folder.district, settings=settings))
