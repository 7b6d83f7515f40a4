"""The engine `speedtest` where a child of the probe can't show it: starved of threads, watched by its port."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import msgspec
import pytest

from agent.load.engines import speedtest
from agent.load.engines.base import Request, Result
from agent.machine.machine import Machine
from firstbell.report import Status
from tests.support.namespace import run_there
from tests.support.speedtest_server import Behaviour, SpeedtestServer
from tests.support.web import serving

Start = Callable[[Behaviour], SpeedtestServer]

_STARVED = """
import resource, sys, threading
import msgspec
from agent.load.engines.base import Request
from agent.load.engines.speedtest import run
from agent.machine.machine import Machine
gibibyte = 1 << 30
threading.stack_size(gibibyte)
resource.setrlimit(resource.RLIMIT_AS, (int(3.6 * gibibyte), int(3.6 * gibibyte)))
result = run(Request(max_bytes=20_000_000, max_seconds=15, secure=False), Machine.real())
sys.stdout.buffer.write(msgspec.json.encode(result))
sys.stdout.flush()
import os
os._exit(0)
"""

# The loopback is one port, and whatever other tests send through it counts: here it is nobody else's.
_ALONE = """
import os, sys
import msgspec
from agent.load.engines.base import Request
from agent.load.engines.speedtest import run
from agent.machine.machine import Machine
from tests.support.speedtest_server import Behaviour, SpeedtestServer
with SpeedtestServer(Behaviour(down_rate=5e6, up_rate=5e6)) as server:
    os.environ |= server.environment()
    result = run(Request(max_bytes=50_000_000, max_seconds=20, interface="lo", secure=False), Machine.real())
    sys.stdout.buffer.write(msgspec.json.encode(result))
"""


@pytest.fixture
def excepthook(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine sets the process's hook for faults in threads: put it back."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of address space is Linux's")
def test_a_library_that_gets_no_thread_does_not_hang(speedtest_server: Start) -> None:
    """With room for three stacks the library's fourth thread can't start: that is told, and at once.

    The library itself would wait for that thread for ever, and the deadline would speak of time instead.
    """
    speedtest_server(Behaviour(seconds=5))
    ended = subprocess.run([sys.executable, "-c", _STARVED], capture_output=True, check=True, timeout=60)
    result = json.loads(ended.stdout)
    assert (result["status"], result["reason"]) == ("failed", "the test needed more memory than it may have")


def test_alone_on_the_port() -> None:
    """The test's own bytes are no cross traffic; the server is known to be this machine."""
    result = msgspec.json.decode(run_there(_ALONE), type=Result)
    assert result.status is Status.OK
    assert result.cross_traffic_pct is not None
    assert result.cross_traffic_pct < 5
    assert result.to_self
    assert result.own_processor_pct > 0


@pytest.mark.usefixtures("excepthook")
def test_a_neighbour_on_the_port_is_noticed(speedtest_server: Start) -> None:
    """Somebody else who fetches at least as much through the same port is more than a tenth of it."""
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        while not over.wait(0.005):
            connection.sendall(bytes(50_000))

    def fetch(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            while sock.recv(1 << 16):
                pass

    speedtest_server(Behaviour(down_rate=5e6, up_rate=5e6))
    with serving(answer) as port:
        neighbour = threading.Thread(target=fetch, args=(port,))
        neighbour.start()
        request = Request(max_bytes=50_000_000, max_seconds=20, interface="lo", secure=False)
        result = speedtest.run(request, Machine.real())
        over.set()
        neighbour.join(10)
    assert result.cross_traffic_pct is not None
    assert result.cross_traffic_pct > 10


@pytest.mark.usefixtures("excepthook")
def test_a_server_that_breaks_off_some_transfers_has_faltered(speedtest_server: Start) -> None:
    """One picture in forty comes short: the rate is told, and that the server faltered."""
    speedtest_server(Behaviour(short_pictures=1))
    result = speedtest.run(Request(max_bytes=500_000_000, max_seconds=20, secure=False), Machine.real())
    assert (result.status, result.faltered) == (Status.OK, ("down",))


@pytest.mark.usefixtures("excepthook")
def test_a_plan_that_would_fill_the_memory_is_cut_to_size(speedtest_server: Start) -> None:
    """A configuration that asks for 9 GB of uploads and thousands of streams gets what is reasonable."""
    server = speedtest_server(Behaviour(threads=50_000, rounds=1000))
    result = speedtest.run(Request(max_bytes=60_000_000, max_seconds=20, secure=False), Machine.real())
    assert result.status is Status.OK
    assert result.up_mbps is not None
    assert server.paths.count("/speedtest/upload.php") <= 54


@pytest.mark.usefixtures("excepthook")
def test_no_time_to_load_the_line_is_said_so(speedtest_server: Start) -> None:
    """With less than two seconds a direction nothing is loaded."""
    server = speedtest_server(Behaviour())
    result = speedtest.run(Request(max_bytes=60_000_000, max_seconds=3, secure=False), Machine.real())
    assert result.status is Status.TIMEOUT
    assert result.reason == "to find a test server took all the time of the test"
    assert server.sent == 0
