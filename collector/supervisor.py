"""Whoever minds the collector (systemd, with `Type=notify`): told that it is ready, moves, and ends.

The protocol is a datagram to a socket that the environment names (sd_notify(3)). Without one nobody is told,
as under `firstbell up`, which minds its children itself. The box has its own `agent.machine.supervisor`.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

FEED_S = 10.0
"""How often it is told that things move; the unit's WatchdogSec is several of these."""


class Supervisor:
    """Tells it. `address` is the socket's: a path, or an abstract name that begins with @; "" for nobody."""

    def __init__(self, address: str = "") -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._said = False

    def ready(self) -> None:
        """It does its work from now on."""
        self._tell("READY=1")

    def moves(self) -> None:
        """All of it moves. Without this word for too long the process is started anew."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """It ends, because it was told to."""
        self._tell("STOPPING=1")

    def _tell(self, word: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.connect(self._address)
                sock.sendall(word.encode())
        except OSError as error:
            if not self._said:
                log.warning("who minds this process can't be told: %s", error)
            self._said = True


def supervisor() -> Supervisor:
    """Whoever the environment names; children of this process don't hear of it."""
    return Supervisor(os.environ.pop("NOTIFY_SOCKET", ""))


@contextmanager
def fed(minds: Supervisor, stuck: Callable[[], str], *, every_s: float = FEED_S) -> Iterator[None]:
    """Tell `minds` on and on that things move, as long as they do, and at the end that this is the end.

    `stuck` says what does not move any more, and is asked each time; "" while everything does.
    """
    over = threading.Event()

    def feed() -> None:
        said = ""
        while True:
            word = stuck()
            if not word:
                minds.moves()
            elif word != said:
                log.critical("%s; not telling who minds this process that it moves", word)
            said = word
            if over.wait(every_s):
                return

    thread = threading.Thread(target=feed, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        minds.stopping()
