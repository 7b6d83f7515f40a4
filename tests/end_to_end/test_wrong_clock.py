"""A box whose clock nobody sets believes the district's servers whatever their dates; one whose clock is held, not."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from agent import enrol, lines
from agent.config import Settings
from agent.doctor.doors import Doors
from agent.enrol import Card
from agent.identity import Identity
from agent.machine.clock import SystemClock
from agent.machine.dial import Tls
from agent.machine.machine import Machine
from collector.identity import authority
from firstbell.report import Stamp

LATER_NS = 200 * 86_400 * 10**9


class Held(SystemClock):
    """This machine's clock, held by NTP or not."""

    def __init__(self, held: bool) -> None:
        super().__init__()
        self._held = held

    def stamp(self) -> Stamp:
        """The time of this machine."""
        return msgspec.structs.replace(super().stamp(), synchronised=self._held)


class Young(NamedTuple):
    """A server on loopback whose certificate is good only in 200 days, and a box's folder."""

    port: int
    folder: Path

    def settings(self) -> Settings:
        """Of a box that knows nobody but this server."""
        broker = {"host": "localhost", "port": self.port, "ca_file": "ca.pem"}
        uplink = {"collector": f"https://localhost:{self.port}", "proxy": "none"}
        return msgspec.convert({"box": {"name": "lincoln-1"}, "broker": broker, "uplink": uplink}, Settings)


@pytest.fixture
def young(tmp_path: Path) -> Iterator[Young]:
    """It shakes hands, and hangs up."""
    now_ns = time.time_ns()  # noqa: TID251 - OpenSSL's clock is the machine's
    signs = authority.make(tmp_path, "Example", now_ns)
    issued, key = signs.for_server(["localhost"], now_ns + LATER_NS)
    for name, text in (("ca.pem", signs.pem), ("s.pem", issued.pem), ("s.key", key)):
        (tmp_path / name).write_text(text, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "s.pem", tmp_path / "s.key")
    listener = socket.create_server(("localhost", 0))

    def shake() -> None:
        while True:
            try:
                made, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(made, server_side=True).close()
            except OSError:
                made.close()

    thread = threading.Thread(target=shake)
    thread.start()
    yield Young(listener.getsockname()[1], tmp_path)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("held", [False, True], ids=["nobody sets it", "held by NTP"])
def test_dates_count_only_where_the_date_is_known(young: Young, held: bool) -> None:
    """At each door: the card, the broker, the pages, the doctor. Its clock shows a date like any other."""
    clock = Held(held)
    machine = replace(Machine.real(), clock=clock)
    identity = Identity(young.folder / "identity")
    card = Card(collector=f"https://localhost:{young.port}", broker="localhost", token="fbe_" + "a" * 26)
    tls = enrol.tls_of(card, young.folder, identity, clock.stamp())
    with pytest.raises(enrol.OutOfReachError) as asked:
        enrol.ask(card, identity, tls)
    assert ("not yet valid" in str(asked.value)) == held
    feels = lines.makes(young.settings(), young.folder, machine)["mqtt"]().feel()
    assert ("not yet valid" in feels) == held
    doors = Doors(machine, str(young.folder / "ca.pem"))
    for context in (doors.brokers_tls(), doors.pages_tls()):
        door, sock = doors.once("localhost", young.port, None, context)
        assert door.tls is (Tls.EARLY if held else Tls.OURS)
        if sock:
            sock.close()
