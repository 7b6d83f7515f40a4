"""The grid of class periods and weekdays, where bells differ from day to day."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from collector.questions import seen
from firstbell import folder
from firstbell.district import NS
from firstbell.readiness.links.availability import Lost, Uptime

TOML = """tz = "America/Chicago"
[calendars.default]
terms = ["2026-08-17 to 2027-05-28"]
cycle = ["A", "B"]
[calendars.default.bells]
A = ["08:00-09:30 Block 1", "09:36-11:06 Block 3"]
B = ["08:00-09:30 Block 2", "09:36-11:06 Block 4"]
"""


def test_a_time_of_day_has_one_line_whatever_its_letter() -> None:
    """What was lost on A and on B days stands in the line of its time of day, under both names."""
    contents = {
        "district.toml": TOML,
        "schools.csv": "id,name,students\nlincoln,Lincoln High,1080\n",
        "circuits.csv": "id,schools\nline,lincoln\n",
    }
    school = folder.parse(contents).schools[0]
    now_ns = int(datetime(2026, 8, 31, 20, tzinfo=ZoneInfo("America/Chicago")).timestamp()) * NS
    # Monday 2026-08-17 is an A day, the Tuesday after it a B day.
    lost = (
        Lost(day=date(2026, 8, 17), period="Block 1", minutes=5),
        Lost(day=date(2026, 8, 18), period="Block 2", minutes=7),
        Lost(day=date(2026, 8, 18), period="Block 4", minutes=9),
    )
    uptime = Uptime(days=10, clean=8, minutes=21, outages=3, longest_minutes=9, student_hours=378, lost=lost)
    grid = seen.up(school, uptime, now_ns)
    assert grid is not None
    assert [(line.name, line.begins, [cell.value for cell in line.cells]) for line in grid.lines] == [
        ("Block 1 / Block 2", "8:00", [5, 7, 0, 0, 0]),
        ("Block 3 / Block 4", "9:36", [0, 9, 0, 0, 0]),
    ]
