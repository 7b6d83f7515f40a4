"""A session with a reference server: the connection that opened it, and what is asked on it."""

import re
from collections.abc import Callable

import msgspec

from agent.load import protocol
from agent.load.loop import Loop
from agent.load.protocol import Counts, Opened
from agent.load.talk import NOT_ITS_OWN, Head, Place, Talk, refused
from agent.machine.trouble import NetworkError, RefusedError, SilentError, told

_ID = re.compile(r"[0-9a-f]{32}\Z")
ANSWER_S = 5.0
"""How long anything may take that is asked of an idle line."""


class Session:
    """Opened with a ticket; it lasts until `close`. `broken` is what ended it meanwhile, if anything has."""

    def __init__(self, loop: Loop, place: Place, ticket: str) -> None:
        """Raises NetworkError if the server is not there, or says no."""
        self._loop = loop
        self.place = place
        self.broken: NetworkError | None = None
        self._heard: tuple[Head, bytes] | None = None
        self._talk = Talk(loop, place, lambda: self._open(ticket), self._fail)
        try:
            self.opened = self._answered()
        except NetworkError:
            self.close()
            raise
        self.line = f"{protocol.SESSION_HEADER}: {self.opened.session}"
        """The line of a request that names this session."""

    def close(self) -> None:
        """Its end, for the server too."""
        self._talk.close()

    @property
    def unanswered(self) -> int:
        """How many questions wait for their answers."""
        return self._talk.unanswered

    def check(self) -> None:
        """Raises what ended it, if anything has."""
        if self.broken:
            raise self.broken

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Turn the loop until `done`, or the time is up; whether it was. Raises NetworkError if it breaks."""
        in_time = self._loop.until(lambda: self.broken is not None or done(), seconds)
        self.check()
        return in_time

    # --- questions -----------------------------------------------------------------------------------------

    def echo(self, came: Callable[[float], None]) -> None:
        """Ask for a round trip; `came` is told its seconds."""
        sent_s = self._loop.now()
        self._ask("GET", protocol.ECHO, lambda _head, _body: came(self._loop.now() - sent_s))

    def counts(self, came: Callable[[Counts, float, float], None]) -> None:
        """Ask what the server has seen; `came` is told that, and when it was asked and answered here."""
        sent_s = self._loop.now()

        def heard(_head: Head, body: bytes) -> None:
            try:
                counts = msgspec.json.decode(body, type=Counts)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._fail(RefusedError(NOT_ITS_OWN))
                return
            came(counts, sent_s, self._loop.now())

        self._ask("GET", protocol.COUNTS, heard)

    def stop(self, came: Callable[[], None]) -> None:
        """Ask for nothing more down."""
        self._ask("POST", protocol.STOP, lambda _head, _body: came())

    def final_counts(self) -> Counts:
        """What the server has seen, waited for. Raises NetworkError."""
        found: list[Counts] = []
        self.counts(lambda counts, _sent_s, _came_s: found.append(counts))
        if not self.wait(lambda: bool(found), ANSWER_S):
            raise SilentError("no answer in time")
        return found[0]

    # --- behind them ---------------------------------------------------------------------------------------

    def _open(self, ticket: str) -> None:
        self._send("POST", protocol.SESSION, self._hear, f"Authorization: {protocol.TICKET_SCHEME} {ticket}")

    def _hear(self, head: Head, body: bytes) -> None:
        self._heard = head, body

    def _answered(self) -> Opened:
        if not self.wait(lambda: self._heard is not None, ANSWER_S) or self._heard is None:
            raise SilentError("no answer in time")
        head, body = self._heard
        if head.status != 200:  # noqa: PLR2004
            raise refused(head, body)
        try:
            opened = msgspec.json.decode(body, type=Opened)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedError(NOT_ITS_OWN) from error
        if not _ID.match(opened.session):
            raise RefusedError(NOT_ITS_OWN)
        return opened

    def _ask(self, method: str, path: str, heard: Callable[[Head, bytes], None]) -> None:
        def good(head: Head, body: bytes) -> None:
            if head.status >= 400:  # noqa: PLR2004
                self._fail(refused(head, body))
            else:
                heard(head, body)

        self._send(method, path, good, self.line)

    def _send(self, method: str, path: str, heard: Callable[[Head, bytes], None], *lines: str) -> None:
        if self.broken:
            return
        try:
            self._talk.ask(method, path, heard, *lines)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.broken = self.broken or told(error)
