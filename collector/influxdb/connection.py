"""How InfluxDB is reached: by the settings, with the collector's own token."""

from pathlib import Path

from collector import config
from collector.config import Home, InfluxSettings
from collector.sinks.answers import InfluxError
from collector.sinks.influx import Address, Server
from collector.store.outbox import INFLUX
from firstbell.settings import SettingsError

SINK, ROLLUPS = INFLUX, f"{INFLUX} rollups"


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
    if ca_file and not Path(ca_file).is_file():
        raise SettingsError(settings.url, [f"influx.ca_file: {ca_file} is not there"])
    found = token or config.secret(home.folder, settings.token_file)
    if not found:
        raise SettingsError(settings.url, ["the token is empty"])
    if not found.isascii() or not found.isprintable() or " " in found:
        raise SettingsError(
            settings.url, ["the token is one line of letters, digits and signs, without spaces"]
        )
    return Address(settings.url, settings.org, found, ca_file)


def server(home: Home, settings: InfluxSettings) -> Server:
    """A connection. Raises SettingsError, InfluxError."""
    return Server(address(home, settings))


def trouble_now(home: Home, settings: InfluxSettings) -> str:
    """Why InfluxDB can't be asked for its bucket just now; "" where it can."""
    try:
        to = server(home, settings)
        to.bucket(settings.bucket)
        to.close()
    except (SettingsError, InfluxError) as error:
        return str(error)
    return ""
