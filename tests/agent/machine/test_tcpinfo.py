"""What the kernel tells of a TCP connection, read from a real one."""

import socket
import struct
import sys
import time
from collections.abc import Iterator

import pytest

from agent.machine import tcpinfo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the figures are Linux's")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname(), timeout=5)
        far, _ = server.accept()
    with near, far:
        yield near, far


def test_what_arrived_is_acknowledged(pair: tuple[socket.socket, socket.socket]) -> None:
    """100,000 bytes that were read are acknowledged, in some segments, within a believable round trip."""
    near, far = pair
    near.sendall(b"x" * 100_000)
    left = 100_000
    while left:
        left -= len(far.recv(left))
    until = time.monotonic() + 5
    while tcpinfo.unacked(near) and time.monotonic() < until:
        time.sleep(0.01)
    seen = tcpinfo.look(near)
    assert seen is not None
    assert seen.bytes_acked in {100_000, 100_001}
    assert 0 < seen.data_segs_out <= seen.segs_out
    assert seen.retrans == 0
    assert 0 < seen.min_rtt_ms <= 1000
    assert 0 < seen.rtt_ms <= 1000
    assert seen.delivery_mbps > 0


def test_what_nobody_reads_is_not(pair: tuple[socket.socket, socket.socket]) -> None:
    """What fits in no buffer of a reader that doesn't read is told as unacknowledged, to the byte."""
    near, _ = pair
    near.setblocking(False)
    sent = 0
    for _ in range(10_000):
        try:
            sent += near.send(b"x" * 65_536)
        except BlockingIOError:
            break
    time.sleep(0.2)
    seen, waiting = tcpinfo.look(near), tcpinfo.unacked(near)
    assert seen is not None
    assert waiting is not None
    assert waiting > 0
    assert sent - waiting == pytest.approx(seen.bytes_acked, abs=1)


def test_each_figure_is_at_its_place() -> None:
    """An answer with a number at each place of linux/tcp.h is read as those numbers."""
    raw = bytearray(240)
    for at, value in {68: 2500, 100: 7, 136: 90, 148: 1500, 156: 80}.items():
        struct.pack_into("=I", raw, at, value)
    struct.pack_into("=Q", raw, 120, 5_000_000_000)
    struct.pack_into("=Q", raw, 160, 12_500_000)
    assert tcpinfo.read(bytes(raw)) == tcpinfo.TcpInfo(2.5, 1.5, 5_000_000_000, 100.0, 90, 80, 7)


def test_an_old_kernel_and_a_closed_socket_tell_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    """A short answer and a socket that is gone are None, not an error."""
    near, _ = pair
    near.close()
    assert tcpinfo.read(bytes(104)) is None
    # The rate is the last of what is read, and ends at 168: one byte less is too little, so much is enough.
    assert tcpinfo.read(bytes(167)) is None
    assert tcpinfo.read(bytes(168)) == tcpinfo.TcpInfo(0, 0, 0, 0, 0, 0, 0)
    assert tcpinfo.look(near) is None
    assert tcpinfo.unacked(near) is None
