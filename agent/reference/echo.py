"""UDP packets that come back as they are: for a session that runs, to the address that opened it.

What comes back is never larger than what came, and nothing comes back to anybody else.
"""

import contextlib
import socket

from agent.load import protocol
from agent.reference.limits import ECHOES_AT_ONCE
from agent.reference.sessions import Sessions

_NAME_BYTES = 32
_SIZE = _NAME_BYTES + protocol.UDP_NUMBER_BYTES


class Echo:
    """Answers on one UDP socket. `plain` is an address as the rest of the server writes it."""

    def __init__(self, sock: socket.socket, sessions: Sessions) -> None:
        self._sock, self._sessions = sock, sessions

    def ready(self) -> None:
        """Some packets have come."""
        with contextlib.suppress(OSError):  # no more of them, or one can't be answered
            for _ in range(ECHOES_AT_ONCE):
                packet, sender = self._sock.recvfrom(_SIZE + 1)
                if self._is_good(packet, plain(sender[0])):
                    self._sock.sendto(packet, sender)

    def _is_good(self, packet: bytes, address: str) -> bool:
        if len(packet) != _SIZE:
            return False
        session = self._sessions.find(packet[:_NAME_BYTES].decode("latin-1"), address)
        return session is not None and session.may_echo(_SIZE)


def plain(address: str) -> str:
    """An address without the dress that IPv4 wears on a socket for both."""
    return address.removeprefix("::ffff:").partition("%")[0]
