"""Sends or takes bytes by plain sockets, for the test network's own tests and for cross traffic.

    traffic.py take KIND SECONDS STREAMS                     prints its port, later [[seconds, bytes so far], ...]
    traffic.py send KIND SECONDS STREAMS HOST PORT MBPS      MBPS 0: what goes

KIND is tcp or udp. The taker's SECONDS begin with the first byte, and the end of TCP is his to say; both end
when standard input does, and the sender a while after SECONDS at the latest.
"""

import json
import select
import socket
import sys
import time
from contextlib import suppress

_CHUNK = 1 << 18
_DATAGRAM = 1400
_TICK_S = 0.1
_PACE_S = 0.002
_PATIENCE_S = 10.0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _kept_on() -> bool:
    """Whether standard input is still open."""
    return not select.select([sys.stdin.fileno()], (), (), 0)[0]


class _Taken:
    """Bytes so far over time."""

    def __init__(self) -> None:
        self.points: list[tuple[float, int]] = []
        self.total = 0
        self.start = self._next = 0.0

    def add(self, size: int) -> None:
        """Count `size` more now."""
        now = time.monotonic()
        if not self.points:
            self.start = self._next = now
        self.total += size
        if now >= self._next:
            self.points.append((now - self.start, self.total))
            self._next = now + _TICK_S


def _take(kind: str, seconds: float, streams: int) -> None:
    listener = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", 0))
    if kind == "tcp":
        listener.listen(streams)
    _say(str(listener.getsockname()[1]))
    taken = _Taken()
    _receive(listener, kind, taken, seconds, streams)
    _say(json.dumps(taken.points))


def _receive(listener: socket.socket, kind: str, taken: _Taken, seconds: float, streams: int) -> None:
    into = memoryview(bytearray(_CHUNK))
    poll = select.epoll()
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    poll.register(listener.fileno(), select.EPOLLIN)
    sockets = {listener.fileno(): listener}
    until = time.monotonic() + seconds + _PATIENCE_S
    while streams and time.monotonic() < (taken.start + seconds if taken.points else until):
        for descriptor, _ in poll.poll(0.1):
            if descriptor not in sockets:
                return  # standard input has ended
            here = sockets[descriptor]
            if here is listener and kind == "tcp":
                stream = listener.accept()[0]
                sockets[stream.fileno()] = stream
                poll.register(stream.fileno(), select.EPOLLIN)
            elif size := here.recv_into(into):
                taken.add(size)
            else:
                poll.unregister(descriptor)
                streams -= 1


def _send(kind: str, seconds: float, streams: int, host: str, port: int, mbps: float) -> None:
    if kind == "udp":
        _datagrams(host, port, mbps, time.monotonic() + seconds)
        return
    sockets = [socket.socket() for _ in range(streams)]
    for stream in sockets:
        stream.setblocking(False)
        stream.connect_ex((host, port))
    with suppress(ConnectionError):  # the taker has had enough
        _stream(sockets, mbps, time.monotonic() + seconds + _PATIENCE_S)


def _stream(sockets: list[socket.socket], mbps: float, until: float) -> None:
    chunk = memoryview(bytes(_CHUNK))
    start, sent = time.monotonic(), 0
    while (now := time.monotonic()) < until and _kept_on():
        budget = int((now - start) * mbps * 1e6 / 8) - sent if mbps else _CHUNK
        if budget <= 0:
            time.sleep(_PACE_S)
            continue
        for stream in select.select((), sockets, (), 0.1)[1]:
            with suppress(BlockingIOError):
                sent += stream.send(chunk[: min(_CHUNK, budget)])


def _datagrams(host: str, port: int, mbps: float, until: float) -> None:
    to = socket.socket(type=socket.SOCK_DGRAM)
    to.connect((host, port))
    payload = bytes(_DATAGRAM)
    start, sent = time.monotonic(), 0
    while (now := time.monotonic()) < until and _kept_on():
        while sent < (now - start) * mbps * 1e6 / 8:
            with suppress(BlockingIOError, ConnectionRefusedError):
                to.send(payload)
            sent += _DATAGRAM
        time.sleep(_PACE_S)


def main() -> None:
    """As the command line says."""
    verb, kind, seconds, streams, *rest = sys.argv[1:]
    if verb == "take":
        _take(kind, float(seconds), int(streams))
    else:
        host, port, mbps = rest
        _send(kind, float(seconds), int(streams), host, int(port), float(mbps))


main()
