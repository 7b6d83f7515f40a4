"""The district folder on disk: read whole or not at all.

RegistryError             something is wrong that is no mistake inside the folder's files
FolderError               everything that is wrong in a folder (firstbell.tables)
SettingsError             everything that is wrong in the packaged targets (firstbell.settings)
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from firstbell import folder as folders
from firstbell.district import District, Settings
from firstbell.folder import FILES
from firstbell.folder_ical import ENDING, Event
from firstbell.readiness import models, students
from firstbell.readiness.models import Targets
from firstbell.readiness.students import Student
from firstbell.tables import FolderError, Problem

MOST_BYTES = 5_000_000
"""A file above this is no table that somebody wrote; it is not even read."""


MOST_CALENDARS = 50
_LABELS = re.compile(
    r"^(?:DTSTAMP|CREATED|LAST-MODIFIED)[;:].*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE
)
"""When lines of a calendar were written: new with every download, and no day of school hangs on it. Without
them the folder stays the same one, and is kept once."""


class RegistryError(RuntimeError):
    """Something is wrong with the district folder that is no mistake inside its files."""


class Folder(NamedTuple):
    """A district and the texts that it was read from, which reproduce it (`firstbell.folder.parse`)."""

    district: District
    contents: dict[str, str]


EMPTY = Folder(District(settings=Settings(), schools=(), circuits=()), {})
"""Where no folder could be read yet."""


def read(path: Path) -> Folder:
    """The district folder at `path`. Raises FolderError with everything that is wrong, by file and line."""
    if not path.is_dir():
        raise FolderError(
            [Problem(str(path), None, "is no folder; it should hold schools.csv and circuits.csv")]
        )
    contents: dict[str, str] = {}
    unreadable: list[Problem] = []
    for name in names(path):
        try:
            text = _text(path / name)
        except (OSError, UnicodeError, RegistryError) as error:
            unreadable.append(Problem(name, None, _why(error)))
            continue
        if text is not None:
            contents[name] = _LABELS.sub("", text) if name.endswith(ENDING) else text
    district = folders.parse(contents, unreadable, models=targets().models, read_ical=_read_ical)
    return Folder(district, contents)


def _read_ical(text: str) -> Sequence[Event]:
    # Its libraries take a tenth of a second to import: only a folder with such a file pays it.
    from collector.registry import ical_apart  # noqa: PLC0415

    return ical_apart.read(text)


def again(contents: Mapping[str, str]) -> District:
    """The district that was loaded from these texts once, as the journal keeps them. Raises FolderError."""
    return folders.parse(contents, read_ical=_read_ical)


def names(path: Path) -> list[str]:
    """The files that a district folder at `path` is made of, whether they are there or not."""
    calendars = sorted(file.name for file in path.glob(f"*{ENDING}"))[:MOST_CALENDARS]
    return [*FILES, *calendars]


def _text(path: Path) -> str | None:
    """The file's text; None if there is no such file. Raises OSError, UnicodeError or RegistryError."""
    if not path.exists():
        return None
    if not path.is_file():  # a pipe would be waited for, for ever
        raise RegistryError("is no file")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise RegistryError(f"is larger than {MOST_BYTES // 1_000_000} MB: is this the right file?")
    # A spreadsheet's UTF-8 begins with a mark, and its lines may end in three ways.
    return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8 (byte {error.start + 1}): save it as CSV UTF-8 or plain UTF-8 text"
    if isinstance(error, OSError):
        return f"can't be read: {error.strerror or error}"
    return str(error)


@cache
def targets() -> Targets:
    """The targets that come with First Bell. Raises SettingsError."""
    text = resources.files("firstbell.readiness").joinpath("models.toml").read_text(encoding="utf-8")
    return models.load(text)


def student() -> tuple[str, Student]:
    """The kind of student that a capacity test plays, and its name. Raises SettingsError."""
    text = resources.files("firstbell.readiness").joinpath("students.toml").read_text(encoding="utf-8")
    return students.load(text)


def local_zone(link: Path = Path("/etc/localtime")) -> str:
    """The name of this machine's time zone; empty where it doesn't say."""
    try:
        target = link.readlink().as_posix()
    except OSError:
        return ""
    _, found, name = target.partition("zoneinfo/")
    return name.removeprefix("posix/") if found else ""
