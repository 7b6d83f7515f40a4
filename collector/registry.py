"""The district folder on disk: read whole or not at all, and written once as an example.

RegistryError
└── ExampleError        an example folder can't be written: it is there already, or its inputs are wrong
FolderError             everything that is wrong in a folder (firstbell.tables)
SettingsError           everything that is wrong in the packaged targets (firstbell.settings)
"""

import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from firstbell import folder as folders
from firstbell.district import District, Settings
from firstbell.folder import CIRCUITS, COLUMNS, DISTRICT, FILES, SCHOOLS, SEATS
from firstbell.readiness import models
from firstbell.readiness.models import Targets
from firstbell.tables import FolderError, Problem, escape, render

MOST_BYTES = 5_000_000
"""A file above this is no table that somebody wrote; it is not even read."""

EXAMPLE_LINE = "internet"


class RegistryError(RuntimeError):
    """Something is wrong with the district folder that is no mistake inside its files."""


class ExampleError(RegistryError):
    """An example folder can't be written."""


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
    for name in FILES:
        try:
            text = _text(path / name)
        except (OSError, UnicodeError, RegistryError) as error:
            unreadable.append(Problem(name, None, _why(error)))
            continue
        if text is not None:
            contents[name] = text
    return Folder(folders.parse(contents, unreadable), contents)


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


def targets() -> Targets:
    """The targets that come with First Bell. Raises SettingsError."""
    text = resources.files("firstbell.readiness").joinpath("models.toml").read_text(encoding="utf-8")
    return models.load(text)


def local_zone(link: Path = Path("/etc/localtime")) -> str:
    """The name of this machine's time zone; empty where it doesn't say."""
    try:
        target = link.readlink().as_posix()
    except OSError:
        return ""
    _, found, name = target.partition("zoneinfo/")
    return name.removeprefix("posix/") if found else ""


def write_example(
    path: Path,
    school_name: str,
    people: int,
    down_mbps: float | None,
    up_mbps: float | None,
    agent: str,
    examples: Collection[str] = (),
    tz: str = "",
) -> Folder:
    """Write the folder of one school with one line to the internet and one box on it, and read it back.

    `examples` names what nobody entered: `school.name`, `school.people`, `circuit.down_mbps`,
    `circuit.up_mbps`, `school.tz`. Without `tz` the default zone stands and is an example by itself.
    Raises ExampleError if `path` holds anything already, or an input can't be.
    """
    contents = _example(school_name, people, down_mbps, up_mbps, agent, examples, tz)
    try:
        folders.parse(contents)
    except FolderError as error:
        raise ExampleError("; ".join(problem.what for problem in error.problems)) from error
    try:
        _write(path, contents)
    except OSError as error:
        raise ExampleError(f"{path} can't be written: {error.strerror or error}") from error
    return read(path)


def _example(
    school_name: str,
    people: int,
    down_mbps: float | None,
    up_mbps: float | None,
    agent: str,
    examples: Collection[str],
    tz: str,
) -> dict[str, str]:
    name = school_name.strip()
    school = _slug(name)
    speeds = {"down_mbps": _decimal(down_mbps), "up_mbps": _decimal(up_mbps)}
    settings = [
        "# The district. Everything in this file has a default.",
        f"name = {_quoted(name)}",
        *([f"tz = {_quoted(tz)}"] if tz else []),
        "# Numbers that nobody entered: every answer says so. Correct them, then take them off this list.",
        f"examples = {_quoted(sorted(examples))}",
    ]
    return {
        DISTRICT: "\n".join(settings) + "\n",
        SCHOOLS: render(
            COLUMNS[SCHOOLS], [{"id": school, "name": escape(name), "students": str(people), "staff": "0"}]
        ),
        CIRCUITS: render(
            COLUMNS[CIRCUITS], [{"id": EXAMPLE_LINE, "kind": "internet", **speeds, "schools": school}]
        ),
        SEATS: render(COLUMNS[SEATS], [{"agent": agent, "school": school, "circuit": EXAMPLE_LINE}]),
    }


def _quoted(value: str | list[str]) -> str:
    # JSON's strings are TOML's, but for its pairs of escapes beyond 16 bits.
    return json.dumps(value, ensure_ascii=False)


def _decimal(mbps: float | None) -> str:
    return "" if mbps is None else f"{mbps:.4f}".rstrip("0").rstrip(".")


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "school"


def _write(path: Path, contents: dict[str, str]) -> None:
    """All files or none: they are written beside `path` and take its place at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, text in contents.items():
            (beside / name).write_text(text, encoding="utf-8", newline="\n")
        beside.chmod(0o755)
        beside.rename(path)  # fails if there is anything in it already
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
