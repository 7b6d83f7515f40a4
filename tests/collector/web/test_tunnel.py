"""A WebSocket leads to the broker, and nowhere else; and who is no box keeps no place of it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from collector.letters import Broker
from collector.web import door, uplink
from firstbell import letter
from tests.collector.web.test_uplink import standing
from tests.collector.workbench import wait_until

UPGRADE = (
    f"GET {letter.TUNNEL} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
)


@contextmanager
def echo() -> Iterator[tuple[int, list[socket.socket]]]:
    """In the broker's place: whatever comes goes back."""
    came: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def back(each: socket.socket) -> None:
            with suppress(OSError):
                while data := each.recv(1 << 14):
                    each.sendall(data)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    each, _ = server.accept()
                    came.append(each)
                    threading.Thread(target=back, args=(each,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], came
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        for each in came:
            each.close()


@contextmanager
def silent() -> Iterator[int]:
    """In the broker's place: takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def dial(port: int, path: str = letter.TUNNEL, **more: Any) -> ClientConnection:
    """A WebSocket."""
    return connect(f"ws://127.0.0.1:{port}{path}", proxy=None, compression=None, close_timeout=1, **more)


def test_a_websocket_leads_to_the_broker(tmp_path: Path) -> None:
    """Both ways, in pieces of any size, without a token of the pages'; and when the broker hangs up it ends."""
    with echo() as (port, came), standing(tmp_path, Broker("127.0.0.1", port)) as district:
        with dial(district.port) as line:
            for size in (1, 1000, 60_000):
                line.send(b"x" * size)
                back = b""
                while len(back) < size:
                    back += bytes(line.recv(5))  # type: ignore[arg-type]
                assert back == b"x" * size
            came[0].shutdown(socket.SHUT_RDWR)
            with pytest.raises(ConnectionClosed):
                line.recv(5)
        # What is too long, or text, ends it.
        for wrong in (b"x" * 70_000, "text"):
            with dial(district.port) as line:
                line.send(wrong)
                with pytest.raises(ConnectionClosed):
                    line.recv(5)


def test_a_websocket_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds of a request are not its own: it is open as long as somebody says something."""
    monkeypatch.setattr(door.Patient, "word_s", 0.3)
    monkeypatch.setattr(door.Patient, "take_s", 0.3)
    with (
        echo() as (port, _),
        standing(tmp_path, Broker("127.0.0.1", port)) as district,
        dial(district.port) as line,
    ):
        for _ in range(20):
            line.send(b"x")
            assert line.recv(5) == b"x"
            time.sleep(0.05)  # the time that goes by is what is tested


def test_a_websocket_leads_nowhere_else(tmp_path: Path) -> None:
    """Whatever is asked for: no other path, no page's script, and no district without a broker that speaks TLS."""
    with echo() as (port, came), standing(tmp_path, Broker("127.0.0.1", port)) as district:
        for path in ("/", "/uplink/mqtt/", "/uplink/mqtt/127.0.0.1:22", "/uplink/letter"):
            with pytest.raises(InvalidStatus):
                dial(district.port, path)
        with pytest.raises(InvalidStatus) as refused:
            dial(district.port, origin="http://127.0.0.1")
        assert refused.value.response.status_code == 403
        with dial(district.port, f"{letter.TUNNEL}?host=example.org&port=22") as line:
            line.send(b"x")
            assert line.recv(5) == b"x"
        assert len(came) == 1
    (tmp_path / "without").mkdir()
    with standing(tmp_path / "without") as district, pytest.raises(InvalidStatus):
        dial(district.port)


def test_one_too_many_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three places of one address: the fourth is told 503, and comes in once one has left."""
    monkeypatch.setattr(uplink, "MOST_RELAYS_OF_ONE", 3)
    with (
        echo() as (port, _),
        standing(tmp_path, Broker("127.0.0.1", port)) as district,
        ExitStack() as stack,
    ):
        lines = [stack.enter_context(dial(district.port)) for _ in range(3)]
        with pytest.raises(InvalidStatus) as refused:
            dial(district.port)
        assert refused.value.response.status_code == 503
        assert district.post(b"")[0] == 400  # and letters are heard meanwhile
        lines[0].close()
        wait_until(lambda: _opens(district.port))


def _opens(port: int) -> bool:
    try:
        dial(port).close()
    except InvalidStatus:
        return False
    return True


def test_who_says_nothing_for_long_is_shown_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place is not kept for the silent."""
    monkeypatch.setattr(uplink, "IDLE_S", 0.5)
    with (
        echo() as (port, _),
        standing(tmp_path, Broker("127.0.0.1", port)) as district,
        dial(district.port) as line,
        pytest.raises(ConnectionClosed),
    ):
        line.recv(10)


def test_who_opens_no_tls_is_shown_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger who says something now and then, and never what a broker answers, keeps no place."""
    monkeypatch.setattr(uplink, "FIRST_S", 0.5)
    with (
        silent() as port,
        standing(tmp_path, Broker("127.0.0.1", port)) as district,
        dial(district.port) as line,
    ):

        def talk() -> None:
            for _ in range(50):
                line.send(b"x")
                with suppress(TimeoutError):
                    line.recv(0.1)

        with pytest.raises(ConnectionClosed):
            talk()


def test_one_prefix_counts_as_one_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of IPv6 a /64 is one machine's: another address of it gets no place more, and IPv4 inside IPv6 is itself."""
    told = {"fd00::1": "fd00::/64", "fd00::ffff:1": "fd00::/64", "fd00:0:0:1::1": "fd00:0:0:1::/64"}
    told |= {"::ffff:10.1.2.3": "10.1.2.3", "10.1.2.3": "10.1.2.3", "::1": "::1", "fe80::1%eth0": "fe80::/64"}
    assert {each: door.crowd(each) for each in told} == told
    monkeypatch.setattr(door.Door, "most_of_one", 2)
    came = iter(["fd00::1", "fd00::2", "fd00::3", "fd00:0:0:1::1", "::ffff:127.0.0.1"])
    real = door.Door._accepted
    monkeypatch.setattr(door.Door, "_accepted", lambda self: (real(self)[0], (next(came), 0)))
    with socket.create_server(("127.0.0.1", 0)) as server, door.Door(server) as entry, ExitStack() as stack:
        for let_in in (True, True, False, True, True):
            stack.enter_context(socket.create_connection(entry.getsockname()))
            if let_in:
                stack.enter_context(entry.accept()[0])
            else:
                with pytest.raises(ConnectionAbortedError):
                    entry.accept()


def test_who_takes_nothing_is_shown_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that sends and never reads is cut, and its place is free again."""
    monkeypatch.setattr(uplink, "TAKE_S", 0.5)
    monkeypatch.setattr(uplink, "MOST_RELAYS_OF_ONE", 1)
    monkeypatch.setattr(door.PatientSocket, "take_s", 0.5)
    frame = b"\x82\xfe\x3a\x98\0\0\0\0" + b"x" * 15_000  # 15,000 bytes, masked with nothing
    with (
        echo() as (port, _),
        standing(tmp_path, Broker("127.0.0.1", port)) as district,
        socket.create_connection(("127.0.0.1", district.port), 20) as raw,
    ):
        raw.sendall(UPGRADE)
        with pytest.raises(ConnectionError):
            raw.sendall(frame * 4000)
        wait_until(lambda: _opens(district.port))


def test_pings_without_a_reader_pile_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes no pongs is not read from; what comes between the pings changes nothing."""
    paused: list[door.PatientSocket] = []
    real = door.PatientSocket.pause_writing

    def pause(self: door.PatientSocket) -> None:
        paused.append(self)
        real(self)

    monkeypatch.setattr(door.PatientSocket, "pause_writing", pause)
    pings = (b"\x89\xfd\0\0\0\0" + b"x" * 125) * 500 + b"\x82\x81\0\0\0\0x"
    with (
        echo() as (port, _),
        standing(tmp_path, Broker("127.0.0.1", port)) as district,
        socket.socket() as raw,
    ):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(0.7)
        raw.connect(("127.0.0.1", district.port))
        raw.sendall(UPGRADE)
        assert raw.recv(4096).startswith(b"HTTP/1.1 101")
        with suppress(TimeoutError):
            for _ in range(250):  # 16 MB
                raw.sendall(pings)
        (line,) = {*paused}
        assert line.transport.get_write_buffer_size() < 1 << 20


def test_a_broker_that_is_away_is_told(tmp_path: Path) -> None:
    """502, and the box goes on trying."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with standing(tmp_path, Broker("127.0.0.1", port)) as district, pytest.raises(InvalidStatus) as refused:
        dial(district.port)
    assert refused.value.response.status_code == 502
