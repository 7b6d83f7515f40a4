"""Where a Linux machine asks for names and for the time: resolv.conf, timesyncd's and chrony's settings."""

from collections.abc import Iterable

DEBIANS = ("0.debian.pool.ntp.org", "1.debian.pool.ntp.org")
"""What systemd-timesyncd asks on Debian and Raspberry Pi OS where nobody named another."""
_NAMED = {"NTP", "SystemNTPServers", "LinkNTPServers", "RuntimeNTPServers"}
_FALLBACK = {"FallbackNTP", "FallbackNTPServers"}
_CHRONYS = {"server", "pool", "peer"}


def name_servers(text: str) -> tuple[str, ...]:
    """The name servers in resolv.conf, in order."""
    rows = (line.split() for line in text.splitlines())
    return tuple(row[1] for row in rows if len(row) > 1 and row[0] == "nameserver")


def timesyncd(texts: Iterable[str]) -> tuple[str, ...]:
    """The time servers in timesyncd's files, or in what `timedatectl show-timesync` says; else its fallbacks.

    A later text outdoes an earlier one, and an empty list the one before it.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        for line in text.splitlines():
            key, _, value = line.strip().partition("=")
            if key in _NAMED | _FALLBACK:
                found[key] = [*found.get(key, []), *value.split()] if value.strip() else []
    named = [server for key in sorted(_NAMED & found.keys()) for server in found[key]]
    fallback = [server for key in sorted(_FALLBACK & found.keys()) for server in found[key]]
    return tuple(dict.fromkeys(named or fallback))


def chrony(texts: Iterable[str]) -> tuple[str, ...]:
    """The time servers in chrony's files."""
    rows = (line.split() for text in texts for line in text.splitlines())
    return tuple(dict.fromkeys(row[1] for row in rows if len(row) > 1 and row[0] in _CHRONYS))
