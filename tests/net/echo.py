"""Small packets there and back, or there alone: what a line does to each."""

import socket
import statistics
import struct
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise

from tests.net.host import Host

_NUMBERED = struct.Struct("!Qd")
_LATE_S = 0.7


@dataclass
class Seen:
    """Packets in the order they came back: number, and seconds on the way."""

    sent: int
    came: list[tuple[int, float]] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """How many never came."""
        return self.sent - len(self.came)

    @property
    def overtaken(self) -> int:
        """How many came after a later one."""
        numbers = [number for number, _ in self.came]
        return sum(later < sooner for sooner, later in pairwise(numbers))

    @property
    def ms(self) -> list[float]:
        """The times on the way, sorted."""
        return sorted(seconds * 1000 for _, seconds in self.came)

    @property
    def median_ms(self) -> float:
        """The middle one of them."""
        return statistics.median(self.ms)


def echoes(asker: Host, answerer: Host, *, count: int = 30, every_s: float = 0.01, size: int = 64) -> Seen:
    """Send `count` packets, each as its time has come, and hear their echoes."""
    with answerer.inside():
        far = socket.socket(type=socket.SOCK_DGRAM)
        far.bind(("", 0))
        far.settimeout(_LATE_S)
    with asker.inside():
        near = socket.socket(type=socket.SOCK_DGRAM)
        near.connect((answerer.address, far.getsockname()[1]))
        near.settimeout(_LATE_S)
    seen = Seen(count)
    threads = [
        threading.Thread(target=_answer, args=(far, count)),
        threading.Thread(target=_hear, args=(near, seen)),
    ]
    with near, far:
        for thread in threads:
            thread.start()
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, start + number * every_s - time.monotonic()))
            near.send(_NUMBERED.pack(number, time.monotonic()).ljust(size, b"\0"))
        for thread in threads:
            thread.join()
    return seen


def _answer(far: socket.socket, most: int) -> None:
    for _ in range(most):
        try:
            packet, whence = far.recvfrom(2048)
        except TimeoutError:
            return
        far.sendto(packet, whence)


def _hear(near: socket.socket, seen: Seen) -> None:
    while len(seen.came) < seen.sent:
        try:
            packet = near.recv(2048)
        except TimeoutError:
            return
        number, then = _NUMBERED.unpack_from(packet)
        seen.came.append((number, time.monotonic() - then))
