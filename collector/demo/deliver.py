"""From findings to the journal: each box numbers what it measured and sends it through the real intake.

Boxes restart, lose reports, skip numbers, wait, run with a wrong clock, and one name may be two boxes', as
their `Habits` say: whatever the pages of boxes can show has happened here.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from collector.demo import plan
from collector.demo.measure import Watcher
from collector.demo.physics import Physics
from collector.demo.plan import WHOLE, Rhythm
from collector.demo.seen import Seen
from collector.demo.town import MINUTE_NS, NS, Box, Habits, Stay
from firstbell import wire
from firstbell.catalogue import Reading
from firstbell.report import ClockQuality, Finding, Loss, Opening, Report, Status

SLICE_NS = 6 * 3600 * NS
_ON_THE_WAY_NS = 5 * NS
_UNSURE_NS = 3 * 3600 * NS
_WAITING_A_MINUTE = 3
"""What a real box would keep in its spool for each minute without a line."""

Take = Callable[[str, bytes, int], object]
"""The intake's `take`: agent, payload, when it arrived."""
Day = Callable[[date, int], None]
"""Told after each day: which one, and how many reports there are so far."""


class Row(NamedTuple):
    """A report as it will be sent."""

    seq: int
    report: Report


class _Epoch(NamedTuple):
    """One start of a box: its name, and what its first report says of the one before."""

    name: str
    opening: Opening


def deliver(physics: Physics, take: Take, told: Day, rhythm: Rhythm = WHOLE) -> int:
    """Measure everything in the town and send it, a quarter of a day at a time; how many reports that was."""
    senders = [sender for box in physics.town.boxes for sender in _senders(physics, box)]
    total = 0
    for day in physics.days:
        due = [sender.measured(day, rhythm) for sender in senders]
        begins = physics.day_begins(day)
        for until_ns in (*range(begins + SLICE_NS, begins + 4 * SLICE_NS, SLICE_NS), 1 << 62):
            for sender, rest in zip(senders, due, strict=True):
                total += sender.send(rest, until_ns, take)
        told(day, total)
    return total + sum(sender.finish(take) for sender in senders)


def _senders(physics: Physics, box: Box) -> Iterator["Sender"]:
    habits = physics.town.habits_of(box.agent)
    yield Sender(physics, box, habits)
    if habits.clone_from is not None:
        yield Sender(physics, box, habits, clone=True)


class Sender:
    """One box's spool and uplink, as far as anybody can see them from outside."""

    def __init__(self, physics: Physics, box: Box, habits: Habits, *, clone: bool = False) -> None:
        self._physics, self._box, self._habits, self._clone = physics, box, habits, clone
        town = physics.town
        self._stays = [stay for stay in town.stays if stay.agent == box.agent]
        self._dice = random.Random(f"measure {town.seed} {box.agent} {clone}")
        names = random.Random(f"epochs {town.seed} {box.agent}")
        self._names = [f"{names.getrandbits(64):016x}" for _ in range(len(self._starts()) + 2)]
        self._epoch = _Epoch(self._names[0], Opening(predecessor=None))
        self._epochs = 0
        self._seq = 0
        self._opened = False
        self._losses: list[Loss] = []
        self._waiting: list[tuple[str, Row]] = []
        self._places: dict[date, Watcher | None] = {}

    def measured(self, day: date, rhythm: Rhythm) -> list[Seen]:
        """All that the box finds on a day, in order of time, the first one last."""
        stay = self._stay(day)
        if stay is None:
            return []
        watcher = Watcher(self._physics, self._box, stay)
        found: list[Seen] = []
        for due in plan.day_of(self._physics, self._box, stay, day, rhythm):
            if self._alive(due.at_ns):
                seen = list(watcher.look(due, self._dice))
                found += seen
                if due.slow and seen:
                    found.append(self._of_itself(due.at_ns + 5))
        return sorted(found, key=lambda one: -one.at_ns)

    def send(self, rest: list[Seen], until_ns: int, take: Take) -> int:
        """Number and send what was measured before `until_ns`, taking it from `rest`; how many reports."""
        rows: list[tuple[str, Row]] = []
        while rest and rest[-1].at_ns < until_ns:
            rows += self._numbered(rest.pop())
        if self._habits.waits is not None:
            self._waiting += [row for row in rows if row[1].report.at_ns >= self._habits.waits]
            rows = [row for row in rows if row[1].report.at_ns < self._habits.waits]
        self._hand_over(rows, take, None)
        return len(rows)

    def finish(self, take: Take) -> int:
        """Send what had to wait until the very end."""
        rows, self._waiting = self._waiting, []
        self._hand_over(rows, take, self._physics.town.end_ns)
        return len(rows)

    # --- starts and numbers ---

    def _starts(self) -> tuple[tuple[int, str], ...]:
        clone_from = self._habits.clone_from
        twins = ((clone_from, "power"),) if clone_from is not None else ()
        return tuple(sorted((*self._habits.restarts, *twins)))

    def _alive(self, at_ns: int) -> bool:
        habits = self._habits
        begins = habits.clone_from if self._clone else habits.begins
        return (begins is None or at_ns >= begins) and (habits.ends is None or at_ns < habits.ends)

    def _stay(self, day: date) -> Stay | None:
        """Where the box stands on a day: by the last of its stays that began."""
        here = None
        for stay in self._stays:
            if stay.since is None or stay.since <= day:
                here = stay
        return here

    def _numbered(self, seen: Seen) -> Iterator[tuple[str, Row]]:
        """The report with its number, after whatever the box first has to say of a new start."""
        starts = self._starts()
        if self._clone:
            self._become(len(self._names) - 1, self._names[0], "power")
        while self._epochs < len(starts) and not self._clone and starts[self._epochs][0] <= seen.at_ns:
            self._epochs += 1
            self._become(self._epochs, self._epoch.name, starts[self._epochs - 1][1])
        if not self._opened:
            self._opened = True
            yield from self._row(self._of_itself(seen.at_ns - 1), self._epoch.opening)
        yield from self._row(seen, None)

    def _become(self, number: int, predecessor: str, ended: str) -> None:
        if self._epoch.name != self._names[number]:
            opening = Opening(predecessor=predecessor, last_seq=self._seq, ended=ended)
            self._epoch, self._seq, self._opened = _Epoch(self._names[number], opening), 0, False

    def _row(self, seen: Seen, opening: Opening | None) -> Iterator[tuple[str, Row]]:
        self._seq += 1
        if opening is None and _in(self._habits.gap, seen.at_ns):
            return
        if opening is None and _in(self._habits.lost, seen.at_ns):
            self._lose()
            return
        losses: tuple[Loss, ...] = ()
        if seen.probe == "box" and self._losses:
            losses, self._losses = tuple(self._losses), []
        yield self._epoch.name, Row(self._seq, self._report(seen, opening, losses))

    def _lose(self) -> None:
        last = self._losses[-1] if self._losses else None
        if last and last.epoch == self._epoch.name and last.last == self._seq - 1:
            self._losses[-1] = msgspec.structs.replace(last, last=self._seq)
        else:
            lost = Loss(
                epoch=self._epoch.name, first=self._seq, last=self._seq, reason="the card could not be read"
            )
            self._losses.append(lost)

    def _report(self, seen: Seen, opening: Opening | None, losses: tuple[Loss, ...]) -> Report:
        unsure = self._habits.unsure is not None and seen.at_ns < self._habits.unsure
        clock = ClockQuality.COLLECTOR if self._habits.off_ms else ClockQuality.NTP
        found = {name: getattr(seen.finding, name) for name in seen.finding.__struct_fields__}
        return Report(
            **found,
            probe=seen.probe,
            at_ns=seen.at_ns,
            duration_s=seen.duration_s,
            clock=ClockQuality.BOUNDED if unsure else clock,
            clock_error_ms=self._habits.off_ms or 2.5,
            not_before_ns=seen.at_ns - _UNSURE_NS if unsure else None,
            not_after_ns=seen.at_ns + _UNSURE_NS if unsure else None,
            opening=opening,
            losses=losses,
        )

    def _of_itself(self, at_ns: int) -> Seen:
        """What the box says of itself."""
        waits = self._habits.waits
        minutes = max(0, at_ns - waits) // MINUTE_NS if waits is not None else 0
        waiting = minutes * _WAITING_A_MINUTE
        readings: dict[str, Reading] = {
            "agent_version": self._box.version,
            "spool_reports": waiting,
            "spool_used_pct": waiting / 2_000,
            "unstored_reports": 0,
        }
        return Seen("box", at_ns, 0.0, Finding(status=Status.OK, readings=readings))

    # --- the way ---

    def _hand_over(self, rows: Sequence[tuple[str, Row]], take: Take, arrives_ns: int | None) -> None:
        """Send rows in batches without holes, each of one start."""
        run: list[tuple[str, Row]] = []
        for row in rows:
            if run and (row[0] != run[-1][0] or row[1].seq != run[-1][1].seq + 1):
                self._send_run(run, take, arrives_ns)
                run = []
            run.append(row)
        if run:
            self._send_run(run, take, arrives_ns)

    def _send_run(self, run: Sequence[tuple[str, Row]], take: Take, arrives_ns: int | None) -> None:
        encoded = [self._bytes(row.report) for _, row in run]
        begin = 0
        while begin < len(run):
            count = wire.fit(encoded[begin:])
            epoch, first = run[begin][0], run[begin][1].seq
            _, payload = wire.encode_batch(self._box.agent, epoch, first, encoded[begin : begin + count])
            last = run[begin + count - 1][1].report.at_ns
            take(
                self._box.agent, payload, arrives_ns or min(last + _ON_THE_WAY_NS, self._physics.town.end_ns)
            )
            begin += count

    def _bytes(self, report: Report) -> bytes:
        poison = self._habits.poison
        if poison is not None and report.at_ns >= poison and report.probe == "host" and not self._clone:
            self._habits = self._habits._replace(poison=None)
            report = msgspec.structs.replace(report, readings={**report.readings, "temperature_c": 4_000.0})
        return wire.encode_report(report)


def _in(span: tuple[int, int] | None, at_ns: int) -> bool:
    return span is not None and span[0] <= at_ns < span[1]
