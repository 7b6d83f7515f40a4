"""The folder of one school, written once as an example.

RegistryError
└── ExampleError        an example folder can't be written: it is there already, or its inputs are wrong
"""

import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Collection
from pathlib import Path

from collector.registry.files import Folder, RegistryError, read
from firstbell import folder as folders
from firstbell.folder import CIRCUITS, COLUMNS, DISTRICT, SCHOOLS, SEATS
from firstbell.tables import FolderError, escape, render

EXAMPLE_LINE = "internet"


class ExampleError(RegistryError):
    """An example folder can't be written."""


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
