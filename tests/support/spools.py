"""Spools for tests, and what a crash leaves of them."""

import random
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.freeze import Timeline
from agent.spool import LAST, Page, Spool
from agent.spool.schema import DamagedError
from firstbell import wire
from firstbell.report import Draft, Report, Status
from tests.support.clocks import HandClock

BOUND = 8 << 20


def draft(clock: HandClock, number: int = 0, *, probe: str = "latency", duration_s: float = 0.0) -> Draft:
    """A report of the present moment that can be told by its reading."""
    return Draft(
        probe=probe,
        status=Status.OK,
        target="gateway",
        readings={"bytes_sent": number},
        stamp=clock.stamp(),
        duration_s=duration_s,
    )


def open_spool(path: Path, clock: HandClock, max_bytes: int = BOUND) -> Spool:
    """A spool that begins a new epoch."""
    return Spool.open(path, max_bytes=max_bytes, clock=clock, random=random.SystemRandom())


@contextmanager
def spool_at(path: Path, clock: HandClock, max_bytes: int = BOUND) -> Iterator[Spool]:
    """A spool that ends cleanly."""
    spool = open_spool(path, clock, max_bytes)
    try:
        yield spool
    finally:
        spool.close()


def crash(path: Path, to: Path) -> Path:
    """What would be on the disk if the process of the spool at `path` were killed now, in a folder of its own."""
    to.mkdir()
    for suffix in ("", "-wal"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            shutil.copy(file, to / file.name)
    return to / path.name


def timeline(spool: Spool, clock: HandClock) -> Timeline:
    """What the spool knows of the time now."""
    return Timeline(spool.boots(), clock.stamp())


def pages(spool: Spool, clock: HandClock, first: int = 1, last: int = LAST) -> list[Page]:
    """Everything that waits in a stretch of the queue, as batches in its order; frozen by this."""
    found = []
    while page := offer(spool, clock, first, last):
        found.append(page)
        first = page.place + len(page.rows)
    return found


def offer(spool: Spool, clock: HandClock, first: int, last: int) -> Page | None:
    """One batch, in spite of damage that is met on the way: the call after it finds a whole file."""
    try:
        return spool.offer(timeline(spool, clock), first, last)
    except DamagedError:
        return spool.offer(timeline(spool, clock), first, last)


def waiting(spool: Spool, clock: HandClock) -> dict[tuple[str, int], Report]:
    """Everything that waits, by epoch and number."""
    return {
        (page.epoch, page.first + i): wire.read_report(row)
        for page in pages(spool, clock)
        for i, row in enumerate(page.rows)
    }


def drain(spool: Spool, clock: HandClock, journal: str = "journal-1") -> int:
    """Send everything that waits to a collector that holds it; how many reports."""
    return sum(hold(spool, page, journal) for page in pages(spool, clock))


def hold(spool: Spool, page: Page, journal: str = "journal-1") -> int:
    """What follows when a collector holds a batch."""
    return spool.held(page.epoch, [(page.first, page.first + len(page.rows) - 1)], journal)


def numbers(reports: Sequence[Report]) -> list[int]:
    """The numbers by which drafts were told apart; what the box says of itself has none."""
    return [int(report.readings["bytes_sent"]) for report in reports if report.probe != "box"]


def stored(spool: Spool) -> dict[tuple[str, int], int | None]:
    """What waits, by epoch and number, in the queue's order, without freezing it; the box's own words are None."""
    with spool._file.read() as db:
        rows = db.execute(
            "SELECT epoch, place & 0xFFFFFFFF, box, body FROM waiting JOIN epochs ON n = place >> 32 ORDER BY place"
        ).fetchall()
    number = re.compile(rb'"bytes_sent":(\d+)')
    return {(epoch, seq): None if box else int(number.findall(body)[0]) for epoch, seq, box, body in rows}
