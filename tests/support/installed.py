"""What First Bell's extras bring along, as it is installed here."""

import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def declared() -> dict[str, list[str]]:
    """The requirements of each extra in pyproject.toml; those of no extra under an empty name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def closure(requirements: Iterable[str], extras: Iterable[str] = ()) -> dict[str, Distribution]:
    """All distributions that these requirements bring along, by name. Raises PackageNotFoundError.

    Of requirements that stand under an extra, those of `extras` count.
    """
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [*_needed(requirements, extras)]
    while todo:
        wanted = todo.pop()
        key = (canonical(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        found[key[0]] = distribution(wanted.name)
        todo += _needed(found[key[0]].requires or [], wanted.extras)
    return found


def _needed(requirements: Iterable[str], extras: Iterable[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def canonical(name: str) -> str:
    """A distribution's name as indices compare it."""
    return name.lower().replace("_", "-").replace(".", "-")
