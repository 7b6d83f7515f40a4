"""What is said of each thing in the way: a sentence for the filter's administrator, one for here.

The administrator's is fit to be pasted into a ticket: host, port, what to allow. The other is for whoever
stands before the box. Both are plain text, and hold nobody's password.
"""

from collections.abc import Sequence

import msgspec

from agent.doctor.seen import Asked, Door, Knocks, Name, Plain, TimeServer
from agent.machine.dial import Dial, Tls
from firstbell.letter import TUNNEL

_DAY_S = 86_400.0
_UNITS = ((365.25 * _DAY_S, "years"), (_DAY_S, "days"), (3600.0, "hours"), (60.0, "minutes"))
_CALL = "Nothing is wrong with the box: hand the sentence to whoever runs the filter."


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the way. `code` is its name for programs; `all_of_it`: it shuts out everything alike."""

    code: str
    admin: str
    here: str
    host: str = ""
    port: int = 0
    all_of_it: bool = False


def no_route() -> Finding:
    """This machine has no way out of itself."""
    return Finding(
        code="no_network",
        admin="The box was given no address or no way out: see that its switch port is up, in the right "
        "VLAN, and that DHCP answers there (802.1X and port security let it through).",
        here="The box has no network: look at its cable and at the light beside the plug.",
        all_of_it=True,
    )


def name(name: Name, servers: Sequence[str]) -> Finding:
    """A name is not answered, or not truly."""
    named = ", ".join(servers) or "the box's name server"
    if name.asked is Asked.SILENT:
        return Finding(
            code="dns_silent",
            admin=f"No name server answers ({named}): allow UDP and TCP port 53 from the box's network "
            "to it, or have DHCP name one that the box may ask.",
            here=f"The box can't look up names. {_CALL}",
            host=name.host,
            port=53,
            all_of_it=True,
        )
    says = (
        "has no address"
        if name.asked is Asked.UNKNOWN
        else f"is at {', '.join(name.addresses)}, which is nowhere"
    )
    return Finding(
        code="dns_blocked",
        admin=f"The name server ({named}) says that {name.host} {says}: take {name.host} off the DNS "
        "filter's list, or enter it in the district's own names.",
        here=f"The network does not know the name {name.host}. {_CALL}",
        host=name.host,
        port=53,
        all_of_it=True,
    )


def portal(plain: Plain) -> Finding:
    """A sign-in page answers for everybody."""
    where = f" ({plain.leads_to})" if plain.leads_to else ""
    return Finding(
        code="captive_portal",
        admin=f"A sign-in page{where} answers in place of {plain.url}: let this box through without "
        "signing in, by its MAC address (MAC authentication bypass) or in a network of its own; it "
        "can't fill in a page.",
        here=f"This network wants somebody to sign in, and the box can't. {_CALL}",
        all_of_it=True,
    )


def comes_and_goes(knocks: Knocks) -> Finding:
    """The line works and fails in turns."""
    came = knocks.came.count(True)
    return Finding(
        code="comes_and_goes",
        admin=f"The way to {knocks.host} port {knocks.port} comes and goes ({came} of {len(knocks.came)} "
        "connections in ten seconds came about): no rule of a filter does that; look at the line, the "
        "switch port and the Wi-Fi.",
        here="The network comes and goes: look at the cable and its plugs; on Wi-Fi, move the box nearer.",
        host=knocks.host,
        port=knocks.port,
        all_of_it=True,
    )


def nothing_out(broker: Door, pages: Door) -> Finding:
    """Nothing leaves this network."""
    return Finding(
        code="nothing_gets_out",
        admin=f"Nothing gets out of the box's network: allow TCP to {broker.host} port {broker.port} and "
        f"to {pages.host} port {pages.port}, or name the proxy that it must use (HTTPS_PROXY, or "
        "uplink.proxy in agent.toml).",
        here=f"The box is in a network that leads nowhere. {_CALL}",
        host=pages.host,
        port=pages.port,
        all_of_it=True,
    )


def proxy_silent(proxy: str) -> Finding:
    """The proxy is not there."""
    return Finding(
        code="proxy_silent",
        admin=f"The proxy {proxy} does not answer the box: allow TCP to it from the box's network, or "
        "say which proxy is the right one (HTTPS_PROXY, or uplink.proxy in agent.toml).",
        here="The proxy that this box was told of does not answer. " + _CALL,
        all_of_it=True,
    )


def proxy_login(proxy: str) -> Finding:
    """The proxy wants a name and a password."""
    return Finding(
        code="proxy_wants_login",
        admin=f"The proxy {proxy} wants a user and a password: let the box through without them, by its "
        "address, or give it a user of its own (uplink.proxy_user in agent.toml).",
        here="The proxy wants a password that this box has not. " + _CALL,
        all_of_it=True,
    )


def proxy_refuses(proxy: str, pages: Door) -> Finding:
    """The proxy connects us to others, perhaps, but not to the collector."""
    said = f"status {pages.proxied}" if pages.proxied > 0 else "no answer that is one"
    return Finding(
        code="proxy_refuses",
        admin=f"The proxy {proxy} refuses to connect to {pages.host} port {pages.port} "
        f"({said}): allow CONNECT to that host and port.",
        here="The proxy does not let this box reach the district's collector. " + _CALL,
        host=pages.host,
        port=pages.port,
        all_of_it=True,
    )


def proxy_only(proxy: str, broker: Door) -> Finding:
    """Reports go by the proxy, and nothing else gets out."""
    return Finding(
        code="proxy_only",
        admin=f"Only the proxy {proxy} leads out of the box's network, and reports go through it. "
        f"Nothing must be opened; for reports at once, allow TCP to {broker.host} port {broker.port} "
        "past the proxy.",
        here="Reports go through the proxy. Nothing has to be done.",
        host=broker.host,
        port=broker.port,
        all_of_it=True,
    )


def intercepted(doors: Sequence[Door]) -> Finding:
    """TLS is opened on the way and signed again."""
    places = " and ".join(f"{door.host} port {door.port}" for door in doors)
    certificate = next((door.certificate for door in doors if door.certificate), None)
    issuer = f'"{certificate.issuer}"' if certificate else "somebody unknown"
    digest = f" (SHA-256 {certificate.sha256})" if certificate else ""
    hosts = " and ".join(dict.fromkeys(door.host for door in doors))
    return Finding(
        code="tls_intercepted",
        admin=f"TLS to {places} is opened on the way and signed again by {issuer}{digest}: exempt {hosts} "
        "from TLS inspection. Until then no box gets or renews a certificate here; reports of boxes that "
        "have one pass until it ends, sealed in a WebSocket or as signed requests.",
        here=f"A filter opens this box's connections; what it could read holds no names. {_CALL}",
        host=doors[0].host,
        port=doors[0].port,
    )


def door(door: Door, speaks: str) -> Finding:
    """One port is blocked, in one way or another. `speaks` is MQTT or HTTPS."""
    place = f"{door.host} port {door.port}"
    code, admin = _how(door, place, speaks)
    prefix = "mqtt" if speaks == "MQTT" else "https"
    return Finding(
        code=f"{prefix}_{code}",
        admin=admin,
        here=f"The network lets no {speaks} through to the district. {_CALL}",
        host=door.host,
        port=door.port,
    )


def _how(door: Door, place: str, speaks: str) -> tuple[str, str]:
    allow = f"allow outgoing TCP to {place} ({speaks} over TLS)"
    if door.dial is Dial.REFUSED:
        return "port_refused", f"Connections to {place} are refused: {allow}, and see that the server runs."
    if door.dial is not Dial.OPEN:
        return "port_blocked", f"Packets to {place} get no answer: {allow}."
    code, admin = _GREETED[door.tls or Tls.BROKEN]
    what = admin.format(place=place)
    return code, f"{what}; {allow} without inspection." if code in _ON_THE_WAY else f"{what}."


_GREETED = {
    Tls.SILENT: (
        "half_open",
        "Connections to {place} are taken and stay silent: something on the way answers for the server",
    ),
    Tls.NONE: ("other_protocol", "What answers at {place} does not speak TLS"),
    Tls.BROKEN: ("cut", "Connections to {place} are cut as soon as TLS begins"),
    Tls.OTHER_NAME: (
        "wrong_server",
        "Another server of the district's answers at {place}: its certificate has another name",
    ),
    Tls.EARLY: ("certificate_over", "The certificate at {place} is not good yet: the server needs another"),
    Tls.EXPIRED: ("certificate_over", "The certificate at {place} is over: the server needs a new one"),
}
_ON_THE_WAY = {"half_open", "other_protocol", "cut"}


def pages_trouble(pages: Door, status: int) -> Finding:
    """The collector's host is reached, and its pages are not."""
    said = f"with status {status}" if status else "nothing"
    return Finding(
        code="pages_trouble",
        admin=f"{pages.host} port {pages.port} is reached, and answers {said}: the collector, or what "
        "stands before it, is in trouble. No filter has to be changed.",
        here="The district's collector is in trouble. Nothing is wrong with the box or this network.",
        host=pages.host,
        port=pages.port,
    )


def websocket(pages: Door, trouble: str) -> Finding:
    """A WebSocket does not come about."""
    place = f"{pages.host}:{pages.port}"
    return Finding(
        code="websocket_blocked",
        admin=f"A WebSocket to https://{place}{TUNNEL} does not come about ({trouble}): let the headers "
        "Upgrade and Connection through to that path.",
        here=f"The network lets no WebSocket through to the district. {_CALL}",
        host=pages.host,
        port=pages.port,
    )


def broker_away(pages: Door, status: int) -> Finding:
    """The collector answers, and can't reach the broker behind it."""
    return Finding(
        code="broker_away",
        admin=f"The pages at {pages.host} port {pages.port} answer, and pass nothing to the broker (status "
        f"{status}): see that the broker runs. No filter has to be changed.",
        here="The district's broker is in trouble. Nothing is wrong with the box or this network.",
        host=pages.host,
        port=pages.port,
    )


def login(broker: Door, trouble: str) -> Finding:
    """The broker is reached, and does not let the box in."""
    return Finding(
        code="broker_refuses",
        admin=f"{broker.host} port {broker.port} is reached, and the broker does not let this box in "
        f"({trouble}). No filter has to be changed.",
        here="The network is all right. Call the district: the box's certificate or name is not known there.",
        host=broker.host,
        port=broker.port,
    )


def time_servers(servers: Sequence[TimeServer]) -> Finding:
    """No time server answers."""
    named = ", ".join(server.server for server in servers)
    return Finding(
        code="ntp_blocked",
        admin=f"No time server answers ({named}): allow UDP port 123 from the box's network to it, or "
        "have DHCP name one that the box may ask.",
        here=f"The box can't ask for the time, and takes the collector's. {_CALL}",
        host=servers[0].server,
        port=123,
    )


def clock(ahead_s: float, servers: Sequence[TimeServer]) -> Finding:
    """This machine's clock is wrong. `ahead_s` is what it lacks, in seconds."""
    named = ", ".join(server.server for server in servers) or "a time server"
    way = "behind" if ahead_s > 0 else "ahead"
    return Finding(
        code="clock_wrong",
        admin=f"The box's clock is {span(abs(ahead_s))} {way}, and it has to take the "
        f"collector's time: allow UDP port 123 from the box's network to {named}.",
        here="The box's clock is wrong. Leave it on for ten minutes; if it stays wrong, call the district.",
        host=servers[0].server if servers else "",
        port=123,
    )


def span(seconds: float) -> str:
    """A stretch of time in the largest unit of which it has two."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
