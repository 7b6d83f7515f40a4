"""The door to h11, which reads the heads of requests; and what answers look like.

Only heads, and bodies in chunks, pass through here: bulk bytes never do.
"""

from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import h11
import msgspec

from agent.load import protocol
from agent.reference.limits import HEAD_BYTES

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_WORDS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    411: "Length Required",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    503: "Service Unavailable",
}


class RefusedError(Exception):
    """The request is not answered as it wants to be; its text goes back to whoever asked."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Request(NamedTuple):
    """The head of a request. `length` is its body's, None if it names none."""

    method: str
    path: str
    query: dict[str, list[str]]
    session: str = ""
    ticket: str = ""
    length: int | None = None
    chunked: bool = False
    keeps: bool = True
    """Whether the connection may stay."""
    waits: bool = False
    """Whether the body only comes after a word of ours."""

    def number(self, name: str) -> int | None:
        """A whole number of the query, None if there is none that is above zero."""
        text = self.query.get(name, [""])[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 and int(text) else None  # noqa: PLR2004 - what 63 bits hold


class Reader:
    """Reads one request. What came after its head is `rest`."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)

    @property
    def rest(self) -> bytes:
        """What has come, but belongs to no head (nor, in a body in chunks, to the body)."""
        return self._h11.trailing_data[0]

    def head(self, data: bytes) -> Request | None:
        """The request, once its head is complete. Raises RefusedError."""
        event = self._next(data)
        return _request(event) if isinstance(event, h11.Request) else None

    def chunks(self, data: bytes) -> tuple[int, bool]:
        """How many bytes of a body in chunks there are in `data`, and whether that was all of it."""
        count, event = 0, self._next(data)
        while isinstance(event, h11.Data):
            count += len(event.data)
            event = self._next(b"")
        return count, isinstance(event, h11.EndOfMessage)

    def _next(self, data: bytes) -> object:
        try:
            if data:
                self._h11.receive_data(data)
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            raise RefusedError(error.error_status_hint, "this is not a request that can be read") from error


def _request(event: h11.Request) -> Request:
    headers = dict(event.headers)
    try:
        target = urlsplit(event.target.decode("ascii"))
        query = parse_qs(target.query, keep_blank_values=True, max_num_fields=16)
    except ValueError as error:
        raise RefusedError(400, "this is not an address") from error
    scheme, _, token = _text(headers, b"authorization").partition(" ")
    length = headers.get(b"content-length")
    return Request(
        method=event.method.decode("ascii"),
        path=target.path,
        query=query,
        session=_text(headers, protocol.SESSION_HEADER.lower().encode()),
        ticket=token.strip() if scheme.lower() == protocol.TICKET_SCHEME.lower() else "",
        length=None if length is None else int(length),
        chunked=b"transfer-encoding" in headers,
        keeps=event.http_version == b"1.1" and "close" not in _text(headers, b"connection").lower(),
        waits=_text(headers, b"expect").lower() == "100-continue",
    )


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def answer(
    status: int,
    body: bytes = b"",
    *,
    length: int | None = -1,
    kind: str = "application/json",
    keeps: bool = True,
    more: tuple[str, ...] = (),
) -> bytes:
    """An answer; or the head of one whose body of `length` follows (None: until the connection ends)."""
    lines = [f"HTTP/1.1 {status} {_WORDS.get(status, 'Refused')}", "Cache-Control: no-store", *more]
    if length == -1:
        length = len(body)
    if status != 204:  # noqa: PLR2004 - it has no body, and may not say so
        lines.append(f"Content-Type: {kind}")
        lines += [] if length is None else [f"Content-Length: {length}"]
    if not keeps or length is None:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


def refusal(error: RefusedError) -> bytes:
    """The answer that says why not; the connection ends with it."""
    more = (f"WWW-Authenticate: {protocol.TICKET_SCHEME}",) if error.status == 401 else ()  # noqa: PLR2004
    body = msgspec.json.encode(protocol.Trouble(error=str(error)))
    return answer(error.status, body, keeps=False, more=more)
