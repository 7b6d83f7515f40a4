"""The door to what the kernel knows of a TCP connection; on Linux, and None elsewhere.

The places are those of `struct tcp_info` in linux/tcp.h, which only ever grows at its end.
"""

import socket
import struct
import sys
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl
    import termios

_ROOM = 256
_WORD = struct.Struct("=I")
_LONG = struct.Struct("=Q")
_RTT_AT = 68
_TOTAL_RETRANS_AT = 100
_BYTES_ACKED_AT = 120
_SEGS_OUT_AT = 136
_MIN_RTT_AT = 148
_DATA_SEGS_OUT_AT = 156
_DELIVERY_RATE_AT = 160
_LEAST = 168
"""As many bytes has the answer of a kernel that knows all of it (4.9, of 2016)."""


class TcpInfo(NamedTuple):
    """What the kernel knows: times in milliseconds, the rate in Mbit/s of payload.

    `bytes_acked` is what the other side has acknowledged (the opening counts as one), `segs_out` all segments
    sent, bare acknowledgements and repeats too, `data_segs_out` those with payload, repeats too, of which
    `retrans` were repeats.
    """

    rtt_ms: float
    min_rtt_ms: float
    bytes_acked: int
    delivery_mbps: float
    segs_out: int
    data_segs_out: int
    retrans: int


def look(sock: socket.socket) -> TcpInfo | None:
    """What the kernel knows of `sock` now; None if it is closed, or the system doesn't tell."""
    if sys.platform != "linux":
        return None
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ROOM)
    except OSError:
        return None
    return read(raw)


def read(raw: bytes) -> TcpInfo | None:
    """The figures in the kernel's answer; None if it is an old kernel's, which knows fewer."""
    if len(raw) < _LEAST:
        return None
    return TcpInfo(
        rtt_ms=_word(raw, _RTT_AT) / 1000,
        min_rtt_ms=_word(raw, _MIN_RTT_AT) / 1000,
        bytes_acked=_long(raw, _BYTES_ACKED_AT),
        delivery_mbps=_long(raw, _DELIVERY_RATE_AT) * 8 / 1e6,
        segs_out=_word(raw, _SEGS_OUT_AT),
        data_segs_out=_word(raw, _DATA_SEGS_OUT_AT),
        retrans=_word(raw, _TOTAL_RETRANS_AT),
    )


def unacked(sock: socket.socket) -> int | None:
    """Bytes handed to the kernel that the other side has not acknowledged; None if nobody tells."""
    if sys.platform == "win32":
        return None
    count = bytearray(4)
    try:
        fcntl.ioctl(sock, termios.TIOCOUTQ, count)
    except (OSError, ValueError):  # ValueError: it is closed
        return None
    return int.from_bytes(count, sys.byteorder)


def _word(raw: bytes, at: int) -> int:
    return int(_WORD.unpack_from(raw, at)[0])


def _long(raw: bytes, at: int) -> int:
    return int(_LONG.unpack_from(raw, at)[0])
