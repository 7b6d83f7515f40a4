"""A measurement on its way, from what a probe found to what the journal holds.

    Finding > Draft (with the box's own clock readings) > Report (its time resolved, frozen) > Stored

A probe that fails is still a report. The identity of a report, (agent, epoch, seq), stands in the
envelope that carries it (`firstbell.wire`), so that no box can speak for another.
"""

import re
from enum import StrEnum
from typing import NamedTuple

import msgspec

from firstbell import catalogue
from firstbell.catalogue import Reading

MAX_READINGS = 64
REASON_CHARS = 200
_LABEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
AGENT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,38}[a-z0-9]\Z")
EPOCH_NAME = re.compile(r"[0-9a-f]{16}\Z")
AHEAD_NS = 300 * 10**9
"""A box's clock that is further ahead of the collector's is wrong, whoever vouches for it."""


class Status(StrEnum):
    """How a measurement ended. Each but `ok` carries its reason."""

    OK = "ok"
    NOTHING = "nothing"
    """This machine has no such thing (a battery, say)."""
    FAILED = "failed"
    """It was tried and did not work: often the most valuable fact there is."""
    TIMEOUT = "timeout"
    SKIPPED = "skipped"
    """It was due and was not tried."""


class Segment(StrEnum):
    """Which part of the way the target lies behind."""

    SELF = "self"
    """A target on the box itself: never evidence."""
    SITE = "site"
    WAN = "wan"
    INTERNET = "internet"


class Medium(StrEnum):
    """What the box hangs on."""

    WIRED = "wired"
    WIFI = "wifi"


class LimitedBy(StrEnum):
    """What kept a throughput from being higher. Only `line` lets a test speak against a line."""

    LINE = "line"
    PROBE = "probe"
    PORT = "port"
    WIFI = "wifi"
    CAP = "cap"
    CROSS_TRAFFIC = "cross_traffic"
    SERVER = "server"


class Mark(StrEnum):
    """Something about a test that keeps it from being evidence against a line."""

    LINE_BUSY = "line_busy"
    UNLEASED = "unleased"


PLAUSIBLE_NS = 1_735_689_600 * 10**9
"""2025 began: a wall clock that says less is wrong, whoever vouches for it."""


class ClockQuality(StrEnum):
    """How the time of a report is known."""

    NTP = "ntp"
    COLLECTOR = "collector"
    """From the collector's clock; half the round trip bounds the error."""
    BOUNDED = "bounded"
    """Only that it lies between two times; shown, but no evidence."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a probe found of one target. `target` and `engine` are labels: `[a-z0-9._-]`, at most 40."""

    status: Status
    reason: str = ""
    target: str = ""
    segment: Segment | None = None
    medium: Medium | None = None
    engine: str = ""
    limited_by: LimitedBy | None = None
    marks: tuple[Mark, ...] = ()
    readings: dict[str, Reading] = {}


class Opening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a new epoch's first report says of the one before, so that gaps have names.

    `ended` is one of: first (there was none), clean, killed, power (the machine went down with it),
    clock (the clock stepped back), aside (its spool was corrupt and could not tell).
    `last_seq` is the last that the box itself knows of; 0 if none.
    """

    predecessor: str | None
    last_seq: int = 0
    ended: str = "first"


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """A range of reports, both ends included, that the box had measured and had to give up."""

    epoch: str
    first: int
    last: int
    reason: str


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """One look at all of a box's clocks at once; nothing downstream looks again.

    `boottime_ns` never steps and starts at zero with each boot (`boot_id`). `wall_ns` is what the box
    believes to be the time since 1970 UTC; `synchronised` says whether NTP vouches for it, to `error_ms`.
    """

    boot_id: str
    boottime_ns: int
    wall_ns: int
    synchronised: bool
    error_ms: float = 0.0


class Draft(Finding, frozen=True, kw_only=True, omit_defaults=True):
    """A finding with the box's own clock readings, as the spool keeps it until its time is resolved."""

    probe: str
    stamp: Stamp
    duration_s: float
    opening: Opening | None = None
    losses: tuple[Loss, ...] = ()


class Report(Finding, frozen=True, kw_only=True, omit_defaults=True):
    """A finding, stamped once.

    `at_ns` is the start of the measurement in nanoseconds since 1970 UTC. Under a bounded clock it is
    a guess between `not_before_ns` and `not_after_ns`. `duration_s` is the probe's, not the target's.
    """

    probe: str
    at_ns: int
    duration_s: float
    clock: ClockQuality
    clock_error_ms: float = 0.0
    not_before_ns: int | None = None
    not_after_ns: int | None = None
    opening: Opening | None = None
    losses: tuple[Loss, ...] = ()


class Stored(NamedTuple):
    """A report as the journal holds it. `arrival` counts up by one with each report that it took."""

    agent: str
    epoch: str
    seq: int
    arrival: int
    received_ns: int
    report: Report


MAX_AT_NS = 1 << 62
"""The year 2116: what a later time would overflow is not worth the care."""
MAX_SEQ = 1 << 32
"""The highest number of a report: a spool counts no further, and sums of many stay within 64 bits."""
MAX_LOSSES = 100


def complaint(report: Report) -> str | None:
    """Why `report` can't be true, in a sentence; None if nothing speaks against it."""
    return (
        _label_complaint("probe", report.probe, required=True)
        or finding_complaint(report)
        or _time_complaint(report)
        or _loss_complaint(report)
    )


def finding_complaint(finding: Finding) -> str | None:
    """Why `finding` can't be true, in a sentence; None if nothing speaks against it.

    A box asks this before it keeps what a probe said, so that no collector has to refuse it later.
    """
    return (
        _label_complaint("target", finding.target)
        or _label_complaint("engine", finding.engine)
        or _shape_complaint(finding)
        or _reading_complaint(finding.readings)
    )


def _label_complaint(name: str, value: str, *, required: bool = False) -> str | None:
    if (value or required) and not _LABEL.match(value):
        return f"{name} is not a label of a to z, 0 to 9, dot, dash and underscore, at most 40 characters"
    return None


def _shape_complaint(finding: Finding) -> str | None:
    if finding.status is not Status.OK and not finding.reason:
        return f"status {finding.status} without a reason"
    if len(finding.reason) > REASON_CHARS or not finding.reason.isprintable():
        return f"reason is longer than {REASON_CHARS} characters or can't be printed"
    return None


def _time_complaint(report: Report) -> str | None:
    if not 0 <= report.at_ns <= MAX_AT_NS:
        return "at_ns is not a time"
    if not 0 <= report.duration_s <= 86_400:  # noqa: PLR2004 - a day
        return "duration_s is not a duration within a day"
    return _clock_complaint(report)


def _clock_complaint(report: Report) -> str | None:
    if report.clock_error_ms < 0:
        return "clock_error_ms is negative"
    for bound in (report.not_before_ns, report.not_after_ns):
        if bound is not None and not 0 <= bound <= MAX_AT_NS:
            return "not_before_ns or not_after_ns is not a time"
    return None


def _reading_complaint(readings: dict[str, Reading]) -> str | None:
    if len(readings) > MAX_READINGS:
        return f"more than {MAX_READINGS} readings"
    for name, value in readings.items():
        trouble = _label_complaint("reading", name, required=True) or catalogue.complaint(name, value)
        if trouble:
            return trouble
    return None


def _loss_complaint(report: Report) -> str | None:
    if report.opening and (trouble := _opening_complaint(report.opening)):
        return trouble
    if len(report.losses) > MAX_LOSSES:
        return f"more than {MAX_LOSSES} losses"
    for loss in report.losses:
        if not EPOCH_NAME.match(loss.epoch) or not 1 <= loss.first <= loss.last <= MAX_SEQ:
            return "losses are not ranges of an epoch"
        if len(loss.reason) > REASON_CHARS or not loss.reason.isprintable():
            return f"a loss's reason is longer than {REASON_CHARS} characters or can't be printed"
    return None


def _opening_complaint(opening: Opening) -> str | None:
    if opening.predecessor is not None and not EPOCH_NAME.match(opening.predecessor):
        return "predecessor is not an epoch"
    if not 0 <= opening.last_seq <= MAX_SEQ:
        return "last_seq is not the number of a report"
    return _label_complaint("ended", opening.ended, required=True)
