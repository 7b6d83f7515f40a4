"""Whose letter it is, by certificate and signature, and the collector's own signature.

CallerError             it is nobody's who may say anything here

What counts is what counts at the broker: a certificate of the district's authority for a client's use, that
is good today and was not revoked. Revoked is revoked at once: the journal says it, not a list.
"""

from contextlib import closing
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector.clock import Clock
from collector.identity.authority import Authority, key_of
from collector.store import denied, identities
from collector.store.journal import Journal
from firstbell.letter import COLLECTOR
from firstbell.report import AGENT_NAME

_NS = 10**9
_HOW = ec.ECDSA(hashes.SHA256())
_BOX = "firstbell:box:"


class CallerError(RuntimeError):
    """It is nobody's who may say anything here; its text says why."""


class Callers:
    """Tells whose a letter is. Any thread."""

    def __init__(self, journal: Journal, authority: Authority, clock: Clock) -> None:
        self._journal, self._authority, self._clock = journal, authority, clock

    def name(self, certificate: bytes, signature: bytes, data: bytes) -> str:
        """The box that signed `data`, by its certificate (DER). Raises CallerError, StoreError."""
        try:
            shown = x509.load_der_x509_certificate(certificate)
            public = shown.public_key()
        except (ValueError, UnsupportedAlgorithm) as error:
            raise CallerError("this is no certificate") from error
        if not isinstance(public, ec.EllipticCurvePublicKey) or not self._vouched(shown):
            raise CallerError("this certificate is not of this district's authority")
        agent = _box_in(shown)
        try:
            public.verify(signature, data, _HOW)
        except InvalidSignature:
            raise CallerError("the signature is wrong: the letter was changed on its way") from None
        now = datetime.fromtimestamp(self._clock.now_ns() // _NS, UTC)
        if now < shown.not_valid_before_utc:
            raise CallerError("this certificate is not good yet")
        if now > shown.not_valid_after_utc:
            raise CallerError("this certificate has ended: the box asks for the next one by itself")
        with closing(self._journal.reader()) as db:
            known = identities.newest(db, key_of(public))
            # After a restore a list may know what the journal forgot: by its serial number alone.
            gone = identities.is_revoked(db, f"{shown.serial_number:x}") or agent in denied.denied(db)
        if gone or (known and known.revoked_ns is not None):
            raise CallerError("this box was shut out: its certificate counts no more")
        return agent

    def _vouched(self, shown: x509.Certificate) -> bool:
        # Looked up anew: an authority may have been followed by another one meanwhile.
        for authority in x509.load_pem_x509_certificates(self._authority.pem.encode()):
            try:
                shown.verify_directly_issued_by(authority)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                continue
            return True
        return False


def _box_in(shown: x509.Certificate) -> str:
    """The name of the box whose certificate it is. Raises CallerError."""
    names = [str(name.value) for name in shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        uses = shown.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        places = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = places.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, ValueError) as error:
        raise CallerError("this certificate is not a box's") from error
    if len(names) != 1 or not AGENT_NAME.match(names[0]) or uris != [_BOX + names[0]]:
        raise CallerError("this certificate is not a box's")
    if ExtendedKeyUsageOID.CLIENT_AUTH not in uses:
        raise CallerError("this certificate is not a box's")
    return names[0]


class Voice:
    """The collector's signature, by which boxes know that it was the collector who answered.

    Its key is made at the start, and is nowhere but in memory; the district's authority vouches for it.
    """

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self._authority, self._clock = authority, clock
        self._half_ns = 0
        self._renewed()

    def sign(self, data: bytes) -> tuple[bytes, bytes]:
        """Certificate (DER) and signature."""
        if self._clock.now_ns() > self._half_ns:
            self._renewed()
        key, certificate = self._pair
        return certificate, key.sign(data, _HOW)

    def _renewed(self) -> None:
        issued, pem = self._authority.for_client(COLLECTOR, self._clock.now_ns())
        key = load_pem_private_key(pem.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        shown = x509.load_pem_x509_certificate(issued.pem.encode())
        self._pair = (key, shown.public_bytes(Encoding.DER))
        self._half_ns = (issued.begins_ns + issued.ends_ns) // 2
