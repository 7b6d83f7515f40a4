"""The probe `throughput`: which server is asked how, and what becomes of the answer; and its real child."""

import threading
import time
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from agent.load.apart import STOPPED, Order
from agent.load.engines.base import Peer, Request, Result
from agent.machine.commands import Ended
from agent.machine.machine import Machine
from agent.probes import throughput
from agent.probes.base import NothingHereError
from agent.probes.leave import NO_TICKET
from agent.probes.settings import EngineName, ProbeSettings, Server
from agent.probes.throughput import probe
from firstbell.catalogue import PROBES
from firstbell.report import Finding, LimitedBy, Medium, Segment, Status, finding_complaint
from tests.support.machines import FakeMachine
from tests.support.reference import District, Reference
from tests.support.relay import Relay

HUB = Server(name="hub", host="10.1.0.10")
BASEMENT = Server(name="basement", host="10.2.7.5", segment=Segment.SITE)
GOOD = Result(
    status=Status.OK,
    down_mbps=94.0,
    up_mbps=18.5,
    bytes_received=30_000_000,
    bytes_sent=6_000_000,
    own_processor_pct=9.5,
    throttled_pct=0.0,
    cpu_busy_pct=12.5,
    cross_traffic_pct=1.5,
    server="hub",
    more={"loaded_s": 4.5, "rtt_p50_ms": 8.5},
)


def measure(machine: Machine, memory: dict[str, Any], *servers: Server, **settings: Any) -> list[Finding]:
    """One run of the probe; each of its findings can be reported."""
    findings = list(probe(ProbeSettings(servers=servers, **settings))(machine, memory))
    for finding in findings:
        assert finding_complaint(finding) is None
        assert set(finding.readings) <= set(PROBES["throughput"].metrics)
    return findings


def answered(fake: FakeMachine, result: Result) -> None:
    """The child will say this."""
    fake.commands.ended = Ended(0, msgspec.json.encode(result), b"")


def test_without_servers_there_is_nothing_here(fake: FakeMachine) -> None:
    """The reason says where they are set."""
    with pytest.raises(NothingHereError, match=r"\[\[servers\]\]"):
        measure(fake.machine, {})


def test_what_a_child_is_asked(fake: FakeMachine) -> None:
    """The lease's bounds, the ticket, the port and what is known of the line reach it."""
    answered(fake, GOOD)
    memory = {
        "max_bytes": 100_000_000,
        "max_seconds": 12.0,
        "tickets": {"hub": "t1"},
        "known_mbps": {"hub": 95.5},
    }
    measure(fake.machine, memory, HUB, interface="eth7")
    assert msgspec.json.decode(fake.commands.input, type=Order).request == Request(
        max_bytes=100_000_000,
        max_seconds=12.0,
        interface="eth7",
        server=Peer(name="hub", host="10.1.0.10"),
        ticket="t1",
        expected_mbps=95.5,
    )
    assert fake.commands.deadline_s == 22.0


def test_a_good_result_is_a_finding_with_all_it_found(fake: FakeMachine) -> None:
    """94 Mbit/s through a port of 100 on a cable are the port's limit; what the engine found stands beside it."""
    answered(fake, GOOD)
    fake.counters.speeds["eth0"] = 100
    fake.write("/sys/class/net/eth0/type", "1")
    (finding,) = measure(fake.machine, {"tickets": {"hub": "t"}}, HUB, interface="eth0")
    assert finding == Finding(
        status=Status.OK,
        target="hub",
        segment=Segment.WAN,
        medium=Medium.WIRED,
        engine="own",
        limited_by=LimitedBy.PORT,
        readings={
            "down_mbps": 94.0,
            "up_mbps": 18.5,
            "up_limited_by": "line",
            "bytes_received": 30_000_000,
            "bytes_sent": 6_000_000,
            "cpu_busy_pct": 12.5,
            "cross_traffic_pct": 1.5,
            "server": "hub",
            "loaded_s": 4.5,
            "rtt_p50_ms": 8.5,
            "own_cpu_pct": 9.5,
            "cpu_throttled_pct": 0.0,
            "port_speed_mbps": 100,
        },
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, LimitedBy.LINE),
        ({"own_processor_pct": 92.0}, LimitedBy.PROBE),
        ({"own_processor_pct": 9.0, "throttled_pct": 60.0}, LimitedBy.PROBE),
        ({"capped": ("down",)}, LimitedBy.CAP),
        ({"cross_traffic_pct": 22.0}, LimitedBy.CROSS_TRAFFIC),
        ({"server_busy": True}, LimitedBy.SERVER),
        ({"to_self": True}, LimitedBy.LINE),
    ],
)
def test_each_limit_reaches_the_finding(
    fake: FakeMachine, facts: dict[str, Any], expected: LimitedBy
) -> None:
    """What the child saw decides; a server on this machine is `self`, whatever the settings call it."""
    answered(fake, msgspec.structs.replace(GOOD, **facts))
    (finding,) = measure(fake.machine, {"tickets": {"hub": "t"}}, HUB)
    assert finding.limited_by is expected
    assert finding.segment is (Segment.SELF if "to_self" in facts else Segment.WAN)


def test_over_wifi_the_air_is_the_limit(fake: FakeMachine) -> None:
    """A box on Wi-Fi can't speak against the line behind it."""
    answered(fake, GOOD)
    fake.write("/sys/class/net/wlan0/phy80211/name", "phy0")
    (finding,) = measure(fake.machine, {"tickets": {"hub": "t"}}, HUB, interface="wlan0")
    assert (finding.limited_by, finding.medium) == (LimitedBy.WIFI, Medium.WIFI)


def test_without_a_ticket_nothing_is_loaded(fake: FakeMachine) -> None:
    """The server that has none is skipped, with where tickets come from; the other one is tested, site first."""
    answered(fake, GOOD)
    hub, basement = reversed(measure(fake.machine, {"tickets": {"basement": "t"}}, HUB, BASEMENT))
    assert (basement.target, basement.status, basement.segment) == ("basement", Status.OK, Segment.SITE)
    assert (hub.target, hub.status, hub.reason, hub.readings) == ("hub", Status.SKIPPED, NO_TICKET, {})


def test_every_engine_that_settings_may_name_is_there() -> None:
    """What a box's file may say, this program can do."""
    assert set(throughput.ENGINES) == set(get_args(EngineName))


def test_a_child_that_says_nothing_is_a_failure(fake: FakeMachine) -> None:
    """No result, no rate, and nobody knows the bytes."""
    fake.commands.ended = Ended(1, b"Traceback", b"")
    (finding,) = measure(fake.machine, {"tickets": {"hub": "t"}}, HUB)
    assert (finding.status, finding.readings) == (Status.FAILED, {})
    assert finding.reason == "the test ended without a result, with code 1"


class TestTheRealThing:
    """A child, a reference server, and 40 Mbit/s between them."""

    @pytest.fixture
    def relay(self, reference: Reference) -> Iterator[Relay]:
        """The way to the server."""
        with Relay(reference.port, mbps=40) as way:
            yield way

    def server(self, relay: Relay) -> Server:
        """As the settings name it."""
        return Server(name="hub", host="localhost", port=relay.port)

    def test_a_line_of_40(self, relay: Relay, district: District) -> None:
        """Both ways within 5 %, and since the server is this machine, no evidence."""
        memory = {"max_bytes": 50_000_000, "max_seconds": 20.0, "tickets": {"hub": district.token()}}
        (finding,) = measure(Machine.real(), memory, self.server(relay))
        assert (finding.status, finding.reason, finding.segment) == (Status.OK, "", Segment.SELF)
        assert finding.readings["down_mbps"] == pytest.approx(40, rel=0.05)
        assert finding.readings["up_mbps"] == pytest.approx(40, rel=0.05)

    def test_a_stop_kills_it_at_once(self, relay: Relay, district: District) -> None:
        """Stopped in the middle of the way down: skipped, with the reason, and the line is quiet within a second.

        The server after it is not even begun.
        """
        stop, other = threading.Event(), Server(name="other", host="localhost", port=relay.port)
        memory = {"max_seconds": 20.0, "tickets": {"hub": district.token(), "other": "t"}, "stop": stop}
        stopped: list[float] = []

        def stop_it() -> None:
            while relay.carried < 3_000_000:
                time.sleep(0.01)
            stopped.append(time.monotonic())
            stop.set()

        threading.Thread(target=stop_it, daemon=True).start()
        first, second = measure(Machine.real(), memory, self.server(relay), other)
        assert time.monotonic() - stopped[0] < 1.5
        # What the relay itself still held when the test was killed is through in a moment; then all is still.
        time.sleep(0.5)
        carried = relay.carried
        time.sleep(0.5)
        assert relay.carried == carried
        for finding in (first, second):
            assert (finding.status, finding.reason, finding.readings) == (Status.SKIPPED, STOPPED, {})
