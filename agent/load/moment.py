"""Is this a good moment to load the line? Not while it is paid by the byte, or in use here."""

from collections.abc import Callable

from agent.machine.commands import NotInstalledError
from agent.machine.machine import Machine
from agent.readers import nmcli

WATCHED_S = 1.0
"""How long the port is watched."""
BUSY_SHARE = 0.1
"""Of what the line carried when it was last tested: more than this is in use (as for cross traffic)."""
BUSY_MBPS = 5.0
"""The same where nothing is known of the line."""
_PATIENCE_S = 5.0


def metered(machine: Machine, interface: str) -> bool:
    """Whether the system says that the connection is paid by the byte; False where it can't say."""
    if not interface:
        return False
    try:
        asked = ["nmcli", "-g", "GENERAL.METERED", "device", "show", interface]
        return nmcli.metered(machine.commands.run(asked, deadline_s=_PATIENCE_S).stdout)
    except NotInstalledError:
        return False


def busy(machine: Machine, interface: str, known_mbps: float, wait: Callable[[float], object]) -> str:
    """Why the line can't be tested now, by a look of a second at this machine's port; "" if it can.

    `known_mbps` is what the line carried when it was last tested, 0 if nobody knows; `wait` sleeps.
    """
    before, began = machine.counters.port(interface), machine.clock.monotonic()
    if before is None:
        return ""
    wait(WATCHED_S)
    after, seconds = machine.counters.port(interface), machine.clock.monotonic() - began
    if after is None or seconds <= 0:
        return ""
    carried = max(after.received_bytes - before.received_bytes, after.sent_bytes - before.sent_bytes)
    mbps = carried * 8 / seconds / 1e6
    if mbps <= (BUSY_SHARE * known_mbps or BUSY_MBPS):
        return ""
    return f"the line was busy: this machine used {mbps:.0f} Mbit/s of it before the test"
