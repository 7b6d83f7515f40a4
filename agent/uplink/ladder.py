"""The ways to the collector, best first, and which of them carries now.

MQTT; the same through a WebSocket on the collector's web server; single HTTPS requests. One line is open at
a time. It is left only where it gets nothing through for some minutes, and only for one that was just felt to
be there: so a broker that is started anew keeps its boxes, and so does a collector that is away altogether.
From a lower rung the better ones are felt for about once an hour. The sender above knows nothing of all this:
a report leaves the spool by the collector's answer, whichever line brings it.
"""

import json
import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, Protocol, get_args

from agent.machine.clock import Clock
from agent.uplink.sender import Line
from firstbell import wire

Rung = Literal["mqtt", "websocket", "https"]
RUNGS: tuple[Rung, ...] = get_args(Rung)
WORDS: Mapping[Rung, str] = {
    "mqtt": "MQTT",
    "websocket": "MQTT through a WebSocket",
    "https": "HTTPS requests",
}
FIRST_SHARE = 6
"""A box that never got anything through tries the other ways after a sixth of the patience."""
_DAY_S = 86_400.0
_LOOK_S = 1.0
_DOUBLINGS = 5
_ASKING = frozenset({"report", "state"})
"""What the collector answers."""

_log = logging.getLogger(__name__)


class RungLine(Line, Protocol):
    """A line that can be felt for, without opening it."""

    def feel(self) -> str:
        """Whether it seems to lead to the collector: what is wrong, "" if nothing is. May take a minute."""

    def try_out(self, seconds: float) -> str:
        """Be let in once, and say what is wrong; "" if nothing is. Leaves no word behind."""


@dataclass(frozen=True)
class Patience:
    """How long nothing may get through before another way is taken: a time between the two, in seconds.

    `again_s` is how often, roughly, better ways are felt for.
    """

    least_s: float = 180.0
    most_s: float = 300.0
    again_s: float = 3600.0


class Ladder:
    """A line (see `agent.uplink.sender.Line`) that is the best of several, each made when it is needed.

    `makes` has them by name, best first; which worked last is remembered in the file `kept`.
    """

    def __init__(
        self,
        makes: Mapping[Rung, Callable[[], RungLine]],
        clock: Clock,
        random: Random,
        kept: Path,
        patience: Patience = Patience(),
    ) -> None:
        self._makes, self._clock, self._random, self._kept, self._patience = (
            makes,
            clock,
            random,
            kept,
            patience,
        )
        self._names = tuple(makes)
        self._remembered = remembered(kept)
        known = self._remembered in self._names
        self.rung: Rung = self._remembered if self._remembered and known else self._names[0]
        """The way that is open."""
        self._line = makes[self.rung]()
        self._wanted: tuple[Rung, bool] | None = None
        self._seen, self._number = (0, 0), 0
        self._lines = 1
        self._stop = threading.Event()
        now = clock.monotonic()
        self._proven = False
        self._shown = known
        self._asked_at = math.inf
        self._good_at, self._bears_s = now, self._drawn_patience()
        self._look_at = -math.inf
        self._better_at = now + self._drawn_hour()
        self._misled: dict[Rung, int] = {}
        self._not_before: dict[Rung, float] = {}

    # --- what the sender uses -----------------------------------------------------------------------------

    def open(
        self,
        receive: Callable[[str, bytes], None],
        wake: Callable[[], None],
        attempted: Callable[[], None],
    ) -> None:
        """Begin to connect, and to reconnect for ever."""
        self._take, self._wake, self._attempted = receive, wake, attempted
        self._line.open(self._receive, wake, attempted)
        if len(self._names) > 1:
            threading.Thread(target=self._watch, name="ladder", daemon=True).start()

    def connected(self) -> int:
        """The number of the present connection, on whichever way, counted from 1; 0 while there is none."""
        seen = (self._lines, self._line.connected())
        if not seen[1]:
            return 0
        if seen != self._seen:
            self._seen = seen
            self._number += 1
        return self._number

    def publish(self, verb: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send now or not at all: False if there is no connection or no room."""
        before = self._asked_at
        if verb in _ASKING:
            self._asked_at = min(before, self._clock.monotonic())  # first: the answer may come at once
        if self._line.publish(verb, payload, retain=retain):
            return True
        if verb in _ASKING:
            self._asked_at = before
        return False

    def tend(self, now: float) -> None:
        """See to the line, and change it where another was found."""
        self._line.tend(now)
        if self._line.connected() and now < self._asked_at + self._bears_s:
            self._good_at = now
            if self._look_at > -math.inf:
                self._look_at, self._bears_s = -math.inf, self._drawn_patience()
        self._remember()
        wanted, self._wanted = self._wanted, None
        if wanted and (self._struggles(now) or not wanted[1]):  # it may have got through meanwhile
            self._change(wanted[0], now)

    def close(self, last_word: bytes) -> None:
        """Publish `last_word` as the state if there is a connection, and end."""
        self._stop.set()
        self._line.close(last_word)

    # --- what comes -----------------------------------------------------------------------------------------

    def _receive(self, verb: str, payload: bytes) -> None:
        """Any thread. An answer that comes late on a line that was left is as good as any."""
        if verb == "answer":
            self._asked_at = math.inf
            self._proven = True
        self._take(verb, payload)

    def _remember(self) -> None:
        if not self._proven:
            return
        self._proven = False
        if not self._shown:
            self._shown = True
            self._bears_s = self._drawn_patience()
        self._misled.pop(self.rung, None)
        if self._remembered != self.rung:
            _log.info("reports go by %s", WORDS[self.rung])
            self._remembered = self.rung
            _keep(self._kept, self.rung)

    # --- how it changes -------------------------------------------------------------------------------------

    def _change(self, rung: Rung, now: float) -> None:
        _log.warning("from %s to %s", WORDS[self.rung], WORDS[rung])
        left = self._line
        self.rung, self._line = rung, self._makes[rung]()
        self._lines += 1
        self._asked_at, self._proven = math.inf, False
        self._good_at, self._bears_s = now, self._drawn_patience()
        self._better_at = now + self._drawn_hour()
        left.close(wire.encode(wire.State(alive=False)))
        self._line.open(self._receive, self._wake, self._attempted)
        self._wake()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_S):
            try:
                self._look(self._clock.monotonic())
            except Exception:  # noqa: BLE001 - whatever it is, the box goes on looking
                _log.exception("looking for another way failed")

    def _look(self, now: float) -> None:
        """Feel for another way if it is time; nobody waits for it meanwhile."""
        if self._struggles(now) and now >= self._look_at:
            self._look_up(now)
            self._look_at = self._clock.monotonic() + self._drawn_patience()
        elif now >= self._better_at:
            self._better_at = now + self._drawn_hour()
            better = self._names[: self._names.index(self.rung)]
            if found := self._felt([name for name in better if not self._shunned(name, now)]):
                self._want(found, out_of_need=False)

    def _struggles(self, now: float) -> bool:
        return now >= self._good_at + self._bears_s

    def _look_up(self, now: float) -> None:
        """Nothing gets through: feel for the others, those that misled before last."""
        others = [name for name in self._names if name != self.rung]
        found = self._felt(sorted(others, key=lambda name: self._shunned(name, now)))
        if found is None:
            return
        left = self.rung
        self._want(found, out_of_need=True)
        if not self._makes[left]().feel():
            # It feels good and carries nothing: it is not gone back to soon.
            self._misled[left] = times = self._misled.get(left, 0) + 1
            wait_s = self._patience.again_s * 2.0 ** min(times, _DOUBLINGS)
            self._not_before[left] = now + min(_DAY_S, wait_s)

    def _shunned(self, name: Rung, now: float) -> bool:
        return now < self._not_before.get(name, -math.inf)

    def _felt(self, names: list[Rung]) -> Rung | None:
        for name in names:
            trouble = self._makes[name]().feel()
            if not trouble:
                return name
            _log.info("no way by %s: %s", WORDS[name], trouble)
        return None

    def _want(self, name: Rung, *, out_of_need: bool) -> None:
        """The sender's thread makes the change."""
        self._wanted = (name, out_of_need)
        self._wake()

    def _drawn_patience(self) -> float:
        drawn = self._random.uniform(self._patience.least_s, self._patience.most_s)
        return drawn if self._shown else drawn / FIRST_SHARE

    def _drawn_hour(self) -> float:
        return self._random.uniform(0.75, 1.25) * self._patience.again_s


def remembered(kept: Path) -> Rung | None:
    """The way that carried last; None where nothing is known."""
    try:
        said = json.loads(kept.read_bytes()[:1000])["rung"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return next((name for name in RUNGS if name == said), None)


def _keep(kept: Path, rung: Rung) -> None:
    """A full disk has no room for it; then the box finds its way anew after a start."""
    beside = kept.with_name(f".{kept.name}-new")
    try:
        beside.write_text(json.dumps({"rung": rung}) + "\n", encoding="ascii")
        beside.replace(kept)
    except OSError as error:
        _log.warning("%s can't be written: %s", kept, error.strerror or error)
