"""`iperf3 -J`: what a run carried, as the receiver counted it (iperf 3.7 to 3.17)."""

import json
from typing import Any, NamedTuple

from firstbell.stats import nearest_rank

_MBIT = 1e-6


class Run(NamedTuple):
    """One direction. `trouble` is iperf3's own word where there is no rate, and everything else is nothing.

    `sent_bytes` and `received_bytes` are payload as each end counted it; `bins_mbps` are its intervals as
    this end saw them, without those that warmed up; `local_cpu_pct` and `remote_cpu_pct` are of one core.
    """

    trouble: str = ""
    mbps: float = 0.0
    sent_bytes: int = 0
    received_bytes: int = 0
    seconds: float = 0.0
    streams: int = 0
    resent: int | None = None
    rtt_p95_ms: float | None = None
    bins_mbps: tuple[float, ...] = ()
    local_cpu_pct: float = 0.0
    remote_cpu_pct: float = 0.0


def read(output: bytes) -> Run:
    """What a run's output says. Whatever is no such output is a run with a trouble."""
    try:
        told: dict[str, Any] = json.loads(output)
        if error := told.get("error"):
            return Run(trouble=str(error))
        return _read(told)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Run(trouble="its output is not to be understood")


def _read(told: dict[str, Any]) -> Run:
    end, cpu = told["end"], told["end"].get("cpu_utilization_percent", {})
    received, sent = end["sum_received"], end["sum_sent"]
    sums = [interval["sum"] for interval in told.get("intervals", []) if "sum" in interval]
    counted = [one for one in sums if not one.get("omitted") and one["seconds"] > 0]
    trips = [
        stream["rtt"] / 1000
        for interval in told.get("intervals", [])
        for stream in interval.get("streams", [])
        if stream.get("rtt")
    ]
    resent = sent.get("retransmits")
    return Run(
        mbps=float(received["bits_per_second"]) * _MBIT,
        sent_bytes=int(sent["bytes"]),
        received_bytes=int(received["bytes"]),
        seconds=float(received["seconds"]),
        streams=len(end.get("streams", [])),
        resent=None if resent is None else int(resent),
        rtt_p95_ms=nearest_rank(trips, 0.95) if trips else None,
        bins_mbps=tuple(float(one["bits_per_second"]) * _MBIT for one in counted),
        local_cpu_pct=float(cpu.get("host_total", 0.0)),
        remote_cpu_pct=float(cpu.get("remote_total", 0.0)),
    )
