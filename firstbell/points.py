"""A report as a time series holds it: measurement, tags, fields, time. The one mapping, and its inverse.

One measurement a probe. Tags come from vocabularies that the district or this program sets (schools, rooms,
lines, boxes, periods), and from names that a box's settings give its targets, of which each box may bring so
many (`Names`). Readings are fields under their own names, and beside them stands everything else that a
report is, so that it can be told again from its point, to the last digit (`report_of`). What a point is
depends on its report and on the district folder alone: shipped again it takes the place of itself.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from firstbell import calendar as calendars
from firstbell import district as districts
from firstbell.catalogue import METRICS, OF_PEOPLE, PROBES, Reading
from firstbell.district import DEFAULT_TZ, NS, District, School
from firstbell.report import (
    AHEAD_NS,
    ClockQuality,
    LimitedBy,
    Loss,
    Mark,
    Medium,
    Opening,
    Report,
    Segment,
    Status,
    Stored,
)

TAGS = (
    "district",
    "school",
    "room",
    "circuit",
    "agent",
    "target",
    "subject",
    "segment",
    "engine",
    "medium",
    "model",
    "period",
    "status",
    "twin",
)
"""Every tag that a point may have. `subject` is what a verdict or an outage speaks of, `model` the way of
teaching that a verdict is of, `twin` tells reports of one moment apart (two boxes with one name)."""

UNKNOWN = "unknown"
"""The measurement of reports whose probe this program doesn't know."""
MEASUREMENTS = (*PROBES, UNKNOWN)
"""Every measurement of reports."""
OTHER = "_other"
"""The target of reports that would bring up one name too many; the name itself is the field `named`."""
MOST_NAMES = 100
"""So many series a box may begin by its own words."""
MOST_TWINS = 3
TAG_CHARS = 100
_MINUTE_NS = 60 * NS

AHEAD = "its clock was ahead of the collector's: a store would keep it for years to come"
STRANGE = f"a probe that nobody here knows, of a box that named more than {MOST_NAMES} things already"
TWINS = f"more than {MOST_TWINS + 1} reports of one box and one moment"

Key = tuple[str, str, str]
"""Probe, target, and how it was looked at (engine, segment, medium): what a box says by its own words."""


class Point(NamedTuple):
    """One point of a time series. `at_ns` counts from 1970 UTC."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, Reading]
    at_ns: int


class Row(NamedTuple):
    """A report on its way to a point: what the journal holds, and how many of its moment came before it."""

    stored: Stored
    twin: int = 0


class Names:
    """The guard of cardinality: which series each box has begun by its own words (`known`: before)."""

    def __init__(self, known: Mapping[str, set[Key]] | None = None, most: int = MOST_NAMES) -> None:
        self._known = {agent: set(keys) for agent, keys in (known or {}).items()}
        self._most = most
        self._new: list[tuple[str, Key]] = []

    def allow(self, agent: str, key: Key) -> bool:
        """Whether the series may be there under its own name; taken up where there is room."""
        mine = self._known.setdefault(agent, set())
        if key in mine:
            return True
        if len(mine) >= self._most:
            return False
        mine.add(key)
        self._new.append((agent, key))
        return True

    def taken(self) -> list[tuple[str, Key]]:
        """Those that came up since this was asked last, for whoever keeps them."""
        new, self._new = self._new, []
        return new


class Placer:
    """Where and in which period each box's reports belong, by one district; it remembers what it found."""

    def __init__(self, district: District, name: str = "") -> None:
        self.district = district
        self.name = tag_text(name or district.settings.name)
        settings = district.settings
        self._hub = School(
            id="",
            name="",
            students=0,
            tz=settings.tz or DEFAULT_TZ,
            calendar=calendars.hours(settings.class_from, settings.class_to),
        )
        self._schools = {school.id: school for school in district.schools}
        self._places: dict[tuple[str, int], dict[str, str]] = {}
        self._periods: dict[tuple[str, int], str] = {}

    def tags(self, agent: str, at_ns: int) -> dict[str, str]:
        """The tags that say where the box stood at that moment, and in which period; not to be changed.

        No school, room or line on the day of a move, nor before anybody entered its place. Bells ring on the
        minute, and boxes are moved at midnight.
        """
        key = agent, at_ns // _MINUTE_NS
        found = self._places.get(key)
        if found is None:
            if len(self._places) > _MOST_REMEMBERED:
                self._places.clear()
            found = self._places[key] = self._tags(agent, at_ns)
        return found

    def _tags(self, agent: str, at_ns: int) -> dict[str, str]:
        tags = {"district": self.name, "agent": agent}
        seat = districts.place_of(self.district, agent, at_ns)
        if seat is None:
            return tags
        placed = {"school": seat.school, "room": tag_text(seat.room), "circuit": seat.circuit}
        tags |= {name: value for name, value in placed.items() if value}
        tags["period"] = self._period(self._schools.get(seat.school, self._hub), at_ns)
        return tags

    def _period(self, school: School, at_ns: int) -> str:
        key = school.id, at_ns // _MINUTE_NS
        found = self._periods.get(key)
        if found is None:
            if len(self._periods) > _MOST_REMEMBERED:
                self._periods.clear()
            found = self._periods[key] = tag_text(districts.period_of(school, at_ns).name)
        return found


_MOST_REMEMBERED = 100_000


def tag_text(text: str) -> str:
    """A text that people wrote, as a tag: short, on one line, without the sign that tags can't end with."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text.replace("\\", "/"))
    return plain.strip()[:TAG_CHARS].rstrip()


def of_report(row: Row, placer: Placer, names: Names) -> Point | str:
    """The point of a report; or why it can't be one, though the journal keeps it."""
    stored, report = row.stored, row.stored.report
    if report.at_ns > stored.received_ns + AHEAD_NS:
        return AHEAD
    if row.twin > MOST_TWINS:
        return TWINS
    how = f"{report.engine} {report.segment or ''} {report.medium or ''}".strip()
    named = names.allow(stored.agent, (report.probe, report.target, how))
    known = report.probe in PROBES
    if not known and not named:
        return STRANGE
    tags = dict(placer.tags(stored.agent, report.at_ns))
    fields = _readings(report.readings, placer.district.settings.thresholds.count)
    fields |= _record(stored)
    if named:
        own = (("target", report.target), ("engine", report.engine))
        tags |= {name: value for name, value in own if value}
    else:
        tags["target"] = OTHER
        fields["named"] = _text((report.target, report.engine, report.segment, report.medium))
    for name, value in (("segment", report.segment), ("medium", report.medium)):
        if value and named:
            tags[name] = value.value
    tags["status"] = report.status.value
    if row.twin:
        tags["twin"] = str(row.twin)
    if not known:
        tags["subject"] = report.probe
    return Point(report.probe if known else UNKNOWN, tags, fields, report.at_ns)


_AS: dict[str, Callable[[Reading], Reading]] = {"float": float}
"""A field has one type for ever, and a box may write a number of seconds as 5 or as 5.0."""
_CONVERT: dict[str, Callable[[Reading], Reading] | None] = {
    name: _AS.get(metric.kind) for name, metric in METRICS.items()
}


def _readings(readings: Mapping[str, Reading], threshold: int) -> dict[str, Reading]:
    """The readings that this program knows, as fields; of others only how many there are.

    What they are nobody can say: they might be counts of people.
    """
    fields: dict[str, Reading] = {}
    strange = 0
    for name, value in readings.items():
        if name not in _CONVERT:
            strange += 1
        elif name not in OF_PEOPLE or float(value) >= threshold:
            convert = _CONVERT[name]
            fields[name] = convert(value) if convert else value
    if strange:
        fields["others"] = strange
    return fields


def _record(stored: Stored) -> dict[str, Reading]:
    """Everything that a report is beside its readings and its tags."""
    report = stored.report
    fields: dict[str, Reading] = {
        "seq": stored.seq,
        "epoch": stored.epoch,
        "arrival": stored.arrival,
        "received_ns": stored.received_ns,
        "duration_s": float(report.duration_s),
        "clock": report.clock.value,
    }
    if report.clock_error_ms:
        fields["clock_error_ms"] = float(report.clock_error_ms)
    if report.reason:
        fields["reason"] = report.reason
    if report.limited_by:
        fields["limited_by"] = report.limited_by.value
    if report.marks:
        fields["marks"] = ",".join(report.marks)
    bounds = {"not_before_ns": report.not_before_ns, "not_after_ns": report.not_after_ns}
    fields |= {name: bound for name, bound in bounds.items() if bound is not None}
    if report.opening:
        fields["opening"] = _text(report.opening)
    if report.losses:
        fields["losses"] = _text(report.losses)
    return fields


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


RECORD = frozenset(
    {
        "seq",
        "epoch",
        "arrival",
        "received_ns",
        "duration_s",
        "clock",
        "clock_error_ms",
        "reason",
        "limited_by",
        "marks",
        "not_before_ns",
        "not_after_ns",
        "opening",
        "losses",
        "others",
        "named",
    }
)
"""Fields beside the readings. No metric has such a name."""


_NAMED = msgspec.json.Decoder(tuple[str, str, str | None, str | None])
_OPENING = msgspec.json.Decoder(Opening)
_LOSSES = msgspec.json.Decoder(tuple[Loss, ...])


def report_of(point: Point) -> Stored:
    """The report that a point was made of. Raises ValueError (or KeyError) where it is none.

    Counts of people's devices below the district's threshold and readings that this program doesn't know are
    not in a point, and don't come back.
    """
    tags, fields = point.tags, point.fields
    named = (tags.get("target", ""), tags.get("engine", ""), tags.get("segment"), tags.get("medium"))
    if "named" in fields:
        named = _NAMED.decode(str(fields["named"]))
    target, engine, segment, medium = named
    readings = {name: value for name, value in fields.items() if name not in RECORD}
    marks = str(fields["marks"]).split(",") if "marks" in fields else []
    report = Report(
        probe=tags["subject"] if point.measurement == UNKNOWN else point.measurement,
        at_ns=point.at_ns,
        duration_s=float(fields["duration_s"]),
        clock=ClockQuality(str(fields["clock"])),
        clock_error_ms=float(fields.get("clock_error_ms", 0.0)),
        not_before_ns=_whole(fields, "not_before_ns"),
        not_after_ns=_whole(fields, "not_after_ns"),
        opening=_OPENING.decode(str(fields["opening"])) if "opening" in fields else None,
        losses=_LOSSES.decode(str(fields["losses"])) if "losses" in fields else (),
        status=Status(tags["status"]),
        reason=str(fields.get("reason", "")),
        target=target,
        engine=engine,
        segment=Segment(segment) if segment else None,
        medium=Medium(medium) if medium else None,
        limited_by=LimitedBy(str(fields["limited_by"])) if "limited_by" in fields else None,
        marks=tuple(Mark(mark) for mark in marks),
        readings=readings,
    )
    return Stored(
        agent=tags["agent"],
        epoch=str(fields["epoch"]),
        seq=int(fields["seq"]),
        arrival=int(fields["arrival"]),
        received_ns=int(fields["received_ns"]),
        report=report,
    )


def _whole(fields: Mapping[str, Reading], name: str) -> int | None:
    return int(fields[name]) if name in fields else None
