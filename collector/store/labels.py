"""The labels on boxes, and what whoever stood before one said of where it hangs.

A label has a number of four digits, which is the box's for ever, and a code that nobody guesses: it is good
for saying where this box hangs, and for nothing else. Both are kept as they are, so that a label that was
torn off is printed again as it was.
"""

import base64
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

from collector.store.connections import transaction
from collector.store.errors import StoreError, told
from collector.store.journal import Journal

FIRST, LAST = 1000, 9999
_HIGHEST = "highest_label"
_WHAT = "the journal takes no label"
_SAID = "agent, said_ns, school, room, confirmed, settled_ns, taken"


class NoNumberError(StoreError):
    """All numbers of four digits are taken."""


class Label(NamedTuple):
    """What stands on a box."""

    number: int
    agent: str
    code: str


class Said(NamedTuple):
    """What somebody said who stood before a box: it hangs at `school` in `room`.

    `confirmed`: it is where it was to be. `settled_ns`: since when nobody need look at it any more; `taken`:
    its place was changed to what was said.
    """

    agent: str
    said_ns: int
    school: str
    room: str
    confirmed: bool
    settled_ns: int | None = None
    taken: bool = False


def label(journal: Journal, agents: Iterable[str], now_ns: int) -> list[Label]:
    """Each box's label, in that order; whoever has none yet gets one. Raises StoreError."""
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        return [_of(db, agent) or _made(db, agent, now_ns) for agent in agents]


def with_code(db: sqlite3.Connection, code: str) -> Label | None:
    """The label with that code."""
    row = db.execute("SELECT number, agent, code FROM labels WHERE code = ?", (code,)).fetchone()
    return Label(*row) if row else None


def numbers(db: sqlite3.Connection) -> dict[str, int]:
    """Each box's number, by its name."""
    return dict(db.execute("SELECT agent, number FROM labels"))


def forget(db: sqlite3.Connection, agent: str) -> None:
    """Take a box's label away, in the caller's transaction; no other box ever gets its number."""
    db.execute("REPLACE INTO meta VALUES (?, ?)", (_HIGHEST, str(_highest(db))))
    db.execute("DELETE FROM labels WHERE agent = ?", (agent,))


def say(journal: Journal, said: Said) -> None:
    """Keep what was said. It takes the place of what was said of this box before and changed nothing.

    So however often the button is pressed, no list grows. Raises StoreError.
    """
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        db.execute("DELETE FROM said_places WHERE agent = ? AND NOT taken", (said.agent,))
        db.execute(f"INSERT INTO said_places ({_SAID}) VALUES (?, ?, ?, ?, ?, ?, ?)", said)  # noqa: S608 - ours


def settle(
    journal: Journal, agent: str, *, taken: bool, now_ns: int, said_ns: int | None = None
) -> Said | None:
    """What was said of a box needs no look any more; what it was, None where nothing was open.

    With `said_ns`, what was said then and nothing that was said since.
    """
    with told(_WHAT), closing(journal.writer()) as db, transaction(db):
        found = _open(db, agent)
        if found is None or said_ns not in {None, found.said_ns}:
            return None
        db.execute(
            "UPDATE said_places SET settled_ns = ?, taken = ? WHERE agent = ? AND settled_ns IS NULL",
            (now_ns, taken, agent),
        )
        return found


def open_of(journal: Journal, agent: str) -> Said | None:
    """What was said of a box and nobody has looked at. Raises StoreError."""
    with told("what was said can't be read"), closing(journal.reader()) as db:
        return _open(db, agent)


def newest(db: sqlite3.Connection) -> list[Said]:
    """What was said last of each box, the oldest first."""
    query = (
        f"SELECT {_SAID} FROM said_places WHERE said_id IN "  # noqa: S608 - our own words
        "(SELECT max(said_id) FROM said_places GROUP BY agent) ORDER BY said_ns, agent"
    )
    return [_said(row) for row in db.execute(query)]


def _open(db: sqlite3.Connection, agent: str) -> Said | None:
    row = db.execute(
        f"SELECT {_SAID} FROM said_places WHERE agent = ? AND settled_ns IS NULL",  # noqa: S608 - ours
        (agent,),
    ).fetchone()
    return _said(row) if row else None


def _said(row: tuple[str, int, str, str, int, int | None, int]) -> Said:
    agent, said_ns, school, room, confirmed, settled_ns, taken = row
    return Said(agent, said_ns, school, room, bool(confirmed), settled_ns, bool(taken))


def _of(db: sqlite3.Connection, agent: str) -> Label | None:
    row = db.execute("SELECT number, agent, code FROM labels WHERE agent = ?", (agent,)).fetchone()
    return Label(*row) if row else None


def _made(db: sqlite3.Connection, agent: str, now_ns: int) -> Label:
    highest = _highest(db)
    if highest >= LAST:
        raise NoNumberError(f"no number of four digits is left for {agent}: {LAST} is taken")
    made = Label(highest + 1, agent, code())
    db.execute("INSERT INTO labels (number, agent, code, made_ns) VALUES (?, ?, ?, ?)", (*made, now_ns))
    return made


def _highest(db: sqlite3.Connection) -> int:
    """The highest number that was ever given."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_HIGHEST,)).fetchone()
    least = int(row[0]) if row else FIRST - 1
    return int(db.execute("SELECT max(?, coalesce(max(number), 0)) FROM labels", (least,)).fetchone()[0])


def code() -> str:
    """16 letters and digits in base 32: 80 random bits, short enough for a small QR code."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()
