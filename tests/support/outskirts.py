"""What stands between a school and the district: a proxy that is asked to CONNECT, a filter that opens TLS, a port that drops."""

import base64
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
    `certificates`), it opens every TLS that passes, and reads along in `seen`. `refuses` are ports that it lets
    nobody reach. `asked` are the lines of who came.
    """

    def __init__(
        self, *, user: str = "", password: str = "", opens: Path | None = None, refuses: tuple[int, ...] = ()
    ) -> None:
        self.asked: list[str] = []
        self.seen = bytearray()
        self.refuses = refuses
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
        with suppress(OSError):
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
                return
            came.close()

    def _pass(self, came: socket.socket, port: int) -> None:
        far = socket.create_connection(("127.0.0.1", port), 10)
        far.settimeout(None)
        came.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if self._serves:
            came = self._serves.wrap_socket(came, server_side=True)
            trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            far = trusting.wrap_socket(far)
        self._sockets += [came, far]
        threading.Thread(target=self._pump, args=(far, came), daemon=True).start()
        self._pump(came, far)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_PIECE):
                if self._serves:
                    self.seen += data
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


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
