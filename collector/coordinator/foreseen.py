"""Why a heavy test that is about to be asked for will be refused, as far as anybody can tell beforehand.

Two of the rules (`collector.coordinator.rules`): nothing near a bell, and one test of a kind in each period.
The coordinator itself decides; this is for those who would wait for a test that can't come.
"""

from collections.abc import Callable, Sequence

from collector.coordinator import bells, places
from collector.store.leases import Kept
from firstbell.district import District


def why_not(
    district: District,
    leases: Callable[[int, int], Sequence[Kept]],
    agent: str,
    kind: str,
    seconds: float,
    at_ns: int,
) -> str:
    """Why the box `agent` may then not begin a test of `seconds`; "" where nothing stands against it.

    `leases` gives those that were granted between two moments (`Reads.leases`).
    """
    stretch = bells.stretch_at(places.place(district, agent, {}, (), "", at_ns).clock, at_ns)
    if found := bells.at_the_edge(stretch, at_ns, seconds):
        return f"{found[0]}, and within five minutes of a bell no line is loaded"
    done = any((lease.agent, lease.kind) == (agent, kind) for lease in leases(stretch.begin_ns, at_ns))
    return f"there was one in {stretch.name} already" if done else ""
