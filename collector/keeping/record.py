"""What is known here of the backups: when the last good one was, and why the last try failed."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from collector import config, entering
from collector.config import Home, KeepSettings
from firstbell.district import NS
from firstbell.settings import SettingsError

FILE = "backup.json"
_HOUR_NS = 3_600 * NS
AHEAD_NS = _HOUR_NS
"""A date that lies so far ahead was told by a clock that was wrong."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The last good backup, and the trouble since then ("" without any). Times are ns since 1970 UTC.

    `repository` is the id of the one that this folder's backups go to, or came from. `taken_ns` is the moment
    of which it is a copy, `reports` the number of the newest report in it, and
    `read_back_ns` when one was last read back whole. 0: never.
    """

    repository: str = ""
    taken_ns: int = 0
    done_ns: int = 0
    snapshot: str = ""
    reports: int = 0
    files: int = 0
    bytes: int = 0
    read_back_ns: int = 0
    kept: int = 0
    trouble: str = ""
    trouble_ns: int = 0


def read(home: Home) -> Record:
    """As it was noted; an empty one where nothing was, or where that can't be read."""
    try:
        return msgspec.json.decode((home.folder / FILE).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return Record()


def write(home: Home, record: Record) -> None:
    """Note it. Raises OSError."""
    entering.write_secret(home.folder, FILE, msgspec.json.encode(record).decode())


def late(settings: KeepSettings, record: Record, now_ns: int) -> str:
    """What is to be said aloud of the backups; "" where all is well, or where none were asked for."""
    if not settings.repository:
        return ""
    why = f" The last try failed: {record.trouble}." if record.trouble else ""
    if not record.taken_ns:
        return f"No backup of this district has been made yet.{why}"
    if record.taken_ns > now_ns + AHEAD_NS:
        day = datetime.fromtimestamp(record.taken_ns // NS, UTC)
        return (
            f"The last good backup bears a date that is yet to come ({day:%Y-%m-%d}): make another one.{why}"
        )
    hours = (now_ns - record.taken_ns) // _HOUR_NS
    if hours < settings.late_hours:
        return ""
    age = f"{hours // 24} days" if hours >= 48 else f"{hours} hours"  # noqa: PLR2004 - two days
    return f"The last good backup is {age} old.{why}"


def watched(home: Home, settings: KeepSettings, now_ns: Callable[[], int]) -> Callable[[], str]:
    """`late`, for whoever asks again and again."""
    return lambda: late(settings, read(home), now_ns())


def late_now(home: Home) -> str:
    """The same by the settings as they are on the disk; "" where those can't be read."""
    try:
        settings = config.read(home.settings).keep
    except SettingsError:  # whose commands say so
        return ""
    return late(settings, read(home), home.clock.now_ns())


def in_folder(home: Home, name: str) -> Path:
    """A file that the settings name, seen from the data folder."""
    return home.folder / name
