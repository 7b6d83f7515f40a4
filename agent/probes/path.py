"""The routers on the way to each named target beyond this building, with round trips; a finding a target.

An internet provider asks first where on the way it is slow or broken. Routers may keep silent, and answer
later than they pass on: a slow one says something only if all that lie behind it are slow, too.
"""

from collections.abc import Sequence
from typing import Any

from agent.machine.hops import Way
from agent.machine.machine import Machine
from agent.machine.routes import default_interface, medium
from agent.machine.trouble import NetworkError
from agent.probes.base import Measure, NothingHereError, credible, shared
from agent.probes.settings import GATEWAY, ProbeSettings, Target
from firstbell.catalogue import Reading
from firstbell.metrics import hop_address, hop_rtt_ms
from firstbell.report import Finding, Medium, Segment, Status

BUDGET_S = 12.0
"""For all targets together; meanwhile other cheap probes wait for their turn."""
RESOLVE_S = 5.0


def probe(settings: ProbeSettings) -> Measure:
    """The probe `path`; its measurement raises NothingHereError without targets beyond the building."""
    targets = [
        target for target in settings.targets if target.host != GATEWAY and target.segment is not Segment.SITE
    ]

    def measure(machine: Machine, _memory: dict[str, Any]) -> Sequence[Finding]:
        if not targets:
            raise NothingHereError("no targets beyond this building are named in this box's settings")
        hangs_on = medium(machine.files, settings.interface or default_interface(machine.files))
        return [
            _finding(machine, target, hangs_on, share_s)
            for target, share_s in shared(targets, BUDGET_S, machine.clock)
        ]

    return measure


def _finding(machine: Machine, target: Target, hangs_on: Medium | None, share_s: float) -> Finding:
    network, segment = machine.network, target.segment
    begin_s = machine.clock.monotonic()
    try:
        address = network.resolve(target.host, min(RESOLVE_S, share_s)).addresses[0]
    except NetworkError as error:
        return Finding(
            status=Status.FAILED,
            reason=f"name: {error.reason}",
            target=target.name,
            segment=segment,
            medium=hangs_on,
        )
    if network.is_own(address):
        segment = Segment.SELF
    # A tenth of a second at least: what is due is tried, if only just.
    way = network.walk(address, max(0.1, begin_s + share_s - machine.clock.monotonic()))
    status, reason = _told(way)
    return Finding(
        status=status,
        reason=reason,
        target=target.name,
        segment=segment,
        medium=hangs_on,
        readings=_readings(way) if way and status is Status.OK else {},
    )


def _told(way: Way | None) -> tuple[Status, str]:
    if way is None:
        return Status.NOTHING, "this system tells no program which routers are on the way"
    if way.hops == 1:
        # Wherever its name led: to a neighbour, or to this very machine.
        return Status.NOTHING, "the target stands in this box's own network: no router is on the way"
    if not way.routers:
        return Status.FAILED, way.trouble or "no router answered, and the target did not"
    if way.hops:
        return Status.OK, ""
    return Status.OK, "there was no time to ask further" if way.cut else "the target did not answer"


def _readings(way: Way) -> dict[str, Reading]:
    """Routers with their addresses; of the target the round trip alone: its name says who it is (law 9)."""
    routers: dict[str, Reading | None] = {"hops": way.hops}
    for router in way.routers:
        routers[hop_rtt_ms(router.number)] = router.rtt_ms
        if router.number != way.hops:
            routers[hop_address(router.number)] = router.address
    return credible(routers)
