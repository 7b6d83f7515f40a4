"""Round trips: a train of echoes, each with its own time limit, several on the way at once.

By ICMP where the system lets this user (Linux: `net.ipv4.ping_group_range`), else by opening a TCP
connection, where a refusal is an answer too: it has gone the whole way and come back.
"""

import contextlib
import errno
import ipaddress
import os
import selectors
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from agent.machine.trouble import told

_ANSWERS = (0, errno.ECONNREFUSED)
_HEADER = struct.Struct("!BBHHH")
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_TOKEN_BYTES = 16
_PACKET_BYTES = 1500

SocketAddress = tuple[Any, ...]


class Train(NamedTuple):
    """How many echoes, how far apart, and how long each may take, in seconds."""

    echoes: int = 10
    gap_s: float = 0.05
    limit_s: float = 2.0


class Echoes(NamedTuple):
    """What came back of `sent` echoes: round trips in ms, in the order of sending; the others are lost.

    `trouble` is what the last error said, if there was one: with nothing sent, why nothing left.
    """

    sent: int
    round_trips_ms: tuple[float, ...]
    trouble: str = ""


def ping(address: str, train: Train, now: Callable[[], float]) -> Echoes | None:
    """Send ICMP echoes to `address`; None where this user may not. `now` gives seconds, monotonic."""
    family, target = socket_address(address, 0)
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
    except OSError:
        return None
    with sock:
        return _drive(_Pings(sock, target), train, now)


def knock(address: str, port: int, train: Train, now: Callable[[], float]) -> Echoes:
    """Open TCP connections to `address` and close each at once. `now` gives seconds, monotonic."""
    with _Knocks(*socket_address(address, port)) as knocks:
        return _drive(knocks, train, now)


class _Sender(Protocol):
    """One way of making an echo."""

    def send(self, number: int) -> None:
        """Send echo `number`. Raises OSError if it can't leave."""

    def answered(self, wait_s: float) -> Sequence[int]:
        """Wait at most `wait_s` seconds for answers, and give the numbers of their echoes."""

    def trouble(self) -> str:
        """What went wrong with echoes that had left; empty if nothing did."""


def _drive(sender: _Sender, train: Train, now: Callable[[], float]) -> Echoes:
    left: dict[int, float] = {}
    trips: dict[int, float] = {}
    trouble = ""
    begin = now()
    end = begin + train.gap_s * (train.echoes - 1) + train.limit_s
    number = 0
    while (moment := now()) < end and (number < train.echoes or len(trips) < len(left)):
        due = begin + number * train.gap_s
        if number < train.echoes and moment >= due:
            left[number] = now()
            try:
                sender.send(number)
            except OSError as error:
                trouble = told(error).reason
                del left[number]
            number += 1
            continue
        for answer in sender.answered(max(0.0, min(end, due if number < train.echoes else end) - moment)):
            if answer in left and answer not in trips:
                trips[answer] = now() - left[answer]
    in_time = tuple(trips[n] * 1000 for n in sorted(trips) if trips[n] <= train.limit_s)
    return Echoes(len(left), in_time, trouble or sender.trouble())


class _Pings:
    """ICMP echoes by a datagram socket: the kernel gives the identifier and keeps others' answers away."""

    def __init__(self, sock: socket.socket, target: SocketAddress) -> None:
        self._sock, self._target = sock, target
        self._family = socket.AddressFamily(sock.family)
        # Answers to a train before this one, with the same identifier, don't know the token.
        self._token = os.urandom(_TOKEN_BYTES)
        self._trouble = ""

    def send(self, number: int) -> None:
        packet = _HEADER.pack(_REQUEST[self._family], 0, 0, 0, number) + self._token
        self._sock.sendto(packet, self._target)

    def answered(self, wait_s: float) -> Sequence[int]:
        self._sock.settimeout(max(wait_s, 1e-6))
        try:
            packet = self._sock.recv(_PACKET_BYTES)
        except TimeoutError:
            return ()
        except OSError as error:  # a router said that it can't get there
            self._trouble = told(error).reason
            return ()
        return self._numbers(packet)

    def _numbers(self, packet: bytes) -> Sequence[int]:
        if self._family == socket.AF_INET and packet[:1] and packet[0] >> 4 == 4:  # noqa: PLR2004 - IPv4
            packet = packet[(packet[0] & 0xF) * 4 :]  # macOS hands over the IP header too
        if len(packet) < _HEADER.size or packet[_HEADER.size :] != self._token:
            return ()
        kind, _, _, _, number = _HEADER.unpack_from(packet)
        return (number,) if kind == _REPLY[self._family] else ()

    def trouble(self) -> str:
        return self._trouble


class _Knocks(contextlib.AbstractContextManager["_Knocks"]):
    """TCP connections, each opened and at once closed."""

    def __init__(self, family: socket.AddressFamily, target: SocketAddress) -> None:
        self._family, self._target = family, target
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._at_once: list[int] = []
        self._trouble = ""

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for sock in self._sockets:
            sock.close()

    def send(self, number: int) -> None:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        self._sockets.append(sock)
        sock.setblocking(False)
        code = sock.connect_ex(self._target)
        if code in _ANSWERS:
            self._at_once.append(number)
        elif code in {errno.EINPROGRESS, errno.EWOULDBLOCK}:
            self._selector.register(sock, selectors.EVENT_WRITE, number)
        else:
            raise OSError(code, os.strerror(code))

    def answered(self, wait_s: float) -> Sequence[int]:
        if self._at_once:
            numbers, self._at_once = self._at_once, []
            return numbers
        numbers = []
        for key, _ in self._selector.select(wait_s):
            sock: socket.socket = key.fileobj  # type: ignore[assignment]
            self._selector.unregister(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            sock.close()
            if code in _ANSWERS:
                numbers.append(key.data)
            else:
                self._trouble = told(OSError(code, os.strerror(code))).reason
        return numbers

    def trouble(self) -> str:
        return self._trouble


def socket_address(address: str, port: int) -> tuple[socket.AddressFamily, SocketAddress]:
    """Family and socket address of a numeric address, with its scope (fe80::1%eth0) if it has one."""
    v4 = isinstance(ipaddress.ip_address(address), ipaddress.IPv4Address)
    family = socket.AF_INET if v4 else socket.AF_INET6
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return family, socket.getaddrinfo(address, port, family, socket.SOCK_STREAM, flags=flags)[0][4]
