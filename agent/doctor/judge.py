"""From what was seen to what stands in the way, the cause first. Pure: the same seen is the same said."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from agent.doctor import words
from agent.doctor.seen import Asked, Door, Knocks, Plain, Seen
from agent.doctor.words import Finding
from agent.machine.dial import Dial, Tls
from agent.machine.sntp import Told

CLOCK_S = 60.0
"""A clock that is further off than this is wrong; what the collector's answer takes is far less."""
_MISSED = 3
"""One connection that does not come about is an accident, and two may be."""
_REDIRECTS = range(300, 400)
_NEEDS_LOGIN = 407
_SERVERS_TROUBLE = 500
_NETWORK_LOGIN = 511
"""HTTP's "network authentication required" (RFC 6585)."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the way, the cause first, and by which ways reports can go (None: not known here)."""

    findings: tuple[Finding, ...]
    mqtt: bool
    websocket: bool | None
    https: bool | None

    @property
    def reports_can_go(self) -> bool:
        """Whether any way is open."""
        return self.mqtt or bool(self.websocket) or bool(self.https)


def judge(seen: Seen) -> Diagnosis:
    """What stands in the way, and which ways are open."""
    diagnosis = _ways(seen)
    found = list(_causes(seen)) or list(_blocks(seen))
    found += _times(seen, found)
    return msgspec.structs.replace(diagnosis, findings=tuple(found))


def _ways(seen: Seen) -> Diagnosis:
    """Which ways are open: as they were tried, else as far as it can be told without a certificate."""
    pages, web, upgrade, tried = seen.pages, seen.web, seen.upgrade, seen.tried
    mqtt = seen.broker.ours
    https = None if pages is None else pages.ours and bool(web and 0 < web.status < _SERVERS_TROUBLE)
    websocket = None if pages is None else bool(upgrade and not upgrade.trouble)
    if tried is not None:
        mqtt = tried.get("broker") == ""
        websocket, https = (not tried[way] if way in tried else None for way in ("websocket", "https"))
    return Diagnosis(findings=(), mqtt=mqtt, websocket=websocket, https=https)


def _reached(seen: Seen) -> bool:
    """Whether the district's own servers were reached at all."""
    return seen.broker.ours or bool(seen.pages and seen.pages.ours) or "" in (seen.tried or {}).values()


def _causes(seen: Seen) -> Iterator[Finding]:
    """What explains everything else that went wrong; at most one, but for names."""
    broken = [knocks for knocks in seen.knocks if _comes_and_goes(knocks)]
    if not seen.route and not _reached(seen):
        yield words.no_route()
    elif names := [name for name in seen.names if name.asked is not Asked.FOUND and not seen.proxy]:
        yield from (words.name(name, seen.name_servers) for name in names)
    elif portal := _portal(seen):
        yield words.portal(portal)
    elif broken:
        yield words.comes_and_goes(broken[0])
    elif seen.proxy and seen.pages and not seen.pages.ours:
        yield from _proxy(seen, seen.pages)
    elif seen.pages and not seen.proxy and _shut(seen.broker) and _shut(seen.pages):
        yield words.nothing_out(seen.broker, seen.pages)


def _shut(door: Door) -> bool:
    return door.dial in {Dial.SILENT, Dial.NO_WAY}


def _comes_and_goes(knocks: Knocks) -> bool:
    return any(knocks.came) and knocks.came.count(False) >= _MISSED


def _portal(seen: Seen) -> Plain | None:
    """Who answers for pages that are not theirs, if the district is out of reach."""
    if _reached(seen):
        return None
    return next((plain for plain in seen.plain if _is_portals(plain, seen)), None)


def _is_portals(plain: Plain, seen: Seen) -> bool:
    if plain.wanted:
        return plain.status not in {0, plain.wanted}
    # Nobody need serve plain HTTP there; who does leads on to the same host, unless he is somebody else.
    host = seen.pages.host if seen.pages else ""
    elsewhere = plain.status in _REDIRECTS and urlsplit(plain.leads_to).hostname != host
    return plain.status == _NETWORK_LOGIN or elsewhere


def _proxy(seen: Seen, pages: Door) -> Iterator[Finding]:
    """What the proxy does in place of connecting us; nothing if it is not the proxy."""
    if seen.proxy_dial is not Dial.OPEN:
        yield words.proxy_silent(seen.proxy)
    elif pages.proxied == _NEEDS_LOGIN:
        yield words.proxy_login(seen.proxy)
    elif pages.proxied:
        yield words.proxy_refuses(seen.proxy, pages)


def _blocks(seen: Seen) -> Iterator[Finding]:
    """Each thing that is blocked by itself."""
    broker, pages = seen.broker, seen.pages
    inspected = [door for door in (pages, broker) if door and door.tls is Tls.FOREIGN]
    if inspected:
        yield words.intercepted(inspected)
    if seen.proxy and pages and pages.ours and not broker.ours and broker.dial is not Dial.OPEN:
        yield words.proxy_only(seen.proxy, broker)
    elif not broker.ours and broker not in inspected:
        yield from _door(broker, "MQTT", seen)
    if pages and not pages.ours and pages not in inspected:
        yield from _door(pages, "HTTPS", seen)
    if pages and pages.ours and seen.web and not 0 < seen.web.status < _SERVERS_TROUBLE:
        yield words.pages_trouble(pages, seen.web.status)
    if pages and pages.ours and seen.upgrade and seen.upgrade.trouble:
        if seen.upgrade.status >= _SERVERS_TROUBLE:
            yield words.broker_away(pages, seen.upgrade.status)
        else:
            yield words.websocket(pages, seen.upgrade.trouble)
    if broker.ours and (trouble := (seen.tried or {}).get("broker")):
        yield words.login(broker, trouble)


def _door(door: Door, speaks: str, seen: Seen) -> Iterator[Finding]:
    """How one port is blocked; nothing where it is the clock, which is said for itself."""
    if door.tls in {Tls.EARLY, Tls.EXPIRED} and _clock_is_wrong(seen):
        return
    yield words.door(door, speaks)


def _ahead_s(seen: Seen) -> float | None:
    """How far this clock is behind the district's, or else behind a time server's (below zero: ahead)."""
    told = [seen.web.ahead_s if seen.web else None, *(server.ahead_s for server in seen.time_servers)]
    return next((ahead for ahead in told if ahead is not None), None)


def _clock_is_wrong(seen: Seen) -> bool:
    return abs(_ahead_s(seen) or 0.0) > CLOCK_S


def _times(seen: Seen, found: list[Finding]) -> list[Finding]:
    """The clock, and the time servers where they are shut by themselves."""
    said: list[Finding] = []
    silent = [one for one in seen.time_servers if one.told not in {Told.TIME, None}]
    answered = any(one.told is Told.TIME for one in seen.time_servers)
    ahead_s = _ahead_s(seen)
    if ahead_s is not None and abs(ahead_s) > CLOCK_S:
        said.append(words.clock(ahead_s, seen.time_servers))
    elif silent and not answered and not found_explains(found):
        said.append(words.time_servers(silent))
    return said


def found_explains(found: list[Finding]) -> bool:
    """Whether what was found shuts out the time servers too."""
    return any(finding.all_of_it for finding in found)
