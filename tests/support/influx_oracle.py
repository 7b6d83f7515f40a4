"""What InfluxDB must hold, told from the journal's own rows and the district's own files: a second opinion.

Reads the journal as SQLite and JSON, the folder as TOML and CSV, and the bucket by plain InfluxQL. It shares
no line with the program's own mapping (`firstbell.points`) and knows no more of a point than is written here.
"""

import csv
import json
import sqlite3
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from firstbell.catalogue import METRICS

NS = 10**9
DAY_NS = 86_400 * NS
AHEAD_NS = 300 * NS
HIDDEN_BELOW = 10
COUNTS_OF_PEOPLE = {"ap_stations"}
PLACE = ("district", "school", "room", "circuit", "period")
NO_READINGS = {
    *("name", "time", "agent", "target", "subject", "segment", "engine", "medium", "status", "twin", *PLACE),
    *("seq", "epoch", "arrival", "received_ns", "duration_s", "clock", "clock_error_ms", "reason", "marks"),
    *("limited_by", "not_before_ns", "not_after_ns", "opening", "losses", "others", "named"),
}
Identity = tuple[str, str, int]
"""Box, epoch and number."""


class Asks(Protocol):
    """A server that answers InfluxQL."""

    def query(self, influxql: str, db: str | None = None) -> list[dict[str, Any]]:
        """The rows of an answer, the measurement as `name`."""


@dataclass(frozen=True)
class Report:
    """One report of the journal as it stands there."""

    identity: Identity
    arrival: int
    received_ns: int
    told: Mapping[str, Any]

    @property
    def at_ns(self) -> int:
        """When it was measured."""
        return int(self.told["at_ns"])


@dataclass
class Folder:
    """The district as its files have it: schools' zones and hours of class, and boxes' seats by day."""

    path: Path
    name: str = ""
    hours: tuple[time, time] = (time(7, 30), time(15, 30))
    zones: dict[str, str] = field(default_factory=dict)
    seats: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the files."""
        told = tomllib.loads(self._text("district.toml"))
        self.name = told.get("name", "District")
        usual = told.get("tz", "America/New_York")
        self.hours = told.get("class_from", self.hours[0]), told.get("class_to", self.hours[1])
        for row in self._rows("schools.csv"):
            self.zones[row["id"]] = row.get("tz") or usual
        for row in self._rows("seats.csv"):
            self.seats.setdefault(row["agent"], []).append(row)
        self.zones[""] = usual

    def place(self, agent: str, at_ns: int) -> dict[str, str]:
        """The tags of place and period at that moment."""
        seats = sorted(self.seats.get(agent, []), key=lambda row: row.get("since", ""))
        found = None
        for n, row in enumerate(seats):
            day = self._clock(row, at_ns).date()
            since = date.fromisoformat(row["since"]) if row.get("since") else date.min
            moved_in = day > since if n else day >= since
            ends = [other["since"] for other in seats[n + 1 : n + 2]]
            if moved_in and all(day < date.fromisoformat(end) for end in ends):
                found = row
        if found is None:
            return {}
        now = self._clock(found, at_ns)
        place = {name: found.get(name) or "" for name in ("school", "room", "circuit")}
        return {name: value for name, value in place.items() if value} | {"period": self._period(now)}

    def _clock(self, seat: Mapping[str, str], at_ns: int) -> datetime:
        zone = ZoneInfo(self.zones[seat.get("school") or ""])
        return datetime.fromtimestamp(at_ns // NS, UTC).astimezone(zone)

    def _period(self, now: datetime) -> str:
        begin, end = (datetime.combine(date.min, at) for at in self.hours)
        at = datetime.combine(date.min, now.time())
        since_midnight = timedelta(hours=at.hour, minutes=at.minute)
        weekend = now.weekday() >= 5
        if begin <= at < end:
            number = (at - begin) // ((end - begin) / 4) + 1
            return f"weekend, daytime {number}" if weekend else f"class period {number}"
        quiet = [(timedelta(0), "night"), (timedelta(hours=5), "before school")]
        if at >= end:
            quiet = [(timedelta(0), "late afternoon"), (timedelta(hours=18), "evening")]
        name = [name for since, name in quiet if since_midnight >= since][-1]
        return f"weekend, {name}" if weekend else name

    def _text(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def _rows(self, name: str) -> Iterable[dict[str, str]]:
        return csv.DictReader(self._text(name).splitlines()) if (self.path / name).exists() else ()


def reports(journal: Path) -> list[Report]:
    """Every report of a journal, in order of arrival."""
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT a.name, e.epoch, r.seq, r.arrival, r.received_ns, r.raw FROM reports AS r "
            "JOIN agents AS a ON a.agent_id = r.agent_id JOIN epochs AS e ON e.epoch_id = r.epoch_id "
            "ORDER BY r.arrival"
        ).fetchall()
    return [Report((row[0], row[1], row[2]), row[3], row[4], json.loads(row[5])) for row in rows]


def points(server: Asks, bucket: str) -> list[dict[str, Any]]:
    """Everything in a bucket that is a report, with what it has."""
    found = []
    for measurement in server.query("SHOW MEASUREMENTS", bucket):
        rows = server.query(f'SELECT * FROM "{measurement["name"]}"', bucket)
        found += [row for row in rows if row.get("seq") is not None]
    return [{name: value for name, value in row.items() if value not in {None, ""}} for row in found]


def differences(
    server: Asks,
    bucket: str,
    journal: Path,
    folder: Path | None = None,
    *,
    since_ns: int = 0,
    without: Iterable[int] = (),
    district: str | None = None,
) -> list[str]:
    """What is wrong with a bucket: each report must be there once, at its time, in its place, as it was told.

    `without` are arrivals that it need not hold, and `since_ns` is how far back it keeps. `district` bounds
    the question to points of that name.
    """
    place = Folder(folder) if folder else None
    name = district if district is not None else place.name if place else None
    left_out = set(without)
    wanted = {
        report.identity: report
        for report in reports(journal)
        if since_ns <= report.at_ns <= report.received_ns + AHEAD_NS and report.arrival not in left_out
    }
    troubles = []
    seen: dict[Identity, int] = {}
    for row in points(server, bucket):
        if name is not None and row.get("district") != name:
            if district is None:
                troubles.append(f"of a strange district: {row}")
            continue
        identity = row["agent"], row["epoch"], row["seq"]
        seen[identity] = seen.get(identity, 0) + 1
        if identity not in wanted:
            troubles.append(f"not to be there: {row}")
        else:
            troubles += [f"{identity}: {what}" for what in _wrong(row, wanted[identity], place)]
    troubles += [f"{identity} is missing" for identity in wanted if identity not in seen]
    return troubles + [f"{identity} is there {count} times" for identity, count in seen.items() if count > 1]


def _wrong(row: Mapping[str, Any], report: Report, place: Folder | None) -> list[str]:
    told = report.told
    measurement, subject = row["name"], row.get("subject", "")
    plain = [row.get("target", ""), row.get("engine", ""), row.get("segment"), row.get("medium")]
    named = json.loads(row["named"]) if "named" in row else plain
    readings = {
        name: value
        for name, value in told.get("readings", {}).items()
        if name in METRICS and (name not in COUNTS_OF_PEOPLE or value >= HIDDEN_BELOW)
    }
    others = sum(name not in METRICS for name in told.get("readings", {}))
    how = () if "named" in row else ("segment", "medium")
    pairs = {
        "time": (row["time"], report.at_ns),
        "probe": (subject if measurement == "unknown" else measurement, told["probe"]),
        "status": (row["status"], told["status"]),
        "target": (
            named,
            [told.get("target", ""), told.get("engine", ""), told.get("segment"), told.get("medium")],
        ),
        "arrival": ((row["arrival"], row["received_ns"]), (report.arrival, report.received_ns)),
        "readings": ({n: v for n, v in row.items() if n not in NO_READINGS}, readings),
        "others": (row.get("others", 0), others),
        "marks": (row.get("marks", ""), ",".join(told.get("marks", []))),
        "duration_s": (row["duration_s"], told["duration_s"]),
        "clock_error_ms": (row.get("clock_error_ms", 0), told.get("clock_error_ms", 0)),
        **{n: (row.get(n), told.get(n) or None) for n in ("reason", "limited_by", *how)},
        **{n: (row.get(n), told.get(n)) for n in ("clock", "not_before_ns", "not_after_ns")},
        **{n: (json.loads(row.get(n, "null")), told.get(n) or None) for n in ("opening", "losses")},
    }
    if place:
        found = {name: row[name] for name in PLACE[1:] if name in row}
        pairs["place"] = found, place.place(report.identity[0], report.at_ns)
    return [f"{name} is {is_!r} and not {must!r}" for name, (is_, must) in pairs.items() if is_ != must]
