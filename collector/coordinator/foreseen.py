"""Why a heavy test that is about to be asked for will be refused, as far as anybody can tell beforehand.

Three of the rules (`collector.coordinator.rules`): nothing near a bell, one test of a kind in each period,
and nothing just after a start. The coordinator itself decides; this is for those who would wait for a test
that can't come.
"""

from collections.abc import Callable, Sequence

from collector.coordinator import bells, places
from collector.coordinator.rules import JUST_STARTED
from collector.store.leases import Kept
from firstbell.district import District


def why_not(
    district: District,
    leases: Callable[[int, int], Sequence[Kept]],
    agent: str,
    kind: str,
    seconds: float,
    at_ns: int,
    opens_ns: int = 0,
) -> str:
    """Why the box `agent` may then not begin a test of `seconds`; "" where nothing stands against it.

    `leases` gives those that were granted between two moments (`Reads.leases`); until `opens_ns` the
    coordinator grants nothing, because it has just started.
    """
    stretch = bells.stretch_at(places.place(district, agent, {}, (), "", at_ns).clock, at_ns)
    if found := bells.at_the_edge(stretch, at_ns, seconds):
        return f"{found[0]}, and within {bells.EDGE_S / 60:g} minutes of a bell no line is loaded"
    if any(_was(lease, agent, kind) for lease in leases(stretch.begin_ns, at_ns)):
        return f"there was one in {stretch.name} already"
    return JUST_STARTED if at_ns < opens_ns else ""


def _was(lease: Kept, agent: str, kind: str) -> bool:
    """Whether that was a test of the box's; what was given back unused was none (`Book.correct`)."""
    return (lease.agent, lease.kind) == (agent, kind) and (lease.bytes, lease.seconds) != (0, 0)
