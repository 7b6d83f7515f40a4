"""What the probes of a box are told: targets and ceilings. Frozen; they come from a file on the box."""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

from firstbell.report import Finding, Segment, Status, finding_complaint

GATEWAY = "gateway"
"""The host of a target that means this machine's default gateway, whatever its address is today."""

ANY_STATUS = 0
"""A target whose page may come with any status."""

_MOST_PORT = 65_535
_STATUSES = range(200, 600)


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place to look at. `name` is the label that its reports carry; `host` a name or an address.

    `port` is opened where ICMP gets no answer. `url` is a page to ask for; empty for none. `status` is the
    one that the page comes with: another one is not the target's own word, but of somebody on the way, as a
    filter; 0 for any. Raises ValueError for what can't be one of these.
    """

    name: str
    host: str
    port: int = 443
    segment: Segment = Segment.INTERNET
    url: str = ""
    status: int = ANY_STATUS

    def __post_init__(self) -> None:
        if not self.name or (trouble := finding_complaint(Finding(status=Status.OK, target=self.name))):
            raise ValueError(trouble if self.name else "a target has no name")
        if not self.host:
            raise ValueError(f"the target {self.name} has no host")
        if not 1 <= self.port <= _MOST_PORT:
            raise ValueError(f"the target {self.name} has a port that is none: {self.port}")
        if self.url and not _is_web(self.url):
            raise ValueError(f"the target {self.name} has a url that is no http or https address: {self.url}")
        if self.status != ANY_STATUS and (not self.url or self.status not in _STATUSES):
            raise ValueError(
                f"the target {self.name} has a status that no page of it can have: {self.status}"
            )


EngineName = Literal["own", "iperf3", "librespeed", "ndt7"]
NEEDS_ADDRESS = {"own": "host", "iperf3": "host", "librespeed": "url"}
"""What an engine must be told of its server; ndt7 can find one by itself."""


PLATFORM_TESTS = 40
"""A day, by one box, on the public platform of ndt7: what M-Lab allows an address."""


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server to test against: one `[[servers]]`. `name` is the label that its reports carry.

    `segment` is the part of the way that lies between: `site` to a reference box in the building, `wan` to
    the district, `internet`; never `self`, for by it the coordinator knows which lines a test loads. `port` 0
    is the engine's usual one. `url` is the address of a LibreSpeed server. The public platform of ndt7
    publishes what it measures together with the school's address, so it is asked only with `consent`. With
    `capacity` the class of students is played against it, too (own engine alone). Raises ValueError for what
    can't be one of these.
    """

    name: str
    engine: EngineName = "own"
    host: str = ""
    port: int = 0
    url: str = ""
    segment: Segment = Segment.WAN
    consent: bool = False
    capacity: bool = False

    @property
    def on_platform(self) -> bool:
        """Whether it is the public platform's, which others share and which publishes."""
        return self.engine == "ndt7" and not self.host

    def __post_init__(self) -> None:
        trouble = finding_complaint(Finding(status=Status.OK, target=self.name))
        if not self.name or trouble:
            raise ValueError(trouble or "a server has no name")
        if self.segment is Segment.SELF:
            raise ValueError(
                f"the server {self.name} has segment 'self', but a test loads a line: "
                "say 'site', 'wan' or 'internet'"
            )
        wanted = NEEDS_ADDRESS.get(self.engine)
        if wanted and not getattr(self, wanted):
            raise ValueError(f"the server {self.name} has no {wanted}, which engine {self.engine!r} needs")
        if not 0 <= self.port <= _MOST_PORT:
            raise ValueError(f"the server {self.name} has a port that is none: {self.port}")
        if self.url and not _is_web(self.url):
            raise ValueError(f"the server {self.name} has a url that is no http or https address: {self.url}")
        if self.on_platform and not self.consent:
            raise ValueError(
                f"the server {self.name}: the public platform publishes the school's address with each test; "
                "set consent = true if the district agreed, or name a host of your own"
            )
        if self.capacity and self.engine != "own":
            raise ValueError(f"the server {self.name}: capacity can be tested with engine 'own' alone")


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a probe can be told.

    `interface` is the port that counts; empty for the one that the default route leaves by.
    `internet_secure` is off only for a private test server without TLS. `spool_folder` lies on the disk
    whose free space is watched.
    """

    targets: tuple[Target, ...] = ()
    servers: tuple[Server, ...] = ()
    interface: str = ""
    spool_folder: str = "/"
    internet_max_bytes: int = 500_000_000
    internet_max_seconds: float = 30.0
    internet_memory_bytes: int = 400 << 20
    internet_secure: bool = True


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
