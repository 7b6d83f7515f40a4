"""Who may look and who may act when the pages are served beyond this machine: tokens, kept as their hashes.

TokenError              a token can't be given or taken away, or the file of tokens can't be used

A token is 256 random bits, so one fast hash is enough (nobody can try them all); it is shown once and is
nowhere afterwards but with its owner.
"""

import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from collector import lock

Role = Literal["viewer", "operator"]
"""A viewer reads everything; an operator may also act: have boxes check now, keep lines quiet."""

ROLES: tuple[Role, ...] = ("viewer", "operator")
FILE = "tokens.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}\Z")
_MARK = "fb_"
"""What every token begins with, so that one that strays into a text can be found."""


class TokenError(RuntimeError):
    """What keeps a token from being given or taken away."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token as it is kept: whose, for what, its SHA-256 in hex, and when it was given."""

    name: str
    role: Role
    sha256: str
    given_ns: int


class Tokens:
    """The file of tokens; read again whenever it has changed, so that what is taken away is gone at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._seen: tuple[int, int, int] | None = None
        self._held: tuple[Token, ...] = ()

    def all(self) -> tuple[Token, ...]:
        """Every token, by name. Raises TokenError where the file can't be read."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            self._seen, self._held = None, ()
            return ()
        stamp = (there.st_mtime_ns, there.st_ino, there.st_size)
        if stamp != self._seen:
            self._held = self._read()
            self._seen = stamp
        return self._held

    def find(self, token: str) -> Token | None:
        """Whose token this is, in a time that doesn't tell how near a wrong one is. Raises TokenError."""
        digest = _digest(token)
        found = None
        for held in self.all():
            if hmac.compare_digest(held.sha256, digest):
                found = held
        return found

    def add(self, name: str, role: Role, now_ns: int) -> str:
        """A new token, which is told this once and never again. Raises TokenError."""
        if not _NAME.match(name):
            raise TokenError(f"{name!r}: a name has up to 64 letters, digits, spaces and . _ @ -")
        token = _MARK + secrets.token_urlsafe(32)
        given = Token(name=name, role=role, sha256=_digest(token), given_ns=now_ns)
        with self._alone():
            held = self.all()
            if any(token.name == name for token in held):
                raise TokenError(f"{name} has a token already. `firstbell token remove` takes it away.")
            self._write([*held, given])
        return token

    def remove(self, name: str) -> None:
        """Take a token away; it opens nothing from now on. Raises TokenError."""
        with self._alone():
            held = self.all()
            left = [token for token in held if token.name != name]
            if len(left) == len(held):
                raise TokenError(f"nobody called {name} has a token. `firstbell token list` shows who does.")
            self._write(left)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """From reading to writing nobody else does either: else what one took away the other writes again."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with lock.held(self._path.parent, wait=True):
                yield
        except OSError as error:
            raise TokenError(f"{self._path} can't be written: {error.strerror or error}") from error

    def _read(self) -> tuple[Token, ...]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=tuple[Token, ...])
        except (OSError, msgspec.MsgspecError) as error:
            raise TokenError(f"{self._path} can't be used: {error}") from error

    def _write(self, tokens: Sequence[Token]) -> None:
        """All or nothing: whoever reads meanwhile reads the old file or the new one. Mode 0600 from birth.

        Raises OSError.
        """
        ordered = sorted(tokens, key=lambda token: token.name)
        text = msgspec.json.format(msgspec.json.encode(ordered), indent=2)
        number, beside = tempfile.mkstemp(prefix=f".{FILE}-", dir=self._path.parent)
        with os.fdopen(number, "wb") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(self._path)


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
