"""The box's settings: TOML in a file of its own, because settings choose targets. All errors at once."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agent.gate import Ceilings
from agent.probes.settings import Server, Target
from firstbell import catalogue
from firstbell import settings as toml
from firstbell.lease import MOST_TARGETS
from firstbell.report import AGENT_NAME

DEFAULT_TARGETS = (
    {"name": "gateway", "host": "gateway", "segment": "site"},
    {
        "name": "google",
        "host": "www.gstatic.com",
        "url": "http://www.gstatic.com/generate_204",
        "status": 204,
    },
    {"name": "cloudflare", "host": "one.one.one.one", "url": "https://one.one.one.one/"},
)
"""What a box looks at when its file names nothing: two places that a school's filter lets through."""


_MOST_PORT = 65_535
_DAY_S = 86_400


def _told(*rules: tuple[object, str]) -> None:
    """Raise ValueError with the words of each rule that does not hold."""
    broken = [words for holds, words in rules if not holds]
    if broken:
        raise ValueError("; ".join(broken))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


class BoxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The box itself. `name` is the district's; `timezone` is its place's, else the machine's own."""

    name: str
    timezone: str = ""
    metered: bool = False
    spool: str = "spool.db"
    spool_max_mb: int = 1024

    def __post_init__(self) -> None:
        """See that each value can be."""
        _told(
            (AGENT_NAME.match(self.name), "name: 3 to 40 of a to z, 0 to 9 and dash, no dash at its ends"),
            (self.spool_max_mb >= 1, "spool_max_mb: 1 or more"),
            (_is_zone(self.timezone), f"timezone: {self.timezone!r} is none; an example: America/Chicago"),
        )


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the broker. With `ca_file` the line is TLS and the broker must show that CA's word.

    `cert_file` and `key_file` are what the box shows; without them its name and password are.

    `reconnect_s` bounds the wait before connecting again: it starts at random below the first, and doubles
    up to the second, so that a fleet does not come back at one moment.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    reconnect_s: tuple[int, int] = (8, 60)

    def __post_init__(self) -> None:
        """See that each value can be."""
        _told(
            (1 <= self.port <= _MOST_PORT, f"port: from 1 to {_MOST_PORT}"),
            (bool(self.cert_file) == bool(self.key_file), "cert_file and key_file go together"),
            (
                not self.cert_file or self.ca_file,
                "cert_file: it needs a ca_file, whose word the broker shows",
            ),
            (
                1 <= self.reconnect_s[0] <= self.reconnect_s[1],
                "reconnect_s: two numbers from 1 on, the lower first",
            ),
        )


class UplinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The ways to the collector where MQTT does not get out (docs/uplink.md). Without `collector`: none.

    `collector` is the address of its pages (https). `rungs` are the ways that may be taken. The proxy is that
    of the environment (HTTPS_PROXY) unless `proxy` names one; `none` is none. Where nothing got through for a
    time between the two of `patience_s` another way is taken; better ones are felt for about every `again_s`.
    """

    collector: str = ""
    rungs: tuple[Literal["mqtt", "websocket", "https"], ...] = ("mqtt", "websocket", "https")
    proxy: str = ""
    proxy_user: str = ""
    proxy_password_file: str = ""
    patience_s: tuple[float, float] = (180.0, 300.0)
    again_s: Annotated[float, msgspec.Meta(ge=1, le=_DAY_S)] = 3600.0

    def __post_init__(self) -> None:
        """See that each value can be."""
        _told(
            (
                not self.collector or _is_address(self.collector, "https"),
                "collector: an address such as https://firstbell.example.org:8830",
            ),
            (
                self.proxy in {"", "none"} or _is_address(self.proxy, "http"),
                "proxy: an address such as http://proxy.example.org:3128 (its user: proxy_user), or none",
            ),
            (bool(self.proxy_user) == bool(self.proxy_password_file), "proxy_user: with proxy_password_file"),
            (not self.proxy_user or self.proxy not in {"", "none"}, "proxy_user: with proxy"),
            (self.rungs and len({*self.rungs}) == len(self.rungs), "rungs: each once, and at least one"),
            ("mqtt" in self.rungs or self.collector, "rungs: without mqtt a collector is needed"),
            (
                1 <= self.patience_s[0] <= self.patience_s[1] <= _DAY_S,
                "patience_s: two numbers from 1 on, the lower first",
            ),
        )


def _is_address(url: str, scheme: str) -> bool:
    """Whether it names a server and nothing on it, and no user."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises where it is none
    except ValueError:
        return False
    return parts.scheme == scheme and bool(parts.hostname) and "@" not in url and parts.path in {"", "/"}


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for NTP before the collector is asked for the time, in seconds."""

    ask_time_after_s: float = 600.0

    def __post_init__(self) -> None:
        """See that the value can be."""
        _told((0 <= self.ask_time_after_s <= _DAY_S, f"ask_time_after_s: from 0 to {_DAY_S}"))


class ProbesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which probes are off, and which have a rhythm of their own (seconds; cheap ones only)."""

    off: tuple[str, ...] = ()
    every_s: dict[str, float] = {}
    first_now: bool = False

    def __post_init__(self) -> None:
        """See that each value can be."""
        known, cheap = (
            {*catalogue.PROBES},
            {name for name, spec in catalogue.PROBES.items() if not spec.heavy},
        )
        _told(
            ({*self.off} <= known, f"off: known are {', '.join(sorted(known))}"),
            ({*self.every_s} <= cheap, f"every_s: probes with a rhythm are {', '.join(sorted(cheap))}"),
            (
                all(1 <= s <= _DAY_S for s in self.every_s.values()),
                f"every_s: from 1 to {_DAY_S} seconds each",
            ),
        )


class LeaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who says when this box may load the line, within its own ceilings.

    `coordinator`: the collector, who knows what else loads it, and without whose word no heavy test runs.
    `box`: nobody but itself; only for a box that has its line for itself.
    """

    by: Literal["coordinator", "box"] = "coordinator"


class InternetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The internet test. `secure = false` is for a private server without TLS."""

    secure: bool = True


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a box."""

    box: BoxSettings
    broker: BrokerSettings = BrokerSettings()
    uplink: UplinkSettings = UplinkSettings()
    clock: ClockSettings = ClockSettings()
    probes: ProbesSettings = ProbesSettings()
    targets: tuple[Target, ...] = tuple(msgspec.convert(target, Target) for target in DEFAULT_TARGETS)
    servers: tuple[Server, ...] = ()
    lease: LeaseSettings = LeaseSettings()
    ceilings: Ceilings = Ceilings()
    internet: InternetSettings = InternetSettings()

    def __post_init__(self) -> None:
        """See that no two targets or servers share a name, by which their reports are told apart."""
        names = [target.name for target in self.targets]
        doubles = sorted({name for name in names if names.count(name) > 1})
        servers = [server.name for server in self.servers]
        twice = sorted({name for name in servers if servers.count(name) > 1})
        _told(
            (not doubles, f"targets: {', '.join(doubles)} stands twice"),
            (not twice, f"servers: {', '.join(twice)} stands twice"),
            (len(servers) <= MOST_TARGETS, f"servers: at most {MOST_TARGETS}"),
        )


def read(path: Path) -> Settings:
    """The settings in `path`. Raises SettingsError with everything that is wrong with them."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        advice = "is not there. Name it with --config; `firstbell up` keeps its own in its data folder"
        raise toml.SettingsError(str(path), [f"{advice}, in box/agent.toml"]) from error
    except (OSError, UnicodeError) as error:
        raise toml.SettingsError(str(path), [f"can't be read: {error}"]) from error
    return toml.load(str(path), text, Settings)


def secret(folder: Path, name: str) -> str:
    """The one line in the file `name`, seen from `folder`; empty without a name. Raises SettingsError."""
    if not name:
        return ""
    path = folder / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise toml.SettingsError(str(path), [f"the password can't be read: {error}"]) from error
