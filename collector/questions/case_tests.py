"""One wired test of a line as an internet provider gets to see it, with what stood beside it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from firstbell import district as districts
from firstbell import stats
from firstbell.district import NS, School
from firstbell.readiness.evidence import Check
from firstbell.readiness.models import Numbers
from firstbell.readiness.reasons import Reason
from firstbell.readiness.sizing import Direction
from firstbell.report import Medium, Report, Segment, Status, Stored

BESIDE_NS = 60 * NS
"""A test of the building's own network that began within so much of another is beside it."""
OVER_WIFI = "over Wi-Fi"
WARMED_UP = frozenset({"own", "iperf3", "librespeed"})
"""Engines that leave slow start out. Of any other the figure may be a mean over the whole transfer."""
ELSEWHERE = "something else than the line was the limit"

Key = tuple[str, str, int]
"""Box, start of the box, number of the report: what names a report for ever."""


class LineTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test. Speeds are payload, in Mbit/s, and `_line_mbps` the same as line rate; None where none was had.

    `counted`: its figure speaks for or against the line in that direction exactly; `spared`: something else
    was its limit, so the line may carry more; `why_not` says what, or why it is left out. `arrival` finds
    the report again in the ZIP.
    """

    report: str
    arrival: int
    agent: str
    local: str
    utc: str
    clock: str
    clock_error_ms: float
    period: str
    in_class: bool
    status: str
    reason: str
    engine: str
    server: str
    segment: str
    down_mbps: float | None
    up_mbps: float | None
    down_line_mbps: float | None
    up_line_mbps: float | None
    down_counted: bool
    up_counted: bool
    down_spared: bool
    up_spared: bool
    why_not: str
    bytes_received: int | None
    bytes_sent: int | None
    server_bytes_sent: int | None
    server_bytes_received: int | None
    port_speed_mbps: int | None
    cpu_busy_pct: float | None
    own_cpu_pct: float | None
    cross_traffic_pct: float | None
    idle_rtt_p50_ms: float | None
    loaded_rtt_p95_ms: float | None
    site_down_mbps: float | None
    site_up_mbps: float | None


def key(stored: Stored | Check) -> Key:
    """What names the report."""
    return stored.agent, stored.epoch, stored.seq


def name(named: Key) -> str:
    """The same as the name of a file."""
    return "-".join(map(str, named))


def line_test(
    stored: Stored,
    school: School,
    framing: float,
    check: Check | None,
    left_out: Reason | None,
    site: Report | None,
) -> LineTest:
    """`stored`, as it counts (`check`) or why it doesn't; `site` is the building's test beside it."""
    report = stored.report
    period = districts.period_of(school, report.at_ns)
    wired = check is not None and check.wired
    down, up = _number(report, "down_mbps"), _number(report, "up_mbps")
    loaded = [
        value for way in ("down", "up") if (value := _number(report, f"{way}_loaded_rtt_p95_ms")) is not None
    ]
    return LineTest(
        report=name(key(stored)),
        arrival=stored.arrival,
        agent=stored.agent,
        local=districts.local(school, report.at_ns).isoformat(timespec="seconds"),
        utc=datetime.fromtimestamp(report.at_ns // NS, UTC).isoformat(timespec="seconds"),
        clock=report.clock.value,
        clock_error_ms=report.clock_error_ms,
        period=period.name,
        in_class=period.in_class,
        status=report.status.value,
        reason=report.reason,
        engine=report.engine,
        server=str(report.readings.get("server", "")),
        segment=report.segment.value if report.segment else "",
        down_mbps=down,
        up_mbps=up,
        down_line_mbps=_raised(down, framing),
        up_line_mbps=_raised(up, framing),
        down_counted=wired and check is not None and not check.at_least,
        up_counted=wired and check is not None and not check.up_at_least and check.up_mbps is not None,
        down_spared=wired and check is not None and check.at_least,
        up_spared=wired and check is not None and check.up_at_least and check.up_mbps is not None,
        why_not=_why_not(check, left_out),
        bytes_received=_whole(report, "bytes_received"),
        bytes_sent=_whole(report, "bytes_sent"),
        server_bytes_sent=_whole(report, "server_bytes_sent"),
        server_bytes_received=_whole(report, "server_bytes_received"),
        port_speed_mbps=_whole(report, "port_speed_mbps"),
        cpu_busy_pct=_number(report, "cpu_busy_pct"),
        own_cpu_pct=_number(report, "own_cpu_pct"),
        cross_traffic_pct=_number(report, "cross_traffic_pct"),
        idle_rtt_p50_ms=_number(report, "rtt_p50_ms"),
        loaded_rtt_p95_ms=max(loaded, default=None),
        site_down_mbps=_number(site, "down_mbps") if site else None,
        site_up_mbps=_number(site, "up_mbps") if site else None,
    )


def counted(test: LineTest, direction: Direction) -> bool:
    """Whether the test's figure in that direction is the line's own."""
    return test.down_counted if direction == "down" else test.up_counted


def spared(test: LineTest, direction: Direction) -> bool:
    """Whether something else than the line limited the test in that direction, so that it may carry more."""
    return test.down_spared if direction == "down" else test.up_spared


def speed(test: LineTest, direction: Direction) -> float:
    """What it saw in that direction, as line rate; 0 where it failed."""
    if test.status != Status.OK.value:
        return 0.0
    return (test.down_line_mbps if direction == "down" else test.up_line_mbps) or 0.0


def off_by(test: LineTest, numbers: Numbers) -> float:
    """The share of what is bought by which a test may miss it and still say nothing against the line."""
    return (numbers.tolerance if test.engine in WARMED_UP else numbers.slow_start).value


def rank(values: Sequence[float], share: float) -> float | None:
    """The quantile by nearest rank; None of nothing."""
    return stats.nearest_rank(values, share) if values else None


def beside(stored: Stored, sites: Mapping[str, Sequence[Stored]]) -> Report | None:
    """The box's test of its own building in the same minute."""
    near = [
        other.report
        for other in sites.get(stored.agent, ())
        if abs(other.report.at_ns - stored.report.at_ns) <= BESIDE_NS and other.report.status is Status.OK
    ]
    return min(near, key=lambda report: abs(report.at_ns - stored.report.at_ns), default=None)


def is_site(stored: Stored) -> bool:
    """Whether it is a test of the building's own network."""
    return stored.report.segment is Segment.SITE


def by_wifi(stored: Stored) -> bool:
    """Whether the box said that it hung on Wi-Fi."""
    return stored.report.medium is Medium.WIFI


_LIMITS = {
    "outage": "the line was down",
    "line_behind": "a line further on may have been the limit",
    "line_before": "a line before it may have been the limit",
    "line_busy": "the line was in use by others",
    "probe": "the box itself was the limit",
    "port": "the box's port was the limit",
    "wifi": "Wi-Fi was the limit",
    "cap": "the test's own ceiling was the limit",
    "cross_traffic": "other traffic of the box's port was the limit",
    "server": "the test server was the limit",
}


def _why_not(check: Check | None, left_out: Reason | None) -> str:
    if check is None:
        return left_out.words if left_out else ELSEWHERE
    if not check.wired:
        return OVER_WIFI
    return _LIMITS.get(check.limit, ELSEWHERE) if check.at_least or check.up_at_least else ""


def _raised(mbps: float | None, framing: float) -> float | None:
    return None if mbps is None else round(mbps * framing, 3)


def _number(report: Report, reading: str) -> float | None:
    value = report.readings.get(reading)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(report: Report, reading: str) -> int | None:
    value = report.readings.get(reading)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
