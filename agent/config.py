"""The box's settings: TOML in a file of its own, because settings choose targets. All errors at once."""

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agent.gate import Ceilings
from agent.probes import PROBES
from agent.probes.settings import Target
from firstbell import catalogue
from firstbell import settings as toml
from firstbell.report import AGENT_NAME

DEFAULT_TARGETS = (
    {"name": "gateway", "host": "gateway", "segment": "site"},
    {"name": "google", "host": "www.gstatic.com", "url": "http://www.gstatic.com/generate_204"},
    {"name": "cloudflare", "host": "one.one.one.one", "url": "https://one.one.one.one/"},
)
"""What a box looks at when its file names nothing: two places that a school's filter lets through."""


class BoxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The box itself. `name` is the district's; `timezone` is its place's, else the machine's own."""

    name: str
    timezone: str = ""
    metered: bool = False
    spool: str = "spool.db"
    spool_max_mb: int = 1024


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the broker. With `ca_file` the line is TLS and the broker must show that CA's word.

    `reconnect_s` bounds the wait before connecting again: it starts at random below the first, and doubles
    up to the second, so that a fleet does not come back at one moment.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    reconnect_s: tuple[int, int] = (8, 60)


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for NTP before the collector is asked for the time, in seconds."""

    ask_time_after_s: float = 600.0


class ProbesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which probes are off, and which have a rhythm of their own (seconds; cheap ones only)."""

    off: tuple[str, ...] = ()
    every_s: dict[str, float] = {}
    first_now: bool = False


class InternetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The internet test. `secure = false` is for a private server without TLS."""

    secure: bool = True


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a box."""

    box: BoxSettings
    broker: BrokerSettings = BrokerSettings()
    clock: ClockSettings = ClockSettings()
    probes: ProbesSettings = ProbesSettings()
    targets: tuple[Target, ...] = tuple(msgspec.convert(target, Target) for target in DEFAULT_TARGETS)
    ceilings: Ceilings = Ceilings()
    internet: InternetSettings = InternetSettings()


def read(path: Path) -> Settings:
    """The settings in `path`. Raises SettingsError with everything that is wrong with them."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        advice = "is not there. Name it with --config; `firstbell up` keeps its own in its data folder"
        raise toml.SettingsError(str(path), [f"{advice}, in box/agent.toml"]) from error
    except (OSError, UnicodeError) as error:
        raise toml.SettingsError(str(path), [f"can't be read: {error}"]) from error
    settings = toml.load(str(path), text, Settings)
    complaints = [
        *_box_complaints(settings.box),
        *_probe_complaints(settings.probes),
        *_target_complaints(settings),
    ]
    if complaints:
        raise toml.SettingsError(str(path), complaints)
    return settings


def secret(folder: Path, name: str) -> str:
    """The one line in the file `name`, seen from `folder`; empty without a name. Raises SettingsError."""
    if not name:
        return ""
    path = folder / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise toml.SettingsError(str(path), [f"the password can't be read: {error}"]) from error


def _box_complaints(box: BoxSettings) -> list[str]:
    complaints = []
    if not AGENT_NAME.match(box.name):
        complaints.append("box.name: 3 to 40 of a to z, 0 to 9 and dash, no dash at its ends")
    if box.spool_max_mb < 1:
        complaints.append("box.spool_max_mb: at least 1")
    try:
        ZoneInfo(box.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        complaints.append(f"box.timezone: {box.timezone!r} is no time zone; an example: America/Chicago")
    return complaints


def _probe_complaints(probes: ProbesSettings) -> list[str]:
    known = ", ".join(PROBES)
    complaints = [
        f"probes.off: there is no probe {name!r}; known: {known}" for name in probes.off if name not in PROBES
    ]
    for name, every_s in probes.every_s.items():
        if name not in catalogue.PROBES or catalogue.PROBES[name].heavy:
            complaints.append(f"probes.every_s: {name!r} is no probe with a rhythm")
        elif not 1 <= every_s <= 86_400:  # noqa: PLR2004 - a day
            complaints.append(f"probes.every_s.{name}: from 1 to 86400 seconds")
    return complaints


def _target_complaints(settings: Settings) -> list[str]:
    names = [target.name for target in settings.targets]
    return [f"targets: {name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})]
