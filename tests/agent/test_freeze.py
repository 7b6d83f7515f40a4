"""Times are resolved from what a box knew, never from what it only believed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.freeze import Boot, Timeline, better, freeze
from firstbell.report import MAX_AT_NS, ClockQuality, Draft, Stamp, Status
from tests.support.clocks import NOON_NS, HandClock, S

TOP = MAX_AT_NS + 1
ADMITTED_NS = 2 * 10**6
"""What NTP admits to be off by: two milliseconds, and bounds that follow from its word are wider by them."""

NEAR_NS = S // 2
"""What a free quartz may add to bounds in the minutes that these tests last."""


def draft(stamp: Stamp, duration_s: float = 0.0) -> Draft:
    """A report of that moment."""
    return Draft(probe="latency", status=Status.OK, stamp=stamp, duration_s=duration_s)


def word(stamp: Stamp, now_ns: int, half_round_trip_ms: float) -> Stamp:
    """The collector's time, as it is noted."""
    return Stamp(
        boot_id=stamp.boot_id,
        boottime_ns=stamp.boottime_ns,
        wall_ns=now_ns,
        synchronised=True,
        error_ms=half_round_trip_ms,
    )


def test_a_synchronised_stamp_speaks_for_itself() -> None:
    """A report under NTP is at its own wall time, with NTP's error."""
    clock = HandClock()
    stamp = clock.stamp()
    clock.advance(100)
    timeline = Timeline([Boot("boot-1", stamp.boottime_ns, ntp=stamp)], clock.stamp())
    [report] = freeze([draft(stamp)], timeline, -1, TOP)
    assert (report.at_ns, report.clock, report.clock_error_ms) == (NOON_NS, ClockQuality.NTP, 2.0)
    assert report.not_before_ns is None


def test_a_boot_that_began_in_1970_is_right_once_it_synchronised() -> None:
    """What was measured before the first sync gets its true time, to 100 ms in an hour."""
    clock = HandClock()
    clock.reboot(wall_ns=0)
    early, truth = clock.stamp(), clock.true_ns
    clock.advance(3600)
    clock.sync()
    timeline = Timeline([Boot("boot-2", clock.stamp().boottime_ns, ntp=clock.stamp())], clock.stamp())
    moment = timeline.moment(early)
    assert moment.clock is ClockQuality.NTP
    assert abs(moment.at_ns - truth) <= 100_000_000
    # 3,600 s of a free quartz, 100 ppm, are 360 ms; NTP itself admitted 2 ms.
    assert moment.error_ms == pytest.approx(362.0)


def test_without_ntp_the_collector_gives_the_time_and_half_the_round_trip_bounds_it() -> None:
    """A word of the collector, asked and answered within 80 ms, is off by 40 ms at most."""
    clock = HandClock()
    clock.reboot(wall_ns=0)
    stamp, truth = clock.stamp(), clock.true_ns
    timeline = Timeline([Boot("boot-2", stamp.boottime_ns, collector=word(stamp, truth + 3, 40.0))], stamp)
    moment = timeline.moment(stamp)
    assert (moment.at_ns, moment.clock, moment.error_ms) == (truth + 3, ClockQuality.COLLECTOR, 40.0)


def test_nothing_is_known_before_somebody_said_the_time() -> None:
    """A box without NTP and collector does not know the present, and freezes nothing."""
    clock = HandClock()
    clock.reboot(wall_ns=0)
    timeline = Timeline([Boot("boot-2", 5 * S)], clock.stamp())
    assert timeline.now is None
    with pytest.raises(ValueError, match="present"):
        freeze([draft(clock.stamp())], timeline, -1, TOP)


def test_a_false_server_that_says_2036_is_not_believed_against_the_collector() -> None:
    """NTP ten years off: the times are the collector's, for reports before and after the question."""
    clock = HandClock()
    clock.sync(wrong_s=10 * 365 * 86_400)
    stamp, truth = clock.stamp(), clock.true_ns
    clock.advance(60)
    asked = clock.stamp()
    boot = Boot("boot-1", asked.boottime_ns, ntp=stamp, collector=word(asked, clock.true_ns, 10.0))
    timeline = Timeline([boot], clock.stamp())
    assert timeline.now is not None
    assert timeline.now.at_ns == clock.true_ns
    moment = timeline.moment(stamp)
    assert (moment.at_ns, moment.clock) == (truth, ClockQuality.COLLECTOR)


@pytest.mark.parametrize(("wrong_s", "quality"), [(59.0, ClockQuality.NTP), (61.0, ClockQuality.COLLECTOR)])
def test_a_minute_is_what_ntp_may_differ(wrong_s: float, quality: ClockQuality) -> None:
    """Up to 60 s NTP is believed, beyond it is not."""
    clock = HandClock()
    clock.sync(wrong_s=wrong_s)
    stamp = clock.stamp()
    boot = Boot("boot-1", stamp.boottime_ns, ntp=stamp, collector=word(stamp, clock.true_ns, 0.0))
    assert Timeline([boot], stamp).moment(stamp).clock is quality


def test_a_boot_under_a_false_server_is_bounded_by_its_neighbours() -> None:
    """Reports of an earlier boot that claim to lie after now get bounds, not the claim."""
    clock = HandClock()
    first = Boot("boot-1", clock.stamp().boottime_ns, ntp=clock.stamp())
    off_ns = clock.true_ns
    clock.reboot(off_s=100)
    clock.sync(wrong_s=10 * 365 * 86_400)
    stamp, truth = clock.stamp(), clock.true_ns
    second = Boot("boot-2", stamp.boottime_ns, ntp=stamp)
    clock.reboot(off_s=100)
    clock.sync()
    third = Boot("boot-3", clock.stamp().boottime_ns, ntp=clock.stamp())
    moment = Timeline([first, second, third], clock.stamp()).moment(stamp)
    assert moment.clock is ClockQuality.BOUNDED
    assert moment.not_before_ns is not None
    assert moment.not_after_ns is not None
    assert off_ns <= moment.not_before_ns <= truth <= moment.not_after_ns <= truth + 100 * S + NEAR_NS


def test_a_boot_that_never_knew_the_time_lies_between_two_that_did() -> None:
    """Bounds hold the truth, are as narrow as the neighbours allow, and reports keep their distances."""
    clock = HandClock()
    first = Boot("boot-1", clock.stamp().boottime_ns, ntp=clock.stamp())
    clock.reboot(off_s=100, wall_ns=0)
    drafts, truths = [], []
    for _ in range(3):
        drafts.append(draft(clock.stamp()))
        truths.append(clock.true_ns)
        clock.advance(60)
    second = Boot("boot-2", drafts[-1].stamp.boottime_ns)
    clock.reboot(off_s=200)
    clock.sync()
    third = Boot("boot-3", clock.stamp().boottime_ns, ntp=clock.stamp())
    reports = freeze(drafts, Timeline([first, second, third], clock.stamp()), -1, TOP)
    for report, truth in zip(reports, truths, strict=True):
        assert report.clock is ClockQuality.BOUNDED
        assert report.not_before_ns is not None
        assert report.not_after_ns is not None
        # Off for 100 s before and 200 s after, and 60 s of the boot itself were not seen to its end.
        assert 100 * S + ADMITTED_NS <= truth - report.not_before_ns <= 100 * S + NEAR_NS
        assert 260 * S + ADMITTED_NS <= report.not_after_ns - truth <= 260 * S + NEAR_NS
        assert report.clock_error_ms == pytest.approx(180_002.0, abs=NEAR_NS / 1e6)
    assert [later.at_ns - earlier.at_ns for earlier, later in pairwise(reports)] == [60 * S, 60 * S]


def test_two_unknown_boots_in_a_row_share_the_gap_in_their_order() -> None:
    """The second can't have begun before the first had run, nor the first have ended after the second began."""
    clock = HandClock()
    boots = [Boot("boot-1", clock.stamp().boottime_ns, ntp=clock.stamp())]
    stamps, truths = [], []
    for _ in range(2):
        clock.reboot(off_s=50, wall_ns=0)
        clock.advance(1000)
        stamps.append(clock.stamp())
        truths.append(clock.true_ns)
        boots.append(Boot(stamps[-1].boot_id, stamps[-1].boottime_ns))
    clock.reboot(off_s=50)
    clock.sync()
    boots.append(Boot("boot-4", clock.stamp().boottime_ns, ntp=clock.stamp()))
    timeline = Timeline(boots, clock.stamp())
    for stamp, truth in zip(stamps, truths, strict=True):
        moment = timeline.moment(stamp)
        assert moment.not_before_ns is not None
        assert moment.not_after_ns is not None
        assert moment.not_before_ns <= truth <= moment.not_after_ns
        assert 150 * S + 2 * ADMITTED_NS <= moment.not_after_ns - moment.not_before_ns <= 150 * S + NEAR_NS


def test_a_first_boot_that_never_knew_has_only_an_upper_bound() -> None:
    """With nothing before it, the guess is as late as it can be, and no lower bound is made up."""
    clock = HandClock()
    clock.reboot(off_s=0, wall_ns=0)
    stamp = clock.stamp()
    unknown = Boot(stamp.boot_id, stamp.boottime_ns)
    clock.reboot(off_s=10)
    clock.sync()
    known = Boot("boot-3", clock.stamp().boottime_ns, ntp=clock.stamp())
    moment = Timeline([unknown, known], clock.stamp()).moment(stamp)
    assert moment.not_before_ns is None
    assert moment.at_ns == moment.not_after_ns
    assert ADMITTED_NS <= moment.at_ns - (clock.true_ns - 5 * S) <= NEAR_NS


@pytest.mark.parametrize("wrong", [-1e-4, 1e-4])
def test_bounds_hold_for_a_quartz_that_runs_wrong(wrong: float) -> None:
    """Three days without any time by a quartz 100 ppm fast or slow: the bounds still hold the truth."""
    clock = HandClock()
    clock.error_ms = 0.0
    first = Boot("boot-1", clock.stamp().boottime_ns, ntp=clock.stamp())
    clock.reboot(off_s=0, wall_ns=0)
    began_ns = clock.true_ns
    clock.advance(3 * 86_400)
    stamps = {}
    for share in (0.1, 0.5, 1.0):
        ran_ns = round((clock.true_ns - began_ns) * share)
        stamp = Stamp(
            boot_id="boot-2", boottime_ns=round(ran_ns * (1 + wrong)), wall_ns=0, synchronised=False
        )
        stamps[began_ns + ran_ns] = stamp
    boot = Boot("boot-2", stamp.boottime_ns)
    clock.reboot(off_s=0)
    clock.sync()
    third = Boot("boot-3", clock.stamp().boottime_ns, ntp=clock.stamp())
    timeline = Timeline([first, boot, third], clock.stamp())
    for truth, stamp in stamps.items():
        moment = timeline.moment(stamp)
        assert moment.not_before_ns is not None
        assert moment.not_after_ns is not None
        assert moment.not_before_ns <= truth <= moment.not_after_ns


def test_after_a_step_in_the_same_boot_the_present_gives_the_time() -> None:
    """A wall time that lies after now, in a boot that knows the time now, is resolved by boottime."""
    clock = HandClock()
    clock.sync(wrong_s=86_400)
    stamp, truth = clock.stamp(), clock.true_ns
    clock.advance(60)
    clock.sync()
    boot = Boot("boot-1", stamp.boottime_ns, ntp=stamp)
    assert Timeline([boot], clock.stamp()).moment(stamp).at_ns == truth


def test_a_boot_nobody_noted_lies_before_the_present() -> None:
    """A report whose boot was on a damaged page is bounded by now, not thrown away."""
    clock = HandClock()
    clock.reboot(wall_ns=0)
    stamp, truth = clock.stamp(), clock.true_ns
    clock.reboot()
    clock.sync()
    moment = Timeline([Boot("boot-3", 5 * S, ntp=clock.stamp())], clock.stamp()).moment(stamp)
    assert moment.clock is ClockQuality.BOUNDED
    assert moment.not_after_ns is not None
    assert truth <= moment.not_after_ns <= clock.true_ns


def test_ties_rise_by_a_nanosecond() -> None:
    """Three targets of one look share a stamp and still have three times."""
    clock = HandClock()
    timeline = Timeline([Boot("boot-1", 0, ntp=clock.stamp())], clock.stamp())
    reports = freeze([draft(clock.stamp(), 1.5)] * 3, timeline, NOON_NS, TOP)
    assert [report.at_ns - NOON_NS for report in reports] == [1, 2, 3]


def test_a_long_test_keeps_its_start_among_short_ones() -> None:
    """A test of 25 s that is stored after a look which began within it is not moved behind that look."""
    clock = HandClock()
    stamp = clock.stamp()
    clock.advance(20)
    look = draft(clock.stamp(), 1.0)
    clock.advance(5)
    timeline = Timeline([Boot("boot-1", 0, ntp=stamp)], clock.stamp())
    reports = freeze([look, draft(stamp, 25.0), draft(clock.stamp())], timeline, -1, TOP)
    assert [report.at_ns - NOON_NS for report in reports] == [20 * S, 0, 25 * S]


def test_a_small_step_back_does_not_turn_time_around() -> None:
    """A report that the wall clock puts before the last one follows it, and says how far it was moved."""
    clock = HandClock()
    before = draft(clock.stamp())
    clock.advance(0.2)
    clock.wrong_ns = -S // 2
    timeline = Timeline([Boot("boot-1", 0, ntp=before.stamp)], clock.stamp())
    reports = freeze([before, draft(clock.stamp())], timeline, -1, TOP)
    assert [report.at_ns - NOON_NS for report in reports] == [0, 1]
    assert reports[1].clock_error_ms == pytest.approx(302.0, abs=0.01)


def test_old_reports_stay_before_newer_ones_that_were_frozen_first() -> None:
    """Reports frozen late fit between their neighbours, even if their own times would not."""
    clock = HandClock()
    stamp = clock.stamp()
    clock.advance(1)
    timeline = Timeline([Boot("boot-1", 0, ntp=stamp)], clock.stamp())
    reports = freeze([draft(stamp), draft(clock.stamp())], timeline, NOON_NS - 10, NOON_NS)
    assert [report.at_ns - NOON_NS for report in reports] == [-2, -1]


def test_a_time_frozen_under_a_false_server_does_not_draw_the_rest_along() -> None:
    """What was once frozen as 2036 is a floor for nothing: later reports get their true times."""
    clock = HandClock()
    stamp = clock.stamp()
    timeline = Timeline([Boot("boot-1", 0, ntp=stamp)], stamp)
    [report] = freeze([draft(stamp)], timeline, NOON_NS + 10 * 365 * 86_400 * S, TOP)
    assert report.at_ns <= NOON_NS + S + 1


@given(
    gaps=st.lists(st.integers(0, 3_000_000_000), min_size=1, max_size=30),
    wobble=st.lists(st.integers(-900_000_000, 900_000_000), min_size=30, max_size=30),
    floor=st.integers(-5, 2_000_000_000),
)
def test_times_rise_strictly_whatever_the_clock_does(gaps: list[int], wobble: list[int], floor: int) -> None:
    """Without overlaps, each report of an epoch is later than the one before, by at least 1 ns."""
    clock = HandClock()
    first = clock.stamp()
    drafts = []
    for gap, wrong in zip(gaps, wobble, strict=False):
        clock.true_ns += gap
        clock.wrong_ns = wrong
        drafts.append(draft(clock.stamp()))
    clock.advance(10)
    timeline = Timeline([Boot("boot-1", 0, ntp=first)], clock.stamp())
    reports = freeze(drafts, timeline, NOON_NS + floor, TOP)
    times = [NOON_NS + floor, *(report.at_ns for report in reports)]
    assert all(earlier < later for earlier, later in pairwise(times))


def test_a_fresh_word_replaces_an_aged_one_and_a_vague_one_does_not() -> None:
    """A word 20 ms vague is kept against one of 300 ms a second later, and given up for it an hour later."""
    clock = HandClock()
    old = word(clock.stamp(), clock.true_ns, 20.0)
    clock.advance(1)
    assert not better(old, word(clock.stamp(), clock.true_ns, 300.0))
    clock.advance(3600)
    assert better(old, word(clock.stamp(), clock.true_ns, 300.0))
    assert better(old, word(clock.stamp(), clock.true_ns + 61 * S, 9999.0))
    assert better(None, old)
