"""Whose limit was it? A test passes through several lines, and speaks against one only if it was the limit.

What a test saw, every line on its way carried: that speaks for each of them. It speaks against a line only if
the line was the limit; and where several lie on the way, only if each line behind it demonstrably carried
more at such a time. Who else saw that line then are its witnesses: a box that stands at it, or else the boxes
of other schools whose tests pass through it and not through the line in question.
(docs/decisions/0009-whose-limit.md)
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from statistics import median
from typing import NamedTuple

import msgspec

from firstbell.readiness.evidence import HOUR_NS, Check, Weighed
from firstbell.readiness.models import Numbers
from firstbell.readiness.sizing import Direction
from firstbell.report import Segment

BEHIND = "line_behind"
"""A line further on may have been the limit."""
BEFORE = "line_before"
"""The test came by a school's own line, which may have been the limit."""

_LOOKED_AT = 12
_FALL_BACK = 3
_OUTAGE_NS = HOUR_NS // 6
_BESIDE_NS = 6 * HOUR_NS


class Seen(NamedTuple):
    """One test through a line: when, what it saw, by whom, its way, and whether the way was the limit."""

    at_ns: int
    mbps: float
    agent: str
    route: tuple[str, ...]
    exact: bool


class Witnesses:
    """What was seen through the line `circuit` in one direction: whether it carried more at some time."""

    def __init__(
        self, circuit: str, checks: Iterable[tuple[tuple[str, ...], Check]], direction: Direction
    ) -> None:
        self._circuit = circuit
        self._all: list[Seen] = []
        self._slots: dict[int, list[Seen]] = {}
        speeds: dict[str, list[float]] = {}
        for route, check in checks:
            speed = check.speed(direction)
            if speed is None:
                continue
            seen = Seen(check.at_ns, speed, check.agent, route, not check.capped(direction))
            self._all.append(seen)
            self._slots.setdefault(check.slot, []).append(seen)
            speeds.setdefault(check.agent, []).append(speed)
        self._usual = {agent: median(values) for agent, values in speeds.items()}
        for group in (self._all, *self._slots.values()):
            group.sort()

    def carried_more(self, check: Check, mbps: float, entry: str, margin: float) -> bool:
        """Whether the line demonstrably carried more than `mbps` by that margin when `check` was made.

        What else a line carries changes by the hour: so the nearest test before and the nearest one after
        that can tell must both have seen more. Where there is none on one side within some hours, the three
        nearest of the same time of day must have. For an outage only the next minutes can tell.
        """
        wanted = mbps * (1 + margin)
        before, after = (self._beside(check.at_ns, entry, step) for step in (-1, 1))
        if mbps <= 0:
            near = (*before, *after)
            return any(seen.mbps > 0 and abs(seen.at_ns - check.at_ns) <= _OUTAGE_NS for seen in near)
        sides = [next(self._told(side, wanted), None) for side in (before, after)]
        if False in sides:
            return False
        if None not in sides:
            return True
        others = self._told(_nearest(self._slots.get(check.slot, []), check.at_ns, entry), wanted)
        told = [said for said, _ in zip(others, range(_FALL_BACK), strict=False)]
        return len(told) == _FALL_BACK and all(told)

    def _beside(self, at_ns: int, entry: str, step: int) -> list[Seen]:
        """The tests before (`step` -1) or after (1) that came by another line, the nearest first."""
        place = bisect_left(self._all, (at_ns,))
        reach = self._all[max(0, place - _LOOKED_AT) : place][::-1] if step < 0 else self._all[place:]
        return [
            test
            for test in reach[:_LOOKED_AT]
            if entry not in test.route and abs(test.at_ns - at_ns) <= _BESIDE_NS
        ]

    def _told(self, seen: Iterable[Seen], wanted: float) -> Iterator[bool]:
        """What the tests that can tell say, in their order: yes; or no from a box whose own way is wider."""
        for test in seen:
            if test.mbps > wanted:
                yield True
            elif test.exact and (test.route[0] == self._circuit or self._usual[test.agent] > wanted):
                yield False


def _nearest(seen: list[Seen], at_ns: int, entry: str) -> Iterator[Seen]:
    """The tests that came by another line, the nearest in time first."""
    right = bisect_left(seen, (at_ns,))
    left = right - 1
    for _ in range(_LOOKED_AT):
        if left >= 0 and (right >= len(seen) or at_ns - seen[left].at_ns <= seen[right].at_ns - at_ns):
            test, left = seen[left], left - 1
        elif right < len(seen):
            test, right = seen[right], right + 1
        else:
            return
        if entry not in test.route:
            yield test


class Behind(NamedTuple):
    """A line further on: its witnesses in each direction, and whether it leads out of the district."""

    witnesses: dict[Direction, Witnesses]
    leads_out: bool


def blamed(weighed: Weighed, entry: str, behind: Sequence[Behind], numbers: Numbers) -> Weighed:
    """The tests of a line, each against it only where all lines `behind` it are cleared of that test.

    A test that went no further than the district has not passed those that lead out of it.
    """
    if not behind:
        return weighed
    margin = numbers.shared_margin.value

    def cleared(check: Check, direction: Direction) -> bool:
        mbps = check.speed(direction)
        passed = [line for line in behind if not (line.leads_out and check.segment is Segment.WAN)]
        return mbps is None or all(
            line.witnesses[direction].carried_more(check, mbps, entry, margin) for line in passed
        )

    def judged(check: Check) -> Check:
        down = check.at_least or not cleared(check, "down")
        up = check.up_at_least or not cleared(check, "up")
        if (down, up) == (check.at_least, check.up_at_least):
            return check
        limit = BEHIND if down and not check.at_least else check.limit
        return msgspec.structs.replace(check, at_least=down, up_at_least=up, limit=limit)

    return msgspec.structs.replace(weighed, checks=tuple(judged(check) for check in weighed.checks))


def passing(entries: Sequence[Weighed], since: date | None) -> Weighed:
    """What tests that came by other lines say for one behind them: at least the best of each hour."""
    best: dict[tuple[int, bool], Check] = {}
    for weighed in entries:
        for check in weighed.checks:
            key = check.at_ns // HOUR_NS, check.in_class
            young = since is None or check.day > since
            if young and check.down_mbps > 0 and (key not in best or check.down_mbps > best[key].down_mbps):
                best[key] = check
    kept = sorted(best.values(), key=lambda check: (check.at_ns, check.agent))
    return Weighed(
        checks=tuple(
            msgspec.structs.replace(check, at_least=True, up_at_least=True, limit=BEFORE) for check in kept
        )
    )
