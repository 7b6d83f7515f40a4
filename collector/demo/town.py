"""What a simulated district is: its schools, lines, access points, boxes, and what goes wrong where and when.

A town is plain frozen data. `names.py` has what is invented in it, `build.py` makes one from a seed, and
`faults.py` changes one; `physics.py` says what happens in it at any moment.

Speeds are line rates in Mbit/s, as contracts state them. Times are nanoseconds since 1970 UTC.
"""

from collections.abc import Mapping
from datetime import date, time
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeVar

NS = 1_000_000_000
MINUTE_NS = 60 * NS
DAY_NS = 86_400 * NS

Grade = Literal["elementary", "middle", "high"]
BoxKind = Literal["base", "roving", "big"]
HUB = ""
"""The school of whatever stands at the hub: none."""


class Bells(NamedTuple):
    """When class periods begin and end at the schools of a grade, local time."""

    periods: tuple[tuple[time, time], ...]

    @property
    def first(self) -> time:
        """When class begins."""
        return self.periods[0][0]

    @property
    def last(self) -> time:
        """When class ends."""
        return self.periods[-1][1]


class Line(NamedTuple):
    """A line: what was bought, what it really carries, and the line that it goes on through (empty: none)."""

    id: str
    parent: str
    bought_mbps: float
    carries_mbps: float
    since: date | None = None


class Air(NamedTuple):
    """How a school's access points do: the share of airtime that is in use when a full class works.

    `signal_dbm` is what a box in a room hears; `loss_pct` how many echoes get lost on the way at full use.
    """

    busy_pct: float = 38.0
    signal_dbm: int = -56
    loss_pct: float = 0.2


class Room(NamedTuple):
    """A room with its seats and the access point that serves it."""

    name: str
    seats: int
    access_point: str


class Site(NamedTuple):
    """A school. `use_mbps` is what one person there takes from the line in the busiest class hour today."""

    id: str
    name: str
    grade: Grade
    students: int
    staff: int
    line: str
    model: str
    bells: Bells
    use_mbps: float
    rooms: tuple[Room, ...] = ()
    air: Air = Air()

    @property
    def people(self) -> int:
        """Students and staff."""
        return self.students + self.staff


class Battery(NamedTuple):
    """A battery: its health on the first day, what it loses a day of use, and how long it lasts when new."""

    health_pct: float = 92.0
    fades_pct_a_day: float = 0.01
    lasts_h: float = 9.0


class Box(NamedTuple):
    """A box. `most_mbps` is what it can take in by itself, whatever the line brings (payload).

    `plays`: once a week it plays a class of students against the district's own server.
    """

    agent: str
    kind: BoxKind
    port_mbps: int
    wifi: bool = False
    most_mbps: float = 1e9
    battery: Battery | None = None
    weak_power: bool = False
    plays: bool = False
    version: str = "0.2.1"


class Stay(NamedTuple):
    """Where a box stands from a day on (None: always), and the line that it measures.

    `cable`: one with Wi-Fi hangs on a cable there, too, and goes by that.
    """

    agent: str
    school: str
    line: str
    room: str
    since: date | None = None
    cable: bool = False


class Outage(NamedTuple):
    """A time in which something is away.

    line: the line `where` carries nothing. power: the school `where` is dark, and its boxes with it. room:
    the access point of the room `where` ("school/room") is gone.
    """

    kind: Literal["line", "power", "room"]
    where: str
    begin_ns: int
    end_ns: int


class Habits(NamedTuple):
    """How a box's reports get through, where they don't all come as they should; times in ns, None: never.

    `begins` and `ends`: it measures only between these. `waits`: what it measured after this was only sent at
    the very end. `lost`, `gap`: times of which its reports are lost and said so, or missing without a word.
    `unsure`: until then it did not know the time. `off_ms`: how far its clock may be off. `clone_from`: from
    then on a second box has its name. `restarts`: (when, how the start before it ended).
    """

    begins: int | None = None
    ends: int | None = None
    waits: int | None = None
    lost: tuple[int, int] | None = None
    gap: tuple[int, int] | None = None
    unsure: int | None = None
    off_ms: float = 0.0
    clone_from: int | None = None
    restarts: tuple[tuple[int, str], ...] = ()
    poison: int | None = None
    """When it sends one report that can't be true."""
    heavy_since: int | None = None
    """Its heavy tests begin only then."""


T = TypeVar("T", Site, Line)


class Town(NamedTuple):
    """The whole district. `days` are its school days, in order; the last one is under way at `end_ns`."""

    seed: int
    name: str
    tz: str
    days: tuple[date, ...]
    closed: tuple[date, ...]
    end_ns: int
    sites: tuple[Site, ...]
    lines: tuple[Line, ...]
    boxes: tuple[Box, ...]
    stays: tuple[Stay, ...]
    outages: tuple[Outage, ...] = ()
    habits: Mapping[str, Habits] = MappingProxyType({})
    unplaced: frozenset[str] = frozenset()
    """Boxes that nobody has entered in the folder."""

    def site(self, school: str) -> Site:
        """The school with this id. Raises LookupError."""
        return _one(self.sites, school)

    def line(self, line: str) -> Line:
        """The line with this id. Raises LookupError."""
        return _one(self.lines, line)

    def habits_of(self, agent: str) -> Habits:
        """How the box's reports get through."""
        return self.habits.get(agent, Habits())

    def box_of(self, school: str) -> Box:
        """The school's own wired box. Raises LookupError."""
        stays = {stay.agent for stay in self.stays if stay.school == school}
        for box in self.boxes:
            if box.agent in stays and box.kind == "base":
                return box
        raise LookupError(f"no box stands in {school!r}")

    def with_site(self, site: Site) -> "Town":
        """The town with one school in place of the one with its id."""
        return self._replace(sites=tuple(site if old.id == site.id else old for old in self.sites))

    def with_line(self, line: Line) -> "Town":
        """The town with one line in place of the one with its id."""
        return self._replace(lines=tuple(line if old.id == line.id else old for old in self.lines))

    def with_box(self, box: Box) -> "Town":
        """The town with one box in place of the one with its name."""
        return self._replace(boxes=tuple(box if old.agent == box.agent else old for old in self.boxes))

    def with_habits(self, agent: str, habits: Habits) -> "Town":
        """The town in which the box has these habits."""
        return self._replace(habits={**self.habits, agent: habits})

    def with_outages(self, *outages: Outage) -> "Town":
        """The town with more outages."""
        return self._replace(outages=(*self.outages, *outages))


def _one(items: tuple[T, ...], wanted: str) -> T:
    for item in items:
        if item.id == wanted:
            return item
    raise LookupError(f"{wanted!r} is not in this town")
