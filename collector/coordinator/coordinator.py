"""The coordinator as it runs: what boxes say waits in a bounded queue, and one thread answers it.

So that neither the network's thread nor the reports wait for it.
"""

import logging
import queue
import threading
from collections.abc import Callable, Container

from collector.clock import Clock
from collector.coordinator.desk import Desk
from firstbell import lease as words
from firstbell.lease import Ask, ToBox
from firstbell.wire import WireError

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often leases and quiet times are looked at."""
ASKS_A_MINUTE = 12
WORDS_A_MINUTE = 60
"""What of one box is heard in a minute: more questions, or more of anything, are not answered."""
_WAITING = 1_000
_MOST_BOXES = 20_000
_MINUTE_S = 60.0

Say = Callable[[str, bytes], bool]
"""Says something to a box; whether it could be said."""


class Coordinator:
    """Answers boxes, but those that were `shut_out`, which load no line without an answer.

    `say` is given once there is a way to them; `hear` may be called by any thread.
    """

    def __init__(self, desk: Desk, clock: Clock, shut_out: Callable[[], Container[str]] = frozenset) -> None:
        self.desk = desk
        self._shut_out = shut_out
        self.unheard = 0
        """Words of boxes that were no words, too many, more than could wait, or of one that was shut out."""
        self._clock = clock
        self._rates = Rates(clock)
        self._words: queue.Queue[tuple[str, bytes]] = queue.Queue(_WAITING)
        self._stopping = threading.Event()
        self._say: Say = lambda _agent, _payload: False
        self._thread = threading.Thread(target=self._run, name="coordinator", daemon=True)

    def start(self, say: Say) -> None:
        """Start the thread."""
        self._say = say
        self._thread.start()

    def stop(self) -> None:
        """Answer nothing more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def hear(self, agent: str, payload: bytes) -> None:
        """Take a word of a box. What can't wait any more is forgotten: the box asks again."""
        if agent in self._shut_out():
            self.unheard += 1
            return
        try:
            self._words.put_nowait((agent, payload))
        except queue.Full:
            self.unheard += 1

    def _run(self) -> None:
        looked_s = self._clock.monotonic()
        while not self._stopping.is_set():
            try:
                self._answer_next()
                if self._clock.monotonic() >= looked_s + LOOK_S:
                    looked_s = self._clock.monotonic()
                    for agent, message in self.desk.look():
                        self._tell(agent, message)
            except Exception:
                log.exception("a word about leases could not be dealt with")

    def _answer_next(self) -> None:
        try:
            agent, payload = self._words.get(timeout=LOOK_S / 4)
        except queue.Empty:
            return
        self.answer(agent, payload)

    def answer(self, agent: str, payload: bytes) -> None:
        """Answer one word of a box."""
        try:
            message = words.read_from_box(payload)
        except WireError as error:
            self.unheard += 1
            log.debug("%s says nothing about leases: %s", agent, error)
            return
        if not self._rates.allows(agent, asks=isinstance(message, Ask)):
            self.unheard += 1
            return
        if said := self.desk.hear(agent, message):
            self._tell(agent, said)

    def _tell(self, agent: str, message: ToBox) -> None:
        self._say(agent, words.encode(message))


class Rates:
    """How much of each box is heard, minute by minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = -1
        self._heard: dict[tuple[str, bool], int] = {}

    def allows(self, agent: str, *, asks: bool) -> bool:
        """Whether one more word (a question, with `asks`) is heard."""
        minute = int(self._clock.monotonic() // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._heard = minute, {}
        if len(self._heard) >= _MOST_BOXES and (agent, asks) not in self._heard:
            return False
        count = self._heard[agent, asks] = self._heard.get((agent, asks), 0) + 1
        return count <= (ASKS_A_MINUTE if asks else WORDS_A_MINUTE)
