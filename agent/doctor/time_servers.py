"""Which time servers this machine asks, as its own settings have it (Linux)."""

from agent.machine.commands import CommandError
from agent.machine.machine import Machine
from agent.readers import sources

MOST = 4
_SAID_S = 3.0
_TIMESYNCD = "/etc/systemd/timesyncd.conf"
_CHRONY = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
_CHRONYS = ("/etc/chrony/conf.d", "/etc/chrony/sources.d")


def of(machine: Machine) -> tuple[str, ...]:
    """At most four: chrony's where it is there, else systemd-timesyncd's, else Debian's."""
    files = machine.files
    texts = [files.text(path) for path in _CHRONY]
    texts += [files.text(f"{folder}/{name}") for folder in _CHRONYS for name in files.names(folder)]
    found = sources.chrony(text for text in texts if text) or _timesyncds(machine) or sources.DEBIANS
    return found[:MOST]


def _timesyncds(machine: Machine) -> tuple[str, ...]:
    """As it says itself (then what DHCP named is among them), else as its files do."""
    try:
        ended = machine.commands.run(["timedatectl", "show-timesync"], deadline_s=_SAID_S)
    except CommandError:
        ended = None
    if ended and not ended.code and (found := sources.timesyncd([ended.stdout.decode("utf-8", "replace")])):
        return found
    names = machine.files.names(f"{_TIMESYNCD}.d")
    paths = [_TIMESYNCD, *(f"{_TIMESYNCD}.d/{name}" for name in names if name.endswith(".conf"))]
    return sources.timesyncd(text for path in paths if (text := machine.files.text(path)))
