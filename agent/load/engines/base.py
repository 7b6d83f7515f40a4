"""What every engine takes and gives, whatever library or program it is made of."""

from typing import Literal, Protocol

import msgspec

from agent.machine.machine import Machine
from agent.machine.trouble import NetworkError, SilentError
from firstbell.catalogue import Reading
from firstbell.report import Status

Direction = Literal["down", "up"]


class Peer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server that the box's settings name: `name` is its target's label, and what its tickets say.

    `url` is for engines that speak to a web address; `port` 0 is the engine's own.
    """

    name: str
    host: str = ""
    port: int = 0
    url: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One test. Both ceilings are for both directions together.

    `interface` is the port whose bytes are compared with the test's; empty for none. `secure` asks for TLS
    where the engine knows both. `ticket` is what a reference server wants to see. `expected_mbps` is what
    the line carried when it was last tested well; 0 where nobody knows.
    """

    max_bytes: int
    max_seconds: float
    interface: str = ""
    secure: bool = True
    server: Peer | None = None
    ticket: str = ""
    expected_mbps: float = 0.0

    def __post_init__(self) -> None:
        if self.max_bytes <= 0 or self.max_seconds <= 0:
            raise ValueError("a test's ceilings are above zero")


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an engine found: facts alone; what limited the test is judged by who knows the port.

    A rate that could not be had is None, and `reason` says why. Bytes are those of the port: frames, as
    far as they can be told from what the sockets carried; None if nobody knows. `own_processor_pct` is of
    one core, for the busier direction. `capped` names the directions that a ceiling ended, `faltered` those
    of which the server broke off some transfers; `to_self` says that the server was this machine.
    """

    status: Status
    reason: str = ""
    down_mbps: float | None = None
    up_mbps: float | None = None
    bytes_received: int | None = None
    bytes_sent: int | None = None
    own_processor_pct: float = 0.0
    throttled_pct: float | None = None
    cpu_busy_pct: float | None = None
    cross_traffic_pct: float | None = None
    server: str = ""
    capped: tuple[Direction, ...] = ()
    faltered: tuple[Direction, ...] = ()
    server_busy: bool = False
    to_self: bool = False
    more: dict[str, Reading] = {}


def outcome(trouble: NetworkError | None, *, down_known: bool) -> tuple[Status, str]:
    """Status and reason of a test that measures down before up, by what ended it.

    A rate down is worth keeping though none up came of it.
    """
    if trouble is None:
        return Status.OK, ""
    if down_known:
        return Status.OK, f"no rate for the way up: {trouble.reason}"
    return Status.TIMEOUT if isinstance(trouble, SilentError) else Status.FAILED, trouble.reason


class Engine(Protocol):
    """The one function of an engine's module."""

    def __call__(self, request: Request, machine: Machine) -> Result:
        """Run one test to its end, and never longer than `request.max_seconds` and a few seconds more."""
