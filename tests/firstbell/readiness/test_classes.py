"""Students at once: which classes that were played count, what they say together, and when they outrank a formula."""

from datetime import date
from typing import Any

import pytest

from firstbell.catalogue import Reading
from firstbell.district import Circuit, District, School, Seat, Settings
from firstbell.readiness import chain, classes
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.links.students_at_once import look
from firstbell.readiness.reasons import Reason
from firstbell.readiness.verdict import State
from firstbell.readiness.weighing import weigh_school
from firstbell.report import ClockQuality, LimitedBy, Mark, Segment, Status, Stored
from tests.firstbell.readiness.town import BOX, CHICAGO, NOW, TARGETS, at, check, lines_of, town, week

TUESDAY, THURSDAY = "2026-12-01 16:30", "2026-12-03 06:30"
FAST, SLOW = 1100.0, 900.0
"""Lines that are enough, and not, for 1,200 students in 1:1 flex by the formula (1,033); 1,020 are online at once."""


def played(when: str, ok: int, *, high: int | None = -1, at_least: bool = False, **more: Any) -> Stored:
    """A class that was played: `ok` students carried, and no more from the next on, unless it says otherwise."""
    readings: dict[str, Reading] = {
        "students_ok": ok,
        "students_ok_low": ok,
        "students_at_least": at_least,
        "student_mbps": 0.76,
        "gave_first": "video",
        "profile": "learner",
    }
    edge = ok + 1 if high == -1 else high
    if edge is not None and not at_least:
        readings["students_ok_high"] = edge
    return check(when, readings=readings, **more)


def both(ok: int, **more: Any) -> list[Stored]:
    """Two of them, on two days."""
    return [played(TUESDAY, ok, **more), played(THURSDAY, ok, **more)]


def ask(
    tests: list[Stored], down: float = FAST, *, model: str = "flex", district: District | None = None
) -> SchoolAnswer:
    """The answer for Lincoln High, its line tested at `down`."""
    lines = lines_of(week(down) if down else [], district=district)
    return chain.judge(model, TARGETS, weigh_school(lines, "lincoln", TARGETS.numbers, played=tests))


def students(answer: SchoolAnswer) -> LinkAnswer | None:
    """The link, if there is one."""
    return next((link for link in answer.links if link.link == "students"), None)


# --- which count ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"marks": (Mark.UNLEASED,)}, Reason.UNLEASED),
        ({"segment": Segment.SELF}, Reason.SELF),
        ({"segment": Segment.SITE}, Reason.OTHER_PART),
        ({"segment": Segment.WAN}, Reason.OTHER_PART),
        ({"clock": ClockQuality.BOUNDED}, Reason.CLOCK_UNKNOWN),
        ({"received_ns": at("2026-12-03 06:00")}, Reason.CLOCK_AHEAD),
        ({"status": Status.FAILED}, Reason.NO_READING),
        ({"status": Status.SKIPPED}, Reason.NOT_RUN),
        ({"agent": "another"}, Reason.OTHER_LINE),
    ],
)
def test_what_does_not_count(more: dict[str, Any], reason: Reason) -> None:
    """Of a class that was not leased, not timed, not here, or not to the internet nothing is said but why."""
    place = town()
    network = lines_of(district=place).network
    found = classes.weigh(
        [played(THURSDAY, 500, **more)],
        classes.Place(place, place.schools[0], network.path("lincoln"), TARGETS.numbers, at(NOW)),
    )
    assert found == classes.Played((), ((reason, 1),))


def test_a_class_on_another_line_of_the_school_does_not_count() -> None:
    """Played by a box on the spare line: of the line that the school uses it says nothing."""
    usual = town()
    spare = Circuit(id="spare", role="backup", down_mbps=50, schools=("lincoln",))
    place = District(
        settings=usual.settings,
        schools=usual.schools,
        circuits=(*usual.circuits, spare),
        seats=(*usual.seats, Seat(agent="spare-box", school="lincoln", circuit="spare")),
        digest=usual.digest,
    )
    assert students(ask(both(50, agent="spare-box"), district=place)) is None
    assert students(ask(both(500), district=place)) is not None


def test_a_class_on_the_line_of_before_does_not_count() -> None:
    """The line changed on 3 December: what was played on that day or before speaks of another line."""
    answer = ask(both(500), district=town(since="2026-12-03"), down=0)
    assert students(answer) is None
    assert answer.at_once == ""
    assert "students at once" in answer.not_assessed


def test_a_class_to_the_district_speaks_where_the_schools_line_ends_there() -> None:
    """Over a line to the district it counts, and is said to be of that line."""
    place = District(
        settings=Settings(name="Maple Valley", tz=CHICAGO),
        schools=(School(id="lincoln", name="Lincoln High", students=1200, tz=CHICAGO),),
        circuits=(
            Circuit(id="line", kind="wan", parent="main", down_mbps=1000, schools=("lincoln",)),
            Circuit(id="main", down_mbps=5000),
        ),
        seats=(Seat(agent=BOX, school="lincoln", circuit="line"),),
        digest="d" * 32,
    )
    answer = ask(both(410, segment=Segment.WAN), district=place)
    assert answer.at_once.startswith(
        "The line to the district carries about 410 of 1,200 students at once today"
    )


# --- what they say together -------------------------------------------------------------------------------


def trial(ok: int, *, at_least: bool = False, number: int = 1) -> classes.Trial:
    """A test that counts, on the day with that number."""
    return classes.Trial(
        number, date(2026, 12, number), Segment.INTERNET, ok, ok - 2, None if at_least else ok + 3, at_least,
        "cap" if at_least else "line", "" if at_least else "pages", 0.76,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([trial(400)], (400, 398, 403, False)),
        ([trial(400), trial(500, number=2)], (400, 398, 503, False)),
        ([trial(300), trial(400, number=2), trial(350, number=3)], (350, 298, 403, False)),
        (
            [trial(100), trial(400, number=2), trial(410, number=3), trial(420, number=4)],
            (410, 398, 423, False),
        ),
        ([trial(300, at_least=True), trial(200, at_least=True, number=2)], (300, 300, None, True)),
        ([trial(400), trial(300, at_least=True, number=2)], (400, 398, 403, False)),
        (
            [trial(400), trial(600, at_least=True, number=2), trial(700, at_least=True, number=3)],
            (600, 398, 403, False),
        ),
    ],
)
def test_the_newest_three_speak_by_the_middle_one(
    trials: list[classes.Trial], expected: tuple[int, int, int | None, bool]
) -> None:
    """The middle of the newest three, with the outer edges; "at least" only ever raises it."""
    found = look(classes.Played(tuple(trials)))
    assert found is not None
    assert (found.students, found.low, found.high, found.at_least) == expected


def test_of_two_parts_of_the_way_the_narrower_one_is_the_answer() -> None:
    """410 to the internet and 900 to the district: it is 410."""
    wide = trial(900)._replace(segment=Segment.WAN)
    for order in ((trial(410), wide), (wide, trial(410))):
        found = look(classes.Played(order))
        assert found is not None
        assert (found.students, found.segment) == (410, Segment.INTERNET)


# --- in people's words ------------------------------------------------------------------------------------


def test_a_line_that_carries_fewer_than_are_online() -> None:
    """410 of 1,200, where 1,020 are online at once: not ready, though its speed alone is enough, and it is said."""
    answer = ask(both(410))
    assert answer.at_once == (
        "The line carries about 410 of 1,200 students at once today (tried on 1 December and 3 December): "
        "too few for 1:1 flex, which needs 1,020 of them at once."
    )
    assert answer.state is State.NOT_READY
    assert answer.sentence == (
        "Not ready: the line carries about 410 of 1,200 students at once, tried on 1 December and 3 December; "
        "1:1 flex has 1,020 of them online at once."
    )
    link = students(answer)
    assert link is not None
    assert (link.weak, link.have, link.need) == (True, 410, 1020)
    own = next(link for link in answer.links if link.sides)
    assert own.measured.state.ready
    assert own.note == "by its speed alone, but a class played over it was not carried"


def test_a_class_that_was_carried_outranks_a_formula() -> None:
    """900 of 1,033 Mbit/s is just short, but 1,100 students were carried: ready until growth has it, and both are said."""
    assert ask([], SLOW).state is State.JUST_SHORT
    answer = ask(both(1100), SLOW)
    assert answer.state is State.READY_UNTIL
    assert answer.label == "Ready until fall 2027"
    own = next(link for link in answer.links if link.sides)
    assert own.measured.sentence.startswith(
        "Ready until fall 2027: the line carries about 1,100 of 1,200 students"
    )
    assert own.measured.sentence.endswith(
        "By its speed alone it would be just short: the internet line carries at least 900\u00a0Mbit/s about "
        "three times out of four; 1:1 flex needs 1,030 today."
    )
    assert own.measured.have == pytest.approx(SLOW)
    assert answer.changes


def test_what_is_plenty_is_said_to_be() -> None:
    """410 of 1,200 sounds like too few, and is enough for stations, of which 396 are online at once: both are said."""
    assert ask(both(410), model="station_rotation").at_once == (
        "The line carries about 410 of 1,200 students at once today (tried on 1 December and 3 December): "
        "enough for station rotation, which needs 396 of them at once."
    )


def test_where_both_find_it_short_the_class_says_how_short() -> None:
    """By its speed not ready, by a class of 1,000 of 1,020 just short: the class is the answer, and the line's steps stay."""
    assert ask([], 500.0).state is State.NOT_READY
    answer = ask(both(1000), 500.0)
    assert answer.sentence.startswith("Just short: the line carries about 1,000 of 1,200 students at once")
    assert "By its speed alone it would be not ready: the internet line carries" in answer.sentence
    own = next(link for link in answer.links if link.sides)
    assert own.note == "as a class played over it was carried, not by its speed alone"
    assert any(step.kind == "line" for step in answer.changes)


def test_how_many_to_begin_with_is_the_class_that_was_carried() -> None:
    """Of 1,020 online of 1,200, 510 were carried: 600 students who are taught so, not what the formula makes of the speed."""
    step = next(step for step in ask(both(510), 500.0).changes if step.kind == "people")
    assert (step.title, step.people) == ("Until then, begin with fewer students.", 600)
    assert step.sentence == (
        "Today's line carries about 600 students who are taught this way, about 310 through fall 2029, "
        "by the class that was played over it."
    )
    reckoned = next(step for step in ask([], 500.0).changes if step.kind == "people")
    assert reckoned.title == "Until then, begin with fewer people."


def test_one_test_is_told_but_makes_no_answer() -> None:
    """A single moment: the page says what was seen, the chain that one more is wanted, and the line keeps its word."""
    answer = ask([played(THURSDAY, 410)])
    assert answer.at_once == (
        "The line carries about 410 of 1,200 students at once today (tried on 3 December): "
        "1:1 flex needs 1,020 of them at once."
    )
    link = students(answer)
    assert link is not None
    assert link.measured.state is State.NOT_MEASURED
    assert link.note.endswith("1 of 2 tests")
    assert answer.state.ready
    assert "Students at once" in answer.not_assessed
    assert ask([played(THURSDAY, 1100)], SLOW).state is State.JUST_SHORT


def test_at_least_is_said_and_accuses_nobody() -> None:
    """A test that its own ceiling ended: at least 410, which is no shortfall; at least 1,100 is enough."""
    answer = ask(both(410, at_least=True, limited_by=LimitedBy.CAP))
    assert "carries at least 410 of 1,200 students at once" in answer.at_once
    assert answer.state.ready
    link = students(answer)
    assert link is not None
    assert (link.at_least, link.assessed) == (True, False)
    assert ask(both(1100, at_least=True, limited_by=LimitedBy.CAP), SLOW).state.ready


@pytest.mark.parametrize("limit", [LimitedBy.PROBE, LimitedBy.WIFI, LimitedBy.PORT, None])
def test_what_something_else_limited_is_an_at_least(limit: LimitedBy | None) -> None:
    """Also where the test itself believed that something gave."""
    link = students(ask(both(410, limited_by=limit)))
    assert link is not None
    assert link.at_least


def test_all_students_are_said_as_such() -> None:
    """Nobody is more than all."""
    assert ask(both(1500)).at_once.startswith("The line carries all 1,200 students at once today")


def test_how_we_know_says_by_how_much_the_test_is_known_to_count_too_many() -> None:
    """A planner who buys for the last student is told what known lines have shown of the test itself."""
    link = students(ask(both(410)))
    assert link is not None
    assert "found up to 9 % more than they have room for" in " ".join(link.working)


def test_growth_counts_for_a_class_as_for_a_line() -> None:
    """1,020 online ask 1.25 times as much each year: 1,300 carried are enough until fall 2028."""
    link = students(ask(both(1300), 5000))
    assert link is not None
    assert link.measured.label == "Ready until fall 2028"
    assert link.need_then == pytest.approx(1020 * 1.25**3)


def test_a_way_of_teaching_with_its_own_rate_is_counted_by_it() -> None:
    """A test day asks 0.2 Mbit/s each where a usual student asks 0.75: so many fewer usual students are wanted."""
    model = TARGETS.models["test_day"]
    link = students(ask(both(800), 5000, model="test_day"))
    assert link is not None
    assert model.rate_mbps is not None
    share = model.onsite_share.value * model.online_share.value * model.rate_mbps.value / 0.75
    assert link.need == pytest.approx(1200 * share, abs=1)


def test_how_we_know_is_told() -> None:
    """Each test with its day, its edges and what gave first, and why others are left out."""
    link = students(ask([*both(410), played(THURSDAY, 5, marks=(Mark.UNLEASED,))]))
    assert link is not None
    text = " ".join(link.working)
    assert (
        "1 December: 410 carried at 0.76 Mbit/s each; every try was good up to 410, some not from 411 on"
        in text
    )
    assert "what gave first: video" in text
    assert "Left out: 1 (started by hand)." in text
    assert "1,200 students \u00d7 1 on site \u00d7 0.85 online at once = 1,020 at once" in text


def test_a_shared_line_is_not_cleared_by_one_schools_class() -> None:
    """Behind a shared line that is too small for all, one school's class at a quiet hour clears nobody."""
    names = ("lincoln", "adams")
    place = District(
        settings=Settings(name="Maple Valley", tz=CHICAGO),
        schools=tuple(School(id=name, name=name.title(), students=1200, tz=CHICAGO) for name in names),
        circuits=(Circuit(id="line", down_mbps=1000, schools=names),),
        seats=(Seat(agent=BOX, school="lincoln", circuit="line"),),
        digest="d" * 32,
    )
    answer = ask(both(1100), SLOW, district=place)
    assert answer.state.short


def test_days_are_the_schools() -> None:
    """Two classes of one day are one day's."""
    link = students(ask([played("2026-12-03 06:30", 900), played("2026-12-03 16:30", 900)]))
    assert link is not None
    assert link.note.endswith("1 of 2 tests")
