"""What a line carries, both ways, against the servers that the box's settings name.

One server after the other, the nearest first: so that what the building's own network carries and what lies
behind it are known from the same minutes. Each test is a child process of its own, with a ticket of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.load import apart
from agent.load.engines.base import Peer, Request, Result
from agent.machine.machine import Machine
from agent.machine.routes import default_interface
from agent.probes.base import Measure, NothingHereError
from agent.probes.settings import EngineName, ProbeSettings, Server
from firstbell.catalogue import Reading
from firstbell.report import Finding, Segment, Status

MAX_BYTES = 500_000_000
MAX_SECONDS = 30.0
"""For each server, where no lease says otherwise."""
MEMORY_BYTES = 400 << 20
NO_TICKET = "no ticket for this server: the district's coordinator gives one with each leave to test"
_NEAR_TO_FAR = (Segment.SELF, Segment.SITE, Segment.WAN, Segment.INTERNET)


class _Engine(NamedTuple):
    """The work of `agent.child` that drives an engine, and whether its servers want to see a ticket."""

    work: str
    wants_ticket: bool = False


ENGINES: Mapping[EngineName, _Engine] = {
    "own": _Engine("throughput", wants_ticket=True),
}


def probe(settings: ProbeSettings) -> Measure:
    """The probe `throughput`: one finding for each server of the settings.

    Its memory holds what a lease allows for each of them (`max_bytes`, `max_seconds`), the `tickets` by
    server, the rates `known_mbps`, and an event `stop` that ends it. Raises NothingHereError without servers.
    """
    servers = sorted(settings.servers, key=lambda server: _NEAR_TO_FAR.index(server.segment))

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        if not servers:
            raise NothingHereError("no test servers are set: [[servers]] in the box's settings")
        interface = settings.interface or default_interface(machine.files)
        return [_against(server, machine, memory, interface) for server in servers]

    return measure


def _against(server: Server, machine: Machine, memory: dict[str, Any], interface: str) -> Finding:
    result = _tested(server, machine, memory, interface)
    return apart.finding(
        machine,
        result,
        interface=interface,
        target=server.name,
        segment=server.segment,
        engine=server.engine,
        more=_more(result, machine, interface),
    )


def _tested(server: Server, machine: Machine, memory: dict[str, Any], interface: str) -> Result:
    engine, stop = ENGINES.get(server.engine), memory.get("stop")
    ticket = memory.get("tickets", {}).get(server.name, "")
    if engine is None:
        return Result(status=Status.SKIPPED, reason=f"this program has no engine {server.engine}")
    if stop is not None and stop.is_set():
        return Result(status=Status.SKIPPED, reason=apart.STOPPED)
    if engine.wants_ticket and not ticket:
        return Result(status=Status.SKIPPED, reason=NO_TICKET)
    request = Request(
        max_bytes=memory.get("max_bytes", MAX_BYTES),
        max_seconds=memory.get("max_seconds", MAX_SECONDS),
        interface=interface,
        server=Peer(name=server.name, host=server.host, port=server.port, url=server.url),
        ticket=ticket,
        expected_mbps=memory.get("known_mbps", {}).get(server.name, 0.0),
    )
    return apart.run(machine, engine.work, request, MEMORY_BYTES, stop)


def _more(result: Result, machine: Machine, interface: str) -> dict[str, Reading | None]:
    if result.down_mbps is None and result.up_mbps is None:
        return {}
    return {
        "own_cpu_pct": result.own_processor_pct,
        "cpu_throttled_pct": result.throttled_pct,
        "port_speed_mbps": machine.counters.port_speed_mbps(interface) if interface else None,
    }
