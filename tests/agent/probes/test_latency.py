"""The probe `latency`: on real sockets, in namespaces where cables are cut, and on a scripted network."""

import json
import socket
import threading
from typing import Any

import msgspec
import pytest

from agent.machine.echoes import Echoes
from agent.machine.machine import Machine
from agent.machine.network import Resolved
from agent.machine.page import Page
from agent.machine.trouble import RefusedError, SilentError
from agent.probes.base import NothingHereError
from agent.probes.latency import probe
from agent.probes.settings import ProbeSettings, Target
from firstbell.catalogue import PROBES
from firstbell.report import Finding, Medium, Segment, Status, finding_complaint
from tests.support.machines import FakeClock, FakeMachine, FakeNetwork
from tests.support.namespace import CUT, MAY_PING, run_there
from tests.support.web import OK_ANSWER, head_of, saying, serving

_ROUTE = "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n"
_TEN = Echoes(10, (9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 20.0))
_LOST = Echoes(10, ())


def look(machine: Machine, *targets: Target, memory: dict[str, Any] | None = None) -> list[Finding]:
    """One run of the probe; each finding can be reported."""
    findings = list(probe(ProbeSettings(targets=targets))(machine, {} if memory is None else memory))
    for finding in findings:
        assert finding_complaint(finding) is None
        assert set(finding.readings) <= set(PROBES["latency"].metrics)
    return findings


def test_a_server_that_answers_is_ok() -> None:
    """A real web server on loopback: round trips, no loss, first byte and status; its segment is `self`."""
    with serving(saying(OK_ANSWER)) as port:
        target = Target(name="page", host="127.0.0.1", port=port, url=f"http://127.0.0.1:{port}/")
        (finding,) = look(Machine.real(), target)
    assert (finding.status, finding.reason, finding.segment) == (Status.OK, "", Segment.SELF)
    readings = finding.readings
    assert (readings["echoes_sent"], readings["loss_pct"], readings["http_status"]) == (10, 0.0, 204)
    assert 0 < float(readings["rtt_min_ms"]) <= float(readings["rtt_p50_ms"]) <= float(readings["rtt_p95_ms"])
    assert "dns_ms" not in readings


def test_a_refusal_is_a_round_trip_and_not_a_page() -> None:
    """Nobody listens: the machine was reached, its page was not, and that is said."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        target = Target(name="closed", host="127.0.0.1", port=port, url=f"http://127.0.0.1:{port}/")
        (finding,) = look(Machine.real(), target)
    assert (finding.status, finding.reason) == (Status.OK, "page: the connection was refused")
    assert finding.readings["loss_pct"] == 0.0
    assert "http_ms" not in finding.readings


def test_a_slow_server_has_no_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that connects and then thinks for ever: round trips, and no page in time."""
    monkeypatch.setattr("agent.probes.latency.PAGE_S", 0.2)
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        head_of(connection)
        over.wait(30)

    with serving(answer) as port:
        target = Target(name="slow", host="127.0.0.1", port=port, url=f"http://127.0.0.1:{port}/")
        (finding,) = look(Machine.real(), target)
        over.set()
    assert (finding.status, finding.reason) == (Status.OK, "page: the page did not begin in time")
    assert finding.readings["loss_pct"] == 0.0
    assert "http_ms" not in finding.readings


def test_three_targets_make_three_findings() -> None:
    """In a network whose cable is cut: loopback answers twice, the gateway does not."""
    findings = there('[("here", "127.0.0.1"), ("here6", "::1"), ("gateway", "gateway")]', CUT)
    assert [(f.target, f.status, f.segment) for f in findings] == [
        ("here", Status.OK, Segment.SELF),
        ("here6", Status.OK, Segment.SELF),
        ("gateway", Status.FAILED, Segment.INTERNET),
    ]
    here, here6, gateway = findings
    assert here.readings["loss_pct"] == here6.readings["loss_pct"] == 0.0
    assert gateway.reason == "no answer to 20 echoes"
    assert gateway.readings == {"loss_pct": 100.0, "echoes_sent": 20}


def test_without_a_way_out_the_internet_is_unreachable() -> None:
    """No route at all: nothing left this machine, so nothing is counted as lost, and there is no gateway."""
    targets = '[("far", "192.0.2.99"), ("gateway", "gateway"), ("named", "first-bell.invalid")]'
    far, gateway, named = there(targets, "")
    assert (far.status, far.reason, far.readings) == (Status.FAILED, "network is unreachable", {})
    assert (gateway.status, gateway.readings) == (Status.NOTHING, {})
    assert gateway.reason == "this machine has no default gateway"
    assert (named.status, named.reason) == (Status.FAILED, "name: no name server answered")
    assert named.readings == {}


def there(targets: str, setup: str) -> list[Finding]:
    """Findings of a run in a namespace of its own."""
    code = (
        "import msgspec\n"
        "from agent.machine.machine import Machine\n"
        "from agent.probes.latency import probe\n"
        "from agent.probes.settings import ProbeSettings, Target\n"
        f"targets = tuple(Target(name=name, host=host) for name, host in {targets})\n"
        "findings = probe(ProbeSettings(targets=targets))(Machine.real(), {})\n"
        "print(msgspec.json.encode(findings).decode())"
    )
    return msgspec.convert(json.loads(run_there(code, setup + MAY_PING)), list[Finding])


class TestReadings:
    """Numbers from a scripted network, worked by hand."""

    def test_nearest_rank_and_jitter(self, fake: FakeMachine) -> None:
        """Of 9 1 2 .. 8 20: least 1, median 5 (the 5th), 95th percentile 20 (the 10th), jitter 27/9 = 3."""
        fake.network.pings = [_TEN]
        (finding,) = look(fake.machine, Target(name="far", host="192.0.2.1"))
        assert finding.readings == {
            "rtt_min_ms": 1.0,
            "rtt_p50_ms": 5.0,
            "rtt_p95_ms": 20.0,
            "jitter_ms": pytest.approx(3.0),
            "loss_pct": 0.0,
            "echoes_sent": 10,
        }

    def test_loss_is_a_share_of_what_was_sent(self, fake: FakeMachine) -> None:
        """Seven of ten came back: 30 %."""
        fake.network.pings = [Echoes(10, (1.0,) * 7)]
        (finding,) = look(fake.machine, Target(name="far", host="192.0.2.1"))
        assert (finding.status, finding.readings["loss_pct"]) == (Status.OK, 30.0)

    def test_a_name_takes_its_time(self, fake: FakeMachine) -> None:
        """The time of the resolution is a reading; a name of ours makes the target `self`."""
        fake.network.names["box.example"] = Resolved(("192.0.2.2", "192.0.2.3"), 12.5)
        fake.network.own = {"192.0.2.3"}
        fake.network.pings = [_TEN]
        (finding,) = look(fake.machine, Target(name="box", host="box.example", segment=Segment.WAN))
        assert (finding.readings["dns_ms"], finding.segment) == (12.5, Segment.SELF)

    def test_a_silent_name_server_is_a_timeout(self, fake: FakeMachine) -> None:
        """It is told what was waited for."""
        fake.network.names["far.example"] = SilentError("the name was not resolved in time")
        (finding,) = look(fake.machine, Target(name="far", host="far.example"))
        assert finding.status is Status.TIMEOUT
        assert finding.reason == "name: the name was not resolved in time"

    def test_the_gateway_is_whoever_it_is_today(self, fake: FakeMachine) -> None:
        """Its address comes from the routing table, is asked, and is not told."""
        fake.write("/proc/net/route", _ROUTE)
        fake.write("/sys/class/net/eth0/type", "1")
        fake.network.pings = [_TEN]
        (finding,) = look(fake.machine, Target(name="gateway", host="gateway", segment=Segment.SITE))
        assert fake.network.asked == ["ping 192.168.1.1"]
        assert (finding.status, finding.segment, finding.medium) == (Status.OK, Segment.SITE, Medium.WIRED)
        assert "192.168" not in repr(finding)
        assert "eth0" not in repr(finding)

    def test_without_targets_there_is_nothing_here(self, fake: FakeMachine) -> None:
        """A box that was told of no targets says so."""
        with pytest.raises(NothingHereError, match="no targets"):
            look(fake.machine)


class TestFilteredIcmp:
    """Schools that filter ICMP are no outages, and outages are no filters."""

    target = Target(name="far", host="192.0.2.1", port=8443)
    known = Target(name="far", host="192.0.2.1", url="http://far.example/", status=204)

    def test_who_may_not_ping_knocks(self, fake: FakeMachine) -> None:
        """No ICMP for this user: TCP, at the target's port."""
        fake.network.pings, fake.network.knocks = [None], [_TEN]
        (finding,) = look(fake.machine, self.target)
        assert fake.network.asked == ["ping 192.0.2.1", "knock 192.0.2.1 8443"]
        assert (finding.status, finding.readings["echoes_sent"]) == (Status.OK, 10)

    def test_who_never_heard_icmp_is_asked_by_tcp_from_then_on(self, fake: FakeMachine) -> None:
        """Ten pings into a filter are no loss, and are not tried again."""
        fake.network.pings, fake.network.knocks = [_LOST], [_TEN, _TEN]
        memory: dict[str, Any] = {}
        for _ in range(2):
            (finding,) = look(fake.machine, self.target, memory=memory)
            assert (finding.readings["loss_pct"], finding.readings["echoes_sent"]) == (0.0, 10)
        assert [line.split()[0] for line in fake.network.asked] == ["ping", "knock", "knock"]

    def test_who_heard_icmp_until_now_has_lost_it(self, fake: FakeMachine) -> None:
        """A moment's outage that is over when TCP is tried still counts: ten of twenty are lost."""
        fake.network.pings, fake.network.knocks = [_TEN, _LOST], [_TEN]
        memory: dict[str, Any] = {}
        look(fake.machine, self.target, memory=memory)
        (finding,) = look(fake.machine, self.target, memory=memory)
        assert (finding.status, finding.readings["loss_pct"]) == (Status.OK, 50.0)
        assert finding.readings["echoes_sent"] == 20

    def test_an_outage_is_no_filter(self, fake: FakeMachine) -> None:
        """Neither way answered: everything is lost, and ICMP is tried again the next time."""
        fake.network.pings, fake.network.knocks = [_LOST, _TEN], [Echoes(10, (), "no route to host")]
        memory: dict[str, Any] = {}
        (finding,) = look(fake.machine, self.target, memory=memory)
        assert (finding.status, finding.reason) == (Status.FAILED, "no answer to 20 echoes: no route to host")
        (finding,) = look(fake.machine, self.target, memory=memory)
        assert finding.status is Status.OK

    def test_a_page_that_comes_shows_that_echoes_are_filtered(self, fake: FakeMachine) -> None:
        """All echoes lost, yet the page came: reached, and no loss is claimed."""
        fake.network.pings, fake.network.knocks = [_LOST], [_LOST]
        fake.network.pages["http://far.example/"] = Page(80.0, 200)
        (finding,) = look(fake.machine, Target(name="far", host="192.0.2.1", url="http://far.example/"))
        assert (finding.status, finding.reason) == (Status.OK, "no answer to 20 echoes, but its page came")
        assert finding.readings == {"echoes_sent": 20, "http_ms": 80.0, "http_status": 200}

    @pytest.mark.parametrize("status", [200, 302, 503])
    def test_a_page_in_its_place_reaches_nobody(self, fake: FakeMachine, status: int) -> None:
        """A filter answers for the internet: neither its page nor its connections are the target's."""
        fake.network.pings, fake.network.knocks = [_LOST], [_TEN]
        fake.network.pages["http://far.example/"] = Page(80.0, status)
        (finding,) = look(fake.machine, self.known)
        assert finding.status is Status.FAILED
        assert "something on the way answers in its place" in finding.reason
        assert f"status {status}, not 204" in finding.reason
        assert finding.readings == {"echoes_sent": 10, "http_status": status}

    def test_echoes_reach_a_target_in_spite_of_a_page_in_its_place(self, fake: FakeMachine) -> None:
        """Behind a portal the line is up all the same: ICMP goes through, and the page's trouble is told."""
        fake.network.pings = [_TEN]
        fake.network.pages["http://far.example/"] = Page(80.0, 302)
        (finding,) = look(fake.machine, self.known)
        assert (finding.status, finding.readings["loss_pct"]) == (Status.OK, 0.0)
        assert finding.reason.startswith("page: something on the way answers in its place")
        assert "http_ms" not in finding.readings

    def test_the_page_of_a_target_with_its_own_status_is_the_targets(self, fake: FakeMachine) -> None:
        """The status that was asked for: reached, though no echo comes back."""
        fake.network.pings, fake.network.knocks = [_LOST], [_LOST]
        fake.network.pages["http://far.example/"] = Page(80.0, 204)
        (finding,) = look(fake.machine, self.known)
        assert (finding.status, finding.readings["http_ms"]) == (Status.OK, 80.0)

    def test_a_second_address_is_tried_where_no_way_leads_to_the_first(self, fake: FakeMachine) -> None:
        """A name with an IPv6 address, on a machine without IPv6, is reached by IPv4."""
        fake.network.names["far.example"] = Resolved(("2001:db8::1", "192.0.2.1"), 1.0)
        fake.network.pings = [Echoes(0, (), "network is unreachable"), _TEN]
        fake.network.pages["http://far.example/"] = Page(80.0, 200)
        (finding,) = look(fake.machine, Target(name="far", host="far.example", url="http://far.example/"))
        assert fake.network.asked == ["ping 2001:db8::1", "ping 192.0.2.1", "page 192.0.2.1"]
        assert (finding.status, finding.readings["http_ms"]) == (Status.OK, 80.0)

    def test_a_page_whose_name_is_unknown_is_the_pages_trouble(self, fake: FakeMachine) -> None:
        """The target was reached; the name of its page was not."""
        fake.network.pings = [_TEN]
        fake.network.names["page.example"] = RefusedError("there is no such name")
        (finding,) = look(fake.machine, Target(name="far", host="192.0.2.1", url="https://page.example/"))
        assert (finding.status, finding.reason) == (Status.OK, "page: there is no such name")


class SilentNames(FakeNetwork):
    """A network whose name servers say nothing, for as long as one waits."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def resolve(self, host: str, deadline_s: float) -> Resolved:
        """Let the time pass."""
        self._clock.seconds += deadline_s
        raise SilentError(f"{len(host)} letters were not resolved in time")


def test_an_outage_of_many_targets_ends_before_the_runner_gives_up(fake: FakeMachine) -> None:
    """Eight targets whose names are never resolved take what they may, and all eight are told within 25 s."""
    fake.network = SilentNames(fake.clock)
    targets = [Target(name=f"t{n}", host=f"t{n}.example") for n in range(8)]
    begin = fake.clock.seconds
    findings = look(fake.machine, *targets)
    assert [finding.status for finding in findings] == [Status.TIMEOUT] * 8
    assert fake.clock.seconds - begin <= 25.0
