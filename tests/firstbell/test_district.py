"""Places, lines and periods of a district."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import strata
from firstbell import district as districts
from firstbell.calendar import hours
from firstbell.district import NS, Circuit, District, School, Seat, Settings

CHICAGO = ZoneInfo("America/Chicago")
LINCOLN = School(id="lincoln", name="Lincoln High", students=1080, staff=120, tz="America/Chicago")


def at(text: str, tz: str = "America/Chicago", fold: int = 0) -> int:
    """Nanoseconds since 1970 UTC of a local time like `2026-12-01 06:30`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold).timestamp()) * NS


def made(*seats: Seat, circuits: tuple[Circuit, ...] = ()) -> District:
    """Lincoln High with these seats."""
    return District(settings=Settings(), schools=(LINCOLN,), circuits=circuits, seats=seats)


def seat(agent: str = "box", circuit: str = "line", since: str = "", room: str = "") -> Seat:
    """A box at Lincoln High."""
    return Seat(
        agent=agent,
        school="lincoln",
        circuit=circuit,
        room=room,
        since=date.fromisoformat(since) if since else None,
    )


def test_people_are_students_and_staff() -> None:
    """Published targets count both."""
    assert LINCOLN.people == 1200


@pytest.mark.parametrize(
    ("clock", "slot", "in_class"),
    [
        ("00:00", 0, False),
        ("04:59", 0, False),
        ("05:00", 1, False),
        ("07:29", 1, False),
        ("07:30", 2, True),
        ("09:29", 2, True),
        ("09:30", 3, True),
        ("11:30", 4, True),
        ("13:30", 5, True),
        ("15:29", 5, True),
        ("15:30", 6, False),
        ("17:59", 6, False),
        ("18:00", 7, False),
        ("23:59", 7, False),
    ],
)
def test_a_school_day_has_four_class_periods_and_four_quiet_ones(
    clock: str, slot: int, in_class: bool
) -> None:
    """07:30 to 15:30 in quarters; night, before school, late afternoon, evening around them."""
    period = districts.period_of(LINCOLN, at(f"2026-12-01 {clock}"))
    assert (period.day, period.slot, period.in_class) == (date(2026, 12, 1), slot, in_class)
    assert period.name
    weekend = districts.period_of(LINCOLN, at(f"2026-12-05 {clock}"))
    assert (weekend.slot, weekend.in_class) == (slot, False)
    assert weekend.name.startswith("weekend")


def test_a_schools_own_hours_move_the_quarters() -> None:
    """8:00 to 14:00 has quarters of an hour and a half."""
    short = School(id="s", name="S", students=1, tz="UTC", calendar=hours(time(8), time(14)))
    starts = [begins.strftime("%H:%M") for begins in districts.edges(short)]
    assert starts == ["00:00", "05:00", "08:00", "09:30", "11:00", "12:30", "14:00", "18:00"]


def test_the_boxes_rhythm_has_the_same_stretches() -> None:
    """A box tests once in each stretch of its schedule: by default these are the school's periods."""
    assert districts.edges(LINCOLN) == tuple(strata.PERIODS)


@pytest.mark.parametrize(
    ("instant", "slot"),
    [
        (at("2026-11-01 01:30"), 0),
        (at("2026-11-01 01:30", fold=1), 0),
        (at("2026-11-01 05:00"), 1),
        (at("2027-03-14 01:59") + 60 * NS, 0),
        (at("2027-03-14 05:00"), 1),
        (at("2027-03-15 07:30"), 2),
    ],
)
def test_nights_in_which_clocks_change_are_nights(instant: int, slot: int) -> None:
    """The hour that comes twice and the one that never comes both lie in the night; the morning begins on time."""
    assert districts.period_of(LINCOLN, instant).slot == slot


@given(
    st.integers(0, 4_000_000_000),
    st.sampled_from(["America/Chicago", "Asia/Kathmandu", "Pacific/Honolulu", "UTC"]),
)
def test_every_moment_lies_in_one_period_of_its_local_day(seconds: int, tz: str) -> None:
    """The period's day is the local date, and its slot's beginning is not after the local time."""
    school = School(id="s", name="S", students=1, tz=tz)
    period = districts.period_of(school, seconds * NS)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(tz))
    assert period.day == local.date()
    edges = districts.edges(school)
    assert edges[period.slot] <= local.time()
    assert period.slot == 7 or local.time() < edges[period.slot + 1]
    assert period.in_class == (local.weekday() < 5 and time(7, 30) <= local.time() < time(15, 30))


def test_school_days_skip_weekends_both_ways() -> None:
    """From a Saturday forward to Monday, and back to Friday."""
    assert next(districts.school_days(LINCOLN, date(2026, 12, 5))) == date(2026, 12, 7)
    back = list(islice(districts.school_days(LINCOLN, date(2026, 12, 7), -1), 3))
    assert back == [date(2026, 12, 7), date(2026, 12, 4), date(2026, 12, 3)]


def test_quiet_periods_begin_four_times_a_day() -> None:
    """Midnight, 5:00, 15:30 and 18:00, also on the day of 25 hours."""
    for day in (date(2026, 12, 1), date(2026, 11, 1)):
        begins = districts.quiet_begins(LINCOLN, day)
        local = [datetime.fromtimestamp(ns // NS, CHICAGO).strftime("%H:%M") for ns in begins]
        assert local == ["00:00", "05:00", "15:30", "18:00"]


def test_a_box_has_always_stood_where_it_has_one_undated_seat() -> None:
    """Without a date there is no beginning and no end."""
    district = made(seat())
    assert districts.place_of(district, "box", 0) == seat()
    assert districts.seats_on(district, "line") == [("box", 0, None)]
    assert districts.place_of(district, "nobody", at("2026-12-01 12:00")) is None


def test_a_moved_box_is_nowhere_on_the_day_of_the_move() -> None:
    """Until the eve here, from the morrow there: nobody wrote down the hour."""
    before, after = seat(circuit="old"), seat(circuit="new", since="2026-12-02")
    district = made(after, before)
    assert districts.place_of(district, "box", at("2026-12-01 23:59")) == before
    assert districts.place_of(district, "box", at("2026-12-02 00:00")) is None
    assert districts.place_of(district, "box", at("2026-12-02 23:59")) is None
    assert districts.place_of(district, "box", at("2026-12-03 00:00")) == after
    assert districts.seats_on(district, "old") == [("box", 0, at("2026-12-02 00:00"))]
    assert districts.seats_on(district, "new") == [("box", at("2026-12-03 00:00"), None)]


def test_the_first_day_of_a_new_box_counts() -> None:
    """A box's first seat begins with its day: there was no other place."""
    district = made(seat(since="2026-12-02"))
    assert districts.place_of(district, "box", at("2026-12-01 23:59")) is None
    assert districts.place_of(district, "box", at("2026-12-02 00:00")) is not None


def test_a_box_that_came_back_has_two_times_on_the_line() -> None:
    """Three seats, two of them on the same line."""
    district = made(
        seat(), seat(circuit="other", since="2026-10-05"), seat(since="2026-11-02"), seat(agent="second")
    )
    assert districts.seats_on(district, "line") == [
        ("box", 0, at("2026-10-05 00:00")),
        ("box", at("2026-11-03 00:00"), None),
        ("second", 0, None),
    ]


def test_two_boxes_in_a_room_are_one_place() -> None:
    """A place is a room; a box without a room is one by itself."""
    assert seat("a", room="101").place == seat("b", room="101").place
    assert seat("a").place != seat("b").place


@pytest.mark.parametrize("asked", ["lincoln", "LINCOLN", "Lincoln High", " lincoln high ", "linc"])
def test_a_school_is_found_as_people_write_it(asked: str) -> None:
    """By id, by name, or by how its name begins."""
    assert districts.find_school(made(), asked) == LINCOLN


def test_schools_that_are_not_there_or_not_one_are_named() -> None:
    """The complaint lists the schools; of two it asks which; an empty name is no school."""
    both = District(
        settings=Settings(),
        schools=(LINCOLN, School(id="lincoln-el", name="Lincoln Elementary", students=300)),
        circuits=(),
    )
    with pytest.raises(LookupError, match=r"'Adams' is no school here; known: lincoln \(Lincoln High\)"):
        districts.find_school(made(), "Adams")
    with pytest.raises(LookupError, match=r"no school here; did you mean lincoln \(Lincoln High\)\?$"):
        districts.find_school(made(), "linclon")
    with pytest.raises(LookupError, match=r"more than one school.*lincoln-el"):
        districts.find_school(both, "Linc")
    assert districts.find_school(both, "lincoln-el").name == "Lincoln Elementary"
    assert districts.find_school(both, "lincoln-").name == "Lincoln Elementary", "an id begins with it"
    crowd = District(
        settings=Settings(),
        schools=tuple(School(id=f"s-{n}", name=f"School {n}", students=9) for n in range(40)),
        circuits=(),
    )
    with pytest.raises(LookupError, match=r"known: s-0 .* and 28 more$"):
        districts.find_school(crowd, "hogwarts")
    with pytest.raises(LookupError, match="no school"):
        districts.find_school(made(), " ")
    with pytest.raises(LookupError, match="known: lincoln"):
        districts.school_of(made(), "adams")


def test_the_line_of_a_day() -> None:
    """By its dates, both included; the backup only where there is no other."""
    first, last = date(2026, 7, 1), date(2027, 6, 30)
    year = Circuit(id="year", since=first, until=last, schools=("lincoln",))
    spare = Circuit(id="spare", role="backup", schools=("lincoln",))
    inside = Circuit(id="wan", kind="wan", schools=("lincoln",))
    district = made(circuits=(inside, spare, year))

    def line(day: date) -> str:
        found = districts.internet_of(district, "lincoln", day)
        return found.id if found else ""

    assert [line(first - timedelta(1)), line(first), line(last), line(last + timedelta(1))] == [
        "spare",
        "year",
        "year",
        "spare",
    ]
    assert districts.internet_of(district, "adams", first) is None


def test_utc_needs_no_zone_file() -> None:
    """The one zone that every machine knows; an unknown one is the caller's mistake."""
    assert districts.zone("UTC") is UTC
    with pytest.raises(LookupError):
        districts.zone("America/Atlantis")


def test_where_people_look_for_a_box() -> None:
    """Where it stands; on the day of a move where it is going; nowhere before its first day, or unheard of."""
    before, after = seat(circuit="old"), seat(circuit="new", since="2026-12-02")
    district = made(before, after, seat("later", since="2026-12-05"))

    def found(agent: str, when: str) -> Seat | None:
        return districts.whereabouts(district, agent, at(when))

    days = ("2026-12-01 23:00", "2026-12-02 12:00", "2026-12-03 12:00")
    assert [found("box", day) for day in days] == [before, after, after]
    assert found("later", "2026-12-04 12:00") is None
    assert found("later", "2026-12-05 12:00") is not None
    assert found("stranger", "2026-12-04 12:00") is None


def test_what_comes_a_month_late_lands_where_and_when_it_was_measured() -> None:
    """A backlog is placed by its own time, not by that of its arrival: before a move, in the old place."""
    district = made(seat(circuit="old", room="101"), seat(circuit="new", room="204", since="2026-12-02"))
    measured = at("2026-11-03 09:31")
    placed = districts.place_of(district, "box", measured)
    assert placed is not None
    assert (placed.room, placed.circuit) == ("101", "old")
    assert districts.period_of(LINCOLN, measured)[:2] == (date(2026, 11, 3), 3)
