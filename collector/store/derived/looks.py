"""An hour of a box's reports as looks: when it was heard, and what it saw of the internet. Pure.

A look is what a box measured at one moment, over all its targets. All times are in milliseconds since
1970 UTC.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import msgspec

from firstbell.catalogue import PROBES, Reading
from firstbell.report import AHEAD_NS, ClockQuality, Segment, Status

MS_NS = 1_000_000
HOUR_MS = 3_600_000
TOGETHER_MS = 30_000
"""Reports this close after the first belong to one look."""
LATENCY = "latency"
CHEAP = frozenset(probe.name for probe in PROBES.values() if not probe.heavy)

_TRIED = {Status.OK, Status.FAILED, Status.TIMEOUT}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What of a kept report counts here."""

    probe: str
    at_ns: int
    status: Status
    clock: ClockQuality
    target: str = ""
    segment: Segment | None = None
    readings: dict[str, Reading] = {}

    @property
    def at_ms(self) -> int:
        """When it was measured."""
        return self.at_ns // MS_NS


class Saw(IntEnum):
    """What a look saw of the internet."""

    ONLINE = 1
    """At least one site answered."""
    LINE = 2
    """No site answered, and the gateway did."""
    SITE = 3
    """Neither any site nor the gateway answered (many gateways never do)."""
    CUT = 4
    """No site answered, and this box had no gateway at all."""
    ALONE = 5
    """No site answered, and nobody asked the gateway."""


class Line(NamedTuple):
    """One look at the internet."""

    at_ms: int
    saw: Saw


class Hour(NamedTuple):
    """An hour of one box. `heard` are the times of its looks of any kind, `line` its looks at the internet.

    `gateway` says whether its gateway answered once. `arrival` is the newest report that is in it.
    """

    begin_ms: int
    arrival: int
    gateway: bool
    heard: tuple[int, ...]
    line: tuple[Line, ...]


_TOLD = msgspec.json.Decoder(Told)


def told(raw: bytes, received_ns: int) -> Told | None:
    """What a kept report says that was received then; None where that counts for nothing.

    So it is with unreadable bytes, with a guessed time, and with one that was still to come.
    """
    try:
        found = _TOLD.decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        return None
    wrong = found.clock is ClockQuality.BOUNDED or found.at_ns > received_ns + AHEAD_NS
    return None if wrong else found


def hour_of(begin_ms: int, arrival: int, rows: Iterable[Told]) -> Hour:
    """The hour that begins at `begin_ms`, from all of its reports in any order."""
    ordered = sorted(rows, key=lambda row: row.at_ns)
    line = [row for row in ordered if row.probe == LATENCY]
    return Hour(
        begin_ms=begin_ms,
        arrival=arrival,
        gateway=any(row.segment is Segment.SITE and row.status is Status.OK for row in line),
        heard=tuple(group[0].at_ms for group in _together(ordered)),
        line=tuple(look for group in _together(line) if (look := _line(group))),
    )


def _together(rows: Sequence[Told]) -> list[list[Told]]:
    """Rows in order of time, parted into looks."""
    groups: list[list[Told]] = []
    for row in rows:
        if groups and row.at_ms - groups[-1][0].at_ms < TOGETHER_MS:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _line(group: Sequence[Told]) -> Line | None:
    """What one look saw; None if it tried no site."""
    sites = [row.status for row in group if row.segment is Segment.INTERNET and row.status in _TRIED]
    if not sites:
        return None
    gateway = {row.status for row in group if row.segment is Segment.SITE}
    return Line(group[0].at_ms, Saw.ONLINE if Status.OK in sites else _without_internet(gateway))


def _without_internet(gateway: set[Status]) -> Saw:
    if Status.OK in gateway:
        return Saw.LINE
    if gateway & _TRIED:
        return Saw.SITE
    return Saw.CUT if Status.NOTHING in gateway else Saw.ALONE
