"""What a box finds at a moment, from physics: findings with the catalogue's own names and units.

The box knows only what a real one could: its port, its processor, its radio, and what came through.
"""

import random
from collections.abc import Iterator

from collector.demo import lesson, radio, traces
from collector.demo.physics import Load, Physics
from collector.demo.plan import Due
from collector.demo.seen import PAYLOAD, Seen
from collector.demo.town import HUB, Box, Stay
from firstbell.catalogue import Reading
from firstbell.report import Finding, LimitedBy, Medium, Segment, Status

_PORT_SHARE = 0.85
_LONGEST_S, _MOST_BYTES = 9.5, 250_000_000
"""A direction of a test ends at whichever comes first: real boxes have such ceilings, too."""
_BUSY_PROCESSOR = 96.0
_ECHOES = 10
_SITE = "cloudflare"
"""The one site whose looks are kept here; a real box looks at several."""
_WIFI_MBPS = 430.0
"""What a box's radio takes in at best, with the air to itself."""


class Watcher:
    """One box in one place."""

    def __init__(self, physics: Physics, box: Box, stay: Stay) -> None:
        self._physics, self._box, self._stay = physics, box, stay
        self._by_wifi = box.wifi and not stay.cable
        self._medium = Medium.WIFI if self._by_wifi else Medium.WIRED

    def look(self, due: Due, dice: random.Random) -> Iterator[Seen]:
        """All that the box finds at this moment; nothing while it has no power."""
        if self._stay.school != HUB and not self._physics.has_power(self._stay.school, due.at_ns):
            return
        if due.plays:
            yield lesson.played(self._physics, self._box, self._stay, due.at_ns, dice)
            return
        if due.heavy:
            yield self._internet(due.at_ns, dice)
            return
        if due.gateway:
            yield self._gateway(due.at_ns, dice)
        yield self._site(due.at_ns, dice)
        if due.slow:
            yield self._host(due.at_ns, dice)
        if due.way and self._connected(due.at_ns):
            way = traces.traced(self._physics, self._stay, self._medium, _SITE, due.at_ns)
            yield Seen("path", due.at_ns + 4, 1.4, way)
        if due.power:
            found = radio.power(self._physics, self._box, self._stay, due.at_ns, dice)
            yield Seen("power", due.at_ns + 6, 0.1, found)
        if due.wifi:
            link = radio.wifi_link(self._physics, self._stay, due.at_ns, dice)
            yield Seen("wifi_link", due.at_ns + 7, 0.1, link)
            air = radio.wifi_air(self._physics, self._stay, due.at_ns, dice)
            yield Seen("wifi_air", due.at_ns + 8, 0.3, air)

    # --- what is reached ---

    def _connected(self, at_ns: int) -> bool:
        """Whether the box reaches its own network."""
        return not self._by_wifi or self._physics.has_air(self._stay.school, self._stay.room, at_ns)

    def _gateway(self, at_ns: int, dice: random.Random) -> Seen:
        if not self._connected(at_ns):
            finding = self._finding(
                Status.NOTHING, "gateway", Segment.SITE, reason="this machine has no default gateway"
            )
            return Seen("latency", at_ns, 2.0, finding)
        trip_ms = dice.uniform(0.4, 1.1) + self._air_ms(at_ns, dice)
        return Seen(
            "latency",
            at_ns,
            1.9,
            self._finding(Status.OK, "gateway", Segment.SITE, self._trips(trip_ms, 0, dice)),
        )

    def _site(self, at_ns: int, dice: random.Random) -> Seen:
        """Echoes to a site on the internet and its page."""
        if not self._connected(at_ns) or not self._physics.is_up(self._stay.line, at_ns):
            readings: dict[str, Reading] = {"echoes_sent": _ECHOES, "loss_pct": 100.0}
            finding = self._finding(
                Status.FAILED, _SITE, Segment.INTERNET, readings, reason=f"no answer to {_ECHOES} echoes"
            )
            return Seen("latency", at_ns + 2, 7.5, finding)
        use = self._physics.use(self._stay.line, at_ns)
        queue_ms = 2.0 / (1.02 - min(use, 1.0))
        trip_ms = dice.uniform(9, 14) + queue_ms * dice.uniform(0.2, 1.0) + self._air_ms(at_ns, dice)
        loss = 10.0 if dice.random() < max(0.0, use - 0.9) * 4 + self._air_loss(at_ns) else 0.0
        readings = {
            **self._trips(trip_ms, loss, dice),
            "dns_ms": dice.uniform(2, 9) + queue_ms,
            "http_ms": 3.2 * trip_ms + dice.uniform(8, 30),
            "http_status": 200,
        }
        return Seen("latency", at_ns + 2, 2.4, self._finding(Status.OK, _SITE, Segment.INTERNET, readings))

    def _trips(self, trip_ms: float, loss: float, dice: random.Random) -> dict[str, Reading]:
        return {
            "rtt_min_ms": trip_ms * 0.9,
            "rtt_p50_ms": trip_ms,
            "rtt_p95_ms": trip_ms * dice.uniform(1.1, 1.9),
            "jitter_ms": trip_ms * dice.uniform(0.02, 0.12),
            "loss_pct": loss,
            "echoes_sent": _ECHOES,
        }

    def _air_ms(self, at_ns: int, dice: random.Random) -> float:
        if not self._by_wifi:
            return 0.0
        busy = self._physics.busy_pct(self._stay.school, at_ns, dice.random())
        return 2.0 + 3.0 / (1.03 - busy / 100) * dice.uniform(0.6, 1.4)

    def _air_loss(self, at_ns: int) -> float:
        if not self._by_wifi:
            return 0.0
        site = self._physics.site(self._stay.school)
        return site.air.loss_pct / 10 * self._physics.fullness(site.bells, at_ns)

    # --- how fast ---

    def _internet(self, at_ns: int, dice: random.Random) -> Seen:
        free = self._physics.free(self._stay.line, at_ns)
        if not free.down_mbps or not self._connected(at_ns):
            finding = Finding(
                status=Status.FAILED,
                reason="the test service did not answer",
                target="internet",
                medium=self._medium,
                engine="speedtest",
            )
            return Seen("internet", at_ns, 10.0, finding)
        got, limit = self._got(free, at_ns, dice)
        down_s, up_s = _loaded_s(got.down_mbps), _loaded_s(got.up_mbps)
        readings: dict[str, Reading] = {
            "down_mbps": round(got.down_mbps, 2),
            "up_mbps": round(got.up_mbps, 2),
            "bytes_received": int(got.down_mbps * 1e6 / 8 * down_s),
            "bytes_sent": int(got.up_mbps * 1e6 / 8 * up_s),
            "cpu_busy_pct": _BUSY_PROCESSOR if limit is LimitedBy.PROBE else dice.uniform(18, 55),
            "cross_traffic_pct": dice.uniform(0, 2),
            "server": f"{self._physics.town.name} Fiber (simulated)",
        }
        finding = Finding(
            status=Status.OK,
            target="internet",
            segment=Segment.INTERNET,
            medium=self._medium,
            engine="speedtest",
            limited_by=limit,
            readings=readings,
        )
        return Seen("internet", at_ns, 1.5 + down_s + up_s, finding)

    def _got(self, free: Load, at_ns: int, dice: random.Random) -> tuple[Load, LimitedBy]:
        """What is free, up to the box's own limits, and which of them it was."""
        skill = PAYLOAD * dice.uniform(0.975, 0.998)
        line = Load(free.down_mbps * skill, free.up_mbps * skill)
        port = self._box.port_mbps * PAYLOAD * 0.998
        own = min(self._box.most_mbps, port, self._radio(at_ns, dice))
        got = Load(min(line.down_mbps, own), min(line.up_mbps, own))
        fastest = max(got)
        if fastest >= self._box.most_mbps * 0.95:
            return got, LimitedBy.PROBE
        if fastest >= _PORT_SHARE * self._box.port_mbps:
            return got, LimitedBy.PORT
        return got, LimitedBy.WIFI if self._by_wifi else LimitedBy.LINE

    def _radio(self, at_ns: int, dice: random.Random) -> float:
        if not self._by_wifi:
            return float("inf")
        busy = self._physics.busy_pct(self._stay.school, at_ns, dice.random())
        return _WIFI_MBPS * max(0.05, 1 - busy / 100) * dice.uniform(0.75, 1.0)

    # --- the machine ---

    def _host(self, at_ns: int, dice: random.Random) -> Seen:
        up_s = (at_ns - self._physics.begins_ns) / 1e9
        readings: dict[str, Reading] = {
            "cpu_busy_pct": dice.uniform(1, 6),
            "memory_used_pct": dice.uniform(21, 34),
            "memory_total_mib": 3792.0,
            "disk_free_mib": 24_000 - up_s / 3600,
            "uptime_s": max(60.0, up_s),
            "temperature_c": dice.uniform(44, 58) + (14 if self._box.weak_power else 0),
            "port_down_mbps": dice.uniform(0.01, 0.05),
            "port_up_mbps": dice.uniform(0.01, 0.04),
        }
        if not self._by_wifi:
            readings["port_speed_mbps"] = self._box.port_mbps
        finding = Finding(status=Status.OK, medium=self._medium, readings=readings)
        return Seen("host", at_ns + 3, 0.2, finding)

    def _finding(
        self,
        status: Status,
        target: str,
        segment: Segment,
        readings: dict[str, Reading] | None = None,
        reason: str = "",
    ) -> Finding:
        return Finding(
            status=status,
            reason=reason,
            target=target,
            segment=segment,
            medium=self._medium,
            readings=readings or {},
        )


def _loaded_s(mbps: float) -> float:
    """How long one direction of a test loads a line that carries `mbps`."""
    return min(_LONGEST_S, _MOST_BYTES * 8 / (mbps * 1e6))
