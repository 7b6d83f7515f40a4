"""A broker that takes the collector in, answers its pings, and never listens to it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from collector import mqtt
from tests.collector.test_mqtt import HoldBack
from tests.collector.workbench import StillClock, wait_until

WELCOME = bytes([0x20, 2, 0, 0])
SUBSCRIBE = 0x82


class Deaf:
    """Says CONNACK to whoever comes, and nothing more; `subscriptions` counts what it was asked."""

    def __init__(self) -> None:
        self.subscriptions = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(4096)
                connection.sendall(WELCOME)
                while said := connection.recv(4096):
                    self.subscriptions += said[0] == SUBSCRIBE

    def close(self) -> None:
        """End."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    """Such a broker."""
    made = Deaf()
    yield made
    made.close()


def test_a_broker_that_does_not_listen_is_left_and_tried_again(
    deaf: Deaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector does not wait for ever: it comes again, and asks again."""
    monkeypatch.setattr(mqtt, "_DEAF_S", 0.001)
    link = mqtt.Link(mqtt.Address("127.0.0.1", deaf.port), HoldBack(), StillClock(), "journal-1")
    link.start()
    try:
        wait_until(lambda: deaf.subscriptions >= 2, "the collector asks again")
        assert not link.connected
    finally:
        link.stop()
