"""Whoever minds this process (systemd, with `Type=notify`): told that it is ready, moves, and ends.

The protocol is a datagram to a socket that the environment names (sd_notify(3)). Without one nobody is told.
"""

import logging
import os
import socket

_log = logging.getLogger(__name__)


class Supervisor:
    """Tells it. `address` is the socket's: a path, or an abstract name that begins with @; "" for nobody."""

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._said = False

    def ready(self) -> None:
        """It does its work from now on."""
        self._tell("READY=1")

    def moves(self) -> None:
        """Something has moved lately. Without this word for too long the process is started anew."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """It ends, because it was told to."""
        self._tell("STOPPING=1")

    def _tell(self, word: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.connect(self._address)
                sock.sendall(word.encode())
        except OSError as error:
            if not self._said:
                _log.warning("who minds this process can't be told: %s", error)
            self._said = True


def supervisor() -> Supervisor:
    """Whoever the environment names; children of this process don't hear of it."""
    return Supervisor(os.environ.pop("NOTIFY_SOCKET", ""))
