"""A desk for each test its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.coordinator.town import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A desk at eight o'clock of a Monday with school."""
    made = House(tmp_path)
    yield made
    made.close()
