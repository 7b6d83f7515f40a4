"""A name server and a time server of a few lines, each on one UDP socket: they answer, lie, or keep silent."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import Self

_EPOCH_S = 2_208_988_800
_QUESTION, _A, _AAAA = 12, 1, 28
_NO_SUCH_NAME = 3


class Udp:
    """Answers each packet with what `answer` makes of it; with nothing for b"". Until it is left."""

    def __init__(self, sock: socket.socket, answer: Callable[[bytes], bytes]) -> None:
        self._sock, self._answer = sock, answer
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._over = False

    def __enter__(self) -> Self:
        self._sock.settimeout(0.2)
        self._thread.start()
        return self

    def __exit__(self, *_how: object) -> None:
        self._over = True
        self._thread.join()
        self._sock.close()

    def _run(self) -> None:
        while not self._over:
            with contextlib.suppress(TimeoutError):
                data, whence = self._sock.recvfrom(2048)
                if said := self._answer(data):
                    with contextlib.suppress(OSError):
                        self._sock.sendto(said, whence)


def silent(_data: bytes) -> bytes:
    """Nothing, whatever is asked."""
    return b""


def names(known: Mapping[str, str]) -> Callable[[bytes], bytes]:
    """A name server (RFC 1035) that knows these names, each with one IPv4 address, and no other."""

    def answer(data: bytes) -> bytes:
        if len(data) < _QUESTION + 5:
            return b""
        labels, place = [], _QUESTION
        while data[place]:
            labels.append(data[place + 1 : place + 1 + data[place]].decode("ascii", "replace"))
            place += 1 + data[place]
        (kind,) = struct.unpack_from("!H", data, place + 1)
        address = known.get(".".join(labels).lower())
        row = address is not None and kind == _A
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | (0 if address else _NO_SUCH_NAME), 1, int(row), 0, 0)
        said = head + data[_QUESTION : place + 5]
        if row:
            assert address
            said += struct.pack("!HHHIH", 0xC00C, _A, 1, 60, 4) + socket.inet_aton(address)
        return said

    return answer


def right_time(ahead_s: float = 0.0) -> Callable[[bytes], bytes]:
    """A time server (RFC 4330) whose clock is so far ahead of this machine's."""

    def answer(data: bytes) -> bytes:
        if len(data) < 48:
            return b""
        now = struct.pack(
            "!Q",
            int((time.time() + ahead_s + _EPOCH_S) * (1 << 32)) & (1 << 64) - 1,  # noqa: TID251 - as a server would
        )
        return bytes([0x24, 2, 6, 0xEC]) + bytes(8) + b"TEST" + now + data[40:48] + now + now

    return answer
