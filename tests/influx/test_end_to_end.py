"""The program as it runs: a broker, a box, and an InfluxDB that is away, comes, hangs, and is not waited for."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.collector.test_mqtt import Box
from tests.collector.workbench import Mosquitto, batch, wait_until
from tests.support.influxdb import Influx2, ask
from tests.support.shipping import DAY_NS, House, reports

_NUMBERS = count(1)
pytestmark = [pytest.mark.slow, pytest.mark.alone]


@pytest.fixture
def house(tmp_path: Path, influxd2: Influx2) -> Iterator[House]:
    """A data folder that was set up while InfluxDB was there."""
    with House(tmp_path / "home", influxd2, f"whole-{next(_NUMBERS)}") as made:
        made.home.settings.write_text("[web]\nport = 0\n", encoding="utf-8")
        made.set_up()
        yield made
        if not influxd2.pid:
            influxd2.start()
        influxd2.resume()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real broker."""
    made = Mosquitto(tmp_path)
    made.start()
    yield made
    made.kill()


@contextmanager
def running(house: House, broker: Mosquitto) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`firstbell collector run`, and the port of its pages."""
    argv = [sys.executable, "-m", "collector.cli", "--data", str(house.home.folder)]
    with (house.home.folder / "collector.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*argv, "collector", "run", "--broker-port", str(broker.port), "--json"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout
    try:
        yield process, json.loads(process.stdout.readline())["web_port"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def health(port: int) -> dict[str, Any]:
    """What the collector says of itself."""
    answer = ask(f"http://127.0.0.1:{port}/healthz")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def send(box: Box, house: House, first: int, number: int) -> None:
    """A batch, and the collector's word that it holds it."""
    digest, payload = batch(first, reports(first, number, house.now_ns - DAY_NS), agent=box.name)
    box.publish(payload)
    assert box.answer(digest).held == ((first, first + number - 1),)


def test_a_box_notices_nothing_and_everything_arrives(
    house: House, broker: Mosquitto, influxd2: Influx2
) -> None:
    """InfluxDB absent from the start: reports are taken, the collector is well, and says what is wrong; then it ships."""
    influxd2.stop()
    with running(house, broker) as (process, port):
        box = Box(broker.port)
        send(box, house, 1, 40)
        wait_until(lambda: "can't be reached" in health(port)["influx_trouble"], "the trouble is told")
        told = health(port)
        assert (told["ok"], told["influx_behind"]) == (True, 40)
        send(box, house, 41, 40)
        said = house.say("status", "--json")
        assert (json.loads(said.stdout)["behind"], said.exit_code) == (80, 1)
        influxd2.start()
        wait_until(lambda: health(port)["influx_behind"] == 0, "everything is out")
        assert house.wrong() == []
        wait_until(lambda: not health(port)["influx_trouble"], "all is well")
        assert health(port)["ok"] is True
        send(box, house, 81, 5)
        wait_until(lambda: house.wrong() == [], "what came later is there, too")

        influxd2.hang()
        send(box, house, 86, 5)
        assert health(port)["ok"] is True
        time.sleep(6)  # until it has begun to ask: it looks every five seconds
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 10
        influxd2.resume()
        box.close()
    assert house.ship()["shipped"] == 5
    assert house.wrong() == []
