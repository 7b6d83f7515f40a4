"""A WebSocket to the collector, which passes bytes to the broker and back. The uplink's door to websockets.

What goes through is the box's own TLS with the broker: whoever opens the HTTPS around it sees nothing, and
the collector neither. One thread does all of it: no TLS connection likes two.
"""

import logging
import re
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from http import HTTPStatus

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from agent.machine.page import Deadline
from agent.uplink.way import Way
from firstbell.letter import TUNNEL

STEP_S = 10.0
TAKE_S = 30.0
"""So long may either side leave something untaken."""
GOODBYE_S = 1.0
MOST_MESSAGE = 1 << 16
_READ_BYTES = 1 << 14
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\Z)")

_log = logging.getLogger(__name__)


def dug(way: Way) -> socket.socket:
    """One end of a pair, at whose other end the broker's bytes come and go. Raises OSError.

    Whoever closes it, or loses the connection, ends both ways.
    """
    secured = way.opened(STEP_S)
    try:
        talk = _shaken(secured, way.origin)
    except (WebSocketException, OSError, EOFError, ValueError) as error:
        secured.close()
        raise OSError(f"no WebSocket at {way.origin}: {_why(error)}") from error
    near, far = socket.socketpair()
    near.settimeout(STEP_S)
    threading.Thread(target=_run, args=(far, secured, talk), name="tunnel", daemon=True).start()
    return near


def _shaken(secured: ssl.SSLSocket, origin: str) -> ClientProtocol:
    """The library's end of a WebSocket that the collector has opened. Raises WebSocketException, OSError.

    All of it has one bound, and a page that comes instead is not read to its end: a filter may let it drip.
    """
    deadline = Deadline(time.monotonic, STEP_S)
    # TLS is done already, so for the library this is a plain connection.
    talk = ClientProtocol(parse_uri(f"ws://{origin}{TUNNEL}"), max_size=MOST_MESSAGE)
    talk.send_request(talk.connect())
    _flush(secured, talk)
    head: bytes | None = b""
    while talk.state is State.CONNECTING and talk.handshake_exc is None:
        secured.settimeout(deadline.left_s())
        data = secured.recv(_READ_BYTES)
        if head is not None:
            head = _looked_at(head + data)
        if data:
            talk.receive_data(data)
        else:
            talk.receive_eof()
    if talk.handshake_exc is not None:
        raise talk.handshake_exc
    return talk


def _looked_at(head: bytes) -> bytes | None:
    """The beginning of an answer, while its first line is not all there; then None. Raises InvalidStatus."""
    line, ended, _ = head[:_READ_BYTES].partition(b"\r\n")
    if not ended:
        return head
    if found := _STATUS.match(line):
        status = int(found[1])
        if status != HTTPStatus.SWITCHING_PROTOCOLS:
            raise InvalidStatus(Response(status, "", Headers()))
    return None


def _run(far: socket.socket, secured: ssl.SSLSocket, talk: ClientProtocol) -> None:
    with far, secured:
        try:
            far.settimeout(TAKE_S)
            _pass(far, secured, talk)
        except (OSError, EOFError, WebSocketException) as error:
            _log.debug("the tunnel has ended: %s", error)
        with suppress(OSError, WebSocketException):
            if talk.state is State.OPEN:
                talk.send_close()
            secured.settimeout(GOODBYE_S)
            secured.sendall(b"".join(talk.data_to_send()))


def _pass(far: socket.socket, secured: ssl.SSLSocket, talk: ClientProtocol) -> None:
    """Pass bytes until one side ends. Raises OSError, WebSocketException."""
    _deliver(far, talk)  # what came right behind the handshake
    while talk.state is State.OPEN:
        ready = [] if secured.pending() else select.select([far, secured], [], [])[0]
        if far in ready:
            data = far.recv(_READ_BYTES)
            if not data:
                return
            talk.send_binary(data)
            _flush(secured, talk)
        secured.setblocking(False)
        try:
            data = secured.recv(_READ_BYTES)
        except ssl.SSLWantReadError:
            continue
        if not data:
            return
        talk.receive_data(data)
        _deliver(far, talk)
        _flush(secured, talk)


def _deliver(far: socket.socket, talk: ClientProtocol) -> None:
    for event in talk.events_received():
        # Messages have no meaning here: it is a stream of bytes.
        if getattr(event, "opcode", None) in {Opcode.BINARY, Opcode.CONT}:
            far.sendall(event.data)  # type: ignore[union-attr]  # a frame, then


def _flush(secured: ssl.SSLSocket, talk: ClientProtocol) -> None:
    secured.settimeout(TAKE_S)
    secured.sendall(b"".join(talk.data_to_send()))


def _why(error: BaseException) -> str:
    if isinstance(error, InvalidStatus):
        return f"it is refused with status {error.response.status_code}"
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
