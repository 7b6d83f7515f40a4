"""A renewed certificate is shown without anybody's hand: to the broker at the next connection, by the pages at once."""

import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from collector.app import listener
from collector.clock import SystemClock
from collector.identity.registrar import COLLECTOR
from collector.mqtt import Address, Link
from collector.web import door
from tests.collector.test_mqtt import HoldBack
from tests.deploy.house import House
from tests.support.box_keys import openssl
from tests.support.mosquitto import wait_until


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A district without boxes."""
    return House(tmp_path, time.time_ns())  # noqa: TID251 - the broker's clock is the machine's


def test_the_broker_is_shown_the_new_one(house: House) -> None:
    """The one before is revoked meanwhile: who comes in has shown the new one."""
    pem, key = house.folder / "program.pem", house.folder / "program.key"

    def lay() -> None:
        issued, secret = house.signs.for_client(COLLECTOR, house.now_ns)
        pem.write_text(issued.pem, encoding="ascii")
        key.write_text(secret, encoding="ascii")

    def tls() -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(house.folder / "ca" / "ca.pem"))
        context.load_cert_chain(pem, key)
        return context

    lay()
    serial = openssl("x509", "-in", str(pem), "-noout", "-serial").strip().partition("=")[2]
    with house.broker() as broker:
        link = Link(Address("localhost", broker.port, tls=tls), HoldBack(), SystemClock(), "j")
        link.start()
        wait_until(lambda: link.connected, "it is let in")
        house.signs.publish([(house.signs.name, serial, house.now_ns)], house.now_ns)
        lay()
        broker.kill()
        wait_until(lambda: not link.connected, "it has noticed")
        broker.start()
        wait_until(lambda: link.connected, "it is let in again")
        link.stop()


@pytest.fixture
def pages(house: House) -> Iterator[door.Server]:
    """The web server with the authority's certificate, which it looks at ten times a second."""

    async def app(_scope: object, _receive: object, _send: object) -> None:
        """Nothing is asked."""

    ca = house.folder / "ca"
    settings = door.settings(app, ca / "broker.pem", ca / "broker.key")
    with listener("127.0.0.1", 0) as listening:
        server = door.Server(settings)
        server.look_s = 0.1
        server.port = listening.getsockname()[1]  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        wait_until(lambda: server.started, "it serves")
        yield server
        server.should_exit = True
        thread.join()


def shown(server: uvicorn.Server) -> str:
    """The certificate that a browser is shown."""
    return ssl.get_server_certificate(("127.0.0.1", server.port))  # type: ignore[attr-defined]


def test_the_pages_show_the_new_one(house: House, pages: door.Server) -> None:
    """Within a look, connections go on; one that can't be used changes nothing, and the next that can does."""
    path = house.folder / "ca" / "broker.pem"
    before, good = shown(pages), path.read_text(encoding="ascii")
    path.write_text(house.signs.anew(good, house.now_ns).pem, encoding="ascii")
    wait_until(lambda: shown(pages) != before, "the new one is shown")
    after = shown(pages)
    path.write_text("nonsense", encoding="ascii")
    time.sleep(0.5)  # some looks
    assert shown(pages) == after
    path.write_text(good, encoding="ascii")
    wait_until(lambda: shown(pages) == before, "the good one is shown")
