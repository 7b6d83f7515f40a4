"""What is known of each start of a box: how much of it is held, what is missing and who owns up to it."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from collector.store import clones
from collector.store.clones import Place
from collector.store.offers import Row
from firstbell.report import ClockQuality, Loss, Opening
from firstbell.wire import Range


class Tally(NamedTuple):
    """What the rows of one offer add to their epoch."""

    held: int
    highest: int
    first_at_ns: int | None
    last_at_ns: int | None


def find(db: sqlite3.Connection, agent: str, epoch: str, now_ns: int) -> Place:
    """The epoch's place in the journal, made if it is new."""
    place = clones.place_of(db, agent, epoch)
    if place:
        return place
    db.execute("INSERT OR IGNORE INTO agents (name, first_ns) VALUES (?, ?)", (agent, now_ns))
    db.execute(
        "INSERT INTO epochs (agent_id, epoch, first_ns, last_ns) "
        "SELECT agent_id, ?, ?, ? FROM agents WHERE name = ?",
        (epoch, now_ns, now_ns, agent),
    )
    place = clones.place_of(db, agent, epoch)
    assert place is not None
    return place


def tally(rows: Sequence[Row]) -> Tally:
    """Count rows. Only clocks that somebody vouches for say when an epoch lived."""
    known = [row.report.at_ns for row in rows if row.report.clock is not ClockQuality.BOUNDED]
    return Tally(
        held=len(rows),
        highest=max((row.seq for row in rows), default=0),
        first_at_ns=min(known, default=None),
        last_at_ns=max(known, default=None),
    )


def count(db: sqlite3.Connection, place: Place, sum_: Tally, now_ns: int) -> None:
    """Add what was taken to the epoch's figures, in the transaction that takes it."""
    db.execute(
        "UPDATE epochs SET held = held + ?, highest = max(highest, ?), last_ns = max(last_ns, ?), "
        "first_at_ns = min(coalesce(first_at_ns, ?), coalesce(?, first_at_ns)), "
        "last_at_ns = max(coalesce(last_at_ns, ?), coalesce(?, last_at_ns)) WHERE epoch_id = ?",
        (
            sum_.held,
            sum_.highest,
            now_ns,
            sum_.first_at_ns,
            sum_.first_at_ns,
            sum_.last_at_ns,
            sum_.last_at_ns,
            place.epoch_id,
        ),
    )


def open_epoch(db: sqlite3.Connection, place: Place, opening: Opening, now_ns: int) -> int:
    """Note what an epoch's first report says of the one before; the first word stands.

    Returns the epoch of which something is known now.
    """
    predecessor = opening.predecessor if opening.predecessor != place.epoch else None
    opened = db.execute(
        "UPDATE epochs SET predecessor = ?, ended = ? WHERE epoch_id = ? AND ended IS NULL",
        (predecessor, opening.ended, place.epoch_id),
    )
    if not opened.rowcount or predecessor is None:
        return place.epoch_id
    before = find(db, place.agent, predecessor, now_ns)
    if opening.ended != "aside":  # a box whose spool was set aside can't know where it stopped
        db.execute(
            "UPDATE epochs SET told_last = max(coalesce(told_last, 0), ?) WHERE epoch_id = ?",
            (opening.last_seq, before.epoch_id),
        )
        clones.look(db, before, now_ns)
    clones.look_for_twins(db, place, predecessor, now_ns)
    return before.epoch_id


def lose(db: sqlite3.Connection, place: Place, loss: Loss, now_ns: int) -> int:
    """Note what a box says that it had to give up, in whichever of its epochs, which it returns."""
    other = place if loss.epoch == place.epoch else find(db, place.agent, loss.epoch, now_ns)
    absent(db, other, "lost", (loss.first, loss.last), loss.reason, now_ns)
    return other.epoch_id


def absent(db: sqlite3.Connection, place: Place, kind: str, numbers: Range, reason: str, now_ns: int) -> None:
    """Note numbers that nobody need wait for; told again, or told next to each other, they take one row."""
    first, last = numbers
    before = db.execute(
        "SELECT first, last, reason FROM absences WHERE epoch_id = ? AND kind = ? AND first <= ? "
        "ORDER BY first DESC LIMIT 1",
        (place.epoch_id, kind, first),
    ).fetchone()
    if before and before[1] >= last:
        return
    if before and before[1] >= first - 1:
        first = before[0] if before[2] == reason else before[1] + 1
    db.execute(
        "INSERT INTO absences VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
        (place.epoch_id, kind, first, last, reason, now_ns),
    )
