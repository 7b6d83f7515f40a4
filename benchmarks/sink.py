"""How fast the sink brings a journal into a real InfluxDB, against a bare loop of influxdb-client.

The peer, in the same run and into the same server: the very same points, made beforehand, written by the
library alone in batches of the same size, synchronously and gzipped. It has nothing to read, to place, or to
note. Beside it the same with the lines of text made beforehand too, which no user of the library does: the
server's own speed. Sums of hours and days, and the comparison of everything with the journal, are timed as
well.

    python -m benchmarks.sink [--schools 12] [--days 30] [--json] [--save]
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.bench import Figure, options, show
from collector import influxdb, registry, simulated
from collector.clock import SystemClock
from collector.config import Demo, Home, InfluxSettings
from collector.demo import making
from collector.registry import Folder
from collector.sinks import influx
from collector.sinks.influx import Server
from collector.sinks.standing import Placed
from collector.store.journal import Journal, open_journal
from collector.store.outbox import Outbox
from collector.store.reads import Reads
from firstbell.points import RECORD, Names, Point, of_report
from tests.support.influxdb import Influx2, program

AIM_SHARE = 80
AIM_READINGS = 50_000
_TOKEN = "influx.token"


class Town(NamedTuple):
    """A simulated district, and the server that its reports go to."""

    home: Home
    settings: InfluxSettings
    journal: Journal
    folder: Folder
    server: Server


def main() -> None:
    """Print the figures."""
    parser = options(__doc__ or "")
    parser.add_argument("--schools", type=int, default=12)
    parser.add_argument("--days", type=int, default=30)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "influxd").mkdir()
        with Influx2(place / "influxd", program("2")) as running:
            town = _town(Home(place / "home"), told.schools, told.days, running)
            figures = _measured(town, running, place / "influxd")
    show("sink", figures, told)


def _town(home: Home, schools: int, days: int, running: Influx2) -> Town:
    clock = SystemClock()
    demo = Demo(seed=7, schools=schools, days=days, as_of_ns=making.end_ns(clock.now_ns()))
    making.make(home, demo, clock, lambda *_: None)
    (home.folder / _TOKEN).write_text(running.token, encoding="utf-8")
    settings = InfluxSettings(url=running.url, org=running.org, token_file=_TOKEN)
    for bucket in (settings.spare, settings.rollups):
        running.make_bucket(bucket)
    folder = simulated.marked(home, registry.read(home.district))
    return Town(home, settings, open_journal(home.journal), folder, influxdb.server(home, settings))


def _measured(town: Town, running: Influx2, engine: Path) -> list[Figure]:
    points = _points(town)
    readings = sum(len(point.fields.keys() - RECORD) for point in points)
    bare = len(points) / _bare(town.server, running.make_bucket("bare"), points)
    ready = len(points) / _ready_made(town.server, running.make_bucket("ready"), points)
    before = _size(engine)
    outbox, reads = Outbox(town.journal), Reads(town.journal)
    way = influxdb.way(
        town.home, town.settings, town.journal, reads, lambda: town.folder, town.home.clock, outbox
    )
    shipping, copies, rollups = (_seconds(work) for work in way.works())
    verifying = _seconds(
        lambda: influxdb.verify(town.home, town.settings, town.journal, town.folder, lambda *_: None)
    )
    sink = len(points) / shipping
    return [
        Figure("reports", len(points), ""),
        Figure("readings a report", readings / len(points), ""),
        Figure("a bare loop of the library", bare, "reports/s"),
        Figure("the same with its lines made beforehand", ready, "reports/s"),
        Figure("the sink", sink, "reports/s"),
        Figure("the sink, of the bare loop", 100 * sink / bare, "%", f"{AIM_SHARE}"),
        Figure("the sink", sink * readings / len(points), "readings/s", f"{AIM_READINGS:,}"),
        Figure("copies for boards, the first time", copies, "s"),
        Figure("sums of hours and days, the first time", len(points) / rollups, "reports/s"),
        Figure("everything compared, and every verdict from both", len(points) / verifying, "reports/s"),
        Figure(
            "on InfluxDB's disk, sums and copies with them",
            (_size(engine) - before) / len(points),
            "B/report",
        ),
    ]


def _points(town: Town) -> list[Point]:
    """Every report as its point."""
    outbox, names, arrival = Outbox(town.journal, "bare"), Names(), 0
    placer, found = Placed(town.folder.district).placer(), []
    while rows := outbox.after(arrival, influx.BATCH):
        made = (of_report(row, placer, names) for row in rows)
        found += [point for point in made if isinstance(point, Point)]
        arrival = rows[-1].stored.arrival
    outbox.close()
    return found


def _bare(server: Server, bucket: str, points: Iterable[Point]) -> float:
    """The library alone: its own points, written synchronously."""
    return _seconds(lambda: _write(server, bucket, (influx.lines(part) for part in influx.in_parts(points))))


def _ready_made(server: Server, bucket: str, points: Iterable[Point]) -> float:
    parts = [influx.lines(part) for part in influx.in_parts(points)]
    return _seconds(lambda: _write(server, bucket, parts))


def _write(server: Server, bucket: str, parts: Iterable[list[bytes]]) -> None:
    for part in parts:
        server.write(bucket, part)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
