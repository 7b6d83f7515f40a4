"""Test networks: one line to a server, or a school's way through building and district to the internet.

    with Net() as net, net.line(down_mbps=100, up_mbps=20, rtt_ms=30) as line:
        server = line.server.popen([...])
        done = line.client.run([..., line.server.address])
        line.goodput_mbps("down")   # what a perfect test sees

Each machine is a network namespace that its `Host` holds; everything ends with the `with`, or with this process.
Needs root (or a user namespace with a TUN device): call `need_network()` first, and mark the test `root`.
IPv4 alone.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from tests.net.cross import Cross
from tests.net.host import Host
from tests.net.shape import Shape, Way
from tests.net.spans import Delayed, Plain, bunch, cable, span

_LAN = "10.2.7"
_GATEWAY = f"{_LAN}.1"


class Lan:
    """A building's own network behind its router: hosts on one switch, unshaped, with the router as gateway."""

    def __init__(self, net: "Net", router: Host) -> None:
        """`router` gets the network's first address."""
        self._net = net
        self._router = router
        self._ports = 0
        router.ip("link add lan up type bridge")
        router.plug("lan", f"{_GATEWAY}/24")

    def join(self, host: Host, segments: int | None) -> None:
        """Plug `host` in; its TCP bunches no more than `segments`."""
        self._ports += 1
        port = f"lan{self._ports}"
        cable(self._router, port, host, "eth0")
        self._router.ip(f"link set {port} master lan")
        host.plug("eth0", f"{host.address}/24", f"default via {_GATEWAY}")
        if segments:
            bunch(host, "eth0", segments)


class Chain:
    """Hosts in a row behind a building's network, with a line between each two."""

    def __init__(self, net: "Net", hosts: list[Host], shapes: list[Shape]) -> None:
        """`hosts` from the box and its router outwards; `shapes` of the lines from the router on."""
        self._net = net
        self._stack = net.stack
        self._box, self._router, *_ = self._hosts = hosts
        self.spans: list[Plain | Delayed] = []
        self._neighbour: Host | None = None
        for number, shape in enumerate(shapes):
            near, far = hosts[number + 1 : number + 3]
            self._join(number, near, far, shape)
        self._lan = Lan(net, self._router)
        self._lan.join(self._box, self._segments("up"))
        if segments := self._segments("down"):
            for number, far in enumerate(hosts[2:]):
                bunch(far, _device(number), segments)

    def _join(self, number: int, near: Host, far: Host, shape: Shape) -> None:
        line = span(near, far, _device(number), shape)
        self._stack.callback(line.close)
        self.spans.append(line)
        before = _before(far.address)
        near.plug(_device(number), f"{before}/30", f"default via {far.address}")
        far.plug(_device(number), f"{far.address}/30", f"10.0.0.0/8 via {before}")

    def _segments(self, way: Way) -> int | None:
        """The most that no delay line of the chain has to cut up."""
        return min((line.bunches[way] for line in self.spans if isinstance(line, Delayed)), default=None)

    @property
    def neighbour(self) -> Host:
        """Another machine in the box's building, on the same lines; made when first asked for."""
        if self._neighbour is None:
            self._neighbour = self._net.host("neighbour", f"{_LAN}.30").wait()
            self._lan.join(self._neighbour, self._segments("up"))
        return self._neighbour

    def goodput_mbps(self, way: Way, spans: int | None = None) -> float:
        """TCP payload a second that the narrowest line (of the first `spans`) lets through, at best."""
        return min(line.shape.goodput_mbps(way) for line in self.spans[:spans])

    @contextmanager
    def cross(
        self,
        mbps: float | None,
        way: Way = "down",
        *,
        kind: str = "udp",
        seconds: float = 60,
        inner: Host | None = None,
        outer: Host | None = None,
    ) -> Iterator[Cross]:
        """Somebody else's traffic meanwhile, between the neighbour (or `inner`) and the last host (or `outer`).

        `mbps` of payload (TCP with None: all it gets); it ends after `seconds` at the latest.
        """
        inner, outer = inner or self.neighbour, outer or self._hosts[-1]
        sender, receiver = (outer, inner) if way == "down" else (inner, outer)
        traffic = Cross(sender, receiver, kind, mbps, seconds)
        try:
            yield traffic
        finally:
            traffic.stop()


class Line(Chain):
    """One line: `client` behind `gateway` at one end, `server` at the other."""

    def __init__(self, net: "Net", shape: Shape) -> None:
        """Between three new hosts."""
        hosts = net.hosts(client=f"{_LAN}.20", gateway=_GATEWAY, server="10.1.0.10")
        super().__init__(net, hosts, [shape])
        self.client, self.gateway, self.server = hosts

    @property
    def shape(self) -> Shape:
        """As it is now."""
        return self.spans[0].shape

    def change(self, **fields: Any) -> None:
        """Let the line be another from now on: `line.change(down_mbps=5, loss=0.01)`."""
        self.spans[0].change(self.shape.changed(**fields))

    def stats(self) -> dict[str, Any]:
        """What passed each way so far (`down` and `up`: bytes, packets, dropped, ...)."""
        return self.spans[0].stats()


class Path(Chain):
    """A box in a building, the site line to the district, the wan line from there to the internet."""

    def __init__(self, net: "Net", site: Shape, wan: Shape) -> None:
        """Between four new hosts."""
        hosts = net.hosts(box=f"{_LAN}.20", building=_GATEWAY, district="10.1.0.10", internet="198.51.100.10")
        super().__init__(net, hosts, [site, wan])
        self.box, self.building, self.district, self.internet = hosts
        self.site, self.wan = self.spans


class Net:
    """What a test makes of hosts and lines, and takes down again."""

    def __init__(self, cc: str = "cubic") -> None:
        """`cc` is the congestion control of all hosts' TCP."""
        self._cc = cc
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take all down, lines before hosts."""
        self.stack.close()

    def host(self, name: str, address: str) -> Host:
        """A new host with no cable; `wait` for it."""
        host = Host(name, address, self._cc)
        self.stack.callback(host.close)
        return host

    def hosts(self, **addresses: str) -> list[Host]:
        """New hosts by name, ready."""
        return [host.wait() for host in [self.host(name, address) for name, address in addresses.items()]]

    @contextmanager
    def line(self, **shape: Any) -> Iterator[Line]:
        """A line of this `Shape`."""
        with self._level():
            yield Line(self, Shape(**shape))

    @contextmanager
    def path(self, site: Shape, wan: Shape) -> Iterator[Path]:
        """A school's way to the internet."""
        with self._level():
            yield Path(self, site, wan)

    @contextmanager
    def _level(self) -> Iterator[None]:
        """What is made meanwhile ends here, not with the net."""
        outer, self.stack = self.stack, ExitStack()
        try:
            with self.stack:
                yield
        finally:
            self.stack = outer


def _device(number: int) -> str:
    return ("line", "wan")[number]


def _before(address: str) -> str:
    """The other address of two in a network of four."""
    start, _, last = address.rpartition(".")
    return f"{start}.{int(last) - 1}"
