"""A district as it is deployed, on loopback: authority, the broker of the role, a collector's process, boxes."""

import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from agent import lines
from agent.config import Settings
from agent.machine.machine import Machine
from agent.spool import Spool
from agent.uplink.ladder import Ladder
from agent.uplink.leases import Leases
from agent.uplink.progress import Progress
from agent.uplink.sender import Sender
from collector.clock import SystemClock
from collector.config import Home
from collector.identity.registrar import Registrar
from collector.registry import write_example
from collector.store.journal import open_journal
from firstbell.enrolment import Claim, Granted
from firstbell.report import Draft, Status
from tests.chaos.processes import Process
from tests.deploy.house import House, settings_of
from tests.support.box_keys import request
from tests.support.mosquitto import Mosquitto, mosquitto, wait_until


class Field:
    """The district in `data`. `broker` runs; `collector` is started by `start`, and its pages are at `web_port`."""

    def __init__(self, folder: Path, broker: Mosquitto, house: House) -> None:
        self.folder, self.data, self.broker, self.house = folder, house.folder, broker, house
        self.web_port = 0
        self.registrar = Registrar(open_journal(Home(self.data).journal), house.signs, SystemClock())
        words = ("--data", str(self.data), "collector", "run", "--lifeline", "--json")
        argv = [sys.executable, "-m", "collector.cli", *words]
        self.collector = Process("collector", folder / "collector.log", lambda _point: argv)

    def start(self) -> None:
        """Start the collector, at the port that it had before if it had one."""
        self._write_settings()
        self.collector.start()
        self.web_port = int(self.collector.ready()["web_port"])

    def _write_settings(self) -> None:
        (self.data / "collector.toml").write_text(
            f'[broker]\nhost = "localhost"\nport = {self.broker.port}\nca_file = "ca/ca.pem"\n'
            'cert_file = "own.pem"\nkey_file = "own.key"\n[web]\nhost = "0.0.0.0"\n'
            f'port = {self.web_port}\ncert_file = "web.pem"\nkey_file = "web.key"\n',
            encoding="utf-8",
        )

    def identity(self, name: str) -> Path:
        """A box's folder with its certificate, its key, and whom it believes."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        if not (folder / "box.pem").exists():
            _, token = self.registrar.offer(name, automatic=True)
            given = self.registrar.claim(Claim(token=token, request=request(folder, "box")))
            assert isinstance(given, Granted)
            (folder / "box.pem").write_text(given.certificate, encoding="ascii")
        (folder / "ca.pem").write_text(self.house.signs.pem, encoding="ascii")
        return folder

    def settings(self, name: str, **uplink: Any) -> Settings:
        """Of a box that is quick to look for other ways. `port` is where it looks for the broker."""
        self.identity(name)
        port = uplink.pop("port", self.broker.port)
        told = {
            "box": {"name": name},
            "broker": {
                "host": "localhost",
                "port": port,
                "ca_file": "ca.pem",
                "cert_file": "box.pem",
                "key_file": "box.key",
                "reconnect_s": [1, 2],
            },
            "uplink": {
                "collector": f"https://localhost:{self.web_port}",
                "proxy": "none",
                "patience_s": [2, 4],
                "again_s": 3600,
                **uplink,
            },
        }
        return msgspec.convert(told, Settings)

    @contextmanager
    def box(self, name: str, **uplink: Any) -> Iterator["Sending"]:
        """The uplink of a box, running; see `settings`."""
        made = Sending(self.folder / name, self.settings(name, **uplink))
        made.sender.start()
        try:
            yield made
        finally:
            made.sender.stop()
            made.spool.close()

    def reports(self, name: str) -> list[tuple[str, int]]:
        """Epoch and number of what the journal holds of a box."""
        with closing(sqlite3.connect(f"file:{self.data / 'journal.db'}?mode=ro", uri=True)) as db:
            query = (
                "SELECT epoch, seq FROM reports JOIN epochs USING (epoch_id) "
                "JOIN agents ON agents.agent_id = reports.agent_id WHERE agents.name = ? ORDER BY 1, 2"
            )
            return [(str(epoch), int(seq)) for epoch, seq in db.execute(query, (name,))]


class Sending:
    """The uplink of one box, between a spool and the district."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.machine = Machine.real()
        self.ladder: Ladder = lines.ladder(settings, folder, self.machine, folder)
        self.spool = Spool.open(
            folder / "spool.db", max_bytes=8 << 20, clock=self.machine.clock, random=random.SystemRandom()
        )
        self.nudged = 0
        self.leases = Leases(settings.box.name, self.ladder.publish, self.machine.clock, self.machine.random)
        self.sender = Sender(
            settings.box.name,
            self.spool,
            self.ladder,
            self.machine.clock,
            self.machine.random,
            Progress(self.machine.clock),
            self._nudge,
            self.leases.hear,
            ask_time_after_s=0.0,
        )

    def _nudge(self) -> None:
        self.nudged += 1

    def put(self, count: int) -> None:
        """Measure something, `count` times."""
        for number in range(count):
            self.spool.put(
                [
                    Draft(
                        probe="latency",
                        status=Status.OK,
                        target="gateway",
                        readings={"rtt_p50_ms": float(number)},
                        stamp=self.machine.clock.stamp(),
                        duration_s=0.0,
                    )
                ]
            )
        self.sender.wake()

    def delivered(self) -> None:
        """Wait until the collector has answered that it holds everything."""
        wait_until(lambda: not self.spool.waiting(), "the spool is empty")


@contextmanager
def field(folder: Path, *names: str) -> Iterator[Field]:
    """A district that runs, with a place for boxes."""
    data = folder / "data"
    data.mkdir()
    write_example(
        Home(data).district,
        school_name="Lincoln High",
        people=100,
        down_mbps=100,
        up_mbps=None,
        agent="lincoln-1",
        tz="America/Chicago",
    )
    now_ns = SystemClock().now_ns()
    house = House(data, now_ns)
    own, own_key = house.signs.for_client("firstbell_collector", now_ns)
    web, web_key = house.signs.for_server(["localhost"], now_ns)
    for name, text in (
        ("own.pem", own.pem),
        ("own.key", own_key),
        ("web.pem", web.pem),
        ("web.key", web_key),
    ):
        (data / name).write_text(text, encoding="ascii")
    with mosquitto(folder, *settings_of(data / "ca")) as broker:
        made = Field(folder, broker, house)
        try:
            made.start()
            yield made
        finally:
            made.collector.close()
