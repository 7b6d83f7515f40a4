"""The processes of a run: boxes, a collector and a broker, each to be killed and started again."""

import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from collector import broker as embedded
from collector.clock import SystemClock
from tests.chaos.box import Plan
from tests.chaos.clocks import Hands
from tests.chaos.processes import Process, wait_until

LAUNCH = ("-m", "tests.chaos.launch")


class Broker(Protocol):
    """A broker of either kind."""

    process: Process
    port: int

    def password(self, name: str) -> str:
        """The password of a box, or of the collector; empty if there are none."""


class Mosquitto:
    """Debian's mosquitto on loopback. It keeps nothing on disk unless it is given a folder for that."""

    def __init__(self, folder: Path, store: Path | None = None) -> None:
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/sbin")
        assert found, "mosquitto is not installed"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "user root", "persistence false"]
        if store:
            lines[-1:] = [
                "persistence true",
                f"persistence_location {store}/",
                "autosave_on_changes true",
                "autosave_interval 1",
            ]
        config = folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n", encoding="ascii")
        argv = [found, "-c", str(config)]
        self.process = Process("broker", folder / "broker.log", lambda _point: argv)

    def password(self, _name: str) -> str:
        """None is wanted."""
        return ""


class Embedded:
    """The broker of `firstbell up`, for these boxes."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._passwords = {name: secrets.token_hex(8) for name in (embedded.COLLECTOR, *names)}
        embedded.write_users(folder, self._passwords)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        argv = [sys.executable, "-m", "collector.broker", str(folder), str(self.port)]
        self.process = Process("broker", folder / "broker.log", lambda _point: argv)

    def password(self, name: str) -> str:
        """As made up for this run."""
        return self._passwords[name]


def listening(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Box:
    """A measuring box. `plan` may be changed between two starts."""

    def __init__(self, plan: Plan, hands: Hands) -> None:
        self.plan, self.hands = plan, hands
        plan.folder.mkdir(parents=True, exist_ok=True)
        plan.truth.mkdir(parents=True, exist_ok=True)
        hands.write(plan.clock)
        self.process = Process(plan.name, plan.clock.with_suffix(".log"), self._argv)

    def _argv(self, point: str) -> list[str]:
        return [sys.executable, *LAUNCH, point, "box", self.plan.text()]

    def turn(self, hands: Hands) -> None:
        """Set its clocks."""
        self.hands = hands
        hands.write(self.plan.clock)

    def reboot(self, **changes: object) -> None:
        """What its clocks say after the power was away; `changes` as in `Hands`."""
        number = int(self.hands.boot.rpartition("-")[2]) + 1
        fresh = {"boot": f"boot-{number}", "booted_ns": SystemClock().now_ns(), **changes}
        self.turn(msgspec.structs.replace(self.hands, **fresh))


class Town:
    """Everything in one folder: `broker`, `collector`, `boxes`."""

    def __init__(self, folder: Path, broker: Broker, journal_folder: Path | None = None) -> None:
        self.folder, self.broker = folder, broker
        self.data = journal_folder or folder / "data"
        self.truth = folder / "truth"
        self.boxes: list[Box] = []
        self.data.mkdir(parents=True, exist_ok=True)
        self.truth.mkdir(parents=True, exist_ok=True)
        self._write_settings()
        self.collector = Process("collector", folder / "collector.log", self._collector_argv)

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.data / "journal.db"

    @property
    def processes(self) -> list[Process]:
        """All, in the order in which they are stopped."""
        return [*(box.process for box in self.boxes), self.collector, self.broker.process]

    def add_box(self, name: str, folder: Path | None = None, **plan: Any) -> Box:
        """One more box, not started, with right clocks; `plan` as in `Plan`."""
        number = len(self.boxes) + 1
        box_plan = Plan(
            name=name,
            folder=folder or self.folder / f"box-{number}",
            truth=self.truth,
            clock=self.folder / f"box-{number}.clock",
            port=self.broker.port,
            password=self.broker.password(name),
            **plan,
        )
        box = Box(box_plan, Hands(boot="boot-1", booted_ns=SystemClock().now_ns() - 3600 * 10**9))
        self.boxes.append(box)
        return box

    def start_broker(self) -> None:
        """Start the broker and wait until it listens."""
        self.broker.process.start()
        wait_until(lambda: listening(self.broker.port), "the broker listens")

    def start(self) -> int:
        """Start everything and wait until all are ready; the port of the collector's web server."""
        self.start_broker()
        port = self.start_collector()
        for box in self.boxes:
            box.process.start()
        for box in self.boxes:
            box.process.ready()
        return port

    def start_collector(self) -> int:
        """Start the collector; the port of its web server."""
        self.collector.start()
        return int(self.collector.ready()["web_port"])

    def _collector_argv(self, point: str) -> list[str]:
        words = ("--data", str(self.data), "collector", "run", "--lifeline", "--json")
        port = ("--broker-port", str(self.broker.port))
        return [sys.executable, *LAUNCH, point, "collector", *words, *port]

    def _write_settings(self) -> None:
        password = self.broker.password(embedded.COLLECTOR)
        if password:
            (self.data / "collector.password").write_text(password, encoding="utf-8")
            (self.data / "collector.toml").write_text(
                f'[broker]\nusername = "{embedded.COLLECTOR}"\npassword_file = "collector.password"\n',
                encoding="utf-8",
            )


@contextmanager
def standing(town: Town) -> Iterator[Town]:
    """The town; whatever happens, none of its processes is left."""
    try:
        yield town
    finally:
        for process in town.processes:
            process.close()
