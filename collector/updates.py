"""What the district offers its boxes: archives in `updates/` of the data folder, beside the signed offer.

UpdateError             the key, the bundle or the offer can't be used

The key that signs is one of its own. It may lie elsewhere (on a stick in a drawer), because it is needed only
when something is offered: the web server hands out what is signed, and could not sign.
"""

import hashlib
import os
import re
import secrets
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firstbell import update
from firstbell.update import IN_ARCHIVE, MOST_BYTES, Offer, OfferError, Parcel

KEY = "update-key"
FOLDER, OFFER = "updates", "offer"
LIST = "requirements.txt"
GOOD_DAYS = 60
"""An offer ends by itself: a box that comes back later is told of a newer one."""
_DAY_S = 86_400
_HEX_DIGITS = 64
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")
_WHEEL_OF = re.compile(r"-cp(\d)(\d+)-cp\1\2-[^-]*linux[^-]*_(x86_64|aarch64|armv7l|i686)\.whl\Z")
"""A wheel for one Python (those of the stable ABI run with many) and one kind of machine."""


class UpdateError(RuntimeError):
    """The key, the bundle or the offer can't be used."""


class Kind(NamedTuple):
    """For which machines a bundle is: as `uname -m` says, and Python's version, as 3.11."""

    machine: str
    python: str


class Key:
    """The key that signs offers: 64 hex digits in a file of its owner's alone."""

    def __init__(self, path: Path, *, make: bool = False) -> None:
        """Read it; with `make` it is made where there is none. Raises UpdateError."""
        try:
            if make and not path.exists():
                _make(path)
            text = path.read_text(encoding="ascii").strip()
            seed = bytes.fromhex(text)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no key"
            raise UpdateError(f"the key for updates {path} can't be used: {why}") from error
        if len(text) != _HEX_DIGITS:
            raise UpdateError(f"the key for updates {path} can't be used: it is no key")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public(self) -> str:
        """The public half, in hex: what boxes are given."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, offer: Offer) -> str:
        """The offer as it travels."""
        payload = update.encode(offer)
        return update.join(payload, self._key.sign(update.signed_bytes(payload)))


def kind_of(bundle: Path) -> Kind:
    """For which machines a bundle is, by the names of its wheels. Raises UpdateError where they don't say."""
    found = [match for wheel in _wheels(bundle) if (match := _WHEEL_OF.search(wheel.name))]
    kinds = {Kind(match[3], f"{match[1]}.{match[2]}") for match in found}
    if len(kinds) != 1:
        raise UpdateError(f"the wheels in {bundle} do not say for which one kind of machine they are")
    return kinds.pop()


def pack(folder: Path, bundle: Path) -> Parcel:
    """Put a bundle of `scripts/bundle` into one archive in `folder`; what it is. Raises UpdateError, OSError.

    The same bundle gives the same archive, to the byte.
    """
    kind = kind_of(bundle)
    try:
        listed = (bundle / LIST).read_bytes()
        version = (bundle / "VERSION").read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UpdateError(f"{bundle} is no bundle: it has no requirements.txt or no VERSION") from error
    _check(bundle, listed.decode("utf-8", "replace"))
    there = folder / FOLDER
    there.mkdir(parents=True, exist_ok=True)
    number, beside = tempfile.mkstemp(prefix=".archive-", dir=there)
    os.close(number)
    digest, size = _packed(bundle, Path(beside))
    try:
        made = Parcel(
            machine=kind.machine,
            python=kind.python,
            release=update.release_of(version, listed),
            sha256=digest,
            size=size,
            listed=hashlib.sha256(listed).hexdigest(),
        )
    except ValueError as error:
        Path(beside).unlink()
        raise UpdateError(f"{bundle} can't be offered: {error}") from error
    Path(beside).chmod(0o644)
    Path(beside).replace(there / f"{digest}.tar")
    return made


def publish(folder: Path, key: Key, offer: Offer) -> None:
    """Sign an offer, and let it be the one; archives that it does not name go. Raises UpdateError."""
    text = key.sign(offer)
    if len(text) > update.OFFER_CHARS:
        raise UpdateError("the offer is too long: name fewer pilots")
    there = folder / FOLDER
    there.mkdir(parents=True, exist_ok=True)
    number, beside = tempfile.mkstemp(prefix=f".{OFFER}-", dir=there)
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(beside).chmod(0o644)
    Path(beside).replace(there / OFFER)
    named = {parcel.sha256 for parcel in offer.parcels}
    for old in there.glob("*.tar"):
        if old.stem not in named:
            old.unlink()


def current(folder: Path) -> Offer | None:
    """The offer that boxes are given, whoever signed it; None where there is none. Raises UpdateError."""
    try:
        payload, _signature = update.split((folder / FOLDER / OFFER).read_text(encoding="ascii"))
        return update.read(payload)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise UpdateError("the offer can't be read") from error
    except OfferError as error:
        raise UpdateError(str(error)) from error


def next_serial(before: Offer | None, now_s: int) -> int:
    """Higher than any before, also where the offers of before were lost with a disk: not below the time."""
    return max(now_s, before.serial + 1 if before else 1)


def span(now_s: int, good_days: int = GOOD_DAYS) -> tuple[int, int]:
    """When an offer that is made now begins, and when it ends."""
    return now_s, now_s + good_days * _DAY_S


def _wheels(bundle: Path) -> list[Path]:
    return sorted((bundle / "wheels").glob("*.whl"))


def _check(bundle: Path, listed: str) -> None:
    """See that the list has the hash of each wheel, and no other: better here than on a hundred boxes."""
    missing = set(_HASH.findall(listed))
    for wheel in _wheels(bundle):
        if not IN_ARCHIVE.match(f"wheels/{wheel.name}"):
            raise UpdateError(f"{wheel.name} is no name for a wheel")
        with wheel.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest not in missing:
            raise UpdateError(f"{wheel.name} is not the one in {bundle / LIST}: make the bundle again")
        missing.discard(digest)
    if missing:
        raise UpdateError(f"{bundle} has not all the wheels of its list: make the bundle again")


def _packed(bundle: Path, into: Path) -> tuple[str, int]:
    files: Sequence[tuple[str, Path]] = [
        ("VERSION", bundle / "VERSION"),
        (LIST, bundle / LIST),
        *((f"wheels/{wheel.name}", wheel) for wheel in _wheels(bundle)),
    ]
    with tarfile.open(into, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, path in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                tar.addfile(info, file)
    size = into.stat().st_size
    if size > MOST_BYTES:
        into.unlink()
        raise UpdateError(f"{bundle} is larger than any: {size:,} bytes")
    with into.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), size


def _make(path: Path) -> None:
    """Whole or not at all, and for its owner alone from birth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:  # another command made it meanwhile
        pass
    finally:
        Path(beside).unlink()
