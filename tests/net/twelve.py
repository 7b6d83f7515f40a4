"""Twelve little networks, each a school with its filter, and what is on the way in each."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.machine.clock import SystemClock
from tests.net.host import Host, environment
from tests.net.little_district import HOST, YEARS, LittleDistrict, server_context
from tests.net.middlebox import (
    Middlebox,
    Serve,
    connects,
    drops,
    holds,
    later_by,
    opens,
    passes,
    signs_in,
    without_upgrade,
)
from tests.net.spans import cable
from tests.support import small_servers
from tests.support.tls_server import certificates

BOX, FILTER, DISTRICT, CLOCKS = "10.2.7.20", "10.2.7.1", "198.51.100.10", "198.51.100.123"
TIME_SERVERS = ("0.debian.pool.ntp.org", "1.debian.pool.ntp.org")
KNOWN = {HOST: DISTRICT, **dict.fromkeys(TIME_SERVERS, CLOCKS)}
MQTT, HTTPS, HTTP, PROXY, NAMES, TIME = 8883, 443, 80, 3128, 53, 123
SIGN_IN = "http://login.school.example/"
DOWN_S, UP_S = 5.0, 3.0

Ports = dict[int, str]


@dataclass(frozen=True)
class Network:
    """A school's network. `ports` says how TCP ports of the district are treated; what isn't named passes.

    `says` are the codes of what the doctor finds, `by` the ways by which reports of an enrolled box get out.
    """

    name: str
    says: tuple[str, ...]
    by: tuple[str, ...]
    ports: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[str, str] | None = field(default_factory=lambda: KNOWN)
    time: bool = True
    proxy: bool = False
    told: bool = False
    """Whether the box's environment names the proxy."""
    flaps: bool = False

    @property
    def by_here(self) -> tuple[str, ...]:
        """`by`, on the machine that tests: where NTP holds its clock the broker's date counts."""
        held = SystemClock().stamp().synchronised
        return tuple(way for way in self.by if way != "mqtt" or not held or self.ports.get(MQTT) != "later")


ALL_DROP = {MQTT: "drop", HTTPS: "drop", HTTP: "drop"}
TUNNEL = ("websocket", "https")
ALL = ("mqtt", *TUNNEL)
NETWORKS = (
    Network("8883 dropped", ("mqtt_port_blocked",), TUNNEL, {MQTT: "drop"}),
    Network(
        "no WebSocket",
        ("mqtt_port_blocked", "websocket_blocked"),
        ("https",),
        {MQTT: "drop", HTTPS: "one hop"},
    ),
    Network("proxy only", ("proxy_only",), TUNNEL, ALL_DROP, time=False, proxy=True, told=True),
    Network("proxy untold", ("nothing_gets_out",), (), ALL_DROP, time=False, proxy=True),
    Network("portal", ("captive_portal",), (), {MQTT: "drop", HTTPS: "refuse", HTTP: "portal"}),
    Network("TLS intercepted", ("tls_intercepted",), TUNNEL, {MQTT: "filter", HTTPS: "filter"}),
    Network("dead DNS", ("dns_silent",), (), names=None),
    Network("filtered DNS", ("dns_blocked",), (), names=dict.fromkeys(TIME_SERVERS, CLOCKS)),
    Network("half-open", ("mqtt_half_open",), TUNNEL, {MQTT: "hold"}),
    Network("flapping", ("comes_and_goes",), ALL, flaps=True),
    Network("NTP blocked", ("ntp_blocked",), ("mqtt",), time=False),
    # Whoever ends TLS here shows the broker no certificate of the box: MQTT itself is tried in test_wrong_clock.py.
    Network("clock wrong", ("clock_wrong",), TUNNEL, {MQTT: "later", HTTPS: "later"}, time=False),
)


class Lab:
    """All networks, built at once, in front of one district."""

    def __init__(self, district: LittleDistrict, folder: Path, box: Middlebox) -> None:
        self._district, self._folder, self._middle = district, folder, box
        self._stack = ExitStack()
        self._filters: tuple[Path, Path, Path] = certificates(folder, HOST)
        self._over = threading.Event()
        self.schools: dict[str, Host] = {}

    @contextmanager
    def built(self) -> Iterator["Lab"]:
        """Until it is left."""
        try:
            made = [
                (network, self._host("school", BOX), self._host("filter", FILTER)) for network in NETWORKS
            ]
            for network, school, filter_ in made:
                self._join(network, school.wait(), filter_.wait())
            yield self
        finally:
            self._over.set()
            self._stack.close()

    def _host(self, name: str, address: str) -> Host:
        host = Host(name, address)
        self._stack.callback(host.close)
        return host

    def _join(self, network: Network, school: Host, filter_: Host) -> None:
        cable(filter_, "line", school, "eth0")
        filter_.ip(
            f"addr add {FILTER}/24 dev line", f"addr add {DISTRICT}/32 dev lo", f"addr add {CLOCKS}/32 dev lo"
        )
        school.ip(f"addr add {BOX}/24 dev eth0", f"route add default via {FILTER}")
        own = self._folder / network.name.replace(" ", "-")
        own.mkdir()
        (own / "resolv.conf").write_text(f"nameserver {FILTER}\n", encoding="ascii")
        school.run(["mount", "--bind", own / "resolv.conf", "/etc/resolv.conf"])
        self.schools[network.name] = school
        with filter_.inside():
            self._listen(network)
        if network.flaps:
            thread = threading.Thread(target=self._flap, args=(filter_,))
            thread.start()
            self._stack.callback(thread.join)

    def _flap(self, filter_: Host) -> None:
        while not self._over.wait(UP_S):
            filter_.ip("link set line down")
            self._over.wait(DOWN_S)
            filter_.ip("link set line up")

    def _listen(self, network: Network) -> None:
        answers = small_servers.silent if network.names is None else small_servers.names(network.names)
        self._udp(FILTER, NAMES, answers)
        self._udp(CLOCKS, TIME, small_servers.right_time() if network.time else small_servers.silent)
        for port in (MQTT, HTTPS, HTTP):
            self._tcp(port, network.ports.get(port, "refuse" if port == HTTP else "pass"))
        if network.proxy:
            listener = socket.create_server((FILTER, PROXY))
            self._middle.serve(listener, connects(HOST, {HTTPS: self._district.web}))

    def _udp(self, address: str, port: int, answer: Callable[[bytes], bytes]) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, port))
        self._stack.enter_context(small_servers.Udp(sock, answer))

    def _tcp(self, port: int, how: str) -> None:
        if how == "refuse":
            return
        listener = socket.create_server((DISTRICT, port))
        if how == "drop":
            drops(listener)
            self._stack.callback(listener.close)
            return
        serve, certificate = self._treated(port, how)
        self._middle.serve(listener, serve, server_context(*certificate) if certificate else None)

    def _treated(self, port: int, how: str) -> tuple[Serve, tuple[Path, Path] | None]:
        district, folder = self._district, self._district.home.folder
        behind = district.broker if port == MQTT else district.web
        if how == "pass":
            return passes(behind), None
        if how == "hold":
            return holds, None
        if how == "portal":
            return signs_in(SIGN_IN), None
        if how == "filter":
            return opens(behind, district.believed(), HOST), self._filters[:2]
        if how == "one hop":
            return opens(behind, district.believed(), HOST, up=without_upgrade), (
                folder / "web.pem",
                folder / "web.key",
            )
        assert how == "later"
        serve = opens(behind, district.believed(), HOST, down=later_by(YEARS))
        return serve, (folder / "later.pem", folder / "later.key")

    def agent(self, network: Network, *argv: str | Path, **options: Any) -> subprocess.Popen[Any]:
        """Start the box's program in this network."""
        env = {key: value for key, value in environment().items() if not key.lower().endswith("_proxy")}
        if network.told:
            env["HTTPS_PROXY"] = f"http://{FILTER}:{PROXY}"
        return self.schools[network.name].popen(
            [sys.executable, "-m", "agent.cli", *argv], env={**env, "PYTHONPATH": str(Path.cwd())}, **options
        )
