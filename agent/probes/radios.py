"""The radios of this machine that join networks, for the probes that ask `iw` of them."""

from collections.abc import Container
from typing import Any, NamedTuple

from agent.machine.commands import NotInstalledError
from agent.machine.files import Files
from agent.machine.machine import Machine
from agent.machine.routes import default_route, medium
from agent.probes.base import NothingHereError, ProbeFailedError
from agent.readers import iw
from firstbell.report import Finding, Medium, Status

_RADIOS = "/sys/class/ieee80211"
_INTERFACES = "/sys/class/net"
_PLACES = ("iw", "/usr/sbin/iw", "/sbin/iw")
"""Debian keeps it where a plain user's search doesn't look."""
_DEADLINE_S = 5.0
_MOST_BYTES = 2 << 20
_MOST_RADIOS = 3
"""More are not looked at, so that a machine with many adapters keeps to its time."""
LABEL = "wifi"
_IFF_UP = 1


class Radio(NamedTuple):
    """One radio: its label for reports (`wifi`, `wifi-2`), and what `iw` says.

    `link` is None while it isn't connected, and then `off` says whether somebody has switched it off.
    """

    label: str
    interface: iw.Interface
    link: iw.Link | None
    off: bool = False

    @property
    def trouble(self) -> str:
        """Why it isn't connected."""
        return "the Wi-Fi is switched off" if self.off else "not connected to an access point"


class Radios(NamedTuple):
    """What was found: radios in use, and findings for those that should be here and aren't."""

    in_use: list[Radio]
    missed: list[Finding]


def radios(machine: Machine, memory: dict[str, Any]) -> Radios:
    """The radios in use.

    A radio counts as in use while it is connected, after it was, and in a machine that has had no other way
    out; one that nobody has set up, in a box on a cable, is no failure. Labels stay with the interfaces as
    long as `memory` lasts. Raises NothingHereError and ProbeFailedError.
    """
    labels: dict[str, str] = memory.setdefault("labels", {})
    if not machine.files.names(_RADIOS):
        if not labels:
            raise NothingHereError("this machine has no Wi-Fi")
        return Radios([], [_gone(label) for label in labels.values()])
    managed = [found for found in iw.interfaces(ask(machine, "dev")) if found.kind == "managed"]
    joining = managed[:_MOST_RADIOS]
    here = {interface.name for interface in managed}
    memory["another_way"] = memory.get("another_way", False) or _another_way(machine.files, here)
    links = {interface: iw.link(ask(machine, "dev", interface.name, "link")) for interface in joining}
    for interface, link in links.items():
        if link:
            labels.setdefault(interface.name, _label(len(labels)))
    in_use = [
        Radio(labels[interface.name], interface, link, not link and _off(machine.files, interface.name))
        for interface, link in links.items()
        if interface.name in labels
    ]
    if joining and not labels and not memory["another_way"]:
        in_use = [Radio(LABEL, joining[0], None, _off(machine.files, joining[0].name))]
    missed = [_gone(label) for name, label in labels.items() if name not in here]
    if not in_use and not missed:
        raise NothingHereError("no Wi-Fi of this machine is in use")
    return Radios(in_use, missed)


def ask(machine: Machine, *words: str) -> bytes:
    """What `iw` answers; nothing if it refuses, as for a radio that has gone. Raises ProbeFailedError."""
    for place in _PLACES:
        try:
            ended = machine.commands.run(
                [place, *words],
                deadline_s=_DEADLINE_S,
                output_limit=_MOST_BYTES,
                env={"LC_ALL": "C"},
            )
        except NotInstalledError:
            continue
        if ended.timed_out:
            raise ProbeFailedError(f"iw gave no answer in {_DEADLINE_S:g} s")
        return ended.stdout if ended.code == 0 or ended.flooded else b""
    raise ProbeFailedError("iw is not installed on this machine: sudo apt install iw")


def _gone(label: str) -> Finding:
    return Finding(
        status=Status.FAILED,
        reason="the Wi-Fi adapter that was here is gone",
        target=label,
        medium=Medium.WIFI,
    )


def _label(taken: int) -> str:
    """`wifi`, then `wifi-2`, and so on."""
    return f"{LABEL}-{taken + 1}" if taken else LABEL


def _another_way(files: Files, radios: Container[str]) -> bool:
    """Whether this machine has a way out that is none of the radios, or a cable that is plugged in."""
    route = default_route(files)
    if route and route.interface not in radios:
        return True
    return any(
        # A bridge or a tunnel passes for a cable too, but has no device.
        "device" in files.names(f"{_INTERFACES}/{name}")
        and medium(files, name) is Medium.WIRED
        and files.number(f"{_INTERFACES}/{name}/carrier") == 1
        for name in files.names(_INTERFACES)
    )


def _off(files: Files, name: str) -> bool:
    """Whether the interface is down because somebody wants it so."""
    try:
        return not int(files.text(f"{_INTERFACES}/{name}/flags") or "", 16) & _IFF_UP
    except ValueError:
        return False
