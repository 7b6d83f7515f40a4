"""The engine `iperf3`: throughput to an iperf3 server of the district, by the program of that name.

It runs as a process of its own, so it needs no child around it. It has no ceiling of bytes beside its time,
so its time is chosen such that even the port could not carry more; and where the server is busy it is tried
again a little later, because iperf3 serves one client at a time.
"""

import threading
from typing import NamedTuple

from agent.load.engines.base import Direction, Request, Result, outcome
from agent.load.meter import PORT_OCTETS, Phase
from agent.load.surroundings import Surroundings
from agent.machine.commands import NotInstalledError
from agent.machine.machine import Machine
from agent.machine.trouble import NetworkError, RefusedError, SilentError
from agent.readers import iperf3 as reader
from agent.readers.iperf3 import Run
from firstbell.catalogue import Reading
from firstbell.report import Status
from firstbell.stats import half_width, nearest_rank

PORT = 5201
STREAMS = 8
WARM_S, MEASURED_S = 2, 4
"""Whole seconds, which is all that iperf3 omits."""
SHORTEST_S = 1
PORT_MBPS = 1000
"""Of a port whose speed nobody knows, for how much it could carry at most."""
SPARE = 1.2
"""A line that carried so much when it was last tested may carry this much more today."""
BUSY_TRIES = 4
BUSY_WAIT_S = 2.0
AFTER_S = 5.0
"""How long a run may take beyond its own time, to connect and to sum up."""
SERVER_BUSY_PCT = 85.0
_OUTPUT_BYTES = 4 << 20
_BUSY = "busy"

_TROUBLES = (
    ("busy", "the server is busy with another test"),
    ("refused", "the connection was refused"),
    ("timed out", "no answer in time"),
    ("unreachable", "no way leads to the server"),
    ("resolve", "there is no such name"),
    ("not known", "there is no such name"),
    ("closed", "the connection was broken off"),
    ("reset", "the connection was broken off"),
)


class _Plan(NamedTuple):
    """How long a direction is warmed up and measured, in whole seconds."""

    warm_s: int
    measured_s: int

    @property
    def seconds(self) -> int:
        """Both together: how long the line is loaded."""
        return self.warm_s + self.measured_s


def run(request: Request, machine: Machine, stop: threading.Event | None = None) -> Result:
    """One whole test, down and then up, within the request's ceilings."""
    return _Test(request, machine, stop or threading.Event()).result()


class _Test:
    """One test, and the facts that it leaves however it ends."""

    def __init__(self, request: Request, machine: Machine, stop: threading.Event) -> None:
        self._request, self._machine, self._stop = request, machine, stop
        self._around = Surroundings(machine, request.interface)
        self._runs: dict[Direction, Run] = {}
        self._capped: tuple[Direction, ...] = ()
        self._loaded_s = 0.0
        self._unknown_bytes = False

    def result(self) -> Result:
        """Run it, and tell what came of it."""
        plan = self._plan()
        if plan.seconds < SHORTEST_S:
            return Result(status=Status.SKIPPED, reason="its ceiling of bytes leaves no second to test in")
        ways: tuple[Direction, ...] = ("down", "up")
        for way in ways:
            try:
                found = self._patient(way, plan)
            except NotInstalledError:
                return Result(
                    status=Status.NOTHING,
                    reason="iperf3 is not installed; on Debian: sudo apt install iperf3",
                )
            self._runs[way] = found
            if found.trouble:
                break
            if plan.measured_s < MEASURED_S or plan.warm_s < WARM_S:
                self._capped += (way,)
        return self._summed_up()

    def _plan(self) -> _Plan:
        """The longest that the ceilings allow for each direction, up to what is worth the while."""
        port = self._machine.counters.port_speed_mbps(self._request.interface) or PORT_MBPS
        expected = self._request.expected_mbps * SPARE
        most_mbps = min(port, expected) if expected else port
        by_bytes = self._request.max_bytes * 8 / 2 / (most_mbps * 1e6)
        seconds = int(min(by_bytes, self._request.max_seconds / 2 - AFTER_S, WARM_S + MEASURED_S))
        warm_s = min(WARM_S, max(0, seconds - 1))
        return _Plan(warm_s, max(0, seconds - warm_s))

    def _patient(self, way: Direction, plan: _Plan) -> Run:
        found = Run(trouble=_BUSY)
        for number in range(BUSY_TRIES):
            if number and self._stop.wait(BUSY_WAIT_S * (0.5 + self._machine.random.random())):
                break
            found = self._run(way, plan)
            if _BUSY not in found.trouble.lower():
                break
        return found

    def _run(self, way: Direction, plan: _Plan) -> Run:
        peer = self._request.server
        if peer is None or not peer.host:
            return Run(trouble="no server is named")
        argv = ["iperf3", "-J", "-c", peer.host, "-p", str(peer.port or PORT), "-P", str(STREAMS)]
        argv += [
            "-i",
            "0.25",
            "-O",
            str(plan.warm_s),
            "-t",
            str(plan.measured_s),
            "--connect-timeout",
            "5000",
        ]
        argv += ["-R"] if way == "down" else []
        self._around.begin()
        began_s = self._machine.clock.monotonic()
        ended = self._machine.commands.run(
            argv, deadline_s=plan.seconds + AFTER_S, output_limit=_OUTPUT_BYTES, stop=self._stop
        )
        if ended.timed_out or ended.stopped:
            self._unknown_bytes = True
            return Run(trouble="stopped" if ended.stopped else "timed out")
        found = reader.read(ended.stdout)
        if not found.trouble:
            self._loaded_s += self._machine.clock.monotonic() - began_s
        self._around.end("download" if way == "down" else "upload", _phase(way, found, plan))
        return found

    def _summed_up(self) -> Result:
        good = {way: found for way, found in self._runs.items() if not found.trouble and found.mbps > 0}
        troubles = [_told(found.trouble) for way, found in self._runs.items() if way not in good]
        status, reason = outcome(next(iter(troubles), None), down_known="down" in good)
        plan = self._plan()
        carried = {
            way: None if self._unknown_bytes else _carried(way, found, plan)
            for way, found in self._runs.items()
        }
        return Result(
            status=status,
            reason=reason,
            down_mbps=good["down"].mbps if "down" in good else None,
            up_mbps=good["up"].mbps if "up" in good else None,
            bytes_received=carried.get("down", 0),
            bytes_sent=carried.get("up", 0),
            own_processor_pct=max((found.local_cpu_pct for found in good.values()), default=0.0),
            cpu_busy_pct=self._around.cpu_busy_pct,
            cross_traffic_pct=self._around.cross_traffic_pct,
            capped=tuple(way for way in self._capped if way in good),
            server_busy=any(found.remote_cpu_pct > SERVER_BUSY_PCT for found in good.values()),
            to_self=self._is_own(),
            more=self._more(good),
        )

    def _is_own(self) -> bool:
        peer = self._request.server
        return peer is not None and self._machine.network.is_own(peer.host)

    def _more(self, good: dict[Direction, Run]) -> dict[str, Reading]:
        found: dict[str, Reading] = {"loaded_s": self._loaded_s}
        for way, one in good.items():
            bins = one.bins_mbps or (one.mbps,)
            found |= {
                f"{way}_streams": one.streams,
                f"{way}_measured_s": one.seconds,
                f"{way}_p50_mbps": nearest_rank(bins, 0.5),
                f"{way}_p10_mbps": nearest_rank(bins, 0.1),
                f"{way}_p90_mbps": nearest_rank(bins, 0.9),
                f"{way}_half_width_mbps": half_width(bins),
            }
            if one.rtt_p95_ms is not None:
                found[f"{way}_loaded_rtt_p95_ms"] = one.rtt_p95_ms
        if "down" in good:
            found["server_bytes_sent"] = good["down"].sent_bytes
        if "up" in good:
            found["server_bytes_received"] = good["up"].received_bytes
        return found


def _carried(way: Direction, found: Run, plan: _Plan) -> int:
    """Bytes of the port, the warm-up that iperf3 does not count among them: at its measured rate at most."""
    payload = found.received_bytes if way == "down" else found.sent_bytes
    warm = found.mbps * 1e6 / 8 * plan.warm_s
    return round((payload + warm) * PORT_OCTETS)


def _phase(way: Direction, found: Run, plan: _Plan) -> Phase:
    phase = Phase()
    payload = round(_carried(way, found, plan) / PORT_OCTETS)
    if way == "down":
        phase.received = payload
    else:
        phase.sent = payload
    return phase


def _told(trouble: str) -> NetworkError:
    """iperf3's word in ours: its own may hold addresses and names."""
    low = trouble.lower()
    words = next((words for sign, words in _TROUBLES if sign in low), "iperf3 ended without a result")
    return SilentError(words) if "timed out" in trouble else RefusedError(words)
