"""The engine `own` against the real reference server, with something on the way that makes trouble."""

import re
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.load import drive, protocol
from agent.load.engines import own
from agent.load.engines.base import Peer, Request, Result
from agent.load.limits import PROBE_BUSY_PCT, limited_by
from agent.load.talk import NOT_ITS_OWN
from agent.machine.machine import Machine
from firstbell import catalogue
from firstbell.catalogue import PROBES
from firstbell.report import LimitedBy, Medium, Status
from tests.support.quota import quota
from tests.support.reference import District, Reference
from tests.support.relay import Relay
from tests.support.scripted import Scripted, page

pytestmark = pytest.mark.alone

ID = "0123456789abcdef" * 2
OPENED = page(
    "200 OK",
    msgspec.json.encode(protocol.Opened(session=ID, max_bytes=10**9, max_seconds=60, server="hub")),
)
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


def measured(port: int, ticket: str, *, max_bytes: int = 40_000_000, max_seconds: float = 20.0) -> Result:
    """One test against that port of this machine; what it says can be reported, and holds no address."""
    request = Request(
        max_bytes=max_bytes,
        max_seconds=max_seconds,
        interface="lo",
        server=Peer(name="hub", host="127.0.0.1", port=port),
        ticket=ticket,
    )
    result = own.run(request, Machine.real())
    assert {"server", *result.more} <= set(PROBES["throughput"].metrics)
    assert [
        trouble for name, value in result.more.items() if (trouble := catalogue.complaint(name, value))
    ] == []
    assert (result.status is Status.OK) or result.reason
    assert b"127.0.0" not in msgspec.json.encode(result)
    return result


def failed(result: Result, status: Status = Status.FAILED) -> str:
    """The reason of a test that came to nothing; no rate is made up."""
    assert (result.status, result.down_mbps, result.up_mbps) == (status, None, None)
    return result.reason


def test_a_line_of_40_is_measured_as_such(reference: Reference, district: District) -> None:
    """Something on the way lets 40 Mbit/s through each way: both within 5 %, known well before any ceiling.

    The server's counts stand beside our own, and all that a report of this probe may hold is there.
    """
    with Relay(reference.port, mbps=40) as relay:
        result = measured(relay.port, district.token())
    assert (result.status, result.reason, result.capped, result.server) == (Status.OK, "", (), "hub")
    assert result.down_mbps == pytest.approx(40, rel=0.05)
    assert result.up_mbps == pytest.approx(40, rel=0.05)
    more = result.more
    assert more["down_stopped_by"] == more["up_stopped_by"] == "known well enough"
    assert float(more["down_measured_s"]) >= 1.45
    assert result.bytes_received == pytest.approx(int(more["server_bytes_sent"]) * 1514 / 1448, rel=0.1)
    assert float(more["ends_differ_pct"]) < 5
    assert float(more["rtt_min_ms"]) <= float(more["rtt_p50_ms"]) <= float(more["rtt_p95_ms"])
    assert float(more["rpm_short"]) > 0
    assert more["loaded_s"] == pytest.approx(5, abs=3)
    assert 0 < result.own_processor_pct < 100
    assert result.to_self
    expected = set(PROBES["throughput"].metrics) - {
        # The probe's own, what only a quota or a kernel tells, and UDP, which the relay does not carry.
        "down_mbps", "up_mbps", "down_limited_by", "up_limited_by", "bytes_received", "bytes_sent", "server",
        "cpu_busy_pct", "own_cpu_pct", "cpu_throttled_pct", "cross_traffic_pct", "port_speed_mbps", "udp_loss_pct",
    }  # fmt: skip
    assert expected - set(more) == set()


def test_gigabits_are_cut_at_the_ceiling(reference: Reference, district: District) -> None:
    """Loopback gives gigabits: both ways have a rate, both are "at least", and the ceiling holds for both."""
    result = measured(reference.port, district.token(), max_bytes=40_000_000)
    assert (result.status, result.capped) == (Status.OK, ("down", "up"))
    assert (result.down_mbps or 0) > 500
    assert (result.up_mbps or 0) > 500
    assert (result.bytes_received or 0) + (result.bytes_sent or 0) <= 44_000_000
    assert result.more["down_stopped_by"] == result.more["up_stopped_by"] == "bytes"
    assert result.more["udp_loss_pct"] == 0


def test_the_seconds_end_it_too(reference: Reference, district: District) -> None:
    """5.5 s for everything: the whole test keeps within them, and what had too little of them is "at least"."""
    began = time.monotonic()
    with Relay(reference.port, mbps=40) as relay:
        result = measured(relay.port, district.token(), max_seconds=5.5)
    assert time.monotonic() - began < 7
    assert result.status is Status.OK
    assert "down" in result.capped
    assert result.more["down_stopped_by"] == "seconds"
    assert result.down_mbps == pytest.approx(40, rel=0.2)


def test_the_tickets_bounds_hold_below_the_requests(reference: Reference, district: District) -> None:
    """A ticket of 10 MB under a request of 500: the server never has to end the session."""
    result = measured(reference.port, district.token(max_bytes=10_000_000), max_bytes=500_000_000)
    assert result.status is Status.OK
    assert (result.bytes_received or 0) + (result.bytes_sent or 0) < 12_000_000


def test_another_test_on_the_same_server_is_told(reference: Reference, district: District) -> None:
    """Who shares the server's line with somebody can't speak against his own; alone he can.

    (Unless other programs fill this machine: then the server waits as well.)
    """
    with Relay(reference.port, mbps=40) as relay:
        with reference.session(district.token(agent="box-2")):
            beside = measured(relay.port, district.token())
        alone = measured(relay.port, district.token())
    assert beside.server_busy
    assert not alone.server_busy or (alone.cpu_busy_pct or 0.0) > PROBE_BUSY_PCT


@pytest.mark.root
def test_a_server_under_a_quota_is_the_limit(tmp_path: Path, district: District) -> None:
    """It gets a tenth of a processor, and hardly uses it: the rate is the server's, and speaks against no line."""
    with quota(0.1) as words, Reference(tmp_path, district.key_file, before=words) as server:
        result = measured(server.port, district.token(max_bytes=10**10), max_bytes=10**10)
    assert result.status is Status.OK, result
    assert float(result.more["server_cpu_pct"]) < 40
    assert result.server_busy
    alone = msgspec.structs.replace(result, cpu_busy_pct=None, own_processor_pct=0.0, capped=())
    assert limited_by(alone, port_speed_mbps=None, medium=Medium.WIRED) is LimitedBy.SERVER


class TestEachFailureHasItsReason:
    """Never a traceback, never a rate out of thin air."""

    def test_nobody_there(self) -> None:
        """A closed port."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        assert failed(measured(port, "t")) == "the connection was refused"

    def test_no_ticket_and_no_server(self) -> None:
        """Nothing is tried without either."""
        assert failed(measured(1, "")) == "there is no ticket for this server"
        assert failed(measured(1, "tick\u00e9t")) == "there is no ticket for this server"
        nobody = own.run(Request(max_bytes=1, max_seconds=1, ticket="t"), Machine.real())
        assert failed(nobody) == "no server is named"

    @pytest.mark.parametrize(
        ("ticket", "reason"),
        [
            ({"target": "another"}, "the server said no: the ticket is for another server"),
            ({"expires_ns": 1}, "the server said no: the ticket has expired"),
        ],
    )
    def test_a_refused_ticket(
        self, reference: Reference, district: District, ticket: dict[str, Any], reason: str
    ) -> None:
        """In the server's own words."""
        assert failed(measured(reference.port, district.token(**ticket))) == reason

    def test_a_used_ticket(self, reference: Reference, district: District) -> None:
        """The same one twice."""
        token = district.token()
        assert measured(reference.port, token).status is Status.OK
        assert failed(measured(reference.port, token)) == "the server said no: the ticket was used before"

    @pytest.mark.parametrize(
        "answer",
        [
            page("200 OK", b"<html>Please sign in</html>", "text/html"),
            page("302 Found", b""),
            page(
                "200 OK",
                b'{"session": "../../x\\r\\nEvil: 1", "max_bytes": 1, "max_seconds": 1, "server": ""}',
            ),
            page("200 OK", b"[]"),
            page("403 Forbidden", b"no"),
            page("200 OK", b"\xff\xfe"),
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000,
        ],
    )
    def test_somebody_else_answers(self, answer: bytes) -> None:
        """A portal's page, a redirect, another program, a head without an end: it is said what that may be."""
        with Scripted({}, answer) as server:
            assert failed(measured(server.port, "t")) == NOT_ITS_OWN

    def test_the_words_of_a_stranger_are_cut_to_size(self) -> None:
        """What an unknown server says is one short line without addresses."""
        words = "Dear 10.2.3.4,\n\n" + "no " * 100
        with Scripted({}, page("401 No", msgspec.json.encode({"error": words}))) as server:
            reason = failed(measured(server.port, "t"))
        assert reason.startswith("the server said no: Dear , no no")
        assert len(reason) < 150

    def test_a_server_that_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It takes the connection, and that is all."""
        monkeypatch.setattr("agent.load.session.ANSWER_S", 0.3)
        with Scripted({}, b"") as server:
            assert failed(measured(server.port, "t"), Status.TIMEOUT) == "no answer in time"

    def test_a_session_that_has_ended(self) -> None:
        """The server says so with its counts, and why."""
        over = page("200 OK", msgspec.json.encode({"now_s": 1.0, "ended": "its seconds are over"}))
        answers = {protocol.SESSION: OPENED, protocol.ECHO: DONE, protocol.COUNTS: over}
        with Scripted(answers) as server:
            reason = failed(measured(server.port, "t"))
        assert reason == "the server ended the test: its seconds are over"

    def test_counts_that_are_none(self) -> None:
        """What the server counted can't be read."""
        answers = {protocol.SESSION: OPENED, protocol.ECHO: DONE, protocol.COUNTS: page("200 OK", b"{}")}
        with Scripted(answers) as server:
            assert failed(measured(server.port, "t")) == NOT_ITS_OWN

    def test_streams_that_are_pages(self) -> None:
        """A filter lets the small answers pass, and puts a page in place of the bytes."""
        answers = {
            protocol.SESSION: OPENED,
            protocol.ECHO: DONE,
            protocol.COUNTS: page("200 OK", b'{"now_s": 1.0}'),
        }
        with Scripted(answers, page("200 OK", b"<html>blocked</html>", "text/html")) as server:
            assert failed(measured(server.port, "t")) == NOT_ITS_OWN

    def test_the_server_dies_half_way(self, reference: Reference, district: District) -> None:
        """After 6 MB everything is cut: it failed, and the bytes that it cost are told."""
        with Relay(reference.port, mbps=40, dead_after=6_000_000) as relay:
            result = measured(relay.port, district.token())
        assert re.fullmatch(r"the connection was (broken off|refused)", failed(result))
        assert 3_000_000 < (result.bytes_received or 0) < 7_000_000

    def test_a_death_on_the_way_up_leaves_the_way_down(
        self, reference: Reference, district: District
    ) -> None:
        """Down was measured and is told; the reason says why up was not."""
        with Relay(reference.port, mbps=40, dead_after_up=1_000_000) as relay:
            result = measured(relay.port, district.token())
        assert (result.status, result.up_mbps) == (Status.OK, None)
        assert result.reason.startswith("no rate for the way up: the connection was ")
        assert result.down_mbps == pytest.approx(40, rel=0.05)

    def test_half_open(
        self, reference: Reference, district: District, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After 6 MB nothing passes any more, and nobody says so: a timeout, in the time of a stall."""
        monkeypatch.setattr(drive, "STALL_S", 1.0)
        with Relay(reference.port, mbps=40, deaf_after=6_000_000) as relay:
            began = time.monotonic()
            reason = failed(measured(relay.port, district.token()), Status.TIMEOUT)
        assert reason == "nothing came through for 1 s"
        assert time.monotonic() - began < 8

    def test_something_answers_in_place_of_the_server(self, reference: Reference, district: District) -> None:
        """A proxy takes the upload at its leisure: sender and receiver differ, and no rate is told.

        The bytes of both ends are, and by how much they differ.
        """
        with Relay(reference.port, mbps=40, greedy=True) as relay:
            result = measured(relay.port, district.token())
        reason = failed(result)
        assert re.match(r"not measurable here: on the way up the two ends' counts differ by \d+ %: ", reason)
        assert float(result.more["ends_differ_pct"]) > 5
        assert int(result.more["server_bytes_received"]) < (result.bytes_sent or 0) / 2
