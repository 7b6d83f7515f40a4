"""The look at TLS before packages are fetched: against a server whose certificate a filter has signed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import tls_server
from tests.support.tls_server import ISSUER, Filtered

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filtered]:
    """A package index behind a filter."""
    with tls_server.filtered(tmp_path_factory.mktemp("filter")) as running:
        yield running


def environment(**more: str) -> dict[str, str]:
    """An environment without anybody's certificates or mirrors."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}


def check(**more: str) -> subprocess.CompletedProcess[str]:
    """Run the check."""
    return subprocess.run(
        [sys.executable, "scripts/check_tls.py"],
        cwd=ROOT,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX"])
def test_a_certificate_that_was_signed_anew_is_told(server: Filtered, variable: str) -> None:
    """It names the host and who signed, and says what to do; nothing of a traceback."""
    ended = check(**{variable: server.url}, FIRSTBELL_AGAIN="scripts/test")
    assert ended.returncode == 1
    assert "certificate of localhost was issued by\n  " + ISSUER + ", Filter CA\n" in ended.stderr
    assert "PIP_CERT=/path/to/ca.pem SSL_CERT_FILE=/path/to/ca.pem scripts/test" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("variable", ["PIP_CERT", "SSL_CERT_FILE"])
def test_a_certificate_that_is_trusted_is_fine(server: Filtered, variable: str) -> None:
    """With the filter's CA, as the advice says, it goes on in silence."""
    ended = check(PIP_INDEX_URL=server.url, **{variable: str(server.ca_file)})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("url", ["https://localhost:1/simple/", "nonsense"])
def test_other_troubles_are_left_to_pip(url: str) -> None:
    """No answer, or no address: pip will say it well."""
    ended = check(PIP_INDEX_URL=url)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_file_that_holds_no_certificates_is_told(server: Filtered, tmp_path: Path) -> None:
    """Whoever names the wrong file hears which, and by which name."""
    for content in (None, "no certificate"):
        path = tmp_path / "wrong.pem"
        if content:
            path.write_text(content, encoding="ascii")
        ended = check(PIP_INDEX_URL=server.url, PIP_CERT=str(path))
        assert ended.returncode == 1
        assert f"{path} (named by PIP_CERT or SSL_CERT_FILE) holds no certificates" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_nothing_is_installed_behind_a_filter(server: Filtered, tmp_path: Path) -> None:
    """`scripts/up` ends before pip starts, with code 1, and leaves no mark that it had installed anything."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\necho "$*" >> "{tmp_path}/started"\nexec "{sys.executable}" "$@"\n', encoding="utf-8"
    )
    python.chmod(0o755)
    ended = subprocess.run(
        ["sh", "scripts/up", "--help"],
        cwd=tmp_path,
        env=environment(PIP_INDEX_URL=server.url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ISSUER in ended.stderr
    assert "scripts/up" in ended.stderr
    assert (tmp_path / "started").read_text(encoding="utf-8").splitlines() == ["scripts/check_tls.py"]
    assert not (tmp_path / ".venv" / "firstbell-installed").exists()
