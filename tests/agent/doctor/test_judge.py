"""What the doctor makes of what was seen, beside the twelve networks of tests/net/test_twelve.py."""

import re
from typing import Any

import pytest
from msgspec.structs import replace

from agent.doctor import saying
from agent.doctor.doors import NO_STATUS
from agent.doctor.judge import judge
from agent.doctor.seen import (
    Asked,
    Certificate,
    Door,
    Knocks,
    Name,
    Plain,
    Seen,
    TimeServer,
    Upgrade,
    Ways,
    Web,
)
from agent.machine.dial import Dial, Tls
from agent.machine.sntp import Told

BROKER = Door(host="mqtt.example", port=8883, dial=Dial.OPEN, tls=Tls.OURS)
PAGES = Door(host="pages.example", port=443, dial=Dial.OPEN, tls=Tls.OURS)
GOOD = Seen(
    ways=Ways(broker="mqtt.example", broker_port=8883, collector="https://pages.example"),
    name_servers=("192.0.2.53",),
    names=(Name(host="mqtt.example", asked=Asked.FOUND, addresses=("192.0.2.1",)),),
    broker=BROKER,
    pages=PAGES,
    web=Web(status=401, ahead_s=0.4),
    upgrade=Upgrade(),
    plain=(Plain(url="http://pages.example/", wanted=0),),
    time_servers=(TimeServer(server="ntp.example", told=Told.TIME, ahead_s=0.1),),
    synchronised=True,
    knocks=(Knocks(host="mqtt.example", port=8883, came=(True,) * 12),),
)
SHUT = {
    "broker": replace(BROKER, dial=Dial.SILENT, tls=None),
    "pages": replace(PAGES, dial=Dial.SILENT, tls=None),
}
PROXY: dict[str, Any] = {
    "proxy": "proxy.example:3128",
    "proxy_dial": Dial.OPEN,
    "broker": SHUT["broker"],
    "web": None,
}
THROUGH = replace(PAGES, proxy="proxy.example:3128", tls=None)


def codes(**changes: Any) -> list[str]:
    """What is found where these things are otherwise."""
    return [finding.code for finding in judge(replace(GOOD, **changes)).findings]


def test_an_open_network_is_said_to_be_one() -> None:
    """Nothing stands in the way, and reports can go by all three."""
    diagnosis = judge(GOOD)
    assert not diagnosis.findings
    assert diagnosis.mqtt
    assert diagnosis.websocket
    assert diagnosis.https
    assert "Nothing stands in the way." in saying.text(GOOD, diagnosis)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"route": False, **SHUT}, ["no_network"]),
        ({"route": False}, []),  # the district is in the box's own network
        ({"names": (Name(host="mqtt.example", asked=Asked.WRONG, addresses=("0.0.0.0",)),), **SHUT}, ["dns_blocked"]),
        ({"broker": replace(BROKER, dial=Dial.REFUSED, tls=None)}, ["mqtt_port_refused"]),
        ({"broker": replace(BROKER, tls=Tls.BROKEN)}, ["mqtt_cut"]),
        ({"broker": replace(BROKER, tls=Tls.NONE)}, ["mqtt_other_protocol"]),
        ({"broker": replace(BROKER, tls=Tls.OTHER_NAME)}, ["mqtt_wrong_server"]),
        ({"broker": replace(BROKER, tls=Tls.EXPIRED)}, ["mqtt_certificate_over"]),
        ({"pages": replace(PAGES, dial=Dial.REFUSED, tls=None), "web": None, "upgrade": None}, ["https_port_refused"]),
        ({"pages": replace(PAGES, tls=Tls.SILENT), "web": None, "upgrade": None}, ["https_half_open"]),
        ({"web": Web(status=502, ahead_s=0.0)}, ["pages_trouble"]),
        ({"web": Web()}, ["pages_trouble"]),
        ({"upgrade": Upgrade(trouble="no answer")}, ["websocket_blocked"]),
        ({"upgrade": Upgrade(trouble="status 502", status=502)}, ["broker_away"]),
        ({"tried": {"broker": "the broker says: Not authorized", "https": ""}}, ["broker_refuses"]),
        ({**PROXY, "proxy_dial": Dial.SILENT, "pages": replace(THROUGH, dial=Dial.SILENT)}, ["proxy_silent"]),
        ({**PROXY, "pages": replace(THROUGH, proxied=407)}, ["proxy_wants_login"]),
        ({**PROXY, "pages": replace(THROUGH, proxied=403)}, ["proxy_refuses"]),
        ({**PROXY, "pages": replace(THROUGH, proxied=NO_STATUS)}, ["proxy_refuses"]),
        ({"time_servers": (TimeServer(server="ntp.example"),)}, []),
        ({"time_servers": (TimeServer(server="ntp.example", told=Told.USELESS),)}, ["ntp_blocked"]),
        ({"web": Web(status=200, ahead_s=3600.0)}, ["clock_wrong"]),
        ({"knocks": (Knocks(host="a", port=1, came=(True, False, True, False)),)}, []),
        (
            {**SHUT, "plain": (Plain(url="http://pages.example/", wanted=0, status=301, leads_to="https://pages.example/"),)},
            ["nothing_gets_out"],
        ),
        ({**SHUT, "plain": (Plain(url="http://x.example/204", wanted=204, status=200),)}, ["captive_portal"]),
        ({"plain": (Plain(url="http://x.example/204", wanted=204, status=200),)}, []),
    ],
)  # fmt: skip
def test_each_thing_is_named(changes: dict[str, Any], found: list[str]) -> None:
    """By its own name, and nothing is blamed beside it."""
    assert codes(**changes) == found


def test_a_filter_is_called_by_its_name() -> None:
    """Organisation and fingerprint of whoever signed, and the host to exempt."""
    foreign = replace(
        PAGES, tls=Tls.FOREIGN, certificate=Certificate(issuer="Example Filter", sha256="ab" * 32)
    )
    (finding,) = judge(replace(GOOD, pages=foreign, web=None, upgrade=None)).findings
    assert '"Example Filter" (SHA-256 abab' in finding.admin
    assert "exempt pages.example from TLS inspection" in finding.admin


def test_every_sentence_is_one() -> None:
    """Two of them for each finding, both whole; the administrator's names host and port where there is one."""
    for changes in ({**SHUT}, {"upgrade": Upgrade(trouble="status 400")}, {"broker": SHUT["broker"]}):
        for finding in judge(replace(GOOD, **changes)).findings:
            assert re.fullmatch(r"[A-Z].*\.", finding.admin)
            assert re.fullmatch(r"[A-Z].*\.", finding.here)
            assert finding.host in finding.admin
            assert str(finding.port) in finding.admin


def test_what_was_tried_outdoes_what_was_seen() -> None:
    """Through a filter that opens TLS reports go, sealed; and a broker that is reached may let nobody in."""
    foreign = {"pages": replace(PAGES, tls=Tls.FOREIGN), "broker": replace(BROKER, tls=Tls.FOREIGN)}
    seen = replace(GOOD, **foreign, web=None, upgrade=None)
    assert not judge(seen).reports_can_go
    diagnosis = judge(
        replace(seen, tried={"broker": "certificate verify failed", "websocket": "", "https": ""})
    )
    assert (diagnosis.mqtt, diagnosis.websocket, diagnosis.https) == (False, True, True)
    assert [finding.code for finding in diagnosis.findings] == ["tls_intercepted"]
    assert not judge(replace(GOOD, pages=None, tried={"broker": "the broker says: no"})).reports_can_go


def test_a_strangers_words_are_no_commands_to_a_terminal() -> None:
    """A portal chooses its address; what is shown of it clears no screen, and adds no line of its own."""
    leads_to = "http://p/\x1b[2J\x1b]52;c;YQ==\x07\nReports can go, by MQTT."
    seen = replace(
        GOOD, **SHUT, plain=(Plain(url="http://pages.example/", wanted=0, status=302, leads_to=leads_to),)
    )
    said = saying.text(seen, judge(seen))
    assert all(letter.isprintable() for letter in said.replace("\n", ""))
    assert "\nReports can go" not in said


def test_a_portal_on_a_longer_name_is_one() -> None:
    """https://pages.example.portal.net is not the district's host."""
    where = "https://pages.example.portal.net/login"
    seen = replace(
        GOOD, **SHUT, plain=(Plain(url="http://pages.example/", wanted=0, status=302, leads_to=where),)
    )
    assert [finding.code for finding in judge(seen).findings] == ["captive_portal"]
