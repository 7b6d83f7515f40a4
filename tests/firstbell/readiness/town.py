"""A made-up school with one line and one box, and what the box says: words for tests of the judging side."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import firstbell.readiness
from firstbell import district as districts
from firstbell.catalogue import Reading
from firstbell.district import NS, Circuit, District, School, Seat, Settings
from firstbell.readiness import models
from firstbell.readiness.chain import SchoolAnswer, judge
from firstbell.readiness.lines import Lines
from firstbell.readiness.links.availability import Watch
from firstbell.readiness.models import Targets
from firstbell.readiness.network import Network
from firstbell.readiness.weighing import SchoolEvidence, weigh_school
from firstbell.report import ClockQuality, LimitedBy, Mark, Medium, Report, Segment, Status, Stored

TEXT = Path(firstbell.readiness.__file__).with_name("models.toml").read_text(encoding="utf-8")
TARGETS = models.load(TEXT)

CHICAGO = "America/Chicago"
BOX = "main-closet"
FRAMING = 1538 / 1448

QUIET = ("02:10", "06:10", "16:10", "20:10")
"""One time in each quiet period."""
CLASS = ("08:10", "10:10", "12:10", "14:10")
"""One time in each class period."""
DAYS = ("2026-12-01", "2026-12-02", "2026-12-03")
"""Tuesday to Thursday."""
NOW = "2026-12-03 21:00"


def at(text: str, tz: str = CHICAGO) -> int:
    """Nanoseconds since 1970 UTC of a local time like `2026-12-01 06:30`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp()) * NS


def day(text: str) -> date:
    """A date from `2026-12-01`."""
    return date.fromisoformat(text)


def town(
    *,
    people: int = 1200,
    down: float | None = 1000,
    up: float | None = None,
    since: str = "",
    tz: str = CHICAGO,
    examples: Iterable[str] = (),
    seats: Sequence[Seat] | None = None,
) -> District:
    """A district of one school, Lincoln High, with one line and one box on it."""
    line = Circuit(
        id="line",
        down_mbps=down,
        up_mbps=up,
        since=day(since) if since else None,
        schools=("lincoln",),
    )
    return District(
        settings=Settings(name="Maple Valley", tz=tz),
        schools=(School(id="lincoln", name="Lincoln High", students=people, tz=tz),),
        circuits=(line,),
        seats=(Seat(agent=BOX, school="lincoln", circuit="line"),) if seats is None else tuple(seats),
        digest="d" * 32,
        examples=frozenset(examples),
    )


_arrivals = iter(range(1, 1 << 40))


def check(
    when: str | int,
    down: float = 1000.0,
    *,
    agent: str = BOX,
    limited_by: LimitedBy | None = LimitedBy.LINE,
    status: Status = Status.OK,
    segment: Segment | None = Segment.INTERNET,
    medium: Medium | None = Medium.WIRED,
    marks: tuple[Mark, ...] = (),
    clock: ClockQuality = ClockQuality.NTP,
    received_ns: int | None = None,
    up: float | None = None,
    readings: dict[str, Reading] | None = None,
) -> Stored:
    """A test of the internet probe; `down` and `up` are line rate, as contracts and targets have it."""
    at_ns = at(when) if isinstance(when, str) else when
    found: dict[str, Reading] = {"down_mbps": down / FRAMING}
    if up is not None:
        found["up_mbps"] = up / FRAMING
    ok = status is Status.OK
    report = Report(
        probe="internet",
        status=status,
        reason="" if ok else "HTTP 403",
        segment=segment,
        medium=medium,
        limited_by=limited_by if ok else None,
        marks=marks,
        readings=(found if readings is None else readings) if ok else {},
        at_ns=at_ns,
        duration_s=20,
        clock=clock,
    )
    n = next(_arrivals)
    return Stored(agent, "0" * 16, n, n, at_ns + 30 * NS if received_ns is None else received_ns, report)


def look(
    when: str,
    status: Status = Status.OK,
    segment: Segment = Segment.INTERNET,
    *,
    agent: str = BOX,
    clock: ClockQuality = ClockQuality.NTP,
) -> Stored:
    """A report of the cheap latency probe about one target."""
    report = Report(
        probe="latency",
        status=status,
        reason="" if status is Status.OK else "no answer",
        segment=segment,
        at_ns=at(when),
        duration_s=5,
        clock=clock,
    )
    n = next(_arrivals)
    return Stored(agent, "0" * 16, n, n, at(when) + NS, report)


def week(down: float = 1000.0, *, times: Sequence[str] = QUIET, days: Sequence[str] = DAYS) -> list[Stored]:
    """A test at each of `times` on each of `days`, all at the line's own limit."""
    return [check(f"{when} {time}", down) for when in days for time in times]


def ask(
    tests: Iterable[Stored] = (),
    latency: Iterable[Stored] = (),
    *,
    district: District | None = None,
    model: str = "flex",
    people: int | None = None,
    years: int | None = None,
    now: str = NOW,
    facts_until: int = 1 << 50,
    suspended: frozenset[int] = frozenset(),
    targets: Targets = TARGETS,
) -> SchoolAnswer:
    """The answer for Lincoln High."""
    known = weighed(tests, latency, district=district, now=now, facts_until=facts_until, suspended=suspended)
    return judge(model, targets, known, people=people, years=years)


def weighed(
    tests: Iterable[Stored] = (),
    latency: Iterable[Stored] = (),
    *,
    district: District | None = None,
    school: str = "lincoln",
    now: str = NOW,
    facts_until: int = 1 << 50,
    suspended: frozenset[int] = frozenset(),
    boxes: Sequence[Watch] = (),
) -> SchoolEvidence:
    """What is known of a school, Lincoln High unless another is named."""
    lines = lines_of(tests, latency, district=district, now=now, facts_until=facts_until, suspended=suspended)
    return weigh_school(lines, school, TARGETS.numbers, boxes=boxes)


def lines_of(
    tests: Iterable[Stored] = (),
    latency: Iterable[Stored] = (),
    *,
    district: District | None = None,
    now: str = NOW,
    facts_until: int = 1 << 50,
    suspended: frozenset[int] = frozenset(),
    heard: frozenset[str] | None = None,
) -> Lines:
    """What is known of the district's lines."""
    place = district or town()
    as_of_ns = at(now, place.schools[0].tz)
    network = Network(place, districts.local(place.schools[0], as_of_ns).date())
    return Lines(network, TARGETS.numbers, as_of_ns, tests, latency, facts_until, suspended, heard)
