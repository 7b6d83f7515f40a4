"""What never makes an answer better or worse, and what does not change it at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.verdict import State
from firstbell.report import LimitedBy, Stored
from tests.firstbell.readiness.town import CLASS, DAYS, QUIET, TARGETS, ask, at, check, town, week

RANK = {
    State.NOT_READY: 0,
    State.JUST_SHORT: 1,
    State.NOT_MEASURED: 1,
    State.READY_UNTIL: 2,
    State.READY_THROUGH: 3,
}


def rank(answer: SchoolAnswer) -> tuple[int, int]:
    """How good an answer is; two that are ready are told apart by their fall."""
    return RANK[answer.state], answer.measured.fall or 0


a_speed = st.floats(1, 5000)
at_leasts = st.lists(st.booleans(), min_size=12, max_size=12)
twelve = st.lists(a_speed, min_size=12, max_size=12)


def twelve_checks(speeds: list[float], capped: list[bool]) -> list[Stored]:
    """A check in each quiet period of three days."""
    times = [f"{when} {time}" for when in DAYS for time in QUIET]
    return [
        check(when, speed, limited_by=LimitedBy.CAP if cap else LimitedBy.LINE)
        for when, speed, cap in zip(times, speeds, capped, strict=True)
    ]


@given(twelve, at_leasts, twelve, st.sampled_from(list(TARGETS.models)))
def test_more_bandwidth_never_worsens_an_answer(
    speeds: list[float], capped: list[bool], more: list[float], model: str
) -> None:
    """Raising any tests by any amount never worsens the verdict; an open one may turn out short, never worse."""
    if model == "test_day":
        model = "flex"
    lifted = [speed + lift for speed, lift in zip(speeds, more, strict=True)]
    low, high = (
        ask(twelve_checks(speeds, capped), model=model),
        ask(twelve_checks(lifted, capped), model=model),
    )
    assert rank(high) >= rank(low) or (low.state, high.state) == (State.NOT_MEASURED, State.NOT_READY)
    if low.measured.have is not None:
        assert high.measured.have is not None
        assert high.measured.have >= low.measured.have


@given(twelve, at_leasts, st.integers(1, 5000), st.integers(0, 5000), st.integers(0, 6))
def test_more_people_never_improve_an_answer(
    speeds: list[float], capped: list[bool], people: int, more: int, years: int
) -> None:
    """The same tests for more people: the verdict is never better, and an open one never closes."""
    tests = twelve_checks(speeds, capped)
    few, many = ask(tests, people=people, years=years), ask(tests, people=people + more, years=years)
    assert rank(many) <= rank(few)
    if few.state is State.NOT_MEASURED:
        assert many.state is State.NOT_MEASURED
    if few.state.short:
        assert many.state.short


@given(st.floats(1, 1e5), st.floats(0, 1e5), st.integers(1, 10_000), st.integers(0, 10_000))
def test_paper_too(bought: float, more: float, people: int, others: int) -> None:
    """More bought never worsens the paper answer; more people never improve it."""

    def paper(down: float, people: int) -> tuple[int, int]:
        verdict = ask(district=town(down=down), people=people).paper
        return RANK[verdict.state], verdict.fall or 0

    assert paper(bought + more, people) >= paper(bought, people)
    assert paper(bought, people + others) <= paper(bought, people)


@given(twelve, twelve, st.integers(1, 5000), st.integers(0, 5000))
def test_properties_hold_with_what_is_left_over_in_class(
    quiet: list[float], left: list[float], people: int, more: int
) -> None:
    """Quiet tests and tests in class together: more people never improve the answer."""
    in_class = [
        check(when, speed)
        for when, speed in zip([f"{d} {t}" for d in DAYS for t in CLASS], left, strict=True)
    ]
    tests = [*twelve_checks(quiet, [False] * 12), *in_class]
    assert rank(ask(tests, people=people + more)) <= rank(ask(tests, people=people))


@pytest.mark.parametrize(
    "tz",
    ["America/New_York", "America/Phoenix", "Pacific/Honolulu", "Europe/Berlin", "Asia/Kathmandu", "UTC"],
)
def test_the_answer_follows_the_schools_clock(tz: str) -> None:
    """The same local week gives the same answer in every zone."""
    tests = [check(at(f"{when} {time}", tz), 910) for when in DAYS for time in QUIET]
    answer = ask(tests, district=town(tz=tz))
    assert (answer.state, answer.links[0].sides[0].progress.checks) == (State.JUST_SHORT, 12)


@pytest.mark.parametrize(
    "days",
    [
        ("2026-10-30", "2026-10-31", "2026-11-01"),
        ("2027-03-12", "2027-03-13", "2027-03-14"),
    ],
)
def test_the_nights_in_which_the_clocks_change(days: tuple[str, ...]) -> None:
    """Three days around each change, with checks in the hour that comes twice or never: twelve checks, one answer."""
    times = ("02:30", "06:10", "16:10", "20:10")
    answer = ask(week(910, days=days, times=times), now=f"{days[-1]} 23:00")
    assert answer.links[0].sides[0].progress.checks == 12
    assert answer.state is State.JUST_SHORT
