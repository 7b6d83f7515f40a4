"""The district's table for 1,000 schools, 7 ways of teaching and 90 days: cold, and when it was asked before.

The journal is made by the real intake and writer: one wired box a school on a line of its own, ten schools a
shared line and all of them the district's, each with a box; six speed tests and eight looks in class on each
school day, one test in a hundred failed. The peer is what reading the same tests alone takes.

    python -m benchmarks.district_table [--schools 1000] [--days 90] [--json] [--save]
"""

import argparse
import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
from starlette.applications import Starlette

from benchmarks import bench
from benchmarks.bench import Figure
from collector import config, registry
from collector.app import NoLink
from collector.clock import StillClock
from collector.config import Home
from collector.intake import Intake
from collector.questions import schools
from collector.questions.schools import Schools
from collector.registry import Folder
from collector.store.derived.rebuild import catch_up
from collector.store.journal import Journal, open_journal
from collector.store.reads import Reads
from collector.store.writer import Writer
from collector.web.app import create_app
from collector.web.health import Parts
from firstbell import wire
from firstbell.catalogue import Reading
from firstbell.report import ClockQuality, LimitedBy, Medium, Opening, Report, Segment, Status

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9
TEST_HOURS = (2, 6, 9, 12, 17, 20)
LOOK_HOURS = tuple(range(8, 16))
A_HUB = 10
IN_A_MESSAGE = 200
EPOCH = "00000000000000be"
WAYS = 7
_WARM_RUNS = 5


class Cost(NamedTuple):
    """How long one question took, in seconds, and its answer."""

    seconds: float
    answer: Schools


def write(folder: Path, count: int) -> Folder:
    """A district of so many schools; its lines are large enough for most."""
    folder.mkdir(parents=True)
    names = [f"school-{n:04}" for n in range(count)]
    hubs = [f"hub-{n:03}" for n in range(-(-count // A_HUB))]
    circuits = ["id,kind,parent,down_mbps,schools", f"internet,internet,,{count * 2000},"]
    circuits += [f"{hub},wan,internet,10000," for hub in hubs]
    circuits += [f"line-{name},wan,hub-{n // A_HUB:03},1000,{name}" for n, name in enumerate(names)]
    seats = ["agent,school,circuit", "box-internet,,internet", *(f"box-{hub},,{hub}" for hub in hubs)]
    seats += [f"box-{name},{name},line-{name}" for name in names]
    people = ["id,name,students", *(f"{name},School {n},{300 + n}" for n, name in enumerate(names))]
    for file, lines in (("schools.csv", people), ("circuits.csv", circuits), ("seats.csv", seats)):
        (folder / file).write_text("\n".join([*lines, ""]), encoding="utf-8")
    (folder / "district.toml").write_text('name = "Bench"\ntz = "UTC"\n', encoding="utf-8")
    return registry.read(folder)


def fill(place: Home, folder: Folder, days: int) -> Journal:
    """The journal of all its boxes over so many days."""
    journal, clock = open_journal(place.journal), StillClock(NOW_NS)
    writer = Writer(journal, clock)
    intake = Intake(writer, clock, journal.id)
    writer.start()
    dice, sent = random.Random(7), 0
    for seat in folder.district.seats:
        whole = 900.0 * len(folder.district.schools)
        carries = 900.0 if seat.school else whole if seat.circuit == "internet" else 9_000.0
        rows = [wire.encode_report(report) for report in _life(dice, carries, days, looks=bool(seat.school))]
        for first in range(0, len(rows), IN_A_MESSAGE):
            batch = wire.encode_batch(seat.agent, EPOCH, first + 1, rows[first : first + IN_A_MESSAGE])
            intake.take(seat.agent, batch[1], NOW_NS)
        sent += len(rows)
    writer.stop()
    if writer.figures.held != sent:
        raise RuntimeError(f"{writer.figures.held} of {sent} reports are held")
    catch_up(journal)  # the writer derives in its spare time, and had none
    return journal


def _life(dice: random.Random, mbps: float, days: int, *, looks: bool) -> Iterator[Report]:
    """What one box saw, in order of time."""
    opening: Opening | None = Opening(predecessor=None, last_seq=0, ended="first")
    first = NOW.replace(hour=0) - timedelta(days=days)
    for day in (first + timedelta(days=n) for n in range(days)):
        if day.weekday() > 4:
            continue
        hours = [(hour, True) for hour in TEST_HOURS] + [(hour, False) for hour in LOOK_HOURS if looks]
        for hour, heavy in sorted(hours):
            at = day.replace(hour=hour, minute=dice.randrange(60))
            yield _report(dice, at, mbps, opening, heavy=heavy)
            opening = None


def _report(
    dice: random.Random, at: datetime, mbps: float, opening: Opening | None, *, heavy: bool
) -> Report:
    failed = heavy and dice.random() < 0.01
    carries_mbps = mbps * dice.uniform(0.6, 1.0)
    seen: dict[str, Reading] = {
        "down_mbps": carries_mbps,
        "bytes_received": 100_000_000,
        "bytes_sent": 1_000,
    }
    looked: dict[str, Reading] = {"rtt_p50_ms": 9.0, "echoes_sent": 10}
    return Report(
        probe="internet" if heavy else "latency",
        target="" if heavy else "google",
        status=Status.FAILED if failed else Status.OK,
        reason="no server was reached" if failed else "",
        limited_by=LimitedBy.LINE if heavy and not failed else None,
        segment=Segment.INTERNET,
        medium=Medium.WIRED,
        at_ns=int(at.timestamp()) * 10**9,
        duration_s=2.0,
        clock=ClockQuality.NTP,
        readings={} if failed else seen if heavy else looked,
        opening=opening,
    )


def asked(reads: Reads, folder: Folder, model: str | None) -> Cost:
    """The table for one way of teaching."""
    targets = registry.targets()
    begin = time.perf_counter()
    answer = schools.ask(reads, folder, targets, model=model, as_of_ns=NOW_NS)
    return Cost(time.perf_counter() - begin, answer)


def timed(run: Callable[[], object]) -> float:
    """How long it took, in seconds."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def opened(reads: Reads, journal: Journal, place: Home, folder: Folder, model: str) -> float:
    """How long the district's page takes within a process, without the browser, in seconds."""
    clock = StillClock(NOW_NS)
    writer = Writer(journal, clock)
    parts = Parts(
        writer=writer,
        intake=Intake(writer, clock, journal.id),
        reads=reads,
        link=NoLink(),
        clock=clock,
        folder=place.folder,
        folder_now=lambda: folder,
        folder_trouble=lambda: "",
        targets=registry.targets(),
    )
    return asyncio.run(_opened(create_app(parts), model))


async def _opened(application: Starlette, model: str) -> float:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        begin = time.perf_counter()
        (await client.get("/", params={"model": model})).raise_for_status()
        return time.perf_counter() - begin


def measure(folder: Path, count: int, days: int) -> list[Figure]:
    """Fill a journal, and ask for its table in all ways."""
    place = config.home(str(folder / "data"))
    district = write(place.district, count)
    filling = time.perf_counter()
    journal = fill(place, district, days)
    filled = time.perf_counter() - filling
    ways = list(registry.targets().models)[:WAYS]
    peer = Reads(journal)
    boxes = [(seat.agent, 0, None) for seat in district.district.seats]
    since_ns = NOW_NS - 45 * 86_400 * 10**9
    read = timed(lambda: peer.tests(boxes, "internet", since_ns=since_ns))
    peer.close()
    reads = Reads(journal)
    cold = asked(reads, district, ways[0])
    others = [asked(reads, district, way).seconds for way in ways[1:]]
    warm = [asked(reads, district, way).seconds for _ in range(_WARM_RUNS) for way in ways]
    shown = [opened(reads, journal, place, district, ways[0]) for _ in range(_WARM_RUNS)]
    counts = reads.counts()
    reads.close()
    if not any(row.measured.state.ready for row in cold.answer.schools):
        raise RuntimeError("no school is measured: this would measure nothing")
    return [
        Figure("schools", count, "schools"),
        Figure("reports in the journal", counts.reports, "reports"),
        Figure("the journal's file", place.journal.stat().st_size / 2**20, "MiB"),
        Figure("filling it", filled, "s"),
        Figure("cold: nothing read yet, one way of teaching", cold.seconds, "s"),
        Figure("peer: the tests of these weeks read once", read, "s"),
        Figure("another way of teaching, worst", max(others), "s"),
        Figure("warm: each of 7 ways asked again, worst", max(warm), "s", "1"),
        Figure("warm: its page, worst", max(shown), "s", "1"),
        Figure("resident, most", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB"),
    ]


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--schools", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--days", type=int, default=90, help="of evidence (default 90)")
    told: argparse.Namespace = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firstbell-bench-") as folder:
        figures = measure(Path(folder), told.schools, told.days)
    bench.show("district_table", figures, told)


if __name__ == "__main__":
    main()
