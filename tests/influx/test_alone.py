"""One program at a time ships from a data folder: two would undo each other's deletions."""

import threading
from typing import Any

import pytest

from collector import lock
from collector.sinks.influx import Server
from tests.influx.town import Town


def test_who_ships_waits_for_whoever_does(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program has the folder's hold nothing is asked or sent; then it goes on by itself."""
    way = town.way()
    begun, done = threading.Event(), threading.Event()
    asked = []
    talking = Server.talking

    def heard(server: Server) -> Any:
        asked.append(server)
        return talking(server)

    def ship() -> None:
        begun.set()
        way.catch_up()
        done.set()

    thread = threading.Thread(target=ship, daemon=True)
    monkeypatch.setattr(Server, "talking", heard)
    with lock.held(town.home.folder / "influx.lock", wait=True):
        thread.start()
        assert begun.wait(30.0)
        assert not done.wait(1.0)
        assert asked == []
    assert done.wait(30.0)
    assert asked
    thread.join()
    way.close()
