"""A district's machine for a benchmark: broker, InfluxDB and collector, what they use, and who looks on."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import bench
from collector import influxdb
from collector.config import Home, InfluxSettings
from collector.store.journal import open_journal
from collector.store.outbox import Outbox
from tests.support.influxdb import Influx2, program
from tests.support.mosquitto import Mosquitto

A_SCHOOL = 20
"""Boxes in each school."""
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
_TALLY_KEEPALIVE_S = 36_000
_WORD_S = 900.0
_TOML = 'name = "Ten thousand"\ntz = "America/Chicago"\n'


def names(boxes: int) -> list[str]:
    """The boxes, twenty a school."""
    return [f"s{number // A_SCHOOL:03}-{number % A_SCHOOL:02}" for number in range(boxes)]


def write_district(folder: Path, boxes: int) -> int:
    """The folder: schools with a room and a seat for each box, a line each to one of ten hubs (or less)."""
    schools = [f"school-{number}" for number in range(-(-boxes // A_SCHOOL))]
    hubs = [f"hub-{number},internet,,10000," for number in range(min(10, len(schools)))]
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


def used(of: Programs) -> Used:
    """What each has used until now."""
    return Used(*(bench.cpu(pid).own_s for pid in of))


@dataclass
class Watch:
    """How far InfluxDB is behind the journal, second by second; a thread that looks on."""

    journal: Path
    behind: list[tuple[float, int]] = field(default_factory=list)
    newest: int = 0
    arrival: int = 0
    _end: threading.Event = field(default_factory=threading.Event)

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


def _mosquitto() -> int:
    """The broker among this process's children."""
    for child in bench.children(os.getpid()):
        if Path(f"/proc/{child}/comm").read_text(encoding="ascii").strip() == "mosquitto":
            return child
    raise RuntimeError("mosquitto has ended")


def programs(run: House) -> Programs:
    """The processes as they are now: a broker that was started again is another one."""
    return Programs(run.collector, _mosquitto(), run.influx.pid, os.getpid())


def spent(before: Used, after: Used) -> Used:
    """What each used in between."""
    return Used(*(late - early for early, late in zip(before, after, strict=True)))
