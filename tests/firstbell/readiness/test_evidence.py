"""Which tests count. Each kind that must not is planted so that it would turn the answer round if it did."""

from collections.abc import Callable

import msgspec
import pytest

from firstbell import district as districts
from firstbell.catalogue import Reading
from firstbell.district import Seat
from firstbell.readiness import evidence
from firstbell.readiness.evidence import Line, Weighed
from firstbell.readiness.reasons import Reason
from firstbell.readiness.verdict import State
from firstbell.report import ClockQuality, LimitedBy, Mark, Medium, Segment, Status, Stored
from tests.firstbell.readiness.town import (
    BOX,
    CLASS,
    DAYS,
    NOW,
    QUIET,
    TARGETS,
    ask,
    at,
    check,
    day,
    look,
    town,
    week,
)

BAD_TIMES = [f"{when} 19:{minute}" for when in DAYS for minute in ("05",)]
"""Hours in which the good week has no other check."""

GOOD = 2500.0
"""Ready to the horizon for 1,200 people on flex."""
LOW = 300.0
"""Not ready."""


def weigh(tests: list[Stored], latency: list[Stored] | None = None, **kwargs: object) -> Weighed:
    """Sorted as for Lincoln High's line."""
    district = town()
    line = Line(district, district.schools[0], district.circuits[0], TARGETS.numbers, at(NOW))
    return evidence.weigh(tests, latency or [], line)


def failed(when: str, **kwargs: object) -> Stored:
    """A test that did not work."""
    return check(when, status=Status.FAILED)


PLANTS: dict[str, tuple[Callable[[str], Stored], Reason | None]] = {
    "self": (lambda when: check(when, LOW, segment=Segment.SELF), Reason.SELF),
    "another part of the way": (lambda when: check(when, LOW, segment=Segment.SITE), Reason.OTHER_PART),
    "a part that is not known": (lambda when: check(when, LOW, segment=None), Reason.OTHER_PART),
    "by hand": (lambda when: check(when, LOW, marks=(Mark.UNLEASED,)), Reason.UNLEASED),
    "bounded clock": (lambda when: check(when, LOW, clock=ClockQuality.BOUNDED), Reason.CLOCK_UNKNOWN),
    "clock ahead": (
        lambda when: check(when, LOW, received_ns=at(when) - 301 * 10**9),
        Reason.CLOCK_AHEAD,
    ),
    "another box's line": (lambda when: check(when, LOW, agent="elsewhere"), Reason.OTHER_LINE),
    "no reading": (lambda when: check(when, readings={"up_mbps": 1.0}), Reason.NO_READING),
    "skipped": (lambda when: check(when, status=Status.SKIPPED), Reason.NOT_RUN),
    "not installed": (lambda when: check(when, status=Status.NOTHING), Reason.NOT_RUN),
    "limited by probe": (lambda when: check(when, LOW, limited_by=LimitedBy.PROBE), None),
    "limited by port": (lambda when: check(when, LOW, limited_by=LimitedBy.PORT), None),
    "limited by Wi-Fi": (lambda when: check(when, LOW, limited_by=LimitedBy.WIFI), None),
    "limited by a ceiling": (lambda when: check(when, LOW, limited_by=LimitedBy.CAP), None),
    "limited by other traffic": (lambda when: check(when, LOW, limited_by=LimitedBy.CROSS_TRAFFIC), None),
    "limited by the server": (lambda when: check(when, LOW, limited_by=LimitedBy.SERVER), None),
    "limited by nobody knows what": (lambda when: check(when, LOW, limited_by=None), None),
    "busy line": (lambda when: check(when, LOW, marks=(Mark.LINE_BUSY,)), None),
}


@pytest.mark.parametrize("kind", PLANTS)
def test_what_must_not_count_does_not_turn_the_answer(kind: str) -> None:
    """A good week stays ready with three low tests of this kind; as tests of the line they would end that."""
    plant, reason = PLANTS[kind]
    planted = [plant(when) for when in BAD_TIMES]
    answer = ask([*week(GOOD), *planted])
    assert answer.state is State.READY_THROUGH
    assert ask([*week(GOOD), *(check(when, LOW) for when in BAD_TIMES)]).state is State.NOT_READY
    weighed = weigh([*week(GOOD), *planted])
    if reason:
        assert [test.reason for test in weighed.left_out] == [reason] * 3
        here = {} if kind == "another box's line" else {reason: 3}
        assert {count.reason: count.checks for count in answer.links[0].left_out} == here
        assert all(left.words for left in answer.links[0].left_out)
    else:
        assert not weighed.left_out
        assert sum(seen.at_least for seen in weighed.checks) == 3


@pytest.mark.parametrize(
    "limit",
    [
        LimitedBy.PROBE,
        LimitedBy.PORT,
        LimitedBy.WIFI,
        LimitedBy.CAP,
        LimitedBy.CROSS_TRAFFIC,
        LimitedBy.SERVER,
    ],
)
def test_what_was_limited_elsewhere_still_speaks_for_the_line(limit: LimitedBy) -> None:
    """Twelve tests that saw at least enough make it ready; at least too little leaves it open, never short."""
    times = [f"{when} {time}" for when in DAYS for time in QUIET]
    enough = ask([check(when, GOOD, limited_by=limit) for when in times])
    assert enough.state is State.READY_THROUGH
    assert enough.measured.at_least
    little = ask([check(when, LOW, limited_by=limit) for when in times])
    assert little.state is State.NOT_MEASURED
    assert little.measured.have == pytest.approx(LOW)
    assert "the box itself saw no more" in little.sentence


@pytest.mark.parametrize("direction", ["down", "up"])
def test_one_direction_can_speak_against_the_line_alone(direction: str) -> None:
    """A box that tells its limits apart is believed for each: what a ceiling stopped says no more than `at least`."""
    readings: dict[str, Reading] = {"down_mbps": 90.0, "up_mbps": 9.0, f"{direction}_limited_by": "line"}
    (seen,) = weigh([check("2026-12-02 19:05", limited_by=LimitedBy.CAP, readings=readings)]).checks
    assert {way: seen.capped(way) for way in ("down", "up")} == {
        "down": direction != "down",
        "up": direction != "up",
    }
    assert seen.limit == "cap"


def test_a_busy_line_is_busy_both_ways_whatever_the_box_says() -> None:
    """The mark comes from who saw the line; a box that calls the line its limit did not know."""
    readings: dict[str, Reading] = {"down_mbps": 90.0, "up_mbps": 9.0, "up_limited_by": "line"}
    marked = check("2026-12-02 19:05", marks=(Mark.LINE_BUSY,), readings=readings)
    (seen,) = weigh([marked]).checks
    assert seen.capped("down")
    assert seen.capped("up")


def outage(when: str, *, gateway: Status | None = Status.OK) -> list[Stored]:
    """Cheap looks around `when`: every site fails; the gateway as asked."""
    looks = [look(when, Status.FAILED), look(f"{when}:40", Status.TIMEOUT)]
    return looks if gateway is None else [*looks, look(when, gateway, Segment.SITE)]


def test_a_failed_test_counts_against_the_line_if_all_sites_failed_too() -> None:
    """Three outages in a good week: the line was down, and the lowest is 0."""
    tests = [*week(GOOD), *(failed(when) for when in BAD_TIMES)]
    latency = [stored for when in BAD_TIMES for stored in outage(when)]
    answer = ask(tests, latency)
    assert answer.state is State.NOT_READY
    assert answer.measured.have == 0
    assert [seen.limit for seen in answer.links[0].checks].count("outage") == 3


def test_a_servers_403_does_not_count_against_the_line() -> None:
    """The same failures while another site answered: the server's failure, shown and not counted."""
    tests = [*week(GOOD), *(failed(when) for when in BAD_TIMES)]
    latency = [stored for when in BAD_TIMES for stored in [*outage(when), look(f"{when}:30")]]
    answer = ask(tests, latency)
    assert answer.state is State.READY_THROUGH
    assert {count.reason: count.checks for count in answer.links[0].left_out} == {Reason.SERVER_FAILED: 3}


@pytest.mark.parametrize(
    ("latency", "reason"),
    [
        ([], Reason.UNCONFIRMED),
        ([look("2026-12-02 19:08", Status.FAILED)], Reason.UNCONFIRMED),
        ([look("2026-12-02 19:03", Status.FAILED)], Reason.UNCONFIRMED),
        ([look("2026-12-02 19:05", Status.FAILED, agent="other-box")], Reason.UNCONFIRMED),
        ([look("2026-12-02 19:05", Status.FAILED, clock=ClockQuality.BOUNDED)], Reason.UNCONFIRMED),
        ([look("2026-12-02 19:05", Status.SKIPPED)], Reason.UNCONFIRMED),
        ([look("2026-12-02 19:05", Status.FAILED, Segment.SITE)], Reason.UNCONFIRMED),
        ([*outage("2026-12-02 19:05"), look("2026-12-02 19:06:15")], Reason.SERVER_FAILED),
        ([*outage("2026-12-02 19:05"), look("2026-12-02 19:04:05")], Reason.SERVER_FAILED),
        (
            [
                *outage("2026-12-02 19:05", gateway=Status.FAILED),
                look("2026-12-02 09:00", Status.OK, Segment.SITE),
            ],
            Reason.BOX_CUT_OFF,
        ),
        (outage("2026-12-02 19:05", gateway=Status.NOTHING), Reason.BOX_CUT_OFF),
        (outage("2026-12-02 19:05", gateway=Status.FAILED), None),
        (outage("2026-12-02 19:05", gateway=None), None),
        (outage("2026-12-02 19:05"), None),
    ],
)
def test_whose_failure_it_was(latency: list[Stored], reason: Reason | None) -> None:
    """Only cheap looks of the same box and minute tell; a cut-off box is known by a gateway that answers else."""
    worked = check("2026-12-01 03:00")
    weighed = weigh([worked, failed("2026-12-02 19:05")], latency)
    assert [test.reason for test in weighed.left_out] == ([reason] if reason else [])
    assert len(weighed.checks) == (1 if reason else 2)


def test_a_box_that_never_reached_the_internet_proves_no_outage() -> None:
    """A closed switch port looks like a dead line; one look that was answered, or one good test, tells them apart."""
    lost, around = failed("2026-12-02 19:05"), outage("2026-12-02 19:05")
    assert [test.reason for test in weigh([lost], around).left_out] == [Reason.NEVER_ONLINE]
    assert weigh([lost], [*around, look("2026-12-01 03:00")]).left_out == ()
    assert weigh([check("2026-12-01 03:00"), lost], around).left_out == ()


def test_a_failed_test_without_a_server_is_still_a_test_of_the_line() -> None:
    """A test that could not even choose a server names no part of the way."""
    lost = check("2026-12-02 19:05", status=Status.TIMEOUT, segment=None)
    seen = weigh([lost], [*outage("2026-12-02 19:05"), look("2026-12-01 03:00")])
    assert [check.down_mbps for check in seen.checks] == [0]


def test_two_boxes_with_one_name_are_no_evidence() -> None:
    """Until somebody decides, what comes under the name counts neither against nor for."""
    tests = week(GOOD)
    assert ask(tests).state is State.READY_THROUGH
    answer = ask(tests, suspended=frozenset(test.arrival for test in tests))
    assert answer.state is State.NOT_MEASURED
    assert {count.reason for count in answer.links[0].left_out} == {Reason.TWO_BOXES}


def test_tests_of_the_line_before_its_change_are_left_out() -> None:
    """The change's own day too: nobody wrote down the hour. Without a change the same tests turn the answer."""
    old = week(LOW, days=("2026-11-16", "2026-11-17", "2026-11-18"))
    tests = [*old, *week(GOOD)]
    assert ask(tests).state is State.NOT_READY
    answer = ask(tests, district=town(since="2026-11-18"))
    assert answer.state is State.READY_THROUGH
    assert {count.reason: count.checks for count in answer.links[0].left_out} == {Reason.OLD_LINE: 12}
    few = ask(week(GOOD), district=town(since="2026-12-02"))
    assert few.sentence.startswith(
        "Not measured enough yet: 4 of 10 checks since the line was changed on 2 December, answer about"
    )


def test_tests_older_than_thirty_school_days_are_left_out() -> None:
    """On Thursday 3 December the first of 30 school days is Friday 23 October; weekends since then count."""
    line = Line(town(), town().schools[0], town().circuits[0], TARGETS.numbers, at(NOW))
    assert line.first_day == day("2026-10-23")
    weighed = weigh([check("2026-10-22 23:59"), check("2026-10-23 00:01"), check("2026-10-24 12:00")])
    assert [test.reason for test in weighed.left_out] == [Reason.TOO_OLD]
    assert len(weighed.checks) == 2
    old = week(LOW, days=("2026-10-20", "2026-10-21", "2026-10-22"))
    assert ask([*old, *week(GOOD)]).state is State.READY_THROUGH
    assert ask([*old, *week(GOOD)], now="2026-12-03 21:00").state is State.READY_THROUGH
    young = week(LOW, days=("2026-10-26", "2026-10-27", "2026-10-28"))
    assert ask([*young, *week(GOOD)]).state is State.NOT_READY


def test_a_box_that_moved_speaks_for_its_place_at_the_time() -> None:
    """Low tests from another line before the move, and on its day, are not this line's."""
    there = Seat(agent=BOX, school="lincoln", circuit="other")
    here = Seat(agent=BOX, school="lincoln", circuit="line", since=day("2026-11-30"))
    low = week(LOW, days=("2026-11-26", "2026-11-27", "2026-11-30"))
    moved = ask([*low, *week(GOOD)], district=town(seats=[there, here]))
    assert moved.state is State.READY_THROUGH
    assert {count.reason: count.checks for count in moved.links[0].left_out} == {Reason.OTHER_LINE: 12}
    assert ask([*low, *week(GOOD)]).state is State.NOT_READY


def test_one_check_a_place_and_hour() -> None:
    """Ten tests in one hour are one; the first that the line limited stands for it, whatever the others say."""
    burst = [check(f"2026-12-02 19:{minute:02}", 900 + minute) for minute in range(10, 20)]
    weighed = weigh(burst)
    assert [round(seen.down_mbps * 1538 / 1448) for seen in weighed.checks] == [910]
    assert [test.reason for test in weighed.left_out] == [Reason.SAME_HOUR] * 9
    assert ask(burst * 1).state is State.NOT_MEASURED


def test_an_at_least_does_not_stand_in_for_a_test_of_the_line() -> None:
    """In one hour a capped test comes first, then the line's own limit: the second one counts."""
    weighed = weigh(
        [
            check("2026-12-02 19:05", 900, limited_by=LimitedBy.CAP),
            check("2026-12-02 19:25", 95, limited_by=LimitedBy.PORT),
            check("2026-12-02 19:45", LOW),
        ]
    )
    assert [(seen.at_least, round(seen.down_mbps * 1538 / 1448)) for seen in weighed.checks] == [(False, 300)]


def test_two_places_in_one_hour_are_two_checks() -> None:
    """Boxes in two rooms each have their own; two boxes in one room share theirs."""

    def two(rooms: tuple[str, str]) -> int:
        seats = [
            Seat(agent=agent, school="lincoln", circuit="line", room=room)
            for agent, room in zip(("box-a", "box-b"), rooms, strict=True)
        ]
        district = town(seats=seats)
        line = Line(district, district.schools[0], district.circuits[0], TARGETS.numbers, at(NOW))
        tests = [check("2026-12-02 19:05", agent="box-a"), check("2026-12-02 19:25", agent="box-b")]
        return len(evidence.weigh(tests, [], line).checks)

    assert two(("101", "102")) == 2
    assert two(("101", "101")) == 1


def test_class_and_quiet_are_never_mixed() -> None:
    """Low tests in class don't make the line short; the same at quiet times do."""
    in_class = week(LOW, times=CLASS)
    answer = ask([*week(GOOD), *in_class])
    assert answer.state is State.READY_THROUGH
    side = answer.links[0].sides[0]
    assert side.left_over.bound is not None
    assert side.left_over.bound.mbps == pytest.approx(LOW)
    assert side.left_over.settle
    assert ask(week(LOW)).state is State.NOT_READY


def test_a_weekend_is_quiet_all_day() -> None:
    """A test on Saturday at 10:10 judges the line; on a Friday it is what was left over in class."""
    saturday, friday = check("2026-11-28 10:10", LOW), check("2026-11-27 10:10", LOW)
    assert ask([*week(GOOD), saturday]).state is State.NOT_READY
    assert ask([*week(GOOD), friday]).state is State.READY_THROUGH


def test_the_medium_is_the_reports_or_else_the_seats() -> None:
    """A report that doesn't say is taken for what its seat says; where nobody says, it is no cable."""
    seat = Seat(agent=BOX, school="lincoln", circuit="line", medium=Medium.WIRED)
    district = town(seats=[seat])
    line = Line(district, district.schools[0], district.circuits[0], TARGETS.numbers, at(NOW))
    unsaid, wifi = check("2026-12-02 19:05", medium=None), check("2026-12-02 20:05", medium=Medium.WIFI)
    assert [seen.wired for seen in evidence.weigh([unsaid, wifi], [], line).checks] == [True, False]
    assert [seen.wired for seen in weigh([unsaid]).checks] == [False]


def test_what_lies_after_the_question_is_not_looked_at() -> None:
    """Tests after the moment that is asked about, or after the last known arrival, might as well not be."""
    tests = week(GOOD)
    later = [*week(LOW, days=("2026-12-07", "2026-12-08", "2026-12-09"))]
    assert ask([*tests, *later]).links == ask(tests).links
    last = max(stored.arrival for stored in tests)
    late = [check(when, LOW) for when in BAD_TIMES]
    assert ask([*tests, *late], facts_until=last).links == ask(tests, facts_until=last).links
    assert ask([*tests, *late], facts_until=last + 100).state is State.NOT_READY


def test_a_clock_five_minutes_ahead_is_tolerated() -> None:
    """Up to five minutes are the network's and the clocks' usual ways; beyond, the time is not known."""
    near = check("2026-12-02 19:05", received_ns=at("2026-12-02 19:00"))
    far = check("2026-12-02 20:05", received_ns=at("2026-12-02 20:00") - 1)
    weighed = weigh([near, far])
    assert len(weighed.checks) == 1
    assert [test.reason for test in weighed.left_out] == [Reason.CLOCK_AHEAD]


def test_checks_can_be_traced_to_their_reports() -> None:
    """Each check that counts, and each left out, carries the identity of its report."""
    good, bad = check("2026-12-02 19:05"), check("2026-12-02 20:05", segment=Segment.SELF)
    weighed = weigh([bad, good])
    assert [(c.agent, c.epoch, c.seq) for c in weighed.checks] == [(good.agent, good.epoch, good.seq)]
    assert [(c.agent, c.epoch, c.seq) for c in weighed.left_out] == [(bad.agent, bad.epoch, bad.seq)]
    assert msgspec.json.decode(msgspec.json.encode(weighed), type=Weighed) == weighed


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    """What is left out is told in people's words."""
    assert reason.words
    assert "evidence" not in reason.words


def test_periods_follow_the_schools_clock_not_utc() -> None:
    """14:10 UTC is 8:10 in Chicago (class) and 4:10 in Honolulu (night)."""
    utc = at("2026-12-02 14:10", "UTC")
    for tz, in_class in (("America/Chicago", True), ("Pacific/Honolulu", False)):
        school = town(tz=tz).schools[0]
        assert districts.period_of(school, utc).in_class is in_class


def test_no_date_is_promised_while_checks_come_to_nothing() -> None:
    """After a failed check, or days without one, the answer says so instead of naming a day."""
    good = week(GOOD, days=("2026-12-01",))
    assert "answer about" in ask(good, now="2026-12-02 12:00").sentence
    failed = [*good, check("2026-12-02 06:00", status=Status.FAILED)]
    answer = ask(failed, now="2026-12-02 12:00")
    assert "the last one failed while nothing else was tried" in answer.sentence
    assert answer.links[0].sides[0].progress.answer_on is None
    silent = ask(good, now="2026-12-05 12:00")
    assert silent.sentence.endswith("none since 1 December.")
    seat = msgspec.structs.replace(town().seats[0], since=day("2026-11-20"))
    never = ask(district=msgspec.structs.replace(town(), seats=(seat,)), now="2026-12-05 12:00")
    assert never.sentence.endswith("0 of 10 checks; none since 20 November.")
