"""Before packages are fetched: is somebody between here and the package index re-signing TLS?

A school's filter often is. Then pip fails with a page of red; this says in four lines what to do.
Any other trouble is left to pip, which says it well.
"""

import os
import ssl
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ADVICE = """\
A filter on this network re-signs TLS: the certificate of {host} was issued by
  {issuer}
which this machine does not trust, so packages can't be fetched. Either
  1. ask whoever runs the filter for its CA certificate (a .pem or .crt file), then start again with
       PIP_CERT=/path/to/ca.pem SSL_CERT_FILE=/path/to/ca.pem {again}
  2. or ask them not to inspect {host}.
Nothing was installed and nothing was changed."""


def index_url() -> str:
    """Where pip would look first: its own default unless the environment names another."""
    from pip._internal.models.index import PyPI  # noqa: PLC0415 - only pip's own environment has it

    return os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_DEFAULT_INDEX") or PyPI.simple_url


def issuer_of(host: str, port: int) -> str:
    """The name that signed the certificate of `host`, read without trusting it."""
    try:
        pem = ssl.get_server_certificate((host, port), timeout=10)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "certificate.pem"
            path.write_text(pem, encoding="ascii")
            # The library has no public reader of a certificate that it doesn't trust.
            decoded = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]  # noqa: SLF001
    except (OSError, ValueError, AttributeError):
        return "an unknown authority"
    parts = dict(pair for group in decoded.get("issuer", ()) for pair in group)
    names = [parts[key] for key in ("organizationName", "commonName") if key in parts]
    return ", ".join(names) or "an unnamed authority"


def complaint() -> str | None:
    """What to tell the user if TLS to the package index is re-signed, or its authorities can't be read."""
    url, bundle = index_url(), os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    try:
        context = ssl.create_default_context(cafile=bundle)
    except OSError as error:
        return f"{bundle} (named by PIP_CERT or SSL_CERT_FILE) holds no certificates: {error}"
    try:
        urllib.request.build_opener(urllib.request.HTTPSHandler(context=context)).open(
            url, timeout=10
        ).close()
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            parts = urllib.parse.urlsplit(url)
            host = parts.hostname or url
            again = os.environ.get("FIRSTBELL_AGAIN", "scripts/up")
            return ADVICE.format(host=host, issuer=issuer_of(host, parts.port or 443), again=again)
    except (OSError, ValueError):
        pass
    return None


if __name__ == "__main__":
    sys.exit(complaint())
