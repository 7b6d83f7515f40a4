"""Banners: which line each page says first, and when it says nothing."""

import threading
from pathlib import Path

import pytest

from collector import registry
from collector.questions import banners
from collector.registry import Folder
from collector.store.gateways import Try
from collector.store.offers import Offer
from tests.collector.workbench import NOW_NS, Bench, report

MINUTE_NS = 60 * 10**9
DISTRICT = """\
name = "Maple Valley"
tz = "UTC"
{more}
"""
SCHOOLS = "id,name,students,staff,gateway\nlincoln,Lincoln High,400,30,\nmill,Millpond,200,20,10.0.0.1\n"
CIRCUITS = "id,kind,down_mbps,schools\nline,internet,500,lincoln mill\n"
SEATS = "agent,school,circuit\nbox-1,lincoln,line\nbox-2,mill,line\n"
QUIET = '[[quiet]]\nsince = 2026-09-21T00:00:00\nuntil = 2026-09-25T15:00:00\nwhy = "State tests"\n'


def folder(tmp_path: Path, more: str = "") -> Folder:
    """Two schools on one line, a box in each."""
    at = tmp_path / "district"
    at.mkdir(exist_ok=True)
    for name, text in {
        "district.toml": DISTRICT.format(more=more),
        "schools.csv": SCHOOLS,
        "circuits.csv": CIRCUITS,
        "seats.csv": SEATS,
    }.items():
        (at / name).write_text(text, encoding="utf-8")
    return registry.read(at)


def heard(bench: Bench, **minutes_ago: int) -> None:
    """The last word of each box, so many minutes ago."""
    for box, minutes in minutes_ago.items():
        agent = box.replace("_", "-")
        bench.clock.wall_ns = NOW_NS - minutes * MINUTE_NS
        bench.send(1, [report(at_ns=bench.clock.wall_ns)], agent=agent)


def said(bench: Bench, at: Folder, *, disk_full: bool = False) -> list[str]:
    """The banners now, as lines."""
    found = banners.of(bench.reads, at, NOW_NS, disk_full=disk_full)
    return [f"{banner.label}: {banner.text}" for banner in found]


def test_where_all_is_well_nothing_is_said(bench: Bench, tmp_path: Path) -> None:
    """No banner while every school answers; none before the first box."""
    assert said(bench, folder(tmp_path)) == []
    heard(bench, box_1=1, box_2=9)
    assert said(bench, folder(tmp_path)) == []


def test_a_school_that_does_not_answer_is_named(bench: Bench, tmp_path: Path) -> None:
    """With its time; the others answer, so it is that school's."""
    heard(bench, box_1=1, box_2=17)
    (line,) = said(bench, folder(tmp_path))
    assert line.startswith("Now: Millpond hasn\u2019t answered since ")
    assert "only our box" in line


@pytest.mark.parametrize("answers", [True, False])
def test_what_the_gateway_says_is_believed(bench: Bench, tmp_path: Path, *, answers: bool) -> None:
    """If the school's gateway answers us only our box is silent; if it doesn't, it isn't only our box."""
    heard(bench, box_1=1, box_2=17)
    told = threading.Event()
    ago = {20: True, 3: answers, 2: answers, 1: answers}
    tries = tuple(Try("10.0.0.1", NOW_NS - minutes * MINUTE_NS, then) for minutes, then in ago.items())
    bench.writer.put(Offer("", "", NOW_NS, (), (), lambda _: told.set(), tries))
    assert told.wait(20)
    lines = said(bench, folder(tmp_path))
    assert len(lines) == (0 if answers else 1)
    assert not any("only our box" in line for line in lines)


def test_several_are_one_line(bench: Bench, tmp_path: Path) -> None:
    """The longest silent is named, the others are counted."""
    heard(bench, box_1=15, box_2=17)
    (line,) = said(bench, folder(tmp_path))
    assert "Millpond" in line
    assert "Nor has 1 other school." in line


def test_when_nothing_arrives_nobody_is_accused(bench: Bench, tmp_path: Path) -> None:
    """After an hour without any word the page is old, and no school is to blame."""
    heard(bench, box_1=61, box_2=90)
    (line,) = said(bench, folder(tmp_path))
    assert line.startswith("Old: Nothing has arrived since ")


@pytest.mark.parametrize(
    ("schools", "words"),
    [
        ("", "State tests until Friday 25 September, 15:00."),
        ('schools = ["mill"]', "State tests at 1 school"),
    ],
)
def test_a_quiet_time_says_why_and_until_when(bench: Bench, tmp_path: Path, schools: str, words: str) -> None:
    """And what waits, for all schools or some."""
    (line,) = said(bench, folder(tmp_path, QUIET + schools))
    assert words in line
    assert "No line is being loaded" in line


def test_never_more_than_three(bench: Bench, tmp_path: Path) -> None:
    """In the order of the design; the last ones give way."""
    heard(bench, box_1=1, box_2=17)
    lines = said(bench, folder(tmp_path, "simulated = true\n" + QUIET), disk_full=True)
    assert [line.split(":")[0] for line in lines] == ["Simulated", "Now", "Quiet"]
    assert said(bench, folder(tmp_path), disk_full=True)[-1].startswith("Full: The disk is full.")


def test_files_that_cant_be_read_are_said_on_every_page(bench: Bench, tmp_path: Path) -> None:
    """The first mistake with its file and line, how many more there are, and what the page uses meanwhile."""
    at = folder(tmp_path)
    trouble = "seats.csv, line 3: school is empty\nseats.csv, line 4: circuit is empty"
    (banner,) = banners.of(bench.reads, at, NOW_NS, folder_trouble=trouble)
    assert (banner.kind, banner.label) == ("folder", "Files")
    assert banner.text == (
        "The district\u2019s files can\u2019t be used; this page uses what was read before: "
        "seats.csv, line 3: school is empty. And 1 more mistake."
    )
    (banner,) = banners.of(bench.reads, registry.EMPTY, NOW_NS, folder_trouble="there is no folder yet")
    assert "none was read before: there is no folder yet." in banner.text
