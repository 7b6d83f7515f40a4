"""Names and ports: how each answers, tried until it is the district's own or the time is over."""

import ipaddress
import ssl
import threading
from collections.abc import Sequence
from socket import socket

from msgspec.structs import replace

from agent.doctor.seen import Asked, Certificate, Door, Name
from agent.identity import IdentityError, shown
from agent.machine import dates, dial
from agent.machine.dial import Dial, ProxyError, Tls
from agent.machine.machine import Machine
from agent.machine.page import Deadline
from agent.machine.proxy import Proxy
from agent.machine.trouble import NetworkError, SilentError

NAME_S, OPEN_S, TALK_S = 6.0, 3.0, 4.0
_DOOR_S, _AGAIN_S = 10.0, 1.0
_SHOWN = {Tls.FOREIGN, Tls.EARLY, Tls.EXPIRED, Tls.OTHER_NAME}
_FINAL = {*_SHOWN, Tls.NONE}
"""What another try would not change."""


class Doors:
    """The ways to ports from this machine. `ca_file` is whom to believe, None: whom the system believes."""

    def __init__(self, machine: Machine, ca_file: str | None) -> None:
        self._machine, self._ca_file = machine, ca_file
        self._now = machine.clock.monotonic

    def deadline(self, seconds: float) -> Deadline:
        """So many seconds from now."""
        return Deadline(self._now, seconds)

    def brokers_tls(self) -> ssl.SSLContext:
        """Whom we believe at the broker: the district's authority alone. Raises OSError."""
        context = ssl.create_default_context(cafile=self._ca_file)
        dates.overlook(context, dates=self.any_date())
        return context

    def any_date(self) -> bool:
        """Whether this machine does not know the date: then certificates' dates count for nothing."""
        return dates.unknown(self._machine.clock.stamp())

    def pages_tls(self, *, any_date: bool = False) -> ssl.SSLContext:
        """Whom we believe at the pages: the system's authorities, too; with `any_date` at any time.

        Raises OSError.
        """
        context = ssl.create_default_context()
        if self._ca_file:
            context.load_verify_locations(self._ca_file)
        dates.overlook(context, dates=any_date or self.any_date())
        return context

    def name(self, host: str) -> Name:
        """How the name is answered."""
        try:
            found = self._machine.network.resolve(host, NAME_S).addresses
        except SilentError:
            return Name(host=host, asked=Asked.SILENT)
        except NetworkError as error:
            silent = error.reason == "no name server answered"
            return Name(host=host, asked=Asked.SILENT if silent else Asked.UNKNOWN)
        wrong = host != "localhost" and _is_name(host) and all(_is_nobodys(address) for address in found)
        return Name(host=host, asked=Asked.WRONG if wrong else Asked.FOUND, addresses=found)

    def addresses(self, host: str) -> tuple[str, ...]:
        """Its addresses; none if it has none that can be tried."""
        name = self.name(host)
        return name.addresses if name.asked is Asked.FOUND else ()

    def connected(self, addresses: Sequence[str], port: int, seconds: float = OPEN_S) -> socket:
        """A connection to the first that takes one, all in that time. Raises OSError, the last one's."""
        deadline, last = self.deadline(seconds), OSError("no address")
        for address in addresses:
            try:
                return dial.connect(address, port, deadline)
            except OSError as error:
                last = error
        raise last

    def dial(self, host: str, port: int) -> Dial | None:
        """How the port answers to one connection; None if the name has no address."""
        addresses = self.addresses(host)
        if not addresses:
            return None
        try:
            self.connected(addresses, port).close()
        except OSError as error:
            return dial.dialled(error)
        return Dial.OPEN

    def door(
        self, host: str, port: int, proxy: Proxy | None, tls: ssl.SSLContext | None
    ) -> tuple[Door, socket | None]:
        """How the port answers, and the connection if it is the district's own."""
        end_s = self._now() + _DOOR_S
        while True:
            door, sock = self.once(host, port, proxy, tls)
            if sock or door.tls in _FINAL or door.proxied > 0 or self._now() + _AGAIN_S >= end_s:
                break
            threading.Event().wait(_AGAIN_S)
        return (self._with_certificate(door, proxy), None) if door.tls in _SHOWN else (door, sock)

    def once(
        self, host: str, port: int, proxy: Proxy | None, tls: ssl.SSLContext | None
    ) -> tuple[Door, socket | None]:
        """The same, tried once."""
        door = Door(host=host, port=port, proxy=place(proxy) if proxy else "")
        addresses = self.addresses(proxy.host if proxy else host)
        if not addresses:
            return door, None
        try:
            sock = self.connected(addresses, proxy.port if proxy else port)
        except OSError as error:
            return replace(door, dial=dial.dialled(error)), None
        if proxy and (refused := self._tunnelled(proxy, sock, door)):
            return refused, None
        if tls is None:
            return replace(door, dial=Dial.OPEN), sock
        try:
            safe = dial.greet(sock, host, tls, self.deadline(TALK_S))
        except OSError as error:
            return replace(door, dial=Dial.OPEN, tls=dial.greeted(error)), None
        return replace(door, dial=Dial.OPEN, tls=Tls.OURS), safe

    def _tunnelled(self, proxy: Proxy, sock: socket, door: Door) -> Door | None:
        """Have the proxy connect it; how it failed, if it did: then the connection is closed."""
        try:
            dial.through(sock, door.host, door.port, proxy.headers, self.deadline(TALK_S))
        except ProxyError as error:
            sock.close()
            return replace(door, dial=Dial.OPEN, proxied=error.status or NO_STATUS)
        except OSError:
            sock.close()
            return replace(door, dial=Dial.OPEN, proxied=NO_STATUS)
        return None

    def _with_certificate(self, door: Door, proxy: Proxy | None) -> Door:
        """With what is shown there; nothing of it is believed, and nothing said to whoever shows it."""
        _, sock = self.once(door.host, door.port, proxy, dial.unchecked())
        if not isinstance(sock, ssl.SSLSocket):
            return door
        with sock:
            der = sock.getpeercert(binary_form=True) or b""
        try:
            issuer, digest = shown(der)
        except IdentityError:
            return door
        return replace(door, certificate=Certificate(issuer=issuer, sha256=digest))


NO_STATUS = -1
"""A proxy that hung up, kept silent, or answered with something that is no HTTP."""


def place(proxy: Proxy) -> str:
    """Where a proxy is, without anybody's password."""
    return f"{proxy.host}:{proxy.port}"


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _is_nobodys(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return ip.is_unspecified or ip.is_loopback
