"""Throughput to a public test server: the engine runs in a child, and this judges what it found."""

import logging
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from agent.load.engines.base import Request, Result
from agent.load.limits import limited_by
from agent.machine.commands import Ended, NotInstalledError
from agent.machine.machine import Machine
from agent.machine.routes import default_route, medium
from agent.probes.base import Measure, NothingHereError, ProbeFailedError
from agent.probes.settings import ProbeSettings
from firstbell.catalogue import Reading
from firstbell.report import Finding, Medium, Segment, Status

TARGET = "internet"
ENGINE = "speedtest"
GRACE_S = 10.0
"""Beyond the test's own seconds, for a small machine to start the child and to sum up."""
_MOST_ANSWER_BYTES = 1 << 16

_log = logging.getLogger(__name__)


def probe(settings: ProbeSettings) -> Measure:
    """The probe `internet`: one finding.

    Of the ceilings in `settings` and in its memory (`max_bytes` and `max_seconds`, from a lease) the lower
    ones hold. Raises NothingHereError where the engine is not installed.
    """

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        route = default_route(machine.files)
        interface = settings.interface or (route.interface if route else "")
        request = Request(
            max_bytes=min(settings.internet_max_bytes, memory.get("max_bytes", settings.internet_max_bytes)),
            max_seconds=min(
                settings.internet_max_seconds, memory.get("max_seconds", settings.internet_max_seconds)
            ),
            interface=interface,
            secure=settings.internet_secure,
        )
        result = _result(_run_child(machine, request, settings.internet_memory_bytes))
        if result.status is Status.NOTHING:
            raise NothingHereError(result.reason)
        port_speed = machine.counters.port_speed_mbps(interface) if interface else None
        return [_finding(result, port_speed, medium(machine.files, interface))]

    return measure


def _run_child(machine: Machine, request: Request, memory_bytes: int) -> Ended:
    order = {"request": request, "memory_bytes": memory_bytes}
    try:
        return machine.commands.run(
            [sys.executable, "-m", "agent.child", "internet"],
            input=msgspec.json.encode(order) + b"\n",
            lifeline=True,
            deadline_s=request.max_seconds + GRACE_S,
            output_limit=_MOST_ANSWER_BYTES,
            memory_limit=memory_bytes,
            # Each of glibc's arenas reserves 64 MiB of address space, which the limit counts.
            env={"MALLOC_ARENA_MAX": "1"},
        )
    except NotInstalledError as error:
        raise ProbeFailedError("the test could not be started") from error


def _result(ended: Ended) -> Result:
    """What the child said, or how it ended without a word."""
    if ended.stderr:
        # Not its words: the outside world can put addresses and names into them.
        _log.warning("the test's process wrote %d bytes of complaints", len(ended.stderr))
    if ended.timed_out:
        return Result(status=Status.TIMEOUT, reason=f"the test had not ended {GRACE_S:g} s after its time")
    if ended.code < 0:
        return Result(
            status=Status.FAILED,
            reason=f"the test was killed by signal {-ended.code}, perhaps for want of memory",
        )
    try:
        return msgspec.json.decode(ended.stdout, type=Result)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Result(status=Status.FAILED, reason=f"the test ended without a result, with code {ended.code}")


def _finding(result: Result, port_speed_mbps: int | None, hangs_on: Medium | None) -> Finding:
    readings: dict[str, Reading | None] = {
        "down_mbps": result.down_mbps,
        "up_mbps": result.up_mbps,
        "bytes_received": result.bytes_received,
        "bytes_sent": result.bytes_sent,
        "cpu_busy_pct": result.cpu_busy_pct,
        "cross_traffic_pct": result.cross_traffic_pct,
        "server": result.server or None,
    }
    judged = partial(limited_by, result, port_speed_mbps=port_speed_mbps, medium=hangs_on)
    limit = judged()
    for way in ("down", "up"):
        # The label speaks for both. Where one was limited otherwise, a reading says so beside it.
        alone = judged(ways=(way,))
        if readings[f"{way}_mbps"] is not None and alone is not limit:
            readings[f"{way}_limited_by"] = alone.value
    return Finding(
        status=result.status,
        reason=result.reason,
        target=TARGET,
        segment=Segment.SELF if result.to_self else Segment.INTERNET,
        medium=hangs_on,
        engine=ENGINE,
        limited_by=limit if result.status is Status.OK else None,
        readings={name: value for name, value in readings.items() if value is not None},
    )
