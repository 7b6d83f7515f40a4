"""From the journal to an answer: which rows are looked at, and which are nobody's."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

import msgspec
import pytest

from collector import registry
from collector.questions import ask, status
from collector.registry import Folder
from collector.store.decisions import decide
from firstbell.readiness.chain import SchoolAnswer, judge
from firstbell.readiness.reasons import Reason
from firstbell.readiness.verdict import State
from firstbell.report import LimitedBy, Medium, Opening, Report, Segment, Status, Stored
from tests.collector.questions import planted
from tests.collector.workbench import EPOCH, NOW_NS, Bench, report

BOX = "box-1"
NOW = datetime.fromtimestamp(NOW_NS / 1e9, UTC)
FIRST, SECOND = "00000000000000b1", "00000000000000b2"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Lincoln High with 200 people on a line of 100 Mbit/s, measured by box-1."""
    return registry.write_example(
        tmp_path / "district",
        school_name="Lincoln High",
        people=200,
        down_mbps=100,
        up_mbps=None,
        agent=BOX,
        tz="UTC",
    )


def speed_test(days_ago: int, hour: int, **changes: object) -> Report:
    """A good speed test of 95 Mbit/s, so many days before now."""
    at = (NOW - timedelta(days=days_ago)).replace(hour=hour, minute=7)
    good = msgspec.structs.replace(
        report(probe="internet", target="internet", at_ns=int(at.timestamp()) * 10**9),
        segment=Segment.INTERNET,
        medium=Medium.WIRED,
        limited_by=LimitedBy.LINE,
        readings={"down_mbps": 95.0},
    )
    return msgspec.structs.replace(good, **changes)


def quiet_week() -> list[Report]:
    """Three tests outside class on each of five school days."""
    days = [day for day in range(7, 0, -1) if (NOW - timedelta(days=day)).weekday() < 5]
    return [speed_test(day, hour) for day in days for hour in (3, 6, 20)]


def answer(bench: Bench, folder: Folder, school: str = "lincoln") -> SchoolAnswer:
    """What is said of Lincoln High and station rotation now."""
    return ask.ask(
        bench.reads,
        folder,
        registry.targets(),
        school=school,
        model="station_rotation",
        people=None,
        years=0,
        as_of_ns=NOW_NS,
    )


def opened(epoch: str, predecessor: str | None, tests: Sequence[Report], bench: Bench) -> None:
    """Send an epoch of box-1: its opening, then tests."""
    opening = Opening(
        predecessor=predecessor, last_seq=1 if predecessor else 0, ended="power" if predecessor else "first"
    )
    first = report(probe="box", target="", opening=opening, at_ns=NOW_NS - 10**15)
    assert bench.send(1, [first, *tests], agent=BOX, epoch=epoch).refused == ()


def test_tests_in_the_journal_make_an_answer(bench: Bench, folder: Folder) -> None:
    """Fifteen quiet tests of 95 on a line that must carry 67 are enough to say ready."""
    opened(EPOCH, None, quiet_week(), bench)
    assert answer(bench, folder).state is State.READY_THROUGH
    assert status.ask(bench.reads, bench.clock.wall_ns).boxes[0].reports == 16


def test_what_two_boxes_said_under_one_name_is_counted_for_neither(bench: Bench, folder: Folder) -> None:
    """A cloned card's tests turn no answer until somebody decides; then only new ones count."""
    opened(EPOCH, None, [], bench)
    opened(FIRST, EPOCH, [], bench)
    opened(SECOND, EPOCH, quiet_week(), bench)
    said = answer(bench, folder)
    assert said.state is State.NOT_MEASURED
    assert {left.reason: left.checks for left in said.links[0].left_out} == {Reason.TWO_BOXES: 15}
    assert "two boxes" in status.ask(bench.reads, bench.clock.wall_ns).boxes[0].two_boxes
    assert decide(bench.journal, BOX, "the copy was renamed", NOW_NS)
    assert answer(bench, folder).state is State.NOT_MEASURED
    bench.send(17, quiet_week(), agent=BOX, epoch=SECOND)
    assert answer(bench, folder).state is State.READY_THROUGH


def test_a_failed_test_counts_only_with_the_cheap_probes_of_its_minute(bench: Bench, folder: Folder) -> None:
    """A server's 403 is shown and left out; with the line down around it the same failure counts as nothing carried."""
    failed = [
        speed_test(day, hour, status=Status.FAILED, reason="403", readings={}, limited_by=None)
        for day in (6, 5, 4)
        for hour in (4, 7, 21)
    ]
    opened(EPOCH, None, [*quiet_week(), *failed], bench)
    assert answer(bench, folder).state is State.READY_THROUGH
    cheap = [
        msgspec.structs.replace(
            report(target=target, at_ns=test.at_ns + 10**9),
            status=down,
            reason=why,
            segment=segment,
            readings={},
        )
        for test in failed
        for target, segment, down, why in (
            ("gateway", Segment.SITE, Status.OK, ""),
            ("google", Segment.INTERNET, Status.FAILED, "no answer"),
        )
    ]
    bench.send(17 + len(failed), cheap, agent=BOX)
    assert answer(bench, folder).state is State.NOT_READY


def looked(test: Report, target: str, segment: Segment, why: str) -> Report:
    """A look within a second of the test: it answered, or failed because of `why`."""
    seen = report(target=target, at_ns=test.at_ns + 10**9)
    status = Status.FAILED if why else Status.OK
    return msgspec.structs.replace(seen, status=status, reason=why, segment=segment, readings={})


def test_a_box_cut_off_from_its_own_network_is_no_outage_of_the_line(bench: Bench, folder: Folder) -> None:
    """A gateway that answers by day and is silent around each failure excuses the line: the switch was off."""
    failed = [
        speed_test(day, hour, status=Status.FAILED, reason="no route", readings={}, limited_by=None)
        for day in (6, 5, 4)
        for hour in (4, 7, 21)
    ]
    good = quiet_week()
    cheap = [looked(test, "gateway", Segment.SITE, "no answer") for test in failed]
    cheap += [looked(test, "google", Segment.INTERNET, "no answer") for test in failed]
    cheap += [looked(test, "gateway", Segment.SITE, "") for test in good]
    opened(EPOCH, None, [*good, *failed, *cheap], bench)
    said = answer(bench, folder)
    assert said.state is State.READY_THROUGH, said.sentence
    assert {left.reason for left in said.links[0].left_out} == {Reason.BOX_CUT_OFF}


def test_a_box_cut_off_is_judged_alike_for_its_school_and_within_the_district(
    bench: Bench, tmp_path: Path
) -> None:
    """Adams's cable was loose for nine tests and is now: whether Adams or all are asked for, these are left out."""
    folder = planted.write(tmp_path / "district", {"adams": 200, "baker": 200}, {"adams": 300, "baker": 300})
    why: dict[str, object] = {
        "status": Status.FAILED,
        "reason": "no route",
        "readings": {},
        "limited_by": None,
    }
    failed = [
        planted.check(day.replace(hour=hour), 0, **why)
        for day in planted.days_before(7)[:3]
        for hour in (4, 7, 21)
    ]
    good = planted.quiet(290)
    cheap = [looked(test, "gateway", Segment.SITE, "no answer") for test in failed]
    cheap += [looked(test, "google", Segment.INTERNET, "no answer") for test in failed]
    cheap += [looked(test, "gateway", Segment.SITE, "") for test in good]
    now = looked(planted.check(NOW, 0), "gateway", Segment.SITE, "no answer")
    planted.send(bench, "adams", [*good, *failed, *cheap, now])
    refused = planted.check(planted.days_before(7)[0], 0, **(why | {"reason": "403"}))
    planted.send(bench, "baker", [*planted.quiet(290, days=14), refused])
    targets = registry.targets()
    adams = next(school for school in folder.district.schools if school.id == "adams")
    alone = ask.weigh(bench.reads, folder, targets, adams, NOW_NS)
    among = ask.weigh_all(bench.reads, folder, targets, NOW_NS)["adams"]
    one, other = (judge("flex", targets, evidence, people=None, years=0) for evidence in (alone, among))
    assert one == other
    assert {left.reason for left in other.links[0].left_out} == {Reason.BOX_CUT_OFF}


@pytest.mark.parametrize("school", ["Hogwarts", "", "\x00"])
def test_a_school_that_is_not_there_is_named_among_those_that_are(
    bench: Bench, folder: Folder, school: str
) -> None:
    """The mistake and the names that would do."""
    with pytest.raises(ask.QuestionError, match="Lincoln High"):
        answer(bench, folder, school)


def test_failed_tests_of_many_boxes_are_looked_at_once(bench: Bench) -> None:
    """Sixteen hundred boxes that failed one each: not every test anew for each of them."""
    good, bad = planted.check(NOW, 300), planted.check(NOW, 0, status=Status.FAILED, reason="no answer")
    tests = [
        Stored(f"box-{box}", "00000000000000aa", n, box * 20 + n, 0, bad if n == 0 else good)
        for box in range(1600)
        for n in range(20)
    ]
    begun = process_time()
    assert ask.cheap_of(bench.reads, tests) == []
    assert process_time() - begun < 0.8
