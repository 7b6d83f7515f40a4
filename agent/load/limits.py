"""What kept a test's throughput from being higher. Only `line` lets it speak against a line."""

from agent.load.engines.base import Result
from firstbell.report import LimitedBy, Medium

PROBE_BUSY_PCT = 85.0
"""Of one core: one interpreter can't use more than one (facts: measurement.md 1.3)."""
PORT_SHARE = 0.85
"""Of the port's speed: 0.9 of the 1448/1538 that goodput can reach over TCP on Ethernet."""
CROSS_TRAFFIC_PCT = 10.0
"""Of the port's bytes (facts: measurement.md 1.4)."""


def limited_by(result: Result, *, port_speed_mbps: int | None, medium: Medium | None) -> LimitedBy:
    """The first thing that can have been the limit; the line itself when nothing else can."""
    fastest = max(result.down_mbps or 0.0, result.up_mbps or 0.0)
    suspects = {
        LimitedBy.CAP: result.capped,
        LimitedBy.PROBE: max(result.own_processor_pct, result.cpu_busy_pct or 0.0) > PROBE_BUSY_PCT,
        LimitedBy.PORT: port_speed_mbps is not None and fastest >= PORT_SHARE * port_speed_mbps,
        LimitedBy.WIFI: medium is Medium.WIFI,
        LimitedBy.SERVER: result.faltered,
        LimitedBy.CROSS_TRAFFIC: (result.cross_traffic_pct or 0.0) > CROSS_TRAFFIC_PCT,
    }
    return next((suspect for suspect, true in suspects.items() if true), LimitedBy.LINE)
