"""A whole district on loopback, for boxes behind middleboxes: its authority, its deployed broker, its collector."""

import json
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agent import enrol
from agent.enrol import Card
from agent.identity import Identity
from collector import registry
from collector.config import Home
from collector.identity import authority
from collector.identity.registrar import Registrar
from collector.store.journal import open_journal
from collector.store.reads import Reads
from firstbell.catalogue import PROBES
from firstbell.enrolment import Granted
from tests.deploy.house import ROLE, settings_of
from tests.support.mosquitto import mosquitto

HOST = "firstbell.district.example"
"""Broker and collector, as the district's boxes know them."""
YEARS = 5
"""How far ahead the world is of a box whose clock stands still."""


class LittleDistrict:
    """What runs, and what its certificates are. `broker` and `web` are ports on 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.now_ns = time.time_ns()  # noqa: TID251 - the machine's
        self.signs = authority.make(folder, "Example", self.now_ns)
        self.signs.publish((), self.now_ns)
        self.broker = self.web = 0
        self.stop_broker: Callable[[], None]
        shutil.copy(ROLE / "files" / "firstbell.acl", folder / "ca")
        self._certificate("ca/broker", 0)
        self._certificate("web", 0)
        self._certificate("later", YEARS)
        issued, key = self.signs.for_client("firstbell_collector", self.now_ns)
        (folder / "collector.pem").write_text(issued.pem, encoding="ascii")
        (folder / "collector.key").write_text(key, encoding="ascii")

    @property
    def ca_file(self) -> Path:
        """Whom boxes believe."""
        return self.home.folder / "ca" / "ca.pem"

    def _certificate(self, name: str, years: int) -> None:
        begins_ns = self.now_ns + years * 365 * 86_400 * 10**9
        issued, key = self.signs.for_server([HOST, "localhost", "127.0.0.1"], begins_ns)
        (self.home.folder / f"{name}.pem").write_text(issued.pem, encoding="ascii")
        (self.home.folder / f"{name}.key").write_text(key, encoding="ascii")

    def believed(self) -> ssl.SSLContext:
        """A client that believes the district's authority."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def shown(self, name: str) -> ssl.SSLContext:
        """A server that shows the district's certificate `name`."""
        return server_context(self.home.folder / f"{name}.pem", self.home.folder / f"{name}.key")

    def enrol(self, agent: str, folder: Path, *, at_school: bool = True) -> Path:
        """Let a box in, as on the bench; its settings, quick and quiet, for a school or for this very machine."""
        registrar = Registrar(open_journal(self.home.journal), self.signs, self.home.clock)
        _, token = registrar.offer(agent, automatic=True)
        card = Card(collector=f"https://localhost:{self.web}", broker=HOST, token=token)
        identity = Identity(folder / "identity")
        granted = enrol.ask(card, identity, self.believed())
        assert isinstance(granted, Granted)
        identity.take(granted)
        here = Card(collector=f"https://localhost:{self.web}", broker="localhost", broker_port=self.broker)
        there = Card(collector=f"https://{HOST}", broker=HOST)
        text = enrol.settings_for(there if at_school else here, agent, identity.folder)
        others = sorted(PROBES.keys() - {"host"})
        (folder / "agent.toml").write_text(
            text.replace("[broker]\n", "[broker]\nreconnect_s = [1, 2]\n")
            + f"patience_s = [6.0, 9.0]\n[clock]\nask_time_after_s = 0.0\n[probes]\noff = {others}\n",
            encoding="utf-8",
        )
        return folder / "agent.toml"

    def heard_of(self) -> set[str]:
        """The boxes whose reports are in the journal."""
        with closing(Reads(open_journal(self.home.journal))) as reads:
            return {box.agent for box in reads.boxes() if box.reports}

    def settings(self) -> None:
        """The collector's, with the broker's port in it."""
        self.home.settings.write_text(
            f'[broker]\nhost = "localhost"\nport = {self.broker}\nca_file = "ca/ca.pem"\n'
            'cert_file = "collector.pem"\nkey_file = "collector.key"\n'
            '[web]\nhost = "0.0.0.0"\nport = 0\ncert_file = "web.pem"\nkey_file = "web.key"\n'
            f'[enrol]\ncollector = "https://{HOST}"\nbroker = "{HOST}"\n',
            encoding="utf-8",
        )


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@contextmanager
def little_district(folder: Path) -> Iterator[LittleDistrict]:
    """It runs: mosquitto as the role deploys it, and `firstbell collector run`."""
    made = LittleDistrict(folder)
    registry.write_example(
        made.home.district,
        school_name="Lincoln High",
        people=100,
        down_mbps=100,
        up_mbps=None,
        agent="box-1",
        tz="UTC",
    )
    with mosquitto(folder, *settings_of(folder / "ca")) as broker:
        made.broker, made.stop_broker = broker.port, broker.kill
        made.settings()
        collector = subprocess.Popen(
            [sys.executable, "-m", "collector.cli", "--data", str(folder), "collector", "run", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert collector.stdout
            made.web = json.loads(collector.stdout.readline())["web_port"]
            yield made
        finally:
            collector.terminate()
            collector.wait(20)
            assert collector.stdout
            collector.stdout.close()
