"""How the collector itself tries the schools' gateways: what a dark school or a dead line is from afar.

Only of the last day and a half, which is what pages show of it, and every three minutes.
"""

from collections.abc import Callable

from collector.demo.build import INTERNET
from collector.demo.folder import gateway_of
from collector.demo.physics import Physics
from collector.demo.town import MINUTE_NS, Site
from collector.store.gateways import Try
from collector.store.offers import Offer

EVERY_NS = 3 * MINUTE_NS
BACK_NS = 36 * 60 * MINUTE_NS

Put = Callable[[Offer], bool]


def watch(physics: Physics, put: Put) -> int:
    """Hand every try to the writer, those of one moment together; how many there were."""
    town = physics.town
    begins = max(physics.begins_ns, town.end_ns - BACK_NS)
    tried = 0
    for at_ns in range(begins, town.end_ns, EVERY_NS):
        tries = tuple(
            Try(gateway_of(n), at_ns, answers(physics, site, at_ns)) for n, site in enumerate(town.sites)
        )
        put(Offer("", "", at_ns, (), (), lambda _: None, tries))
        tried += len(tries)
    return tried


def answers(physics: Physics, site: Site, at_ns: int) -> bool:
    """Whether the school can be reached from the hub: the internet need not be there for that."""
    lines = [line.id for line in physics.path(site.line) if line.id != INTERNET]
    return physics.has_power(site.id, at_ns) and not any(physics.away(line, at_ns) for line in lines)
