"""Small servers on loopback that answer as a test wants, with real sockets."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

OK_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def serving(answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that gives each connection to `answer`, in a thread; yields its port on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=_accept, args=(listener, answer, context), daemon=True)]
        threads[0].start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
    threads[0].join(10)


def _accept(
    listener: socket.socket, answer: Callable[[socket.socket], None], context: ssl.SSLContext | None
) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection, answer, context), daemon=True).start()


def _answer(
    connection: socket.socket, answer: Callable[[socket.socket], None], context: ssl.SSLContext | None
) -> None:
    with suppress(OSError), connection:
        connection.settimeout(30)
        if context is None:
            answer(connection)
        else:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                answer(wrapped)


def head_of(connection: socket.socket) -> bytes:
    """What a client asks, to the end of its head."""
    asked = b""
    while b"\r\n\r\n" not in asked and (data := connection.recv(4096)):
        asked += data
    return asked


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    """Read the question, then say `answer`."""

    def say(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer)

    return say


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for `name` that nobody has signed, and a server's context with it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run(
        [*make, *names, "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context
