"""A district as its roles deploy it, by the commands alone: authority, broker, collector and boxes as real processes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from agent import enrol
from collector.config import Home
from collector.store.journal import open_journal
from collector.store.reads import BoxState, Reads
from tests.deploy.house import ROLE, settings_of
from tests.end_to_end.test_up import write_lincoln
from tests.support.mosquitto import Mosquitto, mosquitto, wait_until

BOX = "this-box"
"""The one box that has a place in the district's folder."""


def say(*argv: str, code: int = 0) -> Any:
    """What a command answers, as JSON; in words where it fails."""
    ended = subprocess.run(argv, input="", capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return json.loads(ended.stdout) if code == 0 else ended.stdout + ended.stderr


@contextmanager
def process(argv: list[str], log: Path) -> Iterator["subprocess.Popen[str]"]:
    """A command that goes on, ended in the end; its first line is left to be read."""
    with log.open("a", encoding="utf-8") as said:
        running = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=said, text=True)
    try:
        yield running
    finally:
        running.terminate()
        running.communicate(timeout=30)


class Machine:
    """A box's machine: `enrol` asks for a certificate, `measuring` measures and sends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.argv = [sys.executable, "-m", "agent.cli", "--config", str(folder / "agent.toml")]

    def enrolling(self) -> list[str]:
        """The command that asks once."""
        return [*self.argv, "enrol", str(self.folder / "card" / "card.toml"), "--once"]

    def enrol(self, *options: str, code: int = 0) -> Any:
        """Ask once."""
        return say(*self.enrolling(), *options, *(["--json"] if code == 0 else []), code=code)

    def settle(self) -> None:
        """Write the settings that the first enrolment would have written."""
        card = enrol.read(self.folder / "card" / "card.toml")
        text = enrol.settings_for(card, BOX, self.folder / "identity")
        (self.folder / "agent.toml").write_text(text, encoding="utf-8")
        self.first_now()

    def first_now(self) -> None:
        """Let it measure at once when it starts."""
        path = self.folder / "agent.toml"
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}\n[probes]\nfirst_now = true\n", encoding="utf-8")

    def check(self, code: int = 0) -> Any:
        """What it says of its way to the broker."""
        return say(*self.argv, "check", *(["--json"] if code == 0 else []), code=code)

    def spool(self) -> dict[str, Any]:
        """What waits in it, and was lost or refused."""
        found: dict[str, Any] = say(*self.argv, "spool", "--json")
        return found

    @contextmanager
    def measuring(self) -> Iterator["subprocess.Popen[str]"]:
        """It runs."""
        with process([*self.argv, "run", "--json"], self.folder / "agent.log") as running:
            assert running.stdout
            assert json.loads(running.stdout.readline())["ready"]
            yield running

    def log(self) -> str:
        """What it said of itself."""
        return (self.folder / "agent.log").read_text(encoding="utf-8")

    def cloned(self, folder: Path) -> "Machine":
        """Another machine with a copy of this one's card: settings, key, spool, all of it."""
        shutil.copytree(self.folder, folder)
        for path in (folder / "agent.toml", folder / "card" / "card.toml"):
            if path.exists():
                text = path.read_text(encoding="utf-8")
                path.write_text(text.replace(str(self.folder), str(folder)), encoding="utf-8")
        return Machine(folder)


class Deployed:
    """The district's server. `broker` is there inside `running`."""

    broker: Mosquitto

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.argv = [sys.executable, "-m", "collector.cli", "--data", str(self.data)]
        self.data.mkdir(parents=True)
        write_lincoln(Home(self.data), "America/Chicago")

    def say(self, *argv: str, code: int = 0) -> Any:
        """What `firstbell` answers."""
        return say(*self.argv, *argv, *(["--json"] if code == 0 else []), code=code)

    def sign(self) -> None:
        """Authority and certificates, as the roles make them."""
        if not (self.data / "ca").exists():
            self.say("authority", "make")
        shutil.copy(ROLE / "files" / "firstbell.acl", self.data / "ca")
        self.say("authority", "server", "localhost", "--out", str(self.data / "broker"))
        self.say("authority", "program", "--out", str(self.data))
        self.say("authority", "server", "localhost", "--out", str(self.data / "web"))
        self.give_the_broker()

    def give_the_broker(self) -> None:
        """What `firstbell-revoked.service` installs before it starts the broker anew."""
        for kind in ("pem", "key"):
            shutil.copy(self.data / "broker" / f"localhost.{kind}", self.data / "ca" / f"broker.{kind}")

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[str]"]:
        """Broker and collector run; boxes' cards name them."""
        with mosquitto(self.folder, *settings_of(self.data / "ca")) as self.broker:
            settings = self.data / "collector.toml"
            own = (
                f'[broker]\nhost = "localhost"\nport = {self.broker.port}\nca_file = "ca/ca.pem"\n'
                'cert_file = "firstbell_collector.pem"\nkey_file = "firstbell_collector.key"\n'
                '[web]\nhost = "0.0.0.0"\nport = 0\n'
                'cert_file = "web/localhost.pem"\nkey_file = "web/localhost.key"\n'
            )
            settings.write_text(own, encoding="utf-8")
            with process(
                [*self.argv, "collector", "run", "--json"], self.folder / "collector.log"
            ) as running:
                assert running.stdout
                port = json.loads(running.stdout.readline())["web_port"]
                at = f'[enrol]\ncollector = "https://localhost:{port}"\nbroker = "localhost"\n'
                settings.write_text(f"{own}{at}broker_port = {self.broker.port}\n", encoding="utf-8")
                yield running

    def machine(self, name: str = "box", *options: str) -> Machine:
        """A machine with a fresh card for the district's box."""
        machine = Machine(self.folder / name)
        self.say("box", "card", BOX, "--out", str(machine.folder / "card"), *options)
        return machine

    def reports(self) -> int:
        """How many reports are kept."""
        with closing(Reads(open_journal(self.data / "journal.db"))) as reads:
            return reads.counts().reports

    def state(self) -> BoxState:
        """How the one box stands."""
        with closing(Reads(open_journal(self.data / "journal.db"))) as reads:
            (state,) = reads.boxes()
            return state

    def wait_for_more(self, than: int = 0) -> int:
        """Wait until more reports are kept; how many."""
        wait_until(lambda: self.reports() > than, "reports arrive")
        return self.reports()

    def log(self) -> str:
        """What the collector said of itself."""
        return (self.folder / "collector.log").read_text(encoding="utf-8")
