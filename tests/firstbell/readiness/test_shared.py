"""Lines that schools share: each is judged once, against the sum of its schools, and nobody is accused wrongly."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.district import Circuit, District, School, Seat, Settings
from firstbell.readiness import asking, chain
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.verdict import State
from firstbell.readiness.weighing import weigh_school
from firstbell.report import LimitedBy, Status, Stored
from tests.firstbell.readiness.town import (
    CHICAGO,
    CLASS,
    DAYS,
    QUIET,
    TARGETS,
    at,
    check,
    lines_of,
    look,
    weighed,
)

PEOPLE = {"adams": 600, "baker": 600, "clark": 600}
"""Station rotation needs 200.475 Mbit/s for each of them, 601.425 for all three."""
EACH, ALL = 200.475, 601.425


def district(*, hub: bool = True, bought: float = 500) -> District:
    """Three schools, each with a line of its own to the hub, and one line from there to the internet."""
    own = [
        Circuit(id=f"wan-{name}", kind="wan", parent="main", down_mbps=bought, schools=(name,))
        for name in PEOPLE
    ]
    seats = [Seat(agent=f"box-{name}", school=name, circuit=f"wan-{name}") for name in PEOPLE]
    if hub:
        seats.append(Seat(agent="box-hub", school="adams", circuit="main"))
    return District(
        settings=Settings(name="Maple Valley", tz=CHICAGO),
        schools=tuple(
            School(id=name, name=name.title(), students=people, tz=CHICAGO) for name, people in PEOPLE.items()
        ),
        circuits=(*own, Circuit(id="main", down_mbps=2000, schools=tuple(PEOPLE))),
        seats=tuple(seats),
    )


def rows(
    agent: str, mbps: float | Sequence[float], times: Sequence[str] = QUIET, minute: int = 0
) -> list[Stored]:
    """A test in each period of three days by one box, each at the limit of its way."""
    whens = [f"{day} {time[:3]}{int(time[3:]) + minute:02}" for day in DAYS for time in times]
    speeds = [mbps] * len(whens) if isinstance(mbps, int | float) else mbps
    return [check(when, speed, agent=agent) for when, speed in zip(whens, speeds, strict=True)]


def through(own: dict[str, float], shared: float | None) -> list[Stored]:
    """What all boxes see: a school's box the smaller of its own line and the shared one, the hub's the latter."""
    found = [row for n, (name, mbps) in enumerate(own.items()) for row in rows(f"box-{name}", mbps, minute=n)]
    return found + (rows("box-hub", shared, minute=7) if shared else [])


def ask(
    tests: Sequence[Stored],
    school: str = "adams",
    *,
    hub: bool = True,
    model: str = "station_rotation",
    people: int | None = None,
) -> SchoolAnswer:
    """The answer for one of the three schools."""
    place = district(hub=hub)
    return chain.judge(model, TARGETS, weighed(tests, district=place, school=school), people=people)


def links(answer: SchoolAnswer) -> dict[str, LinkAnswer]:
    """The links of an answer by what they are."""
    return {link.link: link for link in answer.links}


def main_line(tests: Sequence[Stored], *, hub: bool = True, model: str = "station_rotation") -> LinkAnswer:
    """The answer for the line that all three share."""
    return chain.judge_line("main", model, TARGETS, lines_of(tests, district=district(hub=hub)))


GOOD = dict.fromkeys(PEOPLE, 450.0)


def test_all_is_well() -> None:
    """Lines of 450 under one of 1,200: each school is ready on both, and the shared one stands first."""
    answer = ask(through(GOOD, 1200))
    assert [link.link for link in answer.links] == ["internet", "wan"]
    assert answer.state is State.READY_THROUGH
    shared, own = answer.links
    assert shared.people == 1800
    assert shared.need == pytest.approx(ALL)
    assert shared.schools == tuple(PEOPLE)
    assert shared.name == "The district's internet line, shared by 3 schools"
    assert (own.people, own.at_least) == (600, False)
    assert own.have == pytest.approx(450)
    assert answer.assessed == answer.ready_on == 2


def test_a_shared_line_is_said_of_itself_and_of_all_its_schools() -> None:
    """A district buys many lines, and the people that this one carries are those of all three schools."""
    answer = ask(through(GOOD, 300))
    papers = [link.paper for link in links(answer).values() if link.paper]
    assert "The district's internet line is bought at 2,000" in papers[0].sentence
    assert "Adams buys 500" in papers[1].sentence
    fewer = next(change for change in answer.changes if change.kind == "people")
    assert "of the 3 schools' people who are taught this way" in fewer.sentence


def test_an_oversold_shared_line_holds_back_its_schools_and_no_line_of_theirs_is_blamed() -> None:
    """The hub's box sees 300 of 2,000: every school is short by it; their own lines carry at least what was seen."""
    tests = through(dict.fromkeys(PEOPLE, 300.0), 300)
    for school in PEOPLE:
        answer = ask(tests, school)
        assert answer.state is State.NOT_READY
        assert answer.weakest is not None
        assert answer.weakest.link == "internet"
        own = links(answer)["wan"]
        assert (own.at_least, own.weak) == (True, False)
        assert own.have == pytest.approx(300)
        assert not own.measured.state.short
        assert "a line behind it may have been the limit" in own.measured.sentence
        assert answer.changes[0].kind == "seller"
    assert main_line(tests).have == pytest.approx(300)
    assert main_line(tests).measured.state is State.NOT_READY


def test_one_bad_school_line_under_a_good_shared_one() -> None:
    """Adams sees 90 where the hub sees 1,200 at such times: its own line is the one, and only its own."""
    tests = through(GOOD | {"adams": 90.0}, 1200)
    answer = ask(tests)
    assert answer.state is State.NOT_READY
    assert answer.weakest is not None
    assert answer.weakest.name == "Line from Adams to the district"
    assert links(answer)["wan"].have == pytest.approx(90)
    assert not links(answer)["wan"].at_least
    assert ask(tests, "baker").state is State.READY_THROUGH
    assert main_line(tests).measured.state.ready


def test_both_bad() -> None:
    """Adams sees 90, the hub 300: both are short, each by what was seen of it; the others by the shared line only."""
    tests = through(dict.fromkeys(PEOPLE, 300.0) | {"adams": 90.0}, 300)
    answer = ask(tests)
    assert {name: link.measured.state.short for name, link in links(answer).items()} == {
        "internet": True,
        "wan": True,
    }
    assert sum(link.weak for link in answer.links) == 1
    assert links(answer)["wan"].weak
    other = ask(tests, "baker")
    assert {name: link.measured.state.short for name, link in links(other).items()} == {
        "internet": True,
        "wan": False,
    }


def test_without_a_box_at_the_hub_other_schools_clear_the_shared_line() -> None:
    """Baker and Clark see 450 through it while Adams sees 90: the shared line carried more at such times."""
    tests = through(GOOD | {"adams": 90.0}, None)
    answer = ask(tests, hub=False)
    assert links(answer)["wan"].measured.state is State.NOT_READY
    shared = links(answer)["internet"]
    assert shared.have == pytest.approx(450)
    assert shared.at_least
    assert shared.measured.state is State.NOT_MEASURED
    assert "seen through the schools' own lines only" in shared.measured.sentence


def test_without_a_box_at_the_hub_nobody_knows_which_line_it_is() -> None:
    """All see 90: the schools are not ready, and no single line is accused; a box at the hub would tell."""
    answer = ask(through(dict.fromkeys(PEOPLE, 90.0), None), hub=False)
    assert answer.state is State.NOT_READY
    assert not any(link.measured.state.short for link in answer.links if link.link in {"internet", "wan"})
    assert links(answer)["way"].weak
    assert links(answer)["way"].have == pytest.approx(90)
    assert links(answer)["way"].need == pytest.approx(EACH)
    assert "box at the hub" in answer.changes[0].title


def test_all_is_well_as_far_as_a_school_without_a_hub_can_see() -> None:
    """Its own need is met through all lines, so it is; of the shared line only so much at least is known."""
    answer = ask(through(dict.fromkeys(PEOPLE, 450.0), None), hub=False)
    assert answer.state is State.READY_THROUGH
    assert links(answer)["internet"].measured.state is State.NOT_MEASURED
    assert "The district's internet line, shared by 3 schools" in answer.assessed_sentence
    assert "way" not in links(answer)


def test_a_shared_line_that_is_bad_at_one_time_of_day_is_no_school_lines_fault() -> None:
    """Each evening the hub sees 90, and so does Adams: its low evening tests say nothing against its line."""
    evening = [90.0 if time == QUIET[-1] else 450.0 for _ in DAYS for time in QUIET]
    hub = [90.0 if speed == 90 else 900.0 for speed in evening]
    tests = [*rows("box-adams", evening), *rows("box-hub", hub, minute=7)]
    own = links(ask(tests))["wan"]
    assert not own.measured.state.short
    assert own.have is None or own.have >= 90


def test_a_slow_hour_of_the_shared_line_that_another_school_felt_too() -> None:
    """Baker, who usually sees 450, saw 80 ten minutes after Adams saw 85: the hub's better test hours later is no proof."""
    when = f"{DAYS[1]} 02:10"
    adams = [row for row in rows("box-adams", 450.0) if row.report.at_ns != at(when)] + [
        check(when, 85, agent="box-adams")
    ]
    baker = [row for row in rows("box-baker", 450.0, minute=10) if row.report.at_ns != at(f"{DAYS[1]} 02:20")]
    tests = [
        *adams,
        *baker,
        check(f"{DAYS[1]} 02:20", 80, agent="box-baker"),
        *rows("box-clark", 450.0, minute=45),
    ]
    slow = [c for c in links(ask(tests, hub=False))["wan"].checks if c.down_mbps < 100]
    assert [c.at_least for c in slow] == [True]


def test_an_outage_of_the_shared_line_is_not_counted_against_a_schools_own() -> None:
    """Adams's test failed with the line down around it, the hub's of an hour before was good: it says nothing of Adams."""
    times = [f"{day} {time}" for day in DAYS for time in QUIET]
    down = [check(when, agent="box-adams", status=Status.FAILED) for when in times[:4]]
    cheap = [look(when, Status.FAILED, agent="box-adams") for when in times[:4]]
    up = [check(when, 450, agent="box-adams") for when in times[4:]]
    tests = [*down, *up, *rows("box-hub", 900.0, minute=20)]
    known = weighed(tests, cheap, district=district(), school="adams")
    own = links(chain.judge("station_rotation", TARGETS, known))["wan"]
    assert not own.measured.state.short
    assert sum(c.at_least for c in own.checks) == 4


def test_each_school_by_its_own_way_where_that_is_asked() -> None:
    """As they plan (flex for all, where nobody says otherwise) or all by the asked way: the sum is of that."""
    tests = through(GOOD, 1200)
    assert main_line(tests, model=asking.PLAN).need == pytest.approx(1800 * 0.85 * 0.75 * 1.35)
    assert main_line(tests).need == pytest.approx(ALL)
    assert ask(tests, model=asking.PLAN).model == "1:1 flex"


def test_other_people_at_one_school_are_more_on_the_shared_line() -> None:
    """Asked for 1,000 people instead of 600 at Adams, the shared line must carry them too."""
    assert links(ask(through(GOOD, 1200), people=1000))["internet"].people == 2200


def test_the_schools_answer_and_the_lines_own_are_one() -> None:
    """Judged by itself or within any school's chain the shared line has the same answer."""
    tests = through(GOOD, 300)
    alone = main_line(tests)
    for school in PEOPLE:
        inside = links(ask(tests, school))["internet"]
        assert (inside.have, inside.need, inside.measured) == (alone.have, alone.need, alone.measured)


speeds = st.floats(20, 2000)


@settings(max_examples=40)
@given(st.fixed_dictionaries(dict.fromkeys(PEOPLE, speeds)), speeds, st.booleans(), st.booleans())
def test_nobody_is_accused_wrongly(own: dict[str, float], shared: float, hub: bool, ports: bool) -> None:
    """Physics: a box sees the smaller of both lines. No line that carries enough is ever called short."""
    seen = {name: min(mbps, shared) for name, mbps in own.items()}
    tests = through(seen, shared if hub else None)
    if ports:  # Baker's box sees no more than its port
        tests = [row for row in tests if row.agent != "box-baker"]
        tests += [
            check(f"{day} {time[:3]}15", min(94, seen["baker"]), agent="box-baker", limited_by=LimitedBy.PORT)
            for day in DAYS
            for time in QUIET
        ]
    lines = lines_of(tests, district=district(hub=hub))
    if shared >= ALL:
        assert not chain.judge_line("main", "station_rotation", TARGETS, lines).measured.state.short
    for school in PEOPLE:
        answer = chain.judge("station_rotation", TARGETS, weigh_school(lines, school, TARGETS.numbers))
        found = links(answer)
        if own[school] >= EACH:
            assert not found["wan"].measured.state.short
        if own[school] >= EACH and shared >= ALL:
            assert not answer.state.short
        if hub and shared < ALL * 0.97:
            assert answer.state.short or answer.state is State.NOT_MEASURED
        assert found["wan"].have is None or found["wan"].have <= own[school] + 1e-6


@settings(max_examples=25)
@given(st.fixed_dictionaries(dict.fromkeys(PEOPLE, speeds)), speeds, st.floats(0, 500), st.booleans())
def test_a_better_shared_line_never_worsens_what_is_short_by_it(
    own: dict[str, float], shared: float, more: float, hub: bool
) -> None:
    """With more carried by the shared line its answer is never worse, and no school's own line reads slower."""
    found = []
    for mbps in (shared, shared + more):
        seen = {name: min(speed, mbps) for name, speed in own.items()}
        found.append(main_line(through(seen, mbps if hub else None), hub=hub))
    low, high = found
    assert (high.have or 0) >= (low.have or 0) - 1e-9


def test_in_class_too() -> None:
    """What is left over in class is weighed by the same rule: it is the shared line's use, not Adams's."""
    tests = [*through(GOOD, 1200), *rows("box-adams", 100.0, CLASS), *rows("box-hub", 100.0, CLASS, minute=9)]
    side = links(ask(tests))["wan"].sides[0]
    assert side.left_over.bound is None or side.left_over.bound.at_least


def test_a_test_between_a_full_and_an_empty_hour_of_the_shared_line_blames_no_line_of_a_school() -> None:
    """The hub saw as little as the school just before, and twice as much just after: nobody can say whose it was."""
    times = ("02:00", "06:10", "16:00", "20:00")
    seen = rows("box-adams", [150, 150, 80, 150] * len(DAYS), times)
    hub = rows("box-hub", [150, 150, 80, 150, 150] * len(DAYS), ("02:20", "06:20", "15:35", "16:20", "20:20"))
    line = links(ask([*seen, *hub]))["wan"]
    assert len(line.checks) == len(seen)
    assert all(check.at_least for check in line.checks)
