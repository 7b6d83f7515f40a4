"""A server that says what a test wants it to say, whatever it is asked."""

import contextlib
import socket
import threading
from collections.abc import Mapping
from typing import Self


class Scripted:
    """Answers each path with the same bytes, from entering to leaving; `other` is for what is not named.

    None closes the connection without a word; an empty answer says nothing and waits.
    """

    def __init__(self, answers: Mapping[str, bytes | None], other: bytes | None = None) -> None:
        self._answers, self._other = answers, other
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_how: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def answer(self, path: str) -> bytes | None:
        """What is said to that; a test may have a rule of its own."""
        return self._answers.get(path, self._other)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        came = b""
        with sock, contextlib.suppress(OSError, IndexError):
            while data := sock.recv(65_536):
                came += data
                while b"\r\n\r\n" in came:
                    head, _, came = came.partition(b"\r\n\r\n")
                    path = head.split()[1].decode()
                    self.asked.append(path)
                    answer = self.answer(path)
                    if answer is None:
                        return
                    sock.sendall(answer)


def page(status: str, body: bytes, kind: str = "application/json") -> bytes:
    """An answer with its length."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
