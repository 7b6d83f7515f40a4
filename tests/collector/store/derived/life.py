"""Boxes' looks for the tests: what each minute saw, as the reports that a box would make of it."""

from collections.abc import Iterable, Sequence

from collector.store.derived.intervals import Interval
from firstbell.report import ClockQuality, Report, Segment, Status
from tests.collector.workbench import BOX, NOW_NS, Bench

MINUTE_NS = 60_000_000_000
ALWAYS = [(BOX, 0, None)]

ONLINE, LINE, SITE, CUT, ALONE, DEAF = "online", "line", "site", "cut", "alone", "deaf"
"""What a look sees; `deaf` is online at a gateway that never answers."""
_GATEWAY = {
    ONLINE: Status.OK,
    LINE: Status.OK,
    SITE: Status.FAILED,
    CUT: Status.NOTHING,
    DEAF: Status.TIMEOUT,
}


def look(minute: float, saw: str, *, clock: ClockQuality = ClockQuality.NTP) -> list[Report]:
    """One look, so many minutes after the tests' moment."""
    at_ns = NOW_NS + round(minute * MINUTE_NS)
    online = saw in {ONLINE, DEAF}
    sites = [
        _latency(at_ns + n, name, Segment.INTERNET, Status.OK if online and not n else Status.FAILED, clock)
        for n, name in enumerate(("google", "cloudflare"))
    ]
    if saw == ALONE:
        return sites
    return [*sites, _latency(at_ns + 2, "gateway", Segment.SITE, _GATEWAY[saw], clock)]


def looks(minutes: Iterable[int], saw: str) -> list[Report]:
    """The same seen in each of these minutes."""
    return [report for minute in minutes for report in look(minute, saw)]


def _latency(at_ns: int, target: str, segment: Segment, status: Status, clock: ClockQuality) -> Report:
    return Report(
        status=status,
        reason="" if status is Status.OK else "no answer",
        probe="latency",
        target=target,
        segment=segment,
        at_ns=at_ns,
        duration_s=1.0,
        clock=clock,
        readings={"rtt_p50_ms": at_ns % 997 / 10, "echoes_sent": 10} if status is Status.OK else {},
    )


def at(minute: float) -> int:
    """That minute in ns since 1970."""
    return NOW_NS + round(minute * MINUTE_NS)


def told(intervals: Sequence[Interval]) -> list[tuple[str, float, float]]:
    """Kinds with begins and ends in minutes."""
    return [
        (each.kind.value, (each.begin_ns - NOW_NS) / MINUTE_NS, (each.end_ns - NOW_NS) / MINUTE_NS)
        for each in intervals
    ]


def send_all(bench: Bench, reports: Sequence[Report], *, first: int = 1, agent: str = BOX) -> int:
    """Send reports in batches of at most 200, none before it was measured; the number after the last."""
    bench.clock.wall_ns = max([bench.clock.wall_ns, *(report.at_ns for report in reports)])
    for n in range(0, len(reports), 200):
        assert bench.send(first + n, reports[n : n + 200], agent=agent).held
    return first + len(reports)
