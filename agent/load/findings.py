"""What the two ends' counts come to, as readings of the catalogue; and when they can't be believed."""

from collections.abc import Mapping, Sequence

from agent.load.drive import Loaded
from agent.load.engines.base import Direction
from agent.load.trips import bloat, responsiveness
from agent.machine.trouble import RefusedError
from firstbell.catalogue import Reading
from firstbell.stats import jitter, nearest_rank

DIFFER_PCT = 5.0


def ends_differ(loaded: Mapping[Direction, Loaded]) -> RefusedError | None:
    """Why no rate can be had here, if the sender's count and the receiver's are too far apart."""
    for way, found in loaded.items():
        if (found.ends_differ_pct or 0.0) > DIFFER_PCT:
            return RefusedError(
                f"not measurable here: on the way {way} the two ends' counts differ by "
                f"{found.ends_differ_pct:.0f} %: something on the way answers in place of the server"
            )
    return None


def at_rest(trips_ms: Sequence[float]) -> dict[str, Reading | None]:
    """Readings of the idle line."""
    return {
        "rtt_min_ms": min(trips_ms),
        "rtt_p50_ms": nearest_rank(trips_ms, 0.5),
        "rtt_p95_ms": nearest_rank(trips_ms, 0.95),
        "jitter_ms": jitter(trips_ms),
    }


def under_load(loaded: Mapping[Direction, Loaded], idle_ms: Sequence[float]) -> dict[str, Reading | None]:
    """Readings of the directions that were loaded; of what there is once, the worse way's."""
    readings: dict[str, Reading | None] = {}
    for way, found in loaded.items():
        readings |= {f"{way}_{name}": value for name, value in _of_one(found).items()}
    all_of = tuple(loaded.values())
    rpm = [responsiveness(found.probes.connects, found.probes.echoes) for found in all_of]
    bloats = [bloat(found.probes.trips, idle_ms) for found in all_of]
    differ = [found.ends_differ_pct for found in all_of]
    return readings | {
        "rpm_short": min((value for value in rpm if value is not None), default=None),
        "bufferbloat_ms": max((value for value in bloats if value is not None), default=None),
        "ends_differ_pct": max((value for value in differ if value is not None), default=None),
        "server_cpu_pct": max((found.server.cpu_pct for found in all_of), default=None),
    }


def _of_one(found: Loaded) -> dict[str, Reading | None]:
    figures, trips = found.figures, found.probes.trips
    readings: dict[str, Reading | None] = {
        "streams": found.streams,
        "stopped_by": found.stopped_by.value if found.stopped_by else None,
        "loaded_rtt_p95_ms": nearest_rank(trips, 0.95) if trips else None,
        "retransmit_pct": 100 * min(found.resent or 0, found.segments) / found.segments
        if found.segments
        else None,
    }
    if figures:
        named = figures._asdict()
        del named["mbps"]
        readings |= named
    return readings
