"""The collector's pages: whether they answer, what time they have, and whether a WebSocket gets through."""

import socket
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from agent.doctor.doors import TALK_S, Doors
from agent.doctor.seen import Door, Upgrade, Ways, Web
from agent.machine.dial import Tls
from agent.machine.page import Head, head_over
from agent.machine.proxy import Proxy
from agent.machine.trouble import NetworkError
from agent.uplink import tunnel
from agent.uplink.way import Way

_UPGRADES = 2
"""Tries, because a line that comes and goes takes one."""


class Collector:
    """The collector that `ways` names. `wall_ns` is this machine's clock."""

    def __init__(self, ways: Ways, doors: Doors, proxy: Proxy | None, wall_ns: Callable[[], int]) -> None:
        parts = urlsplit(ways.collector)
        self.host, self.port = parts.hostname or "", parts.port or 443
        self._netloc = parts.netloc.rpartition("@")[2]
        self._way = Way(self.host, self.port, ways.ca_file, proxy, doors.any_date)
        self._doors, self._proxy, self._wall_ns = doors, proxy, wall_ns

    def look(self) -> tuple[Door, Web | None, Upgrade | None]:
        """How the port answers, the pages, and the WebSocket; None for what could not be asked."""
        door, sock = self._doors.door(self.host, self.port, self._proxy, self._doors.pages_tls())
        if door.tls in {Tls.EARLY, Tls.EXPIRED}:  # what time is it there?
            _, sock = self._doors.once(
                self.host, self.port, self._proxy, self._doors.pages_tls(any_date=True)
            )
        web = self._web(sock) if sock else None
        return door, web, self._upgrade() if door.ours else None

    def _web(self, sock: socket.socket) -> Web:
        """Any answer counts: who asks without a token is told so by the collector itself."""
        with sock:
            before_ns = self._wall_ns()
            try:
                head = head_over(sock, self._netloc, "/healthz", self._doors.deadline(TALK_S))
            except NetworkError:
                return Web()
        return Web(status=head.status, ahead_s=_ahead(head, (before_ns + self._wall_ns()) / 2e9))

    def _upgrade(self) -> Upgrade:
        """As the uplink makes one."""
        upgrade = Upgrade()
        for _ in range(_UPGRADES):
            try:
                tunnel.dug(self._way).close()
            except OSError as error:
                answer = getattr(error.__cause__, "response", None)  # the library's, where one came
                upgrade = Upgrade(trouble=str(error), status=getattr(answer, "status_code", 0))
            else:
                return Upgrade()
        return upgrade


def _ahead(head: Head, now_s: float) -> float | None:
    """How far the answer's date is ahead of us, in seconds; None without one. It is cut to whole seconds."""
    try:
        return parsedate_to_datetime(head.headers.get("date", "")).timestamp() + 0.5 - now_s
    except (TypeError, ValueError, IndexError):
        return None
