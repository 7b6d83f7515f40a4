"""What a probe is: a function of the machine, and the two things it may say instead of findings.

ProbeError
  NothingHereError   this machine has no such thing
  ProbeFailedError   it was tried and did not work
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from agent.machine.clock import Clock
from agent.machine.machine import Machine
from agent.probes.settings import Target
from firstbell import catalogue
from firstbell.catalogue import Reading
from firstbell.report import Finding


class ProbeError(Exception):
    """The probe has no finding of its own; `reason` says why, in plain words for the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NothingHereError(ProbeError):
    """This machine has no such thing, and that is not a failure."""


class ProbeFailedError(ProbeError):
    """It was tried and did not work."""


class Measure(Protocol):
    """One probe, ready to run."""

    def __call__(self, machine: Machine, memory: dict[str, Any], /) -> Sequence[Finding]:
        """Measure once: one finding a target.

        `memory` is the probe's own dict in RAM between its runs; it may be empty again at any time. Raises
        NothingHereError and ProbeFailedError, and nothing else that is expected.
        """


def shared(targets: Sequence[Target], budget_s: float, clock: Clock) -> Iterator[tuple[Target, float]]:
    """Each target with the seconds that it may take: an equal share of what those before it left over."""
    end_s = clock.monotonic() + budget_s
    for done, target in enumerate(targets):
        yield target, (end_s - clock.monotonic()) / (len(targets) - done)


def credible(readings: Mapping[str, Reading | None]) -> dict[str, Reading]:
    """The readings that are known and can be true. A driver's one impossible number doesn't cost the rest."""
    return {
        name: value
        for name, value in readings.items()
        if value is not None and catalogue.complaint(name, value) is None
    }
