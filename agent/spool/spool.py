"""The box's spool: what was measured stays here, through crashes and power cuts, until the collector has it.

One SQLite file (WAL, synchronous=FULL). When `put` has returned, the reports are on the disk. A report
leaves when the collector says that it holds or refuses it, or, counted, when the spool's bound is reached.
Its errors are drawn in `agent.spool.schema`.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

from agent.freeze import Boot, Timeline
from agent.machine.clock import Clock
from agent.spool import intake, look, queue, schema
from agent.spool.file import SpoolFile
from agent.spool.schema import (
    DamagedError,
    DiskFullError,
    Salvage,
    SpoolError,
    SpoolFullError,
    SpoolWriteError,
)
from firstbell import wire
from firstbell.report import Draft, Loss, Stamp, Status

CHUNK = 0.02
"""Share of the bound that is freed at once when it is reached, so that it is rare."""
KEPT_SHARE = 0.5
"""Share of the bound above which rows that the collector holds already are let go."""
OWN_SHARE = 0.1
"""Share of the bound that the box's own old words may take while there are measurements to be given up."""
LAST = (1 << 62) - 1
"""A place behind every other."""

_log = logging.getLogger(__name__)


class Page(NamedTuple):
    """Neighbours of one epoch and version that fit one batch, from place `place` and number `first` on."""

    place: int
    epoch: str
    first: int
    rows: list[bytes]


class Spool:
    """A durable, bounded queue of reports. Any thread may call it; `open` makes one.

    What writes raises SpoolWriteError. A file that turns out to be damaged is replaced on the way: what can
    be read is carried over, and the call that met the damage raises DamagedError (`put` tries again).
    """

    def __init__(self, path: Path, max_bytes: int, clock: Clock, random: Random) -> None:
        """Use `open`."""
        self._max_bytes, self._clock, self._random = max_bytes, clock, random
        self._epoch = intake.Epoch(0, "", "")
        self._waiting = self._unstored = 0
        self._journal = ""
        self._boots: list[Boot] = []
        self._boots_of: tuple[sqlite3.Connection, int] | None = None
        self._file = SpoolFile(path, clock, self._begin)

    @classmethod
    def open(cls, path: Path | str, *, max_bytes: int, clock: Clock, random: Random) -> "Spool":
        """The spool at `path`, made if need be, with a new epoch begun, which `random` names.

        `max_bytes` bounds the pages in use. On a disk without space the epoch begins when there is some, and
        until then every call raises DiskFullError.
        Raises SpoolOpenError (NewerSpoolError, SpoolInUseError), or SpoolWriteError if the disk refuses for
        another reason.
        """
        spool = cls(Path(path), max_bytes, clock, random)
        spool._file.open()
        with suppress(SpoolWriteError):  # told where it matters, by the next call
            spool._make_room(())
        return spool

    def close(self) -> None:
        """Mark the end as clean and let go of the file. Nothing may be called afterwards."""
        try:
            with self._file.write() as db:
                db.execute("UPDATE epochs SET ended = 'clean' WHERE n = ?", (self._epoch.n,))
            self._file.finish()
        except SpoolError as error:
            _log.warning("the spool's end could not be marked as clean: %s", error)
        self._file.shut()

    # --- in -------------------------------------------------------------------------------------------

    def put(self, drafts: Sequence[Draft]) -> None:
        """Store drafts under the next numbers; they are on the disk when it returns.

        Raises SpoolWriteError if none of them is; how many could not be stored is told in a report of the
        box's own as soon as the disk takes one.
        """
        if not drafts:
            return
        with self._file.alone():
            try:
                self._put(drafts)
            except SpoolWriteError:
                self._unstored += len(drafts)
                raise

    def _put(self, drafts: Sequence[Draft]) -> None:
        try:
            self._store(drafts)
        except DamagedError:
            self._store(drafts)
        except DiskFullError:
            self._drop_kept()
            self._store(drafts)

    def _store(self, drafts: Sequence[Draft]) -> None:
        self._make_room(drafts)
        unstored = self._unstored
        if unstored:
            drafts = [*drafts, self._confession(unstored)]
        with self._file.write() as db:
            epoch, came = intake.store(db, self._epoch, drafts, self._new_name)
        self._epoch = epoch
        self._waiting += came
        self._unstored -= unstored

    def _confession(self, unstored: int) -> Draft:
        return intake.box_draft(
            self._clock.stamp(),
            status=Status.FAILED,
            reason=f"the disk did not take {unstored} reports",
            readings={"unstored_reports": unstored},
        )

    def _make_room(self, drafts: Sequence[Draft]) -> None:
        """Keep to the bound; only what the box says of itself may pass it. Raises SpoolFullError.

        What the collector holds goes first, then the oldest measurements. What the box said of itself before
        those goes where it takes much of the bound, else last: many starts must not crowd out measurements.
        """
        if self.fill() > KEPT_SHARE:
            self._drop_kept()
        newest = self.newest()
        while self.fill() > 1:
            if (
                self._drop_kept()
                or (self._own_words() > OWN_SHARE and self._drop(intake.drop_own, newest))
                or self._drop(intake.drop_waiting)
                or self._drop(intake.drop_own, newest)
            ):
                continue
            if any(draft.probe != "box" for draft in drafts):
                raise SpoolFullError("the spool is full and nothing in it may go")
            return

    def _drop_kept(self) -> int:
        with self._file.write() as db:
            return intake.drop_kept(db, int(self._max_bytes * CHUNK))

    def _own_words(self) -> float:
        """The share of the bound that the box's words take which are older than any measurement."""
        with self._file.read() as db:
            return intake.own_bytes(db) / self._max_bytes

    def _drop(self, drop: Callable[..., tuple[int, int]], *until: int) -> int:
        """Give up some of the oldest; how many. Nothing behind a place `until`, if given."""
        with self._file.write() as db:
            size = int(self._max_bytes * CHUNK)
            gone, came = drop(db, self._epoch, self._clock.stamp(), size, *until)
        self._waiting += came - gone
        if gone:
            _log.warning("the spool is full: the oldest %d reports were given up", gone)
        return gone

    # --- out ------------------------------------------------------------------------------------------

    def offer(self, timeline: Timeline, first: int = 1, last: int = LAST) -> Page | None:
        """The oldest reports waiting from place `first` to `last`, as many neighbours as fit one batch.

        Those not yet sent are frozen by `timeline`, which must know the present. What is not what was
        written, by a fault of the disk, is given up on the way, and counted.
        """
        with self._file.alone():
            while True:
                with self._file.read() as db:
                    run = queue.next_run(db, first, last)
                if not run:
                    return None
                bad = [row for row in run if queue.broken(row)]
                if not bad:
                    break
                for row in bad:
                    epoch, seq = self._identity(row.place)
                    self.give_up(epoch, seq, "this box can't read it back from its disk", there=True)
            if not run[0].version:
                with self._file.write() as db:
                    run = queue.freeze_run(db, run, timeline)
            rows = [row.body for row in run]
            return Page(run[0].place, *self._identity(run[0].place), rows[: wire.fit(rows)])

    def _identity(self, place: int) -> tuple[str, int]:
        n, seq = schema.unplace(place)
        with self._file.read() as db:
            return schema.epoch_name(db, n), seq

    def newest(self) -> int:
        """The place of the report stored last; 0 if none waits."""
        with self._file.read() as db:
            return int(db.execute("SELECT coalesce(max(place), 0) FROM waiting").fetchone()[0])

    def held(self, epoch: str, ranges: Sequence[wire.Range], journal: str) -> int:
        """Take reports that were sent and that `journal` holds out of the queue; how many.

        They are kept for seven more days, as long as half of the bound is free and the disk is not full.
        """
        with self._file.alone():
            with self._file.write() as db:
                keep = self.fill() <= KEPT_SHARE and not self._file.short
                moved = queue.hold(db, epoch, ranges, journal, self._clock.stamp().wall_ns, keep=keep)
            self._waiting -= moved
            return moved

    def meet(self, journal: str) -> int:
        """Make rows that another journal held wait again, some hundreds a call; how many.

        0 means that there are none, and costs nothing while the journal stays the same.
        """
        with self._file.alone():
            if journal == self._journal:
                return 0
            with self._file.write() as db:
                moved, came = queue.take_back(db, journal)
            self._waiting += came
            if not moved:
                self._journal = journal
            return moved

    def refuse(self, epoch: str, refused: Sequence[tuple[int, int, str]]) -> int:
        """Move what the collector will never take, (first, last, reason) each, to the visible table."""
        with self._file.alone():
            with self._file.write() as db:
                gone = sum(len(queue.set_aside(db, epoch, [(a, b)], why)) for a, b, why in refused)
            self._waiting -= gone
        if gone:
            _log.warning("the collector refused %d reports of %s: %s", gone, epoch, refused[0][2])
        return gone

    def give_up(self, epoch: str, seq: int, reason: str, *, there: bool = False) -> None:
        """Move one report that this box can't deliver to the visible table, and tell the collector so.

        With `there`, it was seen just now: if it can't be found by its number, the file is damaged.
        """
        with self._file.alone():
            with self._file.write() as db:
                gone = queue.set_aside(db, epoch, [(seq, seq)], reason)
                if there and not gone:
                    raise DamagedError(
                        f"the spool's file is damaged: report {seq} of {epoch} is not in its place"
                    )
                came = intake.tell_losses(db, self._epoch, self._clock.stamp(), gone, reason)
            self._waiting += came - len(gone)
        _log.warning("report %d of %s was given up: %s", seq, epoch, reason)

    # --- clocks and budgets ---------------------------------------------------------------------------

    def boots(self) -> list[Boot]:
        """What each boot of the machine learned of the time, in their order."""
        with self._file.read() as db:
            # Asked in each round of the sender, of hundreds of boots, and seldom something has changed.
            state = (db, db.total_changes)
            if self._boots_of != state:
                self._boots, self._boots_of = queue.boots(db), state
            return self._boots

    def learn(self, word: Stamp) -> None:
        """Note the collector's time for a boot: see `agent.freeze.Boot.collector`."""
        with self._file.write() as db:
            queue.learn(db, word)

    def used_bytes(self, day: str) -> int:
        """Bytes charged to `day`, whatever the caller calls a day."""
        with self._file.read() as db:
            row = db.execute("SELECT bytes FROM ledger WHERE day = ?", (day,)).fetchone()
            return int(row[0]) if row else 0

    def add_used(self, day: str, amount: int) -> None:
        """Charge `amount` bytes to `day`, or give back a negative one; durable when it returns."""
        with self._file.write() as db:
            queue.charge(db, day, amount)

    # --- figures --------------------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        """The name of the epoch that is being written; "" before it could begin."""
        return self._epoch.name

    def waiting(self) -> int:
        """Reports that no collector is known to hold yet."""
        return self._waiting

    def fill(self) -> float:
        """The share of the bound that is in use; rows kept after they were held take half of it at most."""
        with self._file.read() as db:
            return schema.live_bytes(db) / self._max_bytes

    def refused(self) -> list[look.Refused]:
        """The reports that were refused or given up last, newest first."""
        with self._file.read() as db:
            return look.refused(db)

    def losses(self) -> list[Loss]:
        """The ranges that were given up last, newest first."""
        with self._file.read() as db:
            return look.losses(db)

    def summary(self) -> look.Summary:
        """What waits, what was refused, what was lost: see `agent.spool.look`."""
        with self._file.read() as db:
            return look.summary(db)

    def _begin(self, db: sqlite3.Connection, salvage: Salvage | None) -> None:
        """Draw an epoch and store its first report, which names the one before."""
        stamp = self._clock.stamp()
        self._epoch = intake.open_epoch(db, self._new_name(), stamp, "aside" if salvage else None)
        if salvage:
            intake.tell_salvage(db, self._epoch, stamp, salvage)
        intake.prune(db)
        self._waiting = schema.count(db, "waiting")

    def _new_name(self) -> str:
        return f"{self._random.getrandbits(64):016x}"
