"""How ports answer, on real sockets of this machine: each way in which a connection can go wrong has its name."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.doctor.doors import NO_STATUS, Doors
from agent.doctor.seen import Asked
from agent.machine.dial import Dial, Tls
from agent.machine.machine import Machine
from agent.machine.proxy import Proxy
from tests.net.little_district import server_context
from tests.net.middlebox import Middlebox, Reader, Serve, Writer, connects, drops, holds
from tests.support.tls_server import ISSUER, certificates

PLACE = "127.0.0.1"


async def greets(reader: Reader, writer: Writer) -> None:
    """Speaks, and no TLS."""
    writer.write(b"220 mail.example ready\r\n")
    await reader.read()


async def cuts(_reader: Reader, _writer: Writer) -> None:
    """Ends the connection at once."""


@pytest.fixture
def middle() -> Iterator[Middlebox]:
    """Serves what a test wants."""
    with Middlebox() as made:
        yield made


def port_of(middle: Middlebox, serve: Serve, tls: ssl.SSLContext | None = None) -> int:
    """The port at which connections are treated so."""
    listener = socket.create_server((PLACE, 0))
    middle.serve(listener, serve, tls)
    return int(listener.getsockname()[1])


def looked(
    doors: Doors, port: int, proxy: Proxy | None = None, host: str = "localhost"
) -> tuple[Dial | None, Tls | None]:
    """How the port answers, once."""
    door, sock = doors.once(host, port, proxy, doors.brokers_tls())
    if sock:
        sock.close()
    return door.dial, door.tls


def test_each_way_to_fail_has_its_name(middle: Middlebox, tmp_path: Path) -> None:
    """From a port where nobody listens to a certificate of somebody else's."""
    certificate, key, ca = certificates(tmp_path)
    served = server_context(certificate, key)
    believing, strange = Doors(Machine.real(), str(ca)), Doors(Machine.real(), None)
    with socket.create_server((PLACE, 0)) as dropping, socket.create_server((PLACE, 0)) as free:
        drops(dropping)
        shut = free.getsockname()[1]
        free.close()
        assert looked(believing, dropping.getsockname()[1]) == (Dial.SILENT, None)
        assert looked(believing, shut) == (Dial.REFUSED, None)
    good = port_of(middle, holds, served)
    assert looked(believing, good) == (Dial.OPEN, Tls.OURS)
    assert looked(strange, good) == (Dial.OPEN, Tls.FOREIGN)
    assert looked(believing, good, host=PLACE) == (Dial.OPEN, Tls.OTHER_NAME)
    assert looked(believing, port_of(middle, holds)) == (Dial.OPEN, Tls.SILENT)
    assert looked(believing, port_of(middle, greets)) == (Dial.OPEN, Tls.NONE)
    assert looked(believing, port_of(middle, cuts)) == (Dial.OPEN, Tls.BROKEN)
    door, sock = strange.door("localhost", good, None, strange.brokers_tls())
    assert sock is None
    assert door.certificate
    assert door.certificate.issuer == ISSUER


def test_a_proxy_is_told_from_what_is_behind_it(middle: Middlebox, tmp_path: Path) -> None:
    """It connects, refuses, or is no proxy at all."""
    certificate, key, ca = certificates(tmp_path)
    doors = Doors(Machine.real(), str(ca))
    behind = port_of(middle, holds, server_context(certificate, key))
    proxy = Proxy(PLACE, port_of(middle, connects("localhost", {443: behind})), "box", "secret")
    assert looked(doors, 443, proxy) == (Dial.OPEN, Tls.OURS)
    door, _ = doors.once("localhost", 8883, proxy, doors.brokers_tls())
    assert (door.dial, door.proxied, door.ours) == (Dial.OPEN, 403, False)
    assert door.proxy == f"{PLACE}:{proxy.port}"
    assert "secret" not in repr(door)
    hung_up, _ = doors.once("localhost", 443, Proxy(PLACE, port_of(middle, cuts)), doors.brokers_tls())
    assert (hung_up.proxied, hung_up.ours) == (NO_STATUS, False)


def test_names_are_found_or_not() -> None:
    """An address is its own name, and a name that can't be one is unknown."""
    doors = Doors(Machine.real(), None)
    assert doors.name(PLACE).asked is Asked.FOUND
    assert doors.name("localhost").asked is Asked.FOUND
    assert doors.name("x" * 70 + ".example").asked is Asked.UNKNOWN
    assert doors.dial("x" * 70 + ".example", 1) is None


def test_a_second_address_is_tried(middle: Middlebox) -> None:
    """Where the first takes no connection."""
    doors, port = Doors(Machine.real(), None), port_of(middle, holds)
    with contextlib.closing(doors.connected(("127.0.0.2", PLACE), port)) as sock:
        assert sock.getpeername()[0] == PLACE
    with pytest.raises(ConnectionRefusedError):
        doors.connected(("127.0.0.2",), port)
