"""The door to psutil: what this machine counts of its processor, memory and network ports."""

import os
from typing import NamedTuple, Protocol

import psutil


class Processor(NamedTuple):
    """Seconds since the start of the machine, summed over all cores."""

    busy_s: float
    total_s: float


class Memory(NamedTuple):
    """Bytes of memory; `available_bytes` is what programs could still get without swapping."""

    total_bytes: int
    available_bytes: int


class Port(NamedTuple):
    """What an interface has carried since it came up, in bytes of frames."""

    received_bytes: int
    sent_bytes: int


class Counters(Protocol):
    """What the agent may know of the machine's own counts."""

    def processor(self) -> Processor:
        """How busy all cores have been."""

    def own_processor_s(self) -> float:
        """Processor time of this process, all its threads together, in seconds."""

    def memory(self) -> Memory:
        """How much memory there is."""

    def port(self, interface: str) -> Port | None:
        """What an interface has carried; None if there is no such interface."""

    def port_speed_mbps(self, interface: str) -> int | None:
        """The speed that the port agreed with the switch; None where the driver doesn't say (Wi-Fi)."""


class SystemCounters:
    """The counts of the machine that this runs on."""

    def processor(self) -> Processor:
        """How busy all cores have been. Waiting for a disk is idle; a guest's time is the host's already."""
        times = psutil.cpu_times()
        counted_twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        total_s = sum(times) - counted_twice
        return Processor(total_s - times.idle - getattr(times, "iowait", 0.0), total_s)

    def own_processor_s(self) -> float:
        """Processor time of this process in seconds."""
        times = os.times()
        return times.user + times.system

    def memory(self) -> Memory:
        """How much memory there is."""
        memory = psutil.virtual_memory()
        return Memory(memory.total, memory.available)

    def port(self, interface: str) -> Port | None:
        """What an interface has carried."""
        # nowrap would keep a copy of every interface's counters; who takes differences looks himself.
        counters = psutil.net_io_counters(pernic=True, nowrap=False).get(interface)
        return Port(counters.bytes_recv, counters.bytes_sent) if counters else None

    def port_speed_mbps(self, interface: str) -> int | None:
        """The speed that the port agreed with the switch."""
        stats = psutil.net_if_stats().get(interface)
        return stats.speed if stats and 0 < stats.speed < 1 << 16 else None
