"""The way that a simulated box's packets take, router by router: its lines one after the other, then others'.

Every address is one that is kept for examples (RFC 5737), or a building's own (RFC 1918).
"""

import random
import zlib
from collections.abc import Iterator

from collector.demo.physics import Physics
from collector.demo.town import HUB, Stay
from firstbell.catalogue import Reading
from firstbell.metrics import hop_address, hop_rtt_ms
from firstbell.report import Finding, Medium, Segment, Status

_SILENT_PCT = 4
"""So often a router has more to do than to answer."""
_PROVIDER = ("198.51.100.9", "198.51.100.33", "")
"""The provider's routers; one of them never answers."""


def traced(physics: Physics, stay: Stay, medium: Medium, target: str, at_ns: int) -> Finding:
    """One trace; where the line is down it ends at the building's own router, if there is one."""
    dice = random.Random(f"way {physics.town.seed} {stay} {at_ns}")
    readings: dict[str, Reading] = {}
    for number, (address, trip_ms) in enumerate(_stops(physics, stay, at_ns, dice), start=1):
        if address is None:
            readings |= {"hops": number, hop_rtt_ms(number): round(trip_ms, 2)}
        elif address and dice.randrange(100) >= _SILENT_PCT:
            readings |= {hop_address(number): address, hop_rtt_ms(number): round(trip_ms, 2)}
    silence = "the target did not answer" if readings else "no router answered, and the target did not"
    return Finding(
        status=Status.OK if readings else Status.FAILED,
        reason="" if "hops" in readings else silence,
        target=target,
        segment=Segment.INTERNET,
        medium=medium,
        readings=readings,
    )


def _stops(
    physics: Physics, stay: Stay, at_ns: int, dice: random.Random
) -> Iterator[tuple[str | None, float]]:
    """Address and round trip of each, the nearest first: empty for a silent router, None for the target."""
    trip_ms = dice.uniform(0.3, 0.6)
    building = zlib.crc32(stay.school.encode()) % 200 + 20
    if stay.school != HUB:
        yield f"10.{building}.0.1", trip_ms
    if not physics.is_up(stay.line, at_ns):
        return
    for number, line in enumerate(physics.path(stay.line)):
        queue_ms = 2.0 / (1.02 - min(physics.use(line.id, at_ns), 1.0))
        trip_ms += dice.uniform(0.8, 1.4) + queue_ms * dice.uniform(0.2, 1.0)
        yield f"192.0.2.{zlib.crc32(line.id.encode()) % 100 + 1 + 100 * (number > 0)}", trip_ms
    for address in (*_PROVIDER, None):
        trip_ms += dice.uniform(1.5, 3.0)
        yield address, trip_ms
