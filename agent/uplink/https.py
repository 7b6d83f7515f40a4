"""The line to the collector where neither MQTT nor a WebSocket gets out: each message is an HTTPS request.

The bytes are those of MQTT, signed by the box's key; what the collector has to say comes in the reply, which
is signed by the collector. A connection is made for each: nothing long-lived has to survive a filter.
"""

import http.client
import json
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from agent.machine.clock import Clock
from agent.machine.page import Deadline, TimedLine
from agent.uplink.way import Way
from firstbell import letter, wire
from firstbell.letter import LetterError

if TYPE_CHECKING:
    from agent.signing import Signer

STEP_S = 20.0
"""So long may each step to an open line take."""
EXCHANGE_S = 40.0
"""So long may a letter and its reply take: the collector's disk may be slow, and a filter looks first."""
POLL_S = 60.0
"""With nothing to say the box asks in so long whether there is anything to hear."""
ROOM = 32
"""Messages that wait to be sent."""
_TROUBLE_CHARS = 200
_HELLO = wire.encode(wire.State(alive=True))

_log = logging.getLogger(__name__)


class Files(NamedTuple):
    """The box's certificate, its key, and the authorities that it believes."""

    certificate: Path
    key: Path
    authorities: Path


class _NotThroughError(Exception):
    """A message did not get through; its text says why. `wait_s` is how long the collector wants peace."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class HttpsLine:
    """A line (see `agent.uplink.sender.Line`) of single HTTPS requests. `connected` is the last one's luck.

    `reconnect_s` bounds the wait before the next try, as with MQTT.
    """

    def __init__(
        self, way: Way, files: Files, clock: Clock, random: Random, reconnect_s: tuple[int, int] = (8, 60)
    ) -> None:
        self._way, self._files, self._clock, self._random = way, files, clock, random
        self._reconnect_s = reconnect_s
        self._connections = self._connection = 0
        self.trouble = ""
        # What somebody waits for goes beside the batches, not behind them.
        self._waiting: dict[bool, queue.Queue[tuple[str, bytes]]] = {
            urgent: queue.Queue(ROOM) for urgent in (False, True)
        }
        self._stop = threading.Event()
        self._signer: Signer | None = None
        self._told: tuple[letter.Moment, int] | None = None
        """What the collector's clock said last, and when (nanoseconds since this machine's start)."""

    # --- what the sender uses ---------------------------------------------------------------------------

    def open(
        self,
        receive: Callable[[str, bytes], None],
        wake: Callable[[], None],
        attempted: Callable[[], None],
    ) -> None:
        """Begin to ask whether the collector is there, and go on."""
        self._receive, self._wake, self._tell_attempt = receive, wake, attempted
        for work in (self._talk, self._ask):
            threading.Thread(target=work, name=f"https{work.__name__}", daemon=True).start()

    def connected(self) -> int:
        """The number of the present stretch of luck, counted from 1; 0 while the last request failed."""
        return self._connection

    def publish(self, verb: str, payload: bytes, *, retain: bool = False) -> bool:  # noqa: ARG002 - nobody retains
        """Send soon or not at all: False if nothing gets through, or too much waits."""
        if not self._connection or self._stop.is_set():
            return False
        try:
            self._waiting[verb == "lease/ask"].put_nowait((verb, payload))
        except queue.Full:
            return False
        return True

    def tend(self, now: float) -> None:
        """Nothing here dies by itself."""

    def close(self, last_word: bytes) -> None:  # noqa: ARG002 - silence says it
        """End. Nothing is said: the collector knows such a box by what it brings alone."""
        self._stop.set()
        self._connection = 0
        for waiting in self._waiting.values():
            with suppress(queue.Full):
                waiting.put_nowait(("", b""))

    def feel(self) -> str:
        """Ask the collector once, and say what is wrong; "" if nothing is."""
        try:
            self._exchange("state", _HELLO)
        except _NotThroughError as error:
            return str(error)
        return ""

    def try_out(self, seconds: float) -> str:  # noqa: ARG002 - each step has its own bound
        """As `feel`: there is nothing more to try."""
        return self.feel()

    # --- its two threads ------------------------------------------------------------------------------

    def _talk(self) -> None:
        tries = 0
        while not self._stop.is_set():
            verb, payload = self._next() if self._connection else ("state", _HELLO)
            if self._stop.is_set():
                return
            try:
                if not self._connection:
                    self._tell_attempt()
                messages = self._exchange(verb, payload)
            except _NotThroughError as error:
                self._lost(str(error))
                self._stop.wait(max(error.wait_s, self._pause(tries)))
                tries += 1
            else:
                tries = 0
                self._came()
                self._hand_over(messages)

    def _ask(self) -> None:
        while not self._stop.is_set():
            verb, payload = self._waiting[True].get()
            if self._stop.is_set():
                return
            try:
                self._hand_over(self._exchange(verb, payload))
            except _NotThroughError as error:
                # Its asker knows what silence means; whether the line is down the other thread finds out.
                _log.debug("a question about a lease did not get through: %s", error)

    def _next(self) -> tuple[str, bytes]:
        try:
            return self._waiting[False].get(timeout=POLL_S)
        except queue.Empty:
            return "state", _HELLO

    def _pause(self, tries: int) -> float:
        least, most = self._reconnect_s
        return self._random.uniform(1, min(most, max(least, 1) * 2.0 ** min(tries, 10)))

    def _came(self) -> None:
        if self._connection or self._stop.is_set():
            return
        self.trouble = ""
        self._connections += 1
        self._connection = self._connections
        _log.info("the collector answers over HTTPS")
        self._wake()

    def _lost(self, why: str) -> None:
        if why != self.trouble:
            _log.warning("no way to the collector over HTTPS: %s", why)
        self.trouble = why
        self._connection = 0
        for waiting in self._waiting.values():
            with suppress(queue.Empty):
                while True:
                    waiting.get_nowait()
        self._wake()

    def _hand_over(self, messages: list[letter.Message]) -> None:
        for message in messages:
            if message.verb in {"answer", "lease", "nudge"} and len(message.payload) <= wire.WIRE_BYTES:
                self._receive(message.verb, message.payload)

    # --- one letter -------------------------------------------------------------------------------------

    def _exchange(self, verb: str, payload: bytes) -> list[letter.Message]:
        """Send one letter; what the collector says to it. Raises _NotThroughError.

        Where the collector's clock is not known it is asked first. Whatever fails, it is asked again: the
        collector may have been started anew.
        """
        try:
            if self._told is None and payload is not _HELLO:
                self._one("state", _HELLO)
            return self._one(verb, payload)
        except _NotThroughError:
            self._told = None
            raise

    def _one(self, verb: str, payload: bytes) -> list[letter.Message]:
        """One letter and its reply. Raises _NotThroughError."""
        from agent.signing import Signer, SigningError  # noqa: PLC0415 - ten megabytes, where they are needed

        try:
            signer = self._signer = self._signer or Signer(*self._files)
            nonce = f"{self._random.getrandbits(128):032x}"
            moment = self._moment()
            signature = signer.sign(letter.to_sign(verb, nonce, payload, moment))
            head = letter.Head(
                verb=verb, nonce=nonce, moment=moment, certificate=signer.certificate, signature=signature
            )
            raw = letter.write(head, payload)
            reply = letter.read_reply(self._posted(raw))
            signed = letter.to_sign_in_reply(signer.name, letter.digest(raw), reply.body)
            signer.check(reply.head.certificate, reply.head.signature, signed, self._today())
            said = letter.read_said(reply.body)
        except (SigningError, LetterError) as error:
            self._signer = None  # a certificate that was renewed meanwhile is read anew
            raise _NotThroughError(str(error)) from error
        self._told = (said.moment, self._clock.stamp().boottime_ns)
        return said.messages

    def _moment(self) -> letter.Moment:
        """Now, by the collector's clock as far as it is known."""
        if self._told is None:
            return letter.UNKNOWN
        heard, at_ns = self._told
        passed_ms = (self._clock.stamp().boottime_ns - at_ns) // 1_000_000
        return letter.Moment(run=heard.run, at_ms=heard.at_ms + passed_ms)

    def _today(self) -> int | None:
        stamp = self._clock.stamp()
        return stamp.wall_ns if stamp.synchronised else None

    def _posted(self, body: bytes) -> bytes:
        """The body of the collector's answer. Raises _NotThroughError."""
        try:
            with self._way.opened(STEP_S) as secured:
                return self._answered(secured, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _NotThroughError(f"{self._way.origin}: {str(error) or 'no answer in time'}") from error

    def _answered(self, secured: socket.socket, body: bytes) -> bytes:
        """All of it has one bound: whoever answers in the collector's place may let a page drip."""
        asked = http.client.HTTPConnection(self._way.host, self._way.port)
        asked.sock = TimedLine(secured, Deadline(time.monotonic, EXCHANGE_S))
        headers = {"Content-Type": "application/octet-stream", "Connection": "close"}
        asked.request("POST", letter.PATH, body, {"Host": self._way.origin, **headers})
        with asked.getresponse() as answer:
            said = answer.read(letter.REPLY_BYTES)
            if answer.status != http.client.OK:
                raise _refused(answer.status, said, answer.getheader("Retry-After", ""))
            return said


def _refused(status: int, said: bytes, retry_after: str) -> _NotThroughError:
    """What the collector's refusal means. Anybody may have written it: it is shown, and nothing else."""
    try:
        why = str(json.loads(said)["error"])
    except (ValueError, LookupError, TypeError, RecursionError):
        why = "no word of First Bell's: a filter, or a sign-in page?"
    shown = "".join(sign if sign.isprintable() else "?" for sign in why[:_TROUBLE_CHARS])
    wait_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    return _NotThroughError(f"status {status}: {shown}", min(wait_s, 300.0))
