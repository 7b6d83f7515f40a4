"""The delay line: two TUN devices in two namespaces, and between them a rate, a queue, a delay, jitter and loss.

A program of its own, on the standard library alone: one line of JSON on the command line says what to do, further
lines on standard input ask for `stats` or bring new settings, and the end of standard input ends it.

What makes it fast enough in Python: the devices hand over several TCP segments as one packet (IFF_VNET_HDR with
segmentation offload), as a network card would take them. The rate is counted on the segments as they would stand
on the wire, headers and all.
"""

import ctypes
import fcntl
import gc
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_TUNSETOFFLOAD = 0x400454D0
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_CHECKSUMS, _SEGMENTS = 1, 2
_VNET = struct.Struct("=BBHHHH")
_MOST = 1 << 16
_AT_ONCE = 64
_SLACK_S = 0.001
"""How far a line that stood idle makes up for this program having been woken late."""
_ROUND_S = 0.00025
_HOLD_S = 0.01
"""How long one draw of the jitter holds."""
_PR_SET_TIMERSLACK = 29

_LIBC = ctypes.CDLL(None, use_errno=True)


def _device(pid: int, name: str) -> int:
    """A TUN device in the namespace of `pid`, as a descriptor to read and write its packets."""
    with Path(f"/proc/{pid}/ns/net").open("rb") as there:
        if _LIBC.setns(there.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return descriptor


def _on_wire(packet: bytes) -> tuple[int, int]:
    """The bytes of IP that a packet has when cut into segments, and how many those are."""
    size = len(packet) - _VNET.size
    _, kind, _, payload, tcp, _ = _VNET.unpack_from(packet)
    if not kind:
        return size, 1
    headers = tcp + (packet[_VNET.size + tcp + 12] >> 4) * 4
    pieces = -(-(size - headers) // payload)
    return size + (pieces - 1) * headers, pieces


class _Way:
    """One way of the line."""

    def __init__(self, inlet: int, outlet: int, settings: dict[str, Any]) -> None:
        self.inlet, self.outlet = inlet, outlet
        self.random = random.Random(settings["seed"])
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.unordered: list[tuple[float, int, bytes]] = []
        self.free = self.redraw = self.offset = 0.0
        self.packets = self.bytes = self.dropped = self.lost = self.refused = 0
        self.longest = 0.0
        self.set(settings)

    def set(self, settings: dict[str, Any]) -> None:
        """Take `settings` from now on; what waits keeps its time."""
        self.per_byte = 8e-6 / settings["mbps"] if settings["mbps"] else 0.0
        self.overhead: int = settings["overhead"]
        self.queue: float = settings["queue_s"]
        self.delay: float = settings["delay_s"]
        self.jitter: float = settings["jitter_s"]
        self.loss: float = settings["loss"]
        self.reorder: bool = settings["reorder"]
        bunched = _SEGMENTS if settings["bunch"] > 1 else 0
        fcntl.ioctl(self.inlet, _TUNSETOFFLOAD, _CHECKSUMS | bunched)

    def take(self, now: float) -> None:
        """Read what stands before the line and give each packet its time."""
        inlet = self.inlet
        for _ in range(_AT_ONCE):
            try:
                packet = os.read(inlet, _MOST)
            except BlockingIOError:
                return
            self._enter(packet, now)

    def _enter(self, packet: bytes, now: float) -> None:
        waits = self.free - now
        size, pieces = _on_wire(packet)
        if waits > self.queue:
            self.dropped += pieces
            return
        self.longest = max(self.longest, waits)
        self.free = max(self.free, now - _SLACK_S) + (size + pieces * self.overhead) * self.per_byte
        self.packets += pieces
        self.bytes += size
        if self.loss and self.random.random() < self.loss:
            self.lost += pieces
            return
        due = max(self.free, now) + self.delay
        if self.reorder:
            due += self.random.uniform(-self.jitter, self.jitter)
            heapq.heappush(self.unordered, (due, self.packets, packet))
            return
        if self.jitter:
            due += self._drawn(now)
        self.waiting.append((due, packet))

    def _drawn(self, now: float) -> float:
        if now >= self.redraw:
            self.redraw = now + _HOLD_S
            self.offset = self.random.uniform(-self.jitter, self.jitter)
        return self.offset

    def give(self, now: float) -> float:
        """Write what is due; when there is more to write."""
        waiting, outlet = self.waiting, self.outlet
        while waiting and waiting[0][0] <= now:
            self._out(outlet, waiting.popleft()[1])
        while self.unordered and self.unordered[0][0] <= now:
            self._out(outlet, heapq.heappop(self.unordered)[2])
        first = waiting[0][0] if waiting else now + 1.0
        return min(first, self.unordered[0][0]) if self.unordered else first

    def _out(self, outlet: int, packet: bytes) -> None:
        try:
            os.write(outlet, packet)
        except OSError:
            self.refused += 1  # the other end is down, or its host is full

    def stats(self) -> dict[str, float]:
        """What passed so far, in segments and bytes of IP."""
        names = ("packets", "bytes", "dropped", "lost", "refused")
        return {**{name: getattr(self, name) for name in names}, "longest_queue_ms": self.longest * 1000}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _heard(ways: dict[str, _Way]) -> bool:
    """Do what standard input asks; false at its end."""
    line = sys.stdin.readline()
    if not line:
        return False
    if line.strip() == "stats":
        answer = {name: way.stats() for name, way in ways.items()}
    else:
        answer = {}
        for name, settings in json.loads(line).items():
            ways[name].set(settings)
    _say(json.dumps({"cpu_s": time.process_time(), **answer}))
    return True


def _carry(ways: dict[str, _Way]) -> None:
    """Carry packets until standard input ends."""
    both = list(ways.values())
    control = sys.stdin.fileno()
    descriptors = [*(way.inlet for way in both), control]
    clock = time.monotonic
    wait = 1.0
    while True:
        ready = select.select(descriptors, (), (), wait)[0]
        if control in ready and not _heard(ways):
            return
        now = clock()
        for way in both:
            if way.inlet in ready:
                way.take(now)
        now = clock()
        until = min(way.give(now) for way in both)
        # Rounds in quick succession are made one: most of a busy line's work is waking up.
        time.sleep(_ROUND_S)
        wait = max(0.0, until - clock())


def main() -> None:
    """As the command line says: `near` and `far` are [pid, device], `up` goes from near to far."""
    plan = json.loads(sys.argv[1])
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    near, far = _device(*plan["near"]), _device(*plan["far"])
    _LIBC.setns(home, _CLONE_NEWNET)
    _LIBC.prctl(_PR_SET_TIMERSLACK, 1000, 0, 0, 0)
    try:
        # A line that waits for a processor is a slower line.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except OSError as error:
        sys.stderr.write(f"the delay line is no more urgent than the rest: {error.strerror}\n")
    gc.disable()
    _say("ready")
    _carry({"up": _Way(near, far, plan["up"]), "down": _Way(far, near, plan["down"])})


main()
