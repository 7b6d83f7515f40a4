"""What a line gives each way, and what of it a perfect test of TCP can see."""

import math
from dataclasses import dataclass, replace
from typing import Literal

Way = Literal["down", "up"]

MTU = 1500
SEGMENT = 1448
"""TCP payload of a full packet, with timestamps: 1,500 less 20 of IP, 20 of TCP and 12 of options."""
_ETHERNET = 14
_BUNCH_S = 0.00025
_MOST_IN_BUNCH = 40


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A line: Mbit/s each way (None: as fast as it goes), the path's round trip, and what goes wrong on it.

    The queue before each way holds `queue_ms` of it (None: the round trip, at least 50 ms), and drops what comes
    on top. `jitter_ms` moves the delay of each way up and down by as much, evenly, anew every 10 ms; packets keep
    their order unless `reorder`. `loss` is the share of packets lost each way. `plain` says how the line is made:
    by tbf between two cables, or by the delay line; None lets the need decide.
    """

    down_mbps: float | None = None
    up_mbps: float | None = None
    rtt_ms: float = 0.0
    loss: float = 0.0
    jitter_ms: float = 0.0
    queue_ms: float | None = None
    reorder: bool = False
    seed: int = 1
    plain: bool | None = None

    @property
    def is_plain(self) -> bool:
        """Whether tbf and cables are enough."""
        delayed = bool(self.rtt_ms or self.loss or self.jitter_ms)
        if self.plain and delayed:
            raise ValueError("a plain line has no delay, jitter or loss of its own")
        return not delayed if self.plain is None else self.plain

    @property
    def overhead(self) -> int:
        """Bytes around an IP packet that count: tbf sees Ethernet's header on a cable, and a TUN device has none."""
        return _ETHERNET if self.is_plain else 0

    @property
    def queue_s(self) -> float:
        """How long the last packet in a full queue waits."""
        return (max(50.0, self.rtt_ms) if self.queue_ms is None else self.queue_ms) / 1000

    def mbps(self, way: Way) -> float | None:
        """What was asked for this way."""
        return self.down_mbps if way == "down" else self.up_mbps

    def goodput_mbps(self, way: Way) -> float:
        """The most TCP payload a second that gets through this way; endless on an unshaped line."""
        rate = self.mbps(way)
        return math.inf if rate is None else rate * SEGMENT / (MTU + self.overhead)

    def bunch(self, way: Way) -> int:
        """How many segments the delay line may take as one packet: a quarter of a millisecond's worth.

        One where packets are lost or overtake each other singly.
        """
        if self.loss or self.reorder:
            return 1
        rate = self.mbps(way)
        if rate is None:
            return _MOST_IN_BUNCH
        return max(1, min(_MOST_IN_BUNCH, int(rate * 1e6 / 8 * _BUNCH_S / MTU)))

    def changed(self, **fields: object) -> "Shape":
        """The same with other `fields`."""
        return replace(self, **fields)  # type: ignore[arg-type]
