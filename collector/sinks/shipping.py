"""Ships the journal to InfluxDB, in the order in which reports arrived, and never loses its place.

The cursor moves only after InfluxDB has said that it holds a batch; whatever goes wrong, the same batch is
sent again, and takes the place of itself. Days that a corrected folder places otherwise are deleted and sent
again.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import NamedTuple

from collector.sinks import beside, influx, pieces
from collector.sinks.answers import StoppedError
from collector.sinks.influx import Server
from collector.sinks.standing import Bucket, Source, Standing
from collector.store.outbox import DAY_NS, Aside, Days, Shipped
from collector.store.reads import Suspension
from firstbell.copies import COPIES
from firstbell.points import MEASUREMENTS, Key, Names, Placer, Point, Row, of_report

log = logging.getLogger(__name__)

DAYS_AT_ONCE = 31
OTHERS = (*COPIES, *beside.MEASUREMENTS)
"""What stands in the bucket beside reports."""
MORE = 10
"""So many batches go out of what came meanwhile."""
Progress = Callable[[int, int], None]
"""Told after each batch up to which report everything is shipped, and which is the newest."""


class Batch(NamedTuple):
    """Lines on their way, each with its report's arrival number, and what is noted once they are there.

    It follows on the report `after`, and ends with `arrival`. `at_ns` are the lines' times, and `good` is a
    line that no bucket has a reason to refuse.
    """

    after: int
    arrivals: list[int]
    at_ns: list[int]
    lines: list[bytes]
    good: bytes
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

    def __init__(self, source: Source, server: Server, bucket: Bucket, *, batch: int = influx.BATCH) -> None:
        self._standing = Standing(source, server, bucket, MEASUREMENTS, OTHERS)
        self._outbox, self._reads, self._server, self._bucket = source.outbox, source.reads, server, bucket
        self._folder_now, self._clock, self._most = source.folder_now, source.clock, batch
        self._doubts: list[Suspension] = []
        self._tried_ns = 0
        self._beside_of = ""

    def catch_up(self, progress: Progress = lambda _at, _goal: None) -> Shipped:
        """Ship until nothing is left, and say how far it is. Raises InfluxError or UnreadableError."""
        placed = self._folder_now()
        state = self._standing.begun(placed)
        placer, names = placed.placer(), Names(self._outbox.names())
        while days := self._outbox.next_days(DAYS_AT_ONCE):
            self._again(days, state.arrival, placer, names)
        self._go_on(state.arrival, placer, names, progress)
        self._ship_beside(placer.name)
        return self._standing.state()

    def _ship_beside(self, district: str) -> None:
        """Ship what else judging needs, where it is another than when this was done last."""
        if district != self._beside_of:
            self._doubts, self._tried_ns, self._beside_of = [], 0, district
        now_ns = self._clock.now_ns()
        doubts = self._reads.suspensions()
        stretches = self._reads.tries(max(self._tried_ns, self._oldest_ns()))
        points = beside.of_stretches(stretches, district, self._oldest_ns())
        if doubts != self._doubts:
            points += beside.of_doubts(doubts, district, self._oldest_ns())
        pieces.put(self._server, self._bucket, points, self._good(district), now_ns)
        self._doubts = doubts
        self._tried_ns = max((stretch.last_ns for stretch in stretches), default=self._tried_ns)

    def _again(self, days: Days, until_arrival: int, placer: Placer, names: Names) -> None:
        """Take away what stands of a box's days, and ship them once more."""
        self._standing.take_away(days, placer.name)
        aside: list[Aside] = []
        shipped = 0
        for rows in influx.in_parts(self._outbox.within(days, until_arrival), self._most):
            batch = self._made(rows, placer, names)
            sent = self._send(batch)
            aside += [*batch.aside, *sent.aside]
            shipped += len(batch.lines) - len(sent.aside) - sent.too_old
        self._standing.note(0, shipped=shipped, names=names.taken(), aside=aside, done=days)

    def _go_on(self, arrival: int, placer: Placer, names: Names, progress: Progress) -> None:
        """Ship what came after `arrival`: one batch is made ready while the one before it is on its way.

        What comes meanwhile goes out too, but not without end: of ten thousand boxes there is always
        something, and others want their turn.
        """
        on_its_way: tuple[Batch, Future[Sent]] | None = None
        goal, more = self._outbox.newest(), MORE
        try:
            while True:
                more -= arrival >= goal
                rows = self._outbox.after(arrival, self._most) if more >= 0 else []
                batch = self._made(rows, placer, names, arrival) if rows else None
                if on_its_way:
                    self._settle(*on_its_way)
                    progress(on_its_way[0].arrival, self._outbox.newest())
                if batch is None:
                    return
                on_its_way = batch, _aside(self._send, batch)
                arrival = batch.arrival
        finally:
            if on_its_way:  # whatever went wrong meanwhile: never are two on their way
                wait([on_its_way[1]])

    def _made(self, rows: Sequence[Row], placer: Placer, names: Names, after: int = 0) -> Batch:
        oldest_ns = self._oldest_ns()
        arrivals: list[int] = []
        points: list[Point] = []
        aside: list[Aside] = []
        kept = [row for row in rows if row.stored.report.at_ns >= oldest_ns]
        for row in kept:
            made = of_report(row, placer, names)
            if isinstance(made, str):
                aside.append(Aside(row.stored.arrival, made))
            else:
                arrivals.append(row.stored.arrival)
                points.append(made)
        newest = max(row.stored.arrival for row in rows)
        # Made here and not while sending: both threads would want the interpreter at the same time.
        lines = influx.lines(points)
        return Batch(
            after=after,
            arrivals=arrivals,
            at_ns=[point.at_ns for point in points],
            lines=lines,
            good=self._good(placer.name),
            arrival=newest,
            aside=aside,
            too_old=len(rows) - len(kept),
            names=names.taken(),
        )

    def _good(self, district: str) -> bytes:
        return influx.good_line(district, self._clock.now_ns())

    def _settle(self, batch: Batch, sending: Future[Sent]) -> None:
        sent = sending.result()
        self._standing.note(
            batch.arrival,
            after=batch.after,
            shipped=len(batch.lines) - len(sent.aside) - sent.too_old,
            too_old=batch.too_old + sent.too_old,
            names=batch.names,
            aside=[*batch.aside, *sent.aside],
        )

    def _send(self, batch: Batch) -> Sent:
        sent = Sent([], 0)
        for place, reason in pieces.write(self._server, self._bucket.store, batch.lines, batch.good):
            if not pieces.BEYOND_RETENTION.search(reason):
                sent.aside.append(Aside(batch.arrivals[place], reason))
            elif batch.at_ns[place] < self._surely_kept_ns():
                sent = Sent(sent.aside, sent.too_old + 1)
            else:
                raise StoppedError(
                    f"InfluxDB takes a report of now for too old: is its clock right? {reason}"
                )
        return sent

    def _surely_kept_ns(self) -> int:
        """From when on no bucket has a reason to call a report too old; a bucket may keep less than a day."""
        return self._oldest_ns() + DAY_NS if self._bucket.days else self._clock.now_ns() - DAY_NS // 24

    def _oldest_ns(self) -> int:
        return self._bucket.oldest_ns(self._clock.now_ns())


def _aside(send: Callable[[Batch], Sent], batch: Batch) -> Future[Sent]:
    """Send in a thread that dies with the program: an executor's would keep it until InfluxDB answers."""
    sent: Future[Sent] = Future()

    def run() -> None:
        try:
            sent.set_result(send(batch))
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result hears it
            sent.set_exception(error)

    threading.Thread(target=run, name="influx sender", daemon=True).start()
    return sent
