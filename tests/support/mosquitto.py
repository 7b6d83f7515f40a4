"""A real broker on loopback, and the collector's end of the line to it."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from firstbell import wire
from firstbell.wire import Answer, State

DEADLINE_S = 20.0
TRIES = 5


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds; fail if it doesn't in time."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.01)


class Mosquitto:
    """mosquitto on a port that the kernel chose, keeping nothing on disk. `options` are lines of its settings."""

    def __init__(self, folder: Path, *options: str) -> None:
        found = shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
        assert found, "mosquitto is not installed"
        self._argv = [found, "-c", str(folder / "mosquitto.conf")]
        self._folder, self._options = folder, options or ("allow_anonymous true",)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Start it, on the port it had before if it had one, and wait until it listens."""
        for _ in range(TRIES):
            port = self.port or _free_port()
            lines = (f"listener {port} 127.0.0.1", "persistence false", "user root", *self._options)
            (self._folder / "mosquitto.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
            with (self._folder / "mosquitto.log").open("wb") as log:
                self._process = subprocess.Popen(self._argv, stdout=log, stderr=log)
            wait_until(lambda port=port: self._ended() or _listens(port), "mosquitto listens")  # type: ignore[misc]
            if not self._ended():
                self.port = port
                return
            # Somebody else got the port in between.
            said = (self._folder / "mosquitto.log").read_text(encoding="utf-8")
            assert "Address already in use" in said, said
        raise AssertionError("mosquitto found no port")

    def kill(self) -> None:
        """Kill it as a power cut would; it forgets everything."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None


@contextmanager
def mosquitto(folder: Path, *options: str) -> Iterator[Mosquitto]:
    """A running broker."""
    broker = Mosquitto(folder, *options)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class FarEnd:
    """What a collector does on MQTT, and no more: it holds every report, answers, and notes the states."""

    def __init__(self, port: int, agent: str, now_ns: Callable[[], int]) -> None:
        self.agent, self._now_ns = agent, now_ns
        self.stored: dict[tuple[str, int], bytes] = {}
        self.states: list[State] = []
        self._listening = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="far-end")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(wire.REPORTS_OF_ALL, 1), (wire.STATES_OF_ALL, 1)]
        )
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_message = lambda _client, _data, message: self._take(message)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._listening.wait(DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, verb: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish something to the box, and wait until the broker has it."""
        self._client.publish(wire.topic(self.agent, verb), payload, qos=1, retain=retain).wait_for_publish(
            DEADLINE_S
        )

    def _take(self, message: MQTTMessage) -> None:
        if message.topic == wire.topic(self.agent, "state"):
            state = wire.read_state(bytes(message.payload))
            self.states.append(state)
            if state.nonce:
                self._answer(Answer(journal="journal-1", now_ns=self._now_ns(), nonce=state.nonce))
            return
        batch = wire.open_batch(self.agent, bytes(message.payload))
        rows = wire.rows_of(batch)
        for step, row in enumerate(rows):
            identity = (batch.envelope.epoch, batch.envelope.first + step)
            assert self.stored.setdefault(identity, row) == row
        held = (batch.envelope.range,)
        digest = batch.envelope.digest
        self._answer(Answer(journal="journal-1", now_ns=self._now_ns(), digest=digest, held=held))

    def _answer(self, answer: Answer) -> None:
        self._client.publish(wire.topic(self.agent, "answer"), wire.encode(answer), qos=1)
