"""Where the district's data lies, and the collector's settings.

One folder holds everything that `firstbell` keeps; settings are TOML in it, and every error in them is
told at once (`firstbell.settings`).
"""

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname
from typing import Annotated

import msgspec
import platformdirs

from collector.clock import Clock, StillClock, SystemClock
from firstbell import settings as toml

DATA_VARIABLE = "FIRSTBELL_DATA"
WEB_PORT = 8830
"""School begins at half past eight. Taken on this machine, the system chooses another one."""
_MOST_PORT = 65_535


@dataclass(frozen=True)
class Home:
    """The data folder and what lies where in it."""

    folder: Path

    @property
    def journal(self) -> Path:
        """The record of all reports."""
        return self.folder / "journal.db"

    @property
    def district(self) -> Path:
        """The district folder: schools, circuits, seats."""
        return self.folder / "district"

    @property
    def settings(self) -> Path:
        """The collector's settings."""
        return self.folder / "collector.toml"

    @property
    def served_at(self) -> Path:
        """The port at which the collector that runs serves its pages; it may be another one than was set."""
        return self.folder / "web.port"

    @property
    def broker(self) -> Path:
        """The embedded broker's folder (only after `firstbell up`)."""
        return self.folder / "broker"

    @property
    def box(self) -> Path:
        """The folder of the box on this machine (only after `firstbell up`)."""
        return self.folder / "box"

    @property
    def demo_file(self) -> Path:
        """The mark of a demo's home."""
        return self.folder / "demo.json"

    @property
    def demo(self) -> "Demo | None":
        """The demo that lives here; None in a real district's home. Raises SettingsError."""
        try:
            return msgspec.json.decode(self.demo_file.read_bytes(), type=Demo)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise toml.SettingsError(str(self.demo_file), [f"is no demo's mark: {error}"]) from error

    @property
    def clock(self) -> Clock:
        """The time that questions are asked at; a demo's stands still, so that it never grows old."""
        demo = self.demo
        return StillClock(demo.as_of_ns) if demo else SystemClock()

    @property
    def logs(self) -> Path:
        """What the children of `firstbell up` said."""
        return self.folder / "logs"


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulated district was made from; the same makes the same. At `as_of_ns` it stands still."""

    seed: int
    schools: int
    days: int
    as_of_ns: int
    finished: bool = False


def home(folder: str | None) -> Home:
    """The data folder: as asked for, else as the environment says, else the user's own."""
    chosen = folder or os.environ.get(DATA_VARIABLE) or platformdirs.user_data_path("firstbell")
    return Home(Path(chosen).expanduser().absolute())


def demo_home(folder: str | None) -> Home:
    """A demo's data folder: as asked for, else a sibling of the data folder that would be used."""
    real = home(folder).folder
    return Home(real if folder else real.with_name(f"{real.name}-demo"))


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the broker. With `ca_file` the line is TLS and the broker must show that CA's word.

    `cert_file` and `key_file` are what the collector shows; without them its name and password are.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def __post_init__(self) -> None:
        """See that each value can be."""
        if not 1 <= self.port <= _MOST_PORT:
            raise ValueError(f"port: from 1 to {_MOST_PORT}")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together")
        if self.cert_file and not self.ca_file:
            raise ValueError("cert_file: it needs a ca_file, whose word the broker shows")


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where pages, API, /healthz and /metrics are served. Port 0 lets the system choose.

    At any `host` but loopback whoever asks needs a token, and TLS with `cert_file` and `key_file` (PEM, seen
    from the data folder) is a must, because tokens mean nothing on a line that others can read.
    """

    host: str = "127.0.0.1"
    port: int = WEB_PORT
    cert_file: str = ""
    key_file: str = ""

    def __post_init__(self) -> None:
        """See that the port can be one."""
        if not 0 <= self.port <= _MOST_PORT:
            raise ValueError(f"port: from 0 to {_MOST_PORT}")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together")
        if not self.on_loopback and not self.cert_file:
            raise ValueError(
                f"host: {self.host} is reached from other machines, so cert_file and key_file must be set "
                "(docs/pages.md says how); 127.0.0.1 needs neither"
            )

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def url(self, port: int) -> str:
        """What to type into a browser."""
        try:
            address = ip_address(self.host)
        except ValueError:
            name = self.host
        else:
            name = gethostname() if address.is_unspecified else self.host
            name = f"[{name}]" if ":" in name else name
        return f"http{'s' if self.cert_file else ''}://{name}:{port}/"


class InfluxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where reports go on to; without a `url` they go nowhere. `firstbell influx setup` writes this table.

    `district` is the name that points bear; "" the folder's own. The bucket of reports keeps them for
    `raw_days`, that of roll-ups those of hours for `hourly_days` and those of days for `daily_days`.
    """

    url: str = ""
    org: str = "firstbell"
    bucket: str = "firstbell"
    token_file: str = "influx.token"  # noqa: S105 - a file's name
    ca_file: str = ""
    district: str = ""
    raw_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 90
    hourly_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 730
    daily_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 1826

    def __post_init__(self) -> None:
        """See that the address can be one."""
        if self.url and not self.url.startswith(("http://", "https://")):
            raise ValueError("url: begins with http:// or https://, as http://127.0.0.1:8086")
        if "@" in self.url:
            raise ValueError("url: no user and password in it; the token is what InfluxDB asks for")
        if not self.bucket or "/" in self.bucket or '"' in self.bucket or "\\" in self.bucket:
            raise ValueError(
                "bucket: a name without / and quotes (a / would part it into database and policy)"
            )

    @property
    def spare(self) -> str:
        """The bucket in which `firstbell influx rebuild` makes the other anew."""
        return f"{self.bucket}_spare"

    @property
    def rollups(self) -> str:
        """The bucket of hourly and daily sums."""
        return f"{self.bucket}_rollups"


class EnrolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where cards send boxes: the collector's pages (https), and the broker, as schools reach them.

    `pages` is where labels send people; "" the same as boxes. Boxes believe the authority on their card, and
    phones the web's: a proxy with such a certificate may stand before the pages. `proxy` is through whom
    boxes' HTTPS leaves the schools, where that is needed.
    """

    collector: str = ""
    pages: str = ""
    broker: str = ""
    broker_port: Annotated[int, msgspec.Meta(ge=1, le=_MOST_PORT)] = 8883
    proxy: str = ""

    def __post_init__(self) -> None:
        """See that the address can be one."""
        if self.proxy and not _PROXY.fullmatch(self.proxy):
            raise ValueError("proxy: an address such as http://proxy.example.org:3128")
        if any(each and not each.startswith("https://") for each in (self.collector, self.pages)):
            raise ValueError("collector, pages: begin with https://")
        if self.broker.count(":") == 1:
            raise ValueError("broker: a name or an address alone; its port is broker_port")
        if any(sign in f"{self.collector}{self.pages}{self.broker}" for sign in '"\\\n'):
            raise ValueError("collector, broker: an address and a name, without quotes")


class KeepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where whole backups go, off this machine, and how long they stay there; without a `repository` nowhere.

    `repository` is in restic's words: a folder, `sftp:USER@HOST:/FOLDER`, `rest:https://...`, `s3:...`. Of
    each of the last `daily` days, `weekly` weeks and `monthly` months the newest stays. Every
    `read_back_days` the journal is read back whole and counted (0: each time).
    """

    repository: str = ""
    password_file: str = "backup.password"  # noqa: S105 - a file's name
    environment_file: str = ""
    daily: Annotated[int, msgspec.Meta(ge=1, le=366)] = 7
    weekly: Annotated[int, msgspec.Meta(ge=0, le=520)] = 4
    monthly: Annotated[int, msgspec.Meta(ge=0, le=120)] = 12
    read_back_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 7
    late_hours: Annotated[int, msgspec.Meta(ge=2, le=720)] = 48

    def __post_init__(self) -> None:
        """See that the place can be one."""
        if self.repository and not (self.repository.startswith("/") or ":" in self.repository):
            raise ValueError("repository: a folder from / on, or sftp:, rest: or s3: and a place")
        if re.search(r"//[^/]*:[^/]*@", self.repository):
            raise ValueError(
                "repository: no password in it; the file that environment_file names has lines for it, "
                "RESTIC_REST_USERNAME=... and RESTIC_REST_PASSWORD=..."
            )
        if self.repository and not self.password_file:
            raise ValueError("password_file: backups hold secrets, so they are encrypted with one")


_PROXY = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?")
_MACHINE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")


class DeploySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Ansible reaches the district's machines: what `firstbell district inventory` can't know else.

    A box is NAME.`domain`, or NAME alone; whoever deploys logs in as `user`, or as Ansible does by itself.
    `server` is the collector's machine, where that is another name than boxes call it by. With an InfluxDB
    of its own it has a Grafana, too, and `grafana` says whether that is installed, or others do so.
    """

    domain: str = ""
    user: str = ""
    server: str = ""
    pilot: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    grafana: bool = True

    def __post_init__(self) -> None:
        """See that each can be what it is called: these words reach a command line."""
        names = [("domain", self.domain), ("server", self.server)]
        names += [("reference", name) for name in self.reference]
        for key, name in names:
            if name and not _MACHINE.match(name):
                raise ValueError(f"{key}: {name[:60]!r} is no machine's name")
        if self.user and not _USER.match(self.user):
            raise ValueError(f"user: {self.user[:60]!r} is no user's name")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of the collector."""

    broker: BrokerSettings = BrokerSettings()
    web: WebSettings = WebSettings()
    influx: InfluxSettings = InfluxSettings()
    enrol: EnrolSettings = EnrolSettings()
    keep: KeepSettings = KeepSettings()
    deploy: DeploySettings = DeploySettings()


def read(path: Path) -> Settings:
    """The settings in `path`; the defaults if there is no such file. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeError) as error:
        raise toml.SettingsError(str(path), [f"can't be read: {error}"]) from error
    return toml.load(str(path), text, Settings)


def environment(name: str) -> str:
    """What the environment says of `name`; "" where it says nothing."""
    return os.environ.get(name, "").strip()


def secret(folder: Path, name: str) -> str:
    """The one line in the file `name`, seen from `folder`; empty without a name. Raises SettingsError."""
    if not name:
        return ""
    path = folder / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise toml.SettingsError(str(path), [f"the password can't be read: {error}"]) from error


def program(used: Home) -> str:
    """The command as it can be typed here, with the data folder where it isn't found by itself."""
    name, found = "firstbell", shutil.which("firstbell")
    beside = Path(sys.executable).with_name(name)
    if beside.exists() and not (found and beside.samefile(found)):
        here = Path.cwd()
        name = str(beside.relative_to(here) if beside.is_relative_to(here) else beside)
    name = shlex.quote(name)
    return name if used == home(None) else f"{name} --data {shlex.quote(str(used.folder))}"
