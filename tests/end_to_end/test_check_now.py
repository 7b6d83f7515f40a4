"""Check now, all the way: the page's button, a broker, a box's process, and its look back on the page."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from collector.store.journal import open_journal
from tests.collector.workbench import free_port, wait_until
from tests.support.mosquitto import mosquitto

ROOT = Path(__file__).parents[2]
PAGE = "/rooms/lincoln/204"
FILES = {
    "schools.csv": "id,name,students\nlincoln,Lincoln High,900\n",
    "circuits.csv": "id,kind,down_mbps,schools\nline,internet,1000,lincoln\n",
    "seats.csv": "agent,school,room,circuit\nlincoln-1,lincoln,204,line\n",
}

pytestmark = pytest.mark.timeout(120)


@contextmanager
def running(*argv: str) -> Iterator[str]:
    """A program from its first line on, which is given."""
    command = [sys.executable, "-m", *argv]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one school, its room 204 and the box in it."""
    district = tmp_path / "data" / "district"
    district.mkdir(parents=True)
    for name, text in FILES.items():
        (district / name).write_text(text, encoding="utf-8")
    return district.parent


@pytest.fixture
def site(data: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    """Broker, collector and box as processes; the box looks by itself but once an hour."""
    port = free_port()
    (tmp_path / "agent.toml").write_text(
        '[box]\nname = "lincoln-1"\n[probes]\noff = ["internet"]\nfirst_now = true\n'
        "every_s = { latency = 3600, host = 3600, box = 3600 }\n"
        '[[targets]]\nname = "here"\nhost = "127.0.0.1"\nsegment = "site"\n[broker]\nport = ',
        encoding="utf-8",
    )
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path))
        (data / "collector.toml").write_text(
            f"[broker]\nport = {broker.port}\n[web]\nport = {port}\n", encoding="utf-8"
        )
        with (tmp_path / "agent.toml").open("a", encoding="utf-8") as settings:
            settings.write(f"{broker.port}\n")
        stack.enter_context(running("collector.cli", "--data", str(data), "collector", "run", "--json"))
        stack.enter_context(running("agent.cli", "--config", str(tmp_path / "agent.toml"), "run", "--json"))
        yield stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False)
        )


def heard_ns(site: httpx.Client) -> int:
    """When the box's last look arrived; 0 before the first."""
    return int(site.get(f"/api/v1{PAGE}").json()["heard_ns"] or 0)


def test_check_now_brings_a_look_that_was_not_due(site: httpx.Client, data: Path) -> None:
    """By the button of the page, and a second time within the minute the same look is shown.

    The second time in a terminal, which finds the collector where it serves, not where the settings say.
    """
    wait_until(lambda: heard_ns(site) > 0, "the box's first look")
    wait_until(lambda: bool(site.get("/healthz").json()["broker_connected"]), "the broker lets us hear")
    first = heard_ns(site)
    where = site.post(f"{PAGE}/check").headers["location"]
    asked_ns = int(re.search(r"since=(\d+)", where)[1])  # type: ignore[index]
    assert asked_ns > first
    wait_until(lambda: heard_ns(site) >= asked_ns, "the box looked again")
    assert "Checked." in site.get(where).text
    settings = (data / "collector.toml").read_text(encoding="utf-8")
    served = f"port = {site.base_url.port}"
    moved = settings.replace(served, f"port = {free_port()}")
    assert moved != settings
    (data / "collector.toml").write_text(moved, encoding="utf-8")
    again = subprocess.run(
        [sys.executable, "-m", "collector.cli", "--data", str(data), "room", "lincoln", "204", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert "By cable, box lincoln-1" in again.stdout


def test_without_a_collector_the_terminal_says_so(data: Path) -> None:
    """Nobody is asked, and no traceback says it."""
    (data / "collector.toml").write_text(f"[web]\nport = {free_port()}\n", encoding="utf-8")
    open_journal(data / "journal.db")
    asked = subprocess.run(
        [sys.executable, "-m", "collector.cli", "--data", str(data), "room", "lincoln", "204", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.returncode == 1
    assert "no collector answers" in asked.stderr
