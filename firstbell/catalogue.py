"""Every probe once: its rhythm, whether it loads the line, and which metrics it may report.

A metric that is not listed here (`firstbell.metrics`) is stored and shown as unknown, and judged by nobody.
"""

import ipaddress
import math
from typing import Literal, NamedTuple

from firstbell.metrics import ALL, MOST_HOPS, Metric, hop_address, hop_rtt_ms

Stretch = Literal["period", "week"]
Reading = bool | int | float | str

TEXT_CHARS = 80
_CALLED = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "text": "a text",
    "address": "an IP address",
}
_WORDS = ("text", "address")
"""Kinds whose readings are strings."""
MAX_INT = (1 << 63) - 1


class ProbeSpec(NamedTuple):
    """One probe: its rhythm by default, whether it loads the line, and the metrics it may report.

    A heavy one runs once in each stretch `once_in` of the box's local time, and makes nothing of `every_s`.
    """

    name: str
    meaning: str
    heavy: bool
    every_s: float
    metrics: tuple[str, ...]
    once_in: Stretch = "period"


METRICS: dict[str, Metric] = {metric.name: metric for metric in ALL}

OF_PEOPLE = frozenset({"ap_stations"})
"""Counts of people's devices: shown only from the district's threshold on, so never as they came."""

_PROBES = (
    ProbeSpec(
        "box",
        "what the box says of itself: its start, what it lost, how full its spool is",
        heavy=False,
        every_s=300,
        metrics=("agent_version", "spool_reports", "spool_used_pct", "unstored_reports"),
    ),
    ProbeSpec(
        "host",
        "processor, memory, disk and network port of this machine",
        heavy=False,
        every_s=300,
        metrics=(
            "cpu_busy_pct",
            "memory_used_pct",
            "memory_total_mib",
            "disk_free_mib",
            "uptime_s",
            "temperature_c",
            "port_speed_mbps",
            "port_down_mbps",
            "port_up_mbps",
        ),
    ),
    ProbeSpec(
        "latency",
        "round trips, loss, name resolution and first byte to each named target",
        heavy=False,
        every_s=60,
        metrics=(
            "rtt_min_ms",
            "rtt_p50_ms",
            "rtt_p95_ms",
            "jitter_ms",
            "loss_pct",
            "echoes_sent",
            "dns_ms",
            "http_ms",
            "http_status",
        ),
    ),
    ProbeSpec(
        "path",
        "the routers on the way to each named target beyond the building, and their round trips",
        heavy=False,
        every_s=3600,
        metrics=(
            "hops",
            *(
                name
                for number in range(1, MOST_HOPS + 1)
                for name in (hop_address(number), hop_rtt_ms(number))
            ),
        ),
    ),
    ProbeSpec(
        "internet",
        "throughput to a public test server, by speedtest-cli in a child process",
        heavy=True,
        every_s=10_800,
        metrics=(
            "down_mbps",
            "up_mbps",
            "down_limited_by",
            "up_limited_by",
            "bytes_received",
            "bytes_sent",
            "cpu_busy_pct",
            "cross_traffic_pct",
            "port_speed_mbps",
            "server",
        ),
    ),
    ProbeSpec(
        "throughput",
        "what a line carries, both ways, against the district's own reference server or another one",
        heavy=True,
        every_s=10_800,
        metrics=(
            "down_mbps",
            "up_mbps",
            "down_limited_by",
            "up_limited_by",
            *(
                f"{way}_{name}"
                for way in ("down", "up")
                for name in (
                    "p50_mbps",
                    "p10_mbps",
                    "p90_mbps",
                    "half_width_mbps",
                    "streams",
                    "measured_s",
                    "stopped_by",
                    "loaded_rtt_p95_ms",
                    "retransmit_pct",
                )
            ),
            "bytes_received",
            "bytes_sent",
            "loaded_s",
            "rtt_min_ms",
            "rtt_p50_ms",
            "rtt_p95_ms",
            "jitter_ms",
            "bufferbloat_ms",
            "rpm_short",
            "udp_loss_pct",
            "cpu_busy_pct",
            "own_cpu_pct",
            "cpu_throttled_pct",
            "cross_traffic_pct",
            "port_speed_mbps",
            "server",
            "server_bytes_sent",
            "server_bytes_received",
            "server_cpu_pct",
            "ends_differ_pct",
        ),
    ),
    ProbeSpec(
        "capacity",
        "how many students of one kind a line carries at once, played against a reference server",
        heavy=True,
        every_s=604_800,
        metrics=(
            "students_ok",
            "students_ok_low",
            "students_ok_high",
            "students_at_least",
            "gave_first",
            "generator_limited",
            "profile",
            "student_mbps",
            "steps",
            "video_late_pct",
            "page_p95_ms",
            "upload_p95_ms",
            "rtt_p50_ms",
            "bytes_received",
            "bytes_sent",
            "loaded_s",
            "cpu_busy_pct",
            "own_cpu_pct",
            "cpu_throttled_pct",
            "cross_traffic_pct",
            "port_speed_mbps",
            "server",
        ),
        once_in="week",
    ),
    ProbeSpec(
        "wifi_link",
        "how well this machine hangs on its access point, by iw",
        heavy=False,
        every_s=300,
        metrics=(
            "signal_dbm",
            "rx_rate_mbps",
            "tx_rate_mbps",
            "expected_mbps",
            "frequency_mhz",
            "width_mhz",
            "wifi_generation",
            "spatial_streams",
            "tx_frames",
            "tx_retry_pct",
            "tx_failed_pct",
            "lost_beacons",
            "connected_s",
            "ap_changed",
        ),
    ),
    ProbeSpec(
        "wifi_air",
        "how full the air is: busy time of the channel, the access point's load, networks heard, by iw",
        heavy=False,
        every_s=300,
        metrics=(
            "busy_pct",
            "receive_pct",
            "transmit_pct",
            "watched_s",
            "noise_dbm",
            "frequency_mhz",
            "ap_busy_pct",
            "ap_stations",
            "ap_load_age_s",
            "channel_networks",
            "band_2ghz_networks",
            "band_5ghz_networks",
            "band_6ghz_networks",
        ),
    ),
    ProbeSpec(
        "power",
        "batteries of a laptop, and a Raspberry Pi's supply",
        heavy=False,
        every_s=300,
        metrics=(
            "plugged_in",
            "batteries",
            "battery_status",
            "battery_pct",
            "health_pct",
            "battery_wh",
            "battery_full_wh",
            "battery_design_wh",
            "power_w",
            "cycles",
            "battery_c",
            "undervoltage_now",
            "undervoltage_since_boot",
            "capped_now",
            "throttled_now",
            "throttled_since_boot",
            "hot_now",
        ),
    ),
)

PROBES: dict[str, ProbeSpec] = {probe.name: probe for probe in _PROBES}


def complaint(name: str, value: Reading) -> str | None:
    """Why `value` can't be a reading of the metric `name`; None if it can, or if the metric is unknown.

    Numbers must be finite and texts short and printable even for unknown metrics.
    """
    metric = METRICS.get(name)
    if isinstance(value, str):
        return _text_complaint(name, value, metric)
    if isinstance(value, int) and abs(value) > MAX_INT:
        return f"{name} is a larger whole number than any store keeps"
    if not math.isfinite(value):
        return f"{name} is not a finite number"
    return _number_complaint(name, value, metric) if metric else None


def _number_complaint(name: str, value: float, metric: Metric) -> str | None:
    if metric.kind in _WORDS or (metric.kind == "bool") != isinstance(value, bool):
        return f"{name} is not {_CALLED[metric.kind]}"
    if metric.kind == "int" and not isinstance(value, int):
        return f"{name} is not a whole number"
    if not metric.low <= value <= metric.high:
        return f"{name} is out of bounds: {value} is not in {metric.low:g} to {metric.high:g}"
    return None


def _is_address(value: str) -> bool:
    """Whether it is a numeric address without a scope, which may be any text."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _text_complaint(name: str, value: str, metric: Metric | None) -> str | None:
    if metric is not None and metric.kind not in _WORDS:
        return f"{name} is not {_CALLED[metric.kind]}"
    if metric is not None and metric.kind == "address" and not _is_address(value):
        return f"{name} is not an IP address"
    if len(value) > TEXT_CHARS:
        return f"{name} is longer than {TEXT_CHARS} characters"
    if not value.isprintable():
        return f"{name} has a character that can't be printed"
    return None
