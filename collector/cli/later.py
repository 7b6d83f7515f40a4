"""Flags of `firstbell up` at a later start: they take the place of examples, and of nothing else."""

from typing import Any

from collector import registry
from collector.config import Home
from collector.registry import Entry
from collector.up import UpError

FIGURES = {
    "name": ("school.name", "--school", "name"),
    "people": ("school.people", "--people", "students"),
    "down_mbps": ("circuit.down_mbps", "--down-mbps", "down_mbps"),
    "up_mbps": ("circuit.up_mbps", "--up-mbps", "up_mbps"),
}
"""Of each figure: how `examples` names it, its flag, and where it stands in an entry."""


def take(home: Home, given: dict[str, Any]) -> list[str]:
    """Put the figures of `given` (None: no flag) where examples stand; what they are called.

    A flag that says what the folder says already changes nothing. Raises UpError where one says something
    else than somebody entered, FolderError, or ExampleError.
    """
    flags = {key: value for key, value in given.items() if value is not None}
    if not flags:
        return []
    folder = registry.read(home.district)
    entry, examples = registry.untouched(folder), folder.district.examples
    known = {key: _known(folder, key) for key in flags}
    new = {key: value for key, value in flags.items() if value != known[key]}
    free = {key for key in new if entry and (FIGURES[key][0] in examples or known[key] is None)}
    if entered := [key for key in new if key not in free]:
        said = " and ".join(FIGURES[key][1] for key in entered)
        raise UpError(
            f"{said}: what was entered before is not overwritten. "
            f"Change it in {home.district} (schools.csv, circuits.csv), then start again without the flag."
        )
    confirmed = {FIGURES[key][0] for key in flags}
    if entry and (new or confirmed & examples):
        changed: Entry = entry._replace(**{FIGURES[key][2]: value for key, value in new.items()})
        registry.correct_example(home.district, folder, changed, examples - confirmed)
    return [FIGURES[key][1] for key in new]


def _known(folder: registry.Folder, key: str) -> str | float | None:
    """What the folder says of its first school and line."""
    school, line = folder.district.schools[0], next(iter(folder.district.circuits), None)
    figures: dict[str, str | float | None] = {
        "name": school.name,
        "people": school.people,
        "down_mbps": line.down_mbps if line else None,
        "up_mbps": line.up_mbps if line else None,
    }
    return figures[key]
