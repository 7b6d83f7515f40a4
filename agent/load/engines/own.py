"""The engine `own`: First Bell's throughput test against its own reference server (docs/throughput.md).

Idle round trips and small UDP packets first, then the way down, then the way up; each is loaded until its
rate is known, or until its share of the ceilings is used up. The rate is that of the end that receives.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from agent.load import trips
from agent.load.drive import Drive, Loaded
from agent.load.engines.base import Direction, Request, Result, outcome
from agent.load.findings import at_rest, ends_differ, under_load
from agent.load.flow import Bounds, Figures, Flow
from agent.load.loop import Loop
from agent.load.meter import PORT_OCTETS
from agent.load.protocol import PORT
from agent.load.quota import throttled_s
from agent.load.session import Session
from agent.load.surroundings import Surroundings
from agent.load.talk import Place, said
from agent.load.ways import Downwards, Upwards
from agent.machine.machine import Machine
from agent.machine.trouble import NetworkError, RefusedError, SilentError
from firstbell.catalogue import TEXT_CHARS, Reading
from firstbell.stats import nearest_rank

DOWN_SHARE = 0.55
"""Of the bytes, for the way down; what it leaves over is the way up's. Within 500 MB 1 Gbit/s has about two
seconds each way: it leaves its warm-up, and where less than 1.5 s are then measured it is an "at least"."""
SPARE_BYTES = 100_000
"""Of a ticket, for the small packets, and what is asked beside the streams."""
SPARE_S = 1.0
"""Of the seconds, for what comes between and after the loads."""
SHORTEST_S = 1.0
"""A direction that has less time than this is not worth loading the line for."""
NAME_S = 5.0


class _Idle(NamedTuple):
    """The line before it is loaded."""

    trips_ms: list[float]
    udp_loss_pct: float | None

    @property
    def rtt_s(self) -> float:
        """The median round trip."""
        return nearest_rank(self.trips_ms, 0.5) / 1000


def run(request: Request, machine: Machine) -> Result:
    """One whole test: an answer in any case, and within the request's ceilings."""
    return _Test(request, machine).result()


class _Test:
    """One test, and the facts that it leaves however it ends."""

    def __init__(self, request: Request, machine: Machine) -> None:
        self._request, self._machine = request, machine
        self._now = machine.clock.monotonic
        self._end_s = self._now() + request.max_seconds
        self._most_bytes = float(request.max_bytes / PORT_OCTETS)
        self._around = Surroundings(machine, request.interface)
        self._server, self._to_self = "", False
        self._idle: _Idle | None = None
        self._drives: dict[Direction, Drive] = {}
        self._loaded: dict[Direction, Loaded] = {}
        self._server_bytes: dict[str, Reading] = {}
        self._held_s = 0.0
        self._held_known = False
        self._load_s = 0.0

    def result(self) -> Result:
        """Run it, and tell what came of it."""
        trouble: NetworkError | None = None
        with Loop(self._now) as loop:
            try:
                with self._session(loop) as session:
                    self._measure(loop, session)
            except NetworkError as error:
                trouble = error
        return self._summed_up(trouble)

    # --- the test ------------------------------------------------------------------------------------------

    @contextmanager
    def _session(self, loop: Loop) -> Iterator[Session]:
        peer = self._request.server
        if peer is None or not peer.host:
            raise RefusedError("no server is named")
        if not self._request.ticket or not self._request.ticket.isascii():
            raise RefusedError("there is no ticket for this server")
        address = self._machine.network.resolve(peer.host, NAME_S).addresses[0]
        self._to_self = self._machine.network.is_own(address)
        session = Session(loop, Place(address, peer.port or PORT), self._request.ticket)
        try:
            opened = session.opened
            self._server = said(opened.server)[:TEXT_CHARS]
            self._most_bytes = min(self._most_bytes, opened.max_bytes - SPARE_BYTES)
            self._end_s = min(self._end_s, self._now() + opened.max_seconds) - SPARE_S
            yield session
        finally:
            session.close()

    def _measure(self, loop: Loop, session: Session) -> None:
        self._idle = self._at_rest(loop, session)
        rtt_s = self._idle.rtt_s
        left_s = self._left_s()
        down = Flow(rtt_s, Bounds(DOWN_SHARE * self._most_bytes, left_s / 2))
        self._load("down", Downwards(loop, session, down, self._around, rtt_s))
        counts = session.final_counts()
        self._tell(session)
        left = min(
            self._most_bytes - self._drives["down"].carried,
            session.opened.max_bytes - SPARE_BYTES - counts.sent,
        )
        up = Flow(rtt_s, Bounds(left, self._left_s()))
        self._load("up", Upwards(loop, session, up, self._around, rtt_s))
        self._tell(session)

    def _at_rest(self, loop: Loop, session: Session) -> _Idle:
        packets = trips.Packets(session, loop)
        try:
            found = trips.idle(session, loop, self._machine.random)
            return _Idle(found, packets.end(max(found)))
        finally:
            packets.close()

    def _left_s(self) -> float:
        left_s = self._end_s - self._now()
        if left_s < SHORTEST_S:
            raise SilentError("no time of the ceiling was left for it")
        return left_s

    def _load(self, way: Direction, drive: Drive) -> None:
        self._drives[way] = drive
        began_s, held_s = self._now(), throttled_s(self._machine.files)
        try:
            loaded = drive.run()
        finally:
            self._load_s += self._now() - began_s
            after_s = throttled_s(self._machine.files)
            if held_s is not None and after_s is not None:
                self._held_s, self._held_known = self._held_s + after_s - held_s, True
        if loaded.figures is None:
            raise SilentError("not one byte was carried")
        self._loaded[way] = loaded

    def _tell(self, session: Session) -> None:
        counts = session.final_counts()
        self._server_bytes = {
            "server_bytes_sent": counts.sent - counts.unacked,
            "server_bytes_received": counts.received,
        }

    # --- what came of it -----------------------------------------------------------------------------------

    def _summed_up(self, trouble: NetworkError | None) -> Result:
        differ = ends_differ(self._loaded)
        rates = {} if differ else {way: found.mbps for way, found in self._figures()}
        status, reason = outcome(differ or trouble, down_known="down" in rates)
        down, up = self._drives.get("down"), self._drives.get("up")
        return Result(
            status=status,
            reason=reason,
            down_mbps=rates.get("down"),
            up_mbps=rates.get("up"),
            bytes_received=round(PORT_OCTETS * (down.carried if down else 0)),
            bytes_sent=round(PORT_OCTETS * (up.carried if up else 0)),
            own_processor_pct=self._around.own_processor_pct,
            throttled_pct=self._throttled_pct,
            cpu_busy_pct=self._around.cpu_busy_pct,
            cross_traffic_pct=self._around.cross_traffic_pct,
            server=self._server,
            capped=tuple(way for way, loaded in self._loaded.items() if loaded.capped),
            faltered=tuple(way for way, loaded in self._loaded.items() if loaded.faltered),
            server_busy=any(loaded.server.is_busy for loaded in self._loaded.values()),
            to_self=self._to_self,
            more=self._more(),
        )

    def _figures(self) -> Iterator[tuple[Direction, Figures]]:
        for way, loaded in self._loaded.items():
            if loaded.figures:
                yield way, loaded.figures

    @property
    def _throttled_pct(self) -> float | None:
        if not self._held_known or self._load_s <= 0:
            return None
        return 100 * min(1.0, self._held_s / self._load_s)

    def _more(self) -> dict[str, Reading]:
        found: dict[str, Reading | None] = {"loaded_s": self._load_s, **self._server_bytes}
        if self._idle:
            found |= at_rest(self._idle.trips_ms) | {"udp_loss_pct": self._idle.udp_loss_pct}
        if self._loaded and self._idle:
            found |= under_load(self._loaded, self._idle.trips_ms)
        return {name: value for name, value in found.items() if value is not None}
