"""What a line carries, both ways, against the servers that the box's settings name.

One server after the other, the nearest first: so that what the building's own network carries and what lies
behind it are known from the same minutes. Each test is a child process of its own, with a ticket of its own.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from agent.load import apart
from agent.load.engines.base import Request, Result
from agent.machine.machine import Machine
from agent.machine.routes import default_interface
from agent.probes import leave
from agent.probes.base import Measure, NothingHereError
from agent.probes.settings import EngineName, ProbeSettings, Server
from firstbell.catalogue import Reading
from firstbell.report import Finding, Segment

MAX_BYTES = 500_000_000
MAX_SECONDS = 30.0
"""For each server, where no lease says otherwise."""
MEMORY_BYTES = 400 << 20
_NEAR_TO_FAR = (Segment.SELF, Segment.SITE, Segment.WAN, Segment.INTERNET)


Run = Callable[[Machine, Request, threading.Event | None], Result]


class _Engine(NamedTuple):
    """How an engine is run, and whether its servers want to see a ticket."""

    run: Run
    wants_ticket: bool = False


def _child(work: str) -> Run:
    """An engine in a process of its own, by the name that `agent.child` has for it."""
    return lambda machine, request, stop: apart.run(machine, work, request, MEMORY_BYTES, stop)


def _iperf3(machine: Machine, request: Request, stop: threading.Event | None) -> Result:
    """A program of its own already: a child around it could not take it along when it is killed."""
    from agent.load.engines import iperf3  # noqa: PLC0415 - a box without such a server never loads it

    held = apart.Held(machine)
    return held.noted(iperf3.run(request, machine, stop))


ENGINES: Mapping[EngineName, _Engine] = {
    "own": _Engine(_child("throughput"), wants_ticket=True),
    "iperf3": _Engine(_iperf3),
    "librespeed": _Engine(_child("librespeed")),
    "ndt7": _Engine(_child("ndt7")),
}


def probe(settings: ProbeSettings) -> Measure:
    """The probe `throughput`: one finding for each server of the settings.

    Its memory holds the leave (see leave.py). Raises NothingHereError without servers.
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


def _tested(server: Server, machine: Machine, memory: Mapping[str, Any], interface: str) -> Result:
    engine = ENGINES[server.engine]
    skipped = leave.skipped(server, memory, wants_ticket=engine.wants_ticket)
    if skipped:
        return skipped
    request = leave.request(server, memory, interface, max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS)
    return engine.run(machine, request, leave.stop_of(memory))


def _more(result: Result, machine: Machine, interface: str) -> dict[str, Reading | None]:
    if result.down_mbps is None and result.up_mbps is None:
        return {}
    return {
        "own_cpu_pct": result.own_processor_pct,
        "cpu_throttled_pct": result.throttled_pct,
        "port_speed_mbps": machine.counters.port_speed_mbps(interface) if interface else None,
    }
