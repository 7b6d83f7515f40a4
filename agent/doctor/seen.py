"""What `looks` saw, as plain values: `judge` knows nothing else."""

from enum import StrEnum

import msgspec

from agent.machine.dial import Dial, Tls
from agent.machine.sntp import Told


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page over plain HTTP, which tells who answers there. `status` 0 is any (nobody need serve it)."""

    url: str
    status: int


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """Where this box's reports go, and what else to look at.

    `collector` is an https address, "" where the box does not know it yet; `ca_file` whom to believe there
    and at the broker (None: whom the system believes).
    """

    broker: str
    broker_port: int
    broker_tls: bool = True
    collector: str = ""
    ca_file: str | None = None
    pages: tuple[Page, ...] = ()


class Asked(StrEnum):
    """How a name was answered."""

    FOUND = "found"
    UNKNOWN = "unknown"
    """A name server says that there is no such name."""
    SILENT = "silent"
    """No name server answered."""
    WRONG = "wrong"
    """The answer is an address that can be nobody's, as 0.0.0.0: a filter's way to say no."""


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A name and its addresses."""

    host: str
    asked: Asked
    addresses: tuple[str, ...] = ()


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What was shown in place of the district's certificate: who signed it, and its SHA-256 in hex."""

    issuer: str
    sha256: str


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """How a port of the district's answers. `dial` is None where there was no address to try.

    `proxy` is the one that it was tried through, "" for none; `proxied` the status with which the proxy
    refused, 0 where it did not.
    """

    host: str
    port: int
    dial: Dial | None = None
    tls: Tls | None = None
    certificate: Certificate | None = None
    proxy: str = ""
    proxied: int = 0

    @property
    def ours(self) -> bool:
        """Whether the district's own server was reached there."""
        return self.dial is Dial.OPEN and self.tls in {Tls.OURS, None} and not self.proxied


class Web(msgspec.Struct, frozen=True, kw_only=True):
    """What the collector's pages answered: HTTP's status (0: nothing), how far its clock is ahead of ours."""

    status: int = 0
    ahead_s: float | None = None


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking for a WebSocket: what was wrong, "" if all was well.

    `status` is HTTP's, where it was refused with one; else 0.
    """

    trouble: str = ""
    status: int = 0


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """What a page over plain HTTP answered: a status (0: nothing), and where it leads on to."""

    url: str
    wanted: int
    status: int = 0
    leads_to: str = ""


class TimeServer(msgspec.Struct, frozen=True, kw_only=True):
    """A time server of this machine's; `told` is None where its name has no address."""

    server: str
    told: Told | None = None
    ahead_s: float | None = None


class Knocks(msgspec.Struct, frozen=True, kw_only=True):
    """Connections to one port, one after the other: which of them came about."""

    host: str
    port: int
    came: tuple[bool, ...] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was seen. What was not looked at is None or empty.

    `tried` is what came of sending by each way, as `firstbell-agent check` tries them (`broker`, `websocket`,
    `https`): what was wrong, "" if nothing was. `proxy` is the place of the one that leads to the pages;
    `proxy_dial` how it answers.
    """

    ways: Ways
    route: bool = True
    name_servers: tuple[str, ...] = ()
    names: tuple[Name, ...] = ()
    proxy: str = ""
    proxy_dial: Dial | None = None
    broker: Door
    pages: Door | None = None
    web: Web | None = None
    upgrade: Upgrade | None = None
    plain: tuple[Plain, ...] = ()
    time_servers: tuple[TimeServer, ...] = ()
    synchronised: bool = False
    knocks: tuple[Knocks, ...] = ()
    tried: dict[str, str] | None = None
