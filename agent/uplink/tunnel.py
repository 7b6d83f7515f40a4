"""A WebSocket to the collector, which passes bytes to the broker and back. The uplink's door to websockets.

What goes through is the box's own TLS with the broker: whoever opens the HTTPS around it sees nothing, and
the collector neither.
"""

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from agent.uplink.way import Way
from firstbell.letter import TUNNEL

STEP_S = 10.0
CLOSE_S = 2.0
MOST_MESSAGE = 1 << 16
_READ_BYTES = 1 << 14

_log = logging.getLogger(__name__)


def dug(way: Way) -> socket.socket:
    """One end of a pair, at whose other end the broker's bytes come and go. Raises OSError.

    Whoever closes it, or loses the connection, ends both ways.
    """
    secured = way.opened(STEP_S)
    try:
        # TLS is done already, so for the library this is a plain connection.
        line = connect(
            f"ws://{way.origin}{TUNNEL}",
            sock=secured,
            proxy=None,
            compression=None,
            open_timeout=STEP_S,
            ping_interval=None,  # MQTT inside asks often enough whether somebody is there
            close_timeout=CLOSE_S,
            max_size=MOST_MESSAGE,
        )
    except (WebSocketException, OSError, EOFError, ValueError) as error:
        secured.close()
        raise OSError(f"no WebSocket at {way.origin}: {_why(error)}") from error
    near, far = socket.socketpair()
    near.settimeout(STEP_S)
    for pump, name in ((_up, "tunnel-up"), (_down, "tunnel-down")):
        threading.Thread(target=_run, args=(pump, far, line), name=name, daemon=True).start()
    return near


def _run(
    pump: Callable[[socket.socket, ClientConnection], None], far: socket.socket, line: ClientConnection
) -> None:
    try:
        pump(far, line)
    except (OSError, EOFError, WebSocketException) as error:
        _log.debug("the tunnel has ended: %s", error)
    finally:
        with suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)  # wakes the other pump, and whoever holds the near end
        with suppress(OSError, WebSocketException):
            line.close()


def _up(far: socket.socket, line: ClientConnection) -> None:
    with far:
        while data := far.recv(_READ_BYTES):
            line.send(data)


def _down(far: socket.socket, line: ClientConnection) -> None:
    for message in line:
        if isinstance(message, bytes):
            far.sendall(message)


def _why(error: BaseException) -> str:
    if isinstance(error, InvalidStatus):
        return f"it is refused with status {error.response.status_code}"
    return str(error) or type(error).__name__
