"""How much that was never heard of one box may bring up in a day: starts and targets.

Reports are bounded by what a box can send; these grow tables that every answer goes through. Both bounds
are far beyond any honest box (one that starts anew each minute for a week makes 10,080 starts, most of them
in backlogs of several days). What goes beyond is refused with its reason, like any other report that can't be
kept.
"""

import sqlite3
from collections.abc import Callable, Hashable, Iterable, Sequence

from collector.store.clones import Place, place_of
from collector.store.offers import Offer, Refusal, Row

MOST_STARTS = 10_080
MOST_TARGETS = 500
STARTS = f"this box named more than {MOST_STARTS} new starts within a day"
TARGETS = f"this box named more than {MOST_TARGETS} targets within a day"

_DAY_NS = 86_400 * 10**9
_STARTS_OF = "SELECT count(*) FROM epochs JOIN agents USING (agent_id) WHERE name = ? AND epochs.first_ns > ?"
_TARGETS_OF = "SELECT count(*) FROM latest WHERE agent_id = ? AND at_ns > ?"
_TARGET = "SELECT 1 FROM latest WHERE agent_id = ? AND probe = ? AND target = ?"


def may_begin(db: sqlite3.Connection, offer: Offer) -> bool:
    """Whether the start that an offer is of is known, or may be one more."""
    return place_of(db, offer.agent, offer.epoch) is not None or _starts(db, offer) < MOST_STARTS


def sift(
    db: sqlite3.Connection, place: Place, offer: Offer, rows: Sequence[Row]
) -> tuple[list[Row], list[Refusal]]:
    """The rows that bring up no more than a day's share, and refusals of the others."""
    starts = _Share(
        lambda epoch: place_of(db, place.agent, str(epoch)) is not None,
        lambda: MOST_STARTS - _starts(db, offer),
    )
    targets = _Share(
        lambda key: db.execute(_TARGET, (place.agent_id, *key)).fetchone() is not None,  # type: ignore[misc]
        lambda: MOST_TARGETS - _targets(db, place, offer),
    )
    taken, refused = [], []
    for row in rows:
        reason = _reason(row, starts, targets)
        if reason:
            refused.append(Refusal(row.seq, row.seq, reason, row.raw))
        else:
            taken.append(row)
    return taken, refused


def _reason(row: Row, starts: "_Share", targets: "_Share") -> str:
    report = row.report
    named = {loss.epoch for loss in report.losses}
    if report.opening and report.opening.predecessor:
        named.add(report.opening.predecessor)
    if not starts.covers(named):
        return STARTS
    return "" if targets.covers([(report.probe, report.target)]) else TARGETS


class _Share:
    """What is left of a day's share. Asked for only once something new comes up, which is rare."""

    def __init__(self, known: Callable[[Hashable], bool], left: Callable[[], int]) -> None:
        self._known, self._count = known, left
        self._left: int | None = None
        self._seen: set[Hashable] = set()

    def covers(self, keys: Iterable[Hashable]) -> bool:
        """Whether all of these are known, or the share covers those that aren't, and takes them."""
        unseen = {key for key in keys if key not in self._seen}
        new = sum(not self._known(key) for key in unseen)
        if new:
            self._left = self._count() if self._left is None else self._left
            if new > self._left:
                return False
            self._left -= new
        self._seen |= unseen
        return True


def _starts(db: sqlite3.Connection, offer: Offer) -> int:
    row = db.execute(_STARTS_OF, (offer.agent, offer.received_ns - _DAY_NS)).fetchone()
    return int(row[0])


def _targets(db: sqlite3.Connection, place: Place, offer: Offer) -> int:
    row = db.execute(_TARGETS_OF, (place.agent_id, offer.received_ns - _DAY_NS)).fetchone()
    return int(row[0])
