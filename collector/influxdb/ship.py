"""What brings both buckets up to date, for a collector that runs and for `firstbell influx ship`."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from collector import lock, registry
from collector.clock import Clock
from collector.config import Home, InfluxSettings
from collector.influxdb.connection import ROLLUPS, server
from collector.questions.boards import Boards
from collector.registry import Folder
from collector.sinks.answers import InfluxError
from collector.sinks.copying import Copier
from collector.sinks.influx import Found, Server
from collector.sinks.rollups import Roller
from collector.sinks.shipping import Shipper
from collector.sinks.standing import Bucket, FolderOf, Placed, Source
from collector.sinks.way import Parts, Way
from collector.store.copied import Copied
from collector.store.errors import StoreError
from collector.store.journal import Journal
from collector.store.outbox import Outbox
from collector.store.reads import Reads
from firstbell.district import District
from firstbell.tables import FolderError


def way(
    home: Home,
    settings: InfluxSettings,
    journal: Journal,
    reads: Reads,
    folder_now: Callable[[], Folder],
    clock: Clock,
    outbox: Outbox,
    boards: Boards | None = None,
) -> Way:
    """What brings both buckets up to date. Raises SettingsError, InfluxError."""
    to, hourly = server(home, settings), Outbox(journal, ROLLUPS)

    def close() -> None:
        to.close()
        hourly.close()

    try:
        raw, hours = to.bucket(settings.bucket), to.bucket(settings.rollups)
    except InfluxError:
        close()
        raise
    source = source_of(settings, journal, reads, folder_now, clock, outbox)
    copier = Copier(
        source,
        to,
        Bucket(settings.bucket, raw.id, raw.days),
        boards or Boards(reads, Copied(journal), folder_now, registry.targets()),
    )
    roller = Roller(
        source._replace(outbox=hourly),
        to,
        Bucket(settings.rollups, hours.id, hours.days),
        names=outbox.names,
        hourly_days=settings.hourly_days,
    )
    parts = Parts(shipper_to(settings, source, to, raw), copier, roller)
    return Way(parts, clock, lambda: alone(home), close)


def alone(home: Home) -> AbstractContextManager[None]:
    """One program at a time ships from a data folder: two would undo each other's deletions."""
    home.folder.mkdir(parents=True, exist_ok=True)
    path = home.folder / "influx.lock"
    path.touch()
    return lock.held(path, wait=True)


def source_of(
    settings: InfluxSettings,
    journal: Journal,
    reads: Reads,
    folder_now: Callable[[], Folder],
    clock: Clock,
    outbox: Outbox,
) -> Source:
    """What is shipped, and how far `outbox` says it is."""

    def placed() -> Placed:
        return Placed(folder_now().district, settings.district)

    return Source(outbox, reads, placed, folder_of(journal), clock)


def shipper_to(settings: InfluxSettings, source: Source, to: Server, found: Found) -> Shipper:
    """What brings that bucket up to date with the journal's reports."""
    days = min(settings.raw_days, found.days) if found.days else settings.raw_days
    return Shipper(source, to, Bucket(settings.bucket, found.id, days))


def folder_of(journal: Journal) -> FolderOf:
    """The districts that the journal keeps, by their digests."""

    def find(digest: str) -> District | None:
        reads = Reads(journal)
        try:
            contents = reads.district(digest)
            return registry.again(contents) if contents is not None else None
        except (StoreError, FolderError):
            return None
        finally:
            reads.close()

    return find
