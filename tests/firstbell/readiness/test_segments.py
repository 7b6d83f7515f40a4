"""A test to a server at the district speaks for the school's own line alone, and nothing else is read into it."""

from collections.abc import Sequence

import pytest

from firstbell.readiness import chain
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.reasons import Reason
from firstbell.readiness.verdict import State
from firstbell.report import LimitedBy, Segment, Status, Stored
from tests.firstbell.readiness import town
from tests.firstbell.readiness.test_shared import GOOD, ask, district, links, main_line, through
from tests.firstbell.readiness.town import CLASS, DAYS, QUIET, check, look


def to_the_district(mbps: float, times: Sequence[str] = QUIET, minute: int = 20) -> list[Stored]:
    """Tests of Adams's box to the district's server, in each period of three days."""
    return [
        check(f"{day} {time[:3]}{int(time[3:]) + minute:02}", mbps, agent="box-adams", segment=Segment.WAN)
        for day in DAYS
        for time in times
    ]


def own_line(tests: list[Stored], latency: list[Stored] | None = None) -> LinkAnswer:
    """What is said of Adams's own line."""
    if latency is None:
        return links(ask(tests))["wan"]
    place = town.weighed(tests, latency, district=district(), school="adams")
    return links(chain.judge("station_rotation", town.TARGETS, place))["wan"]


def test_a_short_line_is_named_by_its_own_tests_though_the_shared_one_is_full() -> None:
    """Behind a shared line of 120 nothing else could tell that Adams's own carries only 110 of 200."""
    crowded = through(dict.fromkeys(GOOD, 120.0), 120)
    without = own_line(crowded)
    assert not without.measured.state.short
    own = own_line(crowded + to_the_district(110))
    assert own.measured.state is State.NOT_READY
    assert not own.at_least
    assert own.have == pytest.approx(110)


def test_a_good_line_is_cleared_by_its_own_tests_though_the_shared_one_is_full() -> None:
    """450 to the district, 120 beyond: Adams is short by the shared line, and its own is ready, exactly known."""
    answer = ask(through(dict.fromkeys(GOOD, 120.0), 120) + to_the_district(450))
    own = links(answer)["wan"]
    assert own.measured.state is State.READY_THROUGH
    assert not own.at_least
    assert own.have == pytest.approx(450)
    assert answer.weakest is not None
    assert answer.weakest.link == "internet"


@pytest.mark.parametrize("hub", [True, False])
def test_a_test_to_the_district_says_nothing_of_the_line_beyond(hub: bool) -> None:
    """Whatever is seen on the way to the district, the internet's line is judged by what passed it."""
    tests = through(GOOD, 400 if hub else None)
    plain, more = main_line(tests, hub=hub), main_line(tests + to_the_district(4000), hub=hub)
    assert (plain.have, plain.measured) == (more.have, more.measured)
    assert {check.segment for check in more.checks} == {Segment.INTERNET}


def test_a_school_with_a_line_of_its_own_to_the_internet_is_not_judged_by_tests_within() -> None:
    """To a server at the district they went another way: left out, and said so."""
    tests = [check(f"{day} {time}", 5000, segment=Segment.WAN) for day in DAYS for time in QUIET]
    (line,) = town.ask(tests).links
    assert line.have is None
    assert {(out.reason, out.checks) for out in line.left_out} == {(Reason.OTHER_PART, 12)}


def test_the_way_as_a_whole_is_judged_by_what_went_all_of_it() -> None:
    """Where the weak line can't be named, tests that went only to the district do not make the way better."""
    crowded = through(dict.fromkeys(GOOD, 120.0), None)
    before, after = ask(crowded, hub=False), ask(crowded + to_the_district(450), hub=False)
    assert before.state is State.NOT_READY
    assert after.state is State.NOT_READY


def test_of_an_hour_the_nearer_test_counts() -> None:
    """In one hour and place the test that no other line can have limited stands for the line, and is counted once."""
    both = through(dict.fromkeys(GOOD, 120.0), 120) + to_the_district(450)
    counted = [check for check in own_line(both).checks if not check.in_class]
    assert {check.segment for check in counted} == {Segment.WAN}
    assert len(counted) == 12


def test_what_limited_the_box_still_speaks_for_its_line_alone() -> None:
    """A port's limit on the way to the district is an "at least", as on the way to the internet."""
    tests = [
        check(f"{day} {time}", 94, agent="box-adams", segment=Segment.WAN, limited_by=LimitedBy.PORT)
        for day in DAYS
        for time in (*QUIET, *CLASS)
    ]
    own = own_line(tests)
    assert (own.at_least, own.measured.state.short) == (True, False)


def failing(*, hub: Status | None, internet: Status) -> LinkAnswer:
    """Adams's line when three of its twelve tests to the district failed, and what cheap looks saw meanwhile."""
    good = to_the_district(450)
    failed = [
        check(f"{day} 18:40", agent="box-adams", segment=Segment.WAN, status=Status.FAILED) for day in DAYS
    ]
    seen = [
        look(f"{day} 18:40", status, segment, agent="box-adams")
        for day in DAYS
        for status, segment in ((hub, Segment.WAN), (internet, Segment.INTERNET), (Status.OK, Segment.SITE))
        if status is not None
    ]
    return own_line(good[:-1] + failed, seen)


def test_a_servers_failure_is_none_of_the_lines() -> None:
    """The district's server refused while anything beyond this line answered: left out as the server's failure."""
    for hub, internet in ((Status.OK, Status.FAILED), (Status.FAILED, Status.OK), (None, Status.OK)):
        own = failing(hub=hub, internet=internet)
        assert (Reason.SERVER_FAILED, 3) in {(out.reason, out.checks) for out in own.left_out}
        assert all(check.down_mbps > 0 for check in own.checks)


def test_a_line_that_was_down_is_down() -> None:
    """With every place silent in that minute, at the district and beyond, the failed tests count against the line."""
    own = failing(hub=Status.FAILED, internet=Status.FAILED)
    assert sum(check.down_mbps == 0 for check in own.checks) == 3


def test_a_box_that_never_reached_anything_proves_no_outage_within() -> None:
    """A closed port looks like a dead line from the first day on: it accuses nobody, until something once worked."""
    failed = [
        check(f"{day} 18:40", agent="box-adams", segment=Segment.WAN, status=Status.FAILED) for day in DAYS
    ]
    seen = [
        look(f"{day} 18:40", status, segment, agent="box-adams")
        for day in DAYS
        for status, segment in ((Status.FAILED, Segment.INTERNET), (Status.OK, Segment.SITE))
    ]
    assert {out.reason for out in own_line(failed, seen).left_out} == {Reason.NEVER_ONLINE}
    worked = [look(f"{DAYS[0]} 06:00", Status.OK, Segment.WAN, agent="box-adams")]
    assert own_line(failed, seen + worked).left_out == ()
