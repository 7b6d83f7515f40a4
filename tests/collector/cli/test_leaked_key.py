"""The authority's key leaked: what the playbook `rotate` types after `authority make` (docs/incident.md)."""

from pathlib import Path

from click.testing import CliRunner
from cryptography.x509 import Certificate, load_pem_x509_certificates

from collector import registry
from collector.cli import main


def typed(data: Path, *words: str) -> None:
    """One command on the server."""
    ended = CliRunner().invoke(main, ["--data", str(data), "authority", *words])
    assert ended.exit_code == 0, ended.output


def read(path: Path) -> Certificate:
    """The certificate that a program shows."""
    return load_pem_x509_certificates(path.read_bytes())[0]


def signed_again(data: Path) -> None:
    """Broker, collector and pages, as rotate.yml does it."""
    typed(data, "server", "--anew", "--out", str(data / "broker"), "b.example")
    typed(data, "program", "--anew", "--out", str(data))
    typed(data, "server", "--anew", "--out", str(data / "web"), "c.example")


def test_every_certificate_is_the_new_authoritys(tmp_path: Path) -> None:
    """With the old one's folder moved away, nothing that is shown or believed is the old one's."""
    registry.write_example(
        tmp_path / "district",
        school_name="Lincoln High",
        people=100,
        down_mbps=100,
        up_mbps=None,
        agent="lincoln-1",
        tz="America/Chicago",
    )
    typed(tmp_path, "make")
    signed_again(tmp_path)
    shown = [
        tmp_path / name for name in ("broker/b.example.pem", "firstbell_collector.pem", "web/c.example.pem")
    ]
    (tmp_path / "ca").rename(tmp_path / "leaked")
    old = read(tmp_path / "leaked" / "ca.pem")
    typed(tmp_path, "make")
    signed_again(tmp_path)
    (new,) = load_pem_x509_certificates((tmp_path / "ca" / "ca.pem").read_bytes())
    assert new.public_key() != old.public_key()
    for path in shown:
        read(path).verify_directly_issued_by(new)
    assert (tmp_path / "ca" / "crl.pem").exists()
