"""Makes the ways to the collector out of the settings: `agent.uplink` knows lines, this knows files.

The first stands alone where the settings name no collector's pages.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent import config
from agent.config import BrokerSettings, Settings, UplinkSettings
from agent.machine import dates
from agent.machine.machine import Machine
from agent.uplink.ladder import Ladder, Patience, Rung, RungLine
from agent.uplink.mqtt import Broker, MqttLine
from firstbell.settings import SettingsError

if TYPE_CHECKING:
    from agent.enrol import Card
    from agent.machine.proxy import Proxy
    from agent.uplink.way import Way

KEPT = "uplink.json"
"""The file beside the spool that remembers which way carried last."""
_PORT = 443


def ladder(settings: Settings, folder: Path, machine: Machine, beside: Path) -> Ladder:
    """The line of a box: its settings lie in `folder`, its spool in `beside`. Raises SettingsError."""
    told = settings.uplink
    patience = Patience(*told.patience_s, told.again_s)
    return Ladder(makes(settings, folder, machine), machine.clock, machine.random, beside / KEPT, patience)


def makes(settings: Settings, folder: Path, machine: Machine) -> Mapping[Rung, Callable[[], RungLine]]:
    """The ways that these settings allow, best first. Raises SettingsError."""
    told = settings.uplink
    made: dict[Rung, Callable[[], RungLine]] = {}
    direct = broker(settings, folder)

    def any_date() -> bool:
        return dates.unknown(machine.clock.stamp())

    def mqtt(to: Broker) -> RungLine:
        return MqttLine(to, settings.box.name, machine.random, any_date)

    made["mqtt"] = partial(mqtt, direct)
    if told.collector:
        out = _way(settings, folder, direct.ca_file, any_date)
        if direct.tls:
            made["websocket"] = partial(mqtt, replace(direct, way=out))
        if direct.cert_file:
            made["https"] = partial(_https, direct, out, machine)
    allowed = {name: make for name, make in made.items() if name in told.rungs}
    if not allowed:
        raise SettingsError(
            "uplink.rungs", ["none of them can be: WebSocket and HTTPS need the box's certificate (broker)"]
        )
    return allowed


def _https(box: Broker, out: "Way", machine: Machine) -> RungLine:
    from agent.uplink.https import Files, HttpsLine  # noqa: PLC0415 - few boxes need it

    files = Files(Path(box.cert_file or ""), Path(box.key_file or ""), Path(box.ca_file or ""))
    return HttpsLine(out, files, machine.clock, machine.random, box.reconnect_s)


def _way(settings: Settings, folder: Path, ca_file: str | None, any_date: Callable[[], bool]) -> "Way":
    """The way to the collector's pages. Raises SettingsError."""
    from agent.uplink import way  # noqa: PLC0415 - not where MQTT is the only way

    parts = urlsplit(settings.uplink.collector)
    by = proxy(settings.uplink, folder, settings.uplink.collector)
    return way.Way(parts.hostname or "", parts.port or _PORT, ca_file, by, any_date)


def proxy(told: UplinkSettings, folder: Path, url: str, given: str = "") -> "Proxy | None":
    """The proxy to the server of `url`: the settings', else `given` (a card's), else the environment's.

    Raises SettingsError.
    """
    from agent.machine.proxy import proxy_at, proxy_of_environment  # noqa: PLC0415 - as above

    try:
        if told.proxy == "none":
            return None
        if told.proxy:
            password = config.secret(folder, told.proxy_password_file)
            return replace(proxy_at(told.proxy), user=told.proxy_user, password=password)
        return proxy_at(given) if given else proxy_of_environment(urlsplit(url).hostname or "")
    except ValueError as error:
        raise SettingsError("HTTPS_PROXY", [str(error)]) from error


def proxy_of(path: Path, card: "Card") -> "Proxy | None":
    """The proxy to the collector of a box's card; its settings, if there are any yet, are in `path`.

    Raises SettingsError.
    """
    told = config.read(path).uplink if path.exists() else UplinkSettings()
    return proxy(told, path.absolute().parent, card.collector, card.proxy)


def broker(settings: Settings, folder: Path) -> Broker:
    """The broker of these settings, with all files looked at. Raises SettingsError."""
    broker = settings.broker
    certificate, key = _shown(folder, broker)
    return Broker(
        host=broker.host,
        port=broker.port,
        username=broker.username,
        password=config.secret(folder, broker.password_file),
        tls=bool(broker.ca_file),
        ca_file=_ca_file(folder, broker.ca_file),
        cert_file=certificate,
        key_file=key,
        reconnect_s=broker.reconnect_s,
    )


def _ca_file(folder: Path, name: str) -> str | None:
    """The path of the authority to believe. Raises SettingsError if it holds no certificate."""
    if not name:
        return None
    path = folder / name
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:
        raise SettingsError(str(path), [f"broker.ca_file can't be used: {error}"]) from error
    return str(path)


def _shown(folder: Path, broker: BrokerSettings) -> tuple[str | None, str | None]:
    """The paths of the box's own certificate and its key. Raises SettingsError if they can't be shown."""
    if not broker.cert_file:
        return None, None
    certificate, key = folder / broker.cert_file, folder / broker.key_file
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except OSError as error:
        why = error.strerror or error
        raise SettingsError(str(certificate), [f"broker.cert_file, key_file can't be used: {why}"]) from error
    return str(certificate), str(key)
