"""A web server with a certificate that a school's filter might have signed, and the filter's CA."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

ISSUER = "Example School Filter"


class Filtered(NamedTuple):
    """Where the server is, and the file of the CA that signed its certificate."""

    url: str
    ca_file: Path


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """An empty page."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def filtered(folder: Path) -> Iterator[Filtered]:
    """A server on loopback, called localhost, whose certificate only the CA in `folder` vouches for."""
    certificate, key, ca = certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Filtered(f"https://localhost:{server.server_port}/simple/", ca)
        finally:
            server.shutdown()
            thread.join()


def certificates(folder: Path, name: str = "localhost") -> tuple[Path, Path, Path]:
    """A certificate for `name`, its key, and the CA that signed it; by the openssl command."""
    ca, ca_key, certificate, key = (
        folder / name for name in ("ca.pem", "ca.key", "server.pem", "server.key")
    )
    new = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    _openssl(*new, "-subj", f"/O={ISSUER}/CN=Filter CA", "-keyout", str(ca_key), "-out", str(ca))
    _openssl(
        *new,
        *("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"),
        *("-addext", "basicConstraints=critical,CA:false"),
        *("-CA", str(ca), "-CAkey", str(ca_key), "-keyout", str(key), "-out", str(certificate)),
    )
    return certificate, key, ca


def _openssl(*arguments: str) -> None:
    ended = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr
