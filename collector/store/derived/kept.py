"""Hours, days and roll-ups in the journal: how they lie there, and how they are made from rows.

All three follow from the rows of `reports` alone. `derivation.arrival` says up to which arrival they hold
everything; a reader works out what came later by the same functions.
"""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from collector.store.derived.days import DAY_MS, Day, Run, day_of
from collector.store.derived.looks import HOUR_MS, MS_NS, Hour, Line, Told, hour_of, told
from collector.store.derived.rollups import Key, Totals, totals_of
from firstbell.catalogue import PROBES

HOUR_NS = HOUR_MS * MS_NS
HOURS_A_DAY = DAY_MS // HOUR_MS

MOST_ROWS = 20_000
"""Of an hour of one box: with fifty targets a minute it has 3,000. Beyond, the first ones speak for it."""

_ALL_PROBES = ", ".join(f"'{name}'" for name in sorted(PROBES))
_ROWS = f"""
SELECT arrival, received_ns, raw FROM reports
WHERE agent_id = ? AND probe IN ({_ALL_PROBES}) AND at_ns >= ? AND at_ns < ? AND arrival <= ?
ORDER BY at_ns, arrival LIMIT {MOST_ROWS}
"""  # noqa: S608 - names from the catalogue; a list of them is what lets the index be used
_OF_PROBE = """
SELECT received_ns, raw FROM reports WHERE agent_id = ? AND probe = ? AND at_ns >= ? AND at_ns < ?
ORDER BY at_ns, arrival
"""
_HOUR = "SELECT hour, arrival, gateway, heard, line FROM hours WHERE agent_id = ? AND hour BETWEEN ? AND ?"
DAY_COLUMNS = "day, arrival, gateway, online_ms, heard_rhythm_ms, line_rhythm_ms, heard, line"
_DAY = f"SELECT {DAY_COLUMNS} FROM days WHERE agent_id = ? AND day = ?"  # noqa: S608 - our own words
EVERYTHING = (1 << 63) - 1

_encode = msgspec.msgpack.Encoder().encode
_OFFSETS = msgspec.msgpack.Decoder(list[int])
_LOOKS = msgspec.msgpack.Decoder(list[Line])
_RUNS = msgspec.msgpack.Decoder(tuple[Run, ...])
TOTALS = msgspec.msgpack.Decoder(Totals)

DayRow = tuple[int, int, int, int | None, int, int, bytes, bytes]
HourRow = tuple[int, int, int, bytes, bytes]


class Made(NamedTuple):
    """An hour made from rows; its roll-ups beside it."""

    hour: Hour
    rollups: dict[Key, Totals]


def make(db: sqlite3.Connection, agent_id: int, hour: int, facts_until: int = EVERYTHING) -> Made | None:
    """Make an hour (its number since 1970) of a box from rows; None if no row counts for it."""
    begin_ns = hour * HOUR_NS
    rows: list[Told] = []
    newest = 0
    for arrival, received_ns, raw in db.execute(_ROWS, (agent_id, begin_ns, begin_ns + HOUR_NS, facts_until)):
        if found := told(raw, received_ns):
            rows.append(found)
            newest = max(newest, arrival)
    return Made(hour_of(hour * HOUR_MS, newest, rows), totals_of(rows)) if rows else None


def rows_of(db: sqlite3.Connection, agent_id: int, probe: str, since_ns: int, until_ns: int) -> list[Told]:
    """What counts of a box's reports of one probe within that time."""
    rows = db.execute(_OF_PROBE, (agent_id, probe, since_ns, until_ns))
    return [found for received_ns, raw in rows if (found := told(raw, received_ns))]


def keep_hour(db: sqlite3.Connection, agent_id: int, number: int, made: Made | None) -> None:
    """Write an hour and its roll-ups in the place of what stood there."""
    db.execute("DELETE FROM rollups WHERE agent_id = ? AND hour = ?", (agent_id, number))
    if made is None:
        db.execute("DELETE FROM hours WHERE agent_id = ? AND hour = ?", (agent_id, number))
        return
    hour = made.hour
    heard = _encode([at_ms - hour.begin_ms for at_ms in hour.heard])
    line = _encode([(look.at_ms - hour.begin_ms, look.saw) for look in hour.line])
    values = (agent_id, number, hour.arrival, hour.gateway, heard, line)
    db.execute("REPLACE INTO hours VALUES (?, ?, ?, ?, ?, ?)", values)
    db.executemany(
        "REPLACE INTO rollups VALUES (?, ?, ?, ?, ?)",
        [(agent_id, number, *key, _encode(totals)) for key, totals in made.rollups.items()],
    )


def hours(db: sqlite3.Connection, agent_id: int, day: int) -> dict[int, Hour]:
    """The hours of a day as they are kept, by number."""
    first = day * HOURS_A_DAY
    rows = db.execute(_HOUR, (agent_id, first, first + HOURS_A_DAY - 1))
    return {row[0]: _hour(row) for row in rows}


def keep_day(db: sqlite3.Connection, agent_id: int, number: int) -> bool:
    """Write a day from the hours that are kept, in the place of what stood there.

    Returns whether it tells otherwise now, and not only goes on as it did.
    """
    row: DayRow | None = db.execute(_DAY, (agent_id, number)).fetchone()
    known = hours(db, agent_id, number)
    if not known:
        db.execute("DELETE FROM days WHERE agent_id = ? AND day = ?", (agent_id, number))
        return row is not None
    made = made_day(number, known.values())
    begin = made.begin_ms
    heard, line = _encode(_moved(made.heard, -begin)), _encode(_moved(made.line, -begin))
    rhythms = made.heard_rhythm_ms, made.line_rhythm_ms
    values = (agent_id, number, made.arrival, made.gateway, made.online_ms, *rhythms, heard, line)
    db.execute("REPLACE INTO days VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    return row is None or _edges(day(row)) != _edges(made)


def _edges(found: Day) -> list[tuple[int, int]]:
    """When each of a day's runs began, and what it saw."""
    return [(run.first_ms, run.saw) for run in (*found.heard, *found.line)]


def made_day(number: int, known: Iterable[Hour]) -> Day:
    """A day (its number since 1970) from its hours in any order."""
    return day_of(number * DAY_MS, sorted(known))


def day(row: DayRow) -> Day:
    """A day as it is kept, from its columns (`DAY_COLUMNS`)."""
    number, arrival, gateway, online_ms, heard_rhythm_ms, line_rhythm_ms, heard, line = row
    begin = number * DAY_MS
    return Day(
        begin_ms=begin,
        arrival=arrival,
        gateway=bool(gateway),
        online_ms=online_ms,
        heard_rhythm_ms=heard_rhythm_ms,
        line_rhythm_ms=line_rhythm_ms,
        heard=_moved(_RUNS.decode(heard), begin),
        line=_moved(_RUNS.decode(line), begin),
    )


def _moved(runs: Iterable[Run], by_ms: int) -> tuple[Run, ...]:
    return tuple(Run(first + by_ms, last + by_ms, looks, saw) for first, last, looks, saw in runs)


def _hour(row: HourRow) -> Hour:
    number, arrival, gateway, heard, line = row
    begin = number * HOUR_MS
    return Hour(
        begin_ms=begin,
        arrival=arrival,
        gateway=bool(gateway),
        heard=tuple(begin + offset for offset in _OFFSETS.decode(heard)),
        line=tuple(Line(begin + offset, saw) for offset, saw in _LOOKS.decode(line)),
    )
