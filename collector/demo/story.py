"""What goes wrong in the demo's district: every page has something to show, every kind of answer occurs."""

from collections.abc import Callable
from datetime import date

from collector.demo import faults, names
from collector.demo.build import NORTH, clock_ns
from collector.demo.town import MINUTE_NS, Box, Habits, Outage, Town

_ROOM, _NEXT_DOOR = "204", "205"
_LINCOLN, _RIVERSIDE, _MILLPOND = "Lincoln High", "Riverside Middle", "Millpond Elementary"
_BIRCHWOOD, _RIDGELINE, _NORTHGATE = "Birchwood Elementary", "Ridgeline High", "Northgate Middle"


def tell(town: Town) -> Town:
    """The town with its stories: those whose schools are in it."""
    here = {site.name for site in town.sites}
    for name, plant in _STORIES:
        if name in here:
            town = plant(town, names.school_id(name))
    for name in _SOON_SHORT:
        if name in here:
            town = faults.small_line(town, town.site(names.school_id(name)).line, 1.35)
    if any(line.id == NORTH for line in town.lines):
        town = faults.small_line(town, NORTH, 0.84, bought_mbps=1_000)
    return _wanderers(_players(town))


def _players(town: Town) -> Town:
    """The boxes that play a class once a week: where a line is thin, a box is weak, or growth comes near."""
    here = {site.name for site in town.sites}
    for name in (_MILLPOND, _BIRCHWOOD, *_SOON_SHORT):
        if name in here:
            town = town.with_box(town.box_of(names.school_id(name))._replace(plays=True))
    return town


def _lincoln(town: Town, school: str) -> Town:
    """A line just short of the plan, and a room whose access point went this hour, but not the next one's."""
    town = faults.small_line(town, town.site(school).line, 0.88, bought_mbps=1_000)
    town = faults.moved(town, school, _ROOM)
    town = faults.lost_room(town, school, town.end_ns - 34 * MINUTE_NS)
    return faults.next_door(town, school, _NEXT_DOOR)


def _riverside(town: Town, school: str) -> Town:
    return faults.full_air(town, school)


def _millpond(town: Town, school: str) -> Town:
    """A bad circuit, and this morning no power."""
    town = faults.small_line(town, town.site(school).line, 0.62, bought_mbps=300)
    return faults.dark(town, school, clock_ns(town, town.days[-1], 7, 12))


def _birchwood(town: Town, school: str) -> Town:
    """A box that is its own bottleneck."""
    return faults.own_limit(town, school, 0.55)


def _ridgeline(town: Town, school: str) -> Town:
    """Outages in class period 2, again and again."""
    days = [day for n, day in enumerate(town.days) if n % 4 == 2]  # noqa: PLR2004
    minutes = [(11, 7, 14, 9, 12, 8, 13)[n % 7] for n in range(len(days))]
    return faults.outages(town, school, 1, days, minutes)


def _northgate(town: Town, school: str) -> Town:
    """One night without a line, with nobody in class."""
    begin_ns = clock_ns(town, town.days[len(town.days) // 2], 1, 20)
    line = town.site(school).line
    return town.with_outages(Outage("line", line, begin_ns, begin_ns + 95 * MINUTE_NS))


def _fairview(town: Town, school: str) -> Town:
    """A card full of errors: reports lost, and said so; some are missing without a word."""
    begin_ns = clock_ns(town, _back(town, 4), 11, 0)
    later_ns = clock_ns(town, _back(town, 9), 13, 0)
    return _box(
        town, school, lost=(begin_ns, begin_ns + 540 * MINUTE_NS), gap=(later_ns, later_ns + 45 * MINUTE_NS)
    )


def _harbor(town: Town, school: str) -> Town:
    """No time server answers: for its first two days it did not know the time, now the collector tells it."""
    return _box(
        town, school, unsure=clock_ns(town, town.days[min(2, len(town.days) - 1)], 0, 0), off_ms=41_000.0
    )


def _highland(town: Town, school: str) -> Town:
    """It holds back what it measured this morning, after a night without a line."""
    return _box(town, school, waits=clock_ns(town, town.days[-1], 3, 5))


def _quarry(town: Town, school: str) -> Town:
    """Somebody copied its card: two boxes with one name."""
    return _box(town, school, clone_from=clock_ns(town, _back(town, 5), 10, 0))


def _east(town: Town, school: str) -> Town:
    return _old(town, school, "0.2.0")


def _prairie(town: Town, school: str) -> Town:
    """A weak power brick: it starts again and again, and then no more."""
    starts = tuple((clock_ns(town, _back(town, n), 9 + n, 17), "power") for n in range(6, 1, -1))
    town = town.with_box(town.box_of(school)._replace(weak_power=True))
    return _box(town, school, restarts=starts, ends=clock_ns(town, _back(town, 1), 22, 3))


def _sunset(town: Town, school: str) -> Town:
    """Unplugged at the last bell, days ago."""
    return _box(town, school, ends=clock_ns(town, _back(town, 3), 15, 31))


def _hillcrest(town: Town, school: str) -> Town:
    """A box that never called."""
    return _box(town, school, begins=town.end_ns + 1)


def _valley(town: Town, school: str) -> Town:
    """An old version that once said what can't be."""
    town = _box(town, school, poison=clock_ns(town, _back(town, 7), 12, 0))
    return _old(town, school, "0.1.9")


def _eastgate(town: Town, school: str) -> Town:
    """A new line this week: the checks of the old one don't count any more."""
    return faults.changed_line(town, school, _back(town, 1))


def _cedar(town: Town, school: str) -> Town:
    """Its box came yesterday."""
    return _box(town, school, begins=clock_ns(town, _back(town, 1), 9, 40))


_STORIES: tuple[tuple[str, Callable[[Town, str], Town]], ...] = (
    (_LINCOLN, _lincoln),
    (_RIVERSIDE, _riverside),
    (_MILLPOND, _millpond),
    (_BIRCHWOOD, _birchwood),
    (_RIDGELINE, _ridgeline),
    (_NORTHGATE, _northgate),
    ("Fairview Elementary", _fairview),
    ("Harbor Street Elementary", _harbor),
    ("Highland Elementary", _highland),
    ("Quarry Hill Elementary", _quarry),
    ("East High", _east),
    ("Prairie Middle", _prairie),
    ("Sunset Elementary", _sunset),
    ("Hillcrest Middle", _hillcrest),
    ("Valley View Elementary", _valley),
    ("Eastgate Elementary", _eastgate),
    ("Cedar Creek Middle", _cedar),
)
_SOON_SHORT = (
    "Clearwater Elementary",
    "Lakeview Middle",
    "Juniper Elementary",
    "Orchard Elementary",
    "Oak Ridge Middle",
)
"""Schools whose line does today, and not for three more years."""


def _wanderers(town: Town) -> Town:
    """The last box that wanders stands where nobody entered it; the one before was just unplugged."""
    roving = [box for box in town.boxes if box.kind == "roving"]
    if len(roving) < 3:  # noqa: PLR2004
        return town
    moved: Box = roving[-2]
    town = town.with_habits(moved.agent, Habits(ends=town.end_ns - 137 * MINUTE_NS))
    return faults.unplaced(town, roving[-1].agent)


def _box(town: Town, school: str, **habits: object) -> Town:
    agent = town.box_of(school).agent
    return town.with_habits(agent, Habits(**{**town.habits_of(agent)._asdict(), **habits}))


def _old(town: Town, school: str, version: str) -> Town:
    return town.with_box(town.box_of(school)._replace(version=version))


def _back(town: Town, days: int) -> date:
    """So many school days before the last one, as far as there are any."""
    return town.days[max(0, len(town.days) - 1 - days)]
