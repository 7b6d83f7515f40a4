"""The embedded broker when everybody comes and goes at once: amqtt alone trips over its own subscriptions."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector import broker
from tests.support.embedded import embedded

BOXES = [f"box-{number}" for number in range(8)]
ROUNDS = 5
ANSWER_S = 15.0


class Crowded(NamedTuple):
    """A running broker, and where it logs."""

    port: int
    log: Path


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Crowded]:
    """A broker that knows many boxes, each by its name as password."""
    with embedded(tmp_path, BOXES) as port:
        yield Crowded(port, tmp_path / "log")


def comes_and_goes(port: int, name: str, unheard: list[str]) -> None:
    """A box that connects, asks for its answers, publishes and leaves, again and again."""
    for _ in range(ROUNDS):
        listening = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set(name, name)
        client.on_connect = lambda client, *_: client.subscribe(f"firstbell/v1/{name}/answer", 1)
        client.on_subscribe = lambda *_, done=listening: done.set()
        client.connect("127.0.0.1", port)
        client.loop_start()
        if not listening.wait(ANSWER_S):
            unheard.append(name)
        client.publish(f"firstbell/v1/{name}/state", b"here", 1, retain=True)
        for _ in range(5):
            client.publish(f"firstbell/v1/{name}/report", b"hello", 1)
        client.disconnect()
        client.loop_stop()


def answering(port: int) -> mqtt.Client:
    """What the collector does on MQTT: it hears all boxes, and answers each of their messages."""

    def listen(client: mqtt.Client, *_: object) -> None:
        client.subscribe([("firstbell/v1/+/report", 1), ("firstbell/v1/+/state", 1)])

    def answer(client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        client.publish(f"{message.topic.rpartition('/')[0]}/answer", b"held", 1)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="collector", clean_session=False)
    client.username_pw_set(broker.COLLECTOR, broker.COLLECTOR)
    client.on_connect = listen
    client.on_message = answer
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def test_whoever_is_let_in_is_listened_to(crowded: Crowded) -> None:
    """Boxes that come and go at once all get an answer to their subscription, and nothing fails inside."""
    unheard: list[str] = []
    collector = answering(crowded.port)
    crowd = [
        threading.Thread(target=comes_and_goes, args=(crowded.port, name, unheard), daemon=True)
        for name in BOXES
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(60)
    collector.disconnect()
    collector.loop_stop()
    assert unheard == []
    assert "changed size during iteration" not in crowded.log.read_text(encoding="utf-8")
