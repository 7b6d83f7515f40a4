"""The real application over a simulated district, and every kind of page that can be reached in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
from starlette.routing import BaseRoute, Match

from collector import config, registry
from collector.clock import SystemClock
from collector.config import Demo
from collector.demo import making
from collector.intake import Intake
from collector.store.journal import open_journal
from collector.store.reads import Reads
from collector.store.writer import Writer
from collector.web.app import create_app
from collector.web.health import Parts
from tests.collector.web.site import FakeLink, serving

AS_OF_NS = int(datetime(2026, 12, 8, 14, 5, tzinfo=ZoneInfo("America/Chicago")).timestamp()) * 10**9
SMALL = Demo(seed=7, schools=8, days=12, as_of_ns=AS_OF_NS)
FIRST = ("/", "/rooms", "/boxes", "/nothing")
"""Where people begin; "/nothing" is a page that isn't there."""
OF_EACH = 2
"""So many pages of each kind are looked at: the first ones that are linked to."""


class Site(NamedTuple):
    """Where it is served, and the addresses of its pages."""

    origin: str
    addresses: tuple[str, ...]
    parts: Parts

    @property
    def first_ones(self) -> set[str]:
        """One address of each kind of page."""
        kinds = {address.split("?")[0].split("/")[1]: address for address in reversed(self.addresses)}
        return set(kinds.values())


@contextmanager
def simulated(folder: Path, demo: Demo = SMALL) -> Iterator[Site]:
    """A demo, made in `folder` and served on loopback at its own moment."""
    home = config.home(str(folder))
    making.make(home, demo, SystemClock(), lambda *_: None)
    district = registry.read(home.district)
    clock, journal = home.clock, open_journal(home.journal)
    writer, reads = Writer(journal, clock), Reads(journal)
    parts = Parts(
        writer=writer,
        intake=Intake(writer, clock, journal.id),
        reads=reads,
        link=FakeLink(),
        clock=clock,
        folder=home.folder,
        folder_now=lambda: district,
        folder_trouble=str,
        targets=registry.targets(),
    )
    writer.start()
    try:
        with serving(parts) as port:
            origin = f"http://127.0.0.1:{port}"
            rooms = [f"/rooms/{seat.school}/{seat.room}" for seat in district.district.seats if seat.room]
            yield Site(origin, tuple(_pages(origin, create_app(parts).routes, rooms)), parts)
    finally:
        writer.stop()
        reads.close()


def _pages(origin: str, routes: list[BaseRoute], more: list[str]) -> Iterator[str]:
    """Addresses of pages, found as people find them: by the links of the page before; and `more`."""
    waiting, seen, kinds = [*FIRST, *more], set[str](), dict[str, int]()
    with httpx.Client(base_url=origin, timeout=60, trust_env=False) as client:
        while waiting:
            address = waiting.pop(0)
            kind = _kind(address, routes)
            if address in seen or kinds.get(kind, 0) >= OF_EACH:
                continue
            seen.add(address)
            answer = client.get(address)
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            if answer.status_code == 404 and address != "/nothing":
                continue
            assert answer.status_code < 500, f"{address}: {answer.text}"
            kinds[kind] = kinds.get(kind, 0) + 1
            yield address
            links = re.findall(r'href="([^"#]+)', answer.text)
            waiting += [link.replace("&amp;", "&") for link in links if link.startswith("/")]


def _kind(address: str, routes: list[BaseRoute]) -> str:
    """Which route answers."""
    scope = {"type": "http", "method": "GET", "path": urlsplit(address).path, "root_path": "", "headers": []}
    for route in routes:
        if route.matches(scope)[0] is Match.FULL:
            return str(getattr(route, "path", route))
    return ""
