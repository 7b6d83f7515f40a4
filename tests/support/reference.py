"""A district that signs tickets, a reference server in a process of its own, and a plain client for it."""

import base64
import contextlib
import itertools
import json
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.load import protocol
from firstbell import ticket

ROOT = Path(__file__).resolve().parents[2]
TARGET = "hub"
S = 10**9
_WAIT_S = 20.0


class District:
    """Holds the key that signs."""

    def __init__(self, folder: Path) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._boxes = itertools.count(1)
        self.raw = self._key.public_key().public_bytes_raw()
        self.key_file = folder / "district.pub"
        self.key_file.write_text(self.raw.hex() + "\n", encoding="ascii")

    def ticket(self, **other: Any) -> ticket.Ticket:
        """A ticket that is good now, of a box of its own, but for what `other` says."""
        now = time.time_ns()  # noqa: TID251 - as a coordinator's clock would say
        usual: dict[str, Any] = {
            "id": secrets.token_hex(16),
            "agent": f"any-{next(self._boxes)}",
            "target": TARGET,
            "kind": "throughput",
            "max_bytes": 50_000_000,
            "max_seconds": 30.0,
            "issued_ns": now,
            "expires_ns": now + 60 * S,
        }
        return ticket.Ticket(**usual | other)

    def sign(self, payload: bytes) -> str:
        """The token of a payload."""
        return ticket.token_of(payload, self._key.sign(payload))

    def token(self, **other: Any) -> str:
        """The token of a ticket that is good now, but for what `other` says."""
        return self.sign(ticket.payload_of(self.ticket(**other)))


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Client:
    """One connection. `source` is the address that it comes from."""

    def __init__(self, port: int, source: str = "127.0.0.1", to: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection((to, port), _WAIT_S, (source, 0))
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        self.sock.close()

    def say(self, method: str, path: str, *lines: str, body: bytes = b"") -> None:
        """Send a request."""
        self.sock.sendall(
            "\r\n".join((f"{method} {path} HTTP/1.1", "Host: hub", *lines, "", "")).encode() + body
        )

    def head(self) -> Answer:
        """Read the head of an answer."""
        while b"\r\n\r\n" not in self._rest:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(self._rest)
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return Answer(int(first.split()[1]), headers, b"")

    def hear(self) -> Answer:
        """Read an answer with its length."""
        answer = self.head()
        return answer._replace(body=self.read(int(answer.headers.get("content-length", 0))))

    def ask(self, method: str, path: str, *lines: str, body: bytes = b"") -> Answer:
        """Send a request, and read its answer."""
        self.say(method, path, *lines, body=body)
        return self.hear()

    def read(self, amount: int) -> bytes:
        """Exactly so many bytes. Raises EOFError."""
        while len(self._rest) < amount:
            data = self.sock.recv(1 << 18)
            if not data:
                raise EOFError(len(self._rest))
            self._rest += data
        found, self._rest = self._rest[:amount], self._rest[amount:]
        return found

    def early(self) -> int:
        """How much came with the last head and was not read; it is thrown away."""
        count, self._rest = len(self._rest), b""
        return count

    def drain(self) -> int:
        """Read until the other side ends or cuts the connection; how many bytes it were."""
        count = self.early()
        with contextlib.suppress(ConnectionResetError):
            while data := self.sock.recv(1 << 18):
                count += len(data)
        return count

    def is_over(self, within_s: float = _WAIT_S) -> bool:
        """Whether the other side ends or cuts the connection in time; what comes until then is thrown away."""
        until = time.monotonic() + within_s
        try:
            while (left := until - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(1 << 18):
                    return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return False


class Session(Client):
    """The connection that opened a session."""

    def __init__(self, port: int, token: str, source: str = "127.0.0.1") -> None:
        super().__init__(port, source)
        self._at = (port, source)
        self.opened = self.ask("POST", protocol.SESSION, f"Authorization: Ticket {token}")
        assert self.opened.status == 200, self.opened
        self.line = f"Session: {self.opened.json['session']}"

    @property
    def name(self) -> str:
        """Its id."""
        return str(self.opened.json["session"])

    def stream(self, source: str | None = None) -> Client:
        """Another connection."""
        return Client(self._at[0], source or self._at[1])

    def down(self, room: int = 0) -> Client:
        """A stream down, its head read. With `room`, the kernel keeps no more of it than that unread."""
        client = self.stream()
        if room:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        client.say("GET", protocol.DOWN, self.line)
        assert client.head().status == 200
        return client

    def give(self, amount: int) -> Answer:
        """Send so many bytes up, over a connection of their own."""
        with self.stream() as client:
            length = f"Content-Length: {amount}"
            return client.ask("POST", protocol.GIVE, self.line, length, body=bytes(amount))

    def counts(self) -> Any:
        """What the server has seen."""
        return self.ask("GET", protocol.COUNTS, self.line).json

    def counts_when(self, **wanted: Any) -> Any:
        """The counts, as soon as they have these values; or what they are at last."""
        until = time.monotonic() + 5
        while any((counts := self.counts()).get(name) != value for name, value in wanted.items()):
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        return counts


class Reference:
    """`firstbell-agent serve` in a process of its own, from entering to leaving.

    `limits` replaces some of the server's limits, by "module.NAME"; `before` are words to put before its own.
    """

    def __init__(
        self,
        folder: Path,
        key_file: Path,
        *more: str,
        limits: Mapping[str, float] | None = None,
        before: Sequence[str] = (),
    ) -> None:
        self.log = folder / f"reference-{secrets.token_hex(4)}.log"
        changes = "".join(
            f"import agent.reference.{name.partition('.')[0]}\nagent.reference.{name} = {value!r}\n"
            for name, value in (limits or {}).items()
        )
        words = (
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--name",
            TARGET,
            "--json",
            "--key",
            str(key_file),
        )
        program = f"{changes}from agent.cli import main\nmain({[*words, *more]!r})"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*before, sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=log
            )
        self.port = 0

    def __enter__(self) -> Self:
        assert self._process.stdout
        self.port = json.loads(self._process.stdout.readline() or self.said())["port"]
        return self

    def __exit__(self, *_how: object) -> None:
        assert self._process.stdout
        with self._process.stdout:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            finally:
                self._process.kill()
                self._process.wait()

    def said(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8")

    def files(self) -> int:
        """How many files and sockets it has open."""
        return psutil.Process(self._process.pid).num_fds()

    def mib(self) -> float:
        """Its resident memory."""
        return psutil.Process(self._process.pid).memory_info().rss / 2**20

    def session(self, token: str, source: str = "127.0.0.1") -> Session:
        """A session that is open."""
        return Session(self.port, token, source)

    def client(self, source: str = "127.0.0.1") -> Client:
        """A connection that has said nothing."""
        return Client(self.port, source)


def read_all(streams: Mapping[Any, Client], seconds: float) -> Iterator[dict[Any, int]]:
    """Read all streams at once; gives how many bytes each has had, each time that one ends."""
    count = {name: client.early() for name, client in streams.items()}
    room = bytearray(1 << 16)
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for name, client in streams.items():
            client.sock.setblocking(False)
            selector.register(client.sock, selectors.EVENT_READ, name)
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(0.5):
                assert isinstance(key.fileobj, socket.socket)
                size = key.fileobj.recv_into(room)
                count[key.data] += size
                if not size:
                    selector.unregister(key.fileobj)
                    yield dict(count)


def base64_of(raw: bytes) -> str:
    """As some tools write a key."""
    return base64.b64encode(raw).decode("ascii")
