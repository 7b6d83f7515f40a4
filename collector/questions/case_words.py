"""What the case for an internet provider says in words, and the figures that it says them of."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from collector.questions.case_tests import LineTest
from firstbell.readiness import words
from firstbell.readiness.models import Numbers
from firstbell.readiness.sizing import Direction
from firstbell.report import ClockQuality


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the tests saw in one direction, as line rate in Mbit/s, quantiles by nearest rank.

    Of `tests`, `spared` had something else than the line for their limit: each is taken for better than all
    others, so that no doubt speaks against the line. `below`: how many saw less than what is bought, by more
    than the measurement itself may be off by; `dead`: how many found the line dead. None for a quantile: it
    lies among those spared, so it is not known.
    """

    direction: Direction
    in_class: bool
    tests: int
    spared: int
    bought_mbps: float | None
    lowest_mbps: float | None
    worst_tenth_mbps: float | None
    median_mbps: float | None
    highest_mbps: float | None
    below: int
    dead: int
    sentence: str


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which a box on the line reached its own network and nothing beyond."""

    agent: str
    begin_local: str
    end_local: str
    begin_utc: str
    minutes: float
    in_class_minutes: float


_ENGINES = {
    "own": "First Bell's own test: random data over several TCP connections until their rate stood still; "
    "counted at the receiving end after that, at both ends beside each other.",
    "speedtest": "speedtest.net by speedtest-cli: the mean over the whole transfer, slow start included, "
    "so it reads low rather than high.",
    "iperf3": "iperf3: eight TCP connections, two seconds of warm-up left out, the receiver's count.",
    "librespeed": "a LibreSpeed server: several TCP connections, warm-up left out; up by what its side "
    "acknowledged. LibreSpeed's own factor of 1.06 is not in it.",
    "ndt7": "ndt7 of M-Lab's kind: one TCP connection, down counted by the box, up by the server.",
}
_SHOWN_SERVERS = 3
PORT_ROOM = 1.2
"""A port must be this much faster than what is bought to show it whole."""


def measured_with(tests: Sequence[LineTest]) -> Iterable[str]:
    """By which engines, against which servers, with how many of the tests each, and how that one counts."""
    by_engine = Counter(test.engine for test in tests)
    for engine, count in by_engine.most_common():
        servers = sorted({test.server for test in tests if test.engine == engine and test.server})
        more = " and others" if len(servers) > _SHOWN_SERVERS else ""
        against = f" against {', '.join(servers[:_SHOWN_SERVERS])}{more}" if servers else ""
        how = _ENGINES.get(engine, "an engine that this program does not know.")
        yield f"{words.count(count, 'test')} ({engine or 'unnamed'}){against}: {how}"


def too_small_a_port(tests: Sequence[LineTest], bought: float | None) -> str:
    """That the boxes' ports can't show the line whole; empty if they can, or nobody knows."""
    ports = [test.port_speed_mbps for test in tests if test.port_speed_mbps]
    if bought is None or not ports or max(ports) >= PORT_ROOM * bought:
        return ""
    return (
        f"The box's port has {words.mbit(f'{max(ports):,}')}: it can't show that a line carries the "
        f"{words.exact(bought)} bought. What it shows is how often there was less."
    )


def headline(circuit: str, figures: Sequence[Figures]) -> str:
    """The case in a sentence: what the tests outside class say of what is bought."""
    quiet = next(figure for figure in figures if figure.direction == "down" and not figure.in_class)
    if quiet.tests == quiet.spared:
        return (
            f"Line {circuit} can't be judged for these days: it was the limit of no wired test outside class."
        )
    if quiet.bought_mbps is None:
        return f"Line {circuit}: nobody entered what is bought, so nothing can be claimed of it."
    bought = words.mbit(words.exact(quiet.bought_mbps))
    if not quiet.below:
        tests = words.count(quiet.tests - quiet.spared, "test")
        return (
            f"None of {tests} outside class shows that line {circuit} carried less than the {bought} bought."
        )
    share = f"{quiet.below:,} of {words.count(quiet.tests, 'test')}"
    return f"Line {circuit} carried clearly less than the {bought} that are bought in {share} outside class."


def claim(
    direction: Direction,
    tests: int,
    spared: int,
    below: int,
    bought: float | None,
    median: float | None,
    *,
    in_class: bool,
) -> str:
    """What the tests of one direction, in class or outside, saw."""
    hours = "In class" if in_class else "Outside class"
    way = "towards the school" if direction == "down" else "from the school"
    if tests == spared:
        return f"{hours}, {way}: the line was the limit of no wired test."
    said = f"{hours}, {way}: {words.count(tests, 'test')}"
    if median is not None:
        said += f", half of them at {words.mbit(_plain(median))} or less"
    if bought is not None:
        said += f"; {below:,} of them clearly below the {words.mbit(words.exact(bought))} bought"
    if spared:
        said += f"; in {spared:,} something else was the limit, and they are taken for good"
    return f"{said}{'; in class this is what others left over' if in_class else ''}."


def dead(failed: Sequence[Failed], minutes: float) -> str:
    """How often and how long the line was found dead."""
    if not failed:
        return "The line was never found dead in this time."
    in_class = sum(away.in_class_minutes for away in failed)
    times = words.count(len(failed), "time")
    return (
        f"The line was found dead {times}, for {_plain(minutes)} minutes together, "
        f"{_plain(in_class)} of them in class."
    )


def way(target: str, traces: int, in_class: int, reached: int) -> str:
    """Of how many traces a way is, and how its routers' round trips are to be read."""
    return (
        f"Of {words.count(traces, 'trace')}, {in_class:,} in class, {reached:,} reached {target} itself. "
        "A slow router says something only if all behind it are slow, too: the delay lies before it, there "
        "or back. In class the school's own use of the line adds to every router behind the line."
    )


def left_out(tests: Sequence[LineTest]) -> Iterable[str]:
    """How many tests don't count towards the school, and why, most first."""
    reasons = Counter(test.why_not for test in tests if not test.down_counted and test.why_not)
    for reason, count in reasons.most_common():
        yield f"{words.count(count, 'test')}: {reason}"


def method(numbers: Numbers, zone: str) -> tuple[str, ...]:
    """How it was measured, and what is not known."""
    octets = f"{numbers.wire_octets.value:g} / {numbers.payload_octets.value:g}"
    clocks = f"{ClockQuality.NTP}: by time servers; {ClockQuality.COLLECTOR}: by the collector"
    return tuple(
        text.format(
            octets=octets,
            tolerance=f"{numbers.tolerance.value:.0%}",
            slow_start=f"{numbers.slow_start.value:.0%}",
            zone=zone,
            clocks=clocks,
        )
        for text in _METHOD.strip().splitlines()
    )


# A line here is a paragraph there, and may be longer than a line of code.
_METHOD = """
Each test was made by a box on a cable in the building, at a random moment of each period of the day. By \
which engine, against which server, and how that one counts stands above.
Where the test server tells, both ends' bytes stand beside each other; a test whose ends differ by more \
than 5 % is none. The box's processor and port, and its test of the building's own network in the same \
minute, stand with it.
Speeds are raised from payload to line rate by {octets} octets (TCP over IPv4 on Ethernet), as contracts \
count. A test is clearly below what is bought from {tolerance} on; one whose mean includes slow start, as \
speedtest.net's, from {slow_start} on.
A test counts only if the line was its limit: what the box, its port, the server, its other traffic or a \
ceiling limited is left out, and so are tests by hand, and all but one of a place in an hour.
Times are local ({zone}) and UTC; how each clock was known stands with its test ({clocks}).
A minute counts as dead when every site that the box tried failed while its own gateway answered.
How much of the line others used in class is not known here: it was not read from the line's equipment.
"""


def _plain(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")
