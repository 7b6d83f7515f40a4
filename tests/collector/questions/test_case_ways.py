"""The way in a case, router by router: whose it is, what it tells of each router, and what it leaves out."""

import io
import json
import zipfile
from pathlib import Path

import msgspec
from click.testing import CliRunner

from collector import config
from collector.cli import main
from collector.questions import case_ways
from collector.web import case as packet
from firstbell.report import Medium, Opening, Segment, Status
from tests.collector.questions import planted
from tests.collector.questions.casework import FIRST, LAST, ask, folder_of, made, morning
from tests.collector.workbench import NOW_NS, Bench, report


def test_the_way_is_told_router_by_router(bench: Bench, tmp_path: Path) -> None:
    """Who stands where most often, how often it answered, and its median round trips, in class and outside."""
    gateway, target = ("10.0.0.1", 0.4), ("192.0.2.80", 9.0)
    quiet = [planted.trace(morning(day), gateway, ("192.0.2.1", day + 0.5), target) for day in (1, 2, 3)]
    rest = [
        planted.trace(morning(4), gateway, ("192.0.2.2", 2.0), target),
        planted.trace(morning(5), gateway, ("", 0.0), target),
        planted.trace(morning(3, hour=10), gateway, ("192.0.2.1", 40.0), ("192.0.2.80", 44.0)),
        planted.trace(morning(3, hour=11), ("10.9.9.9", 1.0), medium=Medium.WIFI),
        planted.trace(morning(3, hour=12), ("10.8.8.8", 1.0), segment=Segment.SELF),
    ]
    found = made(bench, tmp_path, *quiet, *rest)
    (way,) = found.ways
    assert (way.target, way.traces, way.reached, way.in_class) == ("site", 6, 6, 1)
    assert (way.first_local[:10], way.last_local[:10]) == (
        str(morning(5).date()),
        str(morning(1).date()),
    )
    assert [(r.number, r.address, r.others, r.answers) for r in way.routers] == [
        (1, "10.0.0.1", 0, 6),
        (2, "192.0.2.1", 1, 4),
        (3, "site", 0, 6),
    ]
    assert [(r.quiet_median_ms, r.class_median_ms) for r in way.routers] == [
        (0.4, 0.4),
        (2.5, 40.0),
        (9.0, 44.0),
    ]
    page = packet.alone(found)
    assert "192.0.2.1: 2.5 / 40.0 ms, answered 4 (others in its place: 1)" in page
    with zipfile.ZipFile(io.BytesIO(packet.packed(found, bench.reads))) as file:
        raw = [json.loads(file.read(f"reports/{name}.json")) for name in found.traces.values()]
    assert [one["probe"] for one in raw] == ["path"] * 6


def test_a_router_that_never_answered_keeps_its_place(bench: Bench, tmp_path: Path) -> None:
    """A provider sees that somebody stands there, and that nobody is blamed for keeping silent."""
    found = made(bench, tmp_path, planted.trace(morning(), ("10.0.0.1", 0.4), ("", 0.0), ("192.0.2.80", 9.0)))
    silent = found.ways[0].routers[1]
    assert (silent.address, silent.answers, silent.quiet_median_ms) == ("", 0, None)
    assert "<li>kept silent</li>" in packet.alone(found)


def test_a_box_that_traces_too_often_weighs_no_more(bench: Bench, tmp_path: Path) -> None:
    """Of its traces of an hour the first counts, and is in the ZIP."""
    target = ("192.0.2.80", 9.0)
    often = [
        planted.trace(morning(minute=minute), (f"10.0.0.{minute}", 0.4), target) for minute in range(1, 50)
    ]
    found = made(bench, tmp_path, *often)
    assert (found.ways[0].traces, found.ways[0].routers[0].address, len(found.traces)) == (1, "10.0.0.1", 1)


def test_a_way_within_the_district_shows_nothing_of_a_line_out_of_it(bench: Bench, tmp_path: Path) -> None:
    """Of two targets the one that lies behind the line is told, however often the other was asked for."""
    way = (("10.0.0.1", 0.4), ("192.0.2.80", 9.0))
    inside = [planted.trace(morning(day), *way, target="hub", segment=Segment.WAN) for day in range(1, 9)]
    found = made(bench, tmp_path, *inside, planted.trace(morning(), *way))
    assert [(way.target, way.agent, way.traces) for way in found.ways] == [("site", "box-birch", 1)]


def test_a_router_answers_for_itself_alone(bench: Bench, tmp_path: Path) -> None:
    """Its median holds none of the round trips of those who stood in its place at other times."""
    target = ("192.0.2.80", 900.0)
    fast = [planted.trace(morning(day), ("198.51.100.9", 5.0), target) for day in range(1, 8)]
    slow = [
        planted.trace(morning(day, hour=5), (f"198.51.100.{day + 10}", 400.0), target) for day in range(1, 15)
    ]
    router = made(bench, tmp_path, *fast, *slow).ways[0].routers[0]
    assert (router.address, router.answers, router.others) == ("198.51.100.9", 7, 14)
    assert router.quiet_median_ms == 5.0


def test_a_trace_that_did_not_arrive_counts_as_one(bench: Bench, tmp_path: Path) -> None:
    """Of three traces one came to the target, one ended before it, one heard nobody: the page says so."""
    cut = planted.trace(morning(2), ("10.0.0.1", 0.4), ("192.0.2.80", 9.0))
    cut = msgspec.structs.replace(cut, readings={"hop01_address": "10.0.0.1", "hop01_rtt_ms": 0.4})
    deaf = planted.trace(morning(4), status=Status.FAILED, reason="network is unreachable", readings={})
    found = made(bench, tmp_path, cut, deaf, planted.trace(morning(), ("10.0.0.1", 0.4), ("192.0.2.80", 9.0)))
    (way,) = found.ways
    assert (way.traces, way.reached, [router.answers for router in way.routers]) == (3, 1, [2, 1])
    assert "Of 3 traces, 0 in class, 1 reached site itself." in packet.alone(found)
    assert f"Made by First Bell from {len(found.tests)} tests and 3 traces" in packet.alone(found)


def test_traces_of_two_boxes_with_one_name_stand_in_no_case(bench: Bench, tmp_path: Path) -> None:
    """Nobody can say whose way that was."""
    way = (("10.0.0.1", 0.4), ("192.0.2.80", 9.0))
    assert len(made(bench, tmp_path, planted.trace(morning(), *way)).ways) == 1
    opening = Opening(predecessor=planted.epoch_of("birch"), last_seq=1, ended="clean")
    clone = report(probe="box", target="", opening=opening, at_ns=NOW_NS - 10**14)
    bench.send(1, [clone, planted.trace(morning(1), *way)], agent="box-birch", epoch="a" * 16)
    found = ask(bench, folder_of(tmp_path))
    assert (found.ways, found.traces) == ((), {})


def test_what_arrived_later_changes_no_case_of_before(bench: Bench, tmp_path: Path) -> None:
    """A case names the journal's number that it knows; asked of that, it is the same again."""
    found = made(bench, tmp_path, planted.trace(morning(), ("10.0.0.1", 0.4), ("192.0.2.80", 9.0)))
    boxes = [("box-birch", 0, NOW_NS)]
    circuit = folder_of(tmp_path).district.circuits[0]
    known = case_ways.traces(bench.reads, boxes, circuit, found.facts_until - 1)
    assert (known, len(case_ways.traces(bench.reads, boxes, circuit, found.facts_until))) == ([], 1)


def test_the_command_says_the_way(bench: Bench, tmp_path: Path) -> None:
    """A row a router, and how it is to be read."""
    traces = [planted.trace(morning(day), ("10.0.0.1", 0.4), ("192.0.2.80", 9.0)) for day in (1, 2)]
    planted.send(bench, "birch", [*planted.quiet(300, 20), *traces])
    home = config.home(str(bench.path.parent))
    folder_of(home.folder)
    days = ["--from", FIRST.isoformat(), "--to", LAST.isoformat()]
    ran = CliRunner().invoke(main, ["--data", str(home.folder), "case", "line-birch", *days])
    assert [line.split() for line in ran.output.splitlines() if "10.0.0.1" in line] == [
        ["1", "10.0.0.1", "2", "0", "0.4", "-"]
    ]
    assert "The way from box-birch to site" in ran.output
    assert "2 reached site itself" in ran.output


def test_without_traces_no_way_is_told(bench: Bench, tmp_path: Path) -> None:
    """Boxes of before this probe, or with it off, make a case all the same."""
    found = made(bench, tmp_path)
    assert (found.ways, found.traces) == ((), {})
    assert "router by router" not in packet.alone(found)
