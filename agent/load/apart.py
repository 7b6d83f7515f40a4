"""A heavy test in a process of its own: started, ended in time, its answer read and judged.

What the child says is checked like anything else from outside; what it leaves without a word is told as well.
"""

import logging
import sys
import threading
from collections.abc import Mapping
from functools import partial

import msgspec

from agent.load.engines.base import Request, Result
from agent.load.limits import limited_by
from agent.load.quota import throttled_s
from agent.machine.commands import Ended, NotInstalledError
from agent.machine.machine import Machine
from agent.machine.routes import medium
from firstbell.catalogue import Reading
from firstbell.report import Finding, Segment, Status

GRACE_S = 10.0
"""Beyond the test's own seconds, for a small machine to start the child and to sum up."""
STOPPED = "stopped: the leave to load the line was taken back"
_MOST_ANSWER_BYTES = 1 << 16

_log = logging.getLogger(__name__)


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a child is told. `memory_bytes` bounds its address space, where the system can."""

    request: Request
    memory_bytes: int | None = None


def run(
    machine: Machine, work: str, request: Request, memory_bytes: int, stop: threading.Event | None = None
) -> Result:
    """The result of the work that `agent.child` knows by that name. It is killed when `stop` is set.

    A quota that held the child back is this process's, too: they are of one group.
    """
    held = Held(machine)
    try:
        ended = machine.commands.run(
            [sys.executable, "-m", "agent.child", work],
            input=msgspec.json.encode(Order(request=request, memory_bytes=memory_bytes)) + b"\n",
            lifeline=True,
            deadline_s=request.max_seconds + GRACE_S,
            output_limit=_MOST_ANSWER_BYTES,
            memory_limit=memory_bytes,
            # Each of glibc's arenas reserves 64 MiB of address space, which the limit counts.
            env={"MALLOC_ARENA_MAX": "1"},
            stop=stop,
        )
    except NotInstalledError:
        return Result(status=Status.FAILED, reason="the test could not be started")
    return held.noted(_result(ended))


class Held:
    """How long a quota has held this program's group back, from now on."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._began_s, self._before_s = machine.clock.monotonic(), throttled_s(machine.files)

    def noted(self, result: Result) -> Result:
        """The result, with that as a share of the time of its load, unless it says so itself."""
        after_s = throttled_s(self._machine.files)
        if result.throttled_pct is not None or self._before_s is None or after_s is None:
            return result
        loaded = result.more.get("loaded_s")
        seconds = float(loaded) if isinstance(loaded, int | float) and loaded else 0.0
        seconds = seconds or self._machine.clock.monotonic() - self._began_s
        share = (after_s - self._before_s) / seconds if seconds > 0 else 0.0
        return msgspec.structs.replace(result, throttled_pct=100 * min(1.0, max(0.0, share)))


def finding(
    machine: Machine,
    result: Result,
    *,
    interface: str,
    target: str,
    segment: Segment,
    engine: str,
    more: Mapping[str, Reading | None] | None = None,
) -> Finding:
    """What a result says of `target`, which lies behind `segment` unless it turned out to be this machine.

    `more` readings stand beside those that every engine has.
    """
    hangs_on = medium(machine.files, interface)
    port_speed_mbps = machine.counters.port_speed_mbps(interface) if interface else None
    readings: dict[str, Reading | None] = {
        "down_mbps": result.down_mbps,
        "up_mbps": result.up_mbps,
        "bytes_received": result.bytes_received,
        "bytes_sent": result.bytes_sent,
        "cpu_busy_pct": result.cpu_busy_pct,
        "cross_traffic_pct": result.cross_traffic_pct,
        "port_speed_mbps": port_speed_mbps,
        "server": result.server or None,
        **result.more,
        **(more or {}),
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
        target=target,
        segment=Segment.SELF if result.to_self else segment,
        medium=hangs_on,
        engine=engine,
        limited_by=limit if result.status is Status.OK else None,
        readings={name: value for name, value in readings.items() if value is not None},
    )


def _result(ended: Ended) -> Result:
    """What the child said, or how it ended without a word."""
    if ended.stderr:
        # Not its words: the outside world can put addresses and names into them.
        _log.warning("the test's process wrote %d bytes of complaints", len(ended.stderr))
    if ended.stopped:
        return Result(status=Status.SKIPPED, reason=STOPPED)
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
