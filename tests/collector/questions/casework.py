"""A school's line for which a case is made."""

from datetime import date, datetime, timedelta
from pathlib import Path

from collector import registry
from collector.questions import case
from collector.questions.case import Case
from collector.registry import Folder
from firstbell.report import Report
from tests.collector.questions import planted
from tests.collector.workbench import NOW_NS, Bench

FIRST, LAST = (planted.NOW - timedelta(days=21)).date(), planted.NOW.date()


def folder_of(tmp_path: Path) -> Folder:
    """One school on a line of 500."""
    return planted.write(tmp_path / "district", {"birch": 400}, {"birch": 500})


def ask(bench: Bench, folder: Folder, first: date = FIRST, last: date = LAST) -> Case:
    """The case of Birch's line."""
    targets = registry.targets()
    return case.ask(
        bench.reads, folder, targets, circuit="line-birch", first=first, last=last, as_of_ns=NOW_NS
    )


def morning(day: int = 3, hour: int = 3, minute: int = 7) -> datetime:
    """A quiet moment so many days before now."""
    return (planted.NOW - timedelta(days=day)).replace(hour=hour, minute=minute)


def made(bench: Bench, tmp_path: Path, *tests: Report) -> Case:
    """The case when the box saw 300 in each quiet period of three weeks, and these."""
    planted.send(bench, "birch", [*planted.quiet(300, 20), *tests])
    return ask(bench, folder_of(tmp_path))
