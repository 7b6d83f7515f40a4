"""What names mean, from meanings.toml: exactly the names that the program has, or the pages are not made."""

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("meanings.toml")


def meanings(section: str, names: Iterable[str]) -> dict[str, str]:
    """The meaning of each of `names`. Raises LookupError if one has none, or a meaning has no name."""
    known = _sections()[section]
    if unmatched := sorted(set(names) ^ set(known)):
        raise LookupError(f"{_FILE.name}, {section}: on one side only: {', '.join(unmatched)}")
    return known


@cache
def _sections() -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return sections
