"""The pages' certificate is renewed while they are served: the next connection sees it, open ones go on."""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from collector.app import listener
from collector.identity import authority
from collector.identity.authority import Authority
from collector.web import door
from collector.web.renewed import Shown
from tests.collector.workbench import wait_until
from tests.support.box_keys import openssl

DAY_NS = 86_400 * 10**9


def now_ns() -> int:
    """The machine's clock, which TLS goes by."""
    return time.time_ns()  # noqa: TID251 - see above


def put(folder: Path, signs: Authority, at_ns: int, days: int = 365) -> None:
    """A pair of the small authority's, made at that moment."""
    issued, key = signs.for_server(["localhost"], at_ns, days)
    (folder / "key.pem").write_text(key, encoding="ascii")
    (folder / "cert.pem").write_text(issued.pem, encoding="ascii")


def put_districts_own(folder: Path) -> None:
    """A pair of another authority's, and of another kind: RSA."""
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *subject]
    openssl(*made, "-keyout", str(folder / "new.key"), "-out", str(folder / "new.pem"))
    (folder / "new.key").rename(folder / "key.pem")
    (folder / "new.pem").rename(folder / "cert.pem")


def shown(port: int) -> str:
    """The certificate that a new connection sees, PEM."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        return ssl.DER_cert_to_PEM_cert(line.getpeercert(binary_form=True) or b"")


def same(pem: str, path: Path) -> bool:
    """Whether that is the one in a file."""
    return "".join(pem.split()) == "".join(path.read_text(encoding="ascii").split())


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """A server as the program's, that looks ten times a second; its port."""

    async def answer(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    settings = door.settings(Starlette(routes=[Route("/", answer)]), folder / "cert.pem", folder / "key.pem")
    with listener("127.0.0.1", 0) as listening:
        server = door.Server(settings)
        server.look_s = 0.1
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def test_a_renewed_one_is_taken_over_and_nothing_is_lost(tmp_path: Path) -> None:
    """From the small authority's to the district's own, of another kind; a connection that is open goes on."""
    put(tmp_path, authority.make(tmp_path, "Example", now_ns()), now_ns())
    believed = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    believed.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with serving(tmp_path) as port:
        assert same(shown(port), tmp_path / "cert.pem")
        with closing(HTTPSConnection("localhost", port, timeout=10, context=believed)) as line:
            for turn in range(2):
                line.request("GET", "/")
                assert line.getresponse().read() == b"here"
                if turn == 0:
                    put_districts_own(tmp_path)
                    wait_until(lambda: same(shown(port), tmp_path / "cert.pem"), "the new one is shown")


def test_what_cant_be_used_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A certificate without its key, half a file, none: the one before is shown on, and it is said once."""
    put(tmp_path, authority.make(tmp_path, "Example", now_ns()), now_ns())
    before = (tmp_path / "cert.pem").read_text(encoding="ascii")
    key = tmp_path / "key.pem"
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(tmp_path / "cert.pem", key)
    watch = Shown(served, tmp_path / "cert.pem", key)
    with caplog.at_level(logging.INFO), serving(tmp_path) as port:
        for wrong in ("", before[:300], openssl("genpkey", "-algorithm", "ED25519")):
            key.write_text(wrong, encoding="ascii")
            for _ in range(2):
                watch.look()
            assert "".join(shown(port).split()) == "".join(before.split())
        key.unlink()
        watch.look()
        assert "".join(shown(port).split()) == "".join(before.split())
    assert "is another certificate" not in caplog.text
