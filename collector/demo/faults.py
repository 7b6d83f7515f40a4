"""What can go wrong in a town, each a function from a town to one with that fault in it.

A fault is put in by physics alone (a line carries less, the air is full, the power is away). How large it
must be to matter is reckoned from the town's own needs (`names.SORTS`), never by the judge's formulas.
"""

import math
from collections.abc import Sequence
from datetime import date

from collector.demo import names
from collector.demo.build import clock_ns, port_for
from collector.demo.town import MINUTE_NS, Air, Box, Outage, Site, Stay, Town

_ROOMS_AN_AP = 3
_SOLD_IN = 50
"""Lines are sold in steps of so many Mbit/s."""
_FULL_AIR = Air(busy_pct=93.0, signal_dbm=-74, loss_pct=6.0)


def need_of(site: Site) -> float:
    """What the school's line must bring, in Mbit/s, to teach as the school plans to."""
    return site.people * names.SORTS[site.grade].need_mbps


def sites_behind(town: Town, line: str) -> list[Site]:
    """The schools whose way to the internet passes through the line."""
    parents = {one.id: one.parent for one in town.lines}

    def passes(own: str) -> bool:
        while own and own != line:
            own = parents[own]
        return own == line

    return [site for site in town.sites if passes(site.line)]


def small_line(town: Town, line: str, share: float, bought_mbps: float | None = None) -> Town:
    """The line carries only so large a share of what the schools behind it need.

    With `bought_mbps` it was sold as that much: then it is the circuit that is bad, not the contract.
    """
    carries = share * sum(need_of(site) for site in sites_behind(town, line))
    bought = bought_mbps or math.ceil(carries / _SOLD_IN) * _SOLD_IN
    town = town.with_line(town.line(line)._replace(bought_mbps=bought, carries_mbps=carries))
    # Nobody buys a larger port than the line in it.
    here = {stay.agent for stay in town.stays if stay.line == line}
    for box in town.boxes:
        if box.agent in here and box.kind == "big":
            town = town.with_box(box._replace(port_mbps=port_for(carries)))
    return town


def own_limit(town: Town, school: str, share: float) -> Town:
    """The school's box is too slow to see more than so large a share of what the school needs."""
    most = share * need_of(town.site(school))
    for stay in town.stays:
        box = next(one for one in town.boxes if one.agent == stay.agent)
        if stay.school == school and box.kind != "roving":
            town = town.with_box(box._replace(most_mbps=most))
    return town


def late_box(town: Town, school: str, since: date) -> Town:
    """Everything that measures the school's line takes its first heavy test on that day."""
    since_ns = clock_ns(town, since, 0, 0)
    for agent in {stay.agent for stay in town.stays if stay.school == school}:
        town = town.with_habits(agent, town.habits_of(agent)._replace(heavy_since=since_ns))
    return town


def changed_line(town: Town, school: str, since: date) -> Town:
    """The school's line was changed on that day."""
    line = town.line(town.site(school).line)
    return town.with_line(line._replace(since=since))


def full_air(town: Town, school: str) -> Town:
    """The school's access points serve three rooms each, and are full whenever there is class."""
    site = town.site(school)
    rooms = tuple(
        room._replace(access_point=site.rooms[n - n % _ROOMS_AN_AP].access_point)
        for n, room in enumerate(site.rooms)
    )
    return town.with_site(site._replace(air=_FULL_AIR, rooms=rooms))


def outages(town: Town, school: str, period: int, days: Sequence[date], minutes: Sequence[float]) -> Town:
    """The school's line is away in one class period (counted from 0) of `days`, for so many minutes each."""
    site = town.site(school)
    begin, _ = site.bells.periods[period]
    found = []
    for day, lasts in zip(days, minutes, strict=True):
        begin_ns = clock_ns(town, day, begin.hour, begin.minute) + 9 * MINUTE_NS
        found.append(Outage("line", site.line, begin_ns, begin_ns + round(lasts * MINUTE_NS)))
    return town.with_outages(*found)


def dark(town: Town, school: str, since_ns: int) -> Town:
    """The school has no power from then on."""
    return town.with_outages(Outage("power", school, since_ns, town.end_ns + 1))


def lost_room(town: Town, school: str, since_ns: int) -> Town:
    """The access point of a room in which a wandering box stands now is gone from then on."""
    here = _wandering(town, school)
    if not here:
        return town
    return town.with_outages(Outage("room", f"{school}/{here[-1].room}", since_ns, town.end_ns + 1))


def moved(town: Town, school: str, room: str) -> Town:
    """The box that wanders in the school stands in that room now and has a cable, if there are both."""
    here = _wandering(town, school)
    if not here or room not in {one.name for one in town.site(school).rooms}:
        return town
    stays = tuple(stay._replace(room=room, cable=True) if stay == here[-1] else stay for stay in town.stays)
    return town._replace(stays=stays)


def next_door(town: Town, school: str, room: str) -> Town:
    """A box with Wi-Fi alone came to that room: one that wanders elsewhere, or one more in a small town."""
    today = town.days[-1]
    roving = [box.agent for box in town.boxes if box.kind == "roving"]
    others = [
        stay
        for stay in town.stays
        if stay.agent in roving[2:-2] and stay.school != school and (stay.since or today) <= today
    ]
    if not others:
        box = Box(f"{2001 + len(town.boxes)}", "base", 1_000, wifi=True)
        stay = Stay(box.agent, school, town.site(school).line, room)
        return town._replace(boxes=(*town.boxes, box), stays=(*town.stays, stay))
    last = max(others, key=lambda stay: (stay.since or date.min, stay.agent))
    here = last._replace(school=school, line=town.site(school).line, room=room)
    return town._replace(stays=tuple(here if stay is last else stay for stay in town.stays))


def _wandering(town: Town, school: str) -> list[Stay]:
    """The stays of the school's wandering boxes that have begun."""
    roving = {box.agent for box in town.boxes if box.kind == "roving"}
    today = town.days[-1]
    return [
        stay
        for stay in town.stays
        if stay.agent in roving and stay.school == school and (stay.since is None or stay.since <= today)
    ]


def unplaced(town: Town, agent: str) -> Town:
    """Nobody has entered where the box stands: it measures all the same."""
    return town._replace(unplaced=frozenset({*town.unplaced, agent}))
