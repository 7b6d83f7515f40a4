"""The one thread that writes reports: many offers, one commit, then their answers.

A group is what arrived while the group before it was on its way to the disk, up to 500 reports: an idle
writer commits at once, a busy one fills its groups by itself, and nobody waits for company.
"""

import errno
import logging
import sqlite3
import threading
from bisect import bisect_left
from collections.abc import Sequence

from collector.clock import Clock
from collector.store import ledger
from collector.store.connections import transaction
from collector.store.derived.spare import Spare
from collector.store.inbox import Inbox
from collector.store.journal import Journal
from collector.store.offers import Offer, Outcome, Refusal

log = logging.getLogger(__name__)

GROUP_REPORTS = 500
WAITING_REPORTS = 5_000
WAITING_BYTES = 32 << 20
COMMIT_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
HANGS_S = 60.0
"""A piece of work of the writer that takes longer than this hangs: a disk that neither takes nor refuses."""
_RETRY_S = 5.0
_PROGRAM_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.NotSupportedError,
)


class Figures:
    """What the writer has done since it started; written by its thread alone, read by any."""

    def __init__(self) -> None:
        self.held = 0
        """New reports that are on the disk."""
        self.repeated = 0
        """Reports that were held already."""
        self.refused = 0
        self.later = 0
        """Reports that the disk would not take; their boxes keep them."""
        self.commits = 0
        self.commit_seconds = 0.0
        self.commit_counts = [0] * (len(COMMIT_BOUNDS_S) + 1)
        """Commits by duration: up to each of COMMIT_BOUNDS_S, and longer."""
        self.last_commit_at: float | None = None
        """When the last commit ended, on the monotonic clock."""

    def committed(self, seconds: float, now: float) -> None:
        """Count a commit that took so long and ended now."""
        self.commits += 1
        self.commit_seconds += seconds
        self.commit_counts[bisect_left(COMMIT_BOUNDS_S, seconds)] += 1
        self.last_commit_at = now


class Writer:
    """Takes offers, keeps them durably in groups, and settles each after its commit.

    `trouble` says in words why the journal takes nothing, and is empty while it does; `disk_full` whether
    that is for want of space.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        waiting_reports: int = WAITING_REPORTS,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self.figures = Figures()
        self.trouble = ""
        self.disk_full = False
        self._journal = journal
        self._clock = clock
        self._inbox = Inbox(waiting_reports, waiting_bytes)
        self._db: sqlite3.Connection | None = None
        self._began_at: float | None = None
        self._spare = Spare(clock)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def depth(self) -> int:
        """Reports that wait to be written."""
        return self._inbox.depth

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def complaint(self) -> str:
        """Why nothing is written just now, in words; "" where all is well."""
        if not self.alive:
            return "the writer does not run"
        seconds = self.busy_s()
        hangs = f"the collector's journal has not ended a write for {seconds:.0f} s: does its disk hang?"
        return self.trouble or (hangs if seconds > HANGS_S else "")

    def busy_s(self) -> float:
        """How long it has been at the piece of work that it is at, in seconds; 0 while it waits for some."""
        began_at = self._began_at
        return 0.0 if began_at is None else self._clock.monotonic() - began_at

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """Take nothing more, write what waits, settle it, and end; or give up waiting for a hanging disk."""
        self._inbox.close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def put(self, offer: Offer) -> bool:
        """Hand over an offer, waiting for room if need be; False if the writer is stopping instead."""
        return self._inbox.put(offer)

    def _run(self) -> None:
        self._try_the_disk()
        while True:
            group = self._inbox.gather(GROUP_REPORTS, _RETRY_S if self.trouble else self._spare.wait_s())
            if group is None:
                break
            self._began_at = self._clock.monotonic()
            if group or self.trouble:
                self._keep(group)
            if not self.trouble:
                self._derive(idle=not group)
            self._began_at = None
        self._disconnect()

    def _try_the_disk(self) -> None:
        """Learn at the start, not from the first report, that the journal can't be written."""
        try:
            self._db = self._journal.writer()
        except (sqlite3.Error, OSError) as error:
            self._note_trouble(error)

    def _derive(self, *, idle: bool) -> None:
        """Take a step of the derivation if there is time for it. Whatever becomes of it, intake goes on."""
        try:
            if self._db is None:
                self._db = self._journal.writer()
            self._spare.use(self._db, idle=idle)
        except Exception:
            self._disconnect()
            log.exception("hours and days could not be derived; answers are made from reports meanwhile")
            self._spare.pause()

    def _keep(self, group: Sequence[Offer]) -> None:
        """Commit a group and settle it. Nothing escapes: each of its offers hears something."""
        try:
            outcomes = self._commit(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread lives on and every offer is settled
            self._disconnect()
            if group and _is_the_programs(error):
                self._sift(group, error)
                return
            self._note_trouble(error)
            outcomes = [Outcome(later=self.trouble)] * len(group)
            self.figures.later += sum(len(offer.rows) + len(offer.refusals) for offer in group)
        for offer, outcome in zip(group, outcomes, strict=True):
            _settle(offer, outcome)

    def _commit(self, group: Sequence[Offer]) -> list[Outcome]:
        started = self._clock.monotonic()
        if self._db is None:
            self._db = self._journal.writer()
        with transaction(self._db):
            taken = ledger.take_all(self._db, group)
            if not group:  # nothing but a question whether the disk takes anything again
                self._db.execute("REPLACE INTO meta VALUES ('tried_ns', ?)", (str(self._clock.now_ns()),))
        ended = self._clock.monotonic()
        self.figures.committed(ended - started, ended)
        self._count(group, taken)
        self._spare.taken()
        if self.trouble:
            log.warning("the journal takes reports again")
            self.trouble = ""
            self.disk_full = False
        return [outcome for outcome, _ in taken]

    def _count(self, group: Sequence[Offer], taken: Sequence[tuple[Outcome, int]]) -> None:
        for offer, (outcome, fresh) in zip(group, taken, strict=True):
            held = sum(last - first + 1 for first, last in outcome.held)
            self.figures.held += fresh
            self.figures.repeated += held - fresh
            self.figures.refused += sum(last - first + 1 for first, last, _ in outcome.refused)
            for first, last, reason in outcome.refused[:1]:
                log.warning("%s %s %d to %d: set aside: %s", offer.agent, offer.epoch, first, last, reason)
            if offer.refusals and not offer.epoch:
                log.warning(
                    "a message on the topic of %s: set aside: %s", offer.agent, offer.refusals[0].reason
                )

    def _note_trouble(self, error: Exception) -> None:
        trouble = f"the collector's journal takes nothing: {error}"
        if trouble != self.trouble:
            log.error("%s", trouble)
        self.trouble = trouble
        self.disk_full = _is_want_of_space(error)

    def _sift(self, group: Sequence[Offer], error: Exception) -> None:
        """Something in the group is poison that validation let pass: find it without losing the others."""
        if len(group) > 1:
            for offer in group:
                self._keep([offer])
            return
        (offer,) = group
        log.error("%s %s can't be written", offer.agent, offer.epoch, exc_info=error)
        raws = [(row.seq, row.seq, row.raw) for row in offer.rows]
        reason = f"the collector can't write it: {type(error).__name__}"
        if len(raws) + len(offer.refusals) > 1:
            _settle(offer, Outcome(halve=reason))
        elif raws:
            first, last, raw = raws[0]
            self._keep([offer._replace(rows=(), refusals=(Refusal(first, last, reason, raw),))])
        elif any(refusal.raw for refusal in offer.refusals):
            aside = tuple(refusal._replace(reason=reason, raw=b"") for refusal in offer.refusals)
            self._keep([offer._replace(refusals=aside)])  # its bytes are lost here, but not its number
        else:
            # Not even its number can be written: the box is told all the same, or it would ask for ever.
            self.figures.refused += len(offer.refusals)
            _settle(offer, Outcome(refused=[(each.first, each.last, reason) for each in offer.refusals]))

    def _disconnect(self) -> None:
        # After any failure a new connection: the file may be another one by now, or mounted anew.
        if self._db is not None:
            try:
                self._db.close()
            except sqlite3.Error as error:
                log.warning("closing the journal: %s", error)
            self._db = None


def _is_the_programs(error: Exception) -> bool:
    """Whether the offer itself is at fault, and not the disk."""
    return isinstance(error, _PROGRAM_ERRORS) or not isinstance(error, sqlite3.Error | OSError | MemoryError)


def _is_want_of_space(error: Exception) -> bool:
    exact = getattr(error, "sqlite_errorcode", 0)
    code = exact & 0xFF  # the low byte is the kind, the rest says where
    if exact == sqlite3.SQLITE_IOERR_SHMSIZE:
        return True
    return code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC


def _settle(offer: Offer, outcome: Outcome) -> None:
    try:
        offer.settle(outcome)
    except Exception:
        log.exception("an answer to %s was lost on its way; the box will ask again", offer.agent)
