"""Every metric once: its name with the unit, its type, its bounds, one line of meaning."""

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["float", "int", "bool", "text", "address"]


class Metric(NamedTuple):
    """One thing that a probe can read; `low` and `high` are inclusive bounds of a true reading."""

    name: str
    kind: Kind
    meaning: str
    low: float = 0.0
    high: float = math.inf


def _both_ways(*metrics: Metric) -> tuple[Metric, ...]:
    return tuple(metric._replace(name=f"{way}_{metric.name}") for way in ("down", "up") for metric in metrics)


MOST_HOPS = 20
"""Of a way no more routers are told."""


def hop_address(number: int) -> str:
    """The metric for the address of the `number`th router of a way, from 1."""
    return f"hop{number:02}_address"


def hop_rtt_ms(number: int) -> str:
    """The metric for the round trip to the `number`th router of a way, from 1."""
    return f"hop{number:02}_rtt_ms"


def _hops() -> Iterator[Metric]:
    for number in range(1, MOST_HOPS + 1):
        yield Metric(
            hop_address(number), "address", "address of that router on the way, the nearest being 01"
        )
        yield Metric(
            hop_rtt_ms(number), "float", "shortest of three round trips to that router on the way", 0, 1e6
        )


ALL = (
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
    Metric("hops", "int", "how far away the target is, the nearest router being 1", 1, 255),
    *_hops(),
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
    *_both_ways(
        Metric("p50_mbps", "float", "median of the quarter seconds measured (nearest rank)", 0, 1e6),
        Metric("p10_mbps", "float", "tenth percentile of the quarter seconds measured", 0, 1e6),
        Metric("p90_mbps", "float", "ninetieth percentile of the quarter seconds measured", 0, 1e6),
        Metric("half_width_mbps", "float", "half of the 95 % interval around the throughput", 0, 1e6),
        Metric("streams", "int", "connections that carried it together", 0, 1000),
        Metric("measured_s", "float", "time measured, warm-up not counted", 0, 3600),
        Metric("stopped_by", "text", "what ended it: known well enough, bytes, seconds, or a stop"),
        Metric("loaded_rtt_p95_ms", "float", "95th percentile of round trips under this load", 0, 1e6),
        Metric("retransmit_pct", "float", "share of segments that the sender had to send again", 0, 100),
    ),
    Metric("bufferbloat_ms", "float", "loaded 95th percentile less the idle median, the worse way", 0, 1e6),
    Metric("rpm_short", "float", "round trips a minute under load, short form (docs/throughput.md)", 0, 1e6),
    Metric("udp_loss_pct", "float", "share of small UDP packets that did not come back", 0, 100),
    Metric("own_cpu_pct", "float", "processor time of the test itself, of one core", 0, 100_000),
    Metric("cpu_throttled_pct", "float", "share of time in which a quota held the test back", 0, 100),
    Metric("server_bytes_sent", "int", "payload that the server counted outwards", 0, 1 << 50),
    Metric("server_bytes_received", "int", "payload that the server counted inwards", 0, 1 << 50),
    Metric("server_cpu_pct", "float", "processor time of the server's program, of one core", 0, 100_000),
    Metric("ends_differ_pct", "float", "by how much the two ends' rates differed, the worse way", 0, 100),
    Metric("loaded_s", "float", "time in which the test loaded the line", 0, 86_400),
    Metric("students_ok", "int", "students of the profile that the line carried at once", 0, 100_000),
    Metric("students_ok_low", "int", "the most of which every try was good", 0, 100_000),
    Metric("students_ok_high", "int", "the fewest of which some try was not good", 0, 100_000),
    Metric("students_at_least", "bool", "whether nothing gave: more may well be carried"),
    Metric("gave_first", "text", "what gave first: video, pages, uploads, round trips or connections"),
    Metric("generator_limited", "bool", "whether this box could not play more students"),
    Metric("profile", "text", "the kind of student that was played (docs/models.md)"),
    Metric("student_mbps", "float", "what one such student takes, on average", 0, 1000),
    Metric("steps", "int", "groups of students tried", 0, 1000),
    Metric(
        "video_late_pct", "float", "share of video pieces that came too late, at the most carried", 0, 100
    ),
    Metric("page_p95_ms", "float", "95th percentile of page loads, at the most carried", 0, 1e6),
    Metric("upload_p95_ms", "float", "95th percentile of small uploads, at the most carried", 0, 1e6),
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
