"""Where no answer comes nearer: no date is promised, and what to do fits what is wrong."""

import pytest

from firstbell.readiness import stopped
from firstbell.readiness.chain import SchoolAnswer, judge
from firstbell.readiness.reasons import Reason
from firstbell.readiness.weighing import weigh_school
from firstbell.report import Segment, Status, Stored
from tests.firstbell.readiness.town import BOX, TARGETS, check, lines_of, look, town, week

ONE_DAY = week(2500, days=("2026-12-01",))
FAILED = "2026-12-02 06:00"


def ask(
    tests: list[Stored],
    latency: list[Stored] | None = None,
    *,
    heard: frozenset[str] | None = frozenset({BOX}),
    seats: bool = True,
) -> SchoolAnswer:
    """The answer at noon of the second day, with what the journal knows of who ever called."""
    district = town() if seats else town(seats=())
    lines = lines_of(tests, latency or [], district=district, now="2026-12-02 12:00", heard=heard)
    return judge("flex", TARGETS, weigh_school(lines, "lincoln", TARGETS.numbers))


@pytest.mark.parametrize("tests", [[], ONE_DAY])
def test_a_box_that_never_called_promises_no_date(tests: list[Stored]) -> None:
    """Whatever others measured before it: no check of its own is on the way."""
    never, called = ask(tests, heard=frozenset({"elsewhere"})), ask(tests)
    assert "answer about" in called.sentence
    assert never.sentence.endswith(f"{len(tests)} of 10 checks; its box has never called.")
    assert all(side.progress.answer_on is None for side in never.links[0].sides)
    assert [step.title for step in never.changes] == ["Plug in its box."]
    assert [step.title for step in called.changes] == ["Wait for more checks."]


@pytest.mark.parametrize("gateways", [Status.FAILED, Status.NOTHING])
def test_a_box_that_lost_its_network_is_to_be_reconnected(gateways: Status) -> None:
    """It has its place in the seats: its gateway was silent, or it had none, and the words are true of both."""
    gateway = [
        look("2026-12-01 06:00", Status.OK, Segment.SITE),
        look(FAILED, gateways, Segment.SITE),
        look(FAILED, Status.FAILED),
    ]
    answer = ask([*ONE_DAY, check(FAILED, status=Status.FAILED)], gateway)
    assert "the box itself had lost its network" in answer.sentence
    (step,) = answer.changes
    assert step.title == "Reconnect the box."
    assert step.sentence.startswith("No gateway answered it: ")


@pytest.mark.parametrize("reason", stopped.FAILED)
def test_nothing_sends_a_seated_box_to_the_seats(reason: Reason) -> None:
    """Each way of failing has its own advice; only a line without a box is told to seat one."""
    assert "seats.csv" not in " ".join(stopped.FAILED[reason])
    assert "seats.csv" in ask([], seats=False).changes[0].sentence
