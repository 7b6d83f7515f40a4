"""The collector's disk dies: last night's backup, the boxes' seven days, and not a report is gone."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from collector.config import Home
from tests.deploy.house import ROLE, settings_of
from tests.end_to_end.test_enrol import running, say
from tests.end_to_end.test_up import write_lincoln
from tests.support.mosquitto import Mosquitto, mosquitto, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

BOXES = ("this-box", "lincoln-2", "lincoln-3")
_FEW = '[probes]\noff = ["host", "internet", "path", "power", "throughput", "capacity"]\nevery_s = { latency = 1, box = 2 }\n'


def firstbell(data: Path) -> list[str]:
    """The district's command."""
    return [sys.executable, "-m", "collector.cli", "--data", str(data)]


def agent(box: Path) -> list[str]:
    """A box's command."""
    return [sys.executable, "-m", "agent.cli", "--config", str(box / "agent.toml")]


def held(data: Path) -> dict[tuple[str, str, int], bytes]:
    """What a journal holds: box, start, number; and the bytes. By SQLite alone."""
    with closing(sqlite3.connect(data / "journal.db")) as db:
        rows = db.execute(
            "SELECT name, epoch, seq, raw FROM reports JOIN agents USING (agent_id) JOIN epochs USING (epoch_id)"
        )
        return {(name, epoch, seq): raw for name, epoch, seq, raw in rows}


def of(box: str, rows: dict[tuple[str, str, int], bytes]) -> int:
    """How many of them are a box's."""
    return sum(name == box for name, _, _ in rows)


def district(data: Path, folder: Path) -> None:
    """A district with an authority, and the broker's files elsewhere: its machine is not the one that dies."""
    write_lincoln(Home(data), "America/Chicago")
    seats = data / "district" / "seats.csv"
    head, row = seats.read_text(encoding="utf-8").splitlines()[:2]
    rows = [row.replace("this-box", name) for name in BOXES]
    seats.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    say(*firstbell(data), "authority", "make", "--json")
    for names, out in (("localhost", folder / "server"), ("localhost", data / "web")):
        say(*firstbell(data), "authority", "server", names, "--out", str(out), "--json")
    say(*firstbell(data), "authority", "program", "--out", str(data), "--json")
    brokers = folder / "broker"
    brokers.mkdir()
    for kind in ("pem", "key"):
        shutil.copy(folder / "server" / f"localhost.{kind}", brokers / f"broker.{kind}")
    shutil.copy(ROLE / "files" / "firstbell.acl", brokers)
    for name in ("ca.pem", "crl.pem"):
        shutil.copy(data / "ca" / name, brokers)


def settle(data: Path, broker: Mosquitto, repository: Path) -> None:
    """Its settings."""
    (data / "backup.password").write_text("a password of the district's\n", encoding="ascii")
    (data / "collector.toml").write_text(
        f'[broker]\nhost = "localhost"\nport = {broker.port}\nca_file = "ca/ca.pem"\n'
        'cert_file = "firstbell_collector.pem"\nkey_file = "firstbell_collector.key"\n'
        '[web]\nhost = "0.0.0.0"\nport = 0\ncert_file = "web/localhost.pem"\nkey_file = "web/localhost.key"\n'
        f'[keep]\nrepository = "{repository}"\n'
        f'[enrol]\nbroker = "localhost"\nbroker_port = {broker.port}\n',
        encoding="utf-8",
    )


def collector(data: Path, stack: ExitStack) -> tuple[subprocess.Popen[str], int]:
    """A collector that runs, and its pages' port."""
    process = stack.enter_context(running([*firstbell(data), "collector", "run", "--json"]))
    port = json.loads(process.stdout.readline())["web_port"]  # type: ignore[union-attr]
    return process, port


def let_in(data: Path, port: int, folder: Path) -> None:
    """Each box gets its certificate."""
    settings = data / "collector.toml"
    text = settings.read_text(encoding="utf-8").replace(
        "[enrol]\n", f'[enrol]\ncollector = "https://localhost:{port}"\n'
    )
    settings.write_text(text, encoding="utf-8")
    for name in BOXES:
        box = folder / name
        say(*firstbell(data), "box", "card", name, "--out", str(box / "card"), "--automatic", "--json")
        say(*agent(box), "enrol", str(box / "card" / "card.toml"), "--once", "--json")
        with (box / "agent.toml").open("a", encoding="utf-8") as more:
            more.write(_FEW)


def returned(data: Path) -> dict[str, Any]:
    """How far boxes are, as status says."""
    found: dict[str, Any] = say(*firstbell(data), "status", "--json")["restored"]
    return found


def test_a_disk_dies_and_nothing_is_lost(tmp_path: Path) -> None:
    """A backup, more reports that were acknowledged, the disk is gone: all of them come again, and are counted."""
    old, new, repository = tmp_path / "old", tmp_path / "new", tmp_path / "elsewhere"
    district(old, tmp_path)
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path, *settings_of(tmp_path / "broker")))
        settle(old, broker, repository)
        process, port = collector(old, stack)
        let_in(old, port, tmp_path)
        boxes = {
            name: stack.enter_context(running([*agent(tmp_path / name), "run", "--json"])) for name in BOXES
        }
        wait_until(lambda: all(of(name, held(old)) > 2 for name in BOXES), "all boxes report")
        say(*firstbell(old), "backup", "--now", "--json")
        then = held(old)
        wait_until(lambda: all(of(n, held(old)) > of(n, then) + 5 for n in BOXES), "more came after it")
        process.send_signal(signal.SIGKILL)
        process.wait()
        acknowledged = held(old)
        boxes["lincoln-3"].terminate()
        boxes["lincoln-3"].wait(20)
        shutil.rmtree(old)

        where = ("--from", str(repository), "--password-file", str(tmp_path / "pw"))
        (tmp_path / "pw").write_text("a password of the district's\n", encoding="ascii")
        say(*firstbell(new), "restore", "--backup", "latest", *where, "--json")
        saved = held(new)
        lost = acknowledged.keys() - saved.keys()
        assert len(lost) > 10
        collector(new, stack)
        wait_until(lambda: returned(new)["back"] == 2, "two boxes are back")
        assert [each["box"] for each in returned(new)["absent"]] == ["lincoln-3"]
        # The broker may have had something of it still, which leaves a hole; it is named either way.
        assert "Not yet: lincoln-3 (" in returned(new)["sentence"]
        stack.enter_context(running([*agent(tmp_path / "lincoln-3"), "run", "--json"]))
        watched = subprocess.run(
            [*firstbell(new), "restore", "--watch"], capture_output=True, text=True, timeout=60, check=True
        )
        said = returned(new)
        assert watched.stdout.splitlines()[-1].endswith(said["sentence"])
        assert said["sentence"].startswith(
            f"3 of 3 boxes have sent what they kept: {said['again']:,} reports"
        )
        now = held(new)
    assert not [key for key in acknowledged if now.get(key) != acknowledged[key]]
    # Every one of those, and what was measured while there was no collector.
    measured = [json.loads(raw)["at_ns"] for key, raw in now.items() if key not in saved]
    assert said["again"] == sum(at_ns < said["at_ns"] for at_ns in measured) >= len(lost)
