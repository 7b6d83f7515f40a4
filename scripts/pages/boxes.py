"""Tables for docs/boxes.md: what each box can prove, how many checks an answer takes, what it adds up to.

What a port carries is reckoned from the frame, and the people from the need, by the program's own functions.
"""

import math
from datetime import date
from typing import NamedTuple

from collector import registry
from firstbell.readiness import sizing
from firstbell.readiness.models import Number
from scripts.pages.markdown import code, table

MODEL = "flex"
"""The way of teaching that asks most of a line, for which boxes are chosen."""
DAY = date(2026, 11, 30)
"""The day for which people are reckoned, and prices were put down."""
SPARE_SHARE = 0.05
_MOST_PEOPLE = 100_000


class Kind(NamedTuple):
    """A kind of box. `port_mbps` is its network port's; `seen_mbps` what others measured where that is less.

    `price` is an example in dollars, with supply, card and case.
    """

    name: str
    port_mbps: int
    seen_mbps: int | None
    why: str
    use: str
    price: int

    @property
    def carries_mbps(self) -> int:
        """What a test can see through it: the port, less what each frame costs, or what others saw."""
        numbers = registry.targets().numbers
        port = self.port_mbps * numbers.payload_octets.value / numbers.wire_octets.value
        return math.floor(port if self.seen_mbps is None else min(port, self.seen_mbps))


KINDS = (
    Kind(
        "Raspberry Pi 3B", 100, None, "its port is 100 Mbit/s",
        "rooms, and lines up to 90 Mbit/s", 55,
    ),
    Kind(
        "Raspberry Pi 3B+", 1000, 280, "its port hangs on USB 2: others saw 260 to 300 (internet-pi #105)",
        "rooms, and lines up to 250 Mbit/s", 60,
    ),
    Kind(
        "Raspberry Pi 4", 1000, None, "its port is 1 Gbit/s; a user saw 943, we have not measured it",
        "a school's line", 90,
    ),
    Kind(
        "mini-PC with a port of 2.5 Gbit/s", 2500, None, "its port; try whether its processor keeps up",
        "lines beyond, and the hub", 250,
    ),
)  # fmt: skip


def kinds() -> str:
    """What each kind of box can prove, and what it can't."""
    head = ["box", "sees up to", "why not more", "proves 1:1 flex for up to", "for", "example price"]
    rows = [
        [
            kind.name,
            f"{kind.carries_mbps:,} Mbit/s",
            kind.why,
            f"{people(kind.carries_mbps):,} people",
            kind.use,
            f"${kind.price}",
        ]
        for kind in KINDS
    ]
    return table(head, rows)


def people(mbps: float) -> int:
    """For how many people a line that carries just `mbps` is enough, by the formula, for `MODEL`."""
    targets = registry.targets()
    model = targets.models[MODEL]

    def enough(count: int) -> bool:
        return sizing.need_of(model, targets, count, DAY, 0, "down").today <= mbps

    low, high = 0, _MOST_PEOPLE
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if enough(middle) else (low, middle - 1)
    return low


def checks() -> str:
    """How many checks an answer about a line takes."""
    numbers = registry.targets().numbers
    told: list[tuple[str, str, Number]] = [
        ("checks", "checks of the line that count", numbers.checks),
        ("days", "on so many days at least", numbers.days),
        ("times", "in so many periods of the day at least", numbers.times),
        ("places_on_wifi", "from so many places on Wi-Fi; on a cable one is enough", numbers.places_on_wifi),
        ("window_school_days", "within so many school days", numbers.window_school_days),
    ]  # fmt: skip
    rows = [[f"{number.value:g}", words, code(name)] for name, words, number in told]
    return table(["", "what", "the number in models.md"], rows)


def sums() -> str:
    """What districts of some sizes need and pay, by the example prices."""
    rows = []
    for schools in (1, 5, 20):
        hubs = 0 if schools == 1 else 1
        rooms = schools * round(registry.targets().numbers.places_on_wifi.value)
        spare = math.ceil((schools + rooms) * SPARE_SHARE)
        cost = (schools + rooms + spare) * KINDS[2].price + hubs * KINDS[3].price
        total = schools + rooms + hubs + spare
        rows.append([f"{schools}", f"{schools}", f"{rooms}", f"{hubs}", f"{spare}", f"{total}", f"${cost:,}"])
    return table(
        ["schools", "at the line", "in rooms, on Wi-Fi", "at the hub", "spare", "boxes", "example cost"], rows
    )
