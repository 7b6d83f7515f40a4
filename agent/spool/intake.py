"""What goes into the spool, and what leaves it when space is short; each within its caller's transaction."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

import firstbell
from agent.freeze import STEP_NS
from agent.spool.schema import (
    MOST_SEQ,
    DamagedError,
    Salvage,
    add,
    cap,
    checksum,
    epoch_name,
    number,
    place,
    seal,
    unplace,
    unseal,
)
from firstbell.report import REASON_CHARS, Draft, Loss, Opening, Stamp, Status

MOST_LOSSES = 1000
"""Rows of the visible table that are kept; beyond, the oldest go, and the count in `meta` stays."""
MOST_EPOCHS = 1000
LOSSES_A_REPORT = 100
MOST_TOLD = 200
"""Ranges that are told again when the report that told them is given up itself; the oldest go first."""


class Epoch(NamedTuple):
    """The epoch that is being written. `offset_ns` is wall minus boottime at NTP's last word in it."""

    n: int
    name: str
    boot_id: str
    offset_ns: int | None = None


def open_epoch(db: sqlite3.Connection, name: str, stamp: Stamp, ended: str | None = None) -> Epoch:
    """Begin an epoch with its first report, which names the one before.

    `ended` says how that one ended; without it, its own clean mark does, or the boot does.
    """
    before = db.execute(
        "SELECT epochs.n, last_seq, ended, boot_id FROM epochs LEFT JOIN boots ON boots.n = boot"
        " ORDER BY epochs.n DESC LIMIT 1"
    ).fetchone()
    n, opening = 1, Opening(predecessor=None, ended=ended or "first")
    if before:
        n = before[0] + 1
        _, last_seq, mark, boot_id = before
        if not isinstance(last_seq, int) or not 0 <= last_seq <= MOST_SEQ:
            raise DamagedError(f"the spool's file is damaged: the start {before[0]} ends at {last_seq!r}")
        # No other mark stands there before this moment; anything else is a flipped bit.
        clean = "clean" if mark == "clean" else ""
        ended = ended or clean or ("killed" if boot_id == stamp.boot_id else "power")
        opening = Opening(predecessor=epoch_name(db, before[0]), last_seq=last_seq, ended=ended)
        db.execute("UPDATE epochs SET ended = ? WHERE n = ?", (ended, before[0]))
    db.execute("INSERT OR IGNORE INTO boots (boot_id) VALUES (?)", (stamp.boot_id,))
    db.execute(
        "INSERT INTO epochs (n, epoch, crc, boot, last_seq, last_boottime_ns) SELECT ?, ?, ?, n, 0, 0"
        " FROM boots WHERE boot_id = ?",
        (n, name, checksum(n, 0, name.encode()), stamp.boot_id),
    )
    epoch = Epoch(n, name, stamp.boot_id)
    first = box_draft(
        stamp, status=Status.OK, readings={"agent_version": firstbell.__version__}, opening=opening
    )
    return insert(db, epoch, [first])


def parted(epoch: Epoch, stamp: Stamp) -> str | None:
    """Why a report of `stamp` can't stand in `epoch`: its clock stepped back, or the boot is another."""
    if stamp.boot_id != epoch.boot_id:
        return "power"
    if not stamp.synchronised or epoch.offset_ns is None:
        return None
    return "clock" if stamp.wall_ns - stamp.boottime_ns < epoch.offset_ns - STEP_NS else None


def store(
    db: sqlite3.Connection, epoch: Epoch, drafts: Sequence[Draft], new_name: Callable[[], str]
) -> tuple[Epoch, int]:
    """Store drafts in their order, under a new epoch from where one must begin.

    Returns the epoch that is written now and how many reports came in, openings among them.
    """
    came = len(drafts)
    for draft in drafts:
        ended = parted(epoch, draft.stamp)
        if ended:
            epoch = open_epoch(db, new_name(), draft.stamp, ended)
            came += 1
        epoch = insert(db, epoch, [draft])
    return epoch, came


def insert(db: sqlite3.Connection, epoch: Epoch, drafts: Sequence[Draft]) -> Epoch:
    """Store drafts under the epoch's next numbers; the epoch with what NTP said in them."""
    last = max(draft.stamp.boottime_ns for draft in drafts)
    row = db.execute(
        "UPDATE epochs SET last_seq = last_seq + ?, last_boottime_ns = max(last_boottime_ns, ?) WHERE n = ?"
        " RETURNING last_seq",
        (len(drafts), last, epoch.n),
    ).fetchone()
    if row is None:
        raise DamagedError(f"the spool's file is damaged: the start {epoch.n}, which is this one, is gone")
    first = place(epoch.n, row[0] - len(drafts) + 1)
    rows = [(first + i, draft.probe == "box", msgspec.json.encode(draft)) for i, draft in enumerate(drafts)]
    db.executemany(
        "INSERT INTO waiting (place, box, version, crc, body) VALUES (?, ?, 0, ?, ?)",
        [(place_, box, checksum(place_, 0, body), body) for place_, box, body in rows],
    )
    for draft in drafts:
        epoch = _note_ntp(db, epoch, draft.stamp)
    return epoch


def _note_ntp(db: sqlite3.Connection, epoch: Epoch, stamp: Stamp) -> Epoch:
    """Keep the first look that NTP vouched for in this boot, and again the first after each step."""
    if not stamp.synchronised:
        return epoch
    offset_ns = stamp.wall_ns - stamp.boottime_ns
    if epoch.offset_ns is None or abs(offset_ns - epoch.offset_ns) > STEP_NS:
        (known,) = db.execute("SELECT ntp FROM boots WHERE boot_id = ?", (epoch.boot_id,)).fetchone()
        old = unseal(known)
        stepped = old and abs(old.wall_ns - old.boottime_ns - offset_ns) > STEP_NS
        if old is None or (stepped and stamp.boottime_ns >= old.boottime_ns):
            db.execute("UPDATE boots SET ntp = ? WHERE boot_id = ?", (seal(stamp), epoch.boot_id))
    return epoch._replace(offset_ns=offset_ns)


def box_draft(
    stamp: Stamp,
    *,
    status: Status,
    reason: str = "",
    readings: dict[str, int | str] | None = None,
    opening: Opening | None = None,
    losses: tuple[Loss, ...] = (),
) -> Draft:
    """What the box says of itself."""
    return Draft(
        probe="box",
        status=status,
        reason=reason[:REASON_CHARS],
        readings=dict(readings or {}),
        stamp=stamp,
        duration_s=0.0,
        opening=opening,
        losses=losses,
    )


# --- making room --------------------------------------------------------------------------------------


def drop_kept(db: sqlite3.Connection, size: int) -> int:
    """Delete the oldest rows that were kept after they were held, `size` bytes of them; how many went."""
    last = _last_of(db.execute("SELECT place, length(body) FROM kept ORDER BY place"), size)
    return db.execute("DELETE FROM kept WHERE place <= ?", (last,)).rowcount


def drop_waiting(db: sqlite3.Connection, epoch: Epoch, stamp: Stamp, size: int) -> tuple[int, int]:
    """Give up the oldest waiting reports, `size` bytes of them, and say so in reports of the box's own.

    What the box says of itself is not given up here. Returns how many went and how many came.
    """
    last = _last_of(db.execute("SELECT place, length(body) FROM waiting WHERE box = 0 ORDER BY place"), size)
    gone = db.execute("DELETE FROM waiting WHERE box = 0 AND place <= ? RETURNING place", (last,)).fetchall()
    told = tell_losses(db, epoch, stamp, sorted(row[0] for row in gone), "the spool was full")
    return len(gone), told


_OWN = "FROM waiting WHERE box = 1 AND place <> ? AND place <= ?"


def own_bytes(db: sqlite3.Connection) -> int:
    """Bytes of what the box said of itself before the oldest measurement that waits."""
    oldest = "SELECT place FROM waiting WHERE box = 0 ORDER BY place LIMIT 1"
    query = f"SELECT coalesce(sum(length(body)), 0) FROM waiting WHERE place < coalesce(({oldest}), ?)"  # noqa: S608 - ours
    return int(db.execute(query, (1 << 62,)).fetchone()[0])


def drop_own(db: sqlite3.Connection, epoch: Epoch, stamp: Stamp, size: int, until: int) -> tuple[int, int]:
    """Give up the oldest of what the box says of itself, `size` bytes up to place `until`, and say so.

    Losses that were told are told again. How this start began is not given up: it names the one before.
    Returns how many went and how many came.
    """
    own = (place(epoch.n, 1), until)
    last = _last_of(db.execute(f"SELECT place, length(body) {_OWN} ORDER BY place", own), size)
    # All that was told of losses, too, to be told once more in fewer words: it would fill the spool itself.
    which = f"{_OWN} AND (place <= ? OR instr(body, '\"losses\"'))"
    gone = sorted(db.execute(f"DELETE {which} RETURNING place, body", (*own, last)).fetchall())
    before = [loss for _, body in gone for loss in _told_in(body)]
    told = tell_losses(db, epoch, stamp, [row[0] for row in gone], "the spool was full", before)
    return len(gone), told


class _Losses(msgspec.Struct):
    """What a draft and a report have in common here."""

    losses: tuple[Loss, ...] = ()


def _told_in(body: bytes) -> tuple[Loss, ...]:
    try:
        return msgspec.json.decode(body, type=_Losses).losses
    except (msgspec.DecodeError, UnicodeError):  # a bit has flipped
        return ()


def _merged(losses: Iterable[Loss]) -> list[Loss]:
    """As few ranges as say the same, the epochs in their order."""
    stretches: dict[tuple[str, str], list[Loss]] = {}
    for loss in losses:
        stretches.setdefault((loss.epoch, loss.reason), []).append(loss)
    found: list[Loss] = []
    for same in stretches.values():
        first, *others = sorted(same, key=lambda loss: loss.first)
        found.append(first)
        for loss in others:
            if loss.first > found[-1].last + 1:
                found.append(loss)
            else:
                last = max(loss.last, found[-1].last)
                found[-1] = msgspec.structs.replace(found[-1], last=last)
    return found


def _last_of(rows: Iterable[tuple[int, int]], size: int) -> int:
    """The place at which rows, from the oldest on, add up to `size` bytes; 0 if there are none."""
    last = 0
    for place_, length in rows:
        last = place_
        size -= length
        if size <= 0:
            break
    return last


def tell_losses(
    db: sqlite3.Connection,
    epoch: Epoch,
    stamp: Stamp,
    places: Sequence[int],
    reason: str,
    before: Sequence[Loss] = (),
) -> int:
    """Count reports that are given up, by range, in as many reports of the box as it takes; how many.

    `before` was told in reports that are given up now, and is told along.
    """
    losses = [
        Loss(epoch=epoch_name(db, n), first=first, last=last, reason=reason)
        for n, first, last in _ranges(places)
    ]
    _note_losses(db, losses)
    if before:
        losses = _merged([*before, *losses])[-MOST_TOLD:]
        reason += f"; {number(db, 'lost')} in all"
    drafts = []
    for start in range(0, len(losses), LOSSES_A_REPORT):
        part = tuple(losses[start : start + LOSSES_A_REPORT])
        lost = sum(loss.last - loss.first + 1 for loss in part)
        drafts.append(
            box_draft(stamp, status=Status.FAILED, reason=f"{lost} reports given up: {reason}", losses=part)
        )
    if drafts:
        insert(db, epoch, drafts)
    return len(drafts)


def _note_losses(db: sqlite3.Connection, losses: Sequence[Loss]) -> None:
    """Put them into the visible table, and count their reports."""
    db.executemany(
        "INSERT INTO losses (epoch, first, last, reason) VALUES (?, ?, ?, ?)",
        [(loss.epoch, loss.first, loss.last, loss.reason) for loss in losses],
    )
    cap(db, "losses", MOST_LOSSES)
    add(db, "lost", sum(loss.last - loss.first + 1 for loss in losses))


def tell_salvage(db: sqlite3.Connection, epoch: Epoch, stamp: Stamp, salvage: Salvage) -> None:
    """Say that the spool was damaged and what became of it."""
    tell_losses(db, epoch, stamp, salvage.lost, "not what was written, on a damaged disk")
    nameless = [
        Loss(epoch="?", first=first, last=last, reason="its start's name can't be read, on a damaged disk")
        for _, first, last in _ranges(salvage.nameless)
    ]
    _note_losses(db, nameless)
    lost = len(salvage.lost) + len(salvage.nameless)
    reason = f"the spool was damaged and set aside as {salvage.name}: {salvage.carried} reports carried over"
    reason += f", {lost} lost" + ("; some pages can't be read" if salvage.gaps else "")
    if nameless:
        reason += f"; {len(salvage.nameless)} of them were of a start whose name can't be read"
    insert(db, epoch, [box_draft(stamp, status=Status.FAILED, reason=reason)])


def _ranges(places: Sequence[int]) -> list[tuple[int, int, int]]:
    """Rising places as (epoch's number, first, last) without holes."""
    ranges: list[tuple[int, int, int]] = []
    for place_ in places:
        n, seq = unplace(place_)
        if ranges and ranges[-1][0] == n and ranges[-1][2] == seq - 1:
            ranges[-1] = (n, ranges[-1][1], seq)
        else:
            ranges.append((n, seq, seq))
    return ranges


def prune(db: sqlite3.Connection) -> None:
    """Forget old starts of which nothing is left: a box that restarts every minute must not fill its disk."""
    db.execute(
        "DELETE FROM epochs WHERE n <= (SELECT max(n) FROM epochs) - ?"
        " AND NOT EXISTS (SELECT 1 FROM waiting WHERE place BETWEEN n << 32 AND (n + 1) << 32)"
        " AND NOT EXISTS (SELECT 1 FROM kept WHERE place BETWEEN n << 32 AND (n + 1) << 32)",
        (MOST_EPOCHS,),
    )
    db.execute("DELETE FROM boots WHERE n NOT IN (SELECT boot FROM epochs)")
    db.execute("DELETE FROM spans WHERE first >> 32 NOT IN (SELECT n FROM epochs)")
