"""The district's key, and the tickets that it signs: what a reference server wants to see before it sends.

KeyFileError            the key can't be made, or can't be used

The private half lies in the data folder, readable by nobody else, and is told nowhere; the public half, 64
hex digits, is what `firstbell-agent serve` is given.
"""

import os
import secrets
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firstbell import ticket as words
from firstbell.ticket import Ticket

FILE = "ticket-key"
SLACK_S = 60.0
"""How much longer than its test a ticket is good: connections take time, and clocks differ."""
_HEX_DIGITS = 64


class KeyFileError(RuntimeError):
    """What keeps the district's key from being made or used."""


class Tickets:
    """Signs tickets with the key in `folder`, which is made when there is none. Raises KeyFileError.

    `first`: it was made by this, so that no lease was ever signed with it.
    """

    def __init__(self, folder: Path) -> None:
        seed, self.first = _seed(folder / FILE)
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public(self) -> str:
        """The public half, in hex."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def issue(
        self, agent: str, kind: str, targets: tuple[str, ...], bounds: tuple[int, float], now_ns: int
    ) -> dict[str, str]:
        """A ticket for each target, for one test within `bounds` (bytes, seconds) of each."""
        max_bytes, max_seconds = bounds
        # The targets are tested one after the other, so that the last one's has to wait for all.
        good_ns = min(int((max_seconds * len(targets) + SLACK_S) * 10**9), words.LONGEST_NS)
        return {
            target: self._signed(
                Ticket(
                    id=secrets.token_hex(16),
                    agent=agent,
                    target=target,
                    kind=kind,
                    max_bytes=max_bytes,
                    max_seconds=max_seconds,
                    issued_ns=now_ns,
                    expires_ns=now_ns + good_ns,
                )
            )
            for target in targets
        }

    def _signed(self, ticket: Ticket) -> str:
        payload = words.payload_of(ticket)
        return words.token_of(payload, self._key.sign(payload))


def _seed(path: Path) -> tuple[bytes, bool]:
    """The key's 32 bytes, and whether they were made by this; made once, whoever comes first."""
    try:
        made = not path.exists() and _make(path)
        text = path.read_text(encoding="ascii").strip()
        seed = bytes.fromhex(text)
    except (OSError, ValueError) as error:
        raise KeyFileError(f"the district's key {path} can't be used: {_said(error)}") from error
    if len(text) != _HEX_DIGITS:
        raise KeyFileError(f"the district's key {path} can't be used: it is no key")
    return seed, made


def _make(path: Path) -> bool:
    """All of it or nothing, mode 0600 from birth; one that another process made meanwhile stays (False)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, beside = tempfile.mkstemp(prefix=f".{FILE}-", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        Path(beside).unlink()
    return True


def _said(error: Exception) -> str:
    # A ValueError's text may show what it could not read.
    return error.strerror or "it can't be read" if isinstance(error, OSError) else "it is no key"
