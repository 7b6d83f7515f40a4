"""Cables between two hosts: as they are, shaped by tbf, or with the delay line in between."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.net.host import Host, environment
from tests.net.shape import MTU, Shape, Way

_DELAY = Path(__file__).with_name("delay.py")
_TUN_QUEUE = 20000
_LEAST_BURST = 2 * (MTU + 14)
_BURST_S = 0.001
_GSO_HEADERS = 500
"""What TCP keeps free for headers when it fills a bunch, generously."""


def cable(one: Host, name: str, other: Host, other_name: str) -> None:
    """A pair of veth devices from `one` to `other`, both up."""
    one.ip(f"link add {name} up type veth peer name {other_name} netns {other.pid}")
    other.ip(f"link set {other_name} up")


def bunch(host: Host, device: str, segments: int) -> None:
    """Let TCP at `host` hand over no more than so many segments as one packet."""
    size = min(65536, segments * MTU + _GSO_HEADERS)
    host.ip(f"link set {device} gso_max_segs {segments} gso_max_size {size}")


class Plain:
    """tbf both ways in a bridge between the two: it queues as a modem does, out of sight of both hosts' TCP.

    On a host's own device tbf would not: TCP looks at its own device's queue and holds back.
    """

    def __init__(self, near: Host, far: Host, name: str, shape: Shape) -> None:
        """Devices called `name`, up, at both hosts."""
        self.shape = shape
        self._middle = Host(f"{near.name}-{far.name}").wait()
        try:
            self._middle.ip("link add bridge up type bridge")
            for host, port in ((near, "near"), (far, "far")):
                cable(self._middle, port, host, name)
                self._middle.ip(f"link set {port} master bridge")
            self._shape("add")
        except BaseException:
            self.close()
            raise

    def _shape(self, verb: str) -> None:
        for port, way in _PORTS:
            if rate := self.shape.mbps(way):
                burst = max(_LEAST_BURST, int(rate * 1e6 / 8 * _BURST_S))
                limit = int(rate * 1e6 / 8 * self.shape.queue_s) + burst
                self._middle.tc(
                    f"qdisc {verb} dev {port} root tbf rate {int(rate * 1e6)}bit burst {burst} limit {limit}"
                )

    def change(self, shape: Shape) -> None:
        """Other rates and queues; a way that had none keeps none."""
        self.shape = shape
        self._shape("change")

    def stats(self) -> dict[str, Any]:
        """Bytes as Ethernet frames, packets, and what the queue dropped."""
        answer: dict[str, Any] = {}
        for port, way in _PORTS:
            shown = self._middle.run(["tc", "-s", "-j", "qdisc", "show", "dev", port]).stdout
            root = json.loads(shown)[0]
            answer[way] = {"bytes": root["bytes"], "packets": root["packets"], "dropped": root["drops"]}
        return answer

    def close(self) -> None:
        """Cables end with the namespace that holds an end of them."""
        self._middle.close()


_PORTS: tuple[tuple[str, Way], ...] = (("far", "up"), ("near", "down"))


class Delayed:
    """The delay line between the two, in a process of its own."""

    def __init__(self, near: Host, far: Host, name: str, shape: Shape) -> None:
        """TUN devices called `name`, up, at both hosts."""
        self.shape = shape
        self.bunches: dict[Way, int] = {"up": shape.bunch("up"), "down": shape.bunch("down")}
        plan = {"near": [near.pid, name], "far": [far.pid, name], **self._settings()}
        self._process = subprocess.Popen(
            [sys.executable, "-IS", str(_DELAY), json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
        try:
            self._answer("ready")
            for host, segments in ((near, self.bunches["up"]), (far, self.bunches["down"])):
                host.ip(f"link set {name} up mtu {MTU} txqueuelen {_TUN_QUEUE}")
                bunch(host, name, segments)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The delay line's process."""
        return self._process.pid

    def _settings(self) -> dict[str, Any]:
        ways: tuple[Way, Way] = ("up", "down")
        return {
            way: {
                "mbps": self.shape.mbps(way),
                "overhead": self.shape.overhead,
                "queue_s": self.shape.queue_s,
                "delay_s": self.shape.rtt_ms / 2000,
                "jitter_s": self.shape.jitter_ms / 1000,
                "loss": self.shape.loss,
                "reorder": self.shape.reorder,
                "seed": f"{self.shape.seed} {way}",
                "bunch": self.shape.bunch(way),
            }
            for way in ways
        }

    def _answer(self, awaited: str = "") -> str:
        assert self._process.stdout is not None
        line: bytes = self._process.stdout.readline()
        if not line or (awaited and line.decode().strip() != awaited):
            raise OSError("the delay line has ended")
        return line.decode()

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._answer())
        return answer

    def change(self, shape: Shape) -> None:
        """Other rates, delays, losses from now on. What is on its way keeps its time."""
        self.shape = shape
        self._ask(json.dumps(self._settings()))

    def stats(self) -> dict[str, Any]:
        """Each way's segments, bytes of IP, `dropped` (queue full), `lost`, and the line's own `cpu_s`."""
        return self._ask("stats")

    def close(self) -> None:
        """Its devices end with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._process.stdout.close()


def span(near: Host, far: Host, name: str, shape: Shape) -> Plain | Delayed:
    """The line between two hosts as `shape` needs it."""
    return (Plain if shape.is_plain else Delayed)(near, far, name, shape)
