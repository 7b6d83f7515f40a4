"""A day on which any moment gets another tag by the corrected folder is named, whatever was corrected."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from collector.sinks import moved
from collector.store.outbox import DAY_NS, Days
from firstbell.calendar import Bell, Calendar, Term
from firstbell.circuits import Circuit
from firstbell.district import NS, District, School, Seat, Settings, Thresholds
from firstbell.points import Placer

BOXES = ("hub-1", "lincoln-1", "nobody-1")
EDGE_S = 900
"""All bells and changes of clocks here lie on quarters of an hour, so a look at each sees everything."""
FIRST = date(2026, 10, 30)
"""Friday. Clocks go back in the United States on 1 November, in Europe on 25 October."""
ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Phoenix",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "UTC",
)
BELLS = {
    "usual": (Bell(time(8), time(11), "Period 1"), Bell(time(11, 15), time(15), "Period 2")),
    "late": (Bell(time(9, 45), time(12), "Period 1"), Bell(time(12), time(15), "Period 2")),
    "one": (Bell(time(8), time(15), "All day"),),
}


def number(day: date) -> int:
    """Its number since 1970."""
    return (day - date(1970, 1, 1)).days


def town(*seats: Seat, hours: Calendar | None = None, tz: str = "America/New_York", **more: Any) -> District:
    """Two schools, with these seats; `hours` and `tz` are the first one's."""
    return District(
        settings=Settings(name="Maple", **more),
        schools=(
            School(id="lincoln", name="L", students=9, tz=tz, calendar=hours or Calendar()),
            School(id="mill", name="M", students=9),
        ),
        circuits=(Circuit(id="line"), Circuit(id="other")),
        seats=seats or (SEAT,),
    )


SEAT = Seat(agent="lincoln-1", school="lincoln", circuit="line")


def named(old: District, new: District, days: int = 5, first: date = FIRST) -> set[tuple[str, int]]:
    """Box and day that are to be shipped again."""
    begin = number(first)
    found = moved.days(Placer(old), Placer(new), BOXES, begin, begin + days - 1)
    return {(each.agent, day) for each in found for day in range(each.first, each.last + 1)}


def differing(
    old: District, new: District, days: int = 5, first: date = FIRST, every_s: int = EDGE_S
) -> set[tuple[str, int]]:
    """The same by looking at every moment at which a tag may begin."""
    one, other = Placer(old), Placer(new)
    begin = number(first)
    return {
        (agent, day)
        for agent in BOXES
        for day in range(begin, begin + days)
        if any(
            one.tags(agent, at_ns) != other.tags(agent, at_ns)
            for at_ns in range(day * DAY_NS, (day + 1) * DAY_NS, every_s * NS)
        )
    }


DATES = st.dates(FIRST - timedelta(days=3), FIRST + timedelta(days=7))
SEATS = st.builds(
    Seat,
    agent=st.sampled_from(BOXES[:2]),
    school=st.sampled_from(["lincoln", "mill", ""]),
    circuit=st.sampled_from(["line", "other"]),
    room=st.sampled_from(["", "12", "14"]),
    since=st.none() | DATES,
)
CALENDARS = st.builds(
    Calendar,
    terms=st.just(()) | st.tuples(DATES, DATES).map(lambda two: (Term(min(two), max(two)),)),
    weekdays=st.sampled_from([(0, 1, 2, 3, 4), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5)]),
    off=st.lists(st.tuples(DATES, st.sampled_from(["Fall break", "weekend", ""])), max_size=2).map(tuple),
    also=st.lists(DATES, max_size=1).map(tuple),
    schedules=st.just(tuple(BELLS.items())),
    usual=st.sampled_from(["usual", "late"]),
    by_weekday=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["late", "one"])), max_size=1).map(
        tuple
    ),
    cycle=st.sampled_from([(), ("usual", "late"), ("one", "usual", "late")]),
    cycle_from=st.none() | DATES,
    special=st.lists(st.tuples(DATES, st.sampled_from([BELLS["one"], ()])), max_size=1).map(tuple),
    early=st.lists(st.tuples(DATES, st.just(time(11, 30))), max_size=1).map(tuple),
)


TOWNS = st.builds(
    lambda seats, hours, tz, begins, hidden: town(
        *seats, hours=hours, tz=tz, class_from=begins, thresholds=Thresholds(count=hidden)
    ),
    st.lists(SEATS, min_size=1, max_size=4, unique_by=lambda seat: (seat.agent, seat.since)),
    CALENDARS,
    st.sampled_from(ZONES),
    st.sampled_from([time(7, 30), time(8)]),
    st.sampled_from([10, 10, 10, 10, 25]),
)
"""Districts that may differ in anything that places a point."""


@settings(max_examples=35)
@given(st.data())
def test_no_day_that_differs_is_left_out(data: st.DataObject) -> None:
    """Seats, rooms, lines, bells, holidays, terms, cycles, zones: whatever differs at any moment is named."""
    old = data.draw(TOWNS)
    new = data.draw(st.just(old) | TOWNS | _corrected(old))
    wrong, found = differing(old, new), named(old, new)
    event(f"{len(wrong)} days differ, {len(found)} are named")
    assert wrong <= found
    if old == new:
        assert found == set()


def _corrected(old: District) -> st.SearchStrategy[District]:
    """The same district with one thing corrected."""
    replace = msgspec.structs.replace
    school, *others = old.schools
    seat, *seats = old.seats
    return st.one_of(
        CALENDARS.map(lambda hours: replace(old, schools=(replace(school, calendar=hours), *others))),
        st.sampled_from(ZONES).map(lambda tz: replace(old, schools=(replace(school, tz=tz), *others))),
        SEATS.map(lambda one: replace(old, seats=(replace(one, agent=seat.agent), *seats))),
        DATES.map(lambda day: replace(old, seats=(replace(seat, since=day), *seats))),
    )


@pytest.mark.parametrize("hours", [Calendar(), Calendar(schedules=(("quarters", BELLS["usual"]),))])
def test_every_minute_of_a_day_agrees_with_its_being_left_out(hours: Calendar) -> None:
    """Bells on odd minutes, on the day on which clocks go back: looked at minute by minute."""
    odd = Calendar(schedules=(("quarters", (Bell(time(8, 7), time(14, 53), "Odd"),)),))
    first = date(2026, 11, 1)
    for other in (hours, odd):
        old, new = town(hours=hours), town(hours=other)
        wrong = differing(old, new, days=2, first=first, every_s=60)
        assert wrong == named(old, new, days=2, first=first)
        assert bool(wrong) is (other is odd)


def test_a_move_that_was_entered_late_names_the_days_since() -> None:
    """And no day before it, and of no other box."""
    day = FIRST + timedelta(days=2)
    hub = Seat(agent="hub-1", school="", circuit="line")
    there = Seat(agent="lincoln-1", school="mill", circuit="other", since=day)
    found = named(town(SEAT, hub), town(SEAT, hub, there))
    # That day begins at midnight in New York, four hours into a day of UTC.
    assert found == {("lincoln-1", number(day) + n) for n in range(3)}


def test_a_day_off_names_the_days_of_utc_that_it_touches() -> None:
    """A holiday at a school in New York lies on two of them; one in Kiritimati on two others."""
    day = date(2026, 11, 3)
    off = Calendar(off=((day, "Election Day"),))
    assert named(town(), town(hours=off)) == {("lincoln-1", number(day))}
    assert named(town(), town(hours=off), days=7) == {("lincoln-1", number(day) + n) for n in (0, 1)}
    east = "Pacific/Kiritimati"
    found = named(town(tz=east), town(tz=east, hours=off), days=7)
    assert found == {("lincoln-1", number(day) + n) for n in (-1, 0)}


@pytest.mark.parametrize(
    ("new", "boxes"),
    [
        ({"class_from": time(8)}, {"hub-1"}),
        ({"tz": "America/Denver"}, {"hub-1"}),
        ({"class_to": time(15)}, {"hub-1"}),
        ({"model": "rotation"}, set()),
        ({"thresholds": Thresholds(count=20)}, set(BOXES)),
        ({"thresholds": Thresholds(silent_after_s=1200)}, set()),
    ],
)
def test_what_settings_touch(new: dict[str, Any], boxes: set[str]) -> None:
    """The hub's hours are the district's; what hides people hides them everywhere; the rest moves nothing."""
    hub = Seat(agent="hub-1", school="", circuit="line")
    district = new.pop("tz", "")
    old = town(SEAT, hub)
    changed = District(
        settings=Settings(name="Maple", tz=district, **new),
        schools=old.schools,
        circuits=old.circuits,
        seats=old.seats,
    )
    assert {box for box, _ in named(old, changed)} == boxes


@pytest.mark.parametrize("what", [{"room": "14"}, {"circuit": "other"}, {"school": "mill"}, {"school": ""}])
def test_a_seat_that_was_entered_wrongly_names_all_its_days(what: dict[str, str]) -> None:
    """Its room, its line or its school."""
    found = named(town(), town(msgspec.structs.replace(SEAT, **what)))
    assert found == {("lincoln-1", number(FIRST) + n) for n in range(5)}


def test_another_zone_names_all_days() -> None:
    """A school whose clocks were entered wrongly."""
    assert len(named(town(), town(tz="America/Chicago"))) == 5


def test_another_name_names_everything() -> None:
    """All boxes, all days: each point bears it."""
    begin = number(FIRST)
    found = list(moved.days(Placer(town(), "a"), Placer(town(), "b"), BOXES, begin, begin + 2))
    assert found == [Days(box, begin, begin + 2) for box in BOXES]


def test_a_first_seat_names_all_days_since_the_first() -> None:
    """A box that nobody had entered: from the first day on that is asked for."""
    since = Seat(agent="nobody-1", school="lincoln", circuit="line", since=FIRST + timedelta(days=1))
    always = Seat(agent="nobody-1", school="lincoln", circuit="line")
    assert len(named(town(), town(SEAT, always))) == 5
    assert min(day for _, day in named(town(), town(SEAT, since))) == number(FIRST) + 1


@given(st.lists(st.integers(0, 40), unique=True, max_size=20).map(sorted))
def test_rows_hold_the_days_they_were_made_of(numbers: list[int]) -> None:
    """Each once, in order, and no two rows could be one."""
    rows = list(moved.in_a_row("box", numbers))
    assert [day for row in rows for day in range(row.first, row.last + 1)] == numbers
    assert all(one.last + 1 < other.first for one, other in pairwise(rows))


def test_the_clock_of_these_tests() -> None:
    """1 November 2026 has 25 hours in New York."""
    begin = datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert Placer(town()).tags("lincoln-1", int(begin.timestamp()) * NS)["period"] == "weekend, night"
