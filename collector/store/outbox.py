"""What a sink has of the journal, and what it is yet to get: a cursor, days to ship again, and what was left.

The cursor counts arrivals: everything up to it is in the sink. Days that were placed otherwise meanwhile (a
seat or a calendar was corrected) stand on a list until they are shipped again. Each method is a transaction
of its own; for one thread. All raise UnreadableError.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from collector.store.connections import transaction
from collector.store.errors import told
from collector.store.journal import Journal
from collector.store.ledger import arrivals
from firstbell.points import MOST_TWINS, Key, Row
from firstbell.report import Report, Stored

DAY_NS = 86_400 * 10**9
INFLUX = "influx"
"""The sink of reports; that of hours and days has another name."""
# How many came before of one moment is counted no further than matters: a box may send a million of them.
_ROWS = f"""
SELECT name, epoch, seq, arrival, received_ns, raw, (SELECT count(*) FROM (
    SELECT 1 FROM reports AS other WHERE other.agent_id = reports.agent_id AND other.probe = reports.probe
    AND other.at_ns = reports.at_ns AND other.arrival < reports.arrival LIMIT {MOST_TWINS + 1}))
FROM reports JOIN agents USING (agent_id) JOIN epochs USING (epoch_id)
"""  # noqa: S608 - a number
_NEXT = f"{_ROWS} WHERE arrival > ? ORDER BY arrival LIMIT ?"
_WITHIN = (
    f"{_ROWS} WHERE reports.agent_id = (SELECT agent_id FROM agents WHERE name = ?) "  # noqa: S608 - our own words
    "AND probe = ? AND at_ns >= ? AND at_ns < ? AND arrival <= ? ORDER BY at_ns, arrival"
)
_GOAL = """
SELECT max(arrival) FROM (SELECT arrival FROM reports WHERE arrival > ? ORDER BY arrival LIMIT ?)
"""
_TOUCHED = """
SELECT DISTINCT name, at_ns / 3600000000000 FROM reports JOIN agents USING (agent_id)
WHERE arrival > ? AND arrival <= ?
"""
_STATE = """
SELECT store, arrival, folder, placed_as, shipped, too_old, last_ns, trouble, trouble_ns, run, run_arrival
FROM sinks WHERE sink = ?
"""
_REPORTS = msgspec.json.Decoder(Report)


class Shipped(NamedTuple):
    """How far a sink is. `store` names what lies at the other end; "" where that was never reached.

    `folder` and `placed_as` say how reports were placed. `too_old` reports lay beyond the store's retention
    when their turn came. `trouble` says why nothing goes out since `trouble_ns`; "" while it does. `run` is
    since when the server at the other end runs, by its own word, and `run_arrival` up to where all was
    shipped when it was first seen to.
    """

    store: str
    arrival: int
    folder: str
    placed_as: str
    shipped: int
    too_old: int
    last_ns: int
    trouble: str
    trouble_ns: int
    run: str
    run_arrival: int


class Aside(NamedTuple):
    """A report that the store would not take, or that can't be a point, and why."""

    arrival: int
    reason: str


class Days(NamedTuple):
    """Days of one box in a row, from the first to the last (numbers since 1970 UTC), to be shipped again.

    `agent` is "" for those of every box.
    """

    agent: str
    first: int
    last: int


class Hours(NamedTuple):
    """The hours (numbers since 1970 UTC) of each box in which something arrived, up to the report `goal`."""

    by_box: dict[str, set[int]]
    goal: int


class Outbox:
    """One sink's side of a journal."""

    def __init__(self, journal: Journal, sink: str = INFLUX) -> None:
        self._journal, self.sink = journal, sink
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with told("the journal can't say what was shipped"):
            if self._db is None:
                self._db = self._journal.writer()
            try:
                yield self._db
            except BaseException:
                self.close()
                raise

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db, transaction(db):
            yield db

    def state(self) -> Shipped | None:
        """How far the sink is; None before it began."""
        with self._open() as db:
            return state_of(db, self.sink)

    def newest(self) -> int:
        """The arrival number of the newest report."""
        with self._open() as db:
            return arrivals(db)

    def begin(self, store: str, folder: str, placed_as: str, *, anew: bool = True) -> None:
        """Begin anew with an empty store: nothing is there, and nothing is remembered of what was.

        Without `anew` nothing is done where that store is in use already: another program was first.
        """
        with self._writing() as db:
            known = state_of(db, self.sink)
            if known and known.store == store and not anew:
                return
            self._forget(db)
            db.execute(
                "INSERT INTO sinks VALUES (?, ?, 0, ?, ?, 0, 0, 0, '', 0, '', 0)",
                (self.sink, store, folder, placed_as),
            )

    def forget(self) -> None:
        """Remember nothing of this sink."""
        with self._writing() as db:
            self._forget(db)

    def _forget(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM copied WHERE store = (SELECT store FROM sinks WHERE sink = ?)", (self.sink,))
        for table in ("sinks", "sink_names", "sink_days", "sink_aside"):
            db.execute(f"DELETE FROM {table} WHERE sink = ?", (self.sink,))  # noqa: S608 - our own words

    def take_over(self, other: str) -> None:
        """Become the sink `other`, which is forgotten: a store that was built beside the one in use."""
        with self._writing() as db:
            self._forget(db)
            for table in ("sinks", "sink_names", "sink_days", "sink_aside"):
                db.execute(f"UPDATE {table} SET sink = ? WHERE sink = ?", (self.sink, other))  # noqa: S608

    def after(self, arrival: int, most: int) -> list[Row]:
        """The reports that came next after that one, in order of arrival."""
        with self._open() as db:
            return [_row(row) for row in db.execute(_NEXT, (arrival, most))]

    def within(self, days: Days, until_arrival: int) -> Iterator[Row]:
        """All reports of those days that arrived up to that number, probe by probe."""
        bounds = days.first * DAY_NS, (days.last + 1) * DAY_NS, until_arrival
        for agent in [days.agent] if days.agent else self.agents():
            for probe in self._probes(agent):
                with self._open() as db:
                    rows = db.execute(_WITHIN, (agent, probe, *bounds)).fetchall()
                yield from map(_row, rows)

    def _probes(self, agent: str) -> list[str]:
        with self._open() as db:
            rows = db.execute(
                "SELECT DISTINCT probe FROM latest JOIN agents USING (agent_id) WHERE name = ?", (agent,)
            )
            return [row[0] for row in rows]

    def touched(self, arrival: int, most: int) -> Hours | None:
        """The hours of which the next reports after that one tell, `most` of them; None without any."""
        with self._open() as db:
            goal = db.execute(_GOAL, (arrival, most)).fetchone()[0]
            if goal is None:
                return None
            found: dict[str, set[int]] = {}
            for agent, hour in db.execute(_TOUCHED, (arrival, goal)):
                found.setdefault(agent, set()).add(hour)
            return Hours(found, goal)

    def agents(self) -> list[str]:
        """Every box that ever reported."""
        with self._open() as db:
            return [row[0] for row in db.execute("SELECT name FROM agents ORDER BY name")]

    def first_day(self) -> int:
        """The earliest day (its number since 1970 UTC) of which there is a report."""
        with self._open() as db:
            return int(db.execute("SELECT coalesce(min(at_ns), 0) FROM reports").fetchone()[0]) // DAY_NS

    def names(self) -> dict[str, set[Key]]:
        """The series that each box has begun by its own words (`firstbell.points.Names`)."""
        found: dict[str, set[Key]] = {}
        with self._open() as db:
            rows = db.execute(
                "SELECT agent, probe, target, engine FROM sink_names WHERE sink = ?", (self.sink,)
            )
            for agent, *key in rows:
                found.setdefault(agent, set()).add((key[0], key[1], key[2]))
        return found

    def move(
        self,
        store: str,
        arrival: int,
        now_ns: int,
        *,
        after: int = 0,
        shipped: int = 0,
        too_old: int = 0,
        names: Iterable[tuple[str, Key]] = (),
        aside: Sequence[Aside] = (),
        done: Days | None = None,
    ) -> bool:
        """Note what the store has taken: up to `arrival`, where all up to `after` was there, and `done`.

        False, and nothing is noted, where another store stands at the other end by now, or the cursor before
        `after`: another program began anew meanwhile, or stepped back, and a leap would undo that.
        """
        with self._writing() as db:
            moved = db.execute(
                "UPDATE sinks SET arrival = max(arrival, ?), shipped = shipped + ?, too_old = too_old + ?, "
                "last_ns = ?, trouble = '', trouble_ns = 0 WHERE sink = ? AND store = ? AND arrival >= ?",
                (arrival, shipped, too_old, now_ns, self.sink, store, after),
            )
            if not moved.rowcount:
                return False
            db.executemany(
                "INSERT OR IGNORE INTO sink_names VALUES (?, ?, ?, ?, ?)",
                [(self.sink, agent, *key) for agent, key in names],
            )
            db.executemany("REPLACE INTO sink_aside VALUES (?, ?, ?)", [(self.sink, *each) for each in aside])
            if done:
                db.execute(
                    "DELETE FROM sink_days WHERE sink = ? AND agent = ? AND day BETWEEN ? AND ?",
                    (self.sink, *done),
                )
        return True

    def step_back(self, run: str, most: int) -> None:
        """Note that the server runs anew: what it took in its run before goes out again, `most` at most."""
        with self._writing() as db:
            db.execute(
                "UPDATE sinks SET arrival = max(min(arrival, run_arrival), arrival - ?2) WHERE sink = ?1",
                (self.sink, most),
            )
            db.execute("UPDATE sinks SET run = ?, run_arrival = arrival WHERE sink = ?", (run, self.sink))

    def place_anew(self, folder: str, placed_as: str, days: Iterable[Days]) -> None:
        """From now on reports are placed by that folder; these days are to be shipped again.

        Under another name than before, boards are to be told all anew: what they were told went with the
        name, and is not there either when the name comes back.
        """
        with self._writing() as db:
            db.execute(
                "DELETE FROM copied WHERE store = "
                "(SELECT store FROM sinks WHERE sink = ? AND placed_as <> ?)",
                (self.sink, placed_as),
            )
            db.executemany(
                "INSERT OR IGNORE INTO sink_days VALUES (?, ?, ?)",
                [(self.sink, each.agent, day) for each in days for day in range(each.first, each.last + 1)],
            )
            db.execute(
                "UPDATE sinks SET folder = ?, placed_as = ? WHERE sink = ?", (folder, placed_as, self.sink)
            )

    def next_days(self, most: int) -> Days | None:
        """The first days on the list of one box, at most `most` of them in a row; None without any."""
        with self._open() as db:
            rows = db.execute(
                "SELECT agent, day FROM sink_days WHERE sink = ?1 AND agent = "
                "(SELECT min(agent) FROM sink_days WHERE sink = ?1) ORDER BY day LIMIT ?2",
                (self.sink, most),
            ).fetchall()
        if not rows:
            return None
        agent, first = rows[0]
        last = first
        for _, day in rows[1:]:
            if day != last + 1:
                break
            last = day
        return Days(agent, first, last)

    def counts(self, first: int, last: int, until_arrival: int) -> dict[tuple[str, int], int]:
        """How many reports of each box and day were to be shipped, less what was set aside."""
        with self._open() as db:
            rows = db.execute(
                f"SELECT name, at_ns / {DAY_NS} AS day, count(*) FROM reports JOIN agents USING (agent_id) "  # noqa: S608
                "WHERE at_ns >= ? AND at_ns < ? AND arrival <= ? "
                "AND arrival NOT IN (SELECT arrival FROM sink_aside WHERE sink = ?) GROUP BY name, day",
                (first * DAY_NS, (last + 1) * DAY_NS, until_arrival, self.sink),
            )
            return {(name, day): number for name, day, number in rows}

    def days_left(self) -> int:
        """How many days of boxes are to be shipped again."""
        with self._open() as db:
            return int(
                db.execute("SELECT count(*) FROM sink_days WHERE sink = ?", (self.sink,)).fetchone()[0]
            )

    def aside(self, most: int) -> list[Aside]:
        """What the sink could not take, the newest first; all of it where `most` is -1."""
        with self._open() as db:
            rows = db.execute(
                "SELECT arrival, reason FROM sink_aside WHERE sink = ? ORDER BY arrival DESC LIMIT ?",
                (self.sink, most),
            )
            return [Aside(*row) for row in rows]

    def asides(self) -> int:
        """How many reports the sink could not take."""
        with self._open() as db:
            return int(
                db.execute("SELECT count(*) FROM sink_aside WHERE sink = ?", (self.sink,)).fetchone()[0]
            )

    def complain(self, trouble: str, now_ns: int) -> None:
        """Note why nothing goes out; "" where it does again. One that never began has a store called ""."""
        with self._writing() as db:
            if trouble:
                db.execute(
                    "INSERT OR IGNORE INTO sinks VALUES (?, '', 0, '', '', 0, 0, 0, '', 0, '', 0)",
                    (self.sink,),
                )
            db.execute(
                "UPDATE sinks SET trouble = ?1, trouble_ns = CASE WHEN ?1 = '' THEN 0 "
                "WHEN trouble_ns = 0 THEN ?2 ELSE trouble_ns END WHERE sink = ?3 AND trouble <> ?1",
                (trouble, now_ns, self.sink),
            )


def state_of(db: sqlite3.Connection, sink: str) -> Shipped | None:
    """How far a sink is; None before it began."""
    row = db.execute(_STATE, (sink,)).fetchone()
    return Shipped(*row) if row else None


def _row(row: tuple[str, str, int, int, int, bytes, int]) -> Row:
    return Row(Stored(*row[:5], _REPORTS.decode(row[5])), row[6])
