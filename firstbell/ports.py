"""What a district's filter has to let through for its boxes, and what breaks where it doesn't. Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec

HTTPS = 443
REFERENCE = 8831
"""The reference server's usual port, TCP and UDP."""

Protocol = Literal["TCP", "UDP", "TCP and UDP", "ICMP"]


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to allow, always outgoing, from the boxes' networks. `port` is 0 for what has none.

    `needed` if no report gets out, or none is in order, without it.
    """

    host: str
    port: int
    protocol: Protocol
    why: str
    without: str
    needed: bool


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `not_to_inspect` are hosts whose TLS no filter may open and sign again."""

    district: str
    openings: tuple[Opening, ...]
    not_to_inspect: tuple[str, ...]


LOOKED_AT = (("www.gstatic.com", 80), ("one.one.one.one", 443))
"""What a box looks at where its settings name no targets (a test holds it to the box's own list)."""


def ports(
    district: str, collector: tuple[str, int], broker: tuple[str, int], references: Sequence[str]
) -> Ports:
    """What boxes need whose pages and broker are at these hosts and ports; `references` are test servers."""
    openings = [
        *_reports(collector, broker),
        *_basics(),
        *(opening for host in references for opening in _reference(host)),
        *_looks(),
    ]
    hosts = tuple(dict.fromkeys([collector[0], broker[0]]))
    return Ports(district=district, openings=tuple(openings), not_to_inspect=hosts)


def _reports(collector: tuple[str, int], broker: tuple[str, int]) -> list[Opening]:
    return [
        Opening(
            host=collector[0],
            port=collector[1],
            protocol="TCP",
            why="HTTPS and WebSocket: boxes get certificates and new versions, and send where MQTT is shut",
            without="no new box gets in, and certificates are not renewed",
            needed=True,
        ),
        Opening(
            host=broker[0],
            port=broker[1],
            protocol="TCP",
            why="MQTT over TLS: reports",
            without="reports go through the port above, in fewer and larger pieces",
            needed=False,
        ),
    ]


def _basics() -> list[Opening]:
    return [
        Opening(
            host="the name servers that DHCP names",
            port=53,
            protocol="TCP and UDP",
            why="DNS: the names on this page",
            without="nothing is found, and nothing gets out",
            needed=True,
        ),
        Opening(
            host="the time servers that DHCP names, else 0.debian.pool.ntp.org to 3.debian.pool.ntp.org",
            port=123,
            protocol="UDP",
            why="NTP: the time of each measurement",
            without="boxes take the collector's time, and no box sees that a server's certificate has ended",
            needed=False,
        ),
    ]


def _reference(host: str) -> list[Opening]:
    return [
        Opening(
            host=host,
            port=REFERENCE,
            protocol="TCP and UDP",
            why="the district's reference server: what a line carries, and for how many students",
            without="the line to the district is not measured, and no answer says what it carries",
            needed=False,
        )
    ]


def _looks() -> list[Opening]:
    looks = [
        Opening(
            host=host,
            port=port,
            protocol="TCP",
            why="a page that boxes ask for every minute, to see whether the internet answers",
            without="the line counts as down, though it is not",
            needed=False,
        )
        for host, port in LOOKED_AT
    ]
    return [
        *looks,
        Opening(
            host="the same hosts, and the box's own gateway",
            port=0,
            protocol="ICMP",
            why="echoes: round trips and loss",
            without="round trips are measured by TCP connections, which tell less",
            needed=False,
        ),
        Opening(
            host="*.speedtest.net and the servers that it names",
            port=8080,
            protocol="TCP",
            why="a speed test four to eight times a day, where the district has no server of its own",
            without="the internet line is not measured",
            needed=False,
        ),
        Opening(
            host="the system's package servers (deb.debian.org, archive.raspberrypi.com)",
            port=HTTPS,
            protocol="TCP",
            why="the system's own updates; by plain HTTP (port 80) where its list of sources says so",
            without="boxes stay as they were delivered, with the faults that become known",
            needed=False,
        ),
    ]
