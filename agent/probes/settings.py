"""What the probes of a box are told: targets and ceilings. Frozen; they come from a file on the box."""

from urllib.parse import urlsplit

import msgspec

from firstbell.report import Finding, Segment, Status, finding_complaint

GATEWAY = "gateway"
"""The host of a target that means this machine's default gateway, whatever its address is today."""

_MOST_PORT = 65_535


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place to look at. `name` is the label that its reports carry; `host` a name or an address.

    `port` is opened where ICMP gets no answer. `url` is a page to ask for; empty for none. Raises
    ValueError for what can't be one of these.
    """

    name: str
    host: str
    port: int = 443
    segment: Segment = Segment.INTERNET
    url: str = ""

    def __post_init__(self) -> None:
        if not self.name or (trouble := finding_complaint(Finding(status=Status.OK, target=self.name))):
            raise ValueError(trouble if self.name else "a target has no name")
        if not self.host:
            raise ValueError(f"the target {self.name} has no host")
        if not 1 <= self.port <= _MOST_PORT:
            raise ValueError(f"the target {self.name} has a port that is none: {self.port}")
        if self.url and not _is_web(self.url):
            raise ValueError(f"the target {self.name} has a url that is no http or https address: {self.url}")


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a probe can be told.

    `interface` is the port that counts; empty for the one that the default route leaves by.
    `internet_secure` is off only for a private test server without TLS. `spool_folder` lies on the disk
    whose free space is watched.
    """

    targets: tuple[Target, ...] = ()
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
