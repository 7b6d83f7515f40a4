"""What limited a test, from facts alone."""

from typing import Any

import pytest

from agent.load.engines.base import Request, Result
from agent.load.limits import limited_by
from firstbell.report import LimitedBy, Medium, Status


@pytest.mark.parametrize(
    ("facts", "port_speed_mbps", "medium", "expected"),
    [
        ({}, 1000, Medium.WIRED, LimitedBy.LINE),
        ({}, None, None, LimitedBy.LINE),
        ({"capped": ("up",)}, 1000, Medium.WIRED, LimitedBy.CAP),
        ({"own_processor_pct": 86.0}, 1000, Medium.WIRED, LimitedBy.PROBE),
        ({"own_processor_pct": 84.0}, 1000, Medium.WIRED, LimitedBy.LINE),
        ({"cpu_busy_pct": 90.0}, 1000, Medium.WIRED, LimitedBy.PROBE),
        ({"own_processor_pct": 9.0, "throttled_pct": 6.0}, 1000, Medium.WIRED, LimitedBy.PROBE),
        ({"own_processor_pct": 9.0, "throttled_pct": 4.0}, 1000, Medium.WIRED, LimitedBy.LINE),
        ({"server_busy": True}, 1000, Medium.WIRED, LimitedBy.SERVER),
        ({"server_busy": True, "cross_traffic_pct": 50.0}, 1000, Medium.WIRED, LimitedBy.SERVER),
        ({"down_mbps": 94.0}, 100, Medium.WIRED, LimitedBy.PORT),
        ({"up_mbps": 94.0}, 100, Medium.WIRED, LimitedBy.PORT),
        ({"down_mbps": 80.0}, 100, Medium.WIRED, LimitedBy.LINE),
        ({}, None, Medium.WIFI, LimitedBy.WIFI),
        ({"faltered": ("down",)}, 1000, Medium.WIRED, LimitedBy.SERVER),
        ({"cross_traffic_pct": 10.5}, 1000, Medium.WIRED, LimitedBy.CROSS_TRAFFIC),
        ({"cross_traffic_pct": 9.5}, 1000, Medium.WIRED, LimitedBy.LINE),
        ({"capped": ("down", "up"), "own_processor_pct": 99.0}, 1000, Medium.WIFI, LimitedBy.CAP),
    ],
)
def test_only_what_nothing_else_limited_is_the_lines(
    facts: dict[str, Any], port_speed_mbps: int | None, medium: Medium | None, expected: LimitedBy
) -> None:
    """50 Mbit/s of a quiet machine's cable are the line's; each other suspect comes before the line."""
    result = Result(**{"status": Status.OK, "down_mbps": 50.0, "up_mbps": 10.0, **facts})
    assert limited_by(result, port_speed_mbps=port_speed_mbps, medium=medium) is expected


@pytest.mark.parametrize(
    ("facts", "down", "up"),
    [
        ({}, LimitedBy.LINE, LimitedBy.LINE),
        ({"capped": ("up",)}, LimitedBy.LINE, LimitedBy.CAP),
        ({"capped": ("down",), "faltered": ("up",)}, LimitedBy.CAP, LimitedBy.SERVER),
        ({"down_mbps": 94.0}, LimitedBy.PORT, LimitedBy.LINE),
        ({"cpu_busy_pct": 90.0}, LimitedBy.PROBE, LimitedBy.PROBE),
    ],
)
def test_each_direction_has_a_limit_of_its_own(facts: dict[str, Any], down: LimitedBy, up: LimitedBy) -> None:
    """A ceiling, a port and a server can stop one way alone; the box's processor is both ways' at once."""
    result = Result(**{"status": Status.OK, "down_mbps": 50.0, "up_mbps": 10.0, **facts})
    for way, limit in (("down", down), ("up", up)):
        assert limited_by(result, port_speed_mbps=100, medium=Medium.WIRED, ways=(way,)) is limit  # type: ignore[arg-type]


def test_a_request_without_ceilings_is_none() -> None:
    """Zero bytes or zero seconds are no test."""
    with pytest.raises(ValueError, match="above zero"):
        Request(max_bytes=0, max_seconds=10)
    with pytest.raises(ValueError, match="above zero"):
        Request(max_bytes=10, max_seconds=0)
