"""What goes out next, and what goes out again: batches from the spool, under way until they are answered."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from agent.freeze import Timeline
from agent.spool import LAST, Page, Spool
from agent.uplink import window as windows
from agent.uplink.window import Flight, Window
from firstbell import wire

BACKLOG = 8
"""Batches of old reports under way at once, so few that new ones don't queue behind them on a slow line."""
LIVE = 1000
"""Reports from the newest back that count as new; when more wait, the older of them are backlog."""
TRIES = 5
"""How often one report alone must stay silent, or unreadable, while others are taken, to be given up."""
SILENT_S = 60.0
"""After so long without any answer only one batch at a time is sent again, to try."""


@dataclass
class Counters:
    """What the uplink has seen since its start."""

    sent: int = 0
    resent: int = 0
    answered: int = 0
    halved: int = 0
    given_up: int = 0
    unreadable: int = 0
    """Messages that are no answers."""
    strangers: int = 0
    """Answers to batches that this box never sent."""
    dropped: int = 0
    """Messages that came faster than they could be read."""


class Outbox:
    """The batches under way and their resends. `publish` hands one to the line and says whether it went.

    Two lanes: what is new goes first, what waited long follows in a few batches at a time. One thread.
    """

    def __init__(
        self, agent: str, spool: Spool, random: Random, counters: Counters, publish: Callable[[bytes], bool]
    ) -> None:
        self._agent, self._spool, self._counters, self._publish = agent, spool, counters, publish
        self._window = Window(random)
        self._tide = 0
        self._heard_at = self._probe_at = self._paused_until = 0.0
        self._probes = self._laters = 0
        self._settled: deque[str] = deque(maxlen=2 * windows.MOST)
        self._done: deque[str] = deque(maxlen=2 * windows.MOST)

    def __len__(self) -> int:
        return len(self._window)

    def get(self, digest: str) -> Flight | None:
        """The batch under way that has this digest."""
        return self._window.get(digest)

    def stranger(self, digest: str) -> bool:
        """Whether this box has not sent a batch of this digest, as far as it remembers."""
        return self._window.get(digest) is None and digest not in self._settled

    def next_due(self) -> float:
        """When the next batch is to be sent again; infinity if there is none."""
        return max(self._window.next_due(), self._paused_until)

    # --- what happens -----------------------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """A new connection: what was under way may be lost, and is sent again, a little spread."""
        self._window.spread(now, windows.FIRST_S)
        self._heard_at, self._paused_until = now, 0.0

    def heard(self, now: float) -> None:
        """An answer came, to whatever: the other side is there."""
        if self._silent(now):
            self._window.spread(now, windows.FIRST_S)
        self._heard_at, self._probes = now, 0

    def settle(self, flight: Flight, now: float, *, taken: int) -> None:
        """The batch is answered; `taken` of its reports are held or refused, the others wait in the spool."""
        self._counters.answered += 1
        self._settled.append(flight.digest)
        self._window.answered(flight, now, taken=taken > 0)
        self._window.remove(flight)
        if taken:
            self._laters = 0
        if taken == flight.count:
            self._done.append(flight.digest)

    def begin_anew(self) -> None:
        """The collector has another journal: what was done may have to be done again."""
        self._done.clear()

    def slow_down(self, now: float) -> None:
        """The collector said later: nothing is sent for a while, longer each time."""
        if now >= self._paused_until:
            self._paused_until = now + self._window.wait(windows.FIRST_S, self._laters)
            self._laters += 1

    def unreadable(self, flight: Flight, now: float, timeline: Timeline, reason: str) -> None:
        """The collector can't read the batch as a whole: it goes out in two, one report alone as it is."""
        if flight.count == 1:
            flight.reason = reason
        else:
            self._halve(flight, now, timeline)

    def _halve(self, flight: Flight, now: float, timeline: Timeline) -> None:
        self._counters.halved += 1
        self._settled.append(flight.digest)
        self._window.remove(flight)
        middle = flight.place + flight.count // 2
        for first, last in ((flight.place, middle - 1), (middle, flight.last_place)):
            page = self._spool.offer(timeline, first, last)
            if page and len(self._window) < windows.MOST:
                self._launch(page, now, part=True)

    # --- what goes out ----------------------------------------------------------------------------------

    def send(self, now: float, timeline: Timeline) -> None:
        """Send what is due again, then what waits, as far as the window allows."""
        if now < self._paused_until:
            return
        self._window.begin_round()
        for flight in self._window.due(now):
            self._send_again(flight, now, timeline)
        self._send_new(now, timeline)

    def _send_again(self, flight: Flight, now: float, timeline: Timeline) -> None:
        if flight.tries and self._window.passed_over(flight):
            if flight.count > 1:
                self._halve(flight, now, timeline)
            else:
                self._retry_single(flight, now)
        elif not flight.tries or not self._silent(now):
            self._transmit(flight, now)
        elif now >= self._probe_at:
            self._probe_at = now + self._window.wait(windows.FIRST_S, self._probes)
            self._probes += 1
            self._transmit(flight, now)

    def _send_new(self, now: float, timeline: Timeline) -> None:
        # A collector that said later is tried with one batch.
        most = 1 if self._laters else windows.MOST
        newest = self._spool.newest()
        while len(self._window) < most:
            page = self._waiting(timeline, self._tide + 1, LAST)
            if page is None:
                break
            if newest - page.place >= LIVE:
                self._tide = newest
                break
            self._launch(page, now)
        while len(self._window) < most and self._old() < BACKLOG:
            page = self._waiting(timeline, 1, self._tide)
            if page is None:
                break
            self._launch(page, now)

    def _old(self) -> int:
        return sum(flight.place <= self._tide for flight in self._window)

    def _waiting(self, timeline: Timeline, first: int, last: int) -> Page | None:
        """The oldest reports in a range of places that are not under way."""
        for low, high in self._window.gaps(first, last):
            page = self._spool.offer(timeline, low, high)
            if page:
                return page
        return None

    def _launch(self, page: Page, now: float, *, part: bool = False) -> None:
        """Put a batch under way. A report that no batch can hold is given up."""
        rows: Sequence[bytes] = page.rows
        while True:
            try:
                digest, payload = wire.encode_batch(self._agent, page.epoch, page.first, rows)
                break
            except wire.BodyError as error:
                if len(rows) == 1:
                    self._give_up(page.epoch, page.first, f"no batch can hold it: {error}")
                    return
                rows = rows[: len(rows) // 2]
        flight = Flight(page.place, page.epoch, page.first, len(rows), digest, payload, part=part, due=now)
        self._window.add(flight)
        if digest in self._done:
            # The spool could not let go of it: its file must be damaged. No endless loop at full speed.
            flight.due = now + windows.CAP_S
        else:
            self._transmit(flight, now)

    def _transmit(self, flight: Flight, now: float) -> None:
        if not self._publish(flight.payload):
            flight.due = now + windows.PART_S
            return
        self._counters.sent += 1
        self._counters.resent += flight.tries > 0
        self._window.sent(flight, now)

    def _retry_single(self, flight: Flight, now: float) -> None:
        """One report alone came to nothing while others were taken: try again, in the end give it up."""
        flight.passed += 1
        if flight.passed < TRIES:
            self._transmit(flight, now)
            return
        self._give_up(flight.epoch, flight.first, flight.reason)
        self._settled.append(flight.digest)
        self._window.remove(flight)

    def _give_up(self, epoch: str, seq: int, reason: str) -> None:
        self._counters.given_up += 1
        self._spool.give_up(epoch, seq, reason)

    def _silent(self, now: float) -> bool:
        return now - self._heard_at > SILENT_S
