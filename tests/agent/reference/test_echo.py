"""UDP packets that come back: to a session, and to nobody else."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from tests.agent.reference.conftest import Start
from tests.support.reference import District, Reference, Session


@pytest.fixture
def session(server: Reference, district: District) -> Iterator[Session]:
    """With room for all."""
    with server.session(district.token()) as session:
        yield session


@contextlib.contextmanager
def line(port: int, source: str = "127.0.0.1", to: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A UDP socket that speaks to the server, and hears what comes from where it speaks to alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.connect((to, port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.settimeout(0.5)
        yield sock


def heard(sock: socket.socket) -> list[bytes]:
    """All that comes back, until nothing more does."""
    packets = []
    with contextlib.suppress(TimeoutError):
        while True:
            packets.append(sock.recv(2048))
    return packets


def test_packets_come_back_as_they_are(server: Reference, session: Session) -> None:
    """Each as it was sent, and counted; they are in no other count."""
    packets = [f"{session.name}{number:08d}".encode() for number in range(50)]
    with line(server.port) as sock:
        for packet in packets:
            sock.send(packet)
        assert heard(sock) == packets
    counts = session.counts()
    assert (counts["echoed"], "sent" in counts, "received" in counts) == (50, False, False)


@pytest.mark.parametrize("host", ["", "0.0.0.0"])
def test_a_server_on_all_addresses_answers_from_the_one_that_was_asked(
    start: Start, district: District, host: str
) -> None:
    """A packet to any of its machine's addresses comes back from that address."""
    server = start("--host", host)
    with server.session(district.token()) as session, line(server.port, to="127.0.0.5") as sock:
        packet = session.name.encode() + b"12345678"
        sock.send(packet)
        assert heard(sock) == [packet]


@pytest.mark.parametrize(
    ("source", "name", "tail"),
    [
        ("127.0.0.1", "0" * 32, b"12345678"),
        ("127.0.0.2", None, b"12345678"),
        ("127.0.0.1", None, b"1234567"),
        ("127.0.0.1", None, b"123456789"),
        ("127.0.0.1", None, bytes(1000)),
        ("127.0.0.1", "\xff" * 32, b"12345678"),
    ],
    ids=["of no session", "from elsewhere", "too short", "too long", "far too long", "no id"],
)
def test_nothing_else_comes_back(
    server: Reference, session: Session, source: str, name: str | None, tail: bytes
) -> None:
    """A packet of no session, from another address or of another size is not answered; a good one is."""
    good = session.name.encode() + b"goodgood"
    with line(server.port, source) as sock, line(server.port) as other:
        sock.send((name or session.name).encode("latin-1") + tail)
        other.send(good)
        assert heard(other) == [good]
        assert heard(sock) == []


def test_a_flood_of_packets_is_bounded(server: Reference, session: Session) -> None:
    """Of 3,000 packets at once no more come back than a second allows (and what that took adds)."""
    with line(server.port) as sock:
        begin = time.monotonic()
        for number in range(3000):
            sock.send(f"{session.name}{number:08d}".encode())
        took = time.monotonic() - begin
        back = len(heard(sock))
    assert 0 < back <= 250 + 250 * (took + 0.7)
    assert session.counts()["echoed"] == back


def test_packets_are_of_the_ticket_s_bytes(server: Reference, district: District) -> None:
    """A ticket of 800 bytes lets ten packets of 40 there and back, and then it is used up."""
    with server.session(district.token(max_bytes=800)) as session, line(server.port) as sock:
        for number in range(20):
            sock.send(f"{session.name}{number:08d}".encode())
        assert len(heard(sock)) == 10
        assert session.counts()["ended"] == "its bytes are used up"


def test_a_packet_that_could_not_come_back_whole_does_not(server: Reference, district: District) -> None:
    """What a ticket has left for the way there, but not for the way back, brings no packet back."""
    with server.session(district.token(max_bytes=879)) as session, line(server.port) as sock:
        for number in range(20):
            sock.send(f"{session.name}{number:08d}".encode())
        assert len(heard(sock)) == 10
        assert session.counts()["echoed"] == 10
