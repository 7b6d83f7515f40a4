"""The case for an internet provider: what is in it, what is left out, and that its ZIP can be checked."""

import hashlib
import io
import json
import zipfile
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from collector import config, registry
from collector.cli import main
from collector.questions import case
from collector.questions.ask import QuestionError
from collector.questions.case import Case
from collector.questions.case_tests import LineTest
from collector.web import case as packet
from firstbell.catalogue import Reading
from firstbell.report import ClockQuality, LimitedBy, Mark, Medium, Report, Segment, Status
from tests.collector.questions import planted
from tests.collector.questions.casework import FIRST, LAST, ask, folder_of, made, morning
from tests.collector.workbench import NOW_NS, Bench, report

BOTH_ENDS: dict[str, Reading] = {
    "down_mbps": 300 / planted.FRAMING,
    "up_mbps": 90.0,
    "bytes_received": 40_000_000,
    "bytes_sent": 12_000_000,
    "server_bytes_sent": 39_000_000,
    "server_bytes_received": 11_000_000,
    "port_speed_mbps": 1000,
    "cpu_busy_pct": 21.0,
    "down_loaded_rtt_p95_ms": 60.0,
    "up_loaded_rtt_p95_ms": 80.0,
}


def only(found: Case, at: datetime) -> LineTest:
    """The one test of that moment."""
    (test,) = (test for test in found.tests if test.utc == at.isoformat(timespec="seconds"))
    return test


def test_the_case_says_what_was_bought_and_what_came(bench: Bench, tmp_path: Path) -> None:
    """42 quiet tests at 300 of 500: said in a sentence, with quantiles, quiet apart from class."""
    at = morning().replace(hour=10)
    found = made(bench, tmp_path, planted.check(at, 120))
    assert found.headline == (
        "Line line-birch carried clearly less than the 500\u00a0Mbit/s that are bought in 42 of 42 tests outside class."
    )
    quiet, in_class = found.figures
    assert (quiet.tests, quiet.below, quiet.in_class) == (42, 42, False)
    assert [quiet.lowest_mbps, quiet.median_mbps] == [pytest.approx(300, abs=0.01)] * 2
    assert in_class.tests == 1
    assert in_class.median_mbps == pytest.approx(120, abs=0.01)
    assert "in class this is what others left over" in in_class.sentence
    assert [sum(day.quiet_tests for day in found.days), sum(day.class_tests for day in found.days)] == [42, 1]
    assert (found.bought_down_mbps, found.bought_up_mbps, found.schools) == (500, None, ("Birch",))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"limited_by": LimitedBy.PORT}, "port was the limit"),
        ({"limited_by": LimitedBy.CAP}, "ceiling was the limit"),
        ({"limited_by": LimitedBy.CROSS_TRAFFIC}, "other traffic"),
        ({"marks": (Mark.UNLEASED,)}, "started by hand"),
        ({"marks": (Mark.LINE_BUSY,)}, "in use by others"),
        ({"clock": ClockQuality.BOUNDED}, "could not know"),
        ({"status": Status.FAILED, "reason": "HTTP 403", "limited_by": None}, "nothing else was tried"),
    ],
    ids=str,
)
def test_a_test_that_can_be_disputed_is_shown_and_not_counted(
    bench: Bench, tmp_path: Path, change: dict[str, object], why: str
) -> None:
    """What the box, a person or a clock spoiled stands in the packet with its reason, and in no figure."""
    at = morning(hour=17)
    found = made(bench, tmp_path, planted.check(at, 10, **change))
    test = only(found, at)
    assert not test.down_counted
    assert why in test.why_not
    assert found.figures[0].lowest_mbps == pytest.approx(300, abs=0.01)
    assert any(why in line for line in found.left_out)


def test_what_something_else_limited_is_taken_for_good(bench: Bench, tmp_path: Path) -> None:
    """Tests that the box's port limited stand in the denominator as better than all others, and in no quantile."""
    at = [morning(day, hour=17, minute=9) for day in range(1, 21)]
    ports = [
        planted.check(when, 470, limited_by=LimitedBy.PORT, readings={**BOTH_ENDS, "down_mbps": 440.0})
        for when in at
        if when.weekday() < 5
    ]
    found = made(bench, tmp_path, *ports)
    quiet = found.figures[0]
    assert (quiet.tests, quiet.spared, quiet.below) == (42 + len(ports), len(ports), 42)
    assert f"in 42 of {42 + len(ports)} tests outside class" in found.headline
    assert f"in {len(ports)} something else was the limit, and they are taken for good" in quiet.sentence
    assert quiet.median_mbps == pytest.approx(300, abs=0.01)
    assert quiet.highest_mbps == pytest.approx(440 * planted.FRAMING, abs=0.01)


def test_a_median_that_lies_among_the_spared_is_not_known(bench: Bench, tmp_path: Path) -> None:
    """With two exact tests and six whose limit was the port there is no median, and no made-up one."""
    low = [planted.check(morning(day), 100) for day in (2, 3)]
    ports = [
        planted.check(morning(day, hour=hour), 470, limited_by=LimitedBy.PORT)
        for day in (4, 5, 6)
        for hour in (3, 17)
    ]
    planted.send(bench, "birch", [*low, *ports])
    quiet = ask(bench, folder_of(tmp_path)).figures[0]
    assert (quiet.tests, quiet.spared, quiet.below, quiet.median_mbps) == (8, 6, 2, None)
    assert quiet.lowest_mbps == pytest.approx(100, abs=0.01)


def test_the_packet_says_how_it_was_measured(bench: Bench, tmp_path: Path) -> None:
    """Engine, server and number of tests, what the box's port can't show, and the seller's own numbers."""
    at = morning(hour=17)
    own = planted.check(
        at, 300, readings={**BOTH_ENDS, "port_speed_mbps": 500, "server": "hub"}, engine="own"
    )
    found = made(bench, tmp_path, own)
    assert any(line.startswith("1 test (own) against hub: First Bell's own test") for line in found.engines)
    assert any("port has 500\u00a0Mbit/s" in claim for claim in found.claims)
    path = tmp_path / "district" / "circuits.csv"
    path.write_text(
        path.read_text()
        .replace("schools\n", "schools,contract\n")
        .replace(",birch\n", ",birch,C-77 / 12.KXFS\n")
    )
    assert ask(bench, registry.read(tmp_path / "district")).contract == "C-77 / 12.KXFS"


@pytest.mark.parametrize(
    "change",
    [{"medium": Medium.WIFI}, {"segment": Segment.SELF}, {"status": Status.SKIPPED, "reason": "quiet time"}],
    ids=str,
)
def test_what_is_no_test_of_the_line_by_a_cable_is_not_in_the_packet(
    bench: Bench, tmp_path: Path, change: dict[str, object]
) -> None:
    """Wi-Fi, the box itself, and what never ran: no provider need see it."""
    at = morning(hour=17)
    found = made(bench, tmp_path, planted.check(at, 10, **change))
    assert all(test.utc != at.isoformat(timespec="seconds") for test in found.tests)


def test_both_ends_port_and_processor_stand_with_a_test(bench: Bench, tmp_path: Path) -> None:
    """Both directions, both ends' bytes, the box's port and processor, local time and UTC with the clock's quality."""
    at = morning(hour=17)
    found = made(
        bench, tmp_path, planted.check(at, 300, readings=BOTH_ENDS, probe="throughput", engine="own")
    )
    test = only(found, at)
    assert (test.server_bytes_sent, test.server_bytes_received) == (39_000_000, 11_000_000)
    assert (test.bytes_received, test.bytes_sent, test.port_speed_mbps) == (40_000_000, 12_000_000, 1000)
    assert (test.cpu_busy_pct, test.loaded_rtt_p95_ms, test.engine) == (21.0, 80.0, "own")
    assert test.up_line_mbps == pytest.approx(90 * planted.FRAMING, abs=0.01)
    assert (test.local, test.utc) == (test.utc, at.isoformat(timespec="seconds"))
    assert (test.clock, test.down_counted, test.up_counted) == ("ntp", True, True)
    assert [figure.direction for figure in found.figures] == ["down", "down", "up", "up"]


@pytest.mark.parametrize(("apart_s", "beside"), [(20, True), (61, False)])
def test_a_test_of_the_building_counts_as_beside_within_a_minute(
    bench: Bench, tmp_path: Path, apart_s: int, beside: bool
) -> None:
    """It shows that the building carried more; one of another minute shows nothing of this one."""
    at = morning(hour=17)
    site = planted.check(
        at + timedelta(seconds=apart_s), 930, probe="throughput", segment=Segment.SITE, target="cellar"
    )
    found = made(bench, tmp_path, planted.check(at, 300, probe="throughput"), site)
    expected = pytest.approx(930 / planted.FRAMING) if beside else None
    assert only(found, at).site_down_mbps == expected


@pytest.mark.parametrize(("hour", "minute", "in_class"), [(9, 30, 20), (7, 20, 10)])
def test_dead_minutes_are_counted_and_told_with_their_class(
    bench: Bench, tmp_path: Path, hour: int, minute: int, in_class: int
) -> None:
    """Twenty minutes without any site while the gateway answered, with class from 7:30: when, how long, by whom."""
    begin = morning(hour=hour, minute=minute).replace(second=0)
    found = made(bench, tmp_path, *_twenty_dead(begin))
    (away,) = found.failed
    assert (away.minutes, away.in_class_minutes) == (20, in_class)
    assert away.begin_utc == begin.isoformat(timespec="seconds")
    assert found.failed_minutes == 20
    assert f"found dead 1 time, for 20 minutes together, {in_class} of them in class" in found.claims[-1]


def test_a_silent_gateway_is_no_fault_of_the_provider(bench: Bench, tmp_path: Path) -> None:
    """Twenty minutes in which not even the building's own gateway answered are in no provider's case."""
    assert made(bench, tmp_path, *_twenty_dead(morning(hour=9), gateway=False)).failed == ()


def test_dead_minutes_that_two_boxes_of_one_name_tell_are_not_counted(bench: Bench, tmp_path: Path) -> None:
    """As long as nobody decided whose word it is, a provider need not answer for it."""
    planted.send(bench, "birch", [*planted.quiet(300, 20), *_twenty_dead(morning(hour=9))])
    folder = folder_of(tmp_path)
    assert len(ask(bench, folder).failed) == 1
    with closing(bench.journal.writer()) as db:
        db.execute(
            "INSERT INTO suspensions (agent_id, epoch, other, why, since_ns, since_arrival) "
            "SELECT agent_id, 'a', 'b', 'why', 1, 0 FROM agents"
        )
    assert ask(bench, folder).failed == ()


def _twenty_dead(begin: datetime, *, gateway: bool = True) -> list[Report]:
    """A look a minute from half an hour before to an hour after; for twenty minutes no site answers."""
    looks: list[Report] = []
    for minute in range(-30, 60):
        ns, dead = int(begin.timestamp() + minute * 60) * 10**9, 0 <= minute < 20
        looks.append(_look("google", ns, Segment.INTERNET, failed=dead))
        looks.append(_look("gateway", ns + 1, Segment.SITE, failed=dead and not gateway))
    return looks


def _look(target: str, at_ns: int, segment: Segment, *, failed: bool) -> Report:
    look = msgspec.structs.replace(report(probe="latency", target=target, at_ns=at_ns), segment=segment)
    return msgspec.structs.replace(look, status=Status.FAILED, reason="no answer") if failed else look


def test_a_case_looks_at_the_days_that_are_asked_for(bench: Bench, tmp_path: Path) -> None:
    """Also at days before the last thirty school days, at none before the first, and at none after the last."""
    old = [planted.check(morning(day), 200) for day in (70, 71, 72)]
    planted.send(bench, "birch", [*planted.quiet(300, 20), *old])
    folder = folder_of(tmp_path)
    found = ask(bench, folder, morning(71).date(), morning(70).date())
    assert [test.utc for test in found.tests] == [
        morning(day).isoformat(timespec="seconds") for day in (71, 70)
    ]
    assert found.figures[0].highest_mbps == pytest.approx(200, abs=0.01)


def test_a_line_that_keeps_its_promise_is_told_so(bench: Bench, tmp_path: Path) -> None:
    """Less by no more than the measurement's own 2 % is no less."""
    planted.send(bench, "birch", planted.quiet(491, 20, engine="own"))
    found = ask(bench, folder_of(tmp_path))
    assert found.headline == (
        "None of 42 tests outside class shows that line line-birch carried less than the 500\u00a0Mbit/s bought."
    )


@pytest.mark.parametrize(
    ("engine", "mbps", "below"),
    [("own", 489, 42), ("speedtest", 426, 0), ("speedtest", 424, 42), ("", 426, 0)],
)
def test_a_mean_with_slow_start_speaks_against_a_line_only_when_it_is_far_off(
    bench: Bench, tmp_path: Path, engine: str, mbps: float, below: int
) -> None:
    """A mean, or an engine that nobody knows, may miss by 15 % and say nothing; the own engine by 2 %."""
    planted.send(bench, "birch", planted.quiet(mbps, 20, engine=engine))
    found = ask(bench, folder_of(tmp_path))
    assert found.figures[0].below == below
    assert any("speedtest.net's, from 15% on" in line for line in found.method)


def test_long_stretches_are_told_by_the_week(bench: Bench, tmp_path: Path) -> None:
    """So that the day by day fits its page."""
    planted.send(bench, "birch", planted.quiet(300, 60))
    found = ask(bench, folder_of(tmp_path), morning(60).date(), LAST)
    assert 8 <= len(found.days) <= 9
    assert all(day.first < day.last for day in found.days[:-1])


@pytest.mark.parametrize(
    ("circuit", "first", "last", "says"),
    [
        ("nowhere", FIRST, LAST, "known: line-birch"),
        ("line-birch", LAST, FIRST, "lies after the last one"),
        ("line-birch", date(2020, 1, 1), LAST, "too many for one case"),
        ("line-birch", date(2027, 1, 1), date(2027, 1, 2), "has not come yet"),
    ],
)
def test_what_can_not_be_asked_is_said(
    bench: Bench, tmp_path: Path, circuit: str, first: date, last: date, says: str
) -> None:
    """No such line, days the wrong way round, too many, or to come."""
    folder = folder_of(tmp_path)
    with pytest.raises(QuestionError, match=says):
        case.ask(
            bench.reads,
            folder,
            registry.targets(),
            circuit=circuit,
            first=first,
            last=last,
            as_of_ns=NOW_NS,
        )


def test_the_zip_holds_every_report_as_it_came_and_can_be_checked(bench: Bench, tmp_path: Path) -> None:
    """Each file has its hash, each test its report's exact bytes; the same case gives the same bytes again."""
    found = made(bench, tmp_path, planted.check(morning(hour=17), 10, limited_by=LimitedBy.PORT))
    content = packet.packed(found, bench.reads)
    assert content == packet.packed(found, bench.reads)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = set(file.namelist())
        sums = dict(line.split("  ")[::-1] for line in file.read("SHA256SUMS").decode().splitlines())
        assert set(sums) == names - {"SHA256SUMS"}
        assert all(hashlib.sha256(file.read(name)).hexdigest() == digest for name, digest in sums.items())
        reports = {name for name in names if name.startswith("reports/")}
        assert reports == {f"reports/{test.report}.json" for test in found.tests}
        for test in found.tests:
            raw = json.loads(file.read(f"reports/{test.report}.json"))
            assert raw["readings"]["down_mbps"] == test.down_mbps
        assert len(file.read("tests.csv").decode().splitlines()) == len(found.tests) + 1
        assert found.headline in file.read("case.html").decode().replace("&#39;", "'")


def test_the_command_writes_two_pages_and_a_zip(bench: Bench, tmp_path: Path) -> None:
    """`firstbell case` says the case, and with --out puts both files where it was told."""
    planted.send(bench, "birch", planted.quiet(300, 20))
    home = config.home(str(bench.path.parent))
    folder_of(home.folder)
    options = ["--from", FIRST.isoformat(), "--to", LAST.isoformat(), "--out", str(tmp_path / "out")]
    ran = CliRunner().invoke(main, ["--data", str(home.folder), "case", "line-birch", *options])
    assert ran.exit_code == 0, ran.output
    assert "42 of 42 tests outside class" in ran.output
    written = sorted(path.suffix for path in (tmp_path / "out").iterdir())
    assert written == [".html", ".zip"]
    asked = CliRunner().invoke(
        main, ["--data", str(home.folder), "case", "line-birch", *options[:4], "--json"]
    )
    assert json.loads(asked.output)["figures"][0]["tests"] == 42
