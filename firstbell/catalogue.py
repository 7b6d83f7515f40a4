"""Every metric once: its name with the unit, its type, its bounds, one line of meaning.

A metric that is not listed here is stored and shown as unknown, and judged by nobody.
"""

import math
from typing import Literal, NamedTuple

Kind = Literal["float", "int", "bool", "text"]
Reading = bool | int | float | str

TEXT_CHARS = 80
MAX_INT = (1 << 63) - 1


class Metric(NamedTuple):
    """One thing that a probe can read; `low` and `high` are inclusive bounds of a true reading."""

    name: str
    kind: Kind
    meaning: str
    low: float = 0.0
    high: float = math.inf


class ProbeSpec(NamedTuple):
    """One probe: its rhythm by default, whether it loads the line, and the metrics it may report."""

    name: str
    meaning: str
    heavy: bool
    every_s: float
    metrics: tuple[str, ...]


_METRICS = (
    Metric("cpu_busy_pct", "float", "share of processor time in use, all cores together", 0, 100),
    Metric("memory_used_pct", "float", "share of memory that programs could not get", 0, 100),
    Metric("memory_total_mib", "float", "memory of this machine", 0, 1 << 30),
    Metric("disk_free_mib", "float", "free space where this box keeps its spool", 0, 1 << 40),
    Metric("uptime_s", "float", "time since this machine started", 0, 1e10),
    Metric("temperature_c", "float", "temperature of the processor", -60, 150),
    Metric("port_speed_mbps", "int", "speed that the port in use agreed with the switch", 0, 1_000_000),
    Metric("port_down_mbps", "float", "what came in by the port since the last look", 0, 1e6),
    Metric("port_up_mbps", "float", "what left by the port since the last look", 0, 1e6),
    Metric("rtt_min_ms", "float", "shortest round trip to the target", 0, 1e6),
    Metric("rtt_p50_ms", "float", "median round trip (nearest rank)", 0, 1e6),
    Metric("rtt_p95_ms", "float", "95th percentile of the round trips (nearest rank)", 0, 1e6),
    Metric("jitter_ms", "float", "mean difference between neighbouring round trips", 0, 1e6),
    Metric("loss_pct", "float", "share of echoes that got no answer in time", 0, 100),
    Metric("echoes_sent", "int", "echoes sent to the target", 0, 1000),
    Metric("dns_ms", "float", "time to resolve the target's name as a device here would", 0, 1e6),
    Metric("http_ms", "float", "time to the first byte of the target's page, connection included", 0, 1e6),
    Metric("http_status", "int", "status with which the target's web server answered", 100, 599),
    Metric("down_mbps", "float", "throughput towards this machine: goodput at the receiver", 0, 1e6),
    Metric("up_mbps", "float", "throughput from this machine: goodput at the receiver", 0, 1e6),
    Metric("bytes_received", "int", "bytes of the line that the test used, inwards", 0, 1 << 50),
    Metric("bytes_sent", "int", "bytes of the line that the test used, outwards", 0, 1 << 50),
    Metric(
        "cross_traffic_pct",
        "float",
        "share of the port's bytes that were not the test's",
        0,
        100,
    ),
    Metric("server", "text", "the test server as it names itself"),
    Metric("agent_version", "text", "version of this box's program"),
    Metric("spool_reports", "int", "reports that wait in the box's spool", 0, 1 << 40),
    Metric("spool_used_pct", "float", "share of the spool's bound in use", 0, 1000),
    Metric(
        "unstored_reports",
        "int",
        "measurements that the disk would not take",
        0,
        1 << 40,
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}

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
        "internet",
        "throughput to a public test server, by speedtest-cli in a child process",
        heavy=True,
        every_s=10_800,
        metrics=(
            "down_mbps",
            "up_mbps",
            "bytes_received",
            "bytes_sent",
            "cpu_busy_pct",
            "cross_traffic_pct",
            "server",
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
    if metric.kind == "text" or (metric.kind == "bool") != isinstance(value, bool):
        return f"{name} is not a {metric.kind}"
    if metric.kind == "int" and not isinstance(value, int):
        return f"{name} is not a whole number"
    if not metric.low <= value <= metric.high:
        return f"{name} is out of bounds: {value} is not in {metric.low:g} to {metric.high:g}"
    return None


def _text_complaint(name: str, value: str, metric: Metric | None) -> str | None:
    if metric is not None and metric.kind != "text":
        return f"{name} is not a {metric.kind}"
    if len(value) > TEXT_CHARS:
        return f"{name} is longer than {TEXT_CHARS} characters"
    if not value.isprintable():
        return f"{name} has a character that can't be printed"
    return None
