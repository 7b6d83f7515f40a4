"""Ten thousand simulated boxes against one collector, one mosquitto and one InfluxDB, on one machine.

Each box has an MQTT connection of its own and speaks what a real one speaks, at the default rhythm. First all
connect; then the broker dies, and the boxes measure alone for half an hour; then all come back within eight
seconds, go on measuring, and bring what they kept. When InfluxDB has all of it, the steady rhythm is looked
at for some minutes. At the end the journal must hold every report once, and InfluxDB too, or there are no
figures. The peer: what the boxes came back with, through the same broker to a bare paho subscriber that
stores nothing and answers nobody.

    python -m benchmarks.scale [--boxes 10000] [--minutes 3] [--outage 30] [--folder DISK] [--json] [--save]

It needs a built InfluxDB (`scripts/influxd`); ten thousand boxes take 4 GB of memory and 3 GB of disk. The
broker has its own defaults: it drops what waits beyond a thousand messages, and the boxes send that again.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import bench, looks
from benchmarks.bench import Figure
from benchmarks.counted import packed, see_all
from benchmarks.fleet import Fleet, need_files
from benchmarks.house import BROKER, House, Tally, Used, house, names, programs, spent, used
from benchmarks.intake import process, subscribe
from collector.clock import SystemClock
from firstbell.district import NS
from firstbell.stats import nearest_rank
from tests.support.mosquitto import Mosquitto

YEAR_DAYS = 365
_AWAY_BEFORE_S = 60
"""The boxes' first word is this much older than the outage."""


class Came(NamedTuple):
    """The return: how much was brought, how long that took, and what became of new reports meanwhile."""

    reports: int
    messages: int
    held_s: float
    shipped_s: float
    waits_s: list[float]
    used: Used
    collector_mib: float


class Steady(NamedTuple):
    """Some minutes at the default rhythm."""

    seconds: float
    measured: int
    held: int
    waits_s: list[float]
    used: Used
    broker_messages: float
    behind_most: int
    behind_last: int
    caught_up_s: float
    collector_mib: float
    influxd_mib: float
    mosquitto_mib: float


class Played(NamedTuple):
    """All phases with a collector. `payloads` is what each box came back with, `held` all that is held."""

    first_s: float
    came: Came
    payloads: list[list[bytes]]
    steady: Steady
    held: int


async def played(run: House, fleet: Fleet, minutes: float) -> Played:
    """All phases with the collector, and the count. Raises RuntimeError where anything is lost or doubled."""
    began = time.monotonic()
    await fleet.first_word(run.broker.port)
    first_s = time.monotonic() - began
    _say(f"{len(fleet.boxes):,} boxes are connected and heard after {first_s:.1f} s")
    fleet.away()
    run.broker.kill()
    came, payloads = await _came_back(run, fleet)
    steady = await _steady(run, fleet, minutes)
    if fleet.counters.refused:
        raise RuntimeError(f"{fleet.counters.refused} reports were refused")
    held = await asyncio.to_thread(see_all, run, fleet)
    return Played(first_s, came, payloads, steady, held)


async def _came_back(run: House, fleet: Fleet) -> tuple[Came, list[list[bytes]]]:
    waiting = await fleet.measure_alone(fleet.clock.now_ns)
    payloads = [[flight.payload for flight in box.window] for box in fleet.boxes]
    messages = sum(map(len, payloads))
    size = sum(len(payload) for mine in payloads for payload in mine)
    _say(f"{waiting:,} reports wait in {messages:,} batches of {size:,} bytes")
    fleet.live()
    await run.watch.has(len(fleet.boxes))
    fleet.counters.waits_s = []
    run.broker.start()
    pids = programs(run)
    before, began = used(pids), time.monotonic()
    fleet.come_back()
    await fleet.all_back()
    held_s = fleet.returned_at - began
    goal = run.watch.newest
    waits_s, fleet.counters.waits_s = fleet.counters.waits_s, []
    in_between = spent(before, used(pids))
    mib = bench.memory(run.collector).rss
    _say(f"all that waited is held after {held_s:.1f} s")
    await run.watch.has(max(goal, waiting))
    shipped_s = time.monotonic() - began
    _say(f"InfluxDB has it after {shipped_s:.1f} s")
    return Came(waiting, messages, held_s, shipped_s, waits_s, in_between, mib), payloads


async def _steady(run: House, fleet: Fleet, minutes: float) -> Steady:
    pids, tally, told = programs(run), Tally(run.broker.port), fleet.counters
    await asyncio.sleep(10)
    told.waits_s = []
    before, began = used(pids), time.monotonic()
    measured, held = told.measured, told.held
    await asyncio.sleep(60 * minutes)
    seconds = time.monotonic() - began
    measured, held = told.measured - measured, told.held - held
    waits_s, in_between, rate = told.waits_s, spent(before, used(pids)), tally.rate(began)
    memory = [bench.memory(pid).rss for pid in pids]
    most, last = run.watch.most(began), run.watch.behind[-1][1]
    tally.close()
    ended = time.monotonic()
    await fleet.finish()
    await run.watch.has(told.held)
    caught_up_s = time.monotonic() - ended
    return Steady(
        seconds,
        measured,
        held,
        waits_s,
        in_between,
        rate,
        most,
        last,
        caught_up_s,
        memory[0],
        memory[2],
        memory[1],
    )


async def peer(place: Path, boxes: Sequence[str], payloads: Sequence[list[bytes]]) -> float:
    """Seconds until a bare subscriber has heard what the boxes came back with."""
    count = sum(map(len, payloads))
    fleet = Fleet(boxes, SystemClock().now_ns())
    # Nobody sends again to the subscriber, so the broker must drop nothing that waits for it.
    broker = Mosquitto(place, *BROKER, "max_queued_messages 0")
    broker.start()
    try:
        with process(subscribe, broker.port, count) as subscriber:
            began = time.monotonic()
            await fleet.only_send(broker.port, payloads)
            ended, _, missing = await asyncio.to_thread(subscriber.recv)
            if missing:
                raise RuntimeError(f"the bare subscriber missed {missing} of {count} messages")
    finally:
        await fleet.close()
        broker.kill()
    return float(ended - began)


class Disk(NamedTuple):
    """Bytes on the disk."""

    journal: int
    raw: int
    rollups: int


def measure(place: Path, boxes: int, minutes: float, outage_min: float) -> list[Figure]:
    """All phases, and their figures."""

    async def all_phases(run: House) -> Played:
        begin_ns = SystemClock().now_ns() - int((60 * outage_min + _AWAY_BEFORE_S) * NS)
        fleet = Fleet(names(boxes), begin_ns)
        try:
            return await played(run, fleet, minutes)
        finally:
            await fleet.close()

    with house(place, boxes) as run:
        done = asyncio.run(all_phases(run))
        raw = packed(run.influx, place / "influxd", run.settings.bucket)
        rollups = packed(run.influx, place / "influxd", run.settings.rollups)
    disk = Disk(sum(path.stat().st_size for path in run.home.folder.glob("journal.db*")), raw, rollups)
    (place / "peer").mkdir()
    bare_s = asyncio.run(peer(place / "peer", names(boxes), done.payloads))
    return [
        *_of_rhythm(boxes),
        *_of_first_word(boxes, done.first_s),
        *_of_return(done.came, bare_s),
        *_of_steady(done.steady, sum(looks.a_day().values()) / looks.DAY_S * boxes),
        *_of_disk(done.held, disk),
    ]


def _of_rhythm(boxes: int) -> Iterator[Figure]:
    a_day = sum(looks.a_day().values())
    yield Figure("boxes, each with a connection of its own", boxes, "boxes")
    yield Figure("reports of a box", a_day, "a day")
    yield Figure("reports of all", a_day * boxes / looks.DAY_S, "reports/s")


def _of_first_word(boxes: int, first_s: float) -> Iterator[Figure]:
    yield Figure("connecting all, the first report of each held", first_s, "s")
    yield Figure("the same", boxes / first_s, "boxes/s")


def _of_return(came: Came, bare_s: float) -> Iterator[Figure]:
    yield Figure("return: reports that waited", came.reports, "reports")
    yield Figure("return: messages that brought them", came.messages, "messages")
    yield Figure("return: all held, from the broker's start", came.held_s, "s")
    yield Figure("return: the same", came.reports / came.held_s, "reports/s")
    yield Figure("return, peer: a bare subscriber has heard all", bare_s, "s")
    yield Figure("return: ours to the peer", came.held_s / bare_s, "times")
    yield Figure("return: all in InfluxDB", came.shipped_s, "s")
    yield Figure("return: the same", came.reports / came.shipped_s, "reports/s")
    if came.waits_s:
        yield Figure("return: a new report held, 95 of 100", nearest_rank(came.waits_s, 0.95), "s")
    yield Figure("return: the collector's processor", 100 * came.used.collector / came.held_s, "% of a core")
    yield Figure("return: the collector, resident", came.collector_mib, "MiB")


def _of_steady(steady: Steady, offered: float) -> Iterator[Figure]:
    seconds, share = steady.seconds, [100 * each / steady.seconds for each in steady.used]
    yield Figure("steady: offered", steady.measured / seconds, "reports/s", f"{offered:,.0f}")
    yield Figure("steady: held", steady.held / seconds, "reports/s", f"{offered:,.0f}")
    yield Figure("steady: from measuring to the answer, median", nearest_rank(steady.waits_s, 0.5), "s")
    yield Figure("steady: from measuring to the answer, 95 of 100", nearest_rank(steady.waits_s, 0.95), "s")
    yield Figure("steady: the same, worst", max(steady.waits_s), "s")
    yield Figure("steady: InfluxDB behind, most", steady.behind_most * seconds / steady.held, "s")
    yield Figure("steady: InfluxDB behind, at the end", steady.behind_last * seconds / steady.held, "s")
    yield Figure("steady: InfluxDB has all, after the end", steady.caught_up_s, "s")
    if steady.broker_messages:  # the broker may not have spoken of itself
        yield Figure("steady: the broker's messages, both ways", steady.broker_messages, "messages/s")
    yield Figure("steady: the collector's processor", share[0], "% of a core")
    yield Figure("steady: mosquitto's", share[1], "% of a core")
    yield Figure("steady: InfluxDB's", share[2], "% of a core")
    yield Figure("steady: that of the simulated boxes", share[3], "% of a core")
    yield Figure("steady: the collector, resident", steady.collector_mib, "MiB")
    yield Figure("steady: mosquitto, resident", steady.mosquitto_mib, "MiB")
    yield Figure("steady: InfluxDB, resident", steady.influxd_mib, "MiB")


def _of_disk(held: int, disk: Disk) -> Iterator[Figure]:
    a_day = sum(looks.a_day().values())
    yield Figure("in the journal once, and in InfluxDB once", held, "reports")
    yield Figure("the journal", disk.journal / held, "B/report")
    yield Figure("InfluxDB, packed: reports and copies", disk.raw / held, "B/report")
    yield Figure("InfluxDB, packed: hours and days", disk.rollups / held, "B/report")
    yield Figure("the journal: a box", a_day * disk.journal / held / 1e6, "MB a day")
    yield Figure("the journal: a box", YEAR_DAYS * a_day * disk.journal / held / 1e9, "GB a year")


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--boxes", type=int, default=10_000, help="that are simulated (default 10000)")
    parser.add_argument("--minutes", type=float, default=3, help="of the steady rhythm (default 3)")
    parser.add_argument("--outage", type=float, default=30, help="minutes without a broker (default 30)")
    parser.add_argument("--folder", type=Path, help="on the disk that is to be measured (default: temporary)")
    told: argparse.Namespace = parser.parse_args()
    need_files(told.boxes)
    with tempfile.TemporaryDirectory(dir=told.folder, prefix="firstbell-bench-") as name:
        figures = measure(Path(name), told.boxes, told.minutes, told.outage)
    bench.show("scale", figures, told)


if __name__ == "__main__":
    main()
