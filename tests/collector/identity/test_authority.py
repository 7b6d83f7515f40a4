"""The district's authority, judged by openssl."""

from pathlib import Path

import pytest

from collector.identity import authority
from collector.identity.authority import Authority, AuthorityError, NoAuthorityError, RequestError
from tests.collector.workbench import NOW_NS, NS
from tests.support.box_keys import openssl, request

DAY_NS = 86_400 * NS


def made(folder: Path, now_ns: int = NOW_NS) -> Authority:
    """An authority in a data folder, and what others read of it."""
    signs = authority.make(folder, "Example", now_ns)
    signs.publish((), now_ns)
    return signs


def judged(folder: Path, pem: str, use: str, *, at_ns: int = NOW_NS, fails: bool = False) -> str:
    """What `openssl verify` says of a certificate, by the files that a broker is given."""
    path = folder / "judged.pem"
    path.write_text(pem, encoding="ascii")
    ca, crl = (str(folder / "ca" / name) for name in ("ca.pem", "crl.pem"))
    options = ["-CAfile", ca, "-CRLfile", crl, "-crl_check", "-purpose", use, "-attime", str(at_ns // NS)]
    return openssl("verify", "-x509_strict", *options, str(path), fails=fails)


def test_a_boxs_certificate_is_good_for_a_client_for_a_year(tmp_path: Path) -> None:
    """For nothing else, for nobody's server, and neither before nor after."""
    signs = made(tmp_path)
    given = signs.for_box(authority.read_request(request(tmp_path)), "lincoln-1", NOW_NS)
    judged(tmp_path, given.pem, "sslclient")
    judged(tmp_path, given.pem, "sslclient", at_ns=NOW_NS + 364 * DAY_NS)
    assert "expired" in judged(tmp_path, given.pem, "sslclient", at_ns=NOW_NS + 366 * DAY_NS, fails=True)
    assert "not yet valid" in judged(
        tmp_path, given.pem, "sslclient", at_ns=NOW_NS - 2 * 3600 * NS, fails=True
    )
    judged(tmp_path, given.pem, "sslserver", fails=True)
    assert given.ends_ns == NOW_NS + 365 * DAY_NS
    text = openssl(
        "x509", "-in", str(tmp_path / "judged.pem"), "-noout", "-subject", "-serial", "-ext", "subjectAltName"
    )
    assert "CN = lincoln-1" in text
    assert "URI:firstbell:box:lincoln-1" in text
    assert f"serial={given.serial.upper()}" in text.replace("serial=0", "serial=")


def test_what_a_box_wishes_for_counts_for_nothing(tmp_path: Path) -> None:
    """A request for another's name, or to be an authority, makes a certificate of the name that was decided."""
    signs = made(tmp_path)
    wish = request(tmp_path, subject="/O=Evil/CN=collector")
    given = signs.for_box(authority.read_request(wish), "lincoln-1", NOW_NS)
    (tmp_path / "it.pem").write_text(given.pem, encoding="ascii")
    text = openssl("x509", "-in", str(tmp_path / "it.pem"), "-noout", "-text")
    assert "collector" not in text
    assert "Evil" not in text
    assert "CA:FALSE" in text


@pytest.mark.parametrize("kind", ["rsa", "ec384", "ed25519"])
def test_other_keys_are_refused(tmp_path: Path, kind: str) -> None:
    """One kind of key: what all brokers and boxes know."""
    with pytest.raises(RequestError, match="P-256"):
        authority.read_request(request(tmp_path, key=kind))


def test_a_request_that_another_signed_is_refused(tmp_path: Path) -> None:
    """The key in it must be the key that signed it: else anybody asks in another's name."""
    body = request(tmp_path)
    lines = body.splitlines()
    # The last bytes are the signature's.
    lines[-2] = ("A" if lines[-2][0] != "A" else "B") + lines[-2][1:]
    with pytest.raises(RequestError):
        authority.read_request("\n".join(lines))


@pytest.mark.parametrize(
    "text", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", "\x00é"]
)
def test_nonsense_is_no_request(text: str) -> None:
    """Said in a sentence."""
    with pytest.raises(RequestError):
        authority.read_request(text)


def test_servers_are_known_by_all_their_names(tmp_path: Path) -> None:
    """A name and an address, for a server's use alone."""
    signs = made(tmp_path)
    given, key = signs.for_server(["broker.example.org", "192.0.2.7"], NOW_NS)
    judged(tmp_path, given.pem, "sslserver")
    judged(tmp_path, given.pem, "sslclient", fails=True)
    text = openssl("x509", "-in", str(tmp_path / "judged.pem"), "-noout", "-ext", "subjectAltName")
    assert "DNS:broker.example.org" in text
    assert "IP Address:192.0.2.7" in text
    assert "PRIVATE KEY" in key


def test_what_was_revoked_is_refused(tmp_path: Path) -> None:
    """And what was not goes on, at the end of the list's own time, too: a list too old would lock everybody out."""
    signs = made(tmp_path)
    ones, others = (
        signs.for_box(authority.read_request(request(tmp_path, name)), name, NOW_NS)
        for name in ("one", "other")
    )
    signs.publish([(ones.authority, ones.serial, NOW_NS)], NOW_NS)
    assert "revoked" in judged(tmp_path, ones.pem, "sslclient", fails=True)
    judged(tmp_path, others.pem, "sslclient")
    judged(tmp_path, others.pem, "sslclient", at_ns=NOW_NS + 300 * DAY_NS)


def test_one_authority_follows_another(tmp_path: Path) -> None:
    """Certificates of both are believed, both can be revoked, and nobody has to come to the boxes."""
    first = made(tmp_path)
    old = first.for_box(authority.read_request(request(tmp_path)), "lincoln-1", NOW_NS)
    gone = first.for_box(authority.read_request(request(tmp_path, "gone")), "lincoln-2", NOW_NS)
    second = authority.make(tmp_path, "Example", NOW_NS)
    second.publish([(gone.authority, gone.serial, NOW_NS)], NOW_NS)
    new = second.for_box(authority.read_request(request(tmp_path)), "lincoln-1", NOW_NS)
    assert new.authority != old.authority
    for given in (old, new):
        judged(tmp_path, given.pem, "sslclient")
    assert "revoked" in judged(tmp_path, gone.pem, "sslclient", fails=True)
    assert Authority(tmp_path).name == second.name


def test_nothing_outlives_its_authority(tmp_path: Path) -> None:
    """A certificate that is given near the authority's end ends with it."""
    signs = made(tmp_path)
    late_ns = signs.ends_ns - 30 * DAY_NS
    assert (
        signs.for_box(authority.read_request(request(tmp_path)), "lincoln-1", late_ns).ends_ns
        == signs.ends_ns
    )


def test_its_key_is_its_owners(tmp_path: Path) -> None:
    """What others read holds no key."""
    made(tmp_path)
    assert (tmp_path / "ca" / "authority-1.pem").stat().st_mode & 0o777 == 0o600
    for name in ("ca.pem", "crl.pem"):
        assert "PRIVATE" not in (tmp_path / "ca" / name).read_text(encoding="ascii")


def test_no_authority_takes_anothers_place(tmp_path: Path) -> None:
    """The next number follows the highest, also where an ended one was put away; a file that is there stays."""
    made(tmp_path)
    second = authority.make(tmp_path, "Example", NOW_NS)
    first, kept = tmp_path / "ca" / "authority-1.pem", tmp_path / "ca" / "authority-2.pem"
    before = kept.read_bytes()
    first.unlink()
    third = authority.make(tmp_path, "Example", NOW_NS)
    assert kept.read_bytes() == before
    assert (tmp_path / "ca" / "authority-3.pem").exists()
    assert second.name == third.name  # who runs on follows, too
    with pytest.raises(FileExistsError):
        authority.write(kept, b"x", 0o600, new=True)
    assert kept.read_bytes() == before
    assert {path.name for path in kept.parent.glob("*authority*")} == {"authority-2.pem", "authority-3.pem"}


def test_what_keeps_it_from_signing_is_told(tmp_path: Path) -> None:
    """None there, or a damaged one: a sentence that says which."""
    with pytest.raises(NoAuthorityError, match="firstbell authority make"):
        Authority(tmp_path)
    made(tmp_path)
    path = tmp_path / "ca" / "authority-1.pem"
    path.write_text(path.read_text(encoding="ascii").replace("M", "N", 1), encoding="ascii")
    with pytest.raises(AuthorityError, match="damaged"):
        Authority(tmp_path)
