"""One program at a time ships from a data folder: two would undo each other's deletions."""

import threading

from collector import lock
from tests.influx.town import Town


def test_who_ships_waits_for_whoever_does(town: Town) -> None:
    """While another program has the folder's hold nothing is sent; then it goes on by itself."""
    way = town.way()
    done = threading.Event()

    def ship() -> None:
        way.catch_up()
        done.set()

    thread = threading.Thread(target=ship, daemon=True)
    with lock.held(town.home.folder / "influx.lock", wait=True):
        thread.start()
        assert not done.wait(1.0)
    assert done.wait(30.0)
    thread.join()
    way.close()
