"""A figure, all the way: the district's key, a reference server, the coordinator's lease and ticket, a box, the journal."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from collector.store.journal import open_journal
from collector.store.leases import Kept
from collector.store.reads import Reads
from firstbell.report import Segment, Status, Stored
from tests.collector.workbench import free_port
from tests.end_to_end.test_check_now import ROOT, running
from tests.support.clocks import evening
from tests.support.mosquitto import mosquitto

pytestmark = [pytest.mark.timeout(120), pytest.mark.alone]
SCHOOLS = "id,name,students\nlincoln,Lincoln High,900\n"
CIRCUITS = "id,kind,down_mbps,schools\nline,internet,1000,lincoln\n"
SEATS = "agent,school,circuit\nlincoln-1,lincoln,line\n"


def firstbell(data: Path, *words: str) -> str:
    """What a command says."""
    done = subprocess.run(
        [sys.executable, "-m", "collector.cli", "--data", str(data), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A district of one school and one box, and its collector's settings but for the broker."""
    district = tmp_path / "data" / "district"
    district.mkdir(parents=True)
    (district / "district.toml").write_text(f'tz = "{evening()}"\n', encoding="utf-8")
    for name, text in (("schools.csv", SCHOOLS), ("circuits.csv", CIRCUITS), ("seats.csv", SEATS)):
        (district / name).write_text(text, encoding="utf-8")
    return district.parent


@pytest.fixture
def tests(data: Path, tmp_path: Path) -> Iterator[Reads]:
    """Broker, collector, reference server and box as processes, and the journal to look at."""
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path))
        (data / "collector.toml").write_text(
            f"[broker]\nport = {broker.port}\n[web]\nport = {free_port()}\n", encoding="utf-8"
        )
        stack.enter_context(running("collector.cli", "--data", str(data), "collector", "run", "--json"))
        key = tmp_path / "district.pub"
        key.write_text(firstbell(data, "ticket", "key"), encoding="ascii")
        ready = stack.enter_context(
            running(
                *("agent.cli", "serve", "--name", "hub", "--key", str(key)),
                *("--host", "127.0.0.1", "--port", "0", "--json"),
            )
        )
        (tmp_path / "agent.toml").write_text(
            '[box]\nname = "lincoln-1"\n[probes]\noff = ["internet", "latency"]\nfirst_now = true\n'
            f"[broker]\nport = {broker.port}\n"
            "[ceilings.throughput]\nmax_bytes = 60_000_000\nmax_seconds = 8\n"
            f'[[servers]]\nname = "hub"\nhost = "127.0.0.1"\nport = {json.loads(ready)["port"]}\n',
            encoding="utf-8",
        )
        stack.enter_context(running("agent.cli", "--config", str(tmp_path / "agent.toml"), "run", "--json"))
        reads = Reads(open_journal(data / "journal.db"))
        yield reads
        reads.close()


def test_a_leased_figure_reaches_the_journal(tests: Reads, data: Path) -> None:
    """Asked for, granted, measured within the box's ceiling, reported and settled; to this very machine, so no evidence."""
    found: list[Stored] = []

    def came() -> bool:
        found[:] = tests.tests([("lincoln-1", 0, None)], "throughput")
        return bool(found)

    until_s = time.monotonic() + 60
    while not came():
        assert time.monotonic() < until_s, "no throughput test has come"
        time.sleep(0.2)
    report = found[0].report
    assert (report.status, report.reason) == (Status.OK, "")
    assert (report.target, report.engine, report.segment) == ("hub", "own", Segment.SELF)
    readings = report.readings
    used = [readings["bytes_received"], readings["bytes_sent"]]
    assert all(isinstance(count, int) and count > 0 for count in used)
    total = sum(count for count in used if isinstance(count, int))
    assert total <= 60_000_000
    assert {"down_mbps", "up_mbps", "rtt_p50_ms", "server_bytes_sent", "server_bytes_received"} <= set(
        readings
    )
    lease = settled(tests)
    assert (lease.agent, lease.targets, lease.how) == ("lincoln-1", ("hub",), "settled")
    assert lease.max_bytes <= 60_000_000
    assert lease.bytes == total
    left_out = json.loads(firstbell(data, "ask", "lincoln", "--json"))["links"][0]["left_out"]
    assert [(out["reason"], out["checks"]) for out in left_out] == [("self", 1)]


def settled(tests: Reads) -> Kept:
    """The first lease of a throughput test, once it has ended; its box says so beside its report."""
    until_s = time.monotonic() + 20
    while True:
        lease = next(lease for lease in tests.leases(0, 1 << 62) if lease.kind == "throughput")
        if lease.ended_ns is not None:
            return lease
        assert time.monotonic() < until_s, "the lease was not settled"
        time.sleep(0.2)
