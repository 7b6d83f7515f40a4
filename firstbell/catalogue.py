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
    Metric("down_limited_by", "text", "what limited this direction, where not what `limited_by` says"),
    Metric("up_limited_by", "text", "what limited this direction, where not what `limited_by` says"),
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
    Metric(
        "signal_dbm", "float", "strength of the access point's signal here (a mean, if it's told)", -120, -1
    ),
    Metric("rx_rate_mbps", "float", "rate of the last frame from the access point: no throughput", 0, 1e6),
    Metric("tx_rate_mbps", "float", "rate of the last frame to the access point: no throughput", 0, 1e6),
    Metric("expected_mbps", "float", "throughput to the access point that the driver expects", 0, 1e6),
    Metric("frequency_mhz", "int", "middle of the primary channel", 2000, 80_000),
    Metric("width_mhz", "int", "width of the channel", 1, 10_000),
    Metric("wifi_generation", "int", "generation of Wi-Fi that the rates speak: 4 (n) to 7 (be)", 4, 9),
    Metric("spatial_streams", "int", "spatial streams of the last frame to the access point", 1, 16),
    Metric("tx_frames", "int", "frames sent to the access point since the last look", 0, 1 << 40),
    Metric("tx_retry_pct", "float", "share of all transmissions that were repetitions", 0, 100),
    Metric("tx_failed_pct", "float", "share of frames given up after all repetitions", 0, 100),
    Metric("lost_beacons", "int", "losses of the access point's beacons since the last look", 0, 1 << 40),
    Metric("connected_s", "float", "time since this machine joined the access point", 0, 1e10),
    Metric(
        "ap_changed",
        "bool",
        "whether it hangs on another access point, or band, than at the last look",
    ),
    Metric("busy_pct", "float", "share of time in which the channel was busy, this machine included", 0, 100),
    Metric("receive_pct", "float", "share of time in which this radio received", 0, 100),
    Metric("transmit_pct", "float", "share of time in which this radio sent", 0, 100),
    Metric("watched_s", "float", "time that this radio spent on the channel since the last look", 0, 1e7),
    Metric("noise_dbm", "float", "noise on the channel, as the driver has it", -130, -1),
    Metric("ap_busy_pct", "float", "share of time in which the access point itself heard it busy", 0, 100),
    Metric("ap_stations", "int", "devices on the access point's network, by itself (a count)", 0, 2007),
    Metric("ap_load_age_s", "float", "how old the access point's own two figures are", 0, 1e7),
    Metric("channel_networks", "int", "other networks on the same primary channel, last scan", 0, 10_000),
    Metric("band_2ghz_networks", "int", "other networks heard at 2.4 GHz, last scan", 0, 10_000),
    Metric("band_5ghz_networks", "int", "other networks heard at 5 GHz, last scan", 0, 10_000),
    Metric("band_6ghz_networks", "int", "other networks heard at 6 GHz, last scan", 0, 10_000),
    Metric("plugged_in", "bool", "whether power comes in from outside"),
    Metric("batteries", "int", "batteries of this machine, taken together in what follows", 0, 100),
    Metric("battery_status", "text", "charging, discharging, not charging, full or unknown"),
    Metric("battery_pct", "float", "charge of what the batteries hold when full today", 0, 100),
    Metric("health_pct", "float", "what they hold when full, of what they held when new", 0, 120),
    Metric("battery_wh", "float", "energy in the batteries", 0, 10_000),
    Metric("battery_full_wh", "float", "energy in the batteries when full today", 0, 10_000),
    Metric("battery_design_wh", "float", "energy in the batteries when full and new", 0, 10_000),
    Metric("power_w", "float", "power out of the batteries; below zero while they charge", -1000, 1000),
    Metric("cycles", "int", "charging cycles of the most used battery", 1, 100_000),
    Metric("battery_c", "float", "temperature of the warmest battery", -60, 150),
    Metric("undervoltage_now", "bool", "whether the supply's voltage is too low (Raspberry Pi)"),
    Metric("undervoltage_since_boot", "bool", "whether it has been too low since the start"),
    Metric("capped_now", "bool", "whether the processor may not run at full frequency"),
    Metric("throttled_now", "bool", "whether the processor is slowed down"),
    Metric("throttled_since_boot", "bool", "whether it has been slowed down since the start"),
    Metric("hot_now", "bool", "whether the processor is above its soft limit of temperature"),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}

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
            "server",
        ),
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
