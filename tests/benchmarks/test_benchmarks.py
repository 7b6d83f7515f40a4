"""The benchmarks run, measure what they say, and their page tells the figures that they kept."""

import random
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks import (
    ask,
    availability,
    bench,
    capacity,
    district,
    district_table,
    house,
    intake,
    looks,
    messages,
    schedule,
)
from collector import config, registry
from collector.store.reads import Reads
from firstbell import wire
from firstbell.report import complaint
from tests.collector.coordinator.town import ZONE
from tests.collector.coordinator.week import Ran

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("agent_footprint", "intake", "ask", "availability", "district", "district_table", "schedule")


def test_a_message_is_what_the_aim_speaks_of() -> None:
    """20 reports of 8 readings each, and the numbers of each box go on without holes."""
    batch = messages.messages(2 * messages.BOXES * 20)
    opened = [wire.open_batch(message.agent, message.payload) for message in batch]
    assert {one.envelope.count for one in opened} == {20}
    assert {len(wire.read_report(row).readings) for one in opened[:3] for row in wire.rows_of(one)} == {8}
    firsts = [one.envelope.first for one in opened if one.envelope.agent == opened[0].envelope.agent]
    assert firsts == [1, 21]


def test_the_intake_is_measured_with_everything_on_the_disk(tmp_path: Path) -> None:
    """A round ends when all is held and committed, and says how long that took."""
    took = intake.taken(tmp_path, messages.messages(200))
    assert took.commit_ms > 0
    assert took.cpu_seconds > 0
    assert took.seconds > 0


def test_a_round_that_lost_something_is_no_figure(tmp_path: Path) -> None:
    """The same messages twice hold nothing new: that is told as an error, not as a rate."""
    intake.taken(tmp_path, messages.messages(200))
    with pytest.raises(RuntimeError, match="200 of 200"):
        intake.taken(tmp_path, messages.messages(200))


def test_the_journal_that_is_asked_is_one_sound_box(tmp_path: Path) -> None:
    """All reports of one box that nobody suspects, over several starts, its speed tests among them."""
    place = config.home(str(tmp_path))
    journal = ask.fill(place, 40_000, 1_790_000_000_000_000_000)
    reads = Reads(journal)
    (box,) = reads.boxes()
    starts, tests = reads.epochs(ask.BOX), reads.tests([(ask.BOX, 0, None)], "internet")
    reads.close()
    assert (box.reports, box.suspended) == (40_000, "")
    assert len(starts) == 2
    assert sum(start.missing for start in starts) == 0
    assert 60 < len(tests) < 70


def test_a_district_of_1000_schools_loads_whole(tmp_path: Path) -> None:
    """Every school, line, room and box of it, with a way to the internet and a place for each box."""
    district.write(tmp_path, 1000)
    found = registry.read(tmp_path).district
    assert (len(found.schools), len(found.circuits), len(found.rooms)) == (1000, 1010, 10_000)
    assert district.paths(found) == 2000
    # All days but the one of the move.
    assert district.places(found) == 1000 * (district.DAYS - 1)


def test_a_thousand_boxes_tell_what_the_real_one_told(tmp_path: Path) -> None:
    """Copied days are found by the questions: of 20 box-days one is an outage of 17 minutes, one a silence."""
    figures = {each.what: each.value for each in availability.measure(tmp_path, 3, 20, 1)}
    assert (figures["outages found"], figures["silences found"]) == (3, 3)
    assert figures["boxes and days"] == 60


def test_the_table_that_is_timed_judges_every_school(tmp_path: Path) -> None:
    """A small one of the same kind: each school is measured, and its page opens."""
    figures = {figure.what: figure.value for figure in district_table.measure(tmp_path, 4, 30)}
    assert figures["schools"] == 4
    assert figures["warm: its page, worst"] > 0


def test_simulated_boxes_measure_at_the_default_rhythm() -> None:
    """An hour of each probe comes as often as the catalogue says, and every report could be a real one."""
    dice, begin_ns, boxes = random.Random(7), 1_790_000_000_000_000_000, 40
    turns = list(looks.Rhythm(boxes, begin_ns, dice).until(begin_ns + 3600 * 10**9))
    made = [
        each
        for turn in turns
        for each in looks.reports(turn.probe, turn.at_ns, dice, wifi=bool(turn.box % 2))
    ]
    assert [turn.at_ns for turn in turns] == sorted(turn.at_ns for turn in turns)
    assert not [trouble for each in made if (trouble := complaint(each))]
    assert sum(looks.a_day().values()) == 5816
    assert len(made) / boxes == pytest.approx(5816 / 24, rel=0.02)


def test_ten_thousand_boxes_have_seats_in_500_schools(tmp_path: Path) -> None:
    """The folder loads whole, and every box has its place."""
    assert house.write_district(tmp_path / "district", 10_000) == 500
    found = registry.read(tmp_path / "district").district
    assert {seat.agent for seat in found.seats} == set(house.names(10_000))


def test_a_week_of_tests_is_counted_as_it_was() -> None:
    """Tests that met, class that was loaded once however many did it, periods without, and edges."""
    monday = datetime(2026, 11, 2, 8, tzinfo=ZONE).timestamp()
    ran = [(0, 60), (30, 50), (90, 100), (-1800 + 60, -1800 + 70)]  # the last one at 7:31
    tests = [Ran("b", "throughput", monday + begin, monday + end, 0) for begin, end in ran]
    found = schedule.count(tests)
    assert (found.tests, found.together, found.at_edges) == (4, 2, 1)
    assert (found.days_without, found.periods_without) == (4, 19)
    assert found.class_minutes == pytest.approx(80 / 60)


def test_a_class_that_was_found_is_held_against_the_lines_room() -> None:
    """The room is 0.95 of the line's rate in students; what a ceiling ended says so, and nothing is no figure."""
    case = capacity.Case("usual", 50, 0)
    more = {"students_ok": 67, "students_at_least": False, "loaded_s": 54.0}
    result = {"more": more, "bytes_received": 300_000_000, "bytes_sent": 15_000_000}
    figures = {figure.what: round(figure.value, 2) for figure in capacity.told(case, result)}
    assert figures[f"{case}: room"] == 62.5
    assert figures[f"{case}: found to room"] == 1.07
    assert figures[f"{case}: bytes"] == 315
    more["students_at_least"] = True
    assert f"{case}: found, at least" in {figure.what for figure in capacity.told(case, result)}
    with pytest.raises(RuntimeError, match="no way to the server"):
        list(capacity.told(case, {"reason": "no way to the server"}))


def test_memory_is_read_as_the_kernel_tells_it() -> None:
    """MiB of KiB, and what is a process's own: both kinds of private pages."""
    told = """\
00400000-7ffe00000000 ---p 00000000 00:00 0                    [rollup]
Rss:               10240 kB
Pss:                6144 kB
Private_Clean:      1024 kB
Private_Dirty:      2048 kB
"""
    assert bench.rolled_up(told) == bench.Memory(rss=10, pss=6, own=3)


def test_the_page_tells_the_figures_that_were_kept() -> None:
    """The page's tables are those of the kept results, to the letter, and there is one of each benchmark."""
    tables = bench.tables()
    assert tables in (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert all(f"**{name}**, measured on" in tables for name in NAMES)
