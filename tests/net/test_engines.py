"""Engines of others on a line with a real delay: within 5 % of what the line gives, as the own one within 2 %."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from agent.load.engines.base import Peer, Request, Result
from tests.net.host import Host, need_network
from tests.net.net import Line, Net
from tests.support.reference import District

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.alone]
MB = 1_000_000
_RUN = """
import sys, msgspec
from agent.load.engines.base import Request
from agent.load.engines.{engine} import run
from agent.machine.machine import Machine
sys.stdout.buffer.write(msgspec.json.encode(run(msgspec.json.decode(sys.stdin.read(), type=Request), Machine.real())))
sys.stdout.flush()
import os
os._exit(0)
"""


@contextmanager
def serving(host: Host, argv: list[str], sign: str) -> Iterator[None]:
    """A server in another host of the network, once it has said that it is ready."""
    server = host.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout is not None
    try:
        while sign not in (line := server.stdout.readline()):
            assert line, f"{argv} ended"
        yield
    finally:
        server.kill()
        server.wait(10)
        server.stdout.close()


def run(host: Host, engine: str, peer: Peer) -> Result:
    """One test by that engine from the box's place."""
    asked = Request(max_bytes=400 * MB, max_seconds=30, server=peer, expected_mbps=100, secure=False)
    done = host.run(
        [sys.executable, "-c", _RUN.format(engine=engine)],
        input=msgspec.json.encode(asked).decode(),
        timeout=60,
    )
    return msgspec.json.decode(done.stdout, type=Result)


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    """100 Mbit/s down, 40 up, 30 ms."""
    need_network()
    with Net() as net, net.line(down_mbps=100, up_mbps=40, rtt_ms=30) as made:
        yield made


def near(result: Result, line: Line) -> None:
    """Within 5 % of what a perfect test would see, both ways."""
    assert result.status == "ok", result.reason
    assert result.down_mbps == pytest.approx(line.goodput_mbps("down"), rel=0.05)
    assert result.up_mbps == pytest.approx(line.goodput_mbps("up"), rel=0.05)


def test_iperf3_sees_what_the_line_gives(line: Line) -> None:
    """The program itself, eight streams, its warm-up left out."""
    server: Host = line.server
    with serving(server, ["iperf3", "--server", "--forceflush"], "listening"):
        near(run(line.client, "iperf3", Peer(name="i", host=server.address)), line)


def test_librespeed_sees_what_the_line_gives(line: Line, tmp_path: Path) -> None:
    """Against our own reference server's open paths: goodput, not LibreSpeed's 1.06 of it."""
    server: Host = line.server
    key = District(tmp_path).key_file
    argv = [sys.executable, "-m", "agent.cli", "serve", "--name", "hub", "--key", str(key), "--json"]
    with serving(server, [*argv, "--host", server.address, "--open", "10.0.0.0/8"], "ready"):
        url = f"http://{server.address}:8831/"
        near(run(line.client, "librespeed", Peer(name="l", url=url)), line)


def test_ndt7_sees_what_one_flow_gets(line: Line) -> None:
    """One flow alone, counted down by the box and up by the server."""
    server: Host = line.server
    program = (
        "import time; from tests.support import foreign_servers as f; f.HOST = '0.0.0.0'; f.PORT = 8080\n"
        "with f.ndt7():\n    print('ready', flush=True)\n    time.sleep(90)"
    )
    with serving(server, [sys.executable, "-c", program], "ready"):
        near(run(line.client, "ndt7", Peer(name="n", host=server.address, port=8080)), line)
