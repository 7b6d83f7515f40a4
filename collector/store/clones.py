"""Two boxes with one name, told by what their epochs say of each other.

A box draws a new epoch at every start and names the one before. So two epochs that name the same
predecessor, an epoch that goes on after its successor said where it ended, and two beginnings that
live at the same time are two boxes: a card was copied. All are kept, nothing of them is evidence until
somebody decides, and those who were decided on together are not brought up again after that. Of many
boxes with one name each epoch is told of once, beside one that it can't live with: what is written grows
with the epochs, not with their pairs.
"""

import logging
import sqlite3
from typing import NamedTuple

log = logging.getLogger(__name__)

_TOGETHER_NS = 60 * 10**9
"""How long two beginnings must live side by side; less may be two clocks that differ."""


class Place(NamedTuple):
    """An epoch in the journal."""

    agent: str
    agent_id: int
    epoch: str
    epoch_id: int


def place_of(db: sqlite3.Connection, agent: str, epoch: str) -> Place | None:
    """Where an epoch stands in the journal; None if it was never heard of."""
    row = db.execute(
        "SELECT agents.agent_id, epoch_id FROM agents JOIN epochs USING (agent_id) "
        "WHERE name = ? AND epoch = ?",
        (agent, epoch),
    ).fetchone()
    return Place(agent, row[0], epoch, row[1]) if row else None


def look(db: sqlite3.Connection, place: Place, now_ns: int) -> None:
    """See whether the epoch, as it stands now, can't be of the same box as another one."""
    predecessor, ended, highest, told_last, first_at_ns, last_at_ns = db.execute(
        "SELECT predecessor, ended, highest, told_last, first_at_ns, last_at_ns FROM epochs "
        "WHERE epoch_id = ?",
        (place.epoch_id,),
    ).fetchone()
    if predecessor is None and ended is not None and first_at_ns is not None:
        why = "two boxes with one name: both began anew and measured at the same time"
        where = "predecessor IS NULL AND ended IS NOT NULL AND first_at_ns < ? AND last_at_ns > ?"
        bounds = (last_at_ns - _TOGETHER_NS, first_at_ns + _TOGETHER_NS)
        _each(db, place, where, bounds, why, now_ns)
    if told_last is not None and highest > told_last:
        why = f"two boxes with one name: the other says that this start ended at report {told_last}"
        _each(db, place, "predecessor = ?", (place.epoch,), why, now_ns)


def look_for_twins(db: sqlite3.Connection, place: Place, predecessor: str, now_ns: int) -> None:
    """See whether another epoch names the same predecessor as the one that was just opened."""
    why = f"two boxes with one name: both say that they follow {predecessor}"
    _each(db, place, "predecessor = ?", (predecessor,), why, now_ns)


def _each(
    db: sqlite3.Connection, place: Place, where: str, values: tuple[object, ...], why: str, now_ns: int
) -> None:
    """Suspend the box for its other epochs that meet the condition."""
    others = db.execute(
        f"SELECT epoch FROM epochs WHERE agent_id = ? AND epoch_id <> ? AND {where}",  # noqa: S608 - our own words
        (place.agent_id, place.epoch_id, *values),
    ).fetchall()
    if others:
        known = _known(db, place)
        for (other,) in others:
            _suspend(db, place, other, why, now_ns, known)


def _known(db: sqlite3.Connection, place: Place) -> dict[str, set[int | None]]:
    """The epochs that are told of, each with the times of the decisions on it (None: still open)."""
    known: dict[str, set[int | None]] = {}
    for epoch, other, decided_ns in db.execute(
        "SELECT epoch, other, decided_ns FROM suspensions WHERE agent_id = ?", (place.agent_id,)
    ):
        known.setdefault(epoch, set()).add(decided_ns)
        known.setdefault(other, set()).add(decided_ns)
    return known


def _suspend(
    db: sqlite3.Connection, place: Place, other: str, why: str, now_ns: int, known: dict[str, set[int | None]]
) -> None:
    """Note two epochs, unless one decision was or will be on both: thirty cards are not 435 pairs."""
    mine, others = (known.setdefault(epoch, set()) for epoch in (place.epoch, other))
    if mine & others:
        return
    mine.add(None)
    others.add(None)
    pair = sorted((place.epoch, other))
    db.execute(
        "INSERT INTO suspensions (agent_id, epoch, other, why, since_ns, since_arrival) "
        "SELECT ?, ?, ?, ?, ?, coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'reports'",
        (place.agent_id, *pair, why, now_ns),
    )
    log.warning("%s is suspended, epochs %s and %s: %s", place.agent, *pair, why)
