"""What `iw` writes, to values. Its addresses are compared in memory and go no further.

`iw` says of itself that its output is no interface, so every value may be missing. It writes names of
networks with escapes, but some texts of an access point (its model, say) as they are: whoever builds an
evil one can fake lines, and with them a count. More can't come of it, since only numbers are read.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CHANNEL = re.compile(r"channel \d+ \((\d+)(?:\.\d+)? MHz\)(?:, width: (\d+)(?:\+(\d+))? MHz)?")
_MCS = re.compile(r"(?:([A-Z]+)-)?MCS (\d+)")
_STREAMS = re.compile(r"[A-Z]+-NSS (\d+)")
_NETWORK = re.compile(r"BSS ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\b(.*)")
_STATION = re.compile(r"Station (\S+) \(on ")
_GENERATIONS = {"": 4, "VHT": 5, "HE": 6, "EHT": 7}
_HT_STREAMS = 8
"""So many steps of a rate has each number of streams in 802.11n."""
_MOST_EQUAL_MCS = 31
"""802.11n's steps above this one tell no number of streams."""


class Interface(NamedTuple):
    """One of `iw dev`. `phy` and `number` are the kernel's numbers; MHz of its first channel, if on any."""

    phy: int
    number: int
    name: str
    kind: str
    frequency_mhz: int | None
    width_mhz: int | None


class Rate(NamedTuple):
    """A rate of frames in Mbit/s, and which generation of Wi-Fi (4 is 802.11n) and how many streams."""

    mbps: float
    generation: int | None
    streams: int | None


class Link(NamedTuple):
    """What an interface hangs on. With several links at once (Wi-Fi 7) `frequency_mhz` is that of one."""

    address: str
    frequency_mhz: int | None
    signal_dbm: float | None
    received: Rate | None
    sent: Rate | None


class Station(NamedTuple):
    """The access point as the driver counts what goes to and fro; counts since the connection began."""

    address: str
    signal_dbm: float | None
    received: Rate | None
    sent: Rate | None
    expected_mbps: float | None
    frames: int | None
    retries: int | None
    failed: int | None
    lost_beacons: int | None
    connected_s: int | None


class Survey(NamedTuple):
    """One channel as the radio saw it; milliseconds since some start that the driver alone knows."""

    frequency_mhz: int
    in_use: bool
    noise_dbm: float | None
    active_ms: int | None
    busy_ms: int | None
    receive_ms: int | None
    transmit_ms: int | None


class Network(NamedTuple):
    """One network of the system's last scan; `stations` and `busy_255` as the access point tells them."""

    address: str
    associated: bool
    frequency_mhz: int | None
    age_s: float | None
    stations: int | None
    busy_255: int | None


def interfaces(stdout: bytes) -> tuple[Interface, ...]:
    """All of `iw dev` that have a name, in the kernel's order of radios."""
    found: list[Interface] = []
    phy = 0
    for line in _lines(stdout):
        words = line.split()
        if line.startswith("phy#") and line[4:].isdigit():
            phy = int(line[4:])
        elif line == "Unnamed/non-netdev interface":
            found.append(Interface(phy, 0, "", "", None, None))
        elif words[0] == "Interface" and len(words) > 1:
            found.append(Interface(phy, 0, words[1], "", None, None))
        elif found:
            found[-1] = _with(found[-1], line, words)
    return tuple(sorted(interface for interface in found if interface.name))


def _with(interface: Interface, line: str, words: list[str]) -> Interface:
    """`interface` and what one more line says of it."""
    if words[0] == "ifindex" and words[-1].isdigit():
        return interface._replace(number=int(words[-1]))
    if words[0] == "type":
        return interface._replace(kind=" ".join(words[1:]))
    if interface.frequency_mhz is None and (channel := _CHANNEL.match(line)):
        frequency, width, second = channel.groups()
        mhz = int(width) + int(second or 0) if width else None
        return interface._replace(frequency_mhz=int(frequency), width_mhz=mhz)
    return interface


def link(stdout: bytes) -> Link | None:
    """`iw dev X link`; None if it isn't connected."""
    lines = list(_lines(stdout))
    joined = [line.split()[2] for line in lines if line.startswith("Connected to ")]
    if not joined:
        return None
    fields = _fields(lines)
    return Link(
        address=joined[0].lower(),
        frequency_mhz=_whole(fields.get("freq")),
        signal_dbm=_decibel(fields.get("signal")),
        received=rate(fields.get("rx bitrate", "")),
        sent=rate(fields.get("tx bitrate", "")),
    )


def stations(stdout: bytes) -> tuple[Station, ...]:
    """Every access point of `iw dev X station dump`. Neighbours joined directly (TDLS) are left out."""
    told = (_station(address, lines) for address, lines in _blocks(stdout, _STATION))
    return tuple(station for station in told if station)


def _station(address: str, lines: list[str]) -> Station | None:
    links = next((number for number, line in enumerate(lines) if re.match(r"Link \d+:", line)), len(lines))
    fields, of_link = _fields(lines[:links]), _fields(lines[links + 1 :])
    if fields.get("TDLS peer") == "yes":
        return None
    # Counts of one link say nothing of all of them; what is a state at this moment may be the first link's.
    state = of_link | fields
    return Station(
        address=address.lower(),
        signal_dbm=_decibel(state.get("signal avg")) or _decibel(state.get("signal")),
        received=rate(state.get("rx bitrate", "")),
        sent=rate(state.get("tx bitrate", "")),
        expected_mbps=_number(state.get("expected throughput")) or None,
        frames=_whole(fields.get("tx packets")),
        retries=_whole(fields.get("tx retries")),
        failed=_whole(fields.get("tx failed")),
        lost_beacons=_whole(fields.get("beacon loss")),
        connected_s=_whole(fields.get("connected time")),
    )


def surveys(stdout: bytes) -> tuple[Survey, ...]:
    """Every channel of `iw dev X survey dump`."""
    told = []
    for _, lines in _blocks(stdout, re.compile(r"Survey data from (\S+)")):
        fields = _fields(lines)
        frequency = _whole(fields.get("frequency"))
        if frequency is not None:
            told.append(
                Survey(
                    frequency_mhz=frequency,
                    in_use="[in use]" in fields["frequency"],
                    noise_dbm=_decibel(fields.get("noise")),
                    active_ms=_whole(fields.get("channel active time")),
                    busy_ms=_whole(fields.get("channel busy time")),
                    receive_ms=_whole(fields.get("channel receive time")),
                    transmit_ms=_whole(fields.get("channel transmit time")),
                )
            )
    return tuple(told)


def networks(stdout: bytes) -> tuple[Network, ...]:
    """Every network of `iw dev X scan dump`."""
    return tuple(_network(address, lines) for address, lines in _blocks(stdout, _NETWORK))


def _network(address: str, lines: list[str]) -> Network:
    # Newer versions tell first when it was seen by the clock, and then how long ago.
    fields = _fields(line for line in lines if not line.endswith("[boottime]"))
    ago = _number(fields.get("last seen"))
    utilisation = re.match(r"(\d+)/255\b", fields.get("* channel utilisation", ""))
    return Network(
        address=address.lower(),
        associated="-- associated" in lines[0],
        frequency_mhz=_whole(fields.get("freq")),
        age_s=None if ago is None or ago < 0 else ago / 1000,
        stations=_whole(fields.get("* station count")),
        busy_255=int(utilisation[1]) if utilisation else None,
    )


def rate(text: str) -> Rate | None:
    """A rate such as `866.7 MBit/s VHT-MCS 9 80MHz short GI VHT-NSS 2`; None if it isn't known."""
    match = re.match(r"(\d+(?:\.\d+)?) MBit/s", text)
    if not match or float(match[1]) <= 0:
        return None
    mcs, streams = _MCS.search(text), _STREAMS.search(text)
    if not mcs:
        return Rate(float(match[1]), None, None)
    by_mcs = int(mcs[2]) // _HT_STREAMS + 1 if not mcs[1] and int(mcs[2]) <= _MOST_EQUAL_MCS else None
    return Rate(float(match[1]), _GENERATIONS.get(mcs[1] or ""), int(streams[1]) if streams else by_mcs)


def _lines(stdout: bytes) -> Iterator[str]:
    """Lines that hold something, without the white space around them."""
    for line in stdout.decode("utf-8", "replace").split("\n"):
        if stripped := line.strip():
            yield stripped


def _blocks(stdout: bytes, head: re.Pattern[str]) -> Iterator[tuple[str, list[str]]]:
    """What each head says first, and the block's lines, the head among them."""
    block: tuple[str, list[str]] | None = None
    for line in _lines(stdout):
        if match := head.match(line):
            if block:
                yield block
            block = (match[1], [])
        if block:
            block[1].append(line)
    if block:
        yield block


def _fields(lines: Iterable[str]) -> dict[str, str]:
    """`key: value` lines; of two with one key the first."""
    fields: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key, value.strip())
    return fields


def _number(text: str | None) -> float | None:
    match = _NUMBER.match(text or "")
    return float(match[0]) if match else None


def _whole(text: str | None) -> int | None:
    """The number at the start, without what follows its point; None below zero."""
    number = _number(text)
    return int(number) if number is not None and number >= 0 else None


def _decibel(text: str | None) -> float | None:
    """A level in dBm. Drivers say 0, or more, where they don't know."""
    number = _number(text)
    return number if number is not None and number < 0 else None
