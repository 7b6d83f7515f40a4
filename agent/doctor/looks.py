"""The looks: names, ports, TLS, pages, WebSocket, proxy, plain pages, time. Each ends by itself, all in 50 s.

They run side by side, because most of a look at a blocked port is waiting. What has failed is tried again
until it worked or its time is over: a line that comes and goes must not look like a filter.
"""

import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from agent.doctor import time_servers
from agent.doctor.doors import NAME_S, TALK_S, Doors, place
from agent.doctor.pages import Collector
from agent.doctor.seen import Door, Knocks, Name, Page, Plain, Seen, TimeServer, Upgrade, Ways, Web
from agent.doctor.together import Job, Together
from agent.machine import sntp
from agent.machine.dial import Dial
from agent.machine.machine import Machine
from agent.machine.page import head_over
from agent.machine.proxy import Proxy
from agent.machine.routes import default_route
from agent.machine.trouble import NetworkError
from agent.readers import sources

ALL_S = 50.0
"""After so long the looks that still run are left behind."""
_KNOCKS_S, _KNOCK_EVERY_S, _KNOCK_S = 10.0, 0.7, 1.2
_TIME_S, _TIME_TRIES = 2.0, 2

T = TypeVar("T")


def look(
    ways: Ways,
    machine: Machine,
    proxy: Proxy | None = None,
    check: Callable[[], dict[str, str]] | None = None,
    tell: Callable[[str], None] = lambda _what: None,
) -> Seen:
    """Look at everything. `check` tries to send by each way (see `Seen.tried`); `tell` hears of each end.

    Raises OSError where the authority can't be read.
    """
    return _Looks(ways, machine, proxy).all(check, Together(tell))


class _Looks:
    """All looks of one examination."""

    def __init__(self, ways: Ways, machine: Machine, proxy: Proxy | None) -> None:
        self._ways, self._machine = ways, machine
        self._now = machine.clock.monotonic
        self._doors = Doors(machine, ways.ca_file)
        host = urlsplit(ways.collector).hostname or ""
        self._proxy = proxy
        self._collector = Collector(ways, self._doors, self._proxy, self._wall_ns) if host else None

    def all(self, check: Callable[[], dict[str, str]] | None, work: Together) -> Seen:
        """Side by side, in threads that nobody waits for longer than `ALL_S`."""
        self._doors.pages_tls()  # raises before anything has begun
        jobs = self._started(check, work)
        work.wait(self._now() + ALL_S, self._now)
        return self._seen(jobs)

    def _started(self, check: Callable[[], dict[str, str]] | None, work: Together) -> "_Jobs":
        ways, there, proxy = self._ways, self._collector, self._proxy
        hosts = dict.fromkeys([ways.broker, *([there.host] if there else [])])
        return _Jobs(
            names=[work.start(f"the name {host}", partial(self._doors.name, host)) for host in hosts],
            proxy=work.start("the proxy", partial(self._doors.dial, proxy.host, proxy.port))
            if proxy
            else None,
            broker=work.start(f"the broker, port {ways.broker_port}", self._broker),
            pages=work.start("the collector's pages", there.look) if there else None,
            plain=[
                work.start(f"who answers at {page.url}", partial(self._plain, page))
                for page in self._plain_pages()
            ],
            times=work.start("the time servers", self._times),
            knocks=[
                work.start(f"whether {host} port {port} stays in reach", partial(self._knock, host, port))
                for host, port in dict.fromkeys(self._knocked())
            ],
            tried=work.start("each way, as the box sends", check) if check else None,
        )

    def _seen(self, jobs: "_Jobs") -> Seen:
        ways, there, files = self._ways, self._collector, self._machine.files
        door, web, upgrade = (jobs.pages and jobs.pages.result) or (None, None, None)
        if there and door is None:
            door = Door(host=there.host, port=there.port, dial=Dial.SILENT)
        silent = Door(host=ways.broker, port=ways.broker_port, dial=Dial.SILENT)
        return Seen(
            ways=ways,
            route=sys.platform != "linux" or default_route(files) is not None,
            name_servers=sources.name_servers(files.text("/etc/resolv.conf") or ""),
            names=_results(jobs.names),
            proxy=place(self._proxy) if self._proxy else "",
            proxy_dial=jobs.proxy.result if jobs.proxy else None,
            broker=jobs.broker.result or silent,
            pages=door,
            web=web,
            upgrade=upgrade,
            plain=_results(jobs.plain),
            time_servers=jobs.times.result or (),
            synchronised=self._machine.clock.stamp().synchronised,
            knocks=_results(jobs.knocks),
            tried=jobs.tried.result if jobs.tried else None,
        )

    def _wall_ns(self) -> int:
        return self._machine.clock.stamp().wall_ns

    def _broker(self) -> Door:
        ways = self._ways
        tls = self._doors.brokers_tls() if ways.broker_tls else None
        door, sock = self._doors.door(ways.broker, ways.broker_port, None, tls)
        if sock:
            sock.close()
        return door

    # --- who else answers -------------------------------------------------------------------------------

    def _plain_pages(self) -> list[Page]:
        """Those that were named, and the collector's host, where plain HTTP is nobody's but a portal's."""
        there = self._collector
        return [*self._ways.pages, *([Page(url=f"http://{there.host}/", status=0)] if there else [])]

    def _plain(self, page: Page) -> Plain:
        parts, answer = urlsplit(page.url), Plain(url=page.url, wanted=page.status)
        addresses = self._doors.addresses(parts.hostname or "")
        if not addresses:
            return answer
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with self._doors.connected(addresses, parts.port or 80) as sock:
                head = head_over(sock, parts.netloc, path, self._doors.deadline(TALK_S))
        except (OSError, NetworkError):
            return answer
        return replace(answer, status=head.status, leads_to=head.headers.get("location", "")[:200])

    # --- time -------------------------------------------------------------------------------------------

    def _times(self) -> tuple[TimeServer, ...]:
        work = Together()
        servers = time_servers.of(self._machine)
        asked = [work.start(server, partial(self._time, server)) for server in servers]
        work.wait(self._now() + NAME_S + _TIME_S * _TIME_TRIES + 1, self._now)
        return _results(asked)

    def _time(self, server: str) -> TimeServer:
        addresses = self._doors.addresses(server)
        if not addresses:
            return TimeServer(server=server)
        reply = sntp.Reply(sntp.Told.SILENT)
        for _ in range(_TIME_TRIES):
            reply = sntp.ask(addresses[0], _TIME_S, self._wall_ns)
            if reply.told is sntp.Told.TIME:
                break
        return TimeServer(server=server, told=reply.told, ahead_s=reply.offset_s)

    # --- does it stay -----------------------------------------------------------------------------------

    def _knocked(self) -> list[tuple[str, int]]:
        places = [(self._ways.broker, self._ways.broker_port)]
        if self._proxy:
            places.append((self._proxy.host, self._proxy.port))
        elif self._collector:
            places.append((self._collector.host, self._collector.port))
        return places

    def _knock(self, host: str, port: int) -> Knocks:
        addresses = self._doors.addresses(host)
        came: list[bool] = []
        end_s = self._now() + _KNOCKS_S
        while addresses and self._now() < end_s:
            begin_s = self._now()
            try:
                self._doors.connected(addresses, port, _KNOCK_S).close()
                came.append(True)
            except OSError:
                came.append(False)
            threading.Event().wait(max(0.0, begin_s + _KNOCK_EVERY_S - self._now()))
        return Knocks(host=host, port=port, came=tuple(came))


class _Jobs(NamedTuple):
    """The looks under way; None for what there is none of."""

    names: list[Job[Name]]
    proxy: Job[Dial | None] | None
    broker: Job[Door]
    pages: Job[tuple[Door, Web | None, Upgrade | None]] | None
    plain: list[Job[Plain]]
    times: Job[tuple[TimeServer, ...]]
    knocks: list[Job[Knocks]]
    tried: Job[dict[str, str]] | None


def _results(jobs: list[Job[T]]) -> tuple[T, ...]:
    return tuple(job.result for job in jobs if job.result is not None)
