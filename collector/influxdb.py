"""From settings to what ships: the one constructor of everything that speaks with InfluxDB."""

from collections.abc import Callable
from typing import Literal

import msgspec

from collector import config, registry
from collector.clock import Clock
from collector.config import Home, InfluxSettings
from collector.registry import Folder
from collector.sinks import setup
from collector.sinks.influx import Address, Server
from collector.sinks.setup import Ready, Wanted
from collector.sinks.shipping import Bucket, FolderOf, Placed, Shipper
from collector.store.errors import StoreError
from collector.store.journal import Journal
from collector.store.outbox import Outbox
from collector.store.reads import Reads
from firstbell.district import District
from firstbell.settings import SettingsError
from firstbell.tables import FolderError

SINK = "influx"


def settings_of(home: Home) -> InfluxSettings:
    """The table `[influx]`. Raises SettingsError where it isn't there."""
    settings = config.read(home.settings).influx
    if not settings.url:
        raise SettingsError(
            str(home.settings),
            ["no InfluxDB is named. `firstbell influx setup --url http://HOST:8086` makes everything ready."],
        )
    return settings


def address(home: Home, settings: InfluxSettings, token: str = "") -> Address:
    """Where InfluxDB is, and who asks. Raises SettingsError."""
    ca_file = str(home.folder / settings.ca_file) if settings.ca_file else ""
    found = token or config.secret(home.folder, settings.token_file)
    return Address(settings.url, settings.org, found, ca_file)


def server(home: Home, settings: InfluxSettings) -> Server:
    """A connection. Raises SettingsError, InfluxError."""
    return Server(address(home, settings))


class MadeReady(msgspec.Struct, frozen=True, kw_only=True):
    """What `firstbell influx setup` did; `grafana_token` is "" where there was one before."""

    url: str
    org: str
    buckets: tuple[Ready, ...]
    collector_token: Literal["made", "kept"]
    grafana_token: str


def entered(home: Home, given: dict[str, str]) -> InfluxSettings:
    """The settings as they are, with what was given where nothing is entered yet. Raises SettingsError."""
    settings = config.read(home.settings).influx
    if not settings.url:
        if "url" not in given:
            raise SettingsError(str(home.settings), ["no InfluxDB is named: say --url http://HOST:8086"])
        return msgspec.convert({**msgspec.to_builtins(settings), **given}, InfluxSettings)
    differing = [name for name, value in given.items() if getattr(settings, name) != value]
    if differing:
        said = ", ".join(f"influx.{name} = {getattr(settings, name)!r}" for name in differing)
        raise SettingsError(
            str(home.settings),
            [f"says {said}, which is not overwritten: change it there, then run this again"],
        )
    return settings


def make_ready(home: Home, settings: InfluxSettings, server: Server, *, new_tokens: bool) -> MadeReady:
    """Make the InfluxDB ready and enter it into the settings. Raises InfluxError, OSError."""
    org_id = setup.organisation(server)
    wanted = Wanted(settings.bucket, settings.raw_days), Wanted(settings.rollups, settings.daily_days)
    buckets = tuple(setup.bucket(server, org_id, one) for one in wanted)
    ids = [one.id for one in buckets]
    lost = not (home.folder / settings.token_file).exists()
    name = f"First Bell collector, bucket {settings.bucket}"
    ours = setup.token(server, org_id, name, ids, ("read", "write"), anew=new_tokens or lost)
    if ours.token:
        config.write_secret(home.folder, settings.token_file, ours.token)
    name = f"First Bell boards, bucket {settings.bucket}"
    grafanas = setup.token(server, org_id, name, ids, ("read",), anew=new_tokens)
    if not config.read(home.settings).influx.url:
        texts = ("url", "org", "bucket", "token_file", "ca_file", "district")
        table = {key: getattr(settings, key) for key in texts if getattr(settings, key)}
        config.add_table(home.settings, "influx", table)
    return MadeReady(
        url=settings.url,
        org=settings.org,
        buckets=buckets,
        collector_token="made" if ours.token else "kept",
        grafana_token=grafanas.token,
    )


def shipper(
    home: Home,
    settings: InfluxSettings,
    journal: Journal,
    folder_now: Callable[[], Folder],
    clock: Clock,
    outbox: Outbox | None = None,
) -> Shipper:
    """What brings the bucket of reports up to date. Raises SettingsError, InfluxError."""
    to = server(home, settings)
    found = to.bucket(settings.bucket)
    days = min(settings.raw_days, found.days) if found.days else settings.raw_days
    return Shipper(
        outbox or Outbox(journal, SINK),
        to,
        Bucket(settings.bucket, found.id, days),
        lambda: Placed(folder_now().district, settings.district),
        folder_of(journal),
        clock,
    )


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
