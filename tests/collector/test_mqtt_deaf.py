"""A broker that takes the collector in, answers its pings, and never listens to it."""

import socket

import pytest

from collector import mqtt
from tests.collector.test_mqtt import HoldBack
from tests.collector.workbench import StillClock, wait_until
from tests.support.web import serving

WELCOME = bytes([0x20, 2, 0, 0])
SUBSCRIBE = 0x82


class Deaf:
    """Says CONNACK to whoever comes, and nothing more; `subscriptions` counts what it was asked."""

    def __init__(self) -> None:
        self.subscriptions = 0

    def answer(self, connection: socket.socket) -> None:
        """One connection."""
        connection.recv(4096)
        connection.sendall(WELCOME)
        while said := connection.recv(4096):
            self.subscriptions += said[0] == SUBSCRIBE


def test_a_broker_that_does_not_listen_is_left_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector does not wait for ever: it comes again, and asks again."""
    monkeypatch.setattr(mqtt, "_DEAF_S", 0.001)
    deaf = Deaf()
    with serving(deaf.answer) as port:
        link = mqtt.Link(mqtt.Address("127.0.0.1", port), HoldBack(), StillClock(), "journal-1")
        link.start()
        try:
            wait_until(lambda: deaf.subscriptions >= 2, "the collector asks again")
            assert not link.connected
        finally:
            link.stop()
