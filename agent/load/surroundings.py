"""What went on around a test: how busy this machine was, and what else its port carried meanwhile."""

from typing import Literal, NamedTuple

from agent.load.meter import Phase
from agent.machine.counters import Port, Processor
from agent.machine.machine import Machine

Way = Literal["download", "upload"]


class _Look(NamedTuple):
    at_s: float
    processor: Processor
    own_processor_s: float
    port: Port | None


class Surroundings:
    """Watches one direction after the other on the port `interface`; no port with an empty name."""

    def __init__(self, machine: Machine, interface: str) -> None:
        self._machine, self._interface = machine, interface
        self._before: _Look | None = None
        self._busy_s = self._total_s = 0.0
        self._strange_pct: list[float] = []
        self.own_processor_pct = 0.0
        """Of one core, in the direction that took more of it."""

    def begin(self) -> None:
        """A direction begins."""
        self._before = self._look()

    def end(self, way: Way, phase: Phase) -> None:
        """The direction has ended, and `phase` is what the test itself has carried."""
        before, after = self._before, self._look()
        if before is None:
            return
        self._busy_s += after.processor.busy_s - before.processor.busy_s
        self._total_s += after.processor.total_s - before.processor.total_s
        if (seconds := after.at_s - before.at_s) > 0:
            own_pct = 100 * (after.own_processor_s - before.own_processor_s) / seconds
            self.own_processor_pct = max(self.own_processor_pct, own_pct)
        if before.port and after.port:
            inwards = way == "download"
            carried = _carried(before.port, after.port, inwards=inwards)
            own = phase.port_received if inwards else phase.port_sent
            if carried > 0:
                self._strange_pct.append(100 * max(0, carried - own) / carried)

    @property
    def cpu_busy_pct(self) -> float | None:
        """Of all cores together; None if the kernel counted nothing."""
        return 100 * min(1.0, max(0.0, self._busy_s / self._total_s)) if self._total_s > 0 else None

    @property
    def cross_traffic_pct(self) -> float | None:
        """Share of the port's bytes that were not the test's, in the direction with more of them.

        None if no port is known or it carried none.
        """
        return max(self._strange_pct, default=None)

    def _look(self) -> _Look:
        counters = self._machine.counters
        return _Look(
            self._machine.clock.monotonic(),
            counters.processor(),
            counters.own_processor_s(),
            counters.port(self._interface) if self._interface else None,
        )


def _carried(before: Port, after: Port, *, inwards: bool) -> int:
    if inwards:
        return after.received_bytes - before.received_bytes
    return after.sent_bytes - before.sent_bytes
