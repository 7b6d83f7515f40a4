"""The pages' certificate is renewed while they are served: the next connection sees it, open ones go on."""

import asyncio
import json
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from collector.app import listener
from collector.config import Home
from collector.identity import authority
from collector.identity.authority import Authority
from collector.web import door
from collector.web.renewed import Shown
from tests.collector.workbench import wait_until
from tests.end_to_end.test_enrol import running, say
from tests.end_to_end.test_up import write_lincoln
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
def serving(folder: Path, renew: Callable[[], None] = lambda: None) -> Iterator[tuple[int, Shown]]:
    """A server as the program's, that looks ten times a second; its port."""

    async def answer(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    settings = door.settings(Starlette(routes=[Route("/", answer)]), folder / "cert.pem", folder / "key.pem")
    settings.load()
    assert settings.ssl
    watch = Shown(settings.ssl, folder / "cert.pem", folder / "key.pem", renew)
    door.watching(settings, watch)
    settings.timeout_notify = 0
    with listener("127.0.0.1", 0) as listening:
        server = door.Server(settings)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield listening.getsockname()[1], watch
        finally:
            server.should_exit = True
            thread.join()


def test_a_renewed_one_is_taken_over_and_nothing_is_lost(tmp_path: Path) -> None:
    """From the small authority's to the district's own, of another kind; a connection that is open goes on."""
    put(tmp_path, authority.make(tmp_path, "Example", now_ns()), now_ns())
    believed = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    believed.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with serving(tmp_path) as (port, _):
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
    with caplog.at_level(logging.INFO), serving(tmp_path) as (port, watch):
        for wrong in ("", before[:300], openssl("genpkey", "-algorithm", "ED25519")):
            (tmp_path / "key.pem").write_text(wrong, encoding="ascii")
            for _ in range(2):
                asyncio.run(watch.look())
            assert "".join(shown(port).split()) == "".join(before.split())
        (tmp_path / "key.pem").unlink()
        asyncio.run(watch.look())
        assert "".join(shown(port).split()) == "".join(before.split())
    assert caplog.text.count("is shown on") == 3


def test_the_small_authoritys_renews_itself(tmp_path: Path) -> None:
    """From the middle of its time on: same names, same key, a year more; another authority's is left alone."""
    signs = authority.make(tmp_path, "Example", now_ns() - 300 * DAY_NS)
    put(tmp_path, signs, now_ns() - 170 * DAY_NS)
    path = tmp_path / "cert.pem"
    before = path.read_bytes()
    assert not signs.renew(path, now_ns())
    assert path.read_bytes() == before
    put(tmp_path, signs, now_ns() - 200 * DAY_NS)

    def renew() -> None:
        signs.renew(path, now_ns())

    with serving(tmp_path, renew) as (port, _):
        wait_until(lambda: b"BEGIN" in path.read_bytes() and same(shown(port), path), "the next one is shown")
        days = openssl("x509", "-in", str(path), "-noout", "-checkend", str(360 * 86_400))
        assert "will not expire" in days
        text = openssl("x509", "-in", str(path), "-noout", "-text")
        assert ("DNS:localhost" in text, "TLS Web Server Authentication" in text) == (True, True)
    put_districts_own(tmp_path)
    assert not signs.renew(path, now_ns() + 25 * DAY_NS)


def test_a_collector_renews_its_own_at_its_start(tmp_path: Path) -> None:
    """What a collector that stood in a drawer shows is good again; by the commands alone."""
    data = tmp_path / "data"
    write_lincoln(Home(data), "America/Chicago")
    firstbell = [sys.executable, "-m", "collector.cli", "--data", str(data)]
    say(*firstbell, "authority", "make", "--json")
    put(data, Authority(data), now_ns() - 400 * DAY_NS)
    old = (data / "cert.pem").read_bytes()
    (data / "collector.toml").write_text(
        '[web]\nhost = "0.0.0.0"\nport = 0\ncert_file = "cert.pem"\nkey_file = "key.pem"\n', encoding="utf-8"
    )
    with running([*firstbell, "collector", "run", "--json"]) as process:
        port = json.loads(process.stdout.readline())["web_port"]  # type: ignore[union-attr]
        assert (data / "cert.pem").read_bytes() != old
        context = ssl.create_default_context(cafile=str(data / "ca" / "ca.pem"))
        with closing(HTTPSConnection("localhost", port, timeout=10, context=context)) as line:
            line.request("GET", "/")
            assert line.getresponse().status == 401  # it asks for a token
