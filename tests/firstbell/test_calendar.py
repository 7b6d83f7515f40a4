"""Calendars: days with and without school, bells, A and B days, and the days on which clocks change."""

from collections import Counter
from datetime import date, datetime, time, timedelta
from itertools import islice
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell import calendar as calendars
from firstbell import district as districts
from firstbell import folder
from firstbell.calendar import Bell, Calendar
from firstbell.district import NS, School
from firstbell.tables import FolderError

YEAR = """
tz = "America/Chicago"
[calendars.default]
terms = ["2025-08-18 to 2026-05-29", "2026-08-17 to 2027-05-28"]
holidays = ["2026-09-07 Labor Day", "2026-11-25 to 2026-11-27 Thanksgiving"]
also = [2026-12-05]
by_weekday = { wed = "late" }
special = { 2026-12-18 = "12:30", 2026-12-17 = "late" }
[calendars.default.bells]
regular = ["07:40-09:10 Block 1", "09:10-10:40 Block 2", "11:20-12:50 Block 3"]
late = ["08:40-10:00 Block 1", "10:06-11:20 Block 2", "11:50-13:06 Block 3"]
"""
AB = """
tz = "America/Chicago"
[calendars.default]
terms = ["2026-08-17 to 2027-05-28"]
holidays = ["2026-09-07"]
cycle = ["A", "B"]
[calendars.default.bells]
A = ["08:00-09:30 Block 1", "09:36-11:06 Block 3"]
B = ["08:00-09:30 Block 2", "09:36-11:06 Block 4"]
"""


def school(toml: str = YEAR) -> School:
    """The one school of a folder with this district.toml."""
    contents = {
        "district.toml": toml,
        "schools.csv": "id,name,students\nlincoln,Lincoln High,1080\n",
        "circuits.csv": "id,schools\nline,lincoln\n",
    }
    return folder.parse(contents).schools[0]


def at(text: str, tz: str = "America/Chicago", fold: int = 0) -> int:
    """Nanoseconds since 1970 UTC of a local time like `2026-12-01 06:30`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold).timestamp()) * NS


def said(place: School, text: str) -> tuple[int, str, bool]:
    """Slot, name and whether it is class, of the period at a local time."""
    return districts.period_of(place, at(text, place.tz))[1:]


def test_there_is_school_in_terms_on_weekdays_without_holidays() -> None:
    """First and last days belong to the year; a Saturday can be a day of school; both years are known."""
    here = school()
    days = {
        "2026-08-16": False,
        "2026-08-17": True,
        "2026-09-07": False,
        "2026-11-24": True,
        "2026-11-25": False,
        "2026-11-27": False,
        "2026-11-30": True,
        "2026-12-05": True,
        "2026-12-06": False,
        "2027-05-28": True,
        "2027-05-31": False,
        "2026-05-29": True,
        "2026-06-15": False,
    }
    assert {day: districts.is_school_day(here, date.fromisoformat(day)) for day in days} == days


def test_a_day_off_says_why() -> None:
    """A holiday's name, the weekend, or that it lies outside the year."""
    calendar = school().calendar
    days = ["2026-09-07", "2026-12-06", "2026-07-01", "2026-12-05"]
    assert [calendar.why_off(date.fromisoformat(day)) for day in days] == [
        "Labor Day",
        "weekend",
        "vacation",
        "",
    ]


def test_bells_by_weekday_and_on_single_days() -> None:
    """Wednesdays begin late, one Thursday does as well, and one Friday ends at noon and a half."""
    here = school()
    assert said(here, "2026-12-01 08:00") == (2, "Block 1", True)
    assert said(here, "2026-12-02 08:00") == (1, "before school", False)
    assert said(here, "2026-12-17 08:39") == (1, "before school", False)
    assert said(here, "2026-12-18 12:29") == (4, "Block 3", True)
    assert said(here, "2026-12-18 12:30") == (5, "late afternoon", False)
    assert said(here, "2026-12-01 12:49") == (4, "Block 3", True)


def test_a_break_is_no_class_and_has_one_number_all_day() -> None:
    """Lunch and the minutes between two bells are told apart from class, and from other times of day."""
    here = school()
    assert said(here, "2026-12-01 11:00") == (7, "between classes", False)
    assert said(here, "2026-12-02 10:03") == (7, "between classes", False)
    assert said(here, "2026-12-01 20:00") == (6, "evening", False)


def test_days_off_are_quiet_all_day() -> None:
    """The same times of day by number, and none of them class."""
    here = school()
    assert said(here, "2026-11-26 08:00") == (2, "day off, daytime 1", False)
    assert said(here, "2026-12-06 08:00") == (2, "weekend, daytime 1", False)
    assert said(here, "2026-07-07 03:00") == (0, "day off, night", False)
    assert districts.class_spans(here, date(2026, 11, 26)) == []


def test_a_and_b_days_follow_each_other_over_weekends_and_holidays() -> None:
    """A holiday takes no turn: what would have been its letter comes on the next school day."""
    here = school(AB)
    letters = [
        here.calendar.schedule_of(day) for day in islice(districts.school_days(here, date(2026, 9, 2)), 5)
    ]
    # From Monday 2026-08-17, A; the 13th school day, Wednesday 2026-09-02, is A again; Monday 7th is off.
    assert letters == ["A", "B", "A", "B", "A"]
    assert said(here, "2026-09-04 08:00")[1] == "Block 1"
    assert said(here, "2026-09-08 08:00")[1] == "Block 2"


def test_a_cycle_can_begin_on_any_day_and_runs_both_ways() -> None:
    """Before the day that somebody named, the letters go on backwards."""
    toml = AB.replace('terms = ["2026-08-17 to 2027-05-28"]', "cycle_from = 2026-09-08")
    here = school(toml)
    days = ["2026-09-03", "2026-09-04", "2026-09-08", "2026-09-09"]
    assert [here.calendar.schedule_of(date.fromisoformat(day)) for day in days] == ["A", "B", "A", "B"]


def test_three_letters_go_backwards_before_the_day_that_somebody_named() -> None:
    """The school day before an A is a C, and before that a B."""
    toml = AB.replace('terms = ["2026-08-17 to 2027-05-28"]', "cycle_from = 2026-09-08")
    toml = toml.replace('cycle = ["A", "B"]', 'cycle = ["A", "B", "C"]') + 'C = ["08:00-09:30 Block 5"]\n'
    days = ["2026-09-02", "2026-09-03", "2026-09-04", "2026-09-08", "2026-09-09"]
    here = school(toml)
    assert [here.calendar.schedule_of(date.fromisoformat(day)) for day in days] == ["A", "B", "C", "A", "B"]


def test_a_period_that_would_begin_when_class_ends_is_none() -> None:
    """Class that ends at ten has no period from ten on, and all of the one before."""
    bells = (Bell(time(8), time(10), "1"), Bell(time(10), time(12), "2"))
    assert calendars.cut(bells, time(10)) == bells[:1]


def test_the_fullest_day_may_be_a_special_one() -> None:
    """So that no slot of it is the late afternoon's of another day."""
    bells = tuple(Bell(time(8 + n), time(9 + n), str(n)) for n in range(6))
    assert Calendar(special=((date(2026, 12, 18), bells),)).most_periods == 6


def test_a_corrected_bell_corrects_the_past() -> None:
    """The same moment, asked again after the schedule was mended, lies in another period."""
    when = "2026-10-06 09:20"
    assert said(school(), when)[1] == "Block 2"
    assert said(school(YEAR.replace("09:10", "09:30")), when)[1] == "Block 1"


def test_school_days_end_with_the_calendar() -> None:
    """Nobody waits for ever for a school day behind the last one."""
    here = school()
    assert list(districts.school_days(here, date(2027, 5, 27))) == [date(2027, 5, 27), date(2027, 5, 28)]
    assert list(districts.school_days(here, date(2027, 6, 1))) == []
    assert next(districts.school_days(here, date(2027, 6, 1), -1)) == date(2027, 5, 28)
    assert list(districts.school_days(here, date(2025, 8, 19), -1)) == [date(2025, 8, 19), date(2025, 8, 18)]


def test_a_long_cycle_looks_at_each_day_once() -> None:
    """A cycle that began in 1970 names a month of days in the time of one."""
    here = school(AB.replace('terms = ["2026-08-17 to 2027-05-28"]', "cycle_from = 1970-01-01"))
    begun = process_time()
    names = [
        here.calendar.schedule_of(day) for day in islice(districts.school_days(here, date(2026, 10, 1)), 22)
    ]
    assert process_time() - begun < 0.5
    assert names in (["A", "B"] * 11, ["B", "A"] * 11)


def test_a_calendar_without_school_is_soon_at_its_end() -> None:
    """After more than a year without school nobody looks on, be it for another seventy years."""
    here = school("[calendars.default]\nweekdays = []\nalso = [2026-01-05, 2027-02-08, 2099-01-01]\n")
    assert list(districts.school_days(here, date(2026, 1, 1))) == [date(2026, 1, 5), date(2027, 2, 8)]
    assert list(districts.school_days(here, date(2098, 1, 1), -1)) == []


def test_the_window_reaches_back_over_the_summer() -> None:
    """Thirty school days before the fourth of a year lie in the spring; before the first year, in plain weeks."""
    here = school()
    assert districts.window_begins(here, date(2026, 8, 20), 30) == date(2026, 4, 24)
    assert districts.window_begins(here, date(2025, 8, 19), 4) == date(2025, 8, 14)
    assert districts.window_begins(here, date(2024, 8, 19), 2) == date(2024, 8, 16)


def spans(tz: str, day: str, *bells: str) -> list[tuple[str, str]]:
    """The local beginnings and ends of class, with their offsets from UTC."""
    toml = f'tz = "{tz}"\n[calendars.default]\nweekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]\n'
    here = school(f"{toml}[calendars.default.bells]\nregular = {list(bells)}\n")

    def local(at_ns: int) -> str:
        return datetime.fromtimestamp(at_ns // NS, ZoneInfo(tz)).strftime("%H:%M%z")

    found = districts.class_spans(here, date.fromisoformat(day))
    return [(local(begin), local(end)) for begin, end, _ in found]


def test_a_period_that_does_not_exist() -> None:
    """Where the clock is put forward, a period within the lost hour is none, and one across it is shorter."""
    assert spans("America/Chicago", "2027-03-14", "02:10-02:50 Late") == []
    assert spans("America/Chicago", "2027-03-14", "01:30-03:30 Late") == [("01:30-0600", "03:30-0500")]
    assert spans("America/Chicago", "2027-03-14", "08:00-09:00 One") == [("08:00-0500", "09:00-0500")]


def test_a_period_that_exists_twice() -> None:
    """Where it is put back, a period within the hour comes twice, and one across it lasts an hour more."""
    assert spans("America/Chicago", "2026-11-01", "01:10-01:40 Late") == [
        ("01:10-0500", "01:40-0500"),
        ("01:10-0600", "01:40-0600"),
    ]
    assert spans("America/Chicago", "2026-11-01", "00:30-02:30 Late") == [("00:30-0500", "02:30-0600")]


def test_a_clock_that_changes_at_midnight() -> None:
    """The day has no first hour; what lies in it is none, and the rest is where it should be."""
    assert spans("America/Havana", "2026-03-08", "00:10-00:50 Early", "08:00-09:00 One") == [
        ("08:00-0400", "09:00-0400")
    ]


@settings(max_examples=60)
@given(
    st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    st.sampled_from(["America/Chicago", "America/Havana", "Australia/Lord_Howe", "Europe/Dublin", "UTC"]),
    st.sampled_from([("00:20-01:30 Early", "01:40-03:10 Late"), ("08:00-09:00 One",)]),
)
def test_class_is_where_the_period_says_class(day: date, tz: str, bells: tuple[str, ...]) -> None:
    """Every five minutes of any day, whatever its clock does: spans and periods tell the same."""
    toml = f'tz = "{tz}"\n[calendars.default]\nweekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]\n'
    here = school(f"{toml}[calendars.default.bells]\nregular = {list(bells)}\n")
    inside = districts.class_spans(here, day)
    begin, end = districts.midnight_ns(here, day), districts.midnight_ns(here, day + timedelta(days=1))
    for at_ns in range(begin, end, 300 * NS):
        period = districts.period_of(here, at_ns)
        assert period.day == day
        assert period.in_class == any(first <= at_ns < last for first, last, _ in inside)


@pytest.mark.parametrize("toml", [YEAR, AB])
def test_a_number_is_one_time_of_day(toml: str) -> None:
    """On all days of a year: slots rise through the day, and class never shares one with anything else."""
    here = school(toml)
    kinds = Counter[tuple[int, bool]]()
    for n in range(365):
        day = date(2026, 8, 1) + timedelta(days=n)
        parts = here.calendar.stretches(day)
        slots = [part.slot for part in parts if part.name != "between classes"]
        assert slots == sorted(set(slots))
        assert parts[0].since == time()
        kinds.update({(part.slot, part.in_class) for part in parts})
    assert len({slot for slot, _ in kinds}) == len(kinds)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('terms = ["2026-08-17"]\nterms = []', "is no TOML"),
        ('terms = ["next fall"]', "calendars.x: terms: 'next fall' is neither a day, as 2026-09-07"),
        ('terms = ["2026-08-17 to 2026-08-01"]', "ends before it begins"),
        ('terms = ["2026-08-17 to 2036-08-01"]', "more than 400 days"),
        ('terms = ["2026-01-01 to 2026-06-01", "2026-06-01 to 2026-08-01"]', "has ended"),
        ('holidays = ["2026-02-30"]', "neither a day"),
        ('holidays = ["2026-09-07 a\\u202eb"]', "neither a day"),
        ('weekdays = ["monday"]', "'monday' is no weekday; known: mon"),
        ('bells = { a = ["8:00-9:00 One"] }', "is no period, as '08:00-08:50 Period 1'"),
        ('bells = { a = ["09:00-08:00 One"] }', "ends before it begins"),
        ('bells = { a = ["25:00-26:00 One"] }', "is no period"),
        ('bells = { a = ["08:00-09:00 One", "08:30-09:30 Two"] }', "Two begins before One has ended"),
        ("bells = { a = [] }", "has no period"),
        ('usual = "late"', "'late' is none of its bells: quarters"),
        ('by_weekday = { wed = "late" }', "'late' is none of its bells"),
        ('cycle = ["quarters"]', "cycle wants terms, or cycle_from"),
        ('special = { 2026-12-18 = "noon" }', "'noon' is neither a time, as 12:30, nor one of its bells"),
        ('special = { friday = "12:30" }', "'friday' is no day"),
        ('holiday = ["2026-09-07"]', "is no setting; did you mean holidays?"),
        ("cycle_from = 0206-09-01", "cycle_from: 0206-09-01 is no day of the years 1970 to 2099"),
        ("also = [2026-09-12, 9999-12-31]", "also[2]: 9999-12-31 is no day"),
        ('special = { 9999-12-31 = "12:30" }', "'9999-12-31' is no day"),
        ('holidays = ["0206-09-07"]', "is neither a day"),
        ("weekdays = []", "weekdays is empty, so that no day has school"),
    ],
)
def test_wrong_calendars(toml: str, said: str) -> None:
    """Each mistake is told in district.toml, in words that say what would be right."""
    with pytest.raises(FolderError) as caught:
        school(f"[calendars.x]\n{toml}\n")
    assert all(str(problem).startswith("district.toml") for problem in caught.value.problems)
    assert any(said in str(problem) for problem in caught.value.problems)


def test_a_wrong_setting_is_told_with_its_line() -> None:
    """In the calendar where it stands, not in the one above it."""
    toml = """tz = "UTC"
[calendars.middle]
terms = ["2026-08-17 to 2027-05-28"]
[calendars.high]
terms = ["2026-08-17 to 2027-05-28"]
holidays = ["Labor Day"]
[calendars.high.bells]
regular = ["08:00-07:00 One"]
"""
    with pytest.raises(FolderError) as caught:
        school(toml)
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [
        ("district.toml", 6),
        ("district.toml", 8),
    ]


def test_a_school_takes_the_calendar_that_it_names() -> None:
    """By the column; an unknown one is told with what was meant."""
    contents = {
        "district.toml": '[calendars.high]\nterms = ["2026-08-17 to 2027-05-28"]\n',
        "schools.csv": "id,name,students,calendar\na,A,10,high\nb,B,10,\n",
        "circuits.csv": "id,schools\nline,a b\n",
    }
    found = folder.parse(contents).schools
    assert [place.calendar.name for place in found] == ["high", "default"]
    contents["schools.csv"] = "id,name,students,calendar\na,A,10,hihg\nb,B,10,\n"
    with pytest.raises(FolderError, match=r"line 2: calendar names 'hihg'.*did you mean high"):
        folder.parse(contents)


def test_a_wrong_calendar_starts_no_flood() -> None:
    """Where district.toml can't be read, nobody is told that its calendars are unknown."""
    contents = {
        "district.toml": "[calendars.high]\nholidy = []\n",
        "schools.csv": "id,name,students,calendar\na,A,10,high\n",
        "circuits.csv": "id,schools\nline,a\n",
        "high.ics": "",
    }
    with pytest.raises(FolderError) as caught:
        folder.parse(contents)
    assert [problem.file for problem in caught.value.problems] == ["district.toml"]
    contents["district.toml"] = 'name = "Maple Valley"\n'
    with pytest.raises(FolderError) as caught:
        folder.parse(contents)
    assert [problem.file for problem in caught.value.problems] == ["high.ics"]
