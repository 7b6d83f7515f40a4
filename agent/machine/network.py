"""The door to the network: names, round trips, pages. Everything that waits has a deadline."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from agent.machine.clock import Clock
from agent.machine.echoes import Echoes, Train, knock, ping
from agent.machine.hops import Way, walk
from agent.machine.page import Deadline, Page, fetch_head
from agent.machine.trouble import NetworkError, RefusedError, SilentError, told

Lookup = Callable[..., Sequence[tuple[Any, Any, Any, Any, Any]]]


class Resolved(NamedTuple):
    """Addresses of a name, best first; `took_ms` is None if the name was an address already."""

    addresses: tuple[str, ...]
    took_ms: float | None


class Network(Protocol):
    """What the agent may do on the network."""

    def resolve(self, host: str, deadline_s: float) -> Resolved:
        """Ask for the addresses of a name as any program here would. Raises NetworkError."""

    def is_own(self, address: str) -> bool:
        """Whether an address is this machine's."""

    def ping(self, address: str, train: Train) -> Echoes | None:
        """ICMP echoes; None where this user may not send any."""

    def knock(self, address: str, port: int, train: Train) -> Echoes:
        """TCP connections opened as echoes."""

    def walk(self, address: str, limit_s: float) -> Way | None:
        """The routers on the way to an address; None where the system tells nobody."""

    def page(self, url: str, address: str, deadline_s: float) -> Page:
        """The head of a page, asked from the server at `address`. Raises NetworkError."""


class SystemNetwork:
    """The network of the machine that this runs on. `lookup` is `socket.getaddrinfo` or alike."""

    def __init__(self, clock: Clock, lookup: Lookup = socket.getaddrinfo) -> None:
        self._now = clock.monotonic
        self._lookup = lookup
        self._asking: dict[str, _Question] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None

    def resolve(self, host: str, deadline_s: float) -> Resolved:
        """Ask for the addresses of a name, for at most `deadline_s` seconds.

        getaddrinfo can't be told to stop, so it runs in a thread that is left behind at the deadline; while
        that one hangs nobody asks for the same name again. Raises RefusedError and SilentError.
        """
        if _is_address(host):
            return Resolved((host,), None)
        with self._lock:
            question = self._asking.get(host)
            if question is None or question.done.is_set():
                question = self._asking[host] = _Question(host, self._lookup, self._now)
        if not question.done.wait(deadline_s):
            raise SilentError("the name was not resolved in time")
        with self._lock:
            if self._asking.get(host) is question:
                del self._asking[host]
        return question.answer()

    def is_own(self, address: str) -> bool:
        """Whether an address is this machine's: one can bind to those alone, and binding sends nothing."""
        ip = ipaddress.ip_address(address)
        if ip.is_loopback or ip.is_unspecified:
            return True
        family = socket.AF_INET if isinstance(ip, ipaddress.IPv4Address) else socket.AF_INET6
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.bind((address, 0))
        except OSError:
            return False
        return True

    def ping(self, address: str, train: Train) -> Echoes | None:
        """ICMP echoes; None where this user may not send any."""
        return ping(address, train, self._now)

    def knock(self, address: str, port: int, train: Train) -> Echoes:
        """TCP connections opened as echoes."""
        return knock(address, port, train, self._now)

    def walk(self, address: str, limit_s: float) -> Way | None:
        """The routers on the way to an address; None where the system tells nobody."""
        return walk(address, limit_s, self._now)

    def page(self, url: str, address: str, deadline_s: float) -> Page:
        """The head of a page. Raises RefusedError and SilentError."""
        return fetch_head(url, address, Deadline(self._now, deadline_s), self._context)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class _Question:
    """One call of getaddrinfo in a thread of its own."""

    def __init__(self, host: str, lookup: Lookup, now: Callable[[], float]) -> None:
        self._host, self._lookup, self._now = host, lookup, now
        self._answer: Resolved | NetworkError = RefusedError("the name was not resolved")
        self.done = threading.Event()
        threading.Thread(target=self._ask, name=f"resolve {host}", daemon=True).start()

    def answer(self) -> Resolved:
        if isinstance(self._answer, NetworkError):
            raise self._answer
        return self._answer

    def _ask(self) -> None:
        begin = self._now()
        try:
            found = self._lookup(self._host, None, type=socket.SOCK_STREAM)
            addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
            self._answer = Resolved(addresses, (self._now() - begin) * 1000)
        except OSError as error:
            self._answer = told(error)
        except UnicodeError:  # a label of more than 63 characters
            self._answer = RefusedError("this is not a name")
        finally:
            self.done.set()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
