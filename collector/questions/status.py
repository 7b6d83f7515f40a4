"""What the boxes are doing: last seen, what they wait to send, what is missing, lost, refused, doubled."""

from collections.abc import Sequence

import msgspec

from collector.questions import on_its_way, returned, summer, used
from collector.questions.returned import Returned
from collector.questions.used import Taken
from collector.store.reads import BoxState, Reads
from firstbell import district as districts
from firstbell.catalogue import OF_PEOPLE
from firstbell.district import District
from firstbell.report import ClockQuality, LimitedBy, Status, Stored

NS = 1_000_000_000


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The newest report of one probe and target; what limited a heavy test decides if its figure counts."""

    probe: str
    target: str
    status: Status
    reason: str
    at_ns: int
    limited_by: LimitedBy | None = None
    readings: dict[str, bool | int | float | str]


class BoxStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One box. `waiting` is what it said of its spool in its last word about itself; None if it never did.

    That word was at `waiting_at_ns`.

    `missing` are numbers that the box must have given and the journal neither holds nor knows to be lost
    or refused: they may still be on their way. `used_s` and `used_bytes` are what its heavy tests took of the
    line on the day before.
    """

    name: str
    last_seen_ns: int
    reports: int
    starts: int
    waiting: int | None
    waiting_at_ns: int | None
    missing: int
    lost: int
    refused: int
    clock: ClockQuality | None
    version: str
    two_boxes: str
    used_s: float
    used_bytes: int
    measurements: tuple[Measurement, ...]


class DistrictStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All boxes, and what the collector itself holds.

    `certificates` are sentences about those of the district's own that end soon, or were not renewed; of the
    boxes in `shut_out` nothing is taken. `backup_trouble` says that the last good backup is old, `restored`
    how far boxes are after a restore. `summer` says where it is summer, and `away` are the boxes that may be
    silent for that. `at_the_door` are sentences about boxes that wait to be let in.
    """

    reports: int
    quarantined: int
    quarantine_dropped: int
    boxes: tuple[BoxStatus, ...]
    simulated: bool = False
    certificates: tuple[str, ...] = ()
    shut_out: tuple[str, ...] = ()
    backup_trouble: str = ""
    restored: Returned | None = None
    summer: str = ""
    away: tuple[str, ...] = ()
    at_the_door: tuple[str, ...] = ()


def ask(
    reads: Reads,
    as_of_ns: int,
    *,
    district: District | None = None,
    simulated: bool = False,
    certificates: Sequence[str] = (),
    backup_trouble: str = "",
) -> DistrictStatus:
    """The state of everything, as the journal knows it now.

    Whether it is `simulated`, in which time zone a day is one and whether it is summer, the `district` says,
    as far as its folder can be read; what is to be done about the district's own `certificates`, and what is
    to be said of backups, is told as it is.
    """
    tz = district.settings.tz if district else ""
    standing = summer.standing(reads, district, as_of_ns) if district else summer.NEVER
    counts, cards = reads.counts(), reads.enrolments()
    states = reads.boxes()
    day = used.yesterday_in(tz, as_of_ns)
    took = used.by_box(reads, [(box.agent, 0, None) for box in states], *day)
    newest: dict[str, list[Stored]] = {}
    for stored in reads.latest():
        newest.setdefault(stored.agent, []).append(stored)
    return DistrictStatus(
        simulated=simulated,
        certificates=tuple(certificates),
        shut_out=tuple(sorted(reads.shut_out())),
        backup_trouble=backup_trouble,
        restored=returned.ask(reads, as_of_ns),
        summer=summer.sentence(district, standing.held) if district else "",
        away=tuple(
            box.agent
            for box in states
            if district
            and (seat := districts.whereabouts(district, box.agent, as_of_ns))
            and summer.excused(standing, seat.school, box.last_ns)
        ),
        at_the_door=tuple(
            f"{agent}: {on_its_way.at_the_door(cards, agent)}"
            for agent in sorted({card.agent for card in cards})
            if on_its_way.at_the_door(cards, agent)
        ),
        reports=counts.reports,
        quarantined=counts.quarantine.rows,
        quarantine_dropped=counts.quarantine.dropped,
        boxes=tuple(_box(box, newest.get(box.agent, []), took.get(box.agent, Taken())) for box in states),
    )


def _box(box: BoxState, newest: list[Stored], took: Taken) -> BoxStatus:
    itself = [stored.report for stored in newest if stored.report.probe == "box"]
    counts = [(report.readings.get("spool_reports"), report.at_ns) for report in itself]
    waiting, said_ns = next(((n, at_ns) for n, at_ns in counts if isinstance(n, int)), (None, None))
    versions = [
        str(report.readings["agent_version"]) for report in itself if "agent_version" in report.readings
    ]
    last = max(newest, key=lambda stored: stored.arrival, default=None)
    return BoxStatus(
        name=box.agent,
        last_seen_ns=box.last_ns,
        reports=box.reports,
        starts=box.starts,
        waiting=waiting,
        waiting_at_ns=said_ns,
        missing=box.missing,
        lost=box.lost,
        refused=box.refused,
        clock=last.report.clock if last else None,
        version=versions[0] if versions else "",
        two_boxes=box.suspended,
        used_s=round(took.seconds, 1),
        used_bytes=took.bytes,
        measurements=tuple(
            measurement(stored) for stored in sorted(newest, key=lambda s: (s.report.probe, s.report.target))
        ),
    )


def measurement(stored: Stored) -> Measurement:
    """A stored report as people see it. How many devices people have here is not among what is shown raw."""
    report = stored.report
    return Measurement(
        probe=report.probe,
        target=report.target,
        status=report.status,
        reason=report.reason,
        at_ns=report.at_ns,
        limited_by=report.limited_by,
        readings={name: value for name, value in report.readings.items() if name not in OF_PEOPLE},
    )
