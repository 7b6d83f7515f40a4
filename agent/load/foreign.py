"""A whole test against somebody else's server, both ways: what engines for such servers share."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from agent.load.bulk import Bulk, Carried, Work
from agent.load.engines.base import Direction, Request, Result, outcome
from agent.load.flow import Bounds, Flow
from agent.load.meter import PORT_OCTETS
from agent.load.quota import throttled_s
from agent.load.surroundings import Surroundings
from agent.machine.machine import Machine
from agent.machine.trouble import NetworkError, SilentError
from firstbell.catalogue import Reading
from firstbell.stats import jitter, nearest_rank

DOWN_SHARE = 0.55
SHORTEST_S = 1.0


class Way(NamedTuple):
    """How one direction is carried: what a connection does, and who counts what arrives (None: this side)."""

    work: Work
    counted: Callable[[], tuple[float, float]] | None = None


class Server(NamedTuple):
    """A server that answers: its name, whether it is this machine, and its idle round trips in ms."""

    name: str
    is_own: bool
    trips_ms: Sequence[float]


class Foreign:
    """One test. `most_streams` is how many connections the server wants to see at most."""

    def __init__(self, request: Request, machine: Machine, most_streams: int, most_s: float) -> None:
        self._request, self._machine = request, machine
        self._now = machine.clock.monotonic
        self._end_s = self._now() + request.max_seconds
        self._most_bytes = request.max_bytes / PORT_OCTETS
        self._around = Surroundings(machine, request.interface)
        self._most_streams, self._most_s = most_streams, most_s
        self._carried: dict[Direction, Carried] = {}

    def result(self, find: Callable[[], Server], ways: Mapping[Direction, Way]) -> Result:
        """Find the server, go both ways, and tell what came of it. `find` raises NetworkError."""
        trouble, server = None, None
        held_s = throttled_s(self._machine.files)
        try:
            server = find()
            self._both(server, ways)
        except NetworkError as error:
            trouble = error
        after_s = throttled_s(self._machine.files)
        held = after_s - held_s if held_s is not None and after_s is not None else None
        return self._summed_up(trouble, server, held)

    def _both(self, server: Server, ways: Mapping[Direction, Way]) -> None:
        rtt_s = nearest_rank(server.trips_ms, 0.5) / 1000 if server.trips_ms else 0.0
        order: tuple[tuple[Direction, float], ...] = (("down", DOWN_SHARE), ("up", 1.0))
        for way, share in order:
            spent = sum(carried.payload for carried in self._carried.values())
            left_s = self._end_s - self._now()
            if left_s < SHORTEST_S or spent >= self._most_bytes:
                raise SilentError("nothing of the ceiling was left for it")
            seconds = min(self._most_s, left_s / 2 if way == "down" else left_s)
            bounds = Bounds(share * self._most_bytes - spent, seconds)
            flow = Flow(rtt_s, bounds, self._most_streams)
            carried = Bulk(
                self._now,
                flow,
                self._around,
                "download" if way == "down" else "upload",
                ways[way].work,
                bounds.max_bytes,
                ways[way].counted,
            ).run()
            self._carried[way] = carried
            if carried.trouble:
                raise carried.trouble

    def _summed_up(self, trouble: NetworkError | None, server: Server | None, held_s: float | None) -> Result:
        rates = {way: one.figures.mbps for way, one in self._carried.items() if one.figures}
        status, reason = outcome(trouble, down_known="down" in rates)
        seconds = sum(one.seconds for one in self._carried.values())
        throttled = None if held_s is None or seconds <= 0 else 100 * min(1.0, held_s / seconds)
        down, up = self._carried.get("down"), self._carried.get("up")
        return Result(
            status=status,
            reason=reason,
            down_mbps=rates.get("down"),
            up_mbps=rates.get("up"),
            bytes_received=round(PORT_OCTETS * down.payload) if down else 0,
            bytes_sent=round(PORT_OCTETS * up.payload) if up else 0,
            own_processor_pct=self._around.own_processor_pct,
            throttled_pct=throttled,
            cpu_busy_pct=self._around.cpu_busy_pct,
            cross_traffic_pct=self._around.cross_traffic_pct,
            server=server.name if server else "",
            capped=tuple(way for way, one in self._carried.items() if one.capped and one.figures),
            faltered=tuple(way for way, one in self._carried.items() if one.faltered),
            to_self=server.is_own if server else False,
            more=self._more(server, seconds),
        )

    def _more(self, server: Server | None, seconds: float) -> dict[str, Reading]:
        found: dict[str, Reading] = {"loaded_s": seconds}
        if server and server.trips_ms:
            trips = server.trips_ms
            found |= {
                "rtt_min_ms": min(trips),
                "rtt_p50_ms": nearest_rank(trips, 0.5),
                "rtt_p95_ms": nearest_rank(trips, 0.95),
                "jitter_ms": jitter(trips),
            }
        for way, one in self._carried.items():
            found |= {f"{way}_{name}": value for name, value in _of_one(one).items()}
        return found


def _of_one(carried: Carried) -> dict[str, Reading]:
    found: dict[str, Reading] = {"streams": carried.streams}
    if carried.stopped_by:
        found["stopped_by"] = carried.stopped_by.value
    if carried.figures:
        named = carried.figures._asdict()
        del named["mbps"]
        found |= named
    return found
