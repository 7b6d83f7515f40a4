"""What stands between a school and the district: a proxy that is asked to CONNECT, a filter that opens TLS, a port that drops."""

import base64
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.tls_server import certificates

_PIECE = 1 << 14


class Proxy:
    """An HTTP proxy on loopback that knows CONNECT alone, and leads to ports of this machine, whatever the host.

    With `user` and `password` it asks for them. With `opens`, a folder with a filter's certificate (see
    `certificates`), it opens every TLS that passes, and reads along in `seen`; `cuts_upgrades`: no WebSocket gets
    through it; `forges`: what comes back is changed by a bit. `refuses` are ports that it lets nobody reach.
    `asked` are the lines of who came.
    """

    def __init__(
        self, *, user: str = "", password: str = "", opens: Path | None = None, refuses: tuple[int, ...] = ()
    ) -> None:
        self.asked: list[str] = []
        self.seen = bytearray()
        self.refuses, self.cuts_upgrades, self.forges = refuses, False, False
        self._wants = base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._serves: ssl.SSLContext | None = None
        if opens:
            certificate, key, _ = certificates(opens)
            self._serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._serves.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._over = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Take connections."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more, and cut those there are."""
        self._over = True
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                each.close()
        self._thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._over:
                came, _ = self._listener.accept()
                self._sockets.append(came)
                threading.Thread(target=self._serve, args=(came,), daemon=True).start()

    def _serve(self, came: socket.socket) -> None:
        with suppress(OSError), came:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = came.recv(_PIECE)
                if not piece:
                    return
                head += piece
            line, *rest = head.decode().split("\r\n")
            self.asked.append(line)
            port = int(line.split()[1].rpartition(":")[2])
            if self._wants and f"Proxy-Authorization: Basic {self._wants}" not in rest:
                came.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            elif port in self.refuses or not line.startswith("CONNECT "):
                came.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            else:
                self._pass(came, port)

    def _pass(self, came: socket.socket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 10) as far:
            came.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if not self._serves:
                self._sockets.append(far)
                self._shuttle(came, far)
                return
            trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            with self._serves.wrap_socket(came, server_side=True) as near, trusting.wrap_socket(far) as there:
                self._sockets += [near, there]
                self._shuttle(near, there)

    def _shuttle(self, near: socket.socket, far: socket.socket) -> None:
        """In one thread: no TLS connection likes two."""
        while True:
            ready: list[socket.socket] = [
                each for each in (near, far) if isinstance(each, ssl.SSLSocket) and each.pending()
            ]
            for source in ready or select.select([near, far], [], [])[0]:
                sink = far if source is near else near
                source.setblocking(False)
                try:
                    data = source.recv(_PIECE)
                except (ssl.SSLWantReadError, BlockingIOError):
                    continue
                data = self._looked_at(data, up=source is near)
                if not data:
                    return
                sink.setblocking(True)
                sink.sendall(data)

    def _looked_at(self, data: bytes, *, up: bool) -> bytes:
        """What is passed on of it."""
        if self._serves:
            self.seen += data
        if self._serves and self.cuts_upgrades and b"upgrade: websocket" in data.lower():
            return b""
        if self.forges and not up and data and not data.startswith(b"HTTP/"):
            return data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
        return data


@contextmanager
def proxy(
    *, user: str = "", password: str = "", opens: Path | None = None, refuses: tuple[int, ...] = ()
) -> Iterator[Proxy]:
    """A proxy that runs."""
    made = Proxy(user=user, password=password, opens=opens, refuses=refuses)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def dropping() -> Iterator[int]:
    """A port of 127.0.0.1 that answers nothing, as a filter's rule that drops: its queue is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = int(listener.getsockname()[1])
    waiting = []
    for _ in range(3):
        knock = socket.socket()
        knock.setblocking(False)
        with suppress(BlockingIOError):
            knock.connect(("127.0.0.1", port))
        waiting.append(knock)
    try:
        yield port
    finally:
        for each in (*waiting, listener):
            each.close()
