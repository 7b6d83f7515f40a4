"""Connections as a filter meets them: how a port answers, what TLS on it shows, and a proxy's CONNECT."""

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from enum import StrEnum

from agent.machine.page import Deadline

_HEAD_BYTES = 16 * 1024
_OK = 200
_TOO_EARLY, _TOO_LATE, _OTHER_NAMES = 9, 10, {62, 64}
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH."""


class Dial(StrEnum):
    """How a port answers to a connection."""

    OPEN = "open"
    REFUSED = "refused"
    SILENT = "silent"
    NO_WAY = "no way"
    """Nothing leads there, says this machine or a router."""


class Tls(StrEnum):
    """How TLS on an open port begins."""

    OURS = "ours"
    """Somebody in whom we believe vouches for that name."""
    FOREIGN = "foreign"
    """Nobody in whom we believe signed what was shown."""
    EARLY = "early"
    """All is right but the date: good only later, says this machine's clock."""
    EXPIRED = "expired"
    OTHER_NAME = "other name"
    SILENT = "silent"
    """The connection stands, and nothing comes back on it."""
    BROKEN = "broken"
    """It is broken off, before anything was shown."""
    NONE = "none"
    """Somebody answers, but does not speak TLS."""


class ProxyError(OSError):
    """The proxy answered, and made no connection; `status` is its answer's, 0 for one that is none."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered with status {status}")
        self.status = status


def dialled(error: OSError) -> Dial:
    """What an error of `connect` says of the port."""
    if isinstance(error, TimeoutError):
        return Dial.SILENT
    return Dial.REFUSED if isinstance(error, ConnectionRefusedError) else Dial.NO_WAY


def connect(address: str, port: int, deadline: Deadline) -> socket.socket:
    """A connection to that port. Raises OSError."""
    return socket.create_connection((address, port), deadline.left_s())


def through(
    sock: socket.socket, host: str, port: int, headers: Mapping[str, str], deadline: Deadline
) -> None:
    """Let the proxy at the other end of `sock` connect it to `host`. Raises OSError, of it ProxyError.

    `headers` are what the proxy is shown.
    """
    place = f"[{host}]:{port}" if _is_v6(host) else f"{host}:{port}"
    shown = {"Host": place, "User-Agent": "firstbell", **headers}
    lines = [f"CONNECT {place} HTTP/1.1", *(f"{name}: {value}" for name, value in shown.items()), "", ""]
    sock.settimeout(deadline.left_s())
    sock.sendall("\r\n".join(lines).encode("latin-1", "replace"))
    status = _status(_head(sock, deadline))
    if status != _OK:
        raise ProxyError(status)


def _head(sock: socket.socket, deadline: Deadline) -> bytes:
    """The head of an answer, and not a byte more: what follows is the tunnel's."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD_BYTES:
        sock.settimeout(deadline.left_s())
        byte = sock.recv(1)
        if not byte:
            raise ConnectionResetError
        head += byte
    return head


def _status(head: bytes) -> int:
    words = head.split(b"\r\n", 1)[0].split()
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else 0


def greet(sock: socket.socket, host: str, context: ssl.SSLContext, deadline: Deadline) -> ssl.SSLSocket:
    """TLS on a connection; takes `sock` over. Raises OSError, of it ssl.SSLError."""
    try:
        sock.settimeout(deadline.left_s())
        return context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def greeted(error: OSError) -> Tls:
    """What an error of `greet` says of the other end."""
    if isinstance(error, TimeoutError):
        return Tls.SILENT
    if isinstance(error, ssl.SSLCertVerificationError):
        return _by_verdict(error.verify_code)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or not isinstance(error, ssl.SSLError):
        return Tls.BROKEN
    # Before TLS 1.3 whoever wants a certificate says so only now, when its own has been found right.
    return Tls.OURS if "ALERT_HANDSHAKE_FAILURE" in (error.reason or "") else Tls.NONE


def _by_verdict(code: int) -> Tls:
    if code in _OTHER_NAMES:
        return Tls.OTHER_NAME
    return {_TOO_EARLY: Tls.EARLY, _TOO_LATE: Tls.EXPIRED}.get(code, Tls.FOREIGN)


def unchecked() -> ssl.SSLContext:
    """TLS that believes anybody: to see what is shown, and to say nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _is_v6(host: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
    except ValueError:
        return False
