"""Plants faults in a made-up district by seed, and says what is true of it: the judge is held against this.

It asks the judge nothing and shares no formula with it. What a line must bring stands in the town's own names
(collector/demo/names.py), typed in by hand; faults are planted well clear of the edge, so that what is true
is no matter of taste.
"""

import random
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.demo import build, faults, names
from collector.demo.town import NS, Site, Stay, Town

_IN_FRONT = 0.6
END_NS = int(datetime(2026, 11, 17, 14, 5, tzinfo=ZoneInfo(names.TZ)).timestamp()) * NS


class Fault(StrEnum):
    """What can be wrong at a school."""

    NOTHING = "nothing wrong"
    SMALL_LINE = "line too small"
    OUTAGES = "outages in one period"
    SLOW_BOX = "box-limited tests only"
    FEW_TESTS = "too few tests"
    FULL_AIR = "Wi-Fi is the trouble"
    OVERSOLD = "shared line oversold"
    """Of a line, not of a school."""


class Planted(NamedTuple):
    """A town and the truth about it: what is wrong at each school, and which shared lines are too small."""

    seed: int
    town: Town
    schools: dict[str, Fault]
    oversold: frozenset[str]


def plant(seed: int, *, schools: int = 5, days: int = 12) -> Planted:
    """A district with faults, one a school at most, and perhaps a shared line that is too small for all."""
    dice = random.Random(f"faults {seed}")
    town = _seeing(build.build(seed, END_NS, schools=schools, days=days))
    kinds = list(_PLANTS)
    drawn = [
        *dice.sample(kinds, min(len(kinds), schools)),
        *dice.choices(kinds, k=max(0, schools - len(kinds))),
    ]
    truth: dict[str, Fault] = {site.id: fault for site, fault in zip(town.sites, drawn, strict=True)}
    town = _move_wanderers(town, truth)
    for school, fault in truth.items():
        town = _PLANTS[fault](town, town.site(school), dice)
    oversold = _oversold(town, dice)
    for line in sorted(oversold):
        town = faults.small_line(town, line, dice.uniform(0.15, 0.7))
        town = _seen_before(town, line, truth)
    return Planted(seed, town, truth, oversold)


def _seeing(town: Town) -> Town:
    """Each school's own box with a port on which it sees all of its line: what it can't see is planted."""
    for site in town.sites:
        box = town.box_of(site.id)
        town = town.with_box(box._replace(port_mbps=build.port_for(town.line(site.line).carries_mbps)))
    return town


def _oversold(town: Town, dice: random.Random) -> frozenset[str]:
    """In two districts of five, one of the lines that schools share."""
    shared = [line.id for line in town.lines if len(faults.sites_behind(town, line.id)) > 1]
    return frozenset([dice.choice(shared)] if dice.random() < 0.4 else [])


def _seen_before(town: Town, line: str, truth: dict[str, Fault]) -> Town:
    """Small lines in front of an oversold one smaller still: one that is wider than it nobody could see."""
    for site in faults.sites_behind(town, line):
        own, most = town.line(site.line), town.line(line).carries_mbps * _IN_FRONT
        if truth[site.id] is Fault.SMALL_LINE and own.carries_mbps > most:
            town = town.with_line(own._replace(carries_mbps=most))
    return town


def _nothing(town: Town, _site: Site, _dice: random.Random) -> Town:
    return town


def _small(town: Town, site: Site, dice: random.Random) -> Town:
    return faults.small_line(town, site.line, dice.uniform(0.35, 0.72))


def _outages(town: Town, site: Site, dice: random.Random) -> Town:
    days = sorted(dice.sample(town.days[:-1], round(len(town.days) * 0.4)))
    period = dice.randrange(len(site.bells.periods))
    return faults.outages(town, site.id, period, days, [dice.uniform(8, 15) for _ in days])


def _slow(town: Town, site: Site, dice: random.Random) -> Town:
    return faults.own_limit(town, site.id, dice.uniform(0.3, 0.7))


def _few(town: Town, site: Site, _dice: random.Random) -> Town:
    return faults.late_box(town, site.id, town.days[-1])


def _air(town: Town, site: Site, _dice: random.Random) -> Town:
    return faults.full_air(town, site.id)


_PLANTS: dict[Fault, Callable[[Town, Site, random.Random], Town]] = {
    Fault.NOTHING: _nothing,
    Fault.SMALL_LINE: _small,
    Fault.OUTAGES: _outages,
    Fault.SLOW_BOX: _slow,
    Fault.FEW_TESTS: _few,
    Fault.FULL_AIR: _air,
}


def _move_wanderers(town: Town, truth: dict[str, Fault]) -> Town:
    """The boxes on Wi-Fi to where the Wi-Fi is the trouble, or else to a school where nothing is wrong.

    Elsewhere they might prove what the school's own box can't: then the truth would be another one.
    """
    wanted = [school for school, fault in truth.items() if fault is Fault.FULL_AIR]
    wanted += [school for school, fault in truth.items() if fault is Fault.NOTHING]
    roving = {box.agent for box in town.boxes if box.kind == "roving"}
    kept = [stay for stay in town.stays if stay.agent not in roving]
    if not wanted:
        boxes = tuple(box for box in town.boxes if box.agent not in roving)
        return town._replace(boxes=boxes, stays=tuple(kept))
    for number, agent in enumerate(sorted(roving)):
        site = town.site(wanted[number % len(wanted)])
        kept.append(Stay(agent, site.id, site.line, site.rooms[number].name))
    return _half_seen(town._replace(stays=tuple(kept)), truth)


def _half_seen(town: Town, truth: dict[str, Fault]) -> Town:
    """As many rooms as boxes, and as many again, where the Wi-Fi is the trouble: of less nobody may judge all."""
    for school in (school for school, fault in truth.items() if fault is Fault.FULL_AIR):
        site = town.site(school)
        stood = {stay.room for stay in town.stays if stay.school == school}
        seen = [room for room in site.rooms if room.name in stood]
        others = [room for room in site.rooms if room.name not in stood]
        if seen:
            town = town.with_site(site._replace(rooms=(*seen, *others[: len(seen)])))
    return town
