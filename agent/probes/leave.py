"""What leave to load the line becomes in a probe's memory, and the request that an engine gets by it.

Whoever runs a probe that loads the line puts into its memory what the lease allows for each server
(`max_bytes`, `max_seconds`), the `tickets` and the rates `known_mbps` by server, and an event `stop` that
ends the test.
"""

from collections.abc import Mapping
from threading import Event
from typing import Any

from agent.load import apart
from agent.load.engines.base import Peer, Request, Result
from agent.probes.settings import Server
from firstbell.report import Status

NO_TICKET = "no ticket for this server: the district's coordinator gives one with each leave to test"


def stop_of(memory: Mapping[str, Any]) -> Event | None:
    """What ends the test, if anything may."""
    stop: Event | None = memory.get("stop")
    return stop


def skipped(server: Server, memory: Mapping[str, Any], *, wants_ticket: bool) -> Result | None:
    """Why this server is not tested against, as the result; None if it is."""
    stop = stop_of(memory)
    if stop is not None and stop.is_set():
        return Result(status=Status.SKIPPED, reason=apart.STOPPED)
    if wants_ticket and not _ticket(server, memory):
        return Result(status=Status.SKIPPED, reason=NO_TICKET)
    return None


def request(
    server: Server, memory: Mapping[str, Any], interface: str, *, max_bytes: int, max_seconds: float
) -> Request:
    """What an engine is asked; `max_bytes` and `max_seconds` hold where no lease says otherwise."""
    return Request(
        max_bytes=memory.get("max_bytes", max_bytes),
        max_seconds=memory.get("max_seconds", max_seconds),
        interface=interface,
        server=Peer(name=server.name, host=server.host, port=server.port, url=server.url),
        ticket=_ticket(server, memory),
        expected_mbps=memory.get("known_mbps", {}).get(server.name, 0.0),
    )


def _ticket(server: Server, memory: Mapping[str, Any]) -> str:
    ticket: str = memory.get("tickets", {}).get(server.name, "")
    return ticket
