"""Traffic between two hosts that is nobody's test: bounded in rate and time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.net.host import Host

_TRAFFIC = Path(__file__).with_name("traffic.py")


class Cross:
    """A sender and a receiver, running."""

    def __init__(
        self,
        sender: Host,
        receiver: Host,
        kind: str = "udp",
        mbps: float | None = None,
        seconds: float = 60,
        streams: int = 1,
    ) -> None:
        """`mbps` of payload, all streams together; without it TCP sends what it can."""
        self._receiver = self._start(receiver, "take", kind, seconds, streams, stdout=subprocess.PIPE)
        assert self._receiver.stdout is not None
        port = int(self._receiver.stdout.readline())
        plan = (kind, seconds, streams, receiver.address, port, mbps or 0)
        self._sender = self._start(sender, "send", *plan, stdin=subprocess.PIPE)
        self._told: list[list[float]] | None = None

    def _start(self, host: Host, verb: str, *plan: object, **options: Any) -> subprocess.Popen[Any]:
        options.setdefault("stdin", subprocess.PIPE)
        return host.popen([sys.executable, "-IS", _TRAFFIC, verb, *map(str, plan)], **options)

    def stop(self) -> list[list[float]]:
        """End it; [seconds, bytes so far] as the receiver saw them, every tenth of a second."""
        for program in (self._sender, self._receiver):
            if program.stdin and not program.stdin.closed:
                program.stdin.close()
                if program is self._sender:
                    program.wait(10)
        if self._told is None:
            assert self._receiver.stdout is not None
            self._told = json.loads(self._receiver.stdout.readline() or b"[]")
            self._receiver.wait(10)
        return self._told

    def wait(self) -> list[list[float]]:
        """Until the sender's seconds are over; as `stop`."""
        self._sender.wait()
        return self.stop()

    def mbps(self, since_s: float = 0.0) -> float:
        """Payload a second at the receiver, from `since_s` after its first byte to its last."""
        told = [point for point in self.stop() if point[0] >= since_s]
        if len(told) < 2:
            return 0.0
        (start, before), (end, after) = told[0], told[-1]
        return (after - before) * 8e-6 / (end - start)


def transfer_mbps(
    sender: Host, receiver: Host, *, streams: int, seconds: float, warm_up_s: float, mbps: float | None = None
) -> float:
    """What plain TCP carries from one host to the other once its first `warm_up_s` are over."""
    traffic = Cross(sender, receiver, "tcp", mbps, seconds, streams)
    traffic.wait()
    return traffic.mbps(warm_up_s)
