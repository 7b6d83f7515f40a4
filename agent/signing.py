"""What a box signs with its key, and whether the district's collector signed what came back.

SigningError            the box's files can't be used, or what came is not the collector's

Loaded only where batches go by HTTPS: what it needs of libraries takes some ten megabytes.
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from firstbell.letter import COLLECTOR

_NS = 10**9
_HOW = ec.ECDSA(hashes.SHA256())


class SigningError(RuntimeError):
    """The box's files can't be used, or what came is not the collector's."""


class Signer:
    """The box's key, certificate and `name`, and the authorities that it believes. Raises SigningError."""

    def __init__(self, certificate: Path, key: Path, authorities: Path) -> None:
        try:
            own = load_pem_private_key(key.read_bytes(), None)
            shown = x509.load_pem_x509_certificate(certificate.read_bytes())
            self.certificate = shown.public_bytes(Encoding.DER)
            self.name = str(shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
            self._authorities = x509.load_pem_x509_certificates(authorities.read_bytes())
        except (OSError, ValueError, TypeError, IndexError, UnsupportedAlgorithm) as error:
            raise SigningError(f"the box's certificate can't be used: {error}") from error
        if not isinstance(own, ec.EllipticCurvePrivateKey):
            raise SigningError(f"{key} is no key that letters are signed with (P-256)")
        self._key = own

    def sign(self, data: bytes) -> bytes:
        """The box's signature."""
        return self._key.sign(data, _HOW)

    def check(self, certificate: bytes, signature: bytes, data: bytes, now_ns: int | None) -> None:
        """See that the district's collector signed `data`. Raises SigningError.

        `now_ns` is None where this box does not know the date: then all counts but the certificate's dates.
        """
        try:
            shown = x509.load_der_x509_certificate(certificate)
            public = shown.public_key()
            names = shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SigningError("the reply bears no certificate") from error
        if not self._vouched(shown):
            raise SigningError("the reply is signed by somebody whom this district's authority does not know")
        if [name.value for name in names] != [COLLECTOR]:
            raise SigningError("the reply is signed by somebody who is not the collector")
        if now_ns is not None and not _in_time(shown, now_ns):
            raise SigningError("the reply is signed with a certificate that is not good today")
        if not isinstance(public, ec.EllipticCurvePublicKey) or not _signed(public, signature, data):
            raise SigningError("the reply's signature is wrong: it was changed on its way")

    def _vouched(self, shown: x509.Certificate) -> bool:
        for authority in self._authorities:
            try:
                shown.verify_directly_issued_by(authority)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                continue
            return True
        return False


def _signed(public: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    try:
        public.verify(signature, data, _HOW)
    except InvalidSignature:
        return False
    return True


def _in_time(shown: x509.Certificate, now_ns: int) -> bool:
    now = datetime.fromtimestamp(now_ns // _NS, UTC)
    return shown.not_valid_before_utc <= now <= shown.not_valid_after_utc
