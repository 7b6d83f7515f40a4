"""When a stream is added, when the line is warm and when its rate is known: a simulated line and clock."""

import itertools
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.load import flow as rules
from agent.load.flow import Bounds, Flow, Step, Why, first_streams, is_known

TICK_S = 0.05
FREE = Bounds(10**12, 60.0)
Line = Callable[[float, int], float]
"""Mbit/s at a moment, with so many streams."""


class Run:
    """A flow on a line, ticked until it is done; what it decided, and when."""

    def __init__(
        self, line: Line, rtt_s: float = 0.03, bounds: Bounds = FREE, *, jumps_s: float = 0.0
    ) -> None:
        """`jumps_s` of what comes is held back and comes at once, every so often."""
        self.flow, self.used = Flow(rtt_s, bounds), 0.0
        self.steps: list[tuple[float, Step]] = []
        at_s, tick = 1000.0, 0
        self.flow.look(at_s, 0)
        while not self.flow.spend(tick * TICK_S, self.used) and tick < 10_000:
            tick += 1
            self.used += line(tick * TICK_S, self.flow.streams) * 1e6 / 8 * TICK_S
            held = jumps_s and tick * TICK_S % (3 * jumps_s) < jumps_s
            seen = self.used if not held else self.flow.received.at(math.inf)
            self.steps.append((tick * TICK_S, self.flow.look(at_s + tick * TICK_S, seen)))
        self.seconds = tick * TICK_S

    @property
    def mbps(self) -> float:
        """The rate that it found."""
        figures = self.flow.figures()
        return figures.mbps if figures else 0.0

    def when(self, step: Step) -> float:
        """When it first decided so."""
        return next((at_s for at_s, decided in self.steps if decided is step), math.inf)


def steady(mbps: float) -> Line:
    """A line that gives the same to any number of streams, from the first moment."""
    return lambda _at_s, _streams: mbps


def test_a_steady_line_is_known_in_two_seconds() -> None:
    """Half a second to see that nothing grows, 1.5 s measured, exactly its rate, and no half-width."""
    run = Run(steady(100))
    figures = run.flow.figures()
    assert figures is not None
    assert (run.flow.stopped_by, run.flow.capped) == (Why.KNOWN, False)
    assert run.when(Step.MEASURING) == pytest.approx(0.5, abs=0.11)
    assert run.seconds == pytest.approx(2.05, abs=0.15)
    assert figures.measured_s >= 1.5 - 1e-6
    assert figures[:5] == pytest.approx((100, 100, 100, 100, 0))


def test_what_comes_before_the_line_is_warm_does_not_count() -> None:
    """A rate that doubles every quarter second for 1.5 s, up to 400: the figure is 400, not the mean."""
    run = Run(lambda at_s, _streams: min(400.0, 400 / 64 * 2 ** (at_s / 0.25)))
    assert run.when(Step.MEASURING) > 1.5
    assert run.mbps == pytest.approx(400, rel=0.001)


def test_the_warm_up_lasts_eight_round_trips() -> None:
    """At 150 ms that is 1.2 s at least, whatever the rate does."""
    assert Run(steady(100), rtt_s=0.15).when(Step.MEASURING) == pytest.approx(1.2, abs=0.06)


def test_growth_of_a_tenth_within_the_window_is_not_warm() -> None:
    """A line that grows by a third each second is not measured before it stops to."""
    run = Run(lambda at_s, _streams: 10 * min(1.5**at_s, 1.5**4))
    assert run.when(Step.MEASURING) > 3.5
    assert run.mbps == pytest.approx(10 * 1.5**4, rel=0.02)


def test_a_line_that_grows_while_it_is_measured_is_measured_anew() -> None:
    """A second step after the warm-up (a shaper that lets go): what counts begins after it."""
    run = Run(lambda at_s, _streams: 50.0 if at_s < 1.2 else 100.0)
    assert run.mbps == pytest.approx(100, rel=0.02)


def test_thin_streams_are_doubled_for_as_long_as_that_brings_more() -> None:
    """Each stream is held to 5 Mbit/s of 70, as by losses: all of it in the end; where four are enough, four."""
    run = Run(lambda _at_s, streams: min(70.0, 5.0 * streams))
    assert run.flow.streams >= 14
    assert run.mbps == pytest.approx(70)
    assert Run(steady(100), rtt_s=0.001).flow.streams == 4


def test_a_long_and_fast_way_gets_streams_for_its_windows() -> None:
    """400 Mbit/s at 150 ms hold 7.5 MB: 15 streams, so that no window of a socket is in the way."""
    assert Run(steady(400), rtt_s=0.15).flow.streams == 15


def test_a_slow_line_is_not_cut_into_slivers() -> None:
    """5 Mbit/s at 80 ms hold 35 packets: four streams, however the rate swings."""
    dice = random.Random(4)
    run = Run(lambda _at_s, _streams: 5 * dice.uniform(0.2, 2), rtt_s=0.08)
    assert run.flow.streams <= 4


def test_never_more_streams_than_there_may_be() -> None:
    """Each brings as much as the first, without an end: 32."""
    run = Run(lambda _at_s, streams: 10.0 * streams, bounds=Bounds(10**12, 20.0))
    assert run.flow.streams == 32


@pytest.mark.parametrize(
    ("rtt_s", "streams"), [(0.0, 1), (0.03, 1), (0.031, 2), (0.09, 3), (0.15, 4), (2.0, 4)]
)
def test_the_longer_the_way_the_more_at_first(rtt_s: float, streams: int) -> None:
    """One on a short way, up to four on a long one."""
    assert first_streams(rtt_s) == streams


def test_what_a_gap_holds_back_is_not_counted_twice() -> None:
    """Of every 0.45 s, 0.15 are held back and come at once, as after a lost packet: within 1 % all the same."""
    for phase in range(9):
        run = Run(lambda at_s, _streams, phase=phase: 100.0 if at_s > phase / 20 else 10.0, jumps_s=0.15)  # type: ignore[misc]
        assert run.mbps == pytest.approx(100, rel=0.01), phase


def test_noise_takes_longer_and_is_told() -> None:
    """Quarter seconds that swing by 40 %: 3.5 s are measured, and the half-width holds the truth."""
    dice = random.Random(1)
    run = Run(lambda _at_s, _streams: 100 * dice.uniform(0, 2))
    figures = run.flow.figures()
    assert figures is not None
    assert figures.measured_s >= 3.4
    assert figures.half_width_mbps > 3
    assert abs(figures.mbps - 100) < figures.half_width_mbps
    assert figures.p10_mbps < figures.p50_mbps < figures.p90_mbps


def test_noise_on_a_long_way_takes_24_round_trips() -> None:
    """At 250 ms that is 6 s: what swings with the round trips is not known in fewer of them."""
    dice = random.Random(1)
    figures = Run(lambda _at_s, _streams: 100 * dice.uniform(0, 2), rtt_s=0.25).flow.figures()
    assert figures is not None
    assert figures.measured_s >= 5.9


@pytest.mark.parametrize("phase_s", [0.0, 0.3, 0.6, 0.9])
def test_under_load_a_gap_may_last_longer(phase_s: float) -> None:
    """Of every 1.8 s, 0.6 are held back: at 30 ms that is a swing of the line; with 300 ms under load, a gap."""
    off = []
    for loaded_s in (0.03, 0.3):
        flow = Flow(0.03, FREE)
        for tick in range(400):
            at_s = tick * TICK_S
            gap_s = (at_s + phase_s) % 1.8
            held_s = min(at_s, gap_s) if gap_s < 0.6 - 1e-9 else 0.0
            flow.trip(loaded_s)
            if flow.look(at_s, 100e6 / 8 * (at_s - held_s)) is Step.DONE:
                break
        figures = flow.figures()
        assert figures is not None
        off.append(abs(figures.mbps - 100))
    assert off[1] < 0.1
    assert off[0] > 1


def test_bytes_end_it_and_it_is_at_least() -> None:
    """20 MB of a 100 Mbit/s line are 1.6 s: too little to know, and the rate is that of what was measured."""
    run = Run(steady(100), bounds=Bounds(20e6, 60))
    assert (run.flow.stopped_by, run.flow.capped) == (Why.BYTES, True)
    assert run.mbps == pytest.approx(100)


def test_seconds_end_it_even_before_it_is_warm() -> None:
    """0.3 s: the figure is that of the time there was."""
    run = Run(steady(100), bounds=Bounds(10**12, 0.3))
    assert (run.flow.stopped_by, run.flow.capped) == (Why.SECONDS, True)
    assert run.mbps == pytest.approx(100)


def test_what_is_on_its_way_is_reserved() -> None:
    """With 1 MB ahead it ends 1 MB before the ceiling."""
    flow = Flow(0.03, Bounds(5e6, 60))
    assert not flow.spend(1, 3.9e6, ahead=1e6)
    assert flow.spend(1, 4.0e6, ahead=1e6)


def test_a_stop_ends_it_and_the_first_reason_stays() -> None:
    """Stopped, and then out of time: it was the stop; out of time, and then stopped: it was the time."""
    flow = Flow(0.03, FREE)
    flow.look(0, 0)
    flow.stop()
    assert flow.spend(61, 0)
    assert (flow.look(1, 10), flow.stopped_by) == (Step.DONE, Why.STOP)
    late = Flow(0.03, FREE)
    assert late.spend(61, 0)
    late.stop()
    assert late.stopped_by is Why.SECONDS


def test_nothing_that_came_is_no_rate() -> None:
    """No bytes, no figures."""
    assert Run(steady(0), bounds=Bounds(10**12, 2)).flow.figures() is None
    assert Flow(0.03, FREE).figures() is None


@given(
    mbps=st.floats(0.1, 2000),
    rtt_ms=st.floats(0, 400),
    max_bytes=st.integers(1, 10**9),
    max_seconds=st.floats(0.1, 40),
    noise=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_never_more_than_the_ceilings(
    mbps: float, rtt_ms: float, max_bytes: int, max_seconds: float, noise: float, seed: int
) -> None:
    """Whatever the line: one tick beyond the ceilings at most, streams only ever more, and a rate that was seen."""
    dice = random.Random(seed)
    streams: list[int] = []

    def line(_at_s: float, now: int) -> float:
        streams.append(now)
        return mbps * (1 + noise * dice.uniform(-1, 1))

    run = Run(line, rtt_ms / 1000, Bounds(max_bytes, max_seconds))
    tick = 2 * mbps * 1e6 / 8 * TICK_S
    assert run.used <= max_bytes + tick
    assert run.seconds <= max_seconds + TICK_S + 1e-6
    assert streams == sorted(streams)
    assert max(streams, default=1) <= rules.MOST_STREAMS
    figures = run.flow.figures()
    assert figures is None or 0 < figures.mbps <= 2 * mbps * 1.001
    if figures and run.flow.stopped_by is Why.KNOWN:
        assert figures.measured_s >= rules.MEASURED_S - 1e-6
        assert not run.flow.capped


@given(
    gaps_s=st.lists(st.floats(0.001, 3.0), min_size=1, max_size=60),
    rtt_s=st.sampled_from([0.0, 0.001, 0.03, 0.15, 1.0]),
    seed=st.integers(0, 1000),
)
@example(gaps_s=[0.6, 0.6, 0.6, 0.5, 0.7, 2.4, 0.6], rtt_s=0.03, seed=1)
def test_counts_that_come_with_gaps_still_make_a_rate(gaps_s: list[float], rtt_s: float, seed: int) -> None:
    """However rarely the other end is heard (an edge without one look too): a rate within what ever came in."""
    dice = random.Random(seed)
    flow, at_s, received = Flow(rtt_s, FREE), 1000.0, 0.0
    flow.look(at_s, received)
    for gap_s in itertools.islice(itertools.cycle(gaps_s), 200):
        at_s, received = at_s + gap_s, received + gap_s * 1e6 * dice.uniform(0.8, 1.2)
        flow.look(at_s, received)
        since_s, until_s = flow.measured
        assert 1000.0 <= since_s < until_s <= at_s
    figures = flow.figures()
    assert figures is not None
    assert 8 * 0.8 * 0.999 <= figures.mbps <= 8 * 1.2 * 1.001


@given(noise=st.floats(0.0, 0.4), seed=st.integers(0, 200))
def test_noise_around_a_rate_is_measured_as_that_rate(noise: float, seed: int) -> None:
    """Independent noise of up to 40 % a tick: within 13 % of the truth, and within 1 % without noise."""
    dice = random.Random(seed)
    run = Run(lambda _at_s, _streams: 100 * (1 + noise * dice.uniform(-1, 1)))
    assert run.mbps == pytest.approx(100, rel=0.01 + 0.3 * noise)


def test_the_quantiles_are_of_quarter_seconds() -> None:
    """A saw tooth of a second, 70, 90, 110 and 130: the tenth percentile is near 70, the ninetieth near 130."""
    run = Run(lambda at_s, _streams: 70 + 20 * (at_s // 0.25 % 4), rtt_s=0.2)
    figures = run.flow.figures()
    assert figures is not None
    assert figures.p10_mbps == pytest.approx(70, abs=10)
    assert figures.p50_mbps == pytest.approx(100, abs=12)
    assert figures.p90_mbps == pytest.approx(130, abs=10)


def test_a_rate_is_known_by_its_half_width_against_the_time_it_took() -> None:
    """One quarter second proves nothing; even ones are known at once; 90 and 110 are not within 2 s."""
    assert not is_known([100.0], 5)
    assert is_known([100, 100], 1.5)
    assert not is_known([90, 110] * 4, 2.0)
