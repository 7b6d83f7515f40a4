"""A filter that lets its page drip holds no box up: each way has one bound for all of an answer."""

import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from agent import enrol
from agent.machine.clock import SystemClock
from agent.machine.proxy import Proxy
from agent.uplink import https, tunnel
from agent.uplink.https import Files, HttpsLine
from agent.uplink.way import Way
from tests.support.box_keys import openssl
from tests.support.tls_server import certificates

BOUND_S, DRIP_S = 0.6, 0.1
PAGE = b"HTTP/1.1 403 Blocked\r\nContent-Length: 20000\r\n\r\n"
STATUS = b"HTTP/1.1 "
LATE = "in time|timed out"


@contextmanager
def dripping(first: bytes, serves: ssl.SSLContext | None) -> Iterator[int]:
    """A port that answers with `first`, and behind it with a byte each tenth of a second."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:

        def drip(came: socket.socket) -> None:
            with suppress(OSError), came:
                line = serves.wrap_socket(came, server_side=True) if serves else came
                with line:
                    line.recv(1 << 14)
                    line.sendall(first)
                    while not over.wait(DRIP_S):
                        line.sendall(b"x")

        def serve() -> None:
            with suppress(OSError):
                while True:
                    each = threading.Thread(target=drip, args=(server.accept()[0],), daemon=True)
                    each.start()
                    stack.callback(each.join, 10)

        accepting = threading.Thread(target=serve, daemon=True)
        accepting.start()
        yield server.getsockname()[1]
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        accepting.join(10)


@pytest.fixture
def trust(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate, and the authority that a box believes."""
    certificate, key, ca = certificates(tmp_path)
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(certificate, key)
    return serves, ca


def ends(act: Callable[[], object], within_s: float) -> None:
    """See that it ends in time."""
    began = time.monotonic()
    act()
    assert time.monotonic() - began < within_s


@pytest.mark.parametrize(("first", "why", "within_s"), [(PAGE, "status 403", 3), (STATUS, LATE, 3)])
def test_a_websocket_is_not_waited_for(
    trust: tuple[ssl.SSLContext, Path],
    monkeypatch: pytest.MonkeyPatch,
    first: bytes,
    why: str,
    within_s: float,
) -> None:
    """A page is no WebSocket from its first line on, and a line that drips has a bound."""
    monkeypatch.setattr(tunnel, "STEP_S", 5.0 if first is PAGE else BOUND_S)
    with dripping(first, trust[0]) as port:

        def dig() -> None:
            with pytest.raises(OSError, match=why):
                tunnel.dug(Way("localhost", port, str(trust[1])))

        ends(dig, within_s)


@pytest.mark.parametrize("first", [PAGE, STATUS])
def test_a_reply_is_not_waited_for(
    trust: tuple[ssl.SSLContext, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    """Head or body: a letter that gets no whole answer in time did not get through."""
    monkeypatch.setattr(https, "EXCHANGE_S", BOUND_S)
    key = tmp_path / "server.key"
    openssl("pkey", "-in", str(key), "-out", str(tmp_path / "box.key"))
    files = Files(tmp_path / "server.pem", tmp_path / "box.key", trust[1])
    with dripping(first, trust[0]) as port:
        line = HttpsLine(Way("localhost", port, str(trust[1])), files, SystemClock(), random.Random(1))
        said: list[str] = []
        ends(lambda: said.append(line.feel()), 4)
        assert re.search(LATE, said[0])


def test_a_proxy_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for a way through, and lets its answer drip."""
    monkeypatch.setattr(tunnel, "STEP_S", BOUND_S)
    with dripping(STATUS, None) as port:

        def dig() -> None:
            with pytest.raises(OSError, match=LATE):
                tunnel.dug(Way("localhost", 1, proxy=Proxy("127.0.0.1", port)))

        ends(dig, 4)


@pytest.mark.parametrize("first", [PAGE, STATUS])
def test_a_card_is_not_waited_for(
    trust: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    """Something else answers where a box asks for its certificate: it asks again later."""
    monkeypatch.setattr(enrol, "ANSWER_S", BOUND_S)
    with dripping(first, trust[0]) as port:
        card = enrol.Card(collector=f"https://localhost:{port}", broker="localhost")

        def ask() -> None:
            with pytest.raises(enrol.OutOfReachError, match=LATE):
                enrol._post(
                    card, "/enrol/claim", b"{}", ssl.create_default_context(cafile=str(trust[1])), None
                )

        ends(ask, 4)
