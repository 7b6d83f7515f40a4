"""What to fix first: the step that readies most students, a shared line as one step."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.readiness import chain, plan
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.weighing import weigh_school
from tests.firstbell.readiness.test_shared import PEOPLE, district, through
from tests.firstbell.readiness.town import TARGETS, lines_of


def answers(own: dict[str, float], shared: float) -> list[SchoolAnswer]:
    """All three schools' answers where their lines carry so much."""
    seen = {name: min(mbps, shared) for name, mbps in own.items()}
    lines = lines_of(through(seen, shared), district=district())
    weighed = [weigh_school(lines, name, TARGETS.numbers) for name in PEOPLE]
    return [chain.judge("station_rotation", TARGETS, known) for known in weighed]


def test_a_shared_line_that_holds_back_three_schools_comes_first() -> None:
    """The shared line is one step for all; Adams, short by its own line too, is readied by the second step."""
    schools = answers({"adams": 90, "baker": 450, "clark": 450}, 300)
    first, second = plan.first_fixes(schools)
    assert (first.line, first.schools, first.students) == ("main", 2, 1200)
    assert first.title == "The district's internet line"
    assert first.sentence == (
        "It carries 300 of the 2,000\u00a0Mbit/s bought: ask whoever sells it. Readies 2 schools, 1,200 students."
    )
    assert (second.school, second.school_ids, second.title) == ("adams", ("adams",), "Adams\u2019 line")
    assert plan.held_back(schools) == {"main": ("baker", "clark")}


def test_one_schools_line_is_ordered_in_a_size_that_is_sold() -> None:
    """90 carried of 500 bought, 201 needed: enough is bought, so whoever sells it is asked first."""
    (fix,) = plan.first_fixes(answers({"adams": 90, "baker": 450, "clark": 450}, 1200))
    assert (fix.school, fix.students, fix.link) == ("adams", 600, "wan")
    assert "of the 500\u00a0Mbit/s bought" in fix.sentence
    assert fix.sentence.endswith("Readies 600 students.")


def test_where_nothing_is_short_nothing_is_to_fix() -> None:
    """Ready schools need no step."""
    assert plan.first_fixes(answers(dict.fromkeys(PEOPLE, 450.0), 1200)) == ()


@settings(max_examples=25)
@given(st.fixed_dictionaries(dict.fromkeys(PEOPLE, st.floats(20, 1000))), st.floats(100, 2000))
def test_all_steps_together_ready_every_school_once(own: dict[str, float], shared: float) -> None:
    """Each short school is readied by exactly one step, and no step readies more students than one before it could."""
    schools = answers(own, shared)
    fixes = plan.first_fixes(schools)
    readied = [school_id for fix in fixes for school_id in fix.school_ids]
    assert sorted(readied) == sorted(school.school_id for school in schools if school.state.short)
    assert len({(fix.line, fix.school, fix.link) for fix in fixes}) == len(fixes)
