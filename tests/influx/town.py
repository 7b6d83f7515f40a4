"""A simulated district whose reports are in a real InfluxDB, through the product's own doors."""

from pathlib import Path
from typing import NamedTuple

from collector import config, influxdb, registry, simulated
from collector.clock import SystemClock
from collector.config import Demo, Home, InfluxSettings
from collector.demo import making
from collector.questions.verify import Verified
from collector.registry import Folder
from collector.sinks.way import Way
from collector.store.journal import Journal, open_journal
from collector.store.outbox import Outbox
from collector.store.reads import Reads
from tests.support.influxdb import Influx2

DISTRICT = "Maple Valley (simulated)"


class Town(NamedTuple):
    """A demo's home and what ships it."""

    home: Home
    settings: InfluxSettings
    journal: Journal
    folder: Folder
    server: Influx2

    def way(self) -> Way:
        """What brings both buckets up to date, made anew as at a start of the collector."""
        reads, outbox = Reads(self.journal), Outbox(self.journal)
        return influxdb.way(
            self.home, self.settings, self.journal, reads, lambda: self.folder, self.home.clock, outbox
        )

    def verify(self) -> Verified:
        """Everything compared."""
        return influxdb.verify(self.home, self.settings, self.journal, self.folder, lambda *_: None)


def shipped(folder: Path, server: Influx2, bucket: str, *, schools: int = 8, days: int = 8) -> Town:
    """A demo that was made now, all of it in the server's bucket of that name and the two beside it."""
    home, clock = config.home(str(folder)), SystemClock()
    demo = Demo(seed=7, schools=schools, days=days, as_of_ns=making.end_ns(clock.now_ns()))
    making.make(home, demo, clock, lambda *_: None)
    return at(home, server, bucket)


def at(home: Home, server: Influx2, bucket: str) -> Town:
    """A demo's home that ships to a bucket, which is made if need be."""
    (home.folder / "influx.token").write_text(server.token, encoding="utf-8")
    settings = InfluxSettings(url=server.url, org=server.org, bucket=bucket)
    for name in {bucket, settings.spare, settings.rollups} - bucket_ids(server).keys():
        server.make_bucket(name)
    home.settings.write_text(_toml(settings), encoding="utf-8")
    folder = simulated.marked(home, registry.read(home.district))
    town = Town(home, settings, open_journal(home.journal), folder, server)
    town.way().catch_up()
    return town


def bucket_ids(server: Influx2) -> dict[str, str]:
    """Every bucket's id by the name that it has now."""
    found = server.call("GET", f"/api/v2/buckets?org={server.org}&limit=100")["buckets"]
    return {bucket["name"]: bucket["id"] for bucket in found}


def _toml(settings: InfluxSettings) -> str:
    return f'[influx]\nurl = "{settings.url}"\norg = "{settings.org}"\nbucket = "{settings.bucket}"\n'
