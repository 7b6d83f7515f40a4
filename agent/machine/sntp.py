"""One question for the time, as SNTP asks it (RFC 4330): how far this clock is from a server's."""

import secrets
import socket
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

PORT = 123
_EPOCH_S = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
_ERA_S = 1 << 32
_PACKET = struct.Struct("!BBbb11I")
_CLIENT, _SERVER = 0x23, 4
"""Version 4, mode 3 (client); mode 4 (server)."""
_STRATA = range(1, 16)
_UNSYNCHRONISED = 3
_ANSWER_BYTES = 512


class Told(StrEnum):
    """How a time server answers."""

    TIME = "time"
    SILENT = "silent"
    REFUSED = "refused"
    USELESS = "useless"
    """It answers, but does not know the time itself."""


class Reply(NamedTuple):
    """An answer; `offset_s` is what this clock lacks (above zero: it is slow), None without a time."""

    told: Told
    offset_s: float | None = None


def ask(address: str, wait_s: float, wall_ns: Callable[[], int], port: int = PORT) -> Reply:
    """Ask the server at `address` once, for at most `wait_s` seconds. `wall_ns` is this machine's clock."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    mark = secrets.randbits(64)  # in place of our time: it is nobody's business, and can't be guessed
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(wait_s)
            sock.connect((address, port))
            sent_ns = wall_ns()
            sock.send(_PACKET.pack(_CLIENT, 0, 0, 0, *([0] * 9), mark >> 32, mark & 0xFFFFFFFF))
            data = sock.recv(_ANSWER_BYTES)
            return _read(data, mark, sent_ns, wall_ns())
    except TimeoutError:
        return Reply(Told.SILENT)
    except OSError:
        return Reply(Told.REFUSED)


def _read(data: bytes, mark: int, sent_ns: int, came_ns: int) -> Reply:
    if len(data) < _PACKET.size:
        return Reply(Told.USELESS)
    first, stratum, _, _, *words = _PACKET.unpack_from(data)
    known = first & 0x7 == _SERVER and (words[5] << 32 | words[6]) == mark
    if not known or stratum not in _STRATA or first >> 6 == _UNSYNCHRONISED:
        return Reply(Told.USELESS)
    received_s, said_s = _seconds(words[7], words[8]), _seconds(words[9], words[10])
    return Reply(Told.TIME, ((received_s - sent_ns / 1e9) + (said_s - came_ns / 1e9)) / 2)


def _seconds(whole: int, part: int) -> float:
    """Since 1970. Years before 1968 are those of the era that begins in 2036."""
    era = 0 if whole & 0x80000000 else _ERA_S
    return whole + era - _EPOCH_S + part / _ERA_S
