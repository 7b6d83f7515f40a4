"""A school's answer: what it says, how sure it is, what was seen when, and what we used of its line."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from collector import registry
from collector.cli import school as command
from collector.questions import school
from collector.questions.said import line_of
from collector.questions.school import School
from collector.questions.seen import shade, size
from firstbell.report import LimitedBy, Status
from tests.collector.questions import planted
from tests.collector.workbench import NOW_NS, Bench

ASH = {"ash": 400}


def asked(bench: Bench, folder: registry.Folder, years: int | None = None) -> School:
    """Can Ash teach 1:1 flex, now?"""
    targets = registry.targets()
    return school.ask(bench.reads, folder, targets, school="ash", model="flex", years=years, as_of_ns=NOW_NS)


def test_a_school_says_what_it_carries_how_we_know_and_what_to_do(bench: Bench, tmp_path: Path) -> None:
    """Just short: the sentence, the panels, the steps and the terms of how sure it is."""
    folder = planted.write(tmp_path / "d", ASH, {"ash": 500})
    planted.send(bench, "ash", planted.quiet(300))
    said = asked(bench, folder)
    assert said.question == "Can Ash teach 1:1 flex through fall 2029?"
    assert (said.label, said.on_paper) == ("Just short", False)
    assert said.headline.startswith("The internet line carries at least 300")
    assert said.paper.label == "Ready until fall 2028"
    assert [step.title for step in said.steps] == [
        "Ask whoever sells the internet line why it carries so little.",
        "Order 1,000\u00a0Mbit/s for the internet line.",
        "Until then, begin with fewer people.",
    ]
    assert said.sure == "fairly sure"
    assert {"Checks", "Days", "When", "Where"} <= {term.term for term in said.sure_because}


def full_rooms(bench: Bench, home: Path) -> registry.Folder:
    """Ash's line carries all it needs; the air of its one room that was checked, of two, is full in class."""
    planted.write(home, ASH, {"ash": 1000})
    rooms = "school,room,name,seats\nash,204,Room 204,20\nash,205,Room 205,30\n"
    (home / "rooms.csv").write_text(rooms, encoding="utf-8")
    (home / "seats.csv").write_text("agent,school,room,circuit\nbox-ash,ash,204,line-ash\n", encoding="utf-8")
    air = [
        msgspec.structs.replace(
            planted.check(day.replace(hour=hour), 0), probe="wifi_air", target="", readings={"busy_pct": 90.0}
        )
        for day in planted.days_before(7)
        for hour in range(8, 15)
    ]
    planted.send(bench, "ash", [*planted.quiet(950), *air])
    return registry.read(home)


def test_how_sure_and_how_we_know_speak_of_the_link_that_stops_the_school(
    bench: Bench, tmp_path: Path
) -> None:
    """Its rooms do: their count and their working stand there, not the line's checks."""
    said = asked(bench, full_rooms(bench, tmp_path / "d"), years=0)
    assert said.headline.startswith("0 of 1 checked room carry a class")
    assert said.measured.heading == "Measured: Wi-Fi by room"
    assert any(text.startswith("Room 204: channel busy 90 %") for text in said.measured.working)
    assert not any("payload" in text for text in said.measured.working)
    assert [(term.term, term.text) for term in said.sure_because[:2]] == [
        ("Link", "Wi-Fi by room"),
        ("Counted", "0 rooms that carry their class, of 1 checked; 1 are needed"),
    ]
    assert said.sure == "fairly sure"


def test_rooms_that_nobody_checked_are_not_short(bench: Bench, tmp_path: Path) -> None:
    """The bar is drawn against the rooms checked; the others stand beside it in words."""
    answer = asked(bench, full_rooms(bench, tmp_path / "d"), years=0).answer
    wifi = next(link for link in answer.links if link.link == "wifi")
    assert (wifi.have, wifi.need, wifi.measured.need) == (0, 1, 1)
    assert wifi.note.endswith("1 not checked")


def test_checks_outside_class_and_in_it_are_counted_apart(bench: Bench, tmp_path: Path) -> None:
    """What is left over in class is no check of what the line carries."""
    folder = planted.write(tmp_path / "d", ASH, {"ash": 500})
    lessons = [planted.check(day.replace(hour=10), 200) for day in planted.days_before(7)]
    planted.send(bench, "ash", [*planted.quiet(300), *lessons])
    terms = {term.term: term.text for term in asked(bench, folder).sure_because}
    assert terms["Checks"] == "15 outside class and 5 in class, 0 left out"


def test_before_its_first_check_paper_is_the_headline(bench: Bench, tmp_path: Path) -> None:
    """The contract is all there is, and the page says so."""
    said = asked(bench, planted.write(tmp_path / "d", ASH, {"ash": 500}))
    assert said.on_paper
    assert said.sure == "not sure yet"


def test_checks_of_a_line_that_is_no_more_are_named(bench: Bench, tmp_path: Path) -> None:
    """A line replaced yesterday begins again, and the older checks are said to be old."""
    since = (planted.NOW - timedelta(days=1)).date().isoformat()
    folder = planted.write(tmp_path / "d", ASH, {"ash": 500}, since=since)
    planted.send(bench, "ash", planted.quiet(300))
    said = asked(bench, folder)
    assert said.changed.startswith("15 older checks")
    assert not said.on_paper


def test_the_grid_holds_the_lowest_of_each_class_period(bench: Bench, tmp_path: Path) -> None:
    """Two Thursdays' second period: the lower one stands; an outage beats any value; the rest is empty."""
    folder = planted.write(tmp_path / "d", ASH, {"ash": 500})
    days = planted.days_before(14)
    thursdays = [day for day in days if day.weekday() == 3]
    friday = next(day for day in days if day.weekday() == 4)
    tests = [
        planted.check(thursdays[0].replace(hour=10), 200),
        planted.check(friday.replace(hour=8), 400),
        planted.check(thursdays[1].replace(hour=10), 250),
    ]
    planted.send(bench, "ash", sorted(tests, key=lambda test: test.at_ns))
    seen = asked(bench, folder).seen
    assert seen is not None
    cells = {
        (line.name, day): cell for line in seen.lines for day, cell in zip(seen.days, line.cells, strict=True)
    }
    filled = {key: (cell.kind, round(cell.value or 0)) for key, cell in cells.items() if cell.kind != "none"}
    assert filled == {("2", "Thu"): ("q4", 200), ("1", "Fri"): ("q1", 400)}


def test_the_grid_holds_nothing_against_the_line_that_the_box_was_the_limit_of(
    bench: Bench, tmp_path: Path
) -> None:
    """A box's 200 beside the line's own 2,700 is left aside; alone in its cell it is marked, and not shaded."""
    folder = planted.write(tmp_path / "d", ASH, {"ash": 3000})
    days = planted.days_before(28)
    lessons = [day.replace(hour=hour) for day in days for hour in (8, 10, 14)]
    alone = [lesson for lesson in lessons if lesson.weekday() == 4 and lesson.hour == 8]
    tests = [
        planted.check(lesson, 200, limited_by=LimitedBy.PORT)
        if lesson in alone or lesson < days[5]
        else planted.check(lesson, 2700)
        for lesson in lessons
    ]
    planted.send(bench, "ash", sorted(tests, key=lambda test: test.at_ns))
    said = asked(bench, folder)
    assert said.seen is not None
    line = line_of(said.answer)
    left = line.sides[0].left_over.bound if line else None
    assert left is not None
    cells = [cell for row in said.seen.lines for cell in row.cells if cell.value is not None]
    assert len(cells) == 15
    low = [cell for cell in cells if (cell.value or 0) < 0.9 * left.mbps]
    assert [(cell.kind, cell.value, cell.at_least) for cell in low] == [("q1", 200, True)]
    assert "\u2265: something else than the line was the limit" in said.seen.sentence


def test_what_our_own_checks_took_yesterday_is_said(bench: Bench, tmp_path: Path) -> None:
    """Seconds and bytes of the day before, of failed checks too; none of the days around it."""
    folder = planted.write(tmp_path / "d", ASH, {"ash": 500})
    noon = planted.NOW.replace(hour=12, minute=0)
    hours = [noon - timedelta(days=n) for n in (2, 1, 0)]
    tests = [planted.check(at, 300) for at in hours]
    failed = planted.check(
        hours[1] + timedelta(hours=1), 0, status=Status.FAILED, reason="403", readings={}, limited_by=None
    )
    planted.send(bench, "ash", [*tests[:2], failed, tests[2]])
    used = asked(bench, folder).used
    assert (used.checks, used.seconds, used.bytes) == (2, 3.0, 500_000_000)
    assert used.sentence == "First Bell itself used 3 seconds of Ash's line yesterday, for 500\u00a0MB."


@pytest.mark.parametrize(("value", "kind"), [(510, 1), (490, 1), (485, 2), (460, 3), (420, 4)])
def test_shades_fall_evenly_from_best_to_worst(value: float, kind: int) -> None:
    """Four shades between the best and the worst value seen."""
    assert shade(value, 420, 510) == kind


def test_values_that_are_the_same_are_one_shade() -> None:
    """A tenth of a per cent is no darker grey."""
    assert shade(499.5, 499.5, 500) == 1


@pytest.mark.parametrize(
    ("taken", "text"), [(0, "0\u00a0bytes"), (999, "1,000\u00a0bytes"), (1.24e9, "1.2\u00a0GB")]
)
def test_sizes(taken: float, text: str) -> None:
    """Two figures and a unit."""
    assert size(taken) == text


def test_a_class_that_was_played_is_on_the_answer_the_page_and_the_command(
    bench: Bench, tmp_path: Path
) -> None:
    """About 210 of 400 students at once: through the real intake to the sentence, the chain, and how we know."""
    folder = planted.write(tmp_path / "d", ASH, {"ash": 500})
    played = [
        msgspec.structs.replace(
            planted.check(day.replace(hour=17), 0),
            probe="capacity",
            target="hub",
            readings={
                "students_ok": 214,
                "students_ok_high": 220,
                "students_at_least": False,
                "student_mbps": 0.76,
            },
        )
        for day in planted.days_before(7)
    ]
    planted.send(bench, "ash", [*planted.quiet(300), *played])
    said = asked(bench, folder)
    assert said.answer.at_once.startswith(
        "The line carries about 210 of 400 students at once today (tried on "
    )
    link = next(link for link in said.answer.links if link.link == "students")
    assert (link.have, link.need, link.measured.state.short) == (214, 340, True)
    assert "students at once" not in said.not_measured
    text = command.text(said)
    assert "carries about 210 of 400 students at once today" in " ".join(text.split())
    assert "214 carried at 0.76 Mbit/s each" in " ".join(text.split())
