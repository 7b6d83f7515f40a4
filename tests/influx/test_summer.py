"""A summer that somebody begins is told to boards at once, lines among it, and taken back when it ends."""

from collections.abc import Iterator

import pytest

from collector import registry
from collector.questions import judged
from collector.questions.boards import Boards
from collector.store import summers
from collector.store.copied import Copied
from collector.store.reads import Reads
from firstbell.points import Point
from tests.influx.town import DISTRICT, Town

STORE = "a store in summer"


@pytest.fixture
def boards(town: Town) -> Iterator[Boards]:
    """What makes the points, having told everything once."""
    made = Boards(Reads(town.journal), Copied(town.journal), lambda: town.folder, registry.targets())
    made.points(STORE, DISTRICT, town.home.clock.now_ns())
    made.written()
    yield made
    Copied(town.journal).note(STORE, DISTRICT, {})


def told(boards: Boards, town: Town) -> list[Point]:
    """The next points."""
    found = boards.points(STORE, DISTRICT, town.home.clock.now_ns())
    boards.written()
    return found


def marks(points: list[Point], name: str) -> set[object]:
    """What the points of a measurement say of summer; a box at the district's hub has no school, and none."""
    of = [point for point in points if point.measurement == name]
    return {point.fields["summer"] for point in of if name != "box_now" or point.tags.get("school")}


def test_a_summer_is_told_at_once_and_so_is_its_end(town: Town, boards: Boards) -> None:
    """Lines are told at each change alone: the summer is one, and no verdict is another for it."""
    assert not [point for point in told(boards, town) if point.measurement == "line"]
    number = summers.begin(town.journal, "", None, town.home.clock.now_ns())
    try:
        during = told(boards, town)
    finally:
        summers.end(town.journal, [number], town.home.clock.now_ns())
    for name in ("school_now", "box_now", "line"):
        assert marks(during, name) == {True}, name
    assert not [point for point in during if point.measurement == "verdict" and point.fields["changed"]]
    after = told(boards, town)
    for name in ("school_now", "box_now", "line"):
        assert marks(after, name) == {False}, name


def test_a_line_is_on_summer_only_with_all_of_its_schools(town: Town, boards: Boards) -> None:
    """One school that goes on needs its line."""
    now_ns = town.home.clock.now_ns()
    lines = judged.judged(Reads(town.journal), town.folder, registry.targets(), None, 3, now_ns).lines
    shared = next(line for line in lines.values() if len(line.schools) > 1)
    number = summers.begin(town.journal, shared.schools[0], None, town.home.clock.now_ns())
    try:
        during = told(boards, town)
    finally:
        summers.end(town.journal, [number], town.home.clock.now_ns())
    schools = {
        point.tags["school"]
        for point in during
        if point.measurement == "school_now" and point.fields["summer"]
    }
    assert schools == {shared.schools[0]}
    assert shared.circuit not in {point.tags["circuit"] for point in during if point.measurement == "line"}
