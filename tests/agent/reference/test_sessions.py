"""How far a ticket reaches: over real sockets, against the server in its own process."""

import socket
import time
from typing import Any

import pytest

from agent.load import protocol
from firstbell.lease import LONGEST_S
from tests.agent.reference.conftest import Start
from tests.support.reference import Client, District, Reference


def test_what_belongs_to_a_session_comes_from_its_address(server: Reference, district: District) -> None:
    """From another address its id opens nothing; nor does an id that nobody has."""
    with server.session(district.token()) as session:
        for source, line, status in (
            ("127.0.0.1", session.line, 200),
            ("127.0.0.2", session.line, 401),
            ("127.0.0.1", f"Session: {'0' * 32}", 401),
            ("127.0.0.1", "Nothing: here", 401),
        ):
            with session.stream(source) as client:
                assert client.ask("GET", protocol.take(1000), line).status == status
        assert session.counts()["sent"] == 1000


def test_the_bytes_of_a_ticket_are_its_end(server: Reference, district: District) -> None:
    """Two streams down get together what the ticket allows, to the byte, and the counts say why it ended."""
    with server.session(district.token(max_bytes=20_000_001)) as session:
        with session.down() as one, session.down() as two:
            assert one.drain() + two.drain() == 20_000_001
        counts = session.counts()
        assert (counts["sent"], counts["ended"]) == (20_000_001, "its bytes are used up")
        with session.stream() as late:
            answer = late.ask("GET", protocol.take(1), session.line)
            assert (answer.status, "its bytes are used up" in answer.json["error"]) == (410, True)


def test_a_slow_reader_gets_all_that_was_counted(server: Reference, district: District) -> None:
    """At the end of the bytes, what the kernel still holds for it is not thrown away."""
    with server.session(district.token(max_bytes=3_000_000)) as session, session.down(1 << 16) as stream:
        count = stream.early()
        while data := stream.sock.recv(1 << 14):
            count += len(data)
            time.sleep(0.002)
        assert count == 3_000_000
        # The reader's own kernel may take a moment to say that it has the last of it.
        until_s = time.monotonic() + 10
        while "unacked" in session.counts() and time.monotonic() < until_s:
            time.sleep(0.05)
        assert "unacked" not in session.counts()


def test_the_bytes_of_a_ticket_are_for_both_ways_together(server: Reference, district: District) -> None:
    """After 3 MB up, a ticket of 5 MB has 2 MB for the way down."""
    with server.session(district.token(max_bytes=5_000_000)) as session:
        assert session.give(3_000_000).status == 204
        with session.down() as stream:
            assert stream.drain() == 2_000_000
        counts = session.counts()
        assert (counts["received"], counts["sent"]) == (3_000_000, 2_000_000)


def test_a_stream_up_ends_at_the_ticket_s_bytes(server: Reference, district: District) -> None:
    """Whoever sends more is cut off, and no more is counted."""
    with server.session(district.token(max_bytes=1_000_000)) as session:
        with session.stream() as stream:
            stream.say("POST", protocol.UP, session.line, f"Content-Length: {protocol.ENDLESS}")
            with pytest.raises(ConnectionError):
                stream.sock.sendall(bytes(100_000_000))
        counts = session.counts()
        assert (counts["received"], counts["ended"]) == (1_000_000, "its bytes are used up")


def test_the_seconds_of_a_ticket_are_its_end(server: Reference, district: District) -> None:
    """A stream of a one-second ticket is cut after one second."""
    begin = time.monotonic()
    with (
        server.session(district.token(max_bytes=10**12, max_seconds=1.0)) as session,
        session.down() as stream,
    ):
        assert stream.drain() > 0
        assert 0.9 < time.monotonic() - begin < 2.5
        assert session.counts()["ended"] == "its seconds are over"


def test_nothing_is_sent_after_the_seconds(server: Reference, district: District) -> None:
    """A reader that only begins to read then finds what was on its way, and what the counts say arrived."""
    with (
        server.session(district.token(max_bytes=10**12, max_seconds=1.0)) as session,
        session.down() as stream,
    ):
        counts = session.counts_when(ended="its seconds are over")
        time.sleep(0.2)
        counts = session.counts()
        assert 0 < counts["unacked"] < counts["sent"]
        assert counts["sent"] - counts["unacked"] <= stream.drain() < counts["sent"]


def test_a_session_ends_with_the_connection_that_opened_it(server: Reference, district: District) -> None:
    """Its streams are cut at once, and its id opens nothing any more."""
    session = server.session(district.token(max_bytes=10**12))
    with session.down() as stream, session.stream() as idle:
        assert idle.ask("GET", protocol.ECHO, session.line).status == 204
        session.sock.close()
        assert stream.is_over(2.0)
        assert idle.is_over(2.0)
        with session.stream() as late:
            assert late.ask("GET", protocol.ECHO, session.line).status == 401
    assert "the connection that opened it has ended" in server.said()


def test_a_stop_ends_the_way_down_and_no_more(server: Reference, district: District) -> None:
    """Streams down are cut, what was sent stands, and the session goes on with a way up and another down."""
    with server.session(district.token(max_bytes=10**12)) as session, session.stream() as idle:
        assert len(idle.ask("GET", protocol.take(7), session.line).body) == 7
        with session.down() as stream, session.stream() as up:
            up.say("POST", protocol.GIVE, session.line, "Content-Length: 2000", body=bytes(1000))
            session.counts_when(received=1000)
            assert session.ask("POST", protocol.STOP, session.line).status == 204
            assert stream.is_over(2.0)
            up.sock.sendall(bytes(1000))
            assert up.hear().status == 204
        assert idle.ask("GET", protocol.ECHO, session.line).status == 204
        sent = session.counts()["sent"]
        time.sleep(0.2)
        assert session.counts()["sent"] == sent > 0
        assert session.give(1000).status == 204
        with session.stream() as again:
            assert len(again.ask("GET", protocol.take(5000), session.line).body) == 5000
        assert session.counts_when(sent=sent + 5000)["sent"] == sent + 5000


def test_counts_are_true_to_the_byte(server: Reference, district: District) -> None:
    """Some taken, some given and a stream up that just ends: each byte is counted once, and all arrived."""
    with server.session(district.token()) as session:
        with session.stream() as stream:
            for amount in (1, 65_537, 7_654_321):
                assert len(stream.ask("GET", protocol.take(amount), session.line).body) == amount
            counts = session.counts_when(unacked=None)
            assert counts["sent"] == 1 + 65_537 + 7_654_321
            assert counts["segments"] > 0
            assert counts["resent"] >= 0
        assert session.give(1_234_567).status == 204
        with session.stream() as stream:
            stream.say(
                "POST", protocol.UP, session.line, f"Content-Length: {protocol.ENDLESS}", body=bytes(99_999)
            )
        counts = session.counts_when(received=1_234_567 + 99_999)
        assert (counts["received"], counts["sent"]) == (1_334_566, 7_719_859)


def test_requests_may_follow_each_other_at_once(server: Reference, district: District) -> None:
    """Requests in one packet, with a body before or between them, are answered in their order."""
    with server.session(district.token()) as session:
        line = f"Host: hub\r\n{session.line}\r\n"
        session.sock.sendall(
            f"GET {protocol.take(3)} HTTP/1.1\r\n{line}\r\n"
            f"POST {protocol.GIVE} HTTP/1.1\r\n{line}Content-Length: 5\r\n\r\n12345"
            f"GET {protocol.COUNTS} HTTP/1.1\r\n{line}\r\n".encode()
        )
        assert len(session.hear().body) == 3
        assert session.hear().status == 204
        counts = session.hear().json
        assert (counts["sent"], counts["received"]) == (3, 5)
        session.sock.sendall(f"POST {protocol.GIVE} HTTP/1.1\r\n{line}Content-Length: 9\r\n\r\n".encode())
        time.sleep(0.1)
        session.sock.sendall(f"123456789GET {protocol.TAKE}?bytes=4 HTTP/1.1\r\n{line}\r\n".encode())
        assert session.hear().status == 204
        assert len(session.hear().body) == 4


def test_a_session_knows_of_others_beside_it(server: Reference, district: District) -> None:
    """The most that ran beside it since it last asked, and how many when it was opened."""
    with server.session(district.token()) as first:
        with server.session(district.token()) as second:
            assert second.opened.json["others"] == 1
        assert first.counts()["others"] == 1
        assert "others" not in first.counts_when(others=None)


def test_two_sessions_of_one_address_are_two(server: Reference, district: District) -> None:
    """A connection stays with the session that it first named."""
    with (
        server.session(district.token()) as one,
        server.session(district.token()) as two,
        one.stream() as stream,
    ):
        assert stream.ask("GET", protocol.ECHO, one.line).status == 204
        assert stream.ask("GET", protocol.ECHO, two.line).status == 401


def test_a_server_on_all_addresses_is_met_over_both_protocols(start: Start, district: District) -> None:
    """Over IPv6 and IPv4 alike; one is not the other's address."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this system has no IPv6")
    server = start("--host", "")
    with Client(server.port, "::1", "::1") as six, server.session(district.token()) as four:
        answer = six.ask("POST", protocol.SESSION, f"Authorization: Ticket {district.token()}")
        line = f"Session: {answer.json['session']}"
        assert six.ask("GET", protocol.ECHO, line).status == 204
        with four.stream() as stream:
            assert stream.ask("GET", protocol.ECHO, line).status == 401


WRONG: dict[str, tuple[tuple[Any, ...], int]] = {
    "take without a number": (("GET", protocol.TAKE), 400),
    "take a negative number": (("GET", f"{protocol.TAKE}?bytes=-5"), 400),
    "take what no number holds": (("GET", f"{protocol.TAKE}?bytes={'9' * 40}"), 400),
    "give without a length": (("POST", protocol.GIVE), 411),
    "give in chunks": (("POST", protocol.GIVE, "Transfer-Encoding: chunked"), 411),
    "a body for an echo": (("GET", protocol.ECHO, "Content-Length: 100000"), 413),
    "the wrong verb": (("POST", protocol.DOWN), 405),
    "no such place": (("GET", "/firstbell/other"), 404),
    "a session without a ticket": (("POST", protocol.SESSION), 401),
}


@pytest.mark.parametrize("which", WRONG)
def test_a_wrong_request_is_told_so(server: Reference, district: District, which: str) -> None:
    """Its status, a sentence, the end of its connection; the session lives on."""
    request, status = WRONG[which]
    with server.session(district.token()) as session:
        with session.stream() as stream:
            answer = stream.ask(*request, session.line)
            assert (answer.status, bool(answer.json["error"])) == (status, True)
            assert stream.is_over(3.0)
        assert session.ask("GET", protocol.ECHO, session.line).status == 204


def test_one_connection_opens_one_session(server: Reference, district: District) -> None:
    """Another good ticket over it opens nothing: it is refused, both are over, and the ticket was not used."""
    token = district.token()
    with server.session(district.token()) as session:
        answer = session.ask("POST", protocol.SESSION, f"Authorization: Ticket {token}")
        assert (answer.status, answer.json["error"]) == (400, "this connection has a session already")
        assert session.is_over(3.0)
    with server.session(token) as late:
        others = late.opened.json["others"]
    # Its connection is over a moment before the session itself is.
    until_s = time.monotonic() + 3
    while others and time.monotonic() < until_s:
        with server.session(district.token()) as later:
            others = later.opened.json["others"]
    assert others == 0


def test_no_session_is_longer_than_any_lease(server: Reference, district: District) -> None:
    """Whatever its ticket says."""
    with server.session(district.token(max_seconds=LONGEST_S + 1)) as session:
        assert session.opened.json["max_seconds"] == LONGEST_S


def test_a_session_may_be_asked_for_its_counts_for_a_while(start: Start, district: District) -> None:
    """After its end it answers once more, and then its connection ends by itself."""
    server = start(limits={"sessions.AFTER_S": 1.0})
    with server.session(district.token(max_bytes=1000)) as session:
        with session.down() as stream:
            assert stream.drain() == 1000
        assert session.counts()["sent"] == 1000
        assert session.is_over(3.0)


def test_sessions_have_a_limit(start: Start, district: District) -> None:
    """One more than there may be is told to come back; its ticket is not used up by that."""
    server = start(limits={"sessions.MOST_SESSIONS": 2})
    token = district.token()
    with server.session(district.token()):
        with server.session(district.token()), server.client() as third:
            answer = third.ask("POST", protocol.SESSION, f"Authorization: Ticket {token}")
            assert (answer.status, "too many sessions" in answer.json["error"]) == (503, True)
        time.sleep(0.2)
        with server.session(token) as late:
            assert late.opened.json["others"] == 1


def test_the_connections_of_a_session_have_a_limit(start: Start, district: District) -> None:
    """One more than there may be is refused; when one has gone, another may come."""
    server = start(limits={"sessions.MOST_CONNECTIONS_A_SESSION": 2})
    with server.session(district.token()) as session, session.stream() as one:
        assert one.ask("GET", protocol.ECHO, session.line).status == 204
        with session.stream() as two, session.stream() as three:
            assert two.ask("GET", protocol.ECHO, session.line).status == 204
            assert three.ask("GET", protocol.ECHO, session.line).status == 429
        time.sleep(0.2)
        with session.stream() as late:
            assert late.ask("GET", protocol.ECHO, session.line).status == 204
