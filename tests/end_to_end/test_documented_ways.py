"""A collector and a box as docs/by-hand.md and docs/settings.md set them up: their own words are the settings here."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.collector.workbench import free_port, wait_until
from tests.support import tls_server

ROOT = Path(__file__).parents[2]
PASSWORDS = {"collector": "one", "lincoln-1": "two", "roosevelt-1": "three"}
ONLY_HERE = """
[probes]
off = ["internet"]
first_now = true

[[targets]]
name = "here"
host = "127.0.0.1"
segment = "self"
"""
"""What the documented box has not: it looks at this machine alone."""

pytestmark = pytest.mark.timeout(120)


def documented(page: str, begins: str) -> str:
    """The fenced block of a page that begins with these words."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if block.startswith(begins)]
    return block


class District:
    """The broker, the data folder and the box's folder, laid out as documented."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder, self.data, self.box = folder, folder / "data", folder / "box"
        self.certificate, self.key, self.ca = tls_server.certificates(folder)
        self._broker_files()
        self.data.mkdir()
        shutil.copytree(ROOT / "docs" / "example" / "district", self.data / "district")
        self._settings(
            self.data / "collector.toml", documented("docs/settings.md", "# collector.toml"), "collector"
        )
        self.box.mkdir()
        agent_toml = documented("docs/settings.md", "# agent.toml") + ONLY_HERE
        self._settings(self.box / "agent.toml", agent_toml, "lincoln-1")

    def _broker_files(self) -> None:
        (self.folder / "acl").write_text(documented("docs/by-hand.md", "user collector"), encoding="utf-8")
        (self.folder / "passwords").touch(mode=0o600)
        for name, password in PASSWORDS.items():
            subprocess.run(
                ["mosquitto_passwd", "-b", str(self.folder / "passwords"), name, password], check=True
            )
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\ncafile {self.ca}\ncertfile {self.certificate}\n"
            f"keyfile {self.key}\nallow_anonymous false\npassword_file {self.folder / 'passwords'}\n"
            f"acl_file {self.folder / 'acl'}\npersistence false\nuser root\n",
            encoding="utf-8",
        )

    def _settings(self, path: Path, text: str, user: str) -> None:
        """Documented settings with this broker's name and port and this web server's in place of theirs."""
        text = text.replace("firstbell.example.org", "localhost").replace("8883", str(self.port))
        path.write_text(text.replace("9464", str(free_port())), encoding="utf-8")
        shutil.copy(self.ca, path.parent / "ca.pem")
        (password_file,) = re.findall(r'password_file = "(.*)"', text)
        (path.parent / password_file).write_text(PASSWORDS[user] + "\n", encoding="utf-8")

    def firstbell(self, *arguments: str) -> Any:
        """What a command of the collector's says, as JSON."""
        return self._said("collector.cli", "--data", str(self.data), *arguments, "--json")

    def agent(self, *arguments: str) -> Any:
        """What a command of the box's says, as JSON."""
        return self._said("agent.cli", "--config", str(self.box / "agent.toml"), *arguments, "--json")

    def _said(self, *argv: str) -> Any:
        ended = subprocess.run(
            [sys.executable, "-m", *argv], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return json.loads(ended.stdout)

    def publish(self, user: str, topic: str, payload: bytes) -> None:
        """Say something as one of the broker's users, and see that the broker has heard it."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.tls_set(ca_certs=str(self.ca))
        client.username_pw_set(user, PASSWORDS[user])
        client.connect("localhost", self.port)
        client.loop_start()
        client.publish(topic, payload, qos=1).wait_for_publish(20)
        client.disconnect()
        client.loop_stop()


@contextmanager
def running(*argv: str) -> Iterator[None]:
    """A program while it is needed, from its first word on if it says one."""
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            if argv[0] == sys.executable:
                assert process.stdout.readline()
            yield
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    """Broker, collector and box, running."""
    laid_out = District(tmp_path)
    python, data, box = sys.executable, str(laid_out.data), str(laid_out.box / "agent.toml")
    mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert mosquitto
    with ExitStack() as stack:
        stack.enter_context(running(mosquitto, "-c", str(tmp_path / "mosquitto.conf")))
        stack.enter_context(
            running(python, "-m", "collector.cli", "--data", data, "collector", "run", "--json")
        )
        stack.enter_context(running(python, "-m", "agent.cli", "--config", box, "run", "--json"))
        yield laid_out


def probes_of(district: District) -> set[str]:
    """The probes that the collector has heard of."""
    return {m["probe"] for box in district.firstbell("status")["boxes"] for m in box["measurements"]}


def test_a_box_elsewhere_reports_as_documented(district: District) -> None:
    """Settings, list of topics and passwords of the pages bring a box's reports into the journal, over TLS."""
    wait_until(lambda: probes_of(district) >= {"box", "host", "latency"}, "each probe is heard")
    wait_until(lambda: bool(district.agent("spool")["waiting"] == 0), "all of it is answered")
    (box,) = district.firstbell("status")["boxes"]
    assert box["name"] == "lincoln-1"
    assert (box["missing"], box["lost"], box["refused"]) == (0, 0, 0)
    assert all(line["ok"] for line in district.agent("check").values())
    answer = district.firstbell("ask", "Lincoln High", "--model", "flex")
    assert answer["paper"]["state"] == "just_short"


def test_no_box_speaks_for_another_as_documented(district: District) -> None:
    """With the documented list of topics, what a box says on another's topic never reaches the collector."""
    wait_until(lambda: bool(district.firstbell("status")["boxes"]), "the collector hears")
    district.publish("roosevelt-1", "firstbell/v1/lincoln-1/report", b"in another's name")
    district.publish("roosevelt-1", "firstbell/v1/roosevelt-1/report", b"in its own name")
    wait_until(lambda: bool(district.firstbell("quarantine")), "its own word is heard")
    assert [(row["agent"], row["raw"]) for row in district.firstbell("quarantine")] == [
        ("roosevelt-1", "in its own name")
    ]
