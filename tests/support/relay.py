"""Something on the way between a box and its server: slow, greedy, deaf, or dead from some moment on."""

import contextlib
import socket
import struct
import threading
import time
from typing import Self

_PIECE = 16_384
_BUFFER = 1 << 15
_NOW = struct.pack("ii", 1, 0)


class Relay:
    """Forwards connections to a port of this machine, from entering to leaving.

    `mbps` bounds each way for all connections together. With `greedy` it takes what comes up as fast as it can
    and keeps it, as a proxy that answers in place of the server does. `deaf_after` bytes both ways together
    nothing more passes, and nobody is told; `dead_after` them, or `dead_after_up` bytes up, every connection is
    cut, and none is taken.
    """

    def __init__(
        self,
        port: int,
        *,
        mbps: float = 40.0,
        greedy: bool = False,
        deaf_after: float = float("inf"),
        dead_after: float = float("inf"),
        dead_after_up: float = float("inf"),
    ) -> None:
        self._target, self._byte_s, self._greedy = port, 8 / (mbps * 1e6), greedy
        self._deaf_after, self._dead_after, self._dead_after_up = deaf_after, dead_after, dead_after_up
        self._up = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        # What this end takes in advance is little, unless it is greedy.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._lock = threading.Lock()
        self._free_s = {"down": 0.0, "up": 0.0}
        self._sockets: list[socket.socket] = []
        self._over = False
        self.carried = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_how: object) -> None:
        self.die()

    def die(self) -> None:
        """Cut all connections, and take no more."""
        with self._lock:
            self._over = True
            sockets, self._sockets = self._sockets, []
        for sock in (self._listener, *sockets):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _start(self, target: object, *args: object) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket()
                far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
                far.connect(("127.0.0.1", self._target))
                near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
                with self._lock:
                    self._sockets += [near, far]
                if self._greedy:
                    store: list[bytes] = []
                    self._start(self._hoard, near, store)
                    self._start(self._pay_out, far, store)
                else:
                    self._start(self._pump, near, far, "up")
                self._start(self._pump, far, near, "down")

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE):
                self._wait(len(data), way)
                sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _hoard(self, source: socket.socket, store: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE):
                store.append(data)
                time.sleep(0.0005)  # about 250 Mbit/s for each connection
        store.append(b"")

    def _pay_out(self, sink: socket.socket, store: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while not self._over:
                if not store:
                    time.sleep(0.001)
                elif data := store.pop(0):
                    self._wait(len(data), "up")
                    sink.sendall(data)
                else:
                    sink.shutdown(socket.SHUT_WR)
                    return

    def _wait(self, size: int, way: str) -> None:
        """Until it is this piece's turn on the line. Raises OSError when it never is."""
        with self._lock:
            self.carried += size
            self._up += size if way == "up" else 0
            at_s = max(self._free_s[way], time.monotonic()) + size * self._byte_s
            self._free_s[way] = at_s
        if self.carried > self._dead_after or self._up > self._dead_after_up:
            self.die()
        while self.carried > self._deaf_after:
            time.sleep(0.05)
            if self._over:
                raise OSError
        time.sleep(max(0.0, at_s - time.monotonic()))
