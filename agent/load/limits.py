"""What kept a test's throughput from being higher. Only `line` lets it speak against a line."""

from collections.abc import Collection

from agent.load.engines.base import Direction, Result
from firstbell.report import LimitedBy, Medium

PROBE_BUSY_PCT = 85.0
"""Of one core: one interpreter can't use more than one (facts: measurement.md 1.3)."""
PORT_SHARE = 0.85
"""Of the port's speed: 0.9 of the 1448/1538 that goodput can reach over TCP on Ethernet."""
THROTTLED_PCT = 5.0
"""Of the time: a quota on processor time held the test back for so long, however little it used."""
CROSS_TRAFFIC_PCT = 10.0
"""Of the port's bytes (facts: measurement.md 1.4)."""


def limited_by(
    result: Result,
    *,
    port_speed_mbps: int | None,
    medium: Medium | None,
    ways: Collection[Direction] = ("down", "up"),
) -> LimitedBy:
    """The first thing that can have been the limit of `ways`; the line itself when nothing else can."""
    rates = {"down": result.down_mbps, "up": result.up_mbps}
    fastest = max(rates[way] or 0.0 for way in ways)
    suspects = {
        LimitedBy.CAP: not set(ways).isdisjoint(result.capped),
        LimitedBy.PROBE: _is_probes(result),
        LimitedBy.PORT: port_speed_mbps is not None and fastest >= PORT_SHARE * port_speed_mbps,
        LimitedBy.WIFI: medium is Medium.WIFI,
        LimitedBy.SERVER: result.server_busy or not set(ways).isdisjoint(result.faltered),
        LimitedBy.CROSS_TRAFFIC: (result.cross_traffic_pct or 0.0) > CROSS_TRAFFIC_PCT,
    }
    return next((suspect for suspect, true in suspects.items() if true), LimitedBy.LINE)


def _is_probes(result: Result) -> bool:
    """Whether this machine, or what it may use of its processor, was too little."""
    busy_pct = max(result.own_processor_pct, result.cpu_busy_pct or 0.0)
    return busy_pct > PROBE_BUSY_PCT or (result.throttled_pct or 0.0) > THROTTLED_PCT
