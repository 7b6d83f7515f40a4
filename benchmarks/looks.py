"""What a simulated box measures: the catalogue's probes at their rhythm, with readings like a real one's.

Nothing here knows of lines that fill or schools that empty (`collector.demo` does): the bytes are real, and
the numbers are dice.
"""

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from firstbell.catalogue import PROBES, ProbeSpec, Reading
from firstbell.district import NS
from firstbell.metrics import hop_address, hop_rtt_ms
from firstbell.report import ClockQuality, Finding, LimitedBy, Medium, Opening, Report, Segment, Status

DAY_S = 86_400
PERIODS = 8
"""Stretches of a day, in each of which a heavy test comes once (`agent.strata`)."""
JITTER = 0.1
OFF = ("internet", "capacity")
"""One heavy test a period: the district's own. The weekly one is a thousandth of all reports."""
_SITES = ("google", "cloudflare")
_HOPS = 6


def every_s(probe: ProbeSpec) -> float:
    """Seconds between two turns of a probe."""
    return DAY_S / PERIODS if probe.heavy else probe.every_s


def a_turn(probe: str) -> int:
    """Reports that one turn yields: one a target."""
    return {"latency": 1 + len(_SITES), "path": len(_SITES)}.get(probe, 1)


def a_day() -> dict[str, float]:
    """Reports a day of each probe of one box."""
    return {name: DAY_S / every_s(probe) * a_turn(name) for name, probe in PROBES.items() if name not in OFF}


class Turn(NamedTuple):
    """A probe of a box that is due, at a time since 1970 UTC."""

    at_ns: int
    box: int
    probe: str
    number: int
    phase_ns: int


class Rhythm:
    """The turns of many boxes in order of time, each box and probe from a phase of its own."""

    def __init__(self, boxes: int, begin_ns: int, dice: random.Random) -> None:
        self._dice = dice
        self._turns: list[Turn] = []
        for box in range(boxes):
            for name, probe in PROBES.items():
                if name not in OFF:
                    phase_ns = begin_ns + int(dice.random() * every_s(probe) * NS)
                    self._turns.append(Turn(phase_ns, box, name, 0, phase_ns))
        heapq.heapify(self._turns)

    def next_ns(self) -> int:
        """When the next turn is."""
        return self._turns[0].at_ns

    def until(self, at_ns: int) -> Iterator[Turn]:
        """The turns up to that time; each brings its next one."""
        while self._turns[0].at_ns <= at_ns:
            turn = self._turns[0]
            number = turn.number + 1
            late = number + JITTER * self._dice.random()
            next_ns = turn.phase_ns + int(late * every_s(PROBES[turn.probe]) * NS)
            heapq.heapreplace(self._turns, turn._replace(at_ns=next_ns, number=number))
            yield turn


def reports(probe: str, at_ns: int, dice: random.Random, *, wifi: bool, first: bool = False) -> list[Report]:
    """What one turn yields."""
    opening = Opening(predecessor=None) if first else None
    found = _FOUND[probe](dice, wifi)
    duration_s = dice.uniform(0.6, 3)
    return [_report(finding, probe, at_ns, duration_s, dice, opening) for finding in found]


def _report(
    finding: Finding, probe: str, at_ns: int, duration_s: float, dice: random.Random, opening: Opening | None
) -> Report:
    return Report(
        status=finding.status,
        reason=finding.reason,
        target=finding.target,
        segment=finding.segment,
        medium=finding.medium,
        engine=finding.engine,
        limited_by=finding.limited_by,
        readings=finding.readings,
        probe=probe,
        at_ns=at_ns,
        duration_s=duration_s,
        clock=ClockQuality.NTP,
        clock_error_ms=dice.uniform(0.1, 9),
        opening=opening,
    )


def _ok(
    readings: dict[str, Reading], *, wifi: bool, target: str = "", segment: Segment | None = None
) -> Finding:
    medium = Medium.WIFI if wifi else Medium.WIRED
    return Finding(status=Status.OK, target=target, segment=segment, medium=medium, readings=readings)


def _box(_dice: random.Random, wifi: bool) -> Sequence[Finding]:
    readings: dict[str, Reading] = {"agent_version": "0.4.0", "spool_reports": 1, "spool_used_pct": 0.1}
    return [_ok(readings, wifi=wifi)]


def _host(dice: random.Random, wifi: bool) -> Sequence[Finding]:
    readings: dict[str, Reading] = {
        "cpu_busy_pct": dice.uniform(1, 6),
        "memory_used_pct": dice.uniform(21, 34),
        "memory_total_mib": 3792.0,
        "disk_free_mib": dice.uniform(20_000, 24_000),
        "uptime_s": dice.uniform(60, 9_000_000),
        "temperature_c": dice.uniform(44, 58),
        "port_down_mbps": dice.uniform(0.01, 0.05),
        "port_up_mbps": dice.uniform(0.01, 0.04),
    }
    if not wifi:
        readings["port_speed_mbps"] = 1000
    return [_ok(readings, wifi=wifi)]


def _trips(dice: random.Random, trip_ms: float) -> dict[str, Reading]:
    return {
        "rtt_min_ms": trip_ms * dice.uniform(0.8, 1),
        "rtt_p50_ms": trip_ms,
        "rtt_p95_ms": trip_ms * dice.uniform(1.1, 1.9),
        "jitter_ms": trip_ms * dice.uniform(0.02, 0.12),
        "loss_pct": dice.choice((0.0, 0.0, 0.0, 10.0)),
        "echoes_sent": 10,
    }


def _latency(dice: random.Random, wifi: bool) -> Sequence[Finding]:
    gateway = _ok(_trips(dice, dice.uniform(0.4, 3)), wifi=wifi, target="gateway", segment=Segment.SITE)
    more = [
        {"dns_ms": dice.uniform(2, 30), "http_ms": dice.uniform(30, 120), "http_status": code}
        for code in (204, 200)
    ]
    sites = [
        _ok({**_trips(dice, dice.uniform(9, 40)), **page}, wifi=wifi, target=site, segment=Segment.INTERNET)
        for site, page in zip(_SITES, more, strict=True)
    ]
    return [gateway, *sites]


def _path(dice: random.Random, wifi: bool) -> Sequence[Finding]:
    way: dict[str, Reading] = {"hops": _HOPS}
    for number in range(1, _HOPS + 1):
        way |= {hop_address(number): f"192.0.2.{number}", hop_rtt_ms(number): dice.uniform(1, 20)}
    return [_ok(way, wifi=wifi, target=site, segment=Segment.INTERNET) for site in _SITES]


def _throughput(dice: random.Random, wifi: bool) -> Sequence[Finding]:
    down, up = dice.uniform(80, 900), dice.uniform(20, 300)
    readings: dict[str, Reading] = {"down_mbps": down, "up_mbps": up}
    for way, mbps in (("down", down), ("up", up)):
        readings |= {
            f"{way}_p50_mbps": mbps,
            f"{way}_p10_mbps": mbps * dice.uniform(0.8, 1),
            f"{way}_p90_mbps": mbps * dice.uniform(1, 1.2),
            f"{way}_half_width_mbps": mbps * dice.uniform(0.01, 0.04),
            f"{way}_streams": dice.choice((4, 8, 16)),
            f"{way}_measured_s": dice.uniform(3, 9),
            f"{way}_stopped_by": "steady",
            f"{way}_loaded_rtt_p95_ms": dice.uniform(20, 200),
            f"{way}_retransmit_pct": dice.uniform(0, 1),
            f"{way}_limited_by": "line",
        }
    readings |= {
        "bytes_received": int(down * 1e6),
        "bytes_sent": int(up * 1e6),
        "loaded_s": dice.uniform(8, 20),
        **{
            name: dice.uniform(1, 30)
            for name in ("rtt_min_ms", "rtt_p50_ms", "rtt_p95_ms", "jitter_ms", "bufferbloat_ms")
        },
        "rpm_short": dice.uniform(300, 2000),
        "cpu_busy_pct": dice.uniform(18, 55),
        "own_cpu_pct": dice.uniform(10, 40),
        "cpu_throttled_pct": 0.0,
        "cross_traffic_pct": dice.uniform(0, 2),
        "port_speed_mbps": 1000,
        "server": "hub-1",
        "server_bytes_sent": int(down * 1e6),
        "server_bytes_received": int(up * 1e6),
        "server_cpu_pct": dice.uniform(1, 20),
        "ends_differ_pct": dice.uniform(0, 1),
    }
    medium = Medium.WIFI if wifi else Medium.WIRED
    return [
        Finding(
            status=Status.OK,
            target="hub",
            segment=Segment.INTERNET,
            medium=medium,
            engine="own",
            limited_by=LimitedBy.LINE,
            readings=readings,
        )
    ]


_NO_WIFI = Finding(status=Status.NOTHING, reason="this machine has no wireless interface")


def _wifi_link(dice: random.Random, wifi: bool) -> Sequence[Finding]:
    if not wifi:
        return [_NO_WIFI]
    readings: dict[str, Reading] = {
        "signal_dbm": -dice.uniform(40, 70),
        "rx_rate_mbps": dice.uniform(100, 400),
        "tx_rate_mbps": dice.uniform(100, 400),
        "expected_mbps": dice.uniform(50, 200),
        "frequency_mhz": 5500,
        "width_mhz": 40,
        "wifi_generation": 5,
        "spatial_streams": 2,
        "tx_frames": dice.randint(600, 4000),
        "tx_retry_pct": dice.uniform(1, 40),
        "tx_failed_pct": dice.uniform(0, 1),
        "lost_beacons": 0,
        "connected_s": dice.uniform(60, 80_000),
        "ap_changed": False,
    }
    return [_ok(readings, wifi=True)]


def _wifi_air(dice: random.Random, wifi: bool) -> Sequence[Finding]:
    if not wifi:
        return [_NO_WIFI]
    readings: dict[str, Reading] = {
        "busy_pct": dice.uniform(5, 90),
        "receive_pct": dice.uniform(2, 60),
        "transmit_pct": dice.uniform(0, 4),
        "watched_s": 60.0,
        "noise_dbm": -94.0,
        "frequency_mhz": 5500,
        "ap_busy_pct": dice.uniform(5, 90),
        "ap_stations": dice.randint(0, 60),
        "ap_load_age_s": 2.0,
        "channel_networks": dice.randint(1, 3),
        "band_2ghz_networks": 4,
        "band_5ghz_networks": 6,
    }
    return [_ok(readings, wifi=True)]


def _power(_dice: random.Random, wifi: bool) -> Sequence[Finding]:
    names = ("undervoltage_now", "undervoltage_since_boot", "capped_now", "throttled_now")
    readings: dict[str, Reading] = {
        **dict.fromkeys((*names, "throttled_since_boot", "hot_now"), False),
    }
    return [_ok(readings, wifi=wifi)]


_FOUND: dict[str, Callable[[random.Random, bool], Sequence[Finding]]] = {
    "box": _box,
    "host": _host,
    "latency": _latency,
    "path": _path,
    "throughput": _throughput,
    "wifi_link": _wifi_link,
    "wifi_air": _wifi_air,
    "power": _power,
}
