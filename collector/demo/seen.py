"""What a simulated box hands on, and what it knows of every line."""

from typing import NamedTuple

from firstbell.report import Finding

PAYLOAD = 1448 / 1538
"""Of a line's bits those that a download can use: TCP over IPv4 on Ethernet (measurement, not judgement)."""


class Seen(NamedTuple):
    """A finding, the probe that made it, and when it began and how long it took."""

    probe: str
    at_ns: int
    duration_s: float
    finding: Finding
