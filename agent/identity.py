"""The box's own key and certificate: made here, and the key never leaves.

With `agent.signing` the box's door to X.509.

IdentityError           the folder can't be used, or what was given is not for this box
"""

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from firstbell.enrolment import Granted

KEY, CERTIFICATE, AUTHORITIES = "box.key", "box.pem", "ca.pem"
NEXT_KEY = "box-next.key"
"""A key that the district has not let in yet, while the one before it is still in use."""


class IdentityError(RuntimeError):
    """What keeps this box from being itself."""


class Shown(NamedTuple):
    """What a certificate says that somebody showed: who signed it (organisation, else name), its SHA-256."""

    issuer: str
    sha256: str


def shown(der: bytes) -> Shown:
    """What is in a certificate, whoever showed it. Raises IdentityError."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        issuer = certificate.issuer
    except ValueError as error:
        raise IdentityError("what was shown is no certificate") from error
    named = [
        *issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME),
        *issuer.get_attributes_for_oid(NameOID.COMMON_NAME),
    ]
    # What a stranger wrote goes to a terminal.
    name = (
        "".join(letter for letter in str(named[0].value) if letter.isprintable())[:80] if named else "nobody"
    )
    return Shown(name, certificate.fingerprint(hashes.SHA256()).hex())


class Identity:
    """What lies in `folder`: `box.key`, for its owner alone, the certificate `box.pem`, and `ca.pem`.

    With `another` it speaks for a new key, which lies beside the old one until `take` puts it in its place.
    """

    def __init__(self, folder: Path, *, another: bool = False) -> None:
        self.folder = folder
        self._at = folder / (NEXT_KEY if another else KEY)

    @property
    def agent(self) -> str:
        """The name in this key's certificate; "" while there is none that can be read. Raises IdentityError.

        A damaged one is as good as none: the district gives it again to who has the key.
        """
        if not self.has_certificate:
            return ""
        try:
            return _name(x509.load_pem_x509_certificate((self.folder / CERTIFICATE).read_bytes()))
        except ValueError:
            return ""
        except OSError as error:
            raise IdentityError(f"{self.folder / CERTIFICATE} can't be used: {_why(error)}") from error

    @property
    def has_key(self) -> bool:
        """Whether the key was made before."""
        return self._at.exists()

    @property
    def has_certificate(self) -> bool:
        """Whether the district gave this key a certificate once, damaged or not."""
        return self._at.name == KEY and (self.folder / CERTIFICATE).exists()

    def request(self) -> str:
        """A request for a certificate, signed by the key, which is made if need be. Raises IdentityError."""
        key = self._key()
        name = x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, "a box")]
        )  # the district knows whose key it is
        made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        return made.public_bytes(Encoding.PEM).decode()

    def take(self, granted: Granted) -> bool:
        """Keep what was given; whether it is another than before. Raises IdentityError."""
        try:
            certificate = x509.load_pem_x509_certificate(granted.certificate.encode())
            x509.load_pem_x509_certificates(granted.authorities.encode())
        except ValueError as error:
            raise IdentityError("what the district gave is no certificate") from error
        if certificate.public_key() != self._key().public_key() or _name(certificate) != granted.agent:
            raise IdentityError("what the district gave is another box's certificate")
        new = {AUTHORITIES: granted.authorities, CERTIFICATE: granted.certificate}
        changed = self._put_in_place()
        for name, text in new.items():
            path = self.folder / name
            if not path.exists() or path.read_bytes() != text.encode():
                self._write(path, text.encode(), 0o644)
                changed = True
        return changed

    def drop_another(self) -> None:
        """Throw away the new key that the district does not want. Raises IdentityError."""
        try:
            (self.folder / NEXT_KEY).unlink(missing_ok=True)
        except OSError as error:
            raise IdentityError(f"{self.folder} can't be written: {_why(error)}") from error

    def _put_in_place(self) -> bool:
        """The new key in place of the old one; whether there was one.

        A power cut after it leaves the old certificate beside it; the next time the district gives the new
        one to who has the key.
        """
        if self._at.name == KEY:
            return False
        try:
            self._at = self._at.replace(self.folder / KEY)
            _settle(self.folder)
        except OSError as error:
            raise IdentityError(f"{self.folder} can't be written: {_why(error)}") from error
        return True

    def _key(self) -> ec.EllipticCurvePrivateKey:
        path = self._at
        try:
            if not path.exists():
                self._make(path)
            key = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise IdentityError(f"{path} can't be used: {_why(error)}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise IdentityError(f"{path} is no key of this box's")
        return key

    def _make(self, path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)

    def _write(self, path: Path, contents: bytes, mode: int) -> None:
        """All or nothing, in that mode from birth, and on the disk before anybody is told."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            number, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=self.folder)
            with os.fdopen(number, "wb") as file:
                file.write(contents)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(mode)
            Path(beside).replace(path)
            _settle(self.folder)
        except OSError as error:
            raise IdentityError(f"{path} can't be written: {_why(error)}") from error


def _settle(folder: Path) -> None:
    """See that the folder itself is on the disk: a power cut must not bring the old name back."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _why(error: Exception) -> str:
    return error.strerror or "it can't be read" if isinstance(error, OSError) else "it is damaged"
