"""How many students of one kind a line carries at once, against the servers that the settings name for it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agent.load import apart
from agent.load.engines.base import Result
from agent.machine.machine import Machine
from agent.machine.routes import default_interface
from agent.probes import leave
from agent.probes.base import Measure, NothingHereError
from agent.probes.settings import ProbeSettings, Server
from firstbell.catalogue import Reading
from firstbell.report import Finding, LimitedBy, Status

WORK = "capacity"
MAX_BYTES = 1_000_000_000
MAX_SECONDS = 180.0
"""For each server, where no lease says otherwise."""
MEMORY_BYTES = 400 << 20


def probe(settings: ProbeSettings) -> Measure:
    """The probe `capacity`: one finding for each server that has `capacity` set.

    Its memory holds the leave (see leave.py). Raises NothingHereError without such servers.
    """
    servers = [server for server in settings.servers if server.capacity]

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        if not servers:
            raise NothingHereError("no server for capacity tests: capacity = true under [[servers]]")
        interface = settings.interface or default_interface(machine.files)
        return [_against(server, machine, memory, interface) for server in servers]

    return measure


def _against(server: Server, machine: Machine, memory: dict[str, Any], interface: str) -> Finding:
    result = _played(server, machine, memory, interface)
    finding = apart.finding(
        machine,
        result,
        interface=interface,
        target=server.name,
        segment=server.segment,
        engine=server.engine,
        more=_more(result, machine, interface),
    )
    # A box that can't keep its own rhythm need not be busy: the class knows it best.
    held_back = finding.status is Status.OK and finding.readings.get("generator_limited") is True
    return msgspec.structs.replace(finding, limited_by=LimitedBy.PROBE) if held_back else finding


def _played(server: Server, machine: Machine, memory: Mapping[str, Any], interface: str) -> Result:
    skipped = leave.skipped(server, memory, wants_ticket=True)
    if skipped:
        return skipped
    request = leave.request(server, memory, interface, max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS)
    return apart.run(machine, WORK, request, MEMORY_BYTES, leave.stop_of(memory))


def _more(result: Result, machine: Machine, interface: str) -> dict[str, Reading | None]:
    """What stands beside the students; what came in meanwhile is no throughput of the line."""
    if "students_ok" not in result.more:
        return {"down_mbps": None}
    return {
        "down_mbps": None,
        "cpu_throttled_pct": result.throttled_pct,
        "port_speed_mbps": machine.counters.port_speed_mbps(interface) if interface else None,
    }
