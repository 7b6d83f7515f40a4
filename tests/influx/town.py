"""A simulated district whose reports are in a real InfluxDB, through the product's own doors."""

from pathlib import Path
from typing import Any, NamedTuple

from collector import config, influxdb, registry, simulated
from collector.clock import Clock, SystemClock
from collector.config import Demo, Home, InfluxSettings
from collector.demo import making
from collector.questions.verify import Verified
from collector.registry import Folder
from collector.sinks import influx, setup
from collector.sinks.influx import Address, Server
from collector.sinks.setup import Wanted
from collector.sinks.way import Way
from collector.store import quiets
from collector.store.journal import Journal, open_journal
from collector.store.outbox import DAY_NS, Outbox
from collector.store.quiets import Ordered
from collector.store.reads import Reads
from firstbell.points import Point
from tests.support.influxdb import Influx1, Influx2

DISTRICT = "Maple Valley (simulated)"


class Town(NamedTuple):
    """A demo's home and what ships it."""

    home: Home
    settings: InfluxSettings
    journal: Journal
    folder: Folder
    server: Influx2

    def way(self, clock: Clock | None = None) -> Way:
        """What brings both buckets up to date, made anew as at a start of the collector."""
        reads, outbox, now = Reads(self.journal), Outbox(self.journal), clock or self.home.clock
        return influxdb.way(self.home, self.settings, self.journal, reads, lambda: self.folder, now, outbox)

    def verify(self) -> Verified:
        """Everything compared."""
        return influxdb.verify(self.home, self.settings, self.journal, self.folder, lambda *_: None)


def shipped(
    folder: Path, server: Influx2, bucket: str, *, schools: int = 8, days: int = 8, keep_days: int = 0
) -> Town:
    """A demo that was made now, all of it in the server's bucket of that name and the two beside it."""
    home, clock = config.home(str(folder)), SystemClock()
    demo = Demo(seed=7, schools=schools, days=days, as_of_ns=making.end_ns(clock.now_ns()))
    making.make(home, demo, clock, lambda *_: None)
    return at(home, server, bucket, keep_days)


def at(home: Home, server: Influx2, bucket: str, keep_days: int = 0) -> Town:
    """A demo's home that ships to a bucket, which is made if need be."""
    (home.folder / "influx.token").write_text(server.token, encoding="utf-8")
    # A demo's now is some days ago: what it would keep for so long the server keeps for longer.
    raw_days = keep_days or InfluxSettings().raw_days
    settings = InfluxSettings(url=server.url, org=server.org, bucket=bucket, raw_days=raw_days)
    operator = Server(Address(server.url, server.org, server.token), operator=True)
    for name in (bucket, settings.spare, settings.rollups):
        setup.bucket(operator, server.org_id, Wanted(name, keep_days and keep_days + 10, DISTRICT))
    operator.close()
    home.settings.write_text(_toml(settings), encoding="utf-8")
    folder = simulated.marked(home, registry.read(home.district))
    town = Town(home, settings, open_journal(home.journal), folder, server)
    _as_time_went_by(town)
    return town


def _as_time_went_by(town: Town) -> None:
    """Ship twice: as it was after the first days, with too few checks; and as it is now, in a quiet time."""
    clock = MovedClock(town.home.clock.now_ns() - 10 * DAY_NS)
    way = town.way(clock)
    way.catch_up()
    begin_s = town.home.clock.now_ns() // 10**9 - 60
    quiets.order(town.journal, Ordered(begin_s, begin_s + 3600, why="state tests"), begin_s * 10**9)
    clock.move_to(town.home.clock.now_ns())
    way.catch_up()


class MovedClock:
    """A wall clock that stands where it is put; whoever counts on the other one finds that it is time."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns, self._monotonic = now_ns, 0.0

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return self._now_ns

    def monotonic(self) -> float:
        """Seconds."""
        return self._monotonic

    def move_to(self, now_ns: int) -> None:
        """Time goes by."""
        self._monotonic += (now_ns - self._now_ns) / 10**9
        self._now_ns = now_ns


def pour(source: Influx2, bucket: str, target: Influx1, database: str) -> None:
    """Everything that stands in a bucket once more, in Debian's InfluxDB."""
    kinds = {
        (row["name"], row["fieldKey"]): row["fieldType"] for row in source.query("SHOW FIELD KEYS", bucket)
    }
    tags = {(row["name"], row["tagKey"]) for row in source.query("SHOW TAG KEYS", bucket)}
    points = [
        _point(measurement, row, kinds, tags)
        for measurement in sorted({name for name, _ in kinds})
        for row in source.query(f'SELECT * FROM "{measurement}"', bucket)
    ]
    for part in influx.in_parts(influx.lines(points)):
        assert target.write(b"\n".join(part).decode(), database).status == 204


def _point(
    name: str, row: dict[str, Any], kinds: dict[tuple[str, str], str], tags: set[tuple[str, str]]
) -> Point:
    fields = {
        key: float(value) if kinds[name, key] == "float" else value
        for key, value in row.items()
        if value is not None and (name, key) in kinds
    }
    return Point(
        name, {key: row[key] for key in row if (name, key) in tags and row[key]}, fields, row["time"]
    )


def bucket_ids(server: Influx2) -> dict[str, str]:
    """Every bucket's id by the name that it has now."""
    found = server.call("GET", f"/api/v2/buckets?org={server.org}&limit=100")["buckets"]
    return {bucket["name"]: bucket["id"] for bucket in found}


def _toml(settings: InfluxSettings) -> str:
    return f'[influx]\nurl = "{settings.url}"\norg = "{settings.org}"\nbucket = "{settings.bucket}"\nraw_days = {settings.raw_days}\n'
