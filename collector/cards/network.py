"""The network that boxes find at their schools: VLAN, 802.1X, Wi-Fi; for netplan and for NetworkManager.

Read from a file of its own (`--network`), because it names files with passwords. What comes of it goes onto
the boxes' cards alone, never into a list or onto a label.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from firstbell import settings as toml
from firstbell.district import District
from firstbell.settings import SettingsError

Vlan = Annotated[int, msgspec.Meta(ge=1, le=4094)]
Files = dict[str, str]

WIRE, RADIO = "eth0", "wlan0"
AUTHORITY = "/boot/firmware/firstbell/radius-ca.pem"
"""Where the authority of the 802.1X server lies: on the partition that is there before any network is."""


class Dot1x(msgspec.Struct, frozen=True, kw_only=True):
    """How boxes sign in at a switch: one name and password for all of them.

    `password_file` and `ca_file` (PEM, of the server that asks) are seen from the folder of the settings.
    """

    identity: str
    password_file: str
    method: Literal["peap", "ttls"] = "peap"
    ca_file: str


class Wifi(msgspec.Struct, frozen=True, kw_only=True):
    """The network of boxes whose seat says `wifi`. Without a `password_file` it is an open one."""

    ssid: str
    password_file: str = ""
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] = "US"


class AtSchool(msgspec.Struct, frozen=True, kw_only=True):
    """What is different at one school; 0 for no VLAN there."""

    vlan: Annotated[int, msgspec.Meta(ge=0, le=4094)]


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """The file. Without anything in it boxes take what they are given by DHCP, on the wire."""

    vlan: Vlan | None = None
    dot1x: Dot1x | None = None
    wifi: Wifi | None = None
    schools: dict[str, AtSchool] = {}


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What one box needs to get onto its network; passwords in plain text. `authority` is a PEM text."""

    vlan: int = 0
    identity: str = ""
    password: str = ""
    method: str = ""
    authority: str = ""
    ssid: str = ""
    wifi_password: str = ""
    country: str = ""


def read(path: Path, district: District) -> Callable[[str, bool], Way]:
    """What the file says: the way of a box by its school, and whether by Wi-Fi. Raises SettingsError."""
    told = toml.load(str(path), _text(path), Network)
    _see_that_they_are_there(path, told.schools, district)
    dot1x, wifi, folder = told.dot1x, told.wifi, path.parent
    wire, radio = Way(), None
    if dot1x:
        wire = Way(
            identity=_plain(path, "dot1x.identity", dot1x.identity),
            password=_secret(folder / dot1x.password_file),
            method=dot1x.method,
            authority=_text(folder / dot1x.ca_file),
        )
    if wifi:
        password = _secret(folder / wifi.password_file) if wifi.password_file else ""
        name = _plain(path, "wifi.ssid", wifi.ssid)
        radio = Way(ssid=name, wifi_password=password, country=wifi.country)

    def way(school: str, by_wifi: bool) -> Way:
        if by_wifi:
            if radio is None:
                raise SettingsError(str(path), [f"says no [wifi], and a box of {school} stands on Wi-Fi"])
            return radio
        here = told.schools.get(school)
        return msgspec.structs.replace(wire, vlan=here.vlan if here else told.vlan or 0)

    return way


def _see_that_they_are_there(path: Path, named: Iterable[str], district: District) -> None:
    """A mistyped school would give its boxes everybody else's VLAN."""
    known = {school.id for school in district.schools}
    wrong = []
    for name in named:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            wrong.append(
                f"schools.{name}: no school has this id" + (f"; did you mean {near[0]}?" if near else "")
            )
    if wrong:
        raise SettingsError(str(path), wrong)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise SettingsError(str(path), [f"can't be read: {error}"]) from error


def _secret(path: Path) -> str:
    return _plain(path, "the password", _text(path).rstrip("\r\n"))


def _plain(path: Path, what: str, text: str) -> str:
    if not text or not text.isprintable():
        raise SettingsError(str(path), [f"{what}: one line of letters, digits and signs"])
    return text


# --- netplan: Raspberry Pi OS of Trixie (network-config of cloud-init) ----------------------------------


_GIVEN = {"dhcp4": True, "dhcp6": True}
"""Addresses as the network gives them, of both kinds; without the second IPv6 would be off."""


def netplan(way: Way) -> dict[str, Any]:
    """The network as cloud-init's `network-config` and netplan have it, version 2."""
    if way.ssid:
        point = {"password": way.wifi_password} if way.wifi_password else {}
        radio = {
            **_GIVEN,
            "optional": True,
            "regulatory-domain": way.country,
            "access-points": {way.ssid: point},
        }
        return {"network": {"version": 2, "wifis": {RADIO: radio}}}
    wire: dict[str, Any] = {"optional": True, **({"link-local": []} if way.vlan else _GIVEN)}
    if way.identity:
        wire["auth"] = {
            "key-management": "802.1x",
            "method": way.method,
            "identity": way.identity,
            "password": way.password,
            "phase2-auth": "mschapv2",  # in small letters: NetworkManager refuses netplan's own MSCHAPV2
            "ca-certificate": AUTHORITY,
        }
    found: dict[str, Any] = {"version": 2, "ethernets": {WIRE: wire}}
    if way.vlan:
        found["vlans"] = {f"{WIRE}.{way.vlan}": {"id": way.vlan, "link": WIRE, **_GIVEN}}
    return {"network": found}


# --- keyfiles: Raspberry Pi OS of Bookworm (NetworkManager) ---------------------------------------------


def keyfiles(way: Way) -> Files:
    """The network as NetworkManager's keyfiles, by name."""
    if way.ssid:
        return {"firstbell-wifi.nmconnection": _radio(way)}
    wire: dict[str, dict[str, str]] = {
        "connection": {"id": "firstbell-wire", "type": "ethernet", "interface-name": WIRE},
        "ipv4": {"method": "disabled" if way.vlan else "auto"},
        "ipv6": {"method": "disabled" if way.vlan else "auto"},
    }
    if way.identity:
        wire["802-1x"] = {
            "eap": f"{way.method};",
            "identity": way.identity,
            "password": way.password,
            "phase2-auth": "mschapv2",
            "ca-cert": AUTHORITY,
        }
    found = {"firstbell-wire.nmconnection": _keyfile(wire)}
    if way.vlan:
        found["firstbell-vlan.nmconnection"] = _keyfile(
            {
                "connection": {
                    "id": "firstbell-vlan",
                    "type": "vlan",
                    "interface-name": f"{WIRE}.{way.vlan}",
                },
                "vlan": {"id": str(way.vlan), "parent": WIRE, "flags": "1"},
                "ipv4": {"method": "auto"},
                "ipv6": {"method": "auto"},
            }
        )
    return found


def _radio(way: Way) -> str:
    tables: dict[str, dict[str, str]] = {
        "connection": {"id": "firstbell-wifi", "type": "wifi", "interface-name": RADIO},
        "wifi": {"mode": "infrastructure", "ssid": way.ssid.replace(";", "\\;")},
        "ipv4": {"method": "auto"},
        "ipv6": {"method": "auto"},
    }
    if way.wifi_password:
        tables["wifi-security"] = {"key-mgmt": "wpa-psk", "psk": way.wifi_password}
    return _keyfile(tables)


def _keyfile(tables: dict[str, dict[str, str]]) -> str:
    """GLib's key file: a backslash is doubled, a space in front becomes a backslash and an s."""
    lines = []
    for name, values in tables.items():
        lines += [f"[{name}]", *(f"{key}={_value(value)}" for key, value in values.items()), ""]
    return "\n".join(lines)


def _value(value: str) -> str:
    escaped = value.replace("\\", "\\\\")
    return f"\\s{escaped[1:]}" if escaped.startswith(" ") else escaped
