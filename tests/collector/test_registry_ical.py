"""iCal files beside district.toml: days off, days that end early, series, and whatever else lies in such files."""

import sys
from contextlib import suppress
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import registry
from collector.questions.district import days_off
from collector.registry import ical, ical_apart
from firstbell import district as districts
from firstbell import folder as folders
from firstbell.calendar import Calendar
from firstbell.tables import FolderError

SCHOOLS = "id,name,students,calendar\nlincoln,Lincoln High,1080,high\nadams,Adams,300,\n"
TOML = """tz = "America/Chicago"
[calendars.high]
special = { 2026-12-17 = "11:00" }
also = [2026-11-28]
[calendars.high.bells]
regular = ["08:00-09:30 Block 1", "09:36-11:06 Block 2", "11:40-13:10 Block 3"]
"""


def text(*events: str) -> str:
    """An iCal file with these events, each of lines separated by bars."""
    body = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\n" + event.replace("|", "\r\n") + "\r\nEND:VEVENT\r\n"
        for n, event in enumerate(events)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\n{body}END:VCALENDAR\r\n"


def calendar(tmp_path: Path, *events: str, toml: str = TOML) -> Calendar:
    """The calendar of a folder with these events in high.ics, as it is read from the disk."""
    (tmp_path / "district.toml").write_text(toml)
    (tmp_path / "schools.csv").write_text(SCHOOLS)
    (tmp_path / "circuits.csv").write_text("id,schools\nline,lincoln adams\n")
    (tmp_path / "high.ics").write_bytes(text(*events).encode())
    return registry.read(tmp_path).district.schools[0].calendar


def on(day: str) -> date:
    """A date."""
    return date.fromisoformat(day)


THANKSGIVING = "DTSTART;VALUE=DATE:20261125|DTEND;VALUE=DATE:20261129|SUMMARY:Thanksgiving"


def test_events_of_whole_days_are_days_off(tmp_path: Path) -> None:
    """To the day before their end, with their name; what district.toml says of a day goes before."""
    here = calendar(tmp_path, THANKSGIVING)
    days = ["2026-11-24", "2026-11-25", "2026-11-27", "2026-11-28", "2026-11-30"]
    assert [here.is_school_day(on(day)) for day in days] == [True, False, False, True, True]
    assert here.why_off(on("2026-11-26")) == "Thanksgiving"


def test_a_day_without_an_end_and_a_series(tmp_path: Path) -> None:
    """One day, and every second Monday to a last one but for one that was taken out."""
    here = calendar(
        tmp_path,
        "DTSTART;VALUE=DATE:20261111|SUMMARY:Veterans Day",
        "DTSTART;VALUE=DATE:20260907|SUMMARY:Closed|RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20261005|EXDATE;VALUE=DATE:20260921",
    )
    days = ["2026-11-11", "2026-11-12", "2026-09-07", "2026-09-14", "2026-09-21", "2026-10-05", "2026-10-19"]
    assert [here.is_school_day(on(day)) for day in days] == [False, True, False, True, True, False, True]


def test_a_series_without_an_end_goes_on_for_a_year_after_the_last_day_named(tmp_path: Path) -> None:
    """So that the same text gives the same days, whenever it is read."""
    here = calendar(tmp_path, "DTSTART;VALUE=DATE:20261225|SUMMARY:Christmas|RRULE:FREQ=YEARLY")
    found = [here.is_school_day(on(day)) for day in ("2026-12-25", "2028-12-25")]
    assert found == [False, True]
    assert here.why_off(on("2027-12-25")) == "Christmas"


@pytest.mark.parametrize(
    "start", [":20261218T123000", ":20261218T183000Z", ";TZID=America/New_York:20261218T133000"]
)
def test_early_release_ends_class_when_it_begins(tmp_path: Path, start: str) -> None:
    """By the schools' clock, whatever zone the event was written in."""
    here = calendar(tmp_path, f"DTSTART{start}|SUMMARY:Early-Release Day")
    assert [bell.until for bell in here.bells(on("2026-12-18"))] == [time(9, 30), time(11, 6), time(12, 30)]
    assert here.is_school_day(on("2026-12-18"))


def test_early_release_by_category_and_by_bells(tmp_path: Path) -> None:
    """A whole day of it takes the bells called early; without them it is told, as nobody can know."""
    event = "DTSTART;VALUE=DATE:20261218|SUMMARY:Winter party|CATEGORIES:Half Day,Fun"
    with pytest.raises(FolderError, match=r"high\.ics: 2026-12-18 'Winter party' has no time"):
        calendar(tmp_path, event)
    here = calendar(tmp_path, event, toml=TOML + 'early = ["08:00-09:00 Block 1"]\n')
    assert [bell.until for bell in here.bells(on("2026-12-18"))] == [time(9)]


def test_what_the_settings_say_of_a_day_goes_before(tmp_path: Path) -> None:
    """An end at eleven that somebody wrote down is not overruled by a feed."""
    here = calendar(tmp_path, "DTSTART:20261217T123000|SUMMARY:Early release")
    assert here.bells(on("2026-12-17"))[-1].until == time(11)


def test_what_is_no_day_off(tmp_path: Path) -> None:
    """First and last days, a cancelled event, one with a time; with words, all that do not hold one."""
    others = (
        "DTSTART;VALUE=DATE:20260817|SUMMARY:First Day of School",
        "DTSTART;VALUE=DATE:20261020|SUMMARY:No school|STATUS:CANCELLED",
        "DTSTART;VALUE=DATE:20261022|SUMMARY:Snow day|STATUS:TENTATIVE",
        "DTSTART:20261021T180000|DTEND:20261021T200000|SUMMARY:Concert",
    )
    plain = calendar(tmp_path, *others)
    assert (plain.off, plain.early, plain.special) == ((), ((on("2026-12-17"), time(11)),), ())
    words = TOML.replace("also =", 'days_off_say = ["no school", "holiday"]\nalso =')
    here = calendar(
        tmp_path,
        "DTSTART;VALUE=DATE:20261022|SUMMARY:Picture day",
        "DTSTART;VALUE=DATE:20261023|SUMMARY:Teachers meet|CATEGORIES:No School",
        toml=words,
    )
    assert dict(here.off) == {on("2026-10-23"): "Teachers meet"}


@pytest.mark.parametrize("start", [":20261218T123000", ";VALUE=DATE:20261218"])
@pytest.mark.parametrize("name", ["NO early release today", "Not a half day", "No Early-Dismissal"])
def test_a_day_that_does_not_end_early_is_one_like_any_other(tmp_path: Path, start: str, name: str) -> None:
    """Neither cut nor off."""
    here = calendar(tmp_path, f"DTSTART{start}|SUMMARY:{name}")
    assert here.is_school_day(on("2026-12-18"))
    assert here.bells(on("2026-12-18")) == here.usual_bells


@pytest.mark.parametrize("clock", ["000000", "070000", "092900"])
def test_no_day_ends_before_its_first_class_has(tmp_path: Path, clock: str) -> None:
    """A time that can't be the end of class is told; with bells called early the day has those."""
    event = f"DTSTART:20261218T{clock}|SUMMARY:Half day"
    with pytest.raises(FolderError, match=r"high\.ics: 2026-12-18 'Half day' begins before the first class"):
        calendar(tmp_path, event)
    here = calendar(tmp_path, event, toml=TOML + 'early = ["08:00-09:00 Block 1"]\n')
    assert [bell.until for bell in here.bells(on("2026-12-18"))] == [time(9)]
    weekend = calendar(tmp_path, event.replace("20261218", "20261219"))
    assert weekend.bells(on("2026-12-19")) == weekend.usual_bells


def test_check_says_how_many_days_a_calendar_takes(tmp_path: Path) -> None:
    """And which events those are where they are so many that some may be none."""
    calendar(tmp_path, THANKSGIVING)
    assert days_off(registry.read(tmp_path)) == [
        "With high.ics the calendar high has 3 days off from July 2026 on."
    ]
    calendar(
        tmp_path, THANKSGIVING, "DTSTART;VALUE=DATE:20260901|DTEND;VALUE=DATE:20261224|SUMMARY:Fall semester"
    )
    (said,) = days_off(registry.read(tmp_path))
    assert "which is a lot: most of them are Fall semester (8" in said
    assert "days_off_say" in said


def test_a_calendar_that_was_only_downloaded_again_is_the_same(tmp_path: Path) -> None:
    """The stamps of its download make no other folder; a day that changed does."""
    found = []
    for stamp, day in (("20261101T000000Z", 25), ("20261102T000000Z", 25), ("20261102T000000Z", 26)):
        stamps = f"DTSTAMP:{stamp}|LAST-MODIFIED;X=1:{stamp}| folded|CREATED:{stamp}|DESCRIPTION:DTSTAMP:1"
        calendar(tmp_path, f"DTSTART;VALUE=DATE:202611{day}|SUMMARY:Off|{stamps}")
        found.append(registry.read(tmp_path))
    first, again, changed = (folder.district.digest for folder in found)
    assert first == again != changed
    assert "DESCRIPTION:DTSTAMP:1" in found[0].contents["high.ics"]
    assert registry.again(found[0].contents) == found[0].district


def test_a_file_alone_is_a_calendar(tmp_path: Path) -> None:
    """`default.ics` is that of all schools which name none, and needs no line in district.toml."""
    calendar(tmp_path, THANKSGIVING)
    (tmp_path / "high.ics").rename(tmp_path / "default.ics")
    adams = registry.read(tmp_path).district.schools[1]
    assert not districts.is_school_day(adams, on("2026-11-25"))
    assert districts.period_of(adams, districts.midnight_ns(adams, on("2026-11-25"))).name == "day off, night"


def test_the_kept_texts_give_the_same_district_again(tmp_path: Path) -> None:
    """With the iCal file among them; without a reader of such it is refused, not read without."""
    calendar(tmp_path, THANKSGIVING)
    found = registry.read(tmp_path)
    assert "high.ics" in found.contents
    assert registry.again(found.contents) == found.district
    with pytest.raises(FolderError, match=r"high\.ics: is an iCal file, and nothing here reads such"):
        folders.parse(found.contents)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "is no iCal file that can be read"),
        ("<html>", "is no iCal file that can be read"),
        (text("SUMMARY:x"), "is no iCal file that can be read"),
        (text("DTSTART:yesterday|SUMMARY:x"), "is no iCal file that can be read"),
        (text("DTSTART:20260101T000000|RRULE:FREQ=SECONDLY"), "more than once a day"),
        (text("DTSTART:20260101T000000|RRULE:FREQ=DAILY;BYHOUR=8,9"), "more than once a day"),
        (text("DTSTART;VALUE=DATE:19000101", "DTSTART;VALUE=DATE:20260101"), "more than 15 years"),
        (text("DTSTART;VALUE=DATE:20260101|DTEND;VALUE=DATE:20280101|SUMMARY:x"), "lasts 730 days"),
    ],
)
def test_files_that_are_none(tmp_path: Path, body: str, said: str) -> None:
    """Each is told under its name, and the folder is not half-loaded."""
    calendar(tmp_path)
    (tmp_path / "high.ics").write_text(body)
    with pytest.raises(FolderError) as caught:
        registry.read(tmp_path)
    (problem,) = caught.value.problems
    assert str(problem).startswith("high.ics: ")
    assert said in problem.what


EVERY_DAY = "DTSTART;VALUE=DATE:20260101|SUMMARY:x|RRULE:FREQ=DAILY;UNTIL=20381231"


def test_a_file_that_asks_for_much_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of daily series ask for a million days: a problem of that file, in the time it may take."""
    monkeypatch.setattr(ical_apart, "MOST_S", 0.6)
    with pytest.raises(FolderError, match=r"takes longer than 0\.6 seconds to read"):
        calendar(tmp_path, *[EVERY_DAY] * 300)


def test_long_days_off_are_bounded_together(tmp_path: Path) -> None:
    """Two hundred events of a year each are no school's: refused, not walked through one over the other."""
    year = "DTSTART;VALUE=DATE:20260101|DTEND;VALUE=DATE:20270101|SUMMARY:x"
    with pytest.raises(FolderError, match=r"high\.ics: its events last 73000 days together"):
        calendar(tmp_path, *[year] * 200)


def test_a_file_that_takes_too_much_memory_is_a_problem_of_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process dies without a word, and that is told."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(FolderError, match=r"high\.ics: its reader gave up"):
        calendar(tmp_path, "DTSTART;VALUE=DATE:20261106|SUMMARY:a file that nobody has read yet")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(FolderError, match=r"high\.ics: can't be read now: No such file"):
        calendar(tmp_path, "DTSTART;VALUE=DATE:20261106|SUMMARY:a file that nobody has read yet")


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another table was changed: the calendar is not read again."""
    before = calendar(tmp_path, THANKSGIVING)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert calendar(tmp_path, THANKSGIVING) == before


LINES = st.sampled_from(
    [
        "DTSTART;VALUE=DATE:20261125",
        "DTSTART:20261125T120000Z",
        "DTEND;VALUE=DATE:20261120",
        "DURATION:P3D",
        "DURATION:-PT1H",
        "RRULE:FREQ=DAILY;COUNT=9",
        "RRULE:FREQ=MONTHLY;BYDAY=-1XX",
        "RRULE:FREQ=YEARLY;UNTIL=99991231",
        "RDATE:20261201",
        "EXDATE:20261125",
        "RECURRENCE-ID:20261125",
        "SUMMARY:Early release",
        "BEGIN:VEVENT",
        "END:VEVENT",
        "END:VCALENDAR",
        "X;Y=",
        "DTSTART;TZID=Nowhere/Land:20261125T120000",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES | st.text(max_size=12), max_size=8))
def test_whatever_lies_in_the_file(lines: list[str]) -> None:
    """It is read, or refused with a sentence; nothing else is ever raised."""
    with suppress(ValueError):
        ical.read(text("|".join(lines)))
