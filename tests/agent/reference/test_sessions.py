"""What a ticket opens, and how far it reaches: over real sockets, against the server in its own process."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from agent.load import protocol
from firstbell import ticket
from tests.agent.reference.conftest import Start
from tests.support.reference import TARGET, District, Reference, S


def test_a_good_ticket_opens_a_session_as_it_says(server: Reference, district: District) -> None:
    """Its bytes and seconds come back, with the server's name and an id."""
    with server.session(district.token(max_bytes=7_000_000, max_seconds=12.5)) as session:
        opened = session.opened.json
    assert len(opened.pop("session")) == 32
    assert opened == {"max_bytes": 7_000_000, "max_seconds": 12.5, "server": TARGET, "others": 0}


def now_ns() -> int:
    """As the server's clock says too."""
    return time.time_ns()  # noqa: TID251 - these are clocks of a test


BAD: dict[str, tuple[Callable[[District, District], str], str]] = {
    "none": (lambda _d, _o: "", "a ticket is wanted here"),
    "nonsense": (lambda _d, _o: "open-sesame", "this is no ticket"),
    "too long": (lambda _d, _o: "x" * 2000, "longer than any"),
    "signed by another": (lambda _d, other: other.token(), "not signed by this district"),
    "altered": (
        lambda d, _o: ticket.token_of(ticket.payload_of(d.ticket()), ticket.split(d.token())[1]),
        "not signed by this district",
    ),
    "no ticket in it": (lambda d, _o: d.sign(b"[]"), "this is no ticket"),
    "expired": (lambda d, _o: d.token(expires_ns=now_ns() - 1), "has expired"),
    "for another server": (lambda d, _o: d.token(target="library"), "for another server"),
    "from the future": (
        lambda d, _o: d.token(issued_ns=now_ns() + 90 * S, expires_ns=now_ns() + 120 * S),
        "from the future",
    ),
    "from before the start": (lambda d, _o: d.token(issued_ns=now_ns() - 60 * S), "last start"),
    "good for a day": (lambda d, _o: d.token(expires_ns=now_ns() + 86_400 * S), "good for too long"),
}


@pytest.mark.parametrize("which", BAD)
def test_a_bad_ticket_gets_its_reason_and_nothing_else(
    server: Reference, district: District, tmp_path_factory: pytest.TempPathFactory, which: str
) -> None:
    """A small 401 that says why, the end of the connection, and no session."""
    make, reason = BAD[which]
    token = make(district, District(tmp_path_factory.mktemp("other")))
    with server.client() as client:
        answer = client.ask("POST", protocol.SESSION, f"Authorization: Ticket {token}")
        assert answer.status == 401
        assert reason in answer.json["error"]
        assert len(answer.body) < 200
        assert client.drain() == 0


def test_a_ticket_opens_one_session_once(server: Reference, district: District) -> None:
    """Brought again while its session runs, and after that, it is refused as used."""
    token = district.token()

    def again() -> str:
        with server.client() as client:
            answer = client.ask("POST", protocol.SESSION, f"Authorization: Ticket {token}")
        assert answer.status == 401
        return str(answer.json["error"])

    with server.session(token) as session:
        assert session.ask("GET", protocol.ECHO, session.line).status == 204
        assert again() == "the ticket was used before"
    assert again() == "the ticket was used before"


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
    with server.session(district.token(max_bytes=10**12)) as session:
        with session.down() as stream:
            assert session.ask("POST", protocol.STOP, session.line).status == 204
            assert stream.is_over(2.0)
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
    """Three requests in one packet, a body among them, are answered in their order."""
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


WRONG: dict[str, tuple[tuple[Any, ...], int]] = {
    "take without a number": (("GET", protocol.TAKE), 400),
    "take a negative number": (("GET", f"{protocol.TAKE}?bytes=-5"), 400),
    "take what no number holds": (("GET", f"{protocol.TAKE}?bytes={'9' * 40}"), 400),
    "give without a length": (("POST", protocol.GIVE), 411),
    "give in chunks": (("POST", protocol.GIVE, "Transfer-Encoding: chunked"), 411),
    "a body for an echo": (("GET", protocol.ECHO, "Content-Length: 100000"), 413),
    "the wrong verb": (("POST", protocol.DOWN), 405),
    "no such place": (("GET", "/firstbell/other"), 404),
    "a second session": (("POST", protocol.SESSION), 401),
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
