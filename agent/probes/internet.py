"""Throughput to a public test server: the engine runs in a child, and this says how it is asked."""

from collections.abc import Sequence
from typing import Any

from agent.load import apart
from agent.load.engines.base import Request
from agent.machine.machine import Machine
from agent.machine.routes import default_interface
from agent.probes.base import Measure, NothingHereError
from agent.probes.settings import ProbeSettings
from firstbell.report import Finding, Segment, Status

TARGET = "internet"
ENGINE = "speedtest"


def probe(settings: ProbeSettings) -> Measure:
    """The probe `internet`: one finding.

    Of the ceilings in `settings` and in its memory (`max_bytes` and `max_seconds`, from a lease) the lower
    ones hold. Raises NothingHereError where the engine is not installed.
    """

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        interface = settings.interface or default_interface(machine.files)
        request = Request(
            max_bytes=min(settings.internet_max_bytes, memory.get("max_bytes", settings.internet_max_bytes)),
            max_seconds=min(
                settings.internet_max_seconds, memory.get("max_seconds", settings.internet_max_seconds)
            ),
            interface=interface,
            secure=settings.internet_secure,
        )
        result = apart.run(machine, "internet", request, settings.internet_memory_bytes, memory.get("stop"))
        if result.status is Status.NOTHING:
            raise NothingHereError(result.reason)
        return [
            apart.finding(
                machine,
                result,
                interface=interface,
                target=TARGET,
                segment=Segment.INTERNET,
                engine=ENGINE,
            )
        ]

    return measure
