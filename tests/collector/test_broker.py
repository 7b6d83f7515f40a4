"""The embedded broker's rules: a box reaches its own topics and nothing else."""

import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.embedded import embedded

NAMES = ("collector", "box-1", "box-2")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A running broker that knows the collector and two boxes, each by its name as password."""
    with embedded(tmp_path, NAMES[1:]) as running:
        yield running


class Client:
    """One name at the broker, listening to whatever it is let hear."""

    def __init__(
        self, port: int, name: str, password: str = "", will: tuple[str, bytes] | None = None
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.in_ = threading.Event()
        self.out = threading.Event()
        self._came = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{name}")
        self._client.username_pw_set(name, password or name)
        if will:
            self._client.will_set(*will, 1)
        self._client.on_connect = lambda _c, _d, _f, code, _p: (
            self.out if code.is_failure else self.in_
        ).set()
        self._client.on_message = lambda _c, _d, message: self._take(message)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, message: mqtt.MQTTMessage) -> None:
        with self._came:
            self.heard.append((message.topic, bytes(message.payload)))
            self._came.notify_all()

    def listen(self, topic: str) -> None:
        """Subscribe and wait for the broker's word on it."""
        done = threading.Event()
        self._client.on_subscribe = lambda *_: done.set()
        self._client.subscribe(topic, 1)
        assert done.wait(10)

    def say(self, topic: str, word: bytes) -> None:
        """Publish and wait for the broker's word on it."""
        self._client.publish(topic, word, 1).wait_for_publish(10)

    def hears(self, word: bytes) -> bool:
        """Whether it hears this word in time."""
        with self._came:
            return self._came.wait_for(lambda: word in [payload for _, payload in self.heard], 10)

    def vanish(self) -> None:
        """Go without a word, as in a power cut."""
        self._client.loop_stop()
        connection = self._client.socket()
        assert connection is not None
        connection.close()

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def clients(port: int) -> Iterator[dict[str, Client]]:
    """All three names, connected."""
    made = {name: Client(port, name) for name in NAMES}
    for client in made.values():
        assert client.in_.wait(10)
    yield made
    for client in made.values():
        client.close()


def test_a_box_reaches_its_own_topics_and_nothing_else(clients: dict[str, Client]) -> None:
    """A forged answer would empty a spool, a forged report would speak for another: neither arrives."""
    collector, first, second = (clients[name] for name in NAMES)
    collector.listen("firstbell/v1/+/report")
    for client in (first, second):
        client.listen("firstbell/v1/box-1/answer")
    second.say("firstbell/v1/box-1/report", b"in another's name")
    second.say("firstbell/v1/box-1/answer", b"in the collector's place")
    first.say("firstbell/v1/box-1/answer", b"to itself")
    first.say("firstbell/v1/box-1/report", b"its own")
    collector.say("firstbell/v1/box-1/answer", b"the true one")
    assert collector.hears(b"its own")
    assert first.hears(b"the true one")
    assert [word for _, word in collector.heard] == [b"its own"]
    assert [word for _, word in first.heard] == [b"the true one"]
    assert second.heard == []


@pytest.mark.parametrize("topic", ["firstbell/v1/box-1/report", "firstbell/v1/box-1/answer", "elsewhere"])
def test_nobody_leaves_a_will_in_anothers_name(port: int, topic: str) -> None:
    """What a box may not say while it lives it may not have said after: it is not let in with such a will."""
    client = Client(port, "box-2", will=(topic, b"in another's name"))
    assert client.out.wait(10)
    client.close()


def test_a_box_leaves_a_will_of_its_own(port: int, clients: dict[str, Client]) -> None:
    """Its last word is heard when it falls silent."""
    collector = clients["collector"]
    collector.listen("firstbell/v1/+/state")
    clients["box-1"].close()
    leaving = Client(port, "box-1", will=("firstbell/v1/box-1/state", b"gone"))
    assert leaving.in_.wait(10)
    leaving.vanish()
    assert collector.hears(b"gone")


def test_a_wrong_password_opens_nothing(port: int) -> None:
    """Nor does a name that nobody gave."""
    for name, password in (("box-1", "wrong"), ("box-9", "box-9")):
        client = Client(port, name, password)
        assert client.out.wait(10)
        client.close()


def test_passwords_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Neither the made-up passwords nor what stands in the broker's file can be read by others."""
    from collector import up  # noqa: PLC0415 - the subject of this one test
    from collector.config import Home  # noqa: PLC0415

    home = Home(tmp_path / "data")
    up.prepare(home)
    secrets = [home.folder / "collector.password", home.box / "box.password"]
    assert [path.stat().st_mode & 0o077 for path in secrets] == [0, 0]
    hashes = (home.broker / "users").read_text(encoding="utf-8")
    assert all(path.read_text(encoding="utf-8").strip() not in hashes for path in secrets)
