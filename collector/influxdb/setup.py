"""`firstbell influx setup`: buckets, mappings and tokens, made once and found again afterwards."""

from contextlib import closing
from typing import Literal

import msgspec

from collector import config, entering
from collector.config import Home, InfluxSettings
from collector.influxdb import connection
from collector.sinks import setup
from collector.sinks.answers import StoppedError
from collector.sinks.influx import Server
from collector.sinks.setup import Ready, Wanted
from firstbell.settings import SettingsError


class MadeReady(msgspec.Struct, frozen=True, kw_only=True):
    """What `firstbell influx setup` did; `grafana_token` is "" where there was one before.

    It is, too, where it was written into a file, which is `grafana_token_in` then.
    """

    url: str
    org: str
    buckets: tuple[Ready, ...]
    district: str
    collector_token: Literal["made", "kept"]
    grafana_token: str
    grafana_token_in: str = ""


def entered(home: Home, given: dict[str, str]) -> InfluxSettings:
    """The settings as they are, with what was given where nothing is entered yet. Raises SettingsError."""
    settings = config.read(home.settings).influx
    if not settings.url:
        if "url" not in given:
            raise SettingsError(str(home.settings), ["no InfluxDB is named: say --url http://HOST:8086"])
        try:
            return msgspec.convert({**msgspec.to_builtins(settings), **given}, InfluxSettings)
        except msgspec.ValidationError as error:
            raise SettingsError("influx setup", [str(error)]) from None
    differing = [name for name, value in given.items() if getattr(settings, name) != value]
    if differing:
        said = ", ".join(f"influx.{name} = {getattr(settings, name)!r}" for name in differing)
        raise SettingsError(
            str(home.settings),
            [f"says {said}, which is not overwritten: change it there, then run this again"],
        )
    return settings


def make_ready(
    home: Home,
    settings: InfluxSettings,
    server: Server,
    district: str,
    *,
    new_tokens: bool,
    new_boards: bool = False,
) -> MadeReady:
    """Make the InfluxDB ready for a district, by the operator's token, and enter it into the settings.

    `new_boards` makes Grafana's token anew, and leaves the collector's. Raises InfluxError, OSError.
    """
    org_id = setup.organisation(server)
    setup.finish_swap(server, settings.bucket, settings.spare)
    wanted = (
        Wanted(settings.bucket, settings.raw_days, district),
        Wanted(settings.spare, settings.raw_days, district),
        Wanted(settings.rollups, settings.daily_days, district),
    )
    buckets = tuple(setup.bucket(server, org_id, one) for one in wanted)
    ids = [one.id for one in buckets]
    collector = f"First Bell, collector of {district}, bucket {settings.bucket}"
    boards = f"First Bell, boards of {district}, bucket {settings.bucket}"
    _enter(home, settings)
    again = (collector, boards) if new_tokens else (boards,) if new_boards else ()
    before = setup.tokens(server, org_id, *again) if again else []
    lost = new_tokens or not _still_good(home, settings)
    if lost:
        made = setup.token(server, org_id, collector, ids, ("read", "write"))
        entering.write_secret(home.folder, settings.token_file, made)
    known = not again and setup.has_token(server, org_id, boards, ids, ("read",))
    grafanas = "" if known else setup.token(server, org_id, boards, ids, ("read",))
    setup.revoke(server, before)
    return MadeReady(
        url=settings.url,
        org=settings.org,
        buckets=buckets,
        district=district,
        collector_token="made" if lost else "kept",
        grafana_token=grafanas,
    )


def _still_good(home: Home, settings: InfluxSettings) -> bool:
    """Whether the collector's token is here, and may still look at all three buckets."""
    if not (home.folder / settings.token_file).exists():
        return False
    try:
        with closing(connection.server(home, settings)) as mine:
            found = [mine.look_for(name) for name in (settings.bucket, settings.spare, settings.rollups)]
    except (SettingsError, StoppedError):
        return False
    return all(one is not None for one in found)


def _enter(home: Home, settings: InfluxSettings) -> None:
    """Write the table into collector.toml, where none is yet. Raises OSError."""
    if not config.read(home.settings).influx.url:
        texts = ("url", "org", "bucket", "token_file", "ca_file", "district")
        table = {key: getattr(settings, key) for key in texts if getattr(settings, key)}
        entering.add_to_table(home.settings, "influx", table)
