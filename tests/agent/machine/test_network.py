"""The door to the network: real sockets on loopback, and namespaces where cables are cut."""

import errno
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.machine import hops
from agent.machine.clock import SystemClock
from agent.machine.echoes import Train
from agent.machine.network import SystemNetwork
from agent.machine.trouble import RefusedError, SilentError
from tests.support.namespace import CUT, MAY_PING, run_there
from tests.support.web import OK_ANSWER, certificate, head_of, saying, serving

_SHORT = Train(echoes=4, gap_s=0.01, limit_s=0.5)


@pytest.fixture
def network() -> SystemNetwork:
    """The real one."""
    return SystemNetwork(SystemClock())


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens: bound, so that nobody else gets it."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


class TestEchoes:
    """Round trips."""

    def test_an_open_port_answers_every_knock(self, network: SystemNetwork) -> None:
        """Four knocks on a server, four round trips, none of them as long as its limit."""
        with serving(lambda _: None) as port:
            echoes = network.knock("127.0.0.1", port, _SHORT)
        assert echoes.sent == len(echoes.round_trips_ms) == 4
        assert all(0 < trip < 500 for trip in echoes.round_trips_ms)

    def test_a_refusal_is_an_answer_too(self, network: SystemNetwork, closed_port: int) -> None:
        """Nobody listens, and the round trip is known all the same."""
        assert len(network.knock("127.0.0.1", closed_port, _SHORT).round_trips_ms) == 4

    def test_ipv6_is_spoken(self, network: SystemNetwork) -> None:
        """The other family goes the same way."""
        if not socket.has_ipv6:
            pytest.skip("no IPv6 here")
        assert len(network.knock("::1", 9, _SHORT).round_trips_ms) == 4

    def test_icmp_answers_where_the_system_lets_us(self) -> None:
        """A user in the ping group gets its echoes back, by IPv4 and by IPv6."""
        printed = run_there(_PING.format(address="127.0.0.1"), MAY_PING)
        assert json.loads(printed) == [4, 4, ""]
        assert json.loads(run_there(_PING.format(address="::1"), MAY_PING)) == [4, 4, ""]

    def test_icmp_is_none_where_the_system_does_not(self) -> None:
        """A user outside of the ping group is told so, and no number is made up."""
        assert json.loads(run_there(_PING.format(address="127.0.0.1"))) is None

    def test_what_vanishes_is_lost(self) -> None:
        """Echoes into a hole were sent, and none came back: by ICMP and by TCP."""
        assert json.loads(run_there(_PING.format(address="192.0.2.99"), CUT + MAY_PING)) == [4, 0, ""]
        assert json.loads(run_there(_KNOCK.format(address="192.0.2.99"), CUT)) == [4, 0, ""]

    def test_without_a_way_nothing_is_sent(self) -> None:
        """No route: no echo left this machine, and the reason is in words."""
        for code in (_PING, _KNOCK):
            printed = run_there(code.format(address="192.0.2.99"), MAY_PING)
            assert json.loads(printed) == [0, 0, "network is unreachable"]


_IMPORTS = """
import json
from agent.machine import hops
from agent.machine.clock import SystemClock
from agent.machine.echoes import Train
from agent.machine.network import SystemNetwork
network, train = SystemNetwork(SystemClock()), Train(echoes=4, gap_s=0.01, limit_s=0.5)
"""
_TELL = "print(json.dumps(echoes and [echoes.sent, len(echoes.round_trips_ms), echoes.trouble]))"
_PING = _IMPORTS + "echoes = network.ping({address!r}, train)\n" + _TELL
_KNOCK = _IMPORTS + "echoes = network.knock({address!r}, 443, train)\n" + _TELL


class TestWay:
    """Routers; tests/net/test_path.py asks real ones."""

    def test_of_three_round_trips_the_shortest_is_told(self) -> None:
        """Whatever order they came in, and whoever else answered for the same place."""
        heard = [
            hops._Heard(hops.Hop(1, address, rtt_ms), is_end=False)
            for address, rtt_ms in (("10.0.0.1", 3.0), ("10.0.0.2", 1.0), ("10.0.0.1", 2.0))
        ]
        way = hops._way(heard, "192.0.2.80", "")
        assert way == hops.Way((hops.Hop(1, "10.0.0.2", 1.0),), None)

    @pytest.mark.parametrize(
        ("family", "origin", "kind", "told"),
        [
            (socket.AF_INET, 2, 11, ("10.0.0.1", False)),
            (socket.AF_INET, 2, 3, ("10.0.0.1", True)),
            (socket.AF_INET, 1, 11, None),
            (socket.AF_INET6, 3, 3, ("2001:db8::1", False)),
            (socket.AF_INET6, 3, 1, ("2001:db8::1", True)),
            (socket.AF_INET6, 1, 3, None),
        ],
    )
    def test_who_sent_an_error_is_read_from_the_kernels_bytes(
        self, family: socket.AddressFamily, origin: int, kind: int, told: tuple[str, bool] | None
    ) -> None:
        """As linux/errqueue.h has them: time exceeded, no way from there, and this machine's own word."""
        head = struct.pack("=IBBBBII", 113, origin, kind, 0, 0, 0, 0)
        place = struct.pack("=HH", family, 0)
        if family is socket.AF_INET:
            place += socket.inet_aton("10.0.0.1") + bytes(8)
        else:
            place += bytes(4) + socket.inet_pton(family, "2001:db8::1") + bytes(4)
        assert hops._router(head + place, family) == told

    def test_a_machine_without_ipv6_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name may have such an address all the same: nothing left, and the reason is in words."""

        def refuse(*_args: Any) -> socket.socket:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

        monkeypatch.setattr(hops, "_open", refuse)
        way = hops.walk("2001:db8::1", 5, time.monotonic)
        assert way is not None
        assert (way.routers, way.hops, way.trouble) == ((), None, "address family not supported by protocol")


class TestResolve:
    """Names."""

    def test_an_address_is_its_own_answer(self, network: SystemNetwork) -> None:
        """Nobody is asked, so there is no time to tell."""
        assert network.resolve("192.0.2.7", 1) == (("192.0.2.7",), None)
        assert network.resolve("fe80::1%lo", 1).addresses == ("fe80::1%lo",)

    def test_a_name_has_its_addresses_once_each(self) -> None:
        """The rows of getaddrinfo (one a protocol) become addresses, in its order."""
        rows = [
            (2, 1, 6, "", ("192.0.2.2", 0)),
            (2, 2, 17, "", ("192.0.2.2", 0)),
            (2, 1, 6, "", ("192.0.2.1", 0)),
        ]
        network = SystemNetwork(SystemClock(), lambda *_args, **_more: rows)
        resolved = network.resolve("a.example", 5)
        assert resolved.addresses == ("192.0.2.2", "192.0.2.1")
        assert resolved.took_ms is not None

    def test_a_name_that_nobody_knows_is_refused(self) -> None:
        """Without a network no name server answers; the message says so and names nothing."""
        code = _IMPORTS + (
            "from agent.machine.trouble import RefusedError\n"
            "try:\n    network.resolve('first-bell.invalid', 20)\n"
            "except RefusedError as error:\n    print(error.reason)"
        )
        assert run_there(code).strip() == "no name server answered"

    def test_no_such_name_is_said_so(self) -> None:
        """A name server's no is not its silence."""

        def lookup(*_args: Any, **_more: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        with pytest.raises(RefusedError, match="there is no such name"):
            SystemNetwork(SystemClock(), lookup).resolve("a.example", 5)

    def test_a_name_that_is_none_is_refused(self, network: SystemNetwork) -> None:
        """A label of 64 characters can't be asked for."""
        with pytest.raises(RefusedError, match="not a name"):
            network.resolve("x" * 64 + ".example", 5)

    def test_a_hanging_name_server_costs_its_deadline_and_one_thread(self) -> None:
        """While one question hangs nobody asks the same again; when it has come back, it is asked anew."""
        release, asked = threading.Event(), []

        def lookup(host: str, *_args: Any, **_more: Any) -> Any:
            asked.append(host)
            release.wait(30)
            return [(2, 1, 6, "", ("192.0.2.1", 0))]

        network = SystemNetwork(SystemClock(), lookup)
        begin = time.monotonic()
        for _ in range(3):
            with pytest.raises(SilentError, match="not resolved in time"):
                network.resolve("slow.example", 0.05)
        assert time.monotonic() - begin < 5
        assert asked == ["slow.example"]
        release.set()
        assert network.resolve("slow.example", 10).addresses == ("192.0.2.1",)

    def test_own_addresses_are_known(self, network: SystemNetwork) -> None:
        """Loopback is this machine; a documentation address is not."""
        assert network.is_own("127.0.0.1")
        assert network.is_own("::1")
        assert not network.is_own("192.0.2.1")

    def test_the_address_of_its_port_is_its_own(self) -> None:
        """Not loopback alone: what the machine's port is called is the machine."""
        code = _IMPORTS + "print(network.is_own('192.0.2.2'), network.is_own('192.0.2.1'))"
        assert run_there(code, CUT).split() == ["True", "False"]


class TestPage:
    """The head of a page."""

    def test_the_status_and_the_first_byte(self, network: SystemNetwork) -> None:
        """A page's status is told, and its first byte took some time but less than all."""
        with serving(saying(OK_ANSWER)) as port:
            page = network.page(f"http://page.example:{port}/x?y=1", "127.0.0.1", 10)
        assert page.status == 204
        assert 0 < page.first_byte_ms < 10_000

    def test_what_is_asked_for(self, network: SystemNetwork) -> None:
        """Path and query go to the server under the page's own name, and nothing tells who asks."""
        asked = []

        def answer(connection: socket.socket) -> None:
            asked.append(head_of(connection).decode())
            connection.sendall(OK_ANSWER)

        with serving(answer) as port:
            network.page(f"http://page.example:{port}/x?y=1", "127.0.0.1", 10)
        lines = asked[0].split("\r\n")
        assert lines[0] == "GET /x?y=1 HTTP/1.1"
        assert f"Host: page.example:{port}" in lines
        assert "User-Agent: firstbell" in lines

    def test_the_time_to_the_first_byte_is_the_servers(self, network: SystemNetwork) -> None:
        """A server that thinks for 200 ms makes the first byte take at least that long."""

        def answer(connection: socket.socket) -> None:
            head_of(connection)
            time.sleep(0.2)
            connection.sendall(OK_ANSWER)

        with serving(answer) as port:
            assert 200 <= network.page(f"http://127.0.0.1:{port}/", "127.0.0.1", 10).first_byte_ms < 5000

    def test_a_redirect_is_not_followed(self, network: SystemNetwork) -> None:
        """A sign-in page's redirect is told as it is."""
        with serving(saying(b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n")) as port:
            assert network.page(f"http://127.0.0.1:{port}/", "127.0.0.1", 10).status == 302

    @pytest.mark.parametrize("drip", [b"", b"H", b"X-Header: 1\r\n"])
    def test_silence_and_dripping_end_at_the_deadline(self, network: SystemNetwork, drip: bytes) -> None:
        """A byte now and then does not keep the probe waiting beyond its deadline."""
        over = threading.Event()

        def answer(connection: socket.socket) -> None:
            head_of(connection)
            if drip != b"H":
                connection.sendall(b"HTTP/1.1 200 OK\r\n" if drip else b"")
            while not over.wait(0.02):
                connection.sendall(drip)

        with serving(answer) as port:
            begin = time.monotonic()
            with pytest.raises(SilentError, match="did not begin in time"):
                network.page(f"http://127.0.0.1:{port}/", "127.0.0.1", 0.3)
            over.set()
        assert 0.25 < time.monotonic() - begin < 5

    def test_what_is_no_http_is_refused(self, network: SystemNetwork) -> None:
        """Some other protocol on the port is no page."""
        with serving(saying(b"220 mail.example ESMTP\r\n")) as port, pytest.raises(RefusedError):
            network.page(f"http://127.0.0.1:{port}/", "127.0.0.1", 10)

    def test_nobody_there_is_refused(self, network: SystemNetwork, closed_port: int) -> None:
        """A refusal is told in words."""
        with pytest.raises(RefusedError, match="the connection was refused"):
            network.page(f"http://127.0.0.1:{closed_port}/", "127.0.0.1", 10)

    def test_a_trusted_certificate_is_good(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With its certificate among the trusted ones, and under its own name, a TLS page is a page."""
        trusted, context = certificate(tmp_path, "page.example")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        network = SystemNetwork(SystemClock())
        with serving(saying(OK_ANSWER), context) as port:
            assert network.page(f"https://page.example:{port}/", "127.0.0.1", 10).status == 204
            with pytest.raises(RefusedError, match="certificate"):
                network.page(f"https://other.example:{port}/", "127.0.0.1", 10)

    def test_a_resigned_certificate_is_said_so(self, network: SystemNetwork, tmp_path: Path) -> None:
        """A certificate of nobody's is refused, with the usual cause in schools; no address is told."""
        _, context = certificate(tmp_path, "page.example")
        with serving(saying(OK_ANSWER), context) as port, pytest.raises(RefusedError) as caught:
            network.page(f"https://page.example:{port}/", "127.0.0.1", 10)
        assert "a filter that re-signs TLS" in caught.value.reason
        assert "example" not in caught.value.reason
