"""The SQL by which one offer enters the journal, inside the writer's transaction."""

import sqlite3
from collections.abc import Sequence

from collector.store import bounds, clones, epochs, figures, gateways, quarantine
from collector.store.clones import Place
from collector.store.offers import Offer, Outcome, Refusal, Row
from collector.store.ranges import ranges_of
from firstbell.report import Report

_AHEAD_NS = 60 * 10**9
CLASH = "another report is already held under this number"


def take_all(db: sqlite3.Connection, group: Sequence[Offer]) -> list[tuple[Outcome, int]]:
    """Write all of a group down, and count; of each offer what became of it, and its new reports.

    Raises sqlite3.Error; then nothing of the transaction holds.
    """
    touched: set[int] = set()
    taken = [take(db, offer, touched) for offer in group]
    if touched:
        figures.count(db, touched, arrivals(db))
    return taken


def take(db: sqlite3.Connection, offer: Offer, touched: set[int]) -> tuple[Outcome, int]:
    """Write all of an offer down; what became of it, and how many of its reports are new.

    The epochs of which something changed are added to `touched`.

    Same number and same digest: held, and no second row. Same number and another digest: refused, for
    the first one stands. Raises sqlite3.Error; then nothing of the transaction holds.
    """
    if not offer.epoch:
        for refusal in offer.refusals:
            quarantine.put(db, offer.agent, "", refusal, offer.received_ns)
        gateways.note(db, offer.tries)
        return Outcome(), 0
    if not bounds.may_begin(db, offer):
        return _turned_away(db, offer), 0
    place = epochs.find(db, offer.agent, offer.epoch, offer.received_ns)
    touched.add(place.epoch_id)
    fresh, held, clashes = _sort(db, place, offer.rows)
    fresh, beyond = bounds.sift(db, place, offer, fresh)
    held = sorted(set(held) - {refusal.first for refusal in beyond})
    _insert(db, place, fresh, offer.received_ns)
    touched |= _note(db, place, fresh, offer.received_ns)
    for refusal in (*offer.refusals, *beyond):
        numbers = refusal.first, refusal.last
        epochs.absent(db, place, "refused", numbers, refusal.reason, offer.received_ns)
    refused = sorted((*offer.refusals, *beyond, *clashes))
    for refusal in refused:
        quarantine.put(db, offer.agent, offer.epoch, refusal, offer.received_ns)
    return Outcome(ranges_of(held), _joined(refused)), len(fresh)


def _turned_away(db: sqlite3.Connection, offer: Offer) -> Outcome:
    """Refuse all of an offer; its start stays unheard of."""
    refused = [Refusal(row.seq, row.seq, bounds.STARTS, row.raw) for row in offer.rows]
    refused = sorted((*refused, *offer.refusals))
    for refusal in refused:
        quarantine.put(db, offer.agent, offer.epoch, refusal, offer.received_ns)
    return Outcome(refused=_joined(refused))


def _sort(
    db: sqlite3.Connection, place: Place, rows: Sequence[Row]
) -> tuple[list[Row], list[int], list[Refusal]]:
    """Which rows are new, which numbers will be held, and which rows meet another under their number."""
    if not rows:
        return [], [], []
    known: dict[int, bytes] = dict(
        db.execute(
            "SELECT seq, digest FROM reports WHERE epoch_id = ? AND seq BETWEEN ? AND ?",
            (place.epoch_id, rows[0].seq, rows[-1].seq),
        )
    )
    fresh = [row for row in rows if row.seq not in known]
    held = [row.seq for row in rows if known.get(row.seq, row.digest) == row.digest]
    clashes = [
        Refusal(row.seq, row.seq, CLASH, row.raw)
        for row in rows
        if known.get(row.seq, row.digest) != row.digest
    ]
    return fresh, held, clashes


def _insert(db: sqlite3.Connection, place: Place, rows: Sequence[Row], now_ns: int) -> None:
    if not rows:
        return
    arrival = arrivals(db)
    latest: dict[tuple[str, str], tuple[int, int]] = {}
    values = []
    for number, row in enumerate(rows, arrival + 1):
        report: Report = row.report
        key = report.probe, report.target
        # A clock that runs ahead must not make its report the newest until time has caught up with it.
        at_ns = min(report.at_ns, now_ns + _AHEAD_NS)
        latest[key] = max(latest.get(key, (-1, 0)), (at_ns, number))
        values.append(
            (
                number,
                place.epoch_id,
                row.seq,
                place.agent_id,
                now_ns,
                report.at_ns,
                report.probe,
                row.digest,
                row.raw,
            )
        )
    db.executemany("INSERT INTO reports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    db.executemany(
        "INSERT INTO latest VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET at_ns = excluded.at_ns, arrival = excluded.arrival WHERE excluded.at_ns >= latest.at_ns",
        [(place.agent_id, *key, *newest) for key, newest in latest.items()],
    )


def _note(db: sqlite3.Connection, place: Place, rows: Sequence[Row], now_ns: int) -> set[int]:
    """Take down what the new rows say beside their readings: beginnings, losses, their number.

    Returns the epochs that they speak of.
    """
    touched = set()
    epochs.count(db, place, epochs.tally(rows), now_ns)
    for row in rows:
        if row.report.opening:
            touched.add(epochs.open_epoch(db, place, row.report.opening, now_ns))
        touched |= {epochs.lose(db, place, loss, now_ns) for loss in row.report.losses}
    if rows:
        clones.look(db, place, now_ns)
    return touched


def arrivals(db: sqlite3.Connection) -> int:
    """The arrival number of the newest report that was ever taken; 0 before the first."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'reports'").fetchone()
    return int(row[0]) if row else 0


def _joined(refused: Sequence[Refusal]) -> list[tuple[int, int, str]]:
    """Neighbours with one reason told as one range."""
    joined: list[tuple[int, int, str]] = []
    for refusal in refused:
        if joined and joined[-1][2] == refusal.reason and joined[-1][1] + 1 == refusal.first:
            joined[-1] = joined[-1][0], refusal.last, refusal.reason
        else:
            joined.append((refusal.first, refusal.last, refusal.reason))
    return joined
