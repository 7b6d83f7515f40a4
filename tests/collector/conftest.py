"""A collector without its network, for each test its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.workbench import Bench, Mosquitto


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Journal, writer, intake and reads; the writer runs."""
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real broker on loopback, running."""
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()
