"""Whoever opens connections and says nothing is shown out, and others get their pages meanwhile."""

import errno
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from collector.app import listener
from collector.web import door
from tests.collector.workbench import wait_until

ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def _page(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())} bytes")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that has room for three and waits half a second."""
    monkeypatch.setattr(door.Door, "most", 3)
    monkeypatch.setattr(door.Patient, "word_s", 0.5)
    listening = listener("127.0.0.1", 0)
    app = Starlette(routes=[Route("/", _page, methods=["GET", "POST"])])
    server = door.Server(uvicorn.Config(app, http=door.Patient, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    wait_until(lambda: server.started)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(20)


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
