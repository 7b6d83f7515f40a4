"""Whoever comes without a ticket, and with bad manners: bounded in time, memory and connections."""

import contextlib
import socket
import struct
import time
from contextlib import ExitStack

import pytest

from agent.load import protocol
from tests.agent.reference.conftest import Start
from tests.support.reference import Client, District, Reference

SPARE_FILES = 40
MOST_GROWTH_MIB = 25.0


def works(server: Reference, district: District) -> bool:
    """Whether a box with a good ticket is served."""
    with server.session(district.token()) as session, session.stream() as stream:
        return len(stream.ask("GET", protocol.take(100_000), session.line).body) == 100_000


@pytest.fixture
def hasty(start: Start) -> Reference:
    """A server that waits one second for a head."""
    return start(limits={"connection.HEAD_S": 1.0, "line.HEAD_S": 1.0})


def test_heads_that_never_end_are_cut(hasty: Reference, district: District) -> None:
    """A line now and then keeps no connection; within a session, a slow head doesn't either."""
    with ExitStack() as stack:
        slow = [stack.enter_context(hasty.client()) for _ in range(40)]
        session = stack.enter_context(hasty.session(district.token()))
        slow.append(session.stream())
        assert slow[-1].ask("GET", protocol.ECHO, session.line).status == 204
        for client in slow:
            client.sock.sendall(b"GET /firstbell/echo HTTP/1.1\r\n")
        until = time.monotonic() + 1.6
        while time.monotonic() < until:
            for client in slow:
                with contextlib.suppress(OSError):
                    client.sock.sendall(b"X-Slow: 1\r\n")
            time.sleep(0.2)
        assert all(client.is_over(0.5) for client in slow)
        assert works(hasty, district)
        slow[-1].sock.close()


def test_connections_that_say_nothing_are_cut(hasty: Reference, district: District) -> None:
    """One that never spoke; but the connection of a session may be silent until its session ends."""
    with hasty.client() as silent, hasty.session(district.token()) as session:
        assert silent.is_over(2.5)
        time.sleep(1.0)
        assert session.ask("GET", protocol.ECHO, session.line).status == 204


def test_ten_thousand_connections_are_bounded(start: Start, district: District) -> None:
    """They hold no more files than the bound of their address, hardly any memory, few lines; no box is kept out."""
    server = start(limits={"server.MOST_STRANGERS_AN_ADDRESS": 60, "server.MOST_STRANGERS": 100})
    assert works(server, district)
    files, mib = server.files(), server.mib()
    most = 0
    with ExitStack() as stack:
        for number in range(10_000):
            if not number % 500:
                stack.close()
            source = f"127.0.0.{2 + number % 3}"
            stack.enter_context(server.client(source))
            if not number % 499:
                most = max(most, server.files() - files)
        assert works(server, district)
        most = max(most, server.files() - files)
    assert most <= 100 + SPARE_FILES
    assert server.mib() - mib < MOST_GROWTH_MIB
    assert "the oldest are cut" in server.said()
    assert len(server.said().splitlines()) < 200


def test_one_address_can_not_take_all_the_room(start: Start) -> None:
    """A crowd from one address pushes out its own, and not a stranger from another."""
    server = start(limits={"server.MOST_STRANGERS_AN_ADDRESS": 20, "server.MOST_STRANGERS": 40})
    with server.client("127.0.0.2") as other, ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(server.client())
        time.sleep(0.3)
        assert other.ask("GET", protocol.ECHO).status == 401


def test_there_is_a_most_of_all_connections(start: Start, district: District) -> None:
    """One too many is closed at once; when there is room again, all is well."""
    server = start(limits={"server.MOST_CONNECTIONS": 10})
    with ExitStack() as stack:
        session = stack.enter_context(server.session(district.token()))
        for _ in range(9):
            client = stack.enter_context(session.stream())
            assert client.ask("GET", protocol.ECHO, session.line).status == 204
        assert stack.enter_context(server.client()).is_over(2.0)
    time.sleep(0.3)
    assert works(server, district)


def test_a_head_that_is_too_long_is_refused(server: Reference) -> None:
    """One long line or many short ones: 431, and the end."""
    for junk in (b"X: " + b"x" * 20_000, b"X: 1\r\n" * 4000):
        with server.client() as client:
            client.sock.sendall(b"GET /firstbell/echo HTTP/1.1\r\n" + junk)
            assert client.hear().status == 431
            assert client.is_over(3.0)


@pytest.mark.parametrize(
    "words",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET /firstbell/echo HTTP/1.1\r\n\r\n",
        b"GET /firstbell/echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"GET /firstbell/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET http://[::bad/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /firstbell/echo?" + b"a=1&" * 500 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /firstbell/up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(server: Reference, words: bytes) -> None:
    """A refusal of a few bytes, and the end."""
    with server.client() as client:
        client.sock.sendall(words)
        answer = client.hear()
        assert answer.status in {400, 401, 404, 501}
        assert len(answer.body) < 200
        assert client.is_over(3.0)


def test_an_endless_body_without_a_session_is_not_read(server: Reference, district: District) -> None:
    """It gets its 401, and soon the connection ends under it."""
    with server.client() as client:
        client.say("POST", protocol.UP, f"Content-Length: {protocol.ENDLESS}")
        client.sock.settimeout(5)
        with pytest.raises(ConnectionError):
            client.sock.sendall(bytes(100_000_000))
    with server.client() as client:
        client.say("POST", protocol.UP, f"Content-Length: {protocol.ENDLESS}", body=b"x")
        assert client.hear().status == 401
        with pytest.raises(ConnectionError):
            trickle(client, 5.0)
    assert works(server, district)


def test_a_reader_that_does_not_read_holds_little(server: Reference, district: District) -> None:
    """Forty streams that nobody reads cost the server no memory, and others are served beside them."""
    with server.session(district.token(max_bytes=10**12)) as session, ExitStack() as stack:
        mib = server.mib()
        for _ in range(40):
            client = stack.enter_context(session.stream())
            client.say("GET", protocol.DOWN, session.line)
        time.sleep(0.5)
        assert server.mib() - mib < MOST_GROWTH_MIB
        assert works(server, district)


def test_connections_that_are_torn_leave_nothing(server: Reference, district: District) -> None:
    """Closed without a word, in the middle of a head, of a body, of a stream: all files come back."""
    files = server.files()
    with server.session(district.token(max_bytes=10**12)) as session:
        for words in (
            b"",
            b"GET /first",
            f"POST {protocol.GIVE} HTTP/1.1\r\nHost: a\r\n{session.line}\r\nContent-Length: 99\r\n\r\nabc".encode(),
            f"GET {protocol.DOWN} HTTP/1.1\r\nHost: a\r\n{session.line}\r\n\r\n".encode(),
        ):
            for _ in range(25):
                tear(session.stream(), words)
    until = time.monotonic() + 5
    while server.files() > files and time.monotonic() < until:
        time.sleep(0.05)
    assert server.files() <= files
    assert works(server, district)


def trickle(client: Client, seconds: float) -> None:
    """Go on with a body, a byte now and then."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        client.sock.sendall(b"x")
        time.sleep(0.1)


def tear(client: Client, words: bytes) -> None:
    """Say something, and be gone with a reset."""
    client.sock.sendall(words)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()
