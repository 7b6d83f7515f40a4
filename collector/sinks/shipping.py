"""Ships the journal to InfluxDB, in the order in which reports arrived, and never loses its place.

The cursor moves only after InfluxDB has said that it holds a batch; whatever goes wrong, the same batch is
sent again, and takes the place of itself. Days that a corrected folder places otherwise are deleted and sent
again.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from collector.clock import Clock
from collector.sinks import beside, influx, moved
from collector.sinks.influx import BusyError, RefusedError, Server, StoppedError, TooLargeError
from collector.store.errors import UnreadableError
from collector.store.outbox import DAY_NS, Aside, Days, Outbox, Shipped
from collector.store.reads import Reads, Suspension
from firstbell.copies import COPIES
from firstbell.district import District
from firstbell.points import MEASUREMENTS, Key, Names, Placer, Point, Row, of_report

T = TypeVar("T")
log = logging.getLogger(__name__)

BATCH = 5_000
DAYS_AT_ONCE = 31
FEW_BOXES = 10
AGAIN_AFTER_RESTART = 500_000
"""So many reports at most are shipped once more after InfluxDB was started anew.

One whose log was torn by a power cut goes on behind the tear, and at its next start loses what it had taken
and not yet moved into its files (seen with 2.9.1 and 1.6.7: tests/influx/test_servers.py). That is no more
than some 25 MB of a bucket, which is far less than this.
"""
MOST_REFUSED = 20
"""Where more of a batch than this and half of it are refused, it is not the points: nothing is set aside."""
_BEYOND_RETENTION = "retention"
"""How InfluxDB calls what lies further back than a bucket keeps."""
Progress = Callable[[int, int], None]
"""Told after each batch up to which report everything is shipped, and which is the newest."""


class Placed(NamedTuple):
    """The district by which reports are placed, and the name that points bear ("": its own)."""

    district: District
    name: str = ""

    @property
    def placed_as(self) -> str:
        """The tag `district`; what was made up says so."""
        name = self.name or self.district.settings.name
        return f"{name} (simulated)" if self.district.settings.simulated else name

    def placer(self) -> Placer:
        """Who places reports by it."""
        return Placer(self.district, self.placed_as)


FolderOf = Callable[[str], District | None]
"""The district of a digest that was in use before; None where nobody kept it."""


class Bucket(NamedTuple):
    """Where points go: `name` as people know it, `store` its id, by which it is written to.

    It keeps points for `days`; 0: for ever.
    """

    name: str
    store: str
    days: int = 0


class Batch(NamedTuple):
    """Points on their way, each with its report's arrival number, and what is noted once they are there."""

    points: list[tuple[int, Point]]
    arrival: int
    aside: list[Aside]
    too_old: int
    names: list[tuple[str, Key]]


class Sent(NamedTuple):
    """What became of points: those set aside, and how many the bucket no longer keeps."""

    aside: list[Aside]
    too_old: int


class Shipper:
    """Brings one bucket up to date with the journal. For one thread."""

    def __init__(
        self,
        outbox: Outbox,
        reads: Reads,
        server: Server,
        bucket: Bucket,
        folder_now: Callable[[], Placed],
        folder_of: FolderOf,
        clock: Clock,
        *,
        batch: int = BATCH,
    ) -> None:
        self._outbox, self._server, self._bucket = outbox, server, bucket
        self._folder_now, self._folder_of, self._clock, self._most = folder_now, folder_of, clock, batch
        self._reads = reads
        self._doubts: list[Suspension] = []
        self._tried_ns = 0

    def catch_up(self, progress: Progress = lambda _at, _goal: None) -> Shipped:
        """Ship until nothing is left, and say how far it is. Raises InfluxError or UnreadableError."""
        placed = self._folder_now()
        state = self._begun(placed)
        placer, names = placed.placer(), Names(self._outbox.names())
        while days := self._outbox.next_days(DAYS_AT_ONCE):
            self._again(days, state.arrival, placer, names)
        self._go_on(state.arrival, placer, names, progress)
        self._ship_beside(placer.name)
        return self._state()

    def _ship_beside(self, district: str) -> None:
        """Ship what else judging needs, where it is another than when this was done last."""
        doubts, stretches = self._reads.suspensions(), self._reads.tries(self._tried_ns)
        if doubts != self._doubts:
            self._put(beside.of_doubts(doubts, district))
        self._put(beside.of_stretches(stretches, district))
        self._doubts = doubts
        self._tried_ns = max((stretch.last_ns for stretch in stretches), default=self._tried_ns)

    def _put(self, points: Sequence[Point]) -> None:
        for part in _parts(points, self._most):
            self._server.write(self._bucket.store, influx.lines(part))

    def _state(self) -> Shipped:
        state = self._outbox.state()
        if state is None:
            raise UnreadableError("the journal forgot how far InfluxDB is: is another program shipping it?")
        return state

    def _begun(self, placed: Placed) -> Shipped:
        """Where shipping stands: begun anew for another store, and placed by today's folder."""
        state = self._outbox.state()
        if state is None or state.store != self._bucket.store:
            if state is not None:
                log.warning("InfluxDB's bucket %s is another one now: all goes out anew", self._bucket.name)
            self._outbox.begin(self._bucket.store, placed.district.digest, placed.placed_as)
        elif (state.folder, state.placed_as) != (placed.district.digest, placed.placed_as):
            self._place_anew(state, placed)
        run = self._server.run()
        if run != self._state().run:
            self._outbox.step_back(run, AGAIN_AFTER_RESTART)
        return self._state()

    def _place_anew(self, state: Shipped, placed: Placed) -> None:
        """Put the days that the folder places otherwise than the one before on the list."""
        agents = self._outbox.agents()
        if state.placed_as != placed.placed_as:
            self._rename(state.placed_as, agents)
        today = self._clock.now_ns() // DAY_NS
        first = today - self._bucket.days if self._bucket.days else self._outbox.first_day()
        before = self._folder_of(state.folder)
        if before is None:
            changed = [Days(agent, first, today + 1) for agent in agents]
        else:
            old = Placer(before, state.placed_as)
            changed = list(moved.days(old, placed.placer(), agents, first, today + 1))
        if len({one.agent for one in changed}) > max(FEW_BOXES, len(agents) // 5):
            # A deletion takes seconds whatever it deletes: better a few large ones than one for every box.
            changed = [Days("", min(one.first for one in changed), max(one.last for one in changed))]
        if changed:
            log.info("the folder places the past of %d boxes otherwise", len({one.agent for one in changed}))
        self._outbox.place_anew(placed.district.digest, placed.placed_as, changed)

    def _rename(self, before: str, agents: Sequence[str]) -> None:
        """Take away what bears a name that the district no longer has."""
        for agent in agents:
            self._server.clear(self._bucket.store, {"district": before, "agent": agent})
        for copy in (*COPIES, *beside.MEASUREMENTS):
            self._server.clear(self._bucket.store, {"_measurement": copy, "district": before})

    def _again(self, days: Days, until_arrival: int, placer: Placer, names: Names) -> None:
        """Take away what stands of a box's days, and ship them once more."""
        begin, end = days.first * DAY_NS, (days.last + 1) * DAY_NS
        alone = [{"agent": days.agent}] if days.agent else [{"_measurement": name} for name in MEASUREMENTS]
        for tags in alone:
            self._server.delete(self._bucket.store, begin, end, {"district": placer.name, **tags})
        aside: list[Aside] = []
        for rows in _parts(self._outbox.within(days, until_arrival), self._most):
            batch = self._made(rows, placer, names)
            sent = self._send(batch)
            aside += [*batch.aside, *sent.aside]
        self._note(0, names=names.taken(), aside=aside, done=days)

    def _go_on(self, arrival: int, placer: Placer, names: Names, progress: Progress) -> None:
        """Ship what came after `arrival`: one batch is made ready while the one before it is on its way."""
        with ThreadPoolExecutor(1, thread_name_prefix="influx") as sender:
            on_its_way: tuple[Batch, Future[Sent]] | None = None
            while True:
                rows = self._outbox.after(arrival, self._most)
                batch = self._made(rows, placer, names) if rows else None
                if on_its_way:
                    self._settle(*on_its_way)
                    progress(on_its_way[0].arrival, self._outbox.newest())
                if batch is None:
                    return
                on_its_way = batch, sender.submit(self._send, batch)
                arrival = batch.arrival

    def _made(self, rows: Sequence[Row], placer: Placer, names: Names) -> Batch:
        oldest_ns = self._clock.now_ns() - self._bucket.days * DAY_NS if self._bucket.days else 0
        points: list[tuple[int, Point]] = []
        aside: list[Aside] = []
        kept = [row for row in rows if row.stored.report.at_ns >= oldest_ns]
        for row in kept:
            made = of_report(row, placer, names)
            if isinstance(made, str):
                aside.append(Aside(row.stored.arrival, made))
            else:
                points.append((row.stored.arrival, made))
        arrival = max(row.stored.arrival for row in rows)
        return Batch(points, arrival, aside, len(rows) - len(kept), names.taken())

    def _settle(self, batch: Batch, sending: Future[Sent]) -> None:
        sent = sending.result()
        self._note(
            batch.arrival,
            shipped=len(batch.points) - len(sent.aside) - sent.too_old,
            too_old=batch.too_old + sent.too_old,
            names=batch.names,
            aside=[*batch.aside, *sent.aside],
        )

    def _note(self, arrival: int, **what: Any) -> None:  # noqa: ANN401 - as Outbox.move has them
        if not self._outbox.move(self._bucket.store, arrival, self._clock.now_ns(), **what):
            raise BusyError(f"the bucket {self._bucket.name} is another one by now", None)

    def _send(self, batch: Batch) -> Sent:
        lines = influx.lines(point for _, point in batch.points)
        sent = Sent([], 0)
        most = max(MOST_REFUSED, len(lines) // 2)
        for aside, old in self._write([arrival for arrival, _ in batch.points], lines):
            sent = Sent([*sent.aside, *aside], sent.too_old + old)
            if len(sent.aside) > most:
                raise StoppedError(
                    "InfluxDB refuses most of what it is sent, so nothing is set aside: "
                    f"{sent.aside[-1].reason}"
                )
        return sent

    def _write(self, arrivals: Sequence[int], lines: Sequence[bytes]) -> Iterator[Sent]:
        """Write lines; where some can't be taken, find out which, by halves."""
        if not lines:
            return
        try:
            self._server.write(self._bucket.store, lines)
        except (RefusedError, TooLargeError) as error:
            if len(lines) > 1:
                middle = len(lines) // 2
                yield from self._write(arrivals[:middle], lines[:middle])
                yield from self._write(arrivals[middle:], lines[middle:])
            elif _BEYOND_RETENTION in str(error):
                yield Sent([], 1)
            else:
                yield Sent([Aside(arrivals[0], str(error))], 0)


def _parts(rows: Iterable[T], most: int) -> Iterator[list[T]]:
    left = iter(rows)
    while part := list(islice(left, most)):
        yield part
