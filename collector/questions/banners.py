"""What every page says first: that it is simulated, which school doesn't answer, what waits, what is old.

Each one line, in this order, never more than three.
"""

from datetime import datetime
from typing import Literal

import msgspec

from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.district import NS
from firstbell.readiness import words

MOST = 3
OLD_AFTER_NS = 3_600 * NS
"""Boxes report every minute; after an hour without any the page says how old it is."""

Kind = Literal["simulated", "now", "quiet", "old", "full"]


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `link` are the words of the address `href`; both are empty where there is nowhere to go."""

    kind: Kind
    label: str
    text: str
    link: str = ""
    href: str = ""


def of(reads: Reads, folder: Folder, as_of_ns: int, *, disk_full: bool = False) -> tuple[Banner, ...]:
    """The banners of this moment, at most three; the first ones win."""
    found = [_old(reads, folder, as_of_ns), _full(disk_full=disk_full)]
    return tuple(banner for banner in found if banner)[:MOST]


def _old(reads: Reads, folder: Folder, as_of_ns: int) -> Banner | None:
    last_ns = max((box.last_ns for box in reads.boxes()), default=None)
    if last_ns is None or as_of_ns - last_ns <= OLD_AFTER_NS:
        return None
    zone = districts.zone(folder.district.settings.tz or districts.DEFAULT_TZ)
    last = datetime.fromtimestamp(last_ns // NS, zone)
    at = f"{words.weekday(last)}, {words.clock(last)}"
    return Banner(
        kind="old",
        label="Old",
        text=f"Nothing has arrived since {at}. This page shows what was known then.",
    )


def _full(*, disk_full: bool) -> Banner | None:
    text = "The disk is full. Boxes keep their data until there is room again."
    return Banner(kind="full", label="Full", text=text) if disk_full else None
