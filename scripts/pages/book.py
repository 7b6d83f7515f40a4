"""The pages: prose by hand, with blocks between two comments that are made from the program itself.

    <!-- made by scripts/docs: NAME -->
    ...
    <!-- end -->

Sessions (`scripts.pages.session`) are run again too.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from firstbell.folder import CIRCUITS, ROOMS, SCHOOLS, SEATS
from scripts.pages import (
    boards,
    boxes,
    commands,
    data_map,
    folder,
    metrics,
    models,
    retention,
    session,
    settings,
)

BLOCKS: dict[str, Callable[[], str]] = {
    "agent settings": settings.agent_settings,
    "a target's settings": settings.targets,
    "a server's settings": settings.servers,
    "the targets of a box that names none": settings.default_targets,
    "collector settings": settings.collector_settings,
    "district settings": settings.district_settings,
    "a calendar's settings": settings.calendar,
    "a quiet time's settings": settings.quiet,
    "commands of firstbell": commands.firstbell,
    "commands of firstbell-agent": commands.firstbell_agent,
    "probes": metrics.probes,
    "probes in short": metrics.probes_short,
    "metrics": metrics.metrics,
    "labels": metrics.words,
    "the collector's figures": metrics.figures,
    "numbers": models.numbers,
    "ways of teaching": models.models,
    "published targets": models.published,
    "the student": models.student,
    "boards": boards.boards,
    "alert rules": boards.rules,
    "copies": boards.copies,
    "kinds of boxes": boxes.kinds,
    "how many checks": boxes.checks,
    "what a district adds up to": boxes.sums,
    "data map, measured": data_map.measured,
    "data map, reported": data_map.reported,
    "data map, journal": data_map.journal,
    "data map, spool": data_map.spool,
    "data map, files": data_map.files,
    "data map, tags": data_map.tags,
    "data map, entered": data_map.entered,
    "data map, out": data_map.out,
    "retention": retention.retention,
    "files": folder.files,
    "columns of schools.csv": partial(folder.columns, SCHOOLS),
    "columns of circuits.csv": partial(folder.columns, CIRCUITS),
    "columns of rooms.csv": partial(folder.columns, ROOMS),
    "columns of seats.csv": partial(folder.columns, SEATS),
}
_BLOCK = re.compile(r"<!-- made by scripts/docs: ([^\n]*) -->\n.*?<!-- end -->", re.DOTALL)


def pages(root: Path = session.ROOT) -> Iterator[Path]:
    """Every page of the documentation, but the decisions, which say how things were."""
    yield root / "README.md"
    yield root / "SECURITY.md"
    yield from sorted((root / "docs").glob("*.md"))


def written_anew(text: str) -> str:
    """A page with all its blocks and sessions as they are today. Raises SessionError or LookupError."""

    def block(found: re.Match[str]) -> str:
        return f"<!-- made by scripts/docs: {found[1]} -->\n\n{BLOCKS[found[1]]()}\n\n<!-- end -->"

    return session.replayed(_BLOCK.sub(block, text))


def used(text: str) -> list[str]:
    """The names of the blocks on a page."""
    return [found[1] for found in _BLOCK.finditer(text)]
