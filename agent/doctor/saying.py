"""An examination as text: whether reports can go, what stands in the way, and what was seen."""

from collections.abc import Iterator

from agent.doctor.judge import Diagnosis
from agent.doctor.seen import Asked, Door, Seen
from agent.machine.dial import Dial, Tls
from agent.machine.sntp import Told
from firstbell.tables import harmless

WAYS = {"broker": "MQTT", "websocket": "a WebSocket", "https": "HTTPS"}
"""The ways as `check` calls them, and as people do."""


def verdict(diagnosis: Diagnosis) -> str:
    """Whether reports can go, and how."""
    there = (diagnosis.mqtt, diagnosis.websocket, diagnosis.https)
    open_ways = [name for name, good in zip(WAYS.values(), there, strict=True) if good]
    if not open_ways:
        return "Reports can't get out of this network. They are kept, and go as soon as a way is open."
    return f"Reports can go, by {' or '.join(open_ways)}."


def text(seen: Seen, diagnosis: Diagnosis) -> str:
    """All of it, for people."""
    lines = [verdict(diagnosis)]
    if not diagnosis.findings:
        lines.append("Nothing stands in the way.")
    for number, finding in enumerate(diagnosis.findings, 1):
        lines += ["", f"{number}. {finding.code}", f"   For the filter's administrator: {finding.admin}"]
        lines.append(f"   Here: {finding.here}")
    lines += ["", "What was seen:", *(f"   {row}" for row in rows(seen))]
    return "\n".join(map(harmless, lines))


def rows(seen: Seen) -> Iterator[str]:
    """What was seen, a line each."""
    yield from _places(seen)
    for plain in seen.plain:
        good = not plain.wanted or plain.status == plain.wanted
        yield f"{_mark(good)} {plain.url}: {_status(plain.status)}"
    for server in seen.time_servers:
        known = server.told is Told.TIME
        yield f"{_mark(known)} time server {server.server}: {server.told or 'no address'}"
    held = "NTP holds it" if seen.synchronised else "NTP does not hold it; the collector's time is taken then"
    yield f"{_mark(seen.synchronised, '?  ')} clock: {held}"
    for knocks in seen.knocks:
        came, of = knocks.came.count(True), len(knocks.came)
        yield f"{_mark(of > 0 and came == of)} {knocks.host} port {knocks.port}: {came} of {of} connections"
    for way, trouble in (seen.tried or {}).items():
        yield f"{_mark(not trouble)} sending by {WAYS[way]}: {trouble or 'it works'}"


def _places(seen: Seen) -> Iterator[str]:
    """Names, ports, and what was said there."""
    for name in seen.names:
        said = ", ".join(name.addresses) if name.asked is Asked.FOUND else name.asked
        yield f"{_mark(name.asked is Asked.FOUND)} name {name.host}: {said}"
    if seen.proxy:
        yield f"{_mark(seen.proxy_dial is Dial.OPEN)} proxy {seen.proxy}: {seen.proxy_dial or 'no address'}"
    for door, what in ((seen.broker, "broker"), (seen.pages, "pages")):
        if door:
            yield f"{_mark(door.ours)} {what} {door.host} port {door.port}: {_door(door)}"
    if seen.web:
        yield f"{_mark(seen.web.status > 0)} pages over HTTPS: {_status(seen.web.status)}"
    if seen.upgrade:
        yield f"{_mark(not seen.upgrade.trouble)} WebSocket: {seen.upgrade.trouble or 'it passes'}"


def _mark(good: bool, otherwise: str = "NOT") -> str:
    return "ok " if good else otherwise


def _status(status: int) -> str:
    return f"status {status}" if status else "no answer"


def _door(door: Door) -> str:
    if door.dial is not Dial.OPEN:
        return door.dial or "no address"
    shown = f", signed by {door.certificate.issuer}" if door.certificate else ""
    refused = f", the proxy says {door.proxied}" if door.proxied else ""
    tls = {None: "", Tls.OURS: ", TLS as it should be"}.get(door.tls, f", TLS: {door.tls}")
    return f"open{tls}{shown}{refused}"
