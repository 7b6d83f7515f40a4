"""The probe `internet`: its real child and speedtest-cli, against a private server that speaks its protocol."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.load.apart import Order
from agent.load.engines.base import Request, Result
from agent.machine.commands import Ended
from agent.machine.counters import SystemCounters
from agent.machine.machine import Machine
from agent.probes.base import NothingHereError
from agent.probes.internet import probe
from agent.probes.settings import ProbeSettings
from firstbell.catalogue import PROBES
from firstbell.report import Finding, LimitedBy, Medium, Segment, Status, finding_complaint
from tests.support.machines import FakeMachine
from tests.support.speedtest_server import PUBLIC_ADDRESS, PUBLIC_ADDRESS_V6, Behaviour, SpeedtestServer

Start = Callable[[Behaviour], SpeedtestServer]


def measure(machine: Machine, memory: dict[str, Any] | None = None, **settings: Any) -> Finding:
    """One run of the probe; its one finding can be reported, and tells no address."""
    settings = {"internet_secure": False, **settings}
    (finding,) = probe(ProbeSettings(**settings))(machine, memory or {})
    assert finding_complaint(finding) is None
    assert set(finding.readings) <= set(PROBES["internet"].metrics)
    text = msgspec.json.encode(finding).decode()
    for secret in (PUBLIC_ADDRESS, PUBLIC_ADDRESS_V6, "Planted", "41.8", "127.0.0.1"):
        assert secret not in text
    return finding


def test_a_line_of_40_and_20_is_measured_as_such(speedtest_server: Start) -> None:
    """A server that sends 5 MB/s and reads 2.5 MB/s: 40 Mbit/s down and 20 up, within 10 %, and its name."""
    server = speedtest_server(Behaviour(down_rate=5e6, up_rate=2.5e6, seconds=2))
    finding = measure(Machine.real())
    assert (finding.status, finding.reason) == (Status.OK, "")
    assert finding.readings["down_mbps"] == pytest.approx(40, rel=0.1)
    assert finding.readings["up_mbps"] == pytest.approx(20, rel=0.1)
    assert finding.readings["server"] == "Private 1 (Springfield, seen from and )"
    assert finding.readings["bytes_received"] == pytest.approx(server.sent * 1514 / 1448, rel=0.1)
    assert finding.readings["bytes_sent"] == pytest.approx(server.received * 1514 / 1448, rel=0.1)
    # The server is this machine: good for tests, and never evidence.
    assert (finding.segment, finding.engine, finding.target) == (Segment.SELF, "speedtest", "internet")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (Behaviour(forbidden=True), "the test service answered with status 403"),
        (Behaviour(portal=True), "the test service's answer was not its own (a sign-in page, a filter?)"),
        (
            Behaviour(xhtml_portal=True),
            "the test service's answer was not its own (a sign-in page, a filter?)",
        ),
        (Behaviour(servers=0), "no list of test servers"),
        (Behaviour(deaf=True), "no test server answered"),
        (
            Behaviour(pictures_are_pages=True),
            "40 of 40 transfers failed: the test server answered with a page, not a file",
        ),
    ],
)
def test_every_refusal_has_its_reason(speedtest_server: Start, behaviour: Behaviour, reason: str) -> None:
    """It failed, the reason is in words, no rate is made up, and the bytes that it cost are told."""
    speedtest_server(behaviour)
    finding = measure(Machine.real())
    assert (finding.status, finding.reason, finding.limited_by) == (Status.FAILED, reason, None)
    assert {"down_mbps", "up_mbps"} & set(finding.readings) == set()
    assert 0 <= int(finding.readings["bytes_received"]) < 100_000
    assert 0 < int(finding.readings["bytes_sent"]) < 100_000


def test_nobody_there_is_a_refusal(speedtest_server: Start) -> None:
    """The proxy's port is closed."""
    server = speedtest_server(Behaviour())
    server.__exit__(None, None, None)
    finding = measure(Machine.real())
    assert (finding.status, finding.reason) == (Status.FAILED, "the connection was refused")


def test_with_tls_asked_for_the_private_server_is_not_taken(speedtest_server: Start) -> None:
    """`secure` is the default: the configuration is asked for over TLS, never over plain HTTP."""
    server = speedtest_server(Behaviour())
    finding = measure(Machine.real(), internet_secure=True)
    assert finding.status is Status.FAILED
    assert server.paths == []


def test_a_server_that_dies_half_way_is_no_measurement(speedtest_server: Start) -> None:
    """After 10 MB it is gone: the low number that the library would give is not told, the bytes are."""
    speedtest_server(Behaviour(dies_after=10_000_000))
    finding = measure(Machine.real())
    assert finding.status is Status.FAILED
    # Which of the two is said last depends on whether a thread was under way or about to begin.
    assert re.search(r"of 40 transfers failed: the connection was (broken off|refused)$", finding.reason)
    assert "down_mbps" not in finding.readings
    assert 9_000_000 < int(finding.readings["bytes_received"]) < 12_000_000


def test_an_upload_that_is_refused_leaves_the_way_down(speedtest_server: Start) -> None:
    """Down was measured and is told; up was not, and the reason says so."""
    speedtest_server(Behaviour(upload_status=403))
    finding = measure(Machine.real(), internet_max_bytes=40_000_000)
    assert finding.status is Status.OK
    assert finding.reason.startswith("no rate for the way up: ")
    assert float(finding.readings["down_mbps"]) > 0
    assert "up_mbps" not in finding.readings


def test_a_gigabit_is_cut_at_the_ceiling(speedtest_server: Start) -> None:
    """Gigabits, and a ceiling of 20 MB: both ways have a rate, and the limit is `cap`, "at least".

    The port itself has counted no more than 20 MB and 2 MB of slack: one read or write a stream, and what
    was on its way at that moment.
    """
    speedtest_server(Behaviour(seconds=5))
    counters = SystemCounters()
    before = counters.port("lo")
    finding = measure(Machine.real(), internet_max_bytes=20_000_000, interface="lo")
    after = counters.port("lo")
    assert (finding.status, finding.limited_by) == (Status.OK, LimitedBy.CAP)
    assert float(finding.readings["down_mbps"]) > 200
    assert float(finding.readings["up_mbps"]) > 200
    used = int(finding.readings["bytes_received"]) + int(finding.readings["bytes_sent"])
    assert 14_000_000 < used < 22_000_000
    assert before is not None
    assert after is not None
    assert after.received_bytes - before.received_bytes < 22_000_000


def test_the_lower_of_lease_and_settings_holds(speedtest_server: Start) -> None:
    """A lease of 5 MB is not raised by settings of 500."""
    speedtest_server(Behaviour(seconds=5))
    finding = measure(Machine.real(), {"max_bytes": 5_000_000, "max_seconds": 20.0})
    used = int(finding.readings["bytes_received"]) + int(finding.readings["bytes_sent"])
    assert used < 7_000_000
    assert finding.limited_by is LimitedBy.CAP


def test_a_server_that_stalls_is_cut_at_the_seconds(speedtest_server: Start) -> None:
    """The server stops sending in the middle: the time is up all the same, and says "at least"."""
    speedtest_server(Behaviour(stalls_after=10_000_000, seconds=10))
    finding = measure(Machine.real(), internet_max_seconds=4.5, internet_max_bytes=20_000_000)
    assert (finding.status, finding.limited_by) == (Status.OK, LimitedBy.CAP)
    assert 10 < float(finding.readings["down_mbps"]) < 60


def test_the_upload_goes_without_a_rate_when_memory_is_short(speedtest_server: Start) -> None:
    """150 MB are built before an upload: with too little memory for them the way down still counts."""
    speedtest_server(Behaviour())
    finding = measure(Machine.real(), internet_memory_bytes=120 << 20)
    assert finding.status is Status.OK
    assert finding.reason == "no rate for the way up: the test needed more memory than it may have"
    assert "up_mbps" not in finding.readings


def test_a_child_that_cannot_breathe_is_a_failure(speedtest_server: Start) -> None:
    """With memory for next to nothing the test fails with a reason, whatever it is that gives way first."""
    speedtest_server(Behaviour())
    finding = measure(Machine.real(), internet_memory_bytes=30 << 20)
    assert finding.status is Status.FAILED
    assert finding.reason
    assert "down_mbps" not in finding.readings


def test_without_the_library_there_is_nothing_here(
    speedtest_server: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason says how to install it."""
    speedtest_server(Behaviour())
    (tmp_path / "speedtest.py").write_text("raise ModuleNotFoundError(name='speedtest')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(NothingHereError, match=r"pip install 'firstbell\[speedtest\]'"):
        measure(Machine.real())


class TestWhatTheChildLeaves:
    """A child that ends as a test says."""

    def finding(self, fake: FakeMachine, ended: Ended, **settings: Any) -> Finding:
        """What the probe makes of it."""
        fake.commands.ended = ended
        return measure(fake.machine, **settings)

    def test_death_by_a_signal(self, fake: FakeMachine) -> None:
        """Killed by the kernel, as for want of memory; nobody knows how many bytes it had used."""
        finding = self.finding(fake, Ended(-9, b"", b""))
        assert (finding.status, finding.readings) == (Status.FAILED, {})
        assert finding.reason == "the test was killed by signal 9, perhaps for want of memory"

    def test_the_deadline(self, fake: FakeMachine) -> None:
        """It is given its own 30 s and 10 more, and then that is a timeout."""
        finding = self.finding(fake, Ended(-9, b"", b"", timed_out=True))
        assert finding.status is Status.TIMEOUT
        assert fake.commands.deadline_s == 40.0

    @pytest.mark.parametrize(
        "stdout", [b"", b"Segmentation fault", b"\xff", b'{"status": "splendid"}', b"[]"]
    )
    def test_no_result(self, fake: FakeMachine, stdout: bytes) -> None:
        """What is no result is not taken for one."""
        finding = self.finding(fake, Ended(1, stdout, b""))
        assert finding.reason == "the test ended without a result, with code 1"

    def test_what_it_says_beside_is_told_by_its_length(
        self, fake: FakeMachine, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Its stderr is neither logged nor reported: the outside world can put addresses and names into it."""
        with caplog.at_level(logging.WARNING):
            finding = self.finding(fake, Ended(1, b"", b"Traceback:\nHTTPError at 192.0.2.1\n"))
        assert "34 bytes" in caplog.text
        assert "192.0.2.1" not in caplog.text
        assert "192.0.2.1" not in finding.reason

    def test_what_it_is_asked(self, fake: FakeMachine) -> None:
        """The request carries the ceilings, the port and the limit of memory, which the door holds too."""
        self.finding(fake, Ended(1, b"", b""), interface="eth7", internet_secure=True)
        assert msgspec.json.decode(fake.commands.input, type=Order) == Order(
            request=Request(max_bytes=500_000_000, max_seconds=30.0, interface="eth7", secure=True),
            memory_bytes=419_430_400,
        )
        assert fake.commands.memory_limit == 419_430_400

    def test_a_good_result_is_judged_by_the_port(self, fake: FakeMachine) -> None:
        """94 Mbit/s through a port of 100 on a cable are the port's limit; the server is not this machine."""
        fake.counters.speeds["eth0"] = 100
        fake.write("/sys/class/net/eth0/type", "1")
        result = Result(
            status=Status.OK,
            down_mbps=94.0,
            up_mbps=18.5,
            bytes_received=120_000_000,
            bytes_sent=25_000_000,
            own_processor_pct=30.0,
            cpu_busy_pct=12.5,
            cross_traffic_pct=1.5,
            server="Mid-State (Springfield)",
        )
        finding = self.finding(fake, Ended(0, msgspec.json.encode(result), b""), interface="eth0")
        assert finding == Finding(
            status=Status.OK,
            target="internet",
            segment=Segment.INTERNET,
            medium=Medium.WIRED,
            engine="speedtest",
            limited_by=LimitedBy.PORT,
            readings={
                "down_mbps": 94.0,
                "up_mbps": 18.5,
                "up_limited_by": "line",
                "bytes_received": 120_000_000,
                "bytes_sent": 25_000_000,
                "cpu_busy_pct": 12.5,
                "cross_traffic_pct": 1.5,
                "port_speed_mbps": 100,
                "server": "Mid-State (Springfield)",
            },
        )
