"""Whoever opens connections and says nothing is shown out, and others get their pages meanwhile."""

import errno
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from collector.app import listener
from collector.web import door
from tests.collector.workbench import wait_until
from tests.support.web import certificate

ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def _page(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())} bytes")


async def _long(request: Request) -> Response:
    return PlainTextResponse("x" * int(request.path_params["size"]))


@contextmanager
def serving(*tls: Path) -> Iterator[int]:
    """A server's port; at the end it is told to stop and must be gone in time."""
    listening = listener("127.0.0.1", 0)
    # Little of what is written may wait with the kernel: what one is slow to take waits with the server.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    app = Starlette(routes=[Route("/", _page, methods=["GET", "POST"]), Route("/{size:int}", _long)])
    server = door.Server(door.settings(app, *tls))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that has room for three and waits half a second."""
    monkeypatch.setattr(door.Door, "most", 3)
    monkeypatch.setattr(door.Patient, "word_s", 0.5)
    monkeypatch.setattr(door.Patient, "take_s", 0.5)
    with serving() as found:
        yield found


def answer(port: int, *parts: bytes) -> bytes:
    """What comes back for these bytes until the other side ends it; nothing where it is refused."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link, suppress(ConnectionError):
        for part in parts:
            link.sendall(part)
        return link.recv(4096)
    return b""


@pytest.mark.parametrize("said", [b"", ASK[:-2], b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"])
def test_who_says_too_little_is_shown_out(port: int, said: bytes) -> None:
    """No word, half a head, or half a body: the connection ends, and others are served."""
    assert answer(port, said) == b""
    assert answer(port, ASK).startswith(b"HTTP/1.1 200")


def test_a_byte_now_and_then_buys_no_time(port: int) -> None:
    """Half a second is for the whole request, not for each piece of it."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link, suppress(ConnectionError):
        link.sendall(b"GET / HTTP/1.1\r\nX: ")
        while time.monotonic() - begun < 4:
            link.sendall(b"x")
            time.sleep(0.1)
    assert time.monotonic() - begun < 3


def reads_nothing(port: int, size: int, more: bytes = b"") -> socket.socket:
    """A connection that asks for `size` bytes and takes none."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    link.connect(("127.0.0.1", port))
    link.sendall(b"GET /%d HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n" % (size, more))
    return link


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize("size", [30_000, 8_000_000])
def test_who_takes_nothing_is_shown_out(port: int, size: int, more: bytes) -> None:
    """Three ask for an answer, short or long, and read none of it: their places are free again in time."""
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(reads_nothing(port, size, more))
        assert answer(port, ASK) == b""
        wait_until(lambda: answer(port, ASK).startswith(b"HTTP/1.1 200"))


def test_who_takes_slowly_is_waited_for(port: int) -> None:
    """Read in small pieces with rests between them, the answer comes whole."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        link.sendall(b"GET /100000 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        got = 0
        while part := link.recv(20_000):
            got += len(part)
            time.sleep(0.01)
    assert got > 100_000


def test_by_tls_it_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Answers come one after the other, and who asks for more while taking nothing is shown out."""
    monkeypatch.setattr(door.Patient, "take_s", 0.5)
    cert, _ = certificate(tmp_path, "localhost")
    trusting = ssl.create_default_context(cafile=str(cert))
    with (
        serving(cert, tmp_path / "key.pem") as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as link,
        trusting.wrap_socket(link, server_hostname="localhost") as safe,
    ):
        for _ in range(2):
            safe.sendall(ASK)
            got = b""
            while not got.endswith(b"\r\n0 bytes"):
                got += safe.recv(4096)
        # What TLS has handed on is out of its sight: of a single answer it is closing that has an end.
        safe.sendall(b"GET /8000000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2)
        time.sleep(2)
        got = b""
        with suppress(ConnectionError, ssl.SSLError):
            while part := safe.recv(65536):
                got += part
        assert len(got) < 8_000_000


def test_the_server_stops_while_somebody_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits a second for an answer that nobody reads, and goes."""
    monkeypatch.setattr(door, "STOP_S", 1)
    with ExitStack() as stack, serving() as port:
        for _ in range(3):
            stack.enter_context(reads_nothing(port, 8_000_000))


def test_one_too_many_is_closed_and_room_comes_again(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """Three say nothing: the fourth is closed at once; when their time is over there is a page again."""
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert answer(port, ASK) == b""
        assert answer(port, ASK) == b""
        wait_until(lambda: answer(port, ASK).startswith(b"HTTP/1.1 200"))
    assert caplog.text.count("one more was closed") == 1


def test_one_address_may_not_take_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its second is closed; this machine's own may be many people behind a proxy."""
    monkeypatch.setattr(door.Door, "most_of_one", 1)
    with listener("127.0.0.1", 0) as listening, ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(socket.create_connection(listening.getsockname()))
        kept = [stack.enter_context(listening.accept()[0]) for _ in range(2)]
        monkeypatch.setattr(door, "_is_own", lambda _: False)
        with pytest.raises(ConnectionAbortedError):
            listening.accept()
        for link in kept:
            link.close()
        stack.enter_context(listening.accept()[0])


def test_the_last_places_are_for_those_who_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three places one is kept: whoever is inside gets no more of them, an address without any does."""
    monkeypatch.setattr(door.Door, "most", 3)
    monkeypatch.setattr(door.Door, "spare", 1)
    monkeypatch.setattr(door, "_is_own", lambda _: False)
    with listener("127.0.0.1", 0) as listening, ExitStack() as stack:
        for source in ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2"):
            address = listening.getsockname()
            stack.enter_context(socket.create_connection(address, source_address=(source, 0)))
        for _ in range(2):
            stack.enter_context(listening.accept()[0])
        with pytest.raises(ConnectionAbortedError):
            listening.accept()
        assert stack.enter_context(listening.accept()[0]).getpeername()[0] == "127.0.0.2"


def test_no_more_descriptors_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The system has none left: asyncio hears it once and rests, and its log has it once a minute."""

    def none_left(_: socket.socket) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with listener("127.0.0.1", 0) as listening:
        monkeypatch.setattr(socket.socket, "accept", none_left)
        with pytest.raises(OSError, match="Too many open files"):
            listening.accept()
        with pytest.raises(BlockingIOError):
            listening.accept()
    door.quieten()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            logging.getLogger("asyncio").error("socket.accept() out of system resource")
        logging.getLogger("asyncio").error("something else")
    assert [record.message for record in caplog.records] == [
        "socket.accept() out of system resource",
        "something else",
    ]


def test_addresses_of_this_machine() -> None:
    """Loopback of both kinds, and nothing else."""
    found = [door._is_own(host) for host in ("127.0.0.1", "::1", "192.0.2.1", "")]
    assert found == [True, True, False, False]
