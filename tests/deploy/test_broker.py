"""The deployed broker: who gets in, and who reaches which topic."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector.identity import authority
from tests.collector.workbench import NS
from tests.deploy.house import House
from tests.support.box_keys import openssl, request
from tests.support.mosquitto import Mosquitto, wait_until

BOXES = [f"{school}-{number}" for school in ("lincoln", "cedar", "adams") for number in range(1, 7)]
STRANGE = [
    "+",
    "#",
    "+/report",
    "lincoln-1/answer",
    "$SYS",
    "%u",
    "%c",
    "firstbell",
    "collector",
    "lincoln-1 ",
    "LINCOLN-1",
    "é",
]
"""Names that the desk gives nobody; a certificate that bears one reaches nothing of anybody's all the same."""
COLLECTOR = "firstbell_collector"
WRITTEN, READ = ("report", "state", "lease/ask"), ("answer", "lease", "nudge")
OTHERS = ("", "config", "report/x", "lease/ask/x", "answer/x", "Report", "cmd", "update")
ELSEWHERE = [
    "firstbell/v1", "firstbell/v2/lincoln-1/report", "firstbell/v1//report", "x", "/", "firstbell",
    "firstbell/v1/lincoln-1/report/", "/firstbell/v1/lincoln-1/report", "homeassistant/status", "$share/x/y", "$CONTROL/dynamic-security/v1",
]  # fmt: skip
DAY_NS = 86_400 * NS
HELLO = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04anyi"
"""CONNECT of MQTT 3.1.1."""


class Client:
    """A client of MQTT 5, in which the broker says of each message if it took it."""

    def __init__(self, port: int, context: ssl.SSLContext, client_id: str = "any") -> None:
        self.heard: list[tuple[str, bytes | bytearray]] = []
        self.said: dict[int, int] = {}
        self._came, self._listens = threading.Event(), threading.Event()
        self.gone = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.tls_set_context(context)
        self._client.max_inflight_messages_set(500)
        self._client.on_connect = lambda *_: self._came.set()
        self._client.on_subscribe = lambda *_: self._listens.set()
        self._client.on_disconnect = lambda *_: self.gone.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, message.payload)
        )
        self._client.on_publish = lambda _client, _data, mid, reason, _properties: self.said.update(
            {mid: reason.value}
        )
        self._client.connect("localhost", port, 60)
        self._client.loop_start()
        wait_until(self._came.is_set, "the broker lets it in")

    def listen(self, *topics: str) -> None:
        """Ask for topics."""
        self._listens.clear()
        self._client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])
        wait_until(self._listens.is_set, "the broker answers")

    def say(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """Publish; the number under which the broker's word comes."""
        return self._client.publish(topic, payload, 1, retain).mid

    def has(self, topic: str, payload: bytes) -> bool:
        """Whether that came."""
        return (topic, payload) in self.heard

    def was_told_of(self, mids: set[int]) -> bool:
        """Whether the broker said of all of them if it took them."""
        return mids <= self.said.keys()

    def close(self) -> None:
        """Go."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A district without boxes."""
    return House(tmp_path, time.time_ns())  # noqa: TID251 - the broker's clock is the machine's


@pytest.fixture
def broker(house: House) -> Iterator[Mosquitto]:
    """Its broker, running."""
    with house.broker() as running:
        yield running


def parted(topic: str) -> tuple[str, str]:
    """Whose topic it is, and the rest; two empty ones where it is no box's."""
    parts = topic.split("/", 3)
    return (parts[2], parts[3]) if len(parts) == 4 and parts[:2] == ["firstbell", "v1"] else ("", "")


def may_write(who: str, topic: str) -> bool:
    """What the district wants, in words of its own: a box its three topics, the collector all boxes' other three."""
    box, verb = parted(topic)
    return verb in READ if who == COLLECTOR else box == who and verb in WRITTEN


def may_read(who: str, topic: str) -> bool:
    """The other way round."""
    box, verb = parted(topic)
    return verb in WRITTEN if who == COLLECTOR else box == who and verb in READ


@pytest.mark.timeout(120)
def test_a_box_reaches_its_own_topics_and_nothing_else(house: House, broker: Mosquitto) -> None:
    """Each name tries each topic of all boxes, both ways: what it may it can, and nothing else."""
    names = [*BOXES, *STRANGE]
    clients = {name: Client(broker.port, house.box(name)) for name in names}
    clients[COLLECTOR] = Client(broker.port, house.program(COLLECTOR))
    try:
        for client in clients.values():
            client.listen(
                "#", "$SYS/#", "+/+/+/+", "firstbell/v1/#", f"firstbell/v1/{BOXES[0]}/answer", "$share/g/#"
            )
        topics = [
            f"firstbell/v1/{box}/{verb}" for box in BOXES for verb in (*WRITTEN, *READ, *OTHERS)
        ] + ELSEWHERE
        tried = {
            (name, topic): client.say(topic, f"{name}>{topic}".encode())
            for topic in topics
            for name, client in clients.items()
        }
        for name, client in clients.items():
            mine = {mid for (who, _), mid in tried.items() if who == name}
            wait_until(partial(client.was_told_of, mine), f"{name} is answered")
        taken = {key for key, mid in tried.items() if clients[key[0]].said[mid] < 0x80}
        assert taken == {key for key in tried if may_write(*key)}
        assert len(tried) > 6000
        last = {name: f"firstbell/v1/{name}/answer" for name in BOXES}
        for topic in last.values():
            clients[COLLECTOR].say(topic, b"last")
        for name, topic in last.items():
            wait_until(partial(clients[name].has, topic, b"last"), "all is delivered")
        arrived = {topic for _, topic in taken}
        for name, client in clients.items():
            assert {topic for topic, _ in client.heard} == {
                topic for topic in arrived if may_read(name, topic)
            }
    finally:
        for client in clients.values():
            client.close()


def comes_in(port: int, context: ssl.SSLContext) -> bool:
    """Whether the broker speaks MQTT with that client. With TLS 1.3 a refusal comes only after the client's hello."""
    try:
        plain = socket.create_connection(("127.0.0.1", port), 5)
        with plain, context.wrap_socket(plain, server_hostname="localhost") as line:
            line.sendall(HELLO)
            return line.recv(1) == b"\x20"
    except (ssl.SSLError, ConnectionError):
        return False


def test_nobody_comes_in_without_a_certificate_of_the_district(
    house: House, broker: Mosquitto, tmp_path: Path
) -> None:
    """None, one of another authority, one that is over, a server's, and one on its way to be good: none of them."""
    assert comes_in(broker.port, house.box("lincoln-1"))
    assert not comes_in(broker.port, house.shown())
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other", house.now_ns)
    foreign = other.box("lincoln-1")
    foreign.load_verify_locations(house.folder / "ca" / "ca.pem")
    assert not comes_in(broker.port, foreign)
    keys = authority.read_request(request(house.folder, "keys"))
    key = (house.folder / "keys.key").read_text(encoding="ascii")
    over = house.signs.for_box(keys, "lincoln-1", house.now_ns - 366 * DAY_NS)
    assert not comes_in(broker.port, house.shown(over.pem, key))
    early = house.signs.for_box(keys, "lincoln-1", house.now_ns + DAY_NS)
    assert not comes_in(broker.port, house.shown(early.pem, key))
    server, server_key = house.signs.for_server(["lincoln-1"], house.now_ns)
    assert not comes_in(broker.port, house.shown(server.pem, server_key))


def test_nobody_speaks_without_tls(broker: Mosquitto) -> None:
    """In the clear there is no answer."""
    with socket.create_connection(("127.0.0.1", broker.port), 5) as line:
        line.sendall(HELLO)
        with suppress(ConnectionError):
            assert line.recv(100)[:1] != b"\x20"


def test_an_old_tls_is_refused(house: House, broker: Mosquitto) -> None:
    """Nothing below 1.2."""
    context = house.box("lincoln-1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert not comes_in(broker.port, context)


def test_nobody_takes_anothers_connection(house: House, broker: Mosquitto) -> None:
    """Whatever client id it asks for, a box is its certificate's name: it ends no session but its own."""
    victim = Client(broker.port, house.box("cedar-1"), "cedar-1")
    thief = Client(broker.port, house.box("lincoln-1"), "cedar-1")
    again = Client(broker.port, house.box("lincoln-1"), "whatever")
    wait_until(thief.gone.is_set, "its own second connection ends it")
    assert not victim.gone.is_set()
    for client in (victim, again, thief):
        client.close()


def test_who_was_revoked_is_out_after_a_restart(house: House, broker: Mosquitto) -> None:
    """Its open session ends with the broker, and it comes in no more; others do."""
    context, bystander = house.box("lincoln-1"), house.box("cedar-1")
    gone = openssl("x509", "-in", str(house.folder / "shown.pem"), "-noout", "-serial")
    client = Client(broker.port, bystander)
    house.signs.publish([(house.signs.name, gone.strip().partition("=")[2], house.now_ns)], house.now_ns)
    broker.kill()
    broker.start()
    wait_until(client.gone.is_set, "its session is over")
    assert not comes_in(broker.port, bystander)
    Client(broker.port, context).close()
    client.close()
