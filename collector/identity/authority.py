"""The district's own small certificate authority.

It is one of four doors to X.509, with `signing` beside it and, on the box, `agent.identity`, `agent.signing`.

AuthorityError          the authority can't be made, or its files can't be used
├── RequestError        a box's request for a certificate is none, or not one that is signed
└── NoAuthorityError    there is none in this data folder

It lies in `ca/` of the data folder: `authority-1.pem`, key and certificate, readable by the owner alone. What
others read follows from it: `ca.pem`, whom to believe, and `crl.pem`, which certificates were revoked. An
authority that grows old is followed by `authority-2.pem`, which signs from then on, while both are believed
until the first ends. It signs for boxes and programs (clients) and for the district's own servers, and never
for another authority.

For the district's own servers and programs the older one goes on signing, as long as it can: a box that lay
in a drawer while the other one was made believes the older one alone, and would find nobody to ask.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector import lock
from firstbell.enrolment import CERTIFICATE_DAYS
from firstbell.report import AGENT_NAME

FOLDER = "ca"
BELIEVED, REVOKED = "ca.pem", "crl.pem"
YEARS = 10
RENEW_DAYS = 2 * CERTIFICATE_DAYS
"""An authority that ends sooner should be followed by another: its last certificates shall not outlive it."""
_LAST_DAYS = 30
"""An authority so near its end signs for no server any more if there is another one."""
_EARLY = timedelta(hours=1)
"""A certificate begins so long before it is signed: not all clocks agree."""
_NS = 10**9

_LISTS = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\n?", re.DOTALL)

Key = ec.EllipticCurvePrivateKey


class AuthorityError(RuntimeError):
    """What keeps the authority from being made or used."""


class RequestError(AuthorityError):
    """What a box sent is no request for a certificate, or not signed by its own key."""


class NoAuthorityError(AuthorityError):
    """There is no authority in this data folder."""


@dataclass(frozen=True)
class Request:
    """A box's request, whose signature was seen to be right. `key` is the SHA-256 of its public key."""

    public: ec.EllipticCurvePublicKey
    key: bytes


@dataclass(frozen=True)
class Issued:
    """A certificate: PEM, which authority signed it (`Authority.name`), and its serial number in hex."""

    pem: str
    authority: str
    serial: str
    begins_ns: int
    ends_ns: int


@dataclass(frozen=True)
class Held:
    """A certificate of a server or a program of the district's own, as it lies there.

    `ours`: one of the district's authorities signed it, so that it can be renewed here.
    """

    begins_ns: int
    ends_ns: int
    ours: bool

    @property
    def middle_ns(self) -> int:
        """From when on it is to be renewed."""
        return (self.begins_ns + self.ends_ns) // 2


class _Signer:
    """One authority: its key and its certificate. Raises OSError, ValueError."""

    def __init__(self, path: Path) -> None:
        pem = path.read_bytes()
        key = load_pem_private_key(pem, None)
        self.certificate = x509.load_pem_x509_certificate(pem)
        if not isinstance(key, Key) or key.public_key() != self.certificate.public_key():
            raise ValueError("key and certificate don't belong together")
        self.key = key
        self.name = self.certificate.fingerprint(hashes.SHA256()).hex()


class Authority:
    """Signs for boxes as the newest authority in the data folder `folder`, as that is by now.

    `firstbell authority make --follow` is another process, of which a running collector shall know. Whatever
    is asked raises AuthorityError where the files can't be used any more; making it also NoAuthorityError.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self._read: list[_Signer] = []
        self._known: list[Path] = []
        if not self._signers:
            raise NoAuthorityError(
                f"there is no certificate authority in {folder} yet: `firstbell authority make` makes one"
            )

    @property
    def _signers(self) -> list[_Signer]:
        """All of them, the newest first."""
        paths = _paths(self.folder)
        if {*paths} - {*self._known}:
            try:
                self._read = [_Signer(path) for path in reversed(paths)]
                self._known = paths
            except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
                why = error.strerror if isinstance(error, OSError) else "a file is damaged"
                raise AuthorityError(f"the authority in {self.folder} can't be used: {why}") from error
        return self._read

    @property
    def _signer(self) -> _Signer:
        return self._signers[0]

    @property
    def name(self) -> str:
        """Which it is: SHA-256 of its certificate, in hex."""
        return self._signer.name

    @property
    def pem(self) -> str:
        """The certificates of all authorities that are to be believed, the newest first."""
        return "".join(_certificate_pem(signer.certificate) for signer in self._signers)

    @property
    def ends_ns(self) -> int:
        """When its own certificate ends."""
        return _ns(self._signer.certificate.not_valid_after_utc)

    def for_box(self, request: Request, agent: str, now_ns: int, days: int = CERTIFICATE_DAYS) -> Issued:
        """A certificate in which that key is the box `agent`, for a year or until the authority ends.

        Raises AuthorityError for a name that no box may have.
        """
        if not AGENT_NAME.match(agent):
            raise AuthorityError(f"{agent!r} is no name of a box")  # the broker's list of topics goes by it
        name = x509.UniformResourceIdentifier(f"firstbell:box:{agent}")
        return self._signed(request.public, agent, [name], ExtendedKeyUsageOID.CLIENT_AUTH, now_ns, days)

    def for_client(self, name: str, now_ns: int, days: int = CERTIFICATE_DAYS) -> tuple[Issued, str]:
        """A certificate and its new key for a program of the district's own, as its collector."""
        key = ec.generate_private_key(ec.SECP256R1())
        san = x509.UniformResourceIdentifier(f"firstbell:program:{name}")
        use, signer = ExtendedKeyUsageOID.CLIENT_AUTH, self._elder(now_ns)
        return self._signed(key.public_key(), name, [san], use, now_ns, days, signer), _pem_of(key)

    def for_server(
        self, names: Sequence[str], now_ns: int, days: int = CERTIFICATE_DAYS
    ) -> tuple[Issued, str]:
        """A certificate and its new key for a server of these names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        general = [_general(name) for name in names]
        use, signer = ExtendedKeyUsageOID.SERVER_AUTH, self._elder(now_ns)
        return self._signed(key.public_key(), names[0], general, use, now_ns, days, signer), _pem_of(key)

    def held(self, pem: str) -> Held:
        """What a certificate says. Raises AuthorityError where it is none."""
        certificate = _read(pem)
        ours = any(_issued_by(certificate, signer) for signer in self._signers)
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return Held(_ns(begins), _ns(ends), ours)

    def anew(self, pem: str, now_ns: int, days: int = CERTIFICATE_DAYS) -> Issued:
        """The certificate after one that it signed for a server or a program: same key, names and use.

        Raises AuthorityError for any other.
        """
        old = _read(pem)
        public = old.public_key()
        if not any(_issued_by(old, signer) for signer in self._signers) or not isinstance(
            public, ec.EllipticCurvePublicKey
        ):
            raise AuthorityError("this certificate was signed by somebody else")
        names = list(old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        (use,) = old.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        called = str(old.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        return self._signed(public, called, names, use, now_ns, days, self._elder(now_ns))

    def _elder(self, now_ns: int) -> _Signer:
        """The oldest that goes on for a while: see above."""
        until = _at(now_ns) + timedelta(days=_LAST_DAYS)
        lasting = [each for each in self._signers if each.certificate.not_valid_after_utc > until]
        return lasting[-1] if lasting else self._signer

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Write as the only one, against other processes and threads that would. Raises AuthorityError."""
        with ExitStack() as hold:
            try:
                hold.enter_context(lock.held(self.folder, wait=True))
            except OSError as error:
                raise AuthorityError(f"{self.folder} can't be used: {error.strerror or error}") from error
            yield

    def publish(self, revoked: Iterable[tuple[str, str, int]], now_ns: int) -> None:
        """Write what others read: whom to believe, and what was revoked (authority, serial in hex, when).

        A list of what was revoked is good as long as its authority: OpenSSL lets nobody in while one is too
        old, or missing. An authority that has ended needs none. Raises AuthorityError.
        """
        gone, now = list(revoked), _at(now_ns)
        alive = [each for each in self._signers if each.certificate.not_valid_after_utc > now]
        if not alive:
            raise AuthorityError(self._over())
        lists = [_revoked_by(signer, gone, now_ns).public_bytes(Encoding.PEM) for signer in alive]
        try:
            write(self.folder / BELIEVED, self.pem.encode(), 0o644)
            write(self.folder / REVOKED, b"".join(lists), 0o644)
        except OSError as error:
            raise AuthorityError(f"{self.folder} can't be written: {error.strerror or error}") from error

    def revoked_in(self, lists: bytes) -> list[tuple[str, str, int]]:
        """What a file of lists (`crl.pem`) says was revoked: authority, serial in hex, when.

        Raises AuthorityError where a list is none, or is signed by nobody who is believed here.
        """
        found = []
        for pem in lists_in(lists):
            try:
                told = x509.load_pem_x509_crl(pem)
            except ValueError as error:
                raise AuthorityError("a list of what was revoked is damaged") from error
            signer = next((each for each in self._signers if _listed_by(told, each)), None)
            if signer is None:
                raise AuthorityError("a list of what was revoked is signed by nobody who is believed here")
            found += [(signer.name, f"{one.serial_number:x}", _ns(one.revocation_date_utc)) for one in told]
        return found

    def _signed(
        self,
        public: ec.EllipticCurvePublicKey,
        name: str,
        names: list[x509.GeneralName],
        use: x509.ObjectIdentifier,
        now_ns: int,
        days: int,
        signer: _Signer | None = None,
    ) -> Issued:
        begins = _at(now_ns) - _EARLY
        signer = signer or self._signer
        own = signer.certificate
        if own.not_valid_after_utc <= _at(now_ns):
            raise AuthorityError(self._over())
        ends = min(_at(now_ns) + timedelta(days=days), own.not_valid_after_utc)
        serial = x509.random_serial_number()
        made = (
            _builder(_called(name), public, own.subject, serial, begins, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
                critical=False,
            )
            .sign(signer.key, hashes.SHA256())
        )
        return Issued(_certificate_pem(made), signer.name, f"{serial:x}", _ns(begins), _ns(ends))

    def _over(self) -> str:
        end = self._signer.certificate.not_valid_after_utc
        return f"the authority ended on {end:%Y-%m-%d}: `firstbell authority make --follow` makes the next"


def make(folder: Path, district: str, now_ns: int) -> Authority:
    """Make the authority of a district, or another that follows those there are. Raises AuthorityError."""
    key = ec.generate_private_key(ec.SECP256R1())
    begins, ends = _at(now_ns) - _EARLY, _at(now_ns) + timedelta(days=365 * YEARS)
    place = folder / FOLDER
    number = max((_number(path) for path in _paths(place)), default=0) + 1
    # OpenSSL finds a certificate's authority by its name, so no two may have the same.
    name = _called(f"First Bell {district}"[:50] + f" {number} {begins:%Y-%m-%d}")
    certificate = (
        _builder(name, key.public_key(), name, x509.random_serial_number(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    try:
        place.mkdir(parents=True, exist_ok=True)
        contents = (_pem_of(key) + _certificate_pem(certificate)).encode()
        write(place / f"authority-{number}.pem", contents, 0o600, new=True)
    except OSError as error:
        raise AuthorityError(f"{place} can't be written: {error.strerror or error}") from error
    return Authority(folder)


def _paths(place: Path) -> list[Path]:
    """The files of authorities, the oldest first."""
    return sorted(place.glob("authority-*.pem"), key=_number)


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def _revoked_by(
    signer: _Signer, revoked: Iterable[tuple[str, str, int]], now_ns: int
) -> x509.CertificateRevocationList:
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(_at(now_ns) - _EARLY)
        .next_update(signer.certificate.not_valid_after_utc)
    )
    for authority, serial, at_ns in revoked:
        if authority == signer.name:
            gone = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(_at(at_ns))
            made = made.add_revoked_certificate(gone.build())
    return made.sign(signer.key, hashes.SHA256())


def _listed_by(told: x509.CertificateRevocationList, signer: _Signer) -> bool:
    return told.issuer == signer.certificate.subject and told.is_signature_valid(signer.key.public_key())


def lists_in(contents: bytes) -> list[bytes]:
    """The lists in a file `crl.pem`, one of each authority."""
    return _LISTS.findall(contents)


def read_request(pem: str) -> Request:
    """A request for a certificate. Raises RequestError.

    Its key must be on the curve P-256 and have signed it; what else it wishes for (names, uses) counts for
    nothing.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        public = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RequestError("this is no request for a certificate") from error
    if not (
        signed and isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1)
    ):
        raise RequestError("a request must be signed by its own key, on the curve P-256")
    return Request(public, key_of(public))


def key_of(public: ec.EllipticCurvePublicKey) -> bytes:
    """The SHA-256 of a public key (its SubjectPublicKeyInfo, DER)."""
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def ends_ns_of(pem: str) -> int:
    """When a certificate ends, whoever signed it. Raises AuthorityError where it is none."""
    return _ns(_read(pem).not_valid_after_utc)


def _read(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise AuthorityError("this is no certificate") from error


def _issued_by(certificate: x509.Certificate, signer: _Signer) -> bool:
    try:
        certificate.verify_directly_issued_by(signer.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _builder(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    serial: int,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(**used: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: used.get(name, False) for name in names})


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _pem_of(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def write(path: Path, contents: bytes, mode: int, *, new: bool = False) -> None:
    """All or nothing, in that mode from birth, and on the disk. Raises OSError; with `new` if it exists."""
    number, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(number, "wb") as file:
        file.write(contents)
        file.flush()
        os.fsync(file.fileno())
    Path(beside).chmod(mode)
    try:
        if new:
            path.hardlink_to(beside)
        else:
            Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """See that the folder itself is on the disk: a power cut must not bring the old file back."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _at(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // _NS, UTC)


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * _NS
