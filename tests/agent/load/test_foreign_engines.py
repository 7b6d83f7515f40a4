"""Servers of others: each good test has its figures, and each way to fail its status and its reason."""

import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.load import apart
from agent.load.engines import iperf3, librespeed, ndt7
from agent.load.engines.base import Peer, Request, Result
from agent.machine.commands import Ended, NotInstalledError
from agent.machine.machine import Machine
from firstbell import catalogue
from firstbell.report import Status
from tests.support import foreign_servers
from tests.support.foreign_servers import Behaviour

pytestmark = pytest.mark.alone

MB = 1_000_000
MACHINE = Machine.real()


def request(peer: Peer, *, max_mb: float = 60, max_seconds: float = 6.0) -> Request:
    """A test of a few seconds at most."""
    return Request(
        max_bytes=round(max_mb * MB), max_seconds=max_seconds, interface="lo", server=peer, secure=False
    )


def credible(result: Result) -> None:
    """All that it says is in the catalogue, within its bounds, and names nobody's address."""
    for name, value in result.more.items():
        assert name in catalogue.PROBES["throughput"].metrics
        assert catalogue.complaint(name, value) is None, (name, value)
    assert foreign_servers.PUBLIC_ADDRESS not in str(result)


# --- LibreSpeed -----------------------------------------------------------------------------------------


def libre(url: str, **bounds: float) -> Result:
    """One test against LibreSpeed at that address."""
    result = librespeed.run(request(Peer(name="libre", url=url), **bounds), MACHINE)
    credible(result)
    return result


def test_librespeed_has_the_same_figures_as_any_engine() -> None:
    """Both ways, idle round trips, quantiles, streams and bytes; how true the rate is a real line shows (tests/net)."""
    with foreign_servers.librespeed(Behaviour(rate=1 * MB)) as (url, counts):
        result = libre(url, max_seconds=12)
    assert result.status is Status.OK, result.reason
    streams = result.more["down_streams"]
    assert isinstance(streams, int)
    assert result.down_mbps == pytest.approx(8.0 * streams, rel=0.2)
    assert result.up_mbps is not None
    assert result.bytes_received is not None
    assert result.bytes_received >= counts.sent * 0.8
    assert result.to_self
    assert {"rtt_p50_ms", "down_p50_mbps", "up_half_width_mbps", "loaded_s"} <= set(result.more)


@pytest.mark.parametrize("folder", ["", "backend/"])
def test_its_files_are_found_below_the_address(folder: str) -> None:
    """With or without the folder that LibreSpeed's own servers have."""
    with foreign_servers.librespeed(Behaviour(rate=5 * MB)) as (url, counts):
        assert libre(f"{url}{folder}", max_mb=5).down_mbps
    assert {path for path in counts.paths if path.startswith("/backend/")} == {
        "/backend/empty.php",
        "/backend/garbage.php",
    }


def test_a_fast_server_is_cut_at_the_ceiling() -> None:
    """Loopback's gigabits end within the bytes that were allowed, and say that it was the cap."""
    with foreign_servers.librespeed() as (url, counts):
        result = libre(url, max_mb=40)
    assert result.capped == ("down", "up")
    assert result.bytes_received is not None
    assert result.bytes_sent is not None
    # One read of each connection may be under way at that moment.
    assert result.bytes_received + result.bytes_sent <= 40 * MB + 16 * (1 << 18)
    assert counts.received < 30 * MB


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        (Behaviour(status=403), Status.FAILED, "the test server answered with status 403"),
        (Behaviour(portal=True), Status.FAILED, "a sign-in page, a filter?"),
        (Behaviour(below="/elsewhere/"), Status.FAILED, "the test server answered with status 404"),
        (Behaviour(dies_after=0), Status.FAILED, "broken off"),
        (Behaviour(stalls_after=0), Status.TIMEOUT, "not one byte was carried"),
    ],
    ids=["403", "portal", "no files", "dies", "stalls"],
)
def test_each_way_librespeed_fails_has_its_reason(behaviour: Behaviour, status: Status, reason: str) -> None:
    """Refused, a portal's page, no such files, dead at once, silent: said in words, and no figure is made up."""
    with foreign_servers.librespeed(behaviour) as (url, _):
        result = libre(url)
    assert (result.status, result.down_mbps) == (status, None)
    assert reason in result.reason


def test_a_server_that_dies_half_way_is_no_measure_of_the_line() -> None:
    """What it carried until then is at least there; it is said that the server faltered or that a cap ended it."""
    with foreign_servers.librespeed(Behaviour(rate=4 * MB, dies_after=5 * MB)) as (url, _):
        result = libre(url)
    assert result.down_mbps is None or result.faltered or "down" in result.capped


def test_nobody_listens() -> None:
    """A refused connection is told as one."""
    with foreign_servers.librespeed() as (url, _):
        pass
    result = libre(url)
    assert (result.status, result.reason) == (Status.FAILED, "the connection was refused")


# --- ndt7 -----------------------------------------------------------------------------------------------


def mlab(peer: Peer, **bounds: float) -> Result:
    """One test against a server of M-Lab's kind."""
    result = ndt7.run(request(peer, **bounds), MACHINE)
    credible(result)
    return result


def test_ndt7_counts_down_here_and_up_there() -> None:
    """5 MB/s down as it came, 5 MB/s up as the server says that it has received; one connection each way."""
    with foreign_servers.ndt7(Behaviour(rate=5 * MB)) as (port, counts):
        result = mlab(Peer(name="mlab", host="127.0.0.1", port=port), max_seconds=12)
    assert result.status is Status.OK, result.reason
    # A server that sleeps between its pieces gives no more than its pace, and less on a busy machine.
    assert result.down_mbps is not None
    assert result.up_mbps is not None
    assert 10 < result.down_mbps < 42
    assert 10 < result.up_mbps < 42
    assert (result.more["down_streams"], result.more["up_streams"]) == (1, 1)
    assert [path.split("?")[0] for path in counts.paths] == ["/ndt/v7/download", "/ndt/v7/upload"]


def test_the_platform_says_where_to_test_and_gives_leave() -> None:
    """Asked where, with no address of anybody in the question; the leave in its answer goes with the test."""
    with foreign_servers.ndt7(Behaviour(rate=20 * MB)) as (port, counts), foreign_servers.locate(port) as url:
        result = mlab(Peer(name="mlab", url=url), max_mb=5)
    assert result.down_mbps
    assert all(path.endswith("?access_token=leave") for path in counts.paths)


def test_a_server_that_says_nothing_of_what_it_received_gives_no_rate_up() -> None:
    """The socket's own buffer is no receiver: down is told, and why there is no up."""
    with foreign_servers.ndt7(Behaviour(rate=20 * MB, silent=True, seconds=3)) as (port, _):
        result = mlab(Peer(name="mlab", host="127.0.0.1", port=port))
    assert result.down_mbps
    assert result.up_mbps is None
    assert "no rate for the way up" in result.reason


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (Behaviour(locate_status=429), "wants fewer tests"),
        (Behaviour(locate_status=503), "the platform answered with status 503"),
        (Behaviour(portal=True), "a sign-in page, a filter?"),
    ],
    ids=["too many", "503", "portal"],
)
def test_each_way_the_platform_refuses_has_its_reason(behaviour: Behaviour, reason: str) -> None:
    """Too many tests from here, out of order, or a portal in its place."""
    with foreign_servers.locate(1, behaviour) as url:
        result = mlab(Peer(name="mlab", url=url))
    assert result.status is Status.FAILED
    assert reason in result.reason


def test_a_web_server_is_no_ndt7_server() -> None:
    """A page where a WebSocket was asked for is told as what it may be."""
    with foreign_servers.librespeed(Behaviour(portal=True)) as (url, _):
        port = int(url.rstrip("/").rpartition(":")[2])
        result = mlab(Peer(name="mlab", host="127.0.0.1", port=port))
    assert result.status is Status.FAILED
    assert "answered with status 200" in result.reason or "sign-in page" in result.reason


# --- iperf3 ---------------------------------------------------------------------------------------------


@contextmanager
def iperf3_server() -> Iterator[int]:
    """A real iperf3 server on a port that it says is its own."""
    with foreign_servers.librespeed() as (url, _):  # a port that is free once this is gone
        port = int(url.rstrip("/").rpartition(":")[2])
    server = subprocess.Popen(
        ["iperf3", "--server", "--bind", "127.0.0.1", "--port", str(port), "--forceflush"],
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    while b"listening" not in server.stdout.readline().lower():
        assert server.poll() is None
    drain = threading.Thread(target=server.stdout.read, daemon=True)
    drain.start()
    try:
        yield port
    finally:
        server.terminate()
        server.wait(10)
        drain.join(5)
        server.stdout.close()


def iperf(port: int, machine: Machine = MACHINE, *, max_mb: float = 100, stop: bool = False) -> Result:
    """One test against iperf3 at that port of loopback."""
    over = threading.Event()
    if stop:
        threading.Timer(1.0, over.set).start()
    asked = Request(
        max_bytes=round(max_mb * MB),
        max_seconds=30,
        server=Peer(name="iperf", host="127.0.0.1", port=port),
        expected_mbps=100,
    )
    result = iperf3.run(asked, machine, over)
    credible(result)
    return result


@pytest.mark.slow
def test_iperf3_against_its_own_server() -> None:
    """Both ways, eight streams, the receiver's count, the bytes of both ends, in the time that the ceilings allow."""
    with iperf3_server() as port:
        result = iperf(port)
    assert result.status is Status.OK, result.reason
    assert result.down_mbps
    assert result.up_mbps
    assert result.more["down_streams"] == result.more["up_streams"] == 8
    assert result.to_self
    assert {"server_bytes_sent", "server_bytes_received", "up_loaded_rtt_p95_ms"} <= set(result.more)


def test_a_busy_server_is_asked_again_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """iperf3 serves one at a time: four tries with a random wait, then the reason, and no bytes are charged."""
    monkeypatch.setattr(iperf3, "BUSY_WAIT_S", 0.01)
    busy = b'{"error": "error - the server is busy running a test. try again later"}'
    fake = Scripted([busy] * 4)
    result = iperf(5201, fake.machine)
    assert (result.status, result.reason) == (Status.FAILED, "the server is busy with another test")
    assert fake.asked == 4
    assert (result.bytes_received, result.bytes_sent) == (0, 0)


class Scripted:
    """A machine on which iperf3 prints one thing after the other."""

    def __init__(self, outputs: list[bytes | None]) -> None:
        self.outputs, self.asked, self.argv = outputs, 0, list[list[str]]()

    def run(self, argv: list[str], **_: object) -> Ended:
        """The next output; without one there is no iperf3 here."""
        self.argv.append(argv)
        output = self.outputs[min(self.asked, len(self.outputs) - 1)]
        self.asked += 1
        if output is None:
            raise NotInstalledError("iperf3")
        return Ended(1 if b"error" in output else 0, output, b"")

    @property
    def machine(self) -> Machine:
        """It."""
        real = Machine.real()
        return Machine(
            files=real.files,
            commands=self,  # type: ignore[arg-type]
            clock=real.clock,
            network=real.network,
            counters=real.counters,
            random=random.Random(1),
        )


@pytest.mark.parametrize(
    ("output", "status", "reason"),
    [
        (b'{"error": "unable to connect to server: Connection refused"}', Status.FAILED, "was refused"),
        (b'{"error": "unable to connect to server - 203.0.113.77 timed out"}', Status.TIMEOUT, "in time"),
        (b"<html>", Status.FAILED, "iperf3 ended without a result"),
        (b'{"end": {"sum_received": 3}}', Status.FAILED, "iperf3 ended without a result"),
        (b"", Status.FAILED, "iperf3 ended without a result"),
        (None, Status.NOTHING, "sudo apt install iperf3"),
    ],
    ids=["refused", "timed out", "page", "shape", "empty", "not installed"],
)
def test_each_way_iperf3_fails_has_its_reason(output: bytes | None, status: Status, reason: str) -> None:
    """In our words: its own may hold addresses."""
    result = iperf(5201, Scripted([output]).machine)
    assert result.status is status
    assert reason in result.reason


def test_its_time_keeps_a_gigabit_within_the_bytes() -> None:
    """With 500 MB and a line that nobody knows: no more seconds than even a gigabit port could fill."""
    fake = Scripted([b"{}"])
    iperf3.run(
        Request(max_bytes=500 * MB, max_seconds=30, server=Peer(name="x", host="127.0.0.1")), fake.machine
    )
    argv = fake.argv[0]
    seconds = int(argv[argv.index("-O") + 1]) + int(argv[argv.index("-t") + 1])
    assert seconds * 1000e6 / 8 <= 250 * MB < (seconds + 1) * 1000e6 / 8
    small = iperf3.run(
        Request(max_bytes=10 * MB, max_seconds=30, server=Peer(name="x", host="127.0.0.1")), fake.machine
    )
    assert (small.status, fake.asked) == (Status.SKIPPED, 1)


@pytest.mark.slow
def test_a_test_that_is_called_back_ends_at_once() -> None:
    """iperf3 itself is gone within a second or two, and nobody says how much it used."""
    with iperf3_server() as port:
        result = iperf(port, stop=True)
    assert (result.status, result.bytes_received) == (Status.FAILED, None)


def test_a_child_runs_the_engines_of_others() -> None:
    """`agent.child` knows librespeed and ndt7, each in a process of its own."""
    with foreign_servers.librespeed(Behaviour(status=403)) as (url, _):
        peer = Peer(name="libre", url=url, host="127.0.0.1", port=int(url.rstrip("/").rpartition(":")[2]))
        for engine in ("librespeed", "ndt7"):
            result = apart.run(MACHINE, engine, request(peer), 400 << 20)
            assert result.status is Status.FAILED
            assert "the test server answered with status" in result.reason
