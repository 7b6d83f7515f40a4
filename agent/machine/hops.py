"""The way to a target, router by router: packets that may pass one router more than the ones before.

The router where a packet ends says so from its own address (RFC 792 and RFC 4443, "time exceeded"), and
Linux hands that to the socket which sent it, without any privilege (ip(7), IP_RECVERR): icmplib and scapy
would want root for the same. ICMP echoes where the system lets this user send them, as in
`agent.machine.echoes`; else UDP to ports where nobody listens, as traceroute does. Other systems tell nobody:
there is no answer there.
"""

import contextlib
import ipaddress
import os
import selectors
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from agent.machine.echoes import socket_address
from agent.machine.trouble import told
from firstbell.metrics import MOST_HOPS

ROUNDS = 3
"""How often each router is asked; the shortest of its round trips is kept."""
_WAVE = 5
"""So many routers are asked at once, and those behind them only when these have answered or kept silent."""
_GAP_S = 0.05
_LIMIT_S = 1.0
_FIRST_PORT = 33_434
"""Where traceroute begins: nothing listens on these ports."""
_ECHO = struct.Struct("!BBHHH")
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_ICMP = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_LIVES = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
_TOLD_ERRORS = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR and IPV6_RECVERR, which Python does not name."""
_ERROR = struct.Struct("=IBBBBII")
"""`struct sock_extended_err`: errno, origin, type, code, padding, info, data; then the sender's address."""
_FROM_ROUTER = {socket.AF_INET: 2, socket.AF_INET6: 3}
"""SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6: 1 would be this machine's own word."""
_TIME_EXCEEDED = {socket.AF_INET: 11, socket.AF_INET6: 3}
_SENDER = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}
"""Where a socket address has its IP address: after family and port and, of IPv6, the flow."""
_ANCILLARY_BYTES = 512
_PACKET_BYTES = 1500


class Hop(NamedTuple):
    """A router that answered: how far away it is (1 is the nearest), its address, its shortest round trip."""

    number: int
    address: str
    rtt_ms: float


class Way(NamedTuple):
    """The routers that answered, in order; others in between kept silent.

    `hops` is how far away the target is, itself counted; None if it did not answer. `trouble` is what the
    last error said, if there was one: with no router, why nothing left.
    """

    routers: tuple[Hop, ...]
    hops: int | None
    trouble: str = ""
    cut: bool = False
    """Whether there was no time to ask further."""


def walk(address: str, limit_s: float, now: Callable[[], float]) -> Way | None:
    """Ask the routers to `address`, in at most `limit_s` seconds; None where the system tells nobody.

    `now` gives seconds, monotonic.
    """
    if sys.platform != "linux":
        return None
    end_s = now() + limit_s
    heard: list[_Heard] = []
    trouble, cut = "", False
    for first in range(1, MOST_HOPS + 1, _WAVE):
        with _Wave(address, now) as wave:
            heard += wave.ask(range(first, min(first + _WAVE, MOST_HOPS + 1)), end_s)
        trouble = wave.trouble or trouble
        # Two waves of nobody: behind them nobody will answer either, and the other probes wait.
        silent = first > _WAVE and all(one.hop.number < first - _WAVE for one in heard)
        cut = now() >= end_s
        if cut or not wave.left or silent or any(one.is_end for one in heard):
            break
    return _way(heard, _plain(address), trouble)._replace(cut=cut)


def _way(heard: Sequence["_Heard"], target: str, trouble: str) -> Way:
    hops = min((one.hop.number for one in heard if one.hop.address == target), default=None)
    # The shortest of its round trips for each router; where two share a place, the one that was quicker.
    shortest: dict[int, Hop] = {}
    # Who leads nowhere says so to every packet that comes as far: it stands once.
    last = min((one.hop.number for one in heard if one.is_end), default=None)
    for one in sorted(heard, key=lambda one: one.hop.rtt_ms):
        if last is None or one.hop.number <= last:
            shortest.setdefault(one.hop.number, one.hop)
    return Way(tuple(shortest[number] for number in sorted(shortest)), hops, trouble)


class _Heard(NamedTuple):
    """One answer; `is_end` if nothing goes on behind it."""

    hop: Hop
    is_end: bool


class _Asked(NamedTuple):
    """One packet on its way: a socket of its own, so that an answer is nobody else's."""

    sock: socket.socket
    number: int
    sent_s: float


class _Wave(ExitStack):
    """A few packets on their way at once, each with its socket."""

    def __init__(self, address: str, now: Callable[[], float]) -> None:
        super().__init__()
        self._address, self._now = address, now
        self._selector = self.enter_context(selectors.DefaultSelector())
        self.trouble = ""
        self.left = False
        """Whether a packet left this machine at all."""

    def ask(self, numbers: Sequence[int], end_s: float) -> list[_Heard]:
        """Ask the routers of these numbers, all of them `ROUNDS` times, and hear who answers."""
        heard: list[_Heard] = []
        for _ in range(ROUNDS):
            for number in numbers:
                self._send(number)
            heard += self._hear(min(end_s, self._now() + _GAP_S))
        return heard + self._hear(min(end_s, self._now() + _LIMIT_S))

    def _send(self, number: int) -> None:
        family, place = socket_address(self._address, _FIRST_PORT + number)
        # The first eight bytes are an echo's; to UDP they are anything.
        packet = _ECHO.pack(_REQUEST[family], 0, 0, 0, number) + os.urandom(8)
        try:
            sock = self.enter_context(_open(family))
            sock.setsockopt(*_LIVES[family], number)
            sock.connect(place)
            asked = _Asked(sock, number, self._now())
            sock.send(packet)
        except OSError as error:
            self.trouble = told(error).reason
            return
        self.left = True
        self._selector.register(sock, selectors.EVENT_READ, asked)

    def _hear(self, until_s: float) -> list[_Heard]:
        """What is heard until then; it ends sooner when everybody has answered."""
        heard = []
        while self._selector.get_map() and (wait_s := until_s - self._now()) > 0:
            for key, _ in self._selector.select(wait_s):
                at_s, asked = self._now(), key.data
                self._selector.unregister(asked.sock)
                if answer := _answer(asked.sock):
                    address, is_end = answer
                    heard.append(_Heard(Hop(asked.number, address, (at_s - asked.sent_s) * 1000), is_end))
        return heard


def _open(family: socket.AddressFamily) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM, _ICMP[family])
    except OSError:  # this user may send no echoes
        sock = socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_UDP)
    sock.setblocking(False)
    sock.setsockopt(*_TOLD_ERRORS[family], 1)
    return sock


def _answer(sock: socket.socket) -> tuple[str, bool] | None:
    """Who answered, and whether the way ends there; None if that was no answer after all."""
    try:
        _, ancillary, _, _ = sock.recvmsg(_PACKET_BYTES, _ANCILLARY_BYTES, socket.MSG_ERRQUEUE)
    except OSError:  # no error: the target's own answer
        return _replied(sock)
    told_by = _TOLD_ERRORS[sock.family]
    own, target = _plain(sock.getsockname()[0]), _plain(sock.getpeername()[0])
    heard = (_router(data, sock.family) for *kind, data in ancillary if tuple(kind) == told_by)
    # This machine itself says when nobody answers to the router's address in its own network.
    return next((router for router in heard if router and (router[0] != own or own == target)), None)


def _replied(sock: socket.socket) -> tuple[str, bool] | None:
    with contextlib.suppress(OSError):
        _, (address, *_) = sock.recvfrom(_PACKET_BYTES)
        # A socket for echoes hears whoever answers, connected or not: of a group's address each member.
        if _plain(address) == _plain(sock.getpeername()[0]):
            return _plain(address), True
    return None


def _router(data: bytes, family: socket.AddressFamily) -> tuple[str, bool] | None:
    """The sender of an error, and whether it leads nowhere (it did not just end there)."""
    if len(data) < _ERROR.size:
        return None
    _, origin, kind, *_ = _ERROR.unpack_from(data)
    address = data[_ERROR.size :][_SENDER[family]]
    if origin != _FROM_ROUTER[family] or not any(address):
        return None
    return str(ipaddress.ip_address(address)), kind != _TIME_EXCEEDED[family]


def _plain(address: str) -> str:
    return str(ipaddress.ip_address(address.partition("%")[0]))
