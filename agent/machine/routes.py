"""Which way leads out of this machine, and what it hangs on: read from the kernel's own tables (Linux)."""

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple

from agent.machine.files import Files
from firstbell.report import Medium

_UP_BY_GATEWAY = 0x3
"""RTF_UP and RTF_GATEWAY of <linux/route.h>."""
_ARPHRD_ETHER = 1
_WIFI_NAMES = ("wl", "wi-fi", "wlan", "wireless")
_V4_COLUMNS, _V6_COLUMNS = 8, 10


class Route(NamedTuple):
    """The default way out: by which interface, and to whom. Neither ever goes into a report."""

    interface: str
    gateway: str


def default_route(files: Files) -> Route | None:
    """The IPv4 default route with the lowest metric, else IPv6's; None if nothing leads out."""
    routes = sorted(_v4_routes(files)) or sorted(_v6_routes(files))
    return routes[0][1] if routes else None


def default_interface(files: Files) -> str:
    """The interface of the default route; empty if nothing leads out."""
    route = default_route(files)
    return route.interface if route else ""


def medium(files: Files, interface: str) -> Medium | None:
    """What `interface` is; None for one that is neither Ethernet nor Wi-Fi, or that nothing is known of."""
    folder = f"/sys/class/net/{interface}"
    entries = files.names(folder)
    if "wireless" in entries or "phy80211" in entries:
        return Medium.WIFI
    if entries:
        return Medium.WIRED if files.number(f"{folder}/type") == _ARPHRD_ETHER else None
    # No /sys (Windows): the system's own names for its ports say it. macOS names both en0.
    return Medium.WIFI if interface.lower().startswith(_WIFI_NAMES) else None


def _v4_routes(files: Files) -> Iterator[tuple[int, Route]]:
    for columns in _rows(files, "/proc/net/route", _V4_COLUMNS):
        interface, destination, gateway, flags, _, _, metric, mask = columns[:_V4_COLUMNS]
        if int(destination, 16) == int(mask, 16) == 0 and int(flags, 16) & _UP_BY_GATEWAY == _UP_BY_GATEWAY:
            # The kernel prints the address as a number in the machine's own order of bytes.
            address = ipaddress.IPv4Address(bytes.fromhex(gateway)[::-1])
            yield int(metric), Route(interface, str(address))


def _v6_routes(files: Files) -> Iterator[tuple[int, Route]]:
    for columns in _rows(files, "/proc/net/ipv6_route", _V6_COLUMNS):
        destination, prefix, _, _, gateway, metric, _, _, flags, interface = columns[:_V6_COLUMNS]
        if int(destination, 16) == int(prefix, 16) == 0 and int(flags, 16) & _UP_BY_GATEWAY == _UP_BY_GATEWAY:
            address = ipaddress.IPv6Address(bytes.fromhex(gateway))
            scope = f"%{interface}" if address.is_link_local else ""
            yield int(metric, 16), Route(interface, f"{address}{scope}")


def _rows(files: Files, path: str, columns: int) -> Iterator[list[str]]:
    for line in (files.text(path) or "").splitlines():
        row = line.split()
        if len(row) >= columns and row[0] != "Iface":
            yield row
