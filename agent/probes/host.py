"""Processor, memory, disk and network port of this machine. What it doesn't tell is left out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from agent.machine.counters import Port, Processor
from agent.machine.files import Files
from agent.machine.machine import Machine
from agent.machine.routes import default_route, medium
from agent.probes.base import Measure
from agent.probes.settings import ProbeSettings
from firstbell.catalogue import Reading
from firstbell.report import Finding, Status

_MIB = 1 << 20
_BITS_PER_MBIT = 1e6
_THERMAL = "/sys/class/thermal"
_CPU_ZONES = ("cpu", "x86_pkg_temp", "soc", "coretemp")
_CREDIBLE_C = (-60, 150)


class _Look(NamedTuple):
    """The counters at one moment, which the next run takes differences to."""

    at_s: float
    processor: Processor
    interface: str
    port: Port | None


def probe(settings: ProbeSettings) -> Measure:
    """The probe `host`: one finding, with no target."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        route = default_route(machine.files)
        interface = settings.interface or (route.interface if route else "")
        port = machine.counters.port(interface) if interface else None
        look = _Look(machine.clock.monotonic(), machine.counters.processor(), interface, port)
        before: _Look | None = memory.get("look")
        memory["look"] = look
        readings = {
            **_standing(machine, settings.spool_folder),
            **(_since(before, look) if before else {}),
            **_speed(machine, interface),
        }
        return [Finding(status=Status.OK, medium=medium(machine.files, interface), readings=readings)]

    return measure


def _standing(machine: Machine, spool_folder: str) -> dict[str, Reading]:
    """What needs no look before this one."""
    memory = machine.counters.memory()
    free, temperature = machine.files.free_bytes(spool_folder), _temperature_c(machine.files)
    readings: dict[str, Reading] = {
        "memory_used_pct": 100 * (1 - memory.available_bytes / memory.total_bytes),
        "memory_total_mib": memory.total_bytes / _MIB,
        "uptime_s": machine.clock.stamp().boottime_ns / 1e9,
    }
    if free is not None:
        readings["disk_free_mib"] = free / _MIB
    if temperature is not None:
        readings["temperature_c"] = temperature
    return readings


def _since(before: _Look, look: _Look) -> dict[str, Reading]:
    """Shares and rates between two looks; none across counters that began anew."""
    readings: dict[str, Reading] = {}
    total_s = look.processor.total_s - before.processor.total_s
    if total_s > 0:
        share = (look.processor.busy_s - before.processor.busy_s) / total_s
        readings["cpu_busy_pct"] = 100 * min(1.0, max(0.0, share))
    if look.port and before.port and look.interface == before.interface:
        received = look.port.received_bytes - before.port.received_bytes
        sent = look.port.sent_bytes - before.port.sent_bytes
        seconds = look.at_s - before.at_s
        if min(received, sent) >= 0 and seconds > 0:
            readings["port_down_mbps"] = received * 8 / seconds / _BITS_PER_MBIT
            readings["port_up_mbps"] = sent * 8 / seconds / _BITS_PER_MBIT
    return readings


def _speed(machine: Machine, interface: str) -> dict[str, Reading]:
    speed = machine.counters.port_speed_mbps(interface) if interface else None
    return {} if speed is None else {"port_speed_mbps": speed}


def _temperature_c(files: Files) -> float | None:
    """The processor's temperature from the kernel's thermal zones (milli-degrees; Linux)."""
    for zone in files.names(_THERMAL):
        kind = (files.text(f"{_THERMAL}/{zone}/type") or "").lower()
        millidegrees = files.number(f"{_THERMAL}/{zone}/temp")
        if millidegrees is None or not kind.startswith(_CPU_ZONES):
            continue
        # Some boards answer with a sentinel far below absolute zero while the sensor sleeps.
        if _CREDIBLE_C[0] <= millidegrees / 1000 <= _CREDIBLE_C[1]:
            return millidegrees / 1000
    return None
