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
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import bench, looks
from benchmarks.bench import Figure
from benchmarks.fleet import Fleet, need_files
from benchmarks.intake import process, subscribe
from collector import influxdb
from collector.clock import SystemClock
from collector.config import Home, InfluxSettings
from collector.store.journal import open_journal
from collector.store.outbox import Outbox
from firstbell.district import NS
from firstbell.points import MEASUREMENTS
from firstbell.stats import nearest_rank
from tests.support.influxdb import Influx2, program
from tests.support.mosquitto import Mosquitto

A_SCHOOL = 20
"""Boxes in each school."""
YEAR_DAYS = 365
COMPACT = (
    "--storage-cache-snapshot-write-cold-duration=5s",
    "--storage-compact-full-write-cold-duration=10s",
)
"""So that InfluxDB has packed all within a minute of the last report, where it takes four hours otherwise."""
BROKER = (
    "allow_anonymous true",
    "message_size_limit 131072",
    "set_tcp_nodelay true",
    "sys_interval 5",
)
_AWAY_BEFORE_S = 60
"""The boxes' first word is this much older than the outage."""
_TALLY_KEEPALIVE_S = 36_000
_STILL_S = 30.0
_WORD_S = 900.0
_TOML = 'name = "Ten thousand"\ntz = "America/Chicago"\n'


# --- what the district looks like -------------------------------------------------------------------------


def names(boxes: int) -> list[str]:
    """The boxes, twenty a school."""
    return [f"s{number // A_SCHOOL:03}-{number % A_SCHOOL:02}" for number in range(boxes)]


def write_district(folder: Path, boxes: int) -> int:
    """The folder: schools with a room and a seat for each box, a line each to one of ten hubs."""
    schools = [f"school-{number}" for number in range(-(-boxes // A_SCHOOL))]
    hubs = [f"hub-{number},internet,,10000," for number in range(10)]
    lines = [f"line-{number},wan,hub-{number % 10},1000,{school}" for number, school in enumerate(schools)]
    rooms = [f"{school},{number},Room {number},30," for school in schools for number in range(A_SCHOOL)]
    seats = [
        f"{name},school-{number // A_SCHOOL},{number % A_SCHOOL},line-{number // A_SCHOOL},2026-08-15"
        for number, name in enumerate(names(boxes))
    ]
    tables = {
        "schools.csv": ["id,name,students,staff", *(f"{school},{school},600,50" for school in schools)],
        "circuits.csv": ["id,kind,parent,down_mbps,schools", *hubs, *lines],
        "rooms.csv": ["school,room,name,seats,access_points", *rooms],
        "seats.csv": ["agent,school,room,circuit,since", *seats],
    }
    folder.mkdir(parents=True)
    (folder / "district.toml").write_text(_TOML, encoding="utf-8")
    for name, rows in tables.items():
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return len(schools)


# --- what is looked at ------------------------------------------------------------------------------------


class Programs(NamedTuple):
    """The processes that share the machine."""

    collector: int
    mosquitto: int
    influxd: int
    boxes: int


class Used(NamedTuple):
    """Processor seconds of each of the programs."""

    collector: float
    mosquitto: float
    influxd: float
    boxes: float


def used(programs: Programs) -> Used:
    """What each has used until now."""
    return Used(*(bench.cpu(pid).own_s for pid in programs))


@dataclass
class Watch:
    """How far InfluxDB is behind the journal, second by second; a thread that looks on."""

    journal: Path
    behind: list[tuple[float, int]] = field(default_factory=list)
    newest: int = 0
    arrival: int = 0
    _end: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def run(self) -> None:
        """Look once a second until told to end."""
        outbox = Outbox(open_journal(self.journal), influxdb.SINK)
        while not self._end.wait(1.0):
            state, self.newest = outbox.state(), outbox.newest()
            self.arrival = state.arrival if state else 0
            self.behind.append((time.monotonic(), self.newest - self.arrival))
        outbox.close()

    def end(self) -> None:
        """Look no more."""
        self._end.set()

    def most(self, since: float) -> int:
        """The most that InfluxDB was behind since then."""
        return max((behind for at, behind in self.behind if at >= since), default=0)

    async def has(self, arrival: int, seconds: float = _WORD_S) -> None:
        """Wait until InfluxDB has everything up to that report."""
        deadline = time.monotonic() + seconds
        while self.arrival < arrival:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"InfluxDB has {self.arrival:,} of {arrival:,} reports after {seconds:g} s"
                )
            await asyncio.sleep(0.2)


class Tally:
    """What the broker says of itself: messages that it took and gave, each with the time of that word.

    Read by the event loop, as boxes are: paho's own thread selects, which ends at descriptor 1024.
    """

    def __init__(self, port: int) -> None:
        self.said: dict[str, list[tuple[float, int]]] = {"received": [], "sent": []}
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="tally")
        self._client.on_connect = lambda client, *_: client.subscribe("$SYS/broker/publish/messages/+", 0)
        self._client.on_message = lambda _client, _data, message: self._note(message)
        loop = asyncio.get_running_loop()

        def opened(client: Client, _data: object, sock: Any) -> None:  # noqa: ANN401 - paho's
            loop.add_reader(sock, client.loop_read)

        def closed(_client: Client, _data: object, sock: Any) -> None:  # noqa: ANN401
            loop.remove_reader(sock)

        def writes(client: Client, _data: object, _sock: Any) -> None:  # noqa: ANN401
            loop.call_soon(client.loop_write)

        self._client.on_socket_open, self._client.on_socket_close = opened, closed
        self._client.on_socket_register_write = writes
        self._client.connect("127.0.0.1", port, _TALLY_KEEPALIVE_S)

    def _note(self, message: MQTTMessage) -> None:
        way = message.topic.rpartition("/")[2]
        if way in self.said and not message.retain:
            self.said[way].append((time.monotonic(), int(message.payload)))

    def rate(self, since: float) -> float:
        """Messages a second, both ways together, between its first and its last word since then."""
        total = 0.0
        for words in self.said.values():
            late = [word for word in words if word[0] >= since]
            if len(late) > 1:
                total += (late[-1][1] - late[0][1]) / (late[-1][0] - late[0][0])
        return total

    def close(self) -> None:
        """Listen no more."""
        self._client.disconnect()


# --- the run ----------------------------------------------------------------------------------------------


class House(NamedTuple):
    """Everything that runs."""

    home: Home
    broker: Mosquitto
    influx: Influx2
    settings: InfluxSettings
    collector: int
    watch: Watch


@contextmanager
def house(place: Path, boxes: int) -> Iterator[House]:
    """A broker, an InfluxDB made ready as a district makes it, a collector, and somebody who looks on."""
    home = Home(place / "home")
    write_district(home.district, boxes)
    (place / "influxd").mkdir()
    with ExitStack() as stack:
        influx = stack.enter_context(Influx2(place / "influxd", program("2"), *COMPACT))
        settings = InfluxSettings(url=influx.url, org=influx.org)
        _set_up(home, influx)
        (place / "mosquitto").mkdir()
        broker = Mosquitto(place / "mosquitto", *BROKER)
        broker.start()
        stack.callback(broker.kill)
        collector = stack.enter_context(bench.collector(home.folder, broker.port))
        watch = Watch(home.journal)
        watching = threading.Thread(target=watch.run, name="watch", daemon=True)
        watching.start()
        stack.callback(watching.join)
        stack.callback(watch.end)
        yield House(home, broker, influx, settings, collector.pid, watch)


def _set_up(home: Home, influx: Influx2) -> None:
    """What a district types once."""
    argv = [sys.executable, "-m", "collector.cli", "--data", str(home.folder), "influx", "setup"]
    argv += ["--url", influx.url, "--org", influx.org, "--json"]
    env = {**os.environ, "PYTHONPATH": str(bench.ROOT), "INFLUX_TOKEN": influx.token}
    said = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(f"InfluxDB could not be set up: {said.stderr}")


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


def _mosquitto() -> int:
    """The broker among this process's children."""
    for child in bench.children(os.getpid()):
        if Path(f"/proc/{child}/comm").read_text(encoding="ascii").strip() == "mosquitto":
            return child
    raise RuntimeError("mosquitto has ended")


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
    programs = _programs(run)
    before, began = used(programs), time.monotonic()
    fleet.come_back()
    await fleet.all_back()
    held_s = fleet.returned_at - began
    goal = run.watch.newest
    waits_s, fleet.counters.waits_s = fleet.counters.waits_s, []
    spent = _spent(before, used(programs))
    mib = bench.memory(run.collector).rss
    _say(f"all that waited is held after {held_s:.1f} s")
    await run.watch.has(max(goal, waiting))
    shipped_s = time.monotonic() - began
    _say(f"InfluxDB has it after {shipped_s:.1f} s")
    return Came(waiting, messages, held_s, shipped_s, waits_s, spent, mib), payloads


async def _steady(run: House, fleet: Fleet, minutes: float) -> Steady:
    programs, tally, told = _programs(run), Tally(run.broker.port), fleet.counters
    await asyncio.sleep(10)
    told.waits_s = []
    before, began = used(programs), time.monotonic()
    measured, held = told.measured, told.held
    await asyncio.sleep(60 * minutes)
    seconds = time.monotonic() - began
    measured, held = told.measured - measured, told.held - held
    waits_s, spent, rate = told.waits_s, _spent(before, used(programs)), tally.rate(began)
    memory = [bench.memory(pid).rss for pid in programs]
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
        spent,
        rate,
        most,
        last,
        caught_up_s,
        memory[0],
        memory[2],
        memory[1],
    )


def _programs(run: House) -> Programs:
    return Programs(run.collector, _mosquitto(), run.influx.pid, os.getpid())


def _spent(before: Used, after: Used) -> Used:
    return Used(*(late - early for early, late in zip(before, after, strict=True)))


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


# --- is all of it there, once -----------------------------------------------------------------------------


def see_all(run: House, fleet: Fleet) -> int:
    """That journal and InfluxDB hold each report of each box once; how many. Raises RuntimeError."""
    expected = {box.name: box.seq for box in fleet.boxes}
    in_journal, in_influx = _in_journal(run.home.journal), _in_influx(run.influx, run.settings.bucket)
    for where, found in (("the journal", in_journal), ("InfluxDB", in_influx)):
        wrong = {
            name: found.get(name)
            for name, last in expected.items()
            if found.get(name) != (last, last * (last + 1) // 2, last)
        }
        if wrong or found.keys() - expected.keys():
            some = dict(list(wrong.items())[:3])
            raise RuntimeError(f"{where} does not hold each report once: {len(wrong):,} boxes, as {some}")
    return sum(expected.values())


Sums = dict[str, tuple[int, int, int]]
"""Of each box: how many reports, the sum of their numbers, and the last number."""


def _in_journal(path: Path) -> Sums:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT name, count(*), sum(seq), max(seq) "
            "FROM reports JOIN agents USING (agent_id) GROUP BY agent_id"
        )
        return {name: (count, total, last) for name, count, total, last in rows}


def _in_influx(influx: Influx2, bucket: str) -> Sums:
    found: Sums = {}
    for name in MEASUREMENTS:
        asked = f'SELECT count(seq), sum(seq), max(seq) FROM "{name}" GROUP BY agent'
        for row in influx.query(asked, bucket):
            count, total, last = found.get(row["agent"], (0, 0, 0))
            found[row["agent"]] = count + row["count"], total + row["sum"], max(last, row["max"])
    return found


def packed(influx: Influx2, folder: Path, bucket: str) -> int:
    """Bytes of a bucket on the disk once it has been still for a while."""
    place = (
        folder / "engine" / "data" / influx.call("GET", f"/api/v2/buckets?name={bucket}")["buckets"][0]["id"]
    )
    size, since = -1, time.monotonic()
    while time.monotonic() - since < _STILL_S:
        now = sum(path.stat().st_size for path in place.rglob("*.tsm"))
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(1)
    return size


# --- all of it --------------------------------------------------------------------------------------------


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
    seconds, share = steady.seconds, [100 * spent / steady.seconds for spent in steady.used]
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
