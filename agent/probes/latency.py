"""Round trips, loss, name resolution and first byte to each named target; one finding a target.

The status says whether the target was reached. A page that fails while echoes come back is the page's
trouble, not the line's: the finding is ok, has no `http_ms`, and says why. A page with another status than
the target's own was put there by somebody on the way (a filter, a portal): it reaches nobody, nor do
connections, which the same somebody may take; echoes by ICMP do.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from agent.machine.echoes import Echoes, Train
from agent.machine.machine import Machine
from agent.machine.routes import Route, default_route, medium
from agent.machine.trouble import NetworkError, SilentError
from agent.probes.base import Measure, NothingHereError, shared
from agent.probes.settings import ANY_STATUS, GATEWAY, ProbeSettings, Target
from firstbell.catalogue import Reading
from firstbell.report import Finding, Medium, Segment, Status
from firstbell.stats import jitter, nearest_rank

BUDGET_S = 25.0
"""For all targets together, less than what the runner waits for a cheap probe: at an outage each target
waits in vain, and a probe that is cut off tells nothing of any of them."""
RESOLVE_S = 5.0
PAGE_S = 5.0
_ICMP = Train(limit_s=2.0)
_TCP = Train(limit_s=1.0)
"""After a second the kernel sends a lost opening again, and its answer would pass for a slow echo."""


def probe(settings: ProbeSettings) -> Measure:
    """The probe `latency`; its measurement raises NothingHereError without targets."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        if not settings.targets:
            raise NothingHereError("no targets are named in this box's settings")
        route = default_route(machine.files)
        hangs_on = medium(machine.files, settings.interface or (route.interface if route else ""))
        hears_icmp: dict[str, bool] = memory.setdefault("hears_icmp", {})
        return [
            _Look(machine, target, hears_icmp, share_s).finding(route, hangs_on)
            for target, share_s in shared(settings.targets, BUDGET_S, machine.clock)
        ]

    return measure


class _Reached(NamedTuple):
    """What echoes say of a target; `by_tcp` if they were connections, which somebody on the way can take."""

    answered: bool
    readings: dict[str, Reading]
    trouble: str
    by_tcp: bool = False


class _Asked(NamedTuple):
    """What became of a target's page: it came, or why not; `in_its_place` if another one came."""

    came: bool = False
    trouble: str = ""
    in_its_place: bool = False


class _Look:
    """One look at one target, in at most `share_s` seconds."""

    def __init__(self, machine: Machine, target: Target, hears_icmp: dict[str, bool], share_s: float) -> None:
        self._machine, self._target, self._hears_icmp = machine, target, hears_icmp
        self._end_s = machine.clock.monotonic() + share_s
        self._readings: dict[str, Reading] = {}
        self._segment = target.segment
        self._address = ""

    def finding(self, route: Route | None, hangs_on: Medium | None) -> Finding:
        """One finding, whatever happens."""
        host = self._target.host
        if host == GATEWAY:
            host = route.gateway if route else ""
        status, reason = (
            self._status(host) if host else (Status.NOTHING, "this machine has no default gateway")
        )
        return Finding(
            status=status,
            reason=reason,
            target=self._target.name,
            segment=self._segment,
            medium=hangs_on,
            readings=self._readings,
        )

    def _status(self, host: str) -> tuple[Status, str]:
        network = self._machine.network
        try:
            resolved = network.resolve(host, self._at_most(RESOLVE_S))
        except NetworkError as error:
            return _status_of(error), f"name: {error.reason}"
        if resolved.took_ms is not None:
            self._readings["dns_ms"] = resolved.took_ms
        if any(network.is_own(address) for address in resolved.addresses):
            self._segment = Segment.SELF
        echoed = self._first_reached(resolved.addresses)
        return self._verdict(echoed, self._page(host) if self._target.url else _Asked())

    def _first_reached(self, addresses: Sequence[str]) -> _Reached:
        """The echoes to the first address that a way leads to, as a program would choose."""
        reached = _Reached(answered=False, readings={}, trouble="the name has no address")
        for address in addresses:
            self._address, reached = address, self._echo(address)
            if reached.readings:
                break
        return reached

    def _echo(self, address: str) -> _Reached:
        """Echoes by ICMP, and by TCP where that gets no answer at all: many schools filter it."""
        network, name = self._machine.network, self._target.name
        heard_before = self._hears_icmp.get(name)
        by_icmp = network.ping(address, self._within(_ICMP)) if heard_before is not False else None
        if by_icmp and by_icmp.round_trips_ms:
            self._hears_icmp[name] = True
        if by_icmp and (by_icmp.round_trips_ms or not by_icmp.sent):
            return _reached(by_icmp)
        by_tcp = network.knock(address, self._target.port, self._within(_TCP))
        if by_icmp and by_tcp.round_trips_ms:
            self._hears_icmp[name] = False
        if by_icmp and (heard_before or not by_tcp.round_trips_ms):
            # Who heard ICMP until now was out of reach for a moment: those echoes are lost, and count.
            sent, trouble = by_icmp.sent + by_tcp.sent, by_tcp.trouble or by_icmp.trouble
            return _reached(Echoes(sent, by_tcp.round_trips_ms, trouble))._replace(by_tcp=True)
        return _reached(by_tcp)._replace(by_tcp=True)

    def _page(self, host: str) -> _Asked:
        network, url, address = self._machine.network, self._target.url, self._address
        named = urlsplit(url).hostname or ""
        try:
            if named != host:
                address = network.resolve(named, self._at_most(RESOLVE_S)).addresses[0]
            page = network.page(url, address, self._at_most(PAGE_S))
        except NetworkError as error:
            return _Asked(trouble=error.reason)
        self._readings["http_status"] = page.status
        if self._target.status not in {ANY_STATUS, page.status}:
            said = f"its page came with status {page.status}, not {self._target.status}"
            return _Asked(trouble=f"something on the way answers in its place: {said}", in_its_place=True)
        self._readings["http_ms"] = page.first_byte_ms
        return _Asked(came=True)

    def _verdict(self, echoed: _Reached, page: _Asked) -> tuple[Status, str]:
        answered = echoed.answered and not (page.in_its_place and echoed.by_tcp)
        if answered or not (page.came or page.in_its_place):
            self._readings |= echoed.readings
        elif "echoes_sent" in echoed.readings:
            # No loss of the line: somebody on the way doesn't let echoes through, or answers them himself.
            self._readings["echoes_sent"] = echoed.readings["echoes_sent"]
        if answered:
            return Status.OK, f"page: {page.trouble}" if page.trouble else ""
        if page.came:
            return Status.OK, f"{echoed.trouble}, but its page came"
        return Status.FAILED, page.trouble if page.in_its_place else echoed.trouble

    def _at_most(self, seconds: float) -> float:
        # A tenth of a second at least: what is due is tried, if only just.
        return max(0.1, min(seconds, self._end_s - self._machine.clock.monotonic()))

    def _within(self, train: Train) -> Train:
        return train._replace(limit_s=self._at_most(train.limit_s))


def _reached(echoes: Echoes) -> _Reached:
    """Readings of a train; none when nothing left this machine."""
    if not echoes.sent:
        return _Reached(answered=False, readings={}, trouble=echoes.trouble or "no echo could be sent")
    trips = echoes.round_trips_ms
    readings: dict[str, Reading] = {
        "echoes_sent": echoes.sent,
        "loss_pct": 100 * (echoes.sent - len(trips)) / echoes.sent,
    }
    if not trips:
        trouble = f": {echoes.trouble}" if echoes.trouble else ""
        return _Reached(
            answered=False, readings=readings, trouble=f"no answer to {echoes.sent} echoes{trouble}"
        )
    readings |= {
        "rtt_min_ms": min(trips),
        "rtt_p50_ms": nearest_rank(trips, 0.5),
        "rtt_p95_ms": nearest_rank(trips, 0.95),
        "jitter_ms": jitter(trips),
    }
    return _Reached(answered=True, readings=readings, trouble="")


def _status_of(error: NetworkError) -> Status:
    return Status.TIMEOUT if isinstance(error, SilentError) else Status.FAILED
