"""The rooms' index over a real journal: trouble first, and every other room can be found."""

import pytest

from collector.questions import rooms
from collector.questions.rooms import Rooms
from tests.collector.questions.morning import AT_NS, Morning, folder
from tests.collector.workbench import Bench


@pytest.fixture
def morning(bench: Bench) -> Morning:
    """A district's morning, silent yet."""
    return Morning(bench)


def asked(morning: Morning, q: str = "") -> Rooms:
    """The index at 7:40:20."""
    return rooms.ask(morning.bench.reads, folder(), AT_NS, q)


def lines(answer: Rooms) -> list[tuple[str, str, str]]:
    """School, room and state, as they stand."""
    return [(school.school, line.room, line.state) for school in answer.schools for line in school.rooms]


def test_trouble_comes_first_and_rooms_without_a_box_are_counted(morning: Morning) -> None:
    """The worst school and in it the worst room stand first."""
    morning.sees("box-p", "online", until=20)
    morning.sees("box-p", "no internet", since=19)
    for agent in ("box-203", "box-204"):
        morning.sees(agent, "online", since=20)
    morning.sees("box-205", "online", since=40, until=30)
    answer = asked(morning)
    assert lines(answer) == [
        ("prairie", "101", "trouble"),
        ("lincoln", "205", "silent"),
        ("lincoln", "203", "fine"),
        ("lincoln", "204", "fine"),
    ]
    assert answer.sentence == (
        "1 room in trouble and 1 room silent, of 4 that are measured. 2 more have no box: the nearest one "
        "speaks for them."
    )
    assert answer.schools[1].unmeasured == 2


def test_any_room_can_be_found(morning: Morning) -> None:
    """By its own name or by its school's, with a box or without."""
    morning.sees("box-203", "online", since=20)
    assert lines(asked(morning, " 20 ")) == [
        ("lincoln", "203", "fine"),
        ("lincoln", "204", "open"),
        ("lincoln", "205", "open"),
        ("lincoln", "206", "open"),
    ]
    assert lines(asked(morning, "PRAIRIE")) == [("prairie", "101", "open")]
    assert asked(morning, "attic").sentence == "No such room."


def test_before_the_first_box(morning: Morning) -> None:
    """A sentence, and no empty table."""
    answer = asked(morning)
    assert (answer.bold, answer.schools) == ("No room is measured yet.", ())


def test_a_long_list_is_cut_and_says_so(morning: Morning, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out is counted."""
    for agent in ("box-203", "box-204", "box-p"):
        morning.sees(agent, "online", since=20)
    monkeypatch.setattr(rooms, "MOST", 2)
    answer = asked(morning)
    assert (len(lines(answer)), answer.left_out) == (2, 1)


def test_a_whole_school_that_fell_silent_is_trouble(morning: Morning) -> None:
    """Its gateway fell silent with its box: no box of ours alone, so it stands before a single silent box."""
    for agent in ("box-203", "box-204"):
        morning.sees(agent, "online", until=28 if agent == "box-204" else 0)
    morning.sees("box-p", "online", until=28)
    morning.gateway("192.0.2.2", lambda ago: ago > 27)
    answer = asked(morning)
    assert [(school.school, school.rooms[0].state) for school in answer.schools] == [
        ("prairie", "trouble"),
        ("lincoln", "silent"),
    ]
    assert "gateway doesn\u2019t answer either" in answer.schools[0].rooms[0].words
